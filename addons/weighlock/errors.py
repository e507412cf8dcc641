"""Everything that can go wrong, as one tree.

    WeighlockError
    ├── ConfigError          the gateway may not start, or the new rules may not come into force
    └── Refused              one request (or its response) may not go on
        ├── Malformed        400  what was sent cannot be read without doubt
        ├── Unidentified     401  no verified principal
        ├── Forbidden        403  read and identified, and not allowed
        ├── TooLarge         413  over a bound
        ├── Later            429  held: the same request may be asked again in a while
        ├── Unsupported      415  a format that no stage can inspect
        ├── BadReply         502  the model host's answer cannot be delivered
        └── Unavailable      503  the gateway itself cannot vouch for anything right now

`reason` and `next_step` are public: they go to the client, the log and the ledger. They never quote what was sent.
"""

from __future__ import annotations


class WeighlockError(Exception):
    """Base of the tree; never raised itself."""


class ConfigError(WeighlockError):
    """A setting or a rule that cannot be used. *where* is `file:line:column`, a file, or an option's name."""

    def __init__(self, message: str, where: str = "") -> None:
        self.message, self.where = message, where
        super().__init__(f"{where}: {message}" if where else message)


class Refused(WeighlockError):
    """A refusal. *code* is kebab-case and stable; pipelines may match on it."""

    status = 403
    retry = False
    """Whether the same request may succeed a moment later; SDKs are told by `x-should-retry`."""

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        next_step: str = "",
        because: tuple[str, ...] = (),
        retry: bool | None = None,
    ) -> None:
        self.code, self.reason, self.next_step, self.because = code, reason, next_step, because
        if retry is not None:
            self.retry = retry
        super().__init__(f"{code}: {reason}")


class Malformed(Refused):
    status = 400


class Unidentified(Refused):
    status = 401


class Forbidden(Refused):
    status = 403


class TooLarge(Refused):
    status = 413


class Later(Refused):
    """*retry_after*: seconds, for the header field of that name. SDKs wait for it by themselves."""

    status = 429
    retry = True

    def __init__(self, code: str, reason: str, *, next_step: str, because: tuple[str, ...], retry_after: int) -> None:
        super().__init__(code, reason, next_step=next_step, because=because)
        self.retry_after = retry_after


class Unsupported(Refused):
    status = 415


class BadReply(Refused):
    status = 502


class Unavailable(Refused):
    status = 503
    retry = True
