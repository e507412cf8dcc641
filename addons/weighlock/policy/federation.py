"""Workload identity federation with model providers: a token of our own for a short-lived one of theirs.

OpenAI     RFC 8693 token exchange
Anthropic  RFC 7523 JWT bearer grant

Both take JSON, not the form of the RFCs. The members and header fields are those that the providers' own SDKs send.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeGuard

from weighlock.destination import Credential
from weighlock.errors import Malformed
from weighlock.model import Headers
from weighlock.policy.credentials import Unusable, checked
from weighlock.wire import jsontext
from weighlock.wire.strictjson import Number

LONGEST = 86400.0
"""Seconds. A token that lives for more than a day is not short-lived, and its `expires_in` a mistake."""

TOKEN_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "jwt": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": "urn:ietf:params:oauth:token-type:id_token",
    }
)
"""`subject_token_type` as the rules say it → as RFC 8693, section 3, does."""

_ERRORS = frozenset(
    """
    invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope invalid_target
    """.split()
)
"""RFC 6749, section 5.2, and RFC 8693, section 2.2.2. Any other word of an error could be a quotation."""


@dataclass(frozen=True, slots=True)
class Provider:
    endpoint: str
    grant_type: str
    carries: str
    """The member that holds the subject token."""
    required: tuple[str, ...]
    optional: tuple[str, ...]
    defaults: Headers = ()
    exchange_headers: Headers = ()
    """For the token endpoint."""
    call_headers: Headers = ()
    """For every call with the token."""


_ANTHROPIC_OAUTH = "oauth-2025-04-20"

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(
            endpoint="https://auth.openai.com/oauth/token",
            grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
            carries="subject_token",
            required=("identity_provider_id", "service_account_id"),
            optional=("subject_token_type",),
            defaults=(("subject_token_type", TOKEN_TYPES["jwt"]),),
        ),
        "anthropic": Provider(
            endpoint="https://api.anthropic.com/v1/oauth/token",
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            carries="assertion",
            required=("federation_rule_id", "organization_id"),
            optional=("service_account_id", "workspace_id"),
            exchange_headers=(("anthropic-beta", f"{_ANTHROPIC_OAUTH},oidc-federation-2026-04-01"),),
            call_headers=(("anthropic-beta", _ANTHROPIC_OAUTH),),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A POST to *url*."""

    url: str
    headers: Headers
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    token: str = field(repr=False)
    life: float
    """Seconds from when it was asked for."""


def request(credential: Credential, subject_token: str) -> TokenRequest:
    """What asks the provider of *credential* for a token."""
    provider = PROVIDERS[credential.provider]
    members = {"grant_type": provider.grant_type, provider.carries: subject_token, **dict(credential.ids)}
    headers = (("content-type", "application/json"), ("accept", "application/json"), *provider.exchange_headers)
    return TokenRequest(credential.endpoint, headers, json.dumps(members).encode())


def granted(status: int, body: bytes) -> Granted:
    """The token in the endpoint's answer (RFC 6749, section 5.1); Unusable for anything else, without quoting it."""
    try:
        members = jsontext.parse(body).value
    except Malformed:
        members = None
    if status != 200:
        error = members.get("error") if isinstance(members, dict) else None
        said = f" ({error})" if isinstance(error, str) and error in _ERRORS else ""
        raise Unusable(f"the token endpoint answered with status {status}{said}")
    if not isinstance(members, dict):
        raise Unusable("the token endpoint's answer is not a JSON object")
    token, kind, life = members.get("access_token"), members.get("token_type"), members.get("expires_in")
    if not _is_text(token) or not _is_text(kind) or not isinstance(life, Number):
        raise Unusable("the token endpoint's answer lacks `access_token`, `token_type` or `expires_in`")
    if kind.lower() != "bearer":
        raise Unusable("the token endpoint's token is not a bearer token")
    if not math.isfinite(seconds := float(life)) or not 1 <= seconds <= LONGEST:
        raise Unusable(f"the token endpoint's `expires_in` is not between 1 and {LONGEST:.0f} seconds")
    return Granted(checked(token, "the token endpoint's token"), seconds)


def call_headers(credential: Credential) -> Headers:
    """What goes with the credential in each call."""
    return PROVIDERS[credential.provider].call_headers if credential.provider else ()


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, Number)
