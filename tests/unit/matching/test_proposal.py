"""What is linked, what is suggested and why, when some records have their partner already."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import msgspec
import pytest

from interlock.matching.proposal import propose
from interlock.matching.register import Register
from interlock.matching.score import Band, default_weights
from interlock.matching.table import Company
from tests.unit.matching.lists import ACME, ACME_TOO, OTHER, table

WEIGHTS = default_weights()
NOBODY: tuple[AbstractSet[str], AbstractSet[str]] = (frozenset(), frozenset())


def named(company: Company, key: str, **changes: str) -> Company:
    return msgspec.structs.replace(company, id=key, **changes)


def proposed(
    left: list[Company],
    right: list[Company],
    *,
    taken: tuple[AbstractSet[str], AbstractSet[str]] = NOBODY,
    refused: AbstractSet[tuple[str, str]] = frozenset(),
) -> tuple[set[tuple[str, str]], dict[tuple[str, str], str]]:
    """Linked pairs, and suggested ones with the reason."""
    found = propose(table(*left), table(*right), WEIGHTS, taken=taken, refused=refused)
    return (
        {(p.left, p.right) for p in found.pairings(linked=True)},
        {(p.left, p.right): p.why for p in found.pairings(linked=False)},
    )


def test_a_pair_that_leads_clearly_is_linked() -> None:
    assert proposed([named(ACME, "c"), OTHER], [named(ACME, "e")]) == ({("c", "e")}, {})


def test_contributions_of_a_pair_add_up_to_its_probability() -> None:
    found = propose(table(named(ACME, "c")), table(named(ACME_TOO, "e")), WEIGHTS)
    [pairing] = found.pairings(linked=True)
    assert sum(pairing.explanation.contributions.values()) == pytest.approx(
        pairing.explanation.score
    )
    assert pairing.band is Band.LINK


@pytest.mark.parametrize("doubled", ["left", "right"])
def test_of_twins_a_person_chooses(doubled: str) -> None:
    one, two = [named(ACME, "x")], [named(ACME, "a"), named(ACME, "b")]
    linked, suggested = proposed(two, one) if doubled == "left" else proposed(one, two)
    assert linked == set()
    assert len(suggested) == 2
    assert "others fit about as well" in suggested.values()


def test_the_double_of_a_better_record_is_told_so() -> None:
    linked, suggested = proposed(
        [named(ACME, "c"), named(ACME_TOO, "c2", phone="")], [named(ACME, "e")]
    )
    assert linked == {("c", "e")}
    assert "same company twice" in suggested["c2", "e"]


def test_records_with_partners_take_no_more_but_are_shown() -> None:
    linked, suggested = proposed([named(ACME, "c")], [named(ACME, "e")], taken=({"c"}, set()))
    assert linked == set()
    assert "left record is linked" in suggested["c", "e"]
    linked, suggested = proposed([named(ACME, "c")], [named(ACME, "e")], taken=(set(), {"e"}))
    assert linked == set()
    assert "right record is linked" in suggested["c", "e"]
    assert proposed([named(ACME, "c")], [named(ACME, "e")], taken=({"c"}, {"e"})) == (set(), {})


def test_a_refused_pair_is_left_out_and_does_not_make_its_twin_the_winner() -> None:
    refused = {("c", "e1")}
    assert proposed([named(ACME, "c")], [named(ACME, "e1")], refused=refused) == (set(), {})
    linked, suggested = proposed(
        [named(ACME, "c")], [named(ACME, "e1"), named(ACME, "e2")], refused=refused
    )
    assert linked == set()
    assert set(suggested) == {("c", "e2")}


def test_a_telling_key_is_reviewed_however_unlike_the_rest_is() -> None:
    stranger = named(OTHER, "e", website="acme.example.de")
    assert proposed([named(ACME, "c")], [stranger])[1] == {("c", "e"): ""}
    assert proposed([named(ACME, "c")], [named(OTHER, "e")]) == (set(), {})


def test_a_domain_that_many_have_is_no_telling_key() -> None:
    crowd = [named(OTHER, f"e{n}", name=f"Haus {n}", website="acme.example.de") for n in range(9)]
    assert proposed([named(ACME, "c")], crowd) == (set(), {})


def test_a_register_gives_whoever_may_be_one_of_the_asked_and_its_newest_state() -> None:
    register = Register.of(table(named(ACME, "a"), named(ACME_TOO, "b"), named(OTHER, "o")))
    asked = table(named(ACME, "new"))
    assert register.near(asked, WEIGHTS) == {"a", "b"}
    later = register.with_records([named(OTHER, "a")])
    assert later.near(asked, WEIGHTS) == {"b"}
    assert later.chosen(["a", "o", "nobody"]).names.tolist() == 2 * ["nordlicht optik"]
