"""Garbage in the lists: nothing crashes, and work stays linear, counted in candidate pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from interlock.matching.assign import match_lists
from interlock.matching.candidates import CAP, SAMPLE, Index, candidates, keys_of
from interlock.matching.duplicates import find_duplicates
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.register import Register
from interlock.matching.score import Band, default_weights
from interlock.matching.table import Company, Table, tabulate

from .lists import ACME

WEIGHTS = default_weights()
PER_RECORD = 13 * CAP
"""Kinds of keys, times what each may propose: no data makes a record propose more."""

GARBAGE = {
    "empty": "",
    "blank": " \t\u00a0 ",
    "emoji": "🚀🔥 ✨",
    "joined emoji": "👩‍👩‍👧‍👦 Familie 👍🏽",
    "ten thousand letters": "x" * 10_000,
    "ten thousand words": "ab " * 10_000,
    "right to left": "شركة النور للتجارة ש.מ. בע״מ",
    "direction marks": "\u202eACME\u202c \u200fLtd\u200e",
    "nul": "Ac\x00me\x00",
    "only nul": "\x00\x00",
    "control letters": "A\x1b[31mB\r\nC\x07",
    "marks without letters": "\u0301\u0302\u0303",
    "lone surrogate": "Acme \ud800",
    "punctuation": "!!!---...///\\\\",
    "quotes": "\";=cmd|' /C calc'!A0",
    "markup": "<script>alert(1)</script>",
    "legal forms only": "GmbH & Co. KG Ltd",
    "digits": "123456789" * 50,
}


def everywhere(key: str, text: str) -> Company:
    """A company of which every field holds the same garbage."""
    return Company(id=key, name=text, website=text, street=text, city=text, region=text,
                   postcode=text, country=text, phone=text, tax_id=text)  # fmt: skip


def pairs_of(left: Table, right: Table) -> int:
    rarity = Rarity.of(left, right)
    index = Index.of(Weighed.of(right, rarity))
    return len(candidates(keys_of(Weighed.of(left, rarity)), index)[0])


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_in_every_field_is_matched_without_a_crash(text: str) -> None:
    left = tabulate([everywhere("L1", text), ACME])
    right = tabulate([everywhere("R1", text), ACME])
    matched = match_lists(left, right, WEIGHTS)
    found = {(left.ids[a], right.ids[b]) for a, b in zip(matched.left, matched.right, strict=True)}
    assert ("1", "1") in found, "a good pair beside it is found all the same"
    assert np.isfinite(matched.scores).all()
    find_duplicates(left, WEIGHTS)
    Register.of(right).find(everywhere("new", text), WEIGHTS)


@pytest.mark.parametrize("text", ["", " ", "🚀", "\x00", "---"])
def test_names_that_say_nothing_make_no_pair(text: str) -> None:
    left, right = (
        tabulate(Company(id=f"{side}{n}", name=text) for n in range(50)) for side in "LR"
    )
    assert pairs_of(left, right) == 0


def test_garbage_of_all_kinds_together_is_never_linked_to_other_garbage() -> None:
    left = tabulate(Company(id=f"L{n}", name=t) for n, t in enumerate(GARBAGE.values()))
    right = tabulate(Company(id=f"R{n}", name=t) for n, t in enumerate(GARBAGE.values()))
    matched = match_lists(left, right, WEIGHTS)
    assert Band.LINK.value not in matched.bands.tolist()


def full(key: str) -> Company:
    return Company(id=key, name="Muster Handel GmbH", website="muster.example", city="Köln",
                   street="Hauptstr. 1", postcode="50667", country="DE", phone="0221 1234567",
                   tax_id="DE136695976")  # fmt: skip


def named(key: str) -> Company:
    return Company(id=key, name="Muster Handel GmbH")


@pytest.mark.parametrize("company", [full, named])
@pytest.mark.parametrize("count", [1_000, 20_000])
def test_identical_records_stay_linear(count: int, company: Callable[[str], Company]) -> None:
    left = tabulate(company(f"L{n}") for n in range(count))
    right = tabulate(company(f"R{n}") for n in range(count))
    counted = pairs_of(left, right)
    # a sample on the left for each record, and one on the right, for each key that names a company
    assert 0 < counted <= 2 * 2 * SAMPLE * count
    assert counted < count * count / 50


@pytest.mark.parametrize("count", [1_000, 20_000])
def test_identical_records_are_seen_and_never_taken_for_new(count: int) -> None:
    left = tabulate(full(f"L{n}") for n in range(count))
    right = tabulate([full("R")])
    rarity = Rarity.of(left, right)
    rows, _ = candidates(keys_of(Weighed.of(left, rarity)), Index.of(Weighed.of(right, rarity)))
    assert len(np.unique(rows)) == count


def test_identical_records_double_their_pairs_when_they_double() -> None:
    counts = [
        pairs_of(
            tabulate(full(f"L{n}") for n in range(size)),
            tabulate(full(f"R{n}") for n in range(size)),
        )
        for size in (2_000, 4_000, 8_000)
    ]
    assert counts[1] <= 2.1 * counts[0]
    assert counts[2] <= 2.1 * counts[1]


def test_duplicates_among_identical_records_stay_linear() -> None:
    table = tabulate(full(f"L{n}") for n in range(1_000))
    found = find_duplicates(table, WEIGHTS)
    assert 999 <= len(found) <= 2 * 2 * SAMPLE * 1_000
    assert {each.survivor for each in found} <= {"L0", "L1", "L2"}


def test_one_word_in_every_name_proposes_nobody_by_itself() -> None:
    left, right = (
        tabulate(Company(id=f"{side}{n}", name=f"Holding {side}{n}q") for n in range(3_000))
        for side in "LR"
    )
    assert pairs_of(left, right) <= PER_RECORD * 10


def test_a_record_against_a_crowd_of_its_like_asks_for_few() -> None:
    register = Register.of(tabulate(full(f"R{n}") for n in range(20_000)))
    found = register.find(full("new"), WEIGHTS)
    assert 0 < len(found) <= PER_RECORD
