from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.validators import VALIDATORS, iban, luhn


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        (
            "luhn",
            ["4111 1111 1111 1111", "5555555555554444", "2223003122003222", "6759649826438453"],
            ["4111111111111112", "0000000000000000", "42"],
        ),
        ("iban", ["DE89 3704 0044 0532 0130 00", "gb82west12345698765432"], ["DE88370400440532013000", "DE89", "89DE"]),
        (
            "us-ssn",
            ["078-05-1120", "219 09 9999"],
            ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-1234", "123-45-0000"],
        ),
        ("phone", ["+49 30 901820", "(415) 555-2671"], ["+1", "123", "999-999-9999"]),
        ("ip", ["203.0.113.7", "10.0.0.1", "2001:db8::1"], ["127.0.0.1", "0.0.0.0", "300.1.1.1", "1.2.3"]),
        ("random", ["aB3dE5gH7jK9"], ["password", "12345678", "aaaaaaaa1", "x1"]),
    ],
)
def test_a_validator_tells_them_apart(name: str, valid: list[str], invalid: list[str]) -> None:
    assert [text for text in valid if not VALIDATORS[name](text)] == []
    assert [text for text in invalid if VALIDATORS[name](text)] == []


@given(st.text(max_size=40))
def test_no_text_breaks_a_validator(text: str) -> None:
    assert all(isinstance(check(text), bool) for check in VALIDATORS.values())


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_breaks_the_check_digit(text: str, place: int, by: int) -> None:
    whole = next(text + digit for digit in "0123456789" if luhn(text + digit) or len({*text, digit}) == 1)
    at = place % len(text)
    wrong = whole[:at] + str((int(whole[at]) + by) % 10) + whole[at + 1 :]

    assert not (luhn(whole) and luhn(wrong))


@given(st.integers(0, 10**18 - 1))
def test_one_of_97_check_numbers_fits(account: int) -> None:
    fitting = [check for check in range(2, 99) if iban(f"DE{check:02}{account:018}")]

    assert len(fitting) == 1
