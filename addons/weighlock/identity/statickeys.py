"""Static keys: recognised by shape, refused, and named by fingerprint only."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from weighlock.errors import Unidentified

UNKNOWN = "unknown"
_SCHEMES = ("basic", "bearer")

_SHAPES: tuple[tuple[str, str], ...] = (
    ("anthropic", r"sk-ant-[A-Za-z0-9_-]{8,}"),
    ("openrouter", r"sk-or-[A-Za-z0-9_-]{8,}"),
    ("openai", r"sk-[A-Za-z0-9_-]{8,}"),
    ("google", r"AIza[A-Za-z0-9_-]{30,}"),
    ("groq", r"gsk_[A-Za-z0-9]{16,}"),
    ("huggingface", r"hf_[A-Za-z0-9]{16,}"),
    ("xai", r"xai-[A-Za-z0-9]{16,}"),
    ("replicate", r"r8_[A-Za-z0-9]{16,}"),
    ("github", r"(gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}"),
    ("gitlab", r"gl[a-z]{2,4}-[A-Za-z0-9_-]{16,}"),
    ("slack", r"xox[a-z]-[A-Za-z0-9-]{8,}"),
    ("aws", r"(AKIA|ASIA)[A-Z0-9]{16}"),
    ("azure", r"[0-9a-f]{32}"),
)


@dataclass(frozen=True, slots=True)
class StaticKey:
    """*digest* is a keyed hash: equal keys have equal digests within one gateway, and nobody else can test a guess."""

    vendor: str
    digest: str
    last4: str

    def __str__(self) -> str:
        return f"{self.vendor} {self.digest}" + (f" ...{self.last4}" if self.last4 else "")


class StaticKeyPresented(Unidentified):
    """A key that belongs to nobody in particular. *value* is for fingerprinting, and for nothing else."""

    def __init__(self, value: str) -> None:
        self.value = value
        whose = vendor(value)
        super().__init__(
            "static-key",
            f"A static {'' if whose == UNKNOWN else whose + ' '}key is not an identity, and never passes here.",
            next_step="Take it out of the job, revoke it, and send the pipeline's OIDC token instead: "
            "HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY. Where an SDK insists on an API key, set it to `weighlock`.",
        )


def vendor(value: str) -> str:
    """Whose key it looks like; UNKNOWN where it looks like nobody's."""
    return next((name for name, shape in _SHAPES if re.fullmatch(shape, value)), UNKNOWN)


def fingerprint(value: str, key: bytes) -> StaticKey:
    digest = hmac.new(key, b"static-key\0" + value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]
    shown = len(value) >= 20 and value.isascii() and value.isprintable()
    return StaticKey(vendor(value), digest, value[-4:] if shown else "")


def describe(value: str, key: bytes) -> str:
    """What stands in the record in place of a credential's header value. Only the word of a known scheme is kept."""
    scheme, space, rest = value.partition(" ")
    prefix, secret = (f"{scheme} ", rest) if space and scheme.lower() in _SCHEMES else ("", value)
    return f"{prefix}[{fingerprint(secret, key)}]"
