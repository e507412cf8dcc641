from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_finding, a_principal
from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.policy.condition import Unevaluable
from weighlock.policy.counting import DAY, HOUR, LONGEST, MINUTE, MOST, Counts, Over, Scope, read, spelled, window

MEASURES = ("requests", "bytes", "tokens", "distinct EMAIL_ADDRESS", "distinct pii")
limits = st.dictionaries(st.sampled_from(MEASURES), st.integers(0, 5), min_size=1)


def an_over(text: str) -> Over:
    return read(rulefile.parse(f"{{of: workload, within: 24h, {text}}}", "p.yaml"))


def counted(**given: int) -> Counts:
    return {"workload 24h": {name.replace("distinct_", "distinct "): count for name, count in given.items()}}


def test_all_that_can_be_asked_is_read() -> None:
    text = "{of: session, within: 7d, requests: 1, bytes: 2, tokens: 3, distinct: {EMAIL_ADDRESS: 4, national-id: 5}}"

    assert read(rulefile.parse(text, "p.yaml")) == Over(
        Scope.SESSION,
        7 * DAY,
        {"requests": 1, "bytes": 2, "tokens": 3, "distinct EMAIL_ADDRESS": 4, "distinct national-id": 5},
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{within: 24h, requests: 1}", "'of' is missing"),
        ("{of: workload, requests: 1}", "'within' is missing"),
        ("{of: workload, within: 24h}", "`over` needs a limit: requests, bytes, tokens or distinct"),
        ("{of: workloads, within: 24h, requests: 1}", "did you mean 'workload'?"),
        ("{of: workload, within: 24h, request: 1}", "did you mean 'requests'?"),
        ("{of: workload, within: 24h, requests: many}", "a whole number"),
        ("{of: workload, within: 24h, requests: -1}", "not between"),
        *(
            (f"{{of: workload, within: {time}, requests: 1}}", "not a time such as 24h, from 1m to 31d")
            for time in ("59s", "0m", "32d", "745h", "1w", "24", "day")
        ),
        ("{of: workload, within: 24h, distinct: {}}", "name an entity or a tag"),
        ("{of: workload, within: 24h, distinct: 50}", "expected a mapping"),
        ("{of: workload, within: 24h, distinct: {e-Mail: 50}}", "'e-Mail' is no entity such as EMAIL_ADDRESS"),
        (f"{{of: workload, within: 24h, distinct: {{PERSON: {MOST + 1}}}}}", f"not between 0 and {MOST}"),
    ],
)
def test_what_cannot_be_counted_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(rulefile.parse(text, "p.yaml"))
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    ("text", "seconds", "back"),
    [
        ("1m", MINUTE, "1m"),
        ("90m", 90 * MINUTE, "90m"),
        ("60m", HOUR, "1h"),
        ("1d", DAY, "24h"),
        ("36h", 36 * HOUR, "36h"),
        ("48h", 2 * DAY, "2d"),
        ("31d", LONGEST, "31d"),
    ],
)
def test_a_time_has_one_spelling(text: str, seconds: int, back: str) -> None:
    assert window(text) == window(back) == seconds
    assert spelled(seconds) == back


def test_equal_is_not_over_and_one_limit_is_enough() -> None:
    over = an_over("requests: 3, distinct: {PERSON: 50}")

    assert not over.exceeded(counted(requests=3, distinct_PERSON=50))
    assert over.exceeded(counted(requests=4, distinct_PERSON=0))
    assert over.exceeded(counted(requests=0, distinct_PERSON=51))


@pytest.mark.parametrize(
    "counts",
    [
        None,
        {},
        {"workload 1h": {"requests": 9, "distinct PERSON": 99}},
        counted(requests=9),
        counted(distinct_PERSON=99),
    ],
    ids=["nothing", "no-window", "other-window", "no-values", "no-sums"],
)
def test_what_was_not_counted_is_neither_over_nor_under(counts: Counts | None) -> None:
    over = an_over("requests: 3, distinct: {PERSON: 50}")

    with pytest.raises(Unevaluable):
        over.exceeded(counts)
    assert over.said(counts) == "what the workload did within 24h is not known"


def test_the_values_are_told_of_what_is_exceeded_else_of_all() -> None:
    over = an_over("requests: 3, distinct: {PERSON: 50}")

    assert (
        over.said(counted(requests=1, distinct_PERSON=51)) == "51 distinct PERSON (limit 50) of the workload within 24h"
    )
    assert over.said(counted(requests=1, distinct_PERSON=9)) == (
        "1 requests (limit 3), 9 distinct PERSON (limit 50) of the workload within 24h"
    )


@given(limits, limits, st.lists(st.integers(0, 7), min_size=len(MEASURES), max_size=len(MEASURES)))
def test_what_covers_another_is_exceeded_wherever_that_is(
    one: dict[str, int], other: dict[str, int], held: list[int]
) -> None:
    counts = {"workload 24h": dict(zip(MEASURES, held, strict=True))}
    wide, narrow = (Over(Scope.WORKLOAD, DAY, limit) for limit in (one, other))

    if wide.covers(narrow) and narrow.exceeded(counts):
        assert wide.exceeded(counts)
    assert wide.covers(wide)


def test_another_window_or_none_is_not_covered() -> None:
    over = Over(Scope.WORKLOAD, DAY, {"requests": 1})

    assert not over.covers(None)
    assert not over.covers(Over(Scope.SESSION, DAY, {"requests": 9}))
    assert not over.covers(Over(Scope.WORKLOAD, HOUR, {"requests": 9}))


def test_a_session_is_what_was_opened_else_the_token_and_a_principal_is_of_its_issuer() -> None:
    opened, plain = a_principal(session="s1"), a_principal(token_id="t1")

    assert [scope.key(opened) for scope in Scope] == ["nightly", "https://issuer.example repo:acme/nightly", "s1"]
    assert Scope.SESSION.key(plain) == "t1"


def test_a_finding_is_asked_about_by_entity_or_tag() -> None:
    over = an_over("distinct: {PERSON: 1, secret: 1}")

    assert over.asks_about(a_finding("PERSON"))
    assert over.asks_about(a_finding("KEY", tags=frozenset({"secret"})))
    assert not over.asks_about(a_finding("KEY"))
    assert not an_over("requests: 1").asks_about(a_finding("PERSON"))
