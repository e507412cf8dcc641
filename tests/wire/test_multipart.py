from __future__ import annotations

from email import policy
from email.parser import BytesParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import Malformed
from weighlock.wire import multipart
from weighlock.wire.multipart import Form, Part, Raw
from weighlock.wire.plain import Opaque, PlainText

TYPE = "multipart/form-data; boundary=b"
NAMES = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


def part(data: str = "x", head: str = 'Content-Disposition: form-data; name="a"') -> bytes:
    return f"--b\r\n{head}\r\n\r\n{data}\r\n".encode()


def form(*parts: Part) -> Form:
    return Form(parts, "b")


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, st.binary()), min_size=1, max_size=4))
def test_what_is_written_is_read_again(parts: list[tuple[str, str | None, bytes]]) -> None:
    whole = b"".join(data for _, _, data in parts)
    written = Form(
        tuple(Part(name, filename, "a/b", Opaque(data)) for name, filename, data in parts), multipart.boundary(whole)
    )

    assert multipart.parse(written.media, written.dumps()) == tuple(
        Raw(name, filename, "a/b", data) for name, filename, data in parts
    )


@given(st.binary(), st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_what_a_client_writes_is_read_and_what_is_written_others_read(data: bytes, text: str) -> None:
    sent = httpx.Request("POST", "https://h", files={"file": ("ä b.txt", data, "text/plain")}, data={"prompt": text})
    parts = multipart.parse(sent.headers["content-type"], sent.read())
    written = form(*(Part(raw.name, raw.filename, raw.media, Opaque(raw.data)) for raw in parts))
    read = BytesParser(policy=policy.HTTP).parsebytes(
        f"Content-Type: {written.media}\r\n\r\n".encode() + written.dumps()
    )

    assert {raw.name: raw.data for raw in parts} == {"prompt": text.encode(), "file": data}
    if b"\r" not in data and b"\n" not in data:  # which a reader of mail takes for ends of lines
        found = {one.get_param("name", header="content-disposition"): one for one in read.iter_parts()}
        assert {str(name): one.get_payload(decode=True) for name, one in found.items()} == {
            "prompt": text.encode(),
            "file": data,
        }


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; boundary=b; charset=utf-7",
        'multipart/form-data; boundary="b',
        "multipart/form-data; boundary=b b",
        "multipart/form-data; boundary*=utf-8''b",
        f"multipart/form-data; boundary={'b' * 71}",
        "multipart/mixed; boundary=b",
        "application/json",
    ],
)
def test_a_boundary_in_doubt_is_refused(content_type: str) -> None:
    with pytest.raises(Malformed, match="form-malformed"):
        multipart.parse(content_type, part() + b"--b--\r\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        part(),
        b"a preamble\r\n" + part() + b"--b--\r\n",
        part() + b"--b--\r\nan epilogue",
        part() + b"--b-- \r\n",
        (part() + b"--b--\r\n").replace(b"\r\n", b"\n"),
        part().replace(b"\r\n\r\n", b"\r\n") + b"--b--\r\n",
        b"--b \r\n" + part()[5:] + b"--b--\r\n",
        part() + b"--bb\r\n" + part()[5:] + b"--b--\r\n",
        part(head='Content-Disposition: form-data; name="a"; name="b"') + b"--b--\r\n",
        part(head='Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"') + b"--b--",
        part(head='Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64') + b"--b--\r\n",
        part(head='Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-7') + b"--b--\r\n",
        part(head='Content-Disposition: form-data; name="a"\r\n folded: 1') + b"--b--\r\n",
        part(head="Content-Disposition: form-data; name=a") + b"--b--\r\n",
        part(head='Content-Disposition: form-data; name="a\\"b"') + b"--b--\r\n",
        part(head="Content-Disposition: form-data; name*=utf-8''a") + b"--b--\r\n",
        part(head="Content-Disposition: form-data; filename=\"a\"; filename*=utf-8''b") + b"--b--\r\n",
        part(head='Content-Disposition: attachment; name="a"') + b"--b--\r\n",
        part(head="Content-Type: text/plain") + b"--b--\r\n",
        part().replace(b'"a"', b'"\xff"') + b"--b--\r\n",
        part() * (multipart.MAX_PARTS + 1) + b"--b--\r\n",
    ],
    ids=range(22),
)
def test_a_form_in_doubt_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="form-malformed"):
        multipart.parse(TYPE, body)


def test_each_place_is_rewritten_and_no_line_is_broken() -> None:
    before = form(Part("a", "f.txt", "text/plain", PlainText("old")), Part("b", None, "", PlainText("stays")))
    after = before.rewrite({"/0/filename": 'n\r\nX: 1".txt', "/0/type": "a\r\nb", "/0/value": "new"})

    assert multipart.parse(TYPE, before.dumps())[1] == Raw("b", None, "", b"stays")
    assert after.dumps().count(b"\r\n\r\n") == before.dumps().count(b"\r\n\r\n")
    assert b'filename="n  X: 1%22.txt"' in after.dumps()
    assert b"\r\n\r\nnew\r\n" in after.dumps()


@pytest.mark.parametrize("pointer", ["/2/value", "/0/value/a"])
def test_a_place_that_is_none_cannot_be_rewritten(pointer: str) -> None:
    with pytest.raises(KeyError):
        form(Part("a", None, "", PlainText("x"))).rewrite({pointer: "new"})


def test_a_part_that_holds_the_boundary_is_not_written() -> None:
    with pytest.raises(Malformed, match="form-boundary"):
        form(Part("a", None, "", PlainText("--b"))).dumps()
