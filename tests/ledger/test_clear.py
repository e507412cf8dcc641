from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_text
from weighlock.ledger import clear
from weighlock.model import Role

CARD = "4111111111111111"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("/messages/0/content", "/messages/0/content"),
        ("/metadata/jane@example.com", "/metadata/*"),
        ("/metadata/a~1b", "/metadata/*"),
        ("/metadata/" + "x" * 41, "/metadata/*"),
        ("/a b/c#", "/*/c#"),
        ("header:x-request-id", "header:x-request-id"),
        ("header:x y", "header:*"),
        ("query:jane@example.com", "query:*"),
        ("/a:b/c", "/*/c"),
        ("path", "path"),
        ("path:2", "path:2"),
    ],
)
def test_names_that_may_be_data_are_withheld_from_pointers(raw: str, shown: str) -> None:
    assert clear.pointer(raw) == shown


@given(st.lists(st.text(), min_size=1))
def test_what_a_pointer_shows_are_plain_names_alone(names: list[str]) -> None:
    raw = "/" + "/".join(name.replace("~", "~0").replace("/", "~1") for name in names)

    for token in clear.pointer(raw).replace("#", "").replace(":", "/").split("/"):
        assert token in ("", "*") or clear._NAME.fullmatch(token)


def test_a_member_name_that_was_found_is_withheld_wherever_it_stands() -> None:
    found = [
        a_finding("CREDIT_CARD", pointer=f"/metadata/{CARD}#"),
        a_finding("EMAIL_ADDRESS", pointer=f"/metadata/{CARD}/owner"),
        a_finding("EMAIL_ADDRESS", pointer="/metadata/other/owner"),
    ]

    pointers = [finding["pointer"] for finding in clear.findings(found)["findings"]]

    assert pointers == ["/metadata/*#", "/metadata/*/owner", "/metadata/other/owner"]


def test_a_long_list_is_cut_and_still_counted() -> None:
    shown = clear.findings([a_finding()] * (clear.FINDINGS + 3))

    assert len(shown["findings"]) == clear.FINDINGS
    assert shown["entities"] == {"EMAIL_ADDRESS": clear.FINDINGS + 3}


def test_a_model_name_is_shown_once_it_was_inspected() -> None:
    assert clear.call(a_call("x", model="org/small:7b"), ())["model"] == "org/small:7b"
    assert clear.call(a_call("x", model="small"), None)["model"] == "*"
    assert clear.call(a_call("x", model=""), None)["model"] == ""


@pytest.mark.parametrize("model", ["jane@example.com", "a b", "x" * 101, "€"])
def test_a_model_name_that_is_none_is_withheld(model: str) -> None:
    assert clear.call(a_call("x", model=model), ())["model"] == "*"


def test_a_model_name_in_which_something_was_found_is_withheld() -> None:
    call = a_call(model=CARD, texts=(a_text(CARD, pointer="/model", role=Role.PARAMETER),))

    assert CARD not in json.dumps(clear.call(call, [a_finding("CREDIT_CARD", pointer="/model")]))


def test_an_operation_that_is_a_path_is_shown_name_by_name() -> None:
    call = a_call("x", operation="POST /v1/jane@example.com/items")

    assert clear.call(call, ())["operation"] == "POST /v1/*/items"


def test_an_operation_that_is_a_path_is_withheld_before_it_was_inspected_or_when_something_was_found() -> None:
    call = a_call("x", operation=f"POST /cards/{CARD}")

    assert clear.call(call, None)["operation"] == "POST *"
    assert clear.call(call, [a_finding("CREDIT_CARD", pointer="path")])["operation"] == "POST *"
    assert clear.call(call, [a_finding("CREDIT_CARD", pointer="path:1")])["operation"] == "POST *"
