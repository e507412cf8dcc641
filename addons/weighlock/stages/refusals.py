"""The refusals that are about the gateway itself. Made anew each time: an exception keeps what it passed through."""

from __future__ import annotations

from weighlock.errors import BadReply, Refused, TooLarge, Unavailable


def not_ready() -> Unavailable:
    return Unavailable("not-ready", "The gateway is starting or stopping.", next_step="Try again in a moment.")


def no_rules() -> Unavailable:
    return Unavailable(
        "no-rules",
        "The gateway has no rules that it can use, so nothing passes.",
        next_step="Its log says what is wrong with them; it goes on when they are right.",
    )


def client_gone() -> Unavailable:
    return Unavailable("client-gone", "The connection ended.")


def failure() -> Unavailable:
    return Unavailable("gateway-failure", "The gateway could not judge this, so it went nowhere.")


def too_large(*, reply: bool) -> Refused:
    """mitmproxy itself broke off a body that went over the bound."""
    if reply:
        return BadReply("reply-too-large", "The reply is over the gateway's limit.")
    return TooLarge("body-too-large", "The body is over the gateway's limit.")


class Hollow(Exception):
    """A stage that returned nothing, or what is not of its kind, or filled a field that was filled already."""
