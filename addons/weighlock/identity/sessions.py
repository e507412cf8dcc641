"""Session exchange (RFC 8693): a pipeline's token, once, for an opaque handle that lives as long as its job."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from weighlock.errors import Malformed

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPES = frozenset(f"urn:ietf:params:oauth:token-type:{name}" for name in ("id_token", "jwt", "access_token"))
_ISSUED = "urn:ietf:params:oauth:token-type:access_token"
_HANDLE = re.compile(r"wls_[A-Za-z0-9_-]{43}")
RANDOM = 32
"""Bytes of randomness in a handle."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a handle stands for: the verified claims of the token that it was given for. Times are Unix seconds."""

    id: str
    """Public: it may stand in the log, the ledger and a cut-off."""
    digest: str
    """SHA-256 of the handle, hex: the handle itself is nowhere kept."""
    workload: str
    issuer: str
    claims: Mapping[str, Any] = field(repr=False)
    token_id: str
    opened_at: float
    expires_at: float


def is_handle(value: str) -> bool:
    return bool(_HANDLE.fullmatch(value))


def handle(random: bytes) -> str:
    """Of RANDOM random bytes."""
    return "wls_" + base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def digest(handle: str) -> str:
    return hashlib.sha256(handle.encode()).hexdigest()


def once(issuer: str, claims: Mapping[str, Any], token_id: str) -> str:
    """What a token can be exchanged under a single time: its `jti`, unique for its issuer (RFC 7519, 4.1.7)."""
    jti = claims.get("jti")
    unique = f"jti\0{issuer}\0{jti}" if isinstance(jti, str) and jti else f"token\0{token_id}"
    return hashlib.sha256(unique.encode()).hexdigest()


def subject_token(content_type: str, body: bytes) -> str:
    """The token in a token-exchange request (RFC 8693, section 2.1). Raises Malformed for any other request."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise _malformed("The request is a form (application/x-www-form-urlencoded).")
    try:
        form = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=32)
    except ValueError:
        raise _malformed("The form cannot be read.") from None
    if any(len(values) > 1 for values in form.values()):
        raise _malformed("A parameter stands there twice.")
    given = {name: values[0] for name, values in form.items()}
    if given.get("grant_type") != GRANT:
        raise _malformed(f"`grant_type` is {GRANT}.")
    if "actor_token" in given:
        raise _malformed("Nobody acts for another here: `actor_token` is not taken.")
    if given.get("subject_token_type") not in _TYPES:
        raise _malformed("`subject_token_type` is the URN of id_token, jwt or access_token.")
    if given.get("requested_token_type", _ISSUED) != _ISSUED:
        raise _malformed(f"`requested_token_type` is {_ISSUED}.")
    if not given.get("subject_token"):
        raise _malformed("`subject_token` is missing.")
    return given["subject_token"]


def answer(handle: str, session: Session) -> dict[str, Any]:
    """RFC 8693, section 2.2.1."""
    return {
        "access_token": handle,
        "issued_token_type": _ISSUED,
        "token_type": "Bearer",
        "expires_in": int(session.expires_at - session.opened_at),
        "session": session.id,
    }


def _malformed(reason: str) -> Malformed:
    return Malformed("token-exchange", reason, next_step="`weighlock login` sends it as it should be (RFC 8693).")
