from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_finding
from weighlock.adapters.anonymizer import Anonymizer
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.restore import merged, restored
from weighlock.masking.vault import PSEUDONYM, Kept, Vault, without_place
from weighlock.model import OperatorSpec
from weighlock.segments import split

OWN, OTHER = Anonymizer(b"k" * 32, "own"), Anonymizer(b"k" * 32, "other")


def kept(value: str, entity: str = "PERSON", by: Anonymizer = OWN) -> Kept:
    new = by.run(OperatorSpec("pseudonym"), entity, value)
    assert PSEUDONYM.fullmatch(new)
    return Kept(new, value, without_place(a_finding(entity)))


def vault(*items: Kept, limit: int = 1000) -> Vault:
    made = Vault(limit)
    for one in items:
        made.keep(one)
    return made


def any_(kept: Kept) -> bool:
    return True


def back(text: str, vault: Vault, may: Callable[[Kept], bool] = lambda kept: True) -> str:
    return apply(text, [rewrite for rewrite, _ in restored(text, vault, may)])


MARIA = kept("Maria Lopez")
MAIL = kept("maria@example.com", "EMAIL_ADDRESS")
BARE, MAIL_BARE = MARIA.pseudonym[1:-1], MAIL.pseudonym[1:-1]
FORMS = [
    ("{}", "Maria Lopez"),
    ("**{}**", "**Maria Lopez**"),
    ("`{}`", "`Maria Lopez`"),
    ("{}'s car", "Maria Lopez's car"),
    ("({}),", "(Maria Lopez),"),
    ("{}{}", "Maria LopezMaria Lopez"),
]
SPELLED = [
    MARIA.pseudonym,
    MARIA.pseudonym.lower(),
    MARIA.pseudonym.upper(),
    f"< {BARE} >",
    f"<PERSON _ {MARIA.tag}>",
    f"<PERSON {MARIA.tag}>",
    f"<Person-{MARIA.tag}>",
    BARE,
    f"Person {MARIA.tag}",
    f"\\<PERSON\\_{MARIA.tag}\\>",
    f"&lt;{BARE}&gt;",
    f"＜{BARE}＞",
    f"<Person{MARIA.tag}>",
    f"Person{MARIA.tag.upper()}",
    f"<  PERSON _ {MARIA.tag}  >",
    f"<**PERSON**_{MARIA.tag}>",
    f"<PERSON_**{MARIA.tag}**>",
    f"<`{BARE}`>",
    f"<_{BARE}_>",
    f"<~~Person~~ {MARIA.tag}>",
    f"<PERSON–{MARIA.tag}>",
    f"<PER\u200bSON_\u2060{MARIA.tag}>",
    f"<PERSON\u00a0{MARIA.tag}>",
    f"‹{BARE}›",
    f"⟨{BARE}⟩",
    f"《{BARE}》",
    f"&#60;{BARE}&#x3E;",
    f"&amp;lt;PERSON&lowbar;{MARIA.tag}&amp;gt;",
    f"\\u003c{BARE}\\u003E",
    f"\\\\<PERSON\\\\_{MARIA.tag}\\\\>",
    "".join(chr(ord(char) + 0xFEE0) for char in MARIA.pseudonym),
]


@pytest.mark.parametrize(("form", "expected"), FORMS)
@pytest.mark.parametrize("spelled", SPELLED)
def test_a_pseudonym_is_restored_however_the_model_wrote_it(spelled: str, form: str, expected: str) -> None:
    if form == "{}{}" and not spelled.startswith(("<", "\\<", "&lt;", "＜")):
        return  # two without anything between them are no two words
    if "`" in spelled and "`" in form:
        return  # marks within marks of the same kind are no pair
    text = form.format(*[spelled] * form.count("{}"))

    assert back(f"It is {text} again", vault(MARIA)) == f"It is {expected} again"


def test_words_of_an_entity_may_stand_apart() -> None:
    for spelled in (
        f"<Email Address {MAIL.tag}>",
        f"<EMAIL\\_ADDRESS\\_{MAIL.tag}>",
        MAIL_BARE,
        f"<EmailAddress_{MAIL.tag}>",
        f"EmailAddress{MAIL.tag}",
        f"EmailAddress-{MAIL.tag}",
        f"email-address-{MAIL.tag}",
        f"<**Email** *Address* {MAIL.tag}>",
    ):
        assert back(f"to {spelled}.", vault(MAIL)) == "to maria@example.com."


@pytest.mark.parametrize(
    "text",
    [
        f"_{BARE}",
        f"_{BARE}__",
        f"a_{BARE}_",
        f"<PERSON******************{MARIA.tag}>",
        f"<PERSON_{MARIA.tag[:4]}**{MARIA.tag[4:]}**>",
        f"%50PERSON_{MARIA.tag}%50",
        "<PERSON_00000000>",
        f"<LOCATION_{MARIA.tag}>",
        f"<{MARIA.tag}>",
        f"<PERSON_{MARIA.tag[:7]}>",
        f"<PERSON_{MARIA.tag}0>",
        f"<PERSON_0{MARIA.tag}>",
        f"<XPERSON_{MARIA.tag}>",
        f"X_PERSON_{MARIA.tag}",
        f"XPERSON{MARIA.tag}",
        f"PERSON{MARIA.tag}0",
        f"PERSON0{MARIA.tag}",
    ],
)
def test_what_is_not_whole_stays(text: str) -> None:
    assert back(text, vault(MARIA)) == text


def test_another_session_restores_nothing() -> None:
    theirs = kept("Maria Lopez", by=OTHER)

    assert theirs.pseudonym != MARIA.pseudonym
    assert back(theirs.pseudonym, vault(MARIA)) == theirs.pseudonym
    assert back(MARIA.pseudonym, vault()) == MARIA.pseudonym


def test_only_what_may_be_seen_is_restored() -> None:
    text = f"{MARIA.pseudonym} at {MAIL.pseudonym}"

    seen = back(text, vault(MARIA, MAIL), lambda one: one.finding.entity == "PERSON")

    assert seen == f"Maria Lopez at {MAIL.pseudonym}"


def test_of_two_values_with_one_pseudonym_neither_is_restored() -> None:
    twice = vault(MARIA, Kept(MARIA.pseudonym, "John Carter", MARIA.finding))

    assert back(MARIA.pseudonym, twice) == MARIA.pseudonym
    assert back(MARIA.pseudonym, vault(MARIA, kept("maria  LOPEZ"))) == "Maria Lopez"


def test_what_does_not_fit_is_not_kept() -> None:
    small = vault(MARIA, limit=10)

    assert not list(small)
    assert back(MARIA.pseudonym, small) == MARIA.pseudonym


def test_nothing_shows_what_is_kept() -> None:
    assert "Maria" not in repr(MARIA)
    assert "Maria" not in repr(vault(MARIA))


def test_a_mask_over_more_than_a_pseudonym_stands_and_one_within_it_gives_way() -> None:
    own = [(Rewrite(10, 27, "Maria Lopez"), MARIA)]

    assert merged([Rewrite(11, 17, "<X>")], own) == ([own[0][0]], [MARIA])
    assert merged([Rewrite(5, 30, "<X>")], own) == ([Rewrite(5, 30, "<X>")], [])
    assert merged([Rewrite(0, 4, "<X>"), Rewrite(30, 31, "<Y>")], own)[0] == [
        Rewrite(0, 4, "<X>"),
        own[0][0],
        Rewrite(30, 31, "<Y>"),
    ]


@given(
    st.text(alphabet="a. <\n_PERSON" + MARIA.tag, max_size=40), st.sampled_from(SPELLED), st.text("a. \n", max_size=40)
)
def test_in_a_stream_the_same_is_restored_as_in_the_whole(before: str, spelled: str, after: str) -> None:
    """A segment is rewritten whole, so none may be cut inside a pseudonym."""
    text = f"{'A sentence that is long enough to be cut behind. ' * 2}{before} {spelled} {after}"

    assert "".join(back(segment, vault(MARIA)) for segment in split(text)) == back(text, vault(MARIA))


def test_over_a_line_where_a_stream_is_cut_the_whole_restores_no_more_than_the_stream() -> None:
    early = replace(MARIA, pseudonym=f"{MARIA.pseudonym[:-9]}ab12cd34>")
    text = f"{'many words, ' * 6}and PERSON\nab12cd34, PERSON ab12cd34."

    parts = [back(segment, vault(early)) for segment in split(text)]

    assert "".join(parts) == back(text, vault(early))
    assert parts[-1].endswith(f", {MARIA.value}.")
