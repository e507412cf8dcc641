from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_finding, a_text
from weighlock.policy.counting import DAY, HOUR, MINUTE, SUMS, Over, Scope, distinct
from weighlock.policy.tally import Amount, Tally, amount, asked, counts, names

EMAIL = "EMAIL_ADDRESS"
windows = st.sampled_from([MINUTE, 5 * MINUTE, HOUR, DAY, 2 * DAY])
times = st.floats(0, 4 * DAY, allow_nan=False)
amounts = st.builds(
    Amount,
    requests=st.integers(0, 2),
    bytes=st.integers(0, 100),
    tokens=st.integers(0, 30),
    values=st.fixed_dictionaries({EMAIL: st.frozensets(st.sampled_from("abcdefgh"), max_size=4)}),
)
histories = st.lists(st.tuples(times, amounts), max_size=12)


def a_tally(history: list[tuple[float, Amount]], most: int = 100) -> Tally:
    tally = Tally(most)
    for at, added in sorted(history, key=lambda one: one[0]):
        tally.add(added, [EMAIL], at)
    return tally


def exactly(history: list[tuple[float, Amount]], since: float) -> dict[str, int]:
    recent = [added for at, added in history if at > since]
    values = set().union(*(added.values[EMAIL] for added in recent))
    return {name: sum(getattr(added, name) for added in recent) for name in SUMS} | {distinct(EMAIL): len(values)}


@given(histories, windows, times)
def test_a_window_is_never_counted_too_low_and_too_high_by_what_came_just_before_it_alone(
    history: list[tuple[float, Amount]], within: int, now: float
) -> None:
    history = [(at, added) for at, added in history if at <= now]
    width = MINUTE if within <= DAY else HOUR
    held = a_tally(history).count(within, [*SUMS, distinct(EMAIL)], (), now)
    least, most = exactly(history, now - within), exactly(history, now - within - width)

    assert held[distinct(EMAIL)] == least[distinct(EMAIL)]
    for name in SUMS:
        assert least[name] <= held[name] <= most[name]


@given(histories, st.lists(amounts, max_size=3), windows, times)
def test_what_is_under_way_counts_like_what_has_passed(
    history: list[tuple[float, Amount]], pending: list[Amount], within: int, now: float
) -> None:
    history = [(at, added) for at, added in history if at <= now]
    measures = [*SUMS, distinct(EMAIL)]
    passed = a_tally([*history, *((now, added) for added in pending)])

    assert a_tally(history).count(within, measures, pending, now) == passed.count(within, measures, (), now)


@given(histories, windows, times, st.integers(1, 4))
def test_a_limit_that_may_be_set_is_told_apart_however_many_values_there_were(
    history: list[tuple[float, Amount]], within: int, now: float, most: int
) -> None:
    history = [(at, added) for at, added in history if at <= now]
    held = a_tally(history, most).count(within, [distinct(EMAIL)], (), now)[distinct(EMAIL)]
    exact = exactly(history, now - within)[distinct(EMAIL)]

    assert min(held, most + 1) == min(exact, most + 1)


@given(histories, windows, times)
def test_what_is_pruned_is_what_no_window_would_count(
    history: list[tuple[float, Amount]], within: int, now: float
) -> None:
    history = [(at, added) for at, added in history if at <= now]
    tally, measures = a_tally(history), [*SUMS, distinct(EMAIL)]
    before = tally.count(within, measures, (), now)
    tally.prune(now - max(within, DAY), now)

    assert tally.count(within, measures, (), now) == before
    tally.prune(now + HOUR, now + 2 * DAY)
    assert tally.size == 1


@given(amounts, amounts)
def test_amounts_add_up(one: Amount, other: Amount) -> None:
    both = one + other

    assert both == other + one
    assert (both.requests, both.bytes) == (one.requests + other.requests, one.bytes + other.bytes)
    assert both.values[EMAIL] == one.values[EMAIL] | other.values[EMAIL]


def test_what_is_new_and_what_makes_room_is_told() -> None:
    tally = Tally(most=1)

    assert tally.add(Amount(values={EMAIL: frozenset("a"), "PERSON": frozenset("p")}), [EMAIL], 1.0) == (True, [])
    assert tally.add(Amount(values={EMAIL: frozenset("a")}), [EMAIL], 2.0) == (False, [])
    assert tally.add(Amount(values={EMAIL: frozenset("b")}), [EMAIL], 3.0) == (True, [])
    assert tally.add(Amount(values={EMAIL: frozenset("c")}), [EMAIL], 4.0) == (True, [(EMAIL, "a")])
    assert tally.seen == {EMAIL: {"b": 3.0, "c": 4.0}}


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    tally = Tally()
    tally.add(Amount(requests=1, values={EMAIL: frozenset("a")}), [EMAIL], 10 * DAY)

    held = tally.count(HOUR, ["requests", distinct(EMAIL)], (), 5 * DAY)

    assert held == {"requests": 1, distinct(EMAIL): 1}


def test_a_message_adds_its_values_by_entity_and_tag_and_never_less_than_a_token_of_text() -> None:
    found = [
        a_finding(fingerprint="1"),
        a_finding(start=9, fingerprint="1"),
        a_finding("PERSON", fingerprint="2", tags=frozenset({"pii", "person"})),
    ]

    assert amount([a_text("ab"), a_text("Grüße"), a_text("")], found, size=20, requests=1) == Amount(
        requests=1,
        bytes=20,
        tokens=1 + 3,
        values={
            EMAIL: frozenset("1"),
            "PERSON": frozenset("2"),
            "pii": frozenset("12"),
            "person": frozenset("2"),
        },
    )


def test_fingerprints_are_in_no_repr() -> None:
    assert "f00d" not in repr(Amount(values={EMAIL: frozenset({"f00d"})}))


def test_what_statements_ask_for_is_joined_by_window() -> None:
    asks = asked(
        [
            Over(Scope.WORKLOAD, DAY, {"requests": 1}),
            Over(Scope.WORKLOAD, DAY, {"requests": 9, distinct(EMAIL): 1}),
            Over(Scope.SESSION, HOUR, {distinct("pii"): 1}),
        ]
    )
    tallies = {scope: Tally() for scope in (Scope.WORKLOAD, Scope.SESSION)}
    one = Amount(requests=1, values={EMAIL: frozenset("a"), "pii": frozenset("a")})

    assert names(asks, Scope.WORKLOAD) == {EMAIL}
    assert names(asks, Scope.SESSION) == {"pii"}
    assert names(asks, Scope.PRINCIPAL) == frozenset()
    assert counts(asks, tallies, {Scope.WORKLOAD: [one, one], Scope.SESSION: []}, 0.0) == {
        "workload 24h": {"requests": 2, distinct(EMAIL): 1},
        "session 1h": {distinct("pii"): 0},
    }


@pytest.mark.parametrize("within", [HOUR, 2 * DAY])
def test_nothing_counts_for_ever(within: int) -> None:
    tally = a_tally([(0.0, Amount(requests=1, values={EMAIL: frozenset("a")}))])

    gone = tally.count(within, ["requests", distinct(EMAIL)], (), within + HOUR)

    assert gone == {"requests": 0, distinct(EMAIL): 0}
