"""Cases of the dialects: tests/dialects/cases/<dialect>[-…]/<case>.json, and what is planted into them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighlock import dialects
from weighlock.dialects.base import RequestView, Said
from weighlock.dialects.dialect import FRAMINGS, Operation
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.stream import StreamMasker
from weighlock.model import Text
from weighlock.segments import split
from weighlock.wire.framing import Frame, Framing
from weighlock.wire.jsontext import tokens
from weighlock.wire.messages import Messages
from weighlock.wire.shape import StreamShape

PLANTED = "QXZSEC"
"""What is hidden in these tests: no case has any of its letters in a row."""
_PLANTED = re.compile("Q(X(Z(S(E(C)?)?)?)?)?")
KINDS = frozenset({"image", "audio", "video", "file"})


@dataclass(frozen=True)
class Stream:
    """One direction of what flows: a streamed reply, or the messages of either side of a WebSocket."""

    framing: Callable[[], Framing]
    shape: Callable[[], StreamShape]
    frames: tuple[Frame, ...]

    @property
    def whole(self) -> bool:
        """Whether its frames come as they are, and cannot be cut."""
        return self.framing is Messages

    def written(self, frames: Sequence[Frame]) -> list[bytes]:
        """As it comes when nothing cuts it."""
        framing = self.framing()
        parts = [framing.encode(frame) for frame in frames]
        return parts if self.whole else [b"".join(parts) + framing.close()]

    def read(self, parts: Sequence[bytes]) -> list[Frame]:
        framing = self.framing()
        return [frame for part in parts for frame in framing.feed(part)] + framing.finish()

    def runs(self, frames: Sequence[Frame]) -> dict[str, list[tuple[int, str, str, bool]]]:
        """By name: the frame, pointer and text of each piece, and whether it is to be JSON."""
        shape = self.shape()
        found: dict[str, list[tuple[int, str, str, bool]]] = defaultdict(list)
        for number, frame in enumerate(frames):
            event = shape.read(frame.data)
            for pointer, run in event.runs.items():
                value = event.document.get(pointer) if event.document else None
                if isinstance(value, str):
                    found[run.name].append((number, pointer, value, run.json))
        return found

    def masked(self, parts: Sequence[bytes]) -> list[bytes]:
        """The frames that leave; what ends the stream behind the last is left out."""
        masker = StreamMasker(self.framing(), self.shape(), 1 << 20, KINDS)

        def release(texts: tuple[Text, ...]) -> list[bytes]:
            return masker.release(hidden(texts))

        out = [*(frame for part in parts for frame in release(masker.feed(part))), *release(masker.finish())]
        return [frame for frame in out if frame] if self.whole else [b"".join(out)]


@dataclass(frozen=True)
class Case:
    path: Path
    said: Mapping[str, Any]

    @property
    def dialect(self) -> dialects.Dialect:
        return dialects.named(self.path.parent.name.partition("-")[0])

    @property
    def operation(self) -> Operation:
        return self.dialect.named(self.said["operation"])

    @property
    def streams(self) -> dict[str, Stream]:
        """By what it is: the reply, or a side of a WebSocket."""
        found: dict[str, Stream] = {}
        if stream := self.said.get("stream"):
            media = stream["media"]
            found["reply"] = Stream(FRAMINGS[media], self.operation.streams[media], _frames(stream["frames"]))
        if socket := self.said.get("socket"):
            client, server = self.operation.socket or (None, None)
            assert client
            assert server
            found["client"] = Stream(Messages, client, _frames(socket["client"]))
            found["server"] = Stream(Messages, server, _frames(socket["server"]))
        return found

    def view(self, body: Any) -> RequestView:
        request = self.said["request"]
        return RequestView(
            request["method"],
            request["path"],
            tuple(tuple(pair) for pair in request.get("query", ())),
            (),
            "application/json" if body is not None else "",
            b"" if body is None else json.dumps(body).encode(),
            socket="socket" in self.said,
        )


def _frames(said: Sequence[Mapping[str, Any]]) -> tuple[Frame, ...]:
    return tuple(Frame(_data(frame["data"]), frame.get("event", ""), frame.get("id", "")) for frame in said)


def cases() -> list[Case]:
    folder = Path(__file__).parent / "cases"
    return [Case(path, json.loads(path.read_text())) for path in sorted(folder.rglob("*.json"))]


def rewrites(value: str) -> list[Rewrite]:
    return [Rewrite(match.start(), match.end(), f"<{len(match[0])}>") for match in _PLANTED.finditer(value)]


def hidden(texts: Sequence[Text]) -> dict[str, list[Rewrite]]:
    """A text that cannot be rewritten has what is planted reported, as a gateway would refuse it."""
    found = {text.pointer: rewrites(text.value) for text in texts}
    for text in texts:
        if found[text.pointer] and not text.role.rewritable:
            raise NotMaskable(text.pointer)
    return {pointer: changes for pointer, changes in found.items() if changes}


class NotMaskable(Exception): ...


def masked_text(value: str, json_text: bool) -> str:
    """The masked whole of what runs over a stream."""
    leaves = tokens(value) if json_text else None
    if leaves is None:
        return "".join(apply(segment, rewrites(segment)) for segment in split(value))
    changes = [
        Rewrite(token.start, token.end, token.rewritten(apply(token.leaf.value, found)))
        for token in leaves
        if (found := rewrites(token.leaf.value))
    ]
    return apply(value, changes)


def masked_body(said: Said) -> bytes:
    by_pointer = {text.pointer: text.value for text in said.texts}
    texts = {pointer: apply(by_pointer[pointer], found) for pointer, found in hidden(said.texts).items()}
    return said.body.rewrite(texts).without(said.dropped).dumps() if said.body else b""


def plantings(value: Any) -> Iterator[tuple[str, Any]]:
    """*value* with what is planted at one place after another: in each string, number and member name."""
    yield from _plantings(value, "")


def _plantings(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"key:{place}/{name}", {(key + PLANTED if key == name else key): item for key, item in value.items()}
            for inner, changed in _plantings(member, f"{place}/{name}"):
                yield inner, value | {name: changed}
    elif isinstance(value, list):
        for at, item in enumerate(value):
            for inner, changed in _plantings(item, f"{place}/{at}"):
                yield inner, [*value[:at], changed, *value[at + 1 :]]
    elif isinstance(value, str) and (leaves := tokens(value)) is not None:
        for token in leaves:
            new = token.rewritten(token.leaf.value + PLANTED)
            yield f"{place}~>{token.leaf.pointer}", value[: token.start] + new + value[token.end :]
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield place, f"{value} {PLANTED}"


def _data(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
