"""The refusals that are about the gateway itself. Made anew each time: an exception keeps what it passed through."""

from __future__ import annotations

from weighlock.errors import Unavailable


def not_ready() -> Unavailable:
    return Unavailable("not-ready", "The gateway is starting or stopping.", next_step="Try again in a moment.")


def client_gone() -> Unavailable:
    return Unavailable("client-gone", "The connection ended.")


def failure() -> Unavailable:
    return Unavailable("gateway-failure", "The gateway could not judge this, so it went nowhere.")
