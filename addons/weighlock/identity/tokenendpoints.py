"""A model host's own token endpoint. Whoever federates there, past the gateway, calls models as somebody else."""

from __future__ import annotations

import re
import unicodedata

from weighlock.errors import Forbidden, Malformed
from weighlock.identity.keysearch import first, is_token, pairs, says_key, under
from weighlock.identity.statickeys import Found, decoded, describe, told, withheld
from weighlock.wire import jsontext

_LARGEST = 1 << 16
"""Bytes of a body that are searched. No token request is larger."""
_ALWAYS = frozenset({"refresh_token", "client_secret"})
"""Static whatever they look like: a refresh token may be a JWT."""
_SHOWN = frozenset(
    """
    grant_type scope audience resource response_type redirect_uri subject_token_type actor_token_type
    requested_token_type client_assertion_type
    """.split()
)
"""Members that the record shows, with those that end in `_id`. Of all others it holds the fingerprint."""


class TokenEndpoint(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "token-endpoint",
            "A model host's own token endpoint is not reached through the gateway: it federates for every pipeline.",
            next_step="Turn workload identity federation off in the SDK and send the pipeline's OIDC token to the "
            "gateway instead: HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY, and `weighlock` for an API key. "
            "Revoke the keys that the job has for it.",
        )


def is_token_endpoint(target: str) -> bool:
    """Whether a request for *target* is about OAuth: `/oauth/token`, `/v1/oauth/token`, `/oauth2/v4/token`, `/token`.

    However it is spelled: case, percent-encoding, slashes, dot segments, parameters, compatibility characters.
    """
    path = unicodedata.normalize("NFKC", decoded(target.partition("?")[0])).casefold()
    segments: list[str] = []
    for segment in re.split(r"[/\\]", path):
        word = re.sub(r"[^a-z0-9._-]", "", segment.partition(";")[0])
        if word == "..":
            segments = segments[:-1]
        elif word not in ("", "."):
            segments.append(word)
    return bool(segments) and (segments[-1] == "token" or any(re.fullmatch(r"oauth[0-9]*", word) for word in segments))


def search(body: bytes) -> tuple[Found, ...]:
    """The static keys in the *body* of a call to a token endpoint: keys, refresh tokens, client secrets."""
    members = _members(body)
    if members is None:
        return first(Found("body", key) for key in told(body[:_LARGEST].decode("latin-1")))
    found: list[str] = []
    for name, value in members:
        held = under(name, value)
        found += [value] if not held and value and name.lower() in _ALWAYS else held
        found += told(name)
    return first(Found("body", key) for key in found)


def redacted(body: bytes, key: bytes) -> bytes:
    """What the record holds of that *body*: the members' names, and the values of those that are no secrets."""
    members = _members(body)
    if members is None:
        return f"[{len(body)} bytes that are neither a form nor JSON: withheld]".encode()
    lines = (f"{withheld(name, key)}: {_shown(name, value, key)}" for name, value in members)
    return "\n".join(lines).encode("utf-8", "replace")


def _shown(name: str, value: str, key: bytes) -> str:
    known = name.lower() in _SHOWN or (name.lower().endswith("_id") and not says_key(name))
    secret = not known or is_token(value) or withheld(value, key) != value
    return describe(value, key) if secret and value else value


def _members(body: bytes) -> list[tuple[str, str]] | None:
    """Names and values, however deep they stand; None for what is neither a JSON object nor a form, or too large."""
    if not body:
        return []
    if len(body) > _LARGEST:
        return None
    try:
        document = jsontext.parse(body)
    except Malformed:
        return _form(body)
    if not isinstance(document.value, dict | list):
        return None
    return [
        (re.sub(r"(?:/[0-9]+)*$", "", leaf.pointer).rpartition("/")[2], leaf.value)
        for leaf in document.leaves()
        if leaf.kind != "key"
    ]


def _form(body: bytes) -> list[tuple[str, str]] | None:
    try:
        text = body.decode("ascii").strip()
    except UnicodeDecodeError:
        return None
    if not re.fullmatch(r"[!-~]+", text) or "=" not in text:
        return None
    return list(pairs(text))
