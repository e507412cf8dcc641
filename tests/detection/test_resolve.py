from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.resolve import Hit, resolve
from weighlock.model import Level

HITS = st.lists(
    st.builds(
        lambda level, start, size, tag: Hit(f"r{tag}", f"E{tag}", level, 0.5, start, start + size, (f"t{tag}",)),
        st.sampled_from(Level),
        st.integers(0, 30),
        st.integers(1, 12),
        st.integers(0, 3),
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


def test_the_worse_hit_names_what_overlaps_and_all_tags_stay() -> None:
    person = Hit("ner-person", "PERSON", Level.MEDIUM, 0.85, 0, 20, ("pii",))
    secret = Hit("github-token", "GITHUB_TOKEN", Level.CRITICAL, 0.9, 10, 40, ("secret",))

    assert resolve([person, secret]) == [
        Hit("github-token", "GITHUB_TOKEN", Level.CRITICAL, 0.9, 0, 40, ("pii", "secret"))
    ]
