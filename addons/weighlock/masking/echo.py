"""The gateway's own credential, where a model host repeats it: an error that quotes the key, a header that is echoed.

It is looked for letter by letter. It has no white space, so no segment of a stream parts it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighlock.masking.apply import Rewrite
from weighlock.model import Headers

SHORTEST = 8
"""Characters from which a credential is looked for. A shorter one is a word such as EMPTY, which any text may have."""
MASKED = "<GATEWAY_CREDENTIAL>"


def secret(credential: Headers | None) -> str:
    """The bare credential in the header fields that the gateway put into a request; empty for none or a short one."""
    value = credential[0][1].removeprefix("Bearer ") if credential else ""
    return value if len(value) >= SHORTEST else ""


def hidden(value: str, rewrites: Sequence[Rewrite], secret: str) -> Sequence[Rewrite]:
    """*rewrites* of *value*, and of every *secret* in it. Where two overlap, all that either covers is masked."""
    if not secret or secret not in value:
        return rewrites
    places = [match.start() for match in re.finditer(f"(?={re.escape(secret)})", value)]
    own = [Rewrite(start, start + len(secret), MASKED) for start in places]
    merged: list[Rewrite] = []
    for rewrite in sorted([*rewrites, *own], key=lambda r: (r.start, r.end)):
        if merged and rewrite.start < merged[-1].end:
            last = merged.pop()
            rewrite = Rewrite(last.start, max(last.end, rewrite.end), MASKED)
        merged.append(rewrite)
    return merged


def blotted(data: bytes, secret: str) -> bytes:
    """*data* with every *secret* made unreadable; as long as it was."""
    return data.replace(secret.encode(), b"*" * len(secret)) if secret else data
