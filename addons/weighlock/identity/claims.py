"""What claims say of the run that a token is of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from weighlock.claims import text, value
from weighlock.identity.issuers import Issuer
from weighlock.identity.presets import ANY


def completed(issuer: Issuer, claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """*claims* with those that the issuer's preset reads out of others, which no token can set itself."""
    if not issuer.derived:
        return claims
    found: dict[str, Any] = {name: held for name, held in claims.items() if name not in issuer.derived}
    for name, (source, pattern) in issuer.derived.items():
        if match := re.fullmatch(pattern, text(claims, source) or ""):
            found[name] = match[1]
    return found


def untrusted(issuer: Issuer, claims: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """The claim by which somebody from outside may have started this run, or empty.

    A workload takes such runs only where its own claims, *named*, have exactly that claim and value. A token that does
    not say what started the run is of such a run.
    """
    for name, values in issuer.untrusted.items():
        said = text(claims, name)
        suspect = value(claims, name) is not None if ANY in values else said is None or said in values
        if suspect and (said is None or named.get(name) != said):
            return name
    return ""
