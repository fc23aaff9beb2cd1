"""Whole lists: who owns whom, who competes, and what garbage does."""

from __future__ import annotations

import random
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.matching.assign import Matched, match_lists
from interlock.matching.duplicates import find_duplicates
from interlock.matching.score import Band, default_weights, probabilities
from interlock.matching.table import Company, Table, tabulate
from tests.unit.matching.lists import ACME, ACME_TOO, OTHER, table

WEIGHTS = default_weights()


def pairs(left: Table, right: Table, matched: Matched) -> dict[tuple[str, str], tuple[str, float]]:
    return {
        (left.ids[one], right.ids[two]): (str(band), round(float(likely), 9))
        for one, two, band, likely in zip(
            matched.left, matched.right, matched.bands, probabilities(matched.scores), strict=True
        )
    }


def match(left: list[Company], right: list[Company]) -> dict[tuple[str, str], tuple[str, float]]:
    ours, theirs = tabulate(left), tabulate(right)
    return pairs(ours, theirs, match_lists(ours, theirs, WEIGHTS))


def named(company: Company, key: str, **changes: str) -> Company:
    return msgspec.structs.replace(company, id=key, **changes)


def test_one_account_may_own_several_customers() -> None:
    found = match([named(ACME, "C")], [named(ACME_TOO, "E1"), named(ACME, "E2")])
    assert {key: band for key, (band, _) in found.items()} == {
        ("C", "E1"): Band.LINK,
        ("C", "E2"): Band.LINK,
    }


def test_of_two_equal_accounts_the_better_owns_the_customer_and_the_other_is_marked() -> None:
    ours = table(named(ACME, "C1"), named(ACME, "C2", tax_id=""))
    theirs = table(named(ACME, "E"))
    matched = match_lists(ours, theirs, WEIGHTS)
    doubled = zip(matched.left, matched.doubled, strict=True)
    assert {ours.ids[row]: bool(twin) for row, twin in doubled} == {"C1": False, "C2": True}
    assert not matched.competition.any()


def test_two_different_accounts_that_fit_alike_are_for_a_person() -> None:
    # the same building and switchboard, two companies with much the same name
    one = Company(id="C1", name="Acme Widgets North GmbH", street="Elm 1", postcode="50667",
                  country="DE", phone="0221 123456", tax_id="DE811569869")  # fmt: skip
    two = named(one, "C2", name="Acme Widgets South GmbH", tax_id="DE129273398")
    found = match([one, two], [named(one, "E", name="Acme Widgets GmbH", tax_id="")])
    assert {band for band, _ in found.values()} == {Band.REVIEW}
    assert max(likely for _, likely in found.values()) <= 0.6


def test_nothing_in_common_gives_no_pair() -> None:
    assert match([ACME], [OTHER]) == {}


@pytest.mark.parametrize(("left", "right"), [([], []), ([ACME], []), ([], [ACME])])
def test_empty_lists_match_nothing(left: list[Company], right: list[Company]) -> None:
    assert match(left, right) == {}


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_lists_does_not_matter(dice: random.Random) -> None:
    left = [named(ACME, "C1"), named(ACME_TOO, "C2"), named(OTHER, "C3")]
    left += [Company(id=f"C{n}", name=f"Firma {n} Bau", city="Kiel") for n in range(10, 20)]
    right = [named(ACME_TOO, "E1"), named(OTHER, "E2", phone="0431 998877")]
    right += [Company(id=f"E{n}", name=f"Firma {n} Bau GmbH", city="Kiel") for n in range(10, 20)]
    straight = match(left, right)
    dice.shuffle(left)
    dice.shuffle(right)
    assert match(left, right) == straight


GARBAGE = [
    Company(id="empty"),
    Company(id="blank", name="   ", street=" , ", phone="-"),
    Company(id="emoji", name="🙂🙃", website="🙂.com", city="🏙"),
    Company(id="long", name="x" * 10_000, street="y 1 " * 3_000, website="a." * 5_000 + "com"),
    Company(id="words", name="a b c d e " * 2_000),
    Company(id="rtl", name="شركة الاتصالات", city="الرياض", country="SA"),
    Company(id="nul", name="A\x00B\x00", tax_id="\x00", phone="\x00\x01"),
    Company(id="lines", name="one\ntwo\r\nthree", street="\n\n"),
    Company(id="digits", name="1" * 500, phone="9" * 500, postcode="0" * 500, tax_id="5" * 500),
    Company(id="odd", name="\ud7ff\ue000\ufffd", website="http://[::1]/", country="\u2028"),
    Company(id="superscript", name="²", phone="²²²²²²²", street="² ²", tax_id="²²²²²²"),
]


@pytest.mark.parametrize("company", GARBAGE, ids=lambda company: company.id)
def test_garbage_is_only_ever_itself(company: Company) -> None:
    found = match([company, ACME], [*GARBAGE, named(ACME, "E")])
    assert found[("1", "E")][0] == Band.LINK
    assert all(right == left for (left, right), (band, _) in found.items()
               if left != "1" and band == Band.LINK)  # fmt: skip


def test_a_thousand_equal_records_are_all_seen_and_cost_little() -> None:
    ours = tabulate(named(ACME, f"C{n}") for n in range(1_000))
    theirs = tabulate(named(ACME, f"E{n}") for n in range(1_000))
    began = time.thread_time()
    matched = match_lists(ours, theirs, WEIGHTS)
    doubles = find_duplicates(ours, WEIGHTS)
    assert time.thread_time() - began < 2
    assert len(matched.left) <= 10_000
    # each still has somebody: none is taken for new
    assert len(set(matched.left.tolist())) == len(set(matched.right.tolist())) == 1_000
    assert len({d.duplicate for d in doubles} | {d.survivor for d in doubles}) == 1_000


def test_names_only_give_reviews_but_no_links() -> None:
    found = match(
        [Company(id="C1", name="Zyxomat Engineering GmbH"), Company(id="C2", name="Quorl Optics")],
        [Company(id="E1", name="ZYXOMAT ENG."), Company(id="E2", name="Vandel Foods AB")],
    )
    assert {key: band for key, (band, _) in found.items()} == {("C1", "E1"): Band.REVIEW}
