"""Time-stamps: RFC 3161 over HTTP. An authority signs the hash of a checkpoint and the time at which it saw it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from weighlock.errors import ConfigError
from weighlock.ledger.checkpoint import BadNote

ASKS, ANSWERS = "application/timestamp-query", "application/timestamp-reply"


def authorities(path: str) -> Sequence[x509.Certificate]:
    """The certificates in a PEM file; ConfigError where there is none."""
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        raise ConfigError("no certificates can be read there", path) from None


def request(note: str) -> tuple[bytes, int | None]:
    """What to ask of an authority, and the nonce that its answer has to say again."""
    asked = TimestampRequestBuilder(hash_algorithm=HashAlgorithm.SHA256).data(note.encode())
    made = asked.nonce(nonce=True).cert_request(cert_request=True).build()
    return made.as_bytes(), made.nonce


def when(note: str, response: bytes, believed: Sequence[x509.Certificate], nonce: int | None = None) -> datetime:
    """When an authority that one of *believed* vouches for saw *note*; BadNote where none did, or answered another
    *nonce*.
    """
    builder = VerifierBuilder(nonce=nonce, roots=list(believed))
    try:
        said = decode_timestamp_response(response)
        if said.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            raise VerificationError("it was not granted")
        builder.build().verify_message(said, note.encode())
        at: datetime = said.tst_info.gen_time
    except VerificationError as error:
        raise BadNote(f"the time-stamp: {error}") from None
    except Exception as error:  # the library raises several kinds for what is no response
        raise BadNote(f"no time-stamp: {type(error).__name__}") from None
    return at
