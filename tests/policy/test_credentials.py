from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.policy.credentials import LIMIT, MARGIN, Unusable, checked, lasting

VISIBLE = st.text(alphabet=[chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=50)
SPACE = st.text(alphabet=" \t\r\n", max_size=5)


@given(VISIBLE, SPACE, SPACE)
def test_a_credential_is_what_stands_between_white_space(value: str, before: str, after: str) -> None:
    assert checked(before + value + after, "it") == value


@given(VISIBLE, st.characters(exclude_characters=[chr(code) for code in range(0x21, 0x7F)]), VISIBLE)
def test_what_no_header_field_can_carry_is_refused_and_never_quoted(before: str, odd: str, after: str) -> None:
    with pytest.raises(Unusable) as caught:
        checked(before + odd + after, "it")

    assert str(caught.value) == ("it has a space, a line end or another character that no header field can carry")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("nothing", ["", " ", "\r\n\t"])
def test_nothing_is_no_credential(nothing: str) -> None:
    with pytest.raises(Unusable, match="it is empty"):
        checked(nothing, "it")


def test_a_credential_is_bounded() -> None:
    assert len(checked("x" * LIMIT, "it")) == LIMIT
    with pytest.raises(Unusable, match="over 16384"):
        checked("x" * (LIMIT + 1), "it")


@pytest.mark.parametrize(
    ("life", "refresh"),
    [(3600, 2880), (900, 720), (300, 240), (200, 140), (120, 60), (60, 30), (2, 1), (0, 0)],
)
def test_a_credential_is_replaced_at_four_fifths_or_a_minute_before_its_end(life: float, refresh: float) -> None:
    secret = lasting("s", 1000.0, life)

    assert (secret.refresh_at, secret.expires_at) == (1000 + refresh, 1000 + life)


@given(st.floats(0, 1e6), st.floats(0, 86400))
def test_a_credential_is_replaced_in_the_second_half_of_its_life_and_a_long_one_in_time(
    now: float, life: float
) -> None:
    secret = lasting("s", now, life)

    assert now <= secret.refresh_at <= secret.expires_at
    assert secret.refresh_at - now >= life / 2 - 1e-6
    assert secret.refresh_at - now <= max(0.8 * life, life / 2) + 1e-6
    if life >= 2 * MARGIN:
        assert secret.expires_at - secret.refresh_at >= MARGIN - 1e-6


def test_no_secret_shows() -> None:
    assert "hidden" not in repr(lasting("hidden-value", 0, 1))
