"""What something costs, in a measure that a busy machine does not change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(do: Callable[[], object], part: str) -> int:
    """Those of Python that *do* takes in weighlock's *part*."""
    done = 0

    def count(frame: FrameType, happened: str, _: object) -> Any:
        nonlocal done
        if f"/weighlock/{part}/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        done += happened == "opcode"
        return count

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # before settrace, or Python 3.12 counts none
    sys.settrace(count)
    try:
        do()
    finally:
        sys.settrace(before)
    return done
