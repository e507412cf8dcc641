from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.resolve import Hit, counted, resolve
from weighlock.model import Level

ENTITIES = ("PERSON", "STREET_ADDRESS", "PHONE_NUMBER", "API_KEY")
HITS = st.lists(
    st.builds(
        lambda level, start, size, tag, guess: Hit(
            f"r{tag}", ENTITIES[tag], level, 0.5, start, start + size, (f"t{tag}",), guess=guess
        ),
        st.sampled_from(Level),
        st.integers(0, 30),
        st.integers(1, 12),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=12,
)


def covered(hits: list[Hit]) -> set[int]:
    return {place for hit in hits for place in range(hit.start, hit.end)}


@given(HITS)
def test_nothing_that_was_found_is_left_uncovered_and_nothing_overlaps(hits: list[Hit]) -> None:
    resolved = resolve(hits)

    assert covered(resolved) == covered(hits)
    assert sum(hit.end - hit.start for hit in resolved) == len(covered(resolved))
    assert resolved == sorted(resolved, key=lambda hit: hit.start)


@given(HITS)
def test_the_order_of_hits_makes_no_difference(hits: list[Hit]) -> None:
    spans = [(hit.start, hit.end, hit.tags, hit.level) for hit in resolve(hits)]

    assert spans == [(hit.start, hit.end, hit.tags, hit.level) for hit in resolve(hits[::-1])]


@given(HITS)
def test_no_level_is_lost_where_a_rule_matched(hits: list[Hit]) -> None:
    resolved = resolve(hits)

    for rule in hits:
        if not rule.guess:
            covering = [hit for hit in resolved if hit.start < rule.end and rule.start < hit.end]
            assert all(hit.level >= rule.level for hit in covering)


def test_the_worse_rule_names_what_overlaps_and_all_tags_stay() -> None:
    host = Hit("internal-hostname", "HOSTNAME", Level.MEDIUM, 0.85, 0, 20, ("business",))
    secret = Hit("github-token", "GITHUB_TOKEN", Level.CRITICAL, 0.9, 10, 40, ("secret",))

    assert resolve([host, secret]) == [
        Hit("github-token", "GITHUB_TOKEN", Level.CRITICAL, 0.9, 0, 40, ("business", "secret"))
    ]


def test_a_rule_keeps_its_place_and_a_guess_what_is_left() -> None:
    person = Hit("ner-person", "PERSON", Level.MEDIUM, 0.99, 0, 40, ("pii",), guess=True)
    email = Hit("email", "EMAIL_ADDRESS", Level.LOW, 0.5, 12, 30, ("contact",))

    assert resolve([person, email]) == [replace(person, end=12), email, replace(person, start=30)]


def test_an_address_takes_in_the_number_in_it_but_nothing_worse() -> None:
    address = Hit("ner-street-address", "STREET_ADDRESS", Level.MEDIUM, 0.9, 0, 40, ("pii",), guess=True)
    phone = Hit("phone", "PHONE_NUMBER", Level.MEDIUM, 0.9, 0, 9)

    assert resolve([address, phone]) == [address]
    assert replace(phone, level=Level.HIGH) in resolve([address, replace(phone, level=Level.HIGH)])


@given(HITS, st.floats(0, 1), st.floats(0, 1))
def test_a_hit_counts_from_the_threshold_of_its_entity_on(hits: list[Hit], person: float, key: float) -> None:
    thresholds = {"PERSON": person, "API_KEY": key}

    assert list(counted(hits, thresholds)) == [hit for hit in hits if hit.score >= thresholds.get(hit.entity, 0)]
    assert list(counted(hits, {})) == hits


def test_a_hit_that_does_not_count_takes_no_place_from_one_that_does() -> None:
    doubtful = Hit("r", "API_KEY", Level.CRITICAL, 0.3, 0, 9)
    name = Hit("ner-person", "PERSON", Level.MEDIUM, 0.9, 2, 7, guess=True)

    assert resolve([doubtful, name]) == [doubtful]
    assert resolve(counted([doubtful, name], {"API_KEY": 0.5})) == [name]
