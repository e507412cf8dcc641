"""What two texts share is found, wherever it stands and however it is laid out; what everybody writes is not."""

from __future__ import annotations

import textwrap
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.detection.material import Folded, held
from weighlock.detection.shingles import ENOUGH, LEAST, SHARED, K, Run, T, distilled, runs, shingles, telling

KEY = bytes(range(32))
LETTERS = "abcdefghijklmnopqrstuvwxyzäß"


def letters(seed: int, size: int) -> str:
    random = Random(seed)
    return "".join(random.choice(LETTERS) for _ in range(size))


def found(text: str, index: object) -> list[Run]:
    chosen = shingles(Folded(text), KEY)
    return list(runs(chosen, held(index, chosen.hashes)))


def chosen(text: str) -> set[int]:
    return set(shingles(Folded(text), KEY).hashes.tolist())


seeds = st.integers(0, 1 << 32)


@settings(deadline=None)
@given(seeds, seeds, st.integers(0, 300), st.integers(0, 300), st.integers(T, 200))
def test_a_shared_run_of_t_letters_shares_a_chosen_shingle_wherever_it_stands(
    one: int, other: int, before: int, behind: int, size: int
) -> None:
    shared = letters(one, size)
    around = letters(other, before + behind + 2 * size)

    first = around[:before] + shared + around[before : before + behind]
    second = around[-size - behind : -size] + shared + around[-before - 1 :]
    assert chosen(first) & chosen(second) & chosen(shared)


@settings(deadline=None)
@given(seeds, st.integers(ENOUGH, 300), st.integers(0, 120), st.data())
def test_enough_shared_letters_are_one_run_which_covers_nothing_else(
    seed: int, size: int, before: int, data: st.DataObject
) -> None:
    own = letters(seed, 1000)
    start = data.draw(st.integers(0, len(own) - size))
    shared, other = own[start : start + size], "—0—" * before

    (run,) = found(other + shared + other, telling(own, KEY))
    assert len(other) <= run.start <= run.end <= len(other) + size
    assert run.end - run.start >= size - 2 * (T - 1) + K - 1 - 2 * K
    assert 0 < run.share <= 1


@settings(deadline=None)
@given(seeds, st.lists(st.sampled_from([" ", "\n", "\n\t> ", "\n+ ", " // ", "\n  12  ", "'", "\u00a0"]), min_size=1))
def test_layout_makes_no_difference(seed: int, signs: list[str]) -> None:
    random, own = Random(seed), letters(seed, 200)
    laid_out = "".join(char + (random.choice(signs) if random.random() < 0.3 else "") for char in own)

    assert chosen(laid_out) == chosen(own) == chosen(own.upper().replace("ẞ", "SS") if "ß" not in own else own)
    assert found(laid_out, telling(own, KEY))


FUNCTION = '''
    def settle(self, invoice, ledger):
        """Book what the customer owes, oldest position first."""
        for position in sorted(invoice.positions, key=lambda position: position.due):
            remaining = position.amount - ledger.credited(position.reference)
            if remaining > self.tolerance:
                ledger.debit(invoice.customer, remaining, reason=position.reference)
        return ledger.balance(invoice.customer)
'''


@pytest.mark.parametrize(
    "pasted",
    [
        textwrap.dedent(FUNCTION),
        textwrap.indent(FUNCTION, "+ "),
        textwrap.indent(FUNCTION, "> > "),
        FUNCTION.replace("    ", "\t"),
        FUNCTION.replace('"', "'"),
        "".join(f"{n:6}→{line}\n" for n, line in enumerate(FUNCTION.splitlines(), 97)),
        " ".join(FUNCTION.split()),
    ],
    ids=["dedented", "diff", "quoted", "tabs", "quotes", "numbered", "one-line"],
)
def test_a_pasted_function_is_known_in_every_layout(pasted: str) -> None:
    assert found(pasted, telling(FUNCTION, KEY))


def test_a_function_like_it_is_another_one() -> None:
    other = FUNCTION.replace("position", "entry").replace("ledger", "book").replace("invoice", "bill")

    assert not found(other, telling(FUNCTION, KEY))


@pytest.mark.parametrize("count", [LEAST - 1, LEAST])
def test_single_shingles_are_what_strangers_write_too(count: int) -> None:
    own = letters(7, 400)
    hashes = shingles(Folded(own), KEY).hashes
    known = np.isin(hashes, hashes[5 : 5 + count])

    assert len(list(runs(shingles(Folded(own), KEY), known))) == (count >= LEAST)


def test_shingles_far_from_each_other_are_no_run() -> None:
    own = letters(8, 2000)
    here = shingles(Folded(own), KEY)
    known = np.zeros(len(here.hashes), bool)
    known[::20] = True

    assert known.sum() >= LEAST
    assert not list(runs(here, known))


LICENCE = "".join(f"# {line}\n" for line in textwrap.wrap("Copyright Acme. All rights reserved. " + "Be good. " * 40))
IMPORTS = (
    "from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence\n"
    "from weighlock.detection.somewhere import (\n    something_rather_long,\n    something_else_as_long,\n)\n"
    "import { createElement, useEffect, useMemo,\n  useState } from 'react'\n"
    "using System.Collections.Generic.SomethingElseEntirely;\n"
)


@pytest.mark.parametrize("text", [LICENCE, LICENCE + IMPORTS, IMPORTS, "ab" * 400, "0 " * 400, "", "short"])
def test_what_says_nothing_is_not_indexed(text: str) -> None:
    assert len(telling(text, KEY)) == 0


def test_a_header_that_speaks_of_the_work_is_indexed() -> None:
    assert len(telling("# " + FUNCTION.replace("\n", "\n# ") + "\n", KEY))


@pytest.mark.parametrize("files", [SHARED - 1, SHARED])
def test_what_many_files_share_is_boilerplate(files: int) -> None:
    every, own = letters(1, 300), letters(2, 300)
    index = distilled([telling(every + letters(10 + n, 300) + (own if n == 0 else ""), KEY) for n in range(files)])

    assert bool(found(every, index)) == (files < SHARED)
    assert found(own, index)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    folded = Folded(text, digits=True)

    assert len(folded.codes) == len(folded.places) == len(folded.text)
    for run in found(text, telling(text + letters(3, 100), KEY)):
        assert 0 <= run.start < run.end <= len(text)


def test_another_key_makes_another_index() -> None:
    own = letters(4, 500)

    assert not set(telling(own, KEY).tolist()) & set(telling(own, bytes(32)).tolist())
