"""Duplicates within a list, and the register that new records are looked up in."""

from __future__ import annotations

import msgspec

from interlock.matching.duplicates import find_duplicates
from interlock.matching.register import Register
from interlock.matching.score import Band, default_weights
from interlock.matching.table import Company
from tests.unit.matching.lists import ACME, ACME_TOO, OTHER, table

WEIGHTS = default_weights()


def named(company: Company, key: str, **changes: str) -> Company:
    return msgspec.structs.replace(company, id=key, **changes)


def test_the_fuller_record_is_to_survive() -> None:
    found = find_duplicates(table(named(ACME_TOO, "a"), named(ACME, "b"), OTHER), WEIGHTS)
    assert [(d.survivor, d.duplicate, d.band) for d in found] == [("b", "a", Band.LINK)]
    assert found[0].explanation.weights == WEIGHTS.version


def test_the_record_in_use_survives_a_fuller_one() -> None:
    both = table(named(ACME_TOO, "a"), named(ACME, "b"))
    assert find_duplicates(both, WEIGHTS, uses={"a": 3})[0].survivor == "a"


def test_a_group_has_one_survivor() -> None:
    three = table(named(ACME, "a"), named(ACME, "b"), named(ACME, "c"))
    assert {(d.survivor, d.duplicate) for d in find_duplicates(three, WEIGHTS)} == {
        ("a", "b"),
        ("a", "c"),
    }


def test_different_companies_are_no_duplicates() -> None:
    assert not find_duplicates(table(ACME, OTHER), WEIGHTS)


def test_a_new_record_is_found_before_it_is_created_twice() -> None:
    register = Register.of(table(ACME, OTHER))
    found = register.find(ACME_TOO, WEIGHTS)
    assert [(f.id, f.band) for f in found] == [("1", Band.LINK)]
    assert not register.find(Company(id="x", name="Vandel Foods AB"), WEIGHTS)


def test_records_that_came_later_are_found_too() -> None:
    register = Register.of(table(OTHER))
    for number in range(3):
        register = register.with_records([Company(id=f"n{number}", name=f"Neu {number} GmbH")])
    register = register.with_records([ACME])
    assert [f.id for f in register.find(ACME_TOO, WEIGHTS)] == ["1"]
    assert len(register.parts) == 2, "small parts are joined"


def test_a_changed_record_replaces_the_old_one() -> None:
    register = Register.of(table(ACME, OTHER))
    changed = register.with_records([named(OTHER, "1")]).with_records([named(ACME, "3")])
    assert [f.id for f in changed.find(ACME_TOO, WEIGHTS)] == ["3"]
    again = changed.with_records([named(OTHER, "3")])
    assert not again.find(ACME_TOO, WEIGHTS)


def test_an_empty_register_finds_nothing() -> None:
    register = Register.of(table())
    assert register.with_records([]) == register
    assert not register.find(ACME, WEIGHTS)
    assert register.with_records([ACME]).find(ACME_TOO, WEIGHTS)
