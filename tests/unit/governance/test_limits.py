"""Blast limits: what counts as what, and how much of it may go (rule 14)."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.governance.limits import (
    Kind,
    Limit,
    Limits,
    Spent,
    admit,
    exceeds,
    follows,
    kind_of,
)
from interlock.model import WriteKind

FIVE = Limit(5, 5)


def spent(hour: range, day: range) -> Spent:
    return Spent(hour=frozenset(hour), day=frozenset(day))


@pytest.mark.parametrize(
    ("records", "most"), [(0, 20), (399, 20), (500, 25), (9_999, 499), (1_000_000, 500)]
)
def test_changes_are_a_part_of_the_records(records: int, most: int) -> None:
    for kind in (Kind.CREATE, Kind.CHANGE):
        assert Limits().of("customer", kind, records) == Limit(most, most)


@pytest.mark.parametrize("kind", [Kind.BLANK, Kind.DEACTIVATE, Kind.STAGE])
def test_what_cannot_be_made_good_is_twenty(kind: Kind) -> None:
    assert Limits().of("customer", kind, 1_000_000) == Limit(20, 20)


def test_a_stated_limit_holds_for_its_entity_and_kind_alone() -> None:
    limits = Limits({"customer": {Kind.BLANK: FIVE}})
    assert limits.of("customer", Kind.BLANK, 0) == FIVE
    assert limits.of("customer", Kind.CHANGE, 0) == Limit(20, 20)
    assert limits.of("contact", Kind.BLANK, 0) == Limit(20, 20)


@pytest.mark.parametrize(
    ("entity", "fields", "expected", "kind"),
    [
        ("customer", {"name": "b"}, {"name": "a"}, Kind.CHANGE),
        ("customer", {"name": "b"}, {"name": None}, Kind.CHANGE),
        ("customer", {"name": "b", "phone": None}, {"name": "a", "phone": "1"}, Kind.BLANK),
        ("customer", {"phone": None}, {"phone": None}, Kind.CHANGE),
        ("product", {"active": False}, {"active": True}, Kind.DEACTIVATE),
        ("product", {"active": False, "name": None}, {"name": "a"}, Kind.DEACTIVATE),
        ("product", {"active": True}, {"active": False}, Kind.CHANGE),
        ("deal", {"stage": "Paused"}, {"stage": "Proposal"}, Kind.STAGE),
        ("deal", {"order_number": "7"}, {"order_number": "6"}, Kind.CHANGE),
    ],
)
def test_a_write_is_of_the_gravest_kind(
    entity: str, fields: dict[str, Any], expected: dict[str, Any], kind: Kind
) -> None:
    assert kind_of(entity, WriteKind.UPDATE, fields, expected, fields) is kind
    assert kind_of(entity, WriteKind.CREATE, fields, {}, ()) is Kind.CREATE


def test_fields_that_follow_from_something_counted_do_not_count() -> None:
    fields: dict[str, Any] = {"phone": None, "other_id": "7"}
    assert kind_of("customer", WriteKind.UPDATE, fields, {"phone": "1"}, ["other_id"]) is (
        Kind.CHANGE
    )
    assert kind_of("customer", WriteKind.UPDATE, fields, {"phone": "1"}, []) is None
    assert follows("phone", "1", first_link=True)
    assert follows("other_id", "7", first_link=False)
    assert not follows("other_id", None, first_link=False), "clearing a key is no matter of course"
    assert not follows("phone", "1", first_link=False)


def test_the_last_one_that_fits_is_admitted_and_the_next_is_not() -> None:
    four = spent(range(4), range(4))
    assert admit(FIVE, four, [10, 11]) == [10]
    assert not exceeds(FIVE, four, {10})
    assert exceeds(FIVE, four, {10, 11})


def test_a_record_counts_once() -> None:
    full = spent(range(5), range(5))
    assert admit(FIVE, full, [3, 4, 9]) == [3, 4]
    assert admit(FIVE, Spent(), [1, 1, 1, 2]) == [1, 1, 1, 2]
    assert not exceeds(FIVE, full, {0, 1})


def test_both_windows_count() -> None:
    limit = Limit(hour=2, day=5)
    assert admit(limit, spent(range(2), range(2)), [7]) == [], "the hour is full"
    assert admit(limit, spent(range(0), range(5)), [7]) == [], "the day is full"
    assert admit(limit, spent(range(0), range(5)), [1, 2, 3]) == [1, 2], "known, but the hour fills"
    assert exceeds(limit, spent(range(2), range(2)), {7})
    assert exceeds(limit, spent(range(0), range(5)), {7})


def test_a_limit_of_none_admits_nothing() -> None:
    assert admit(Limit(0, 0), Spent(), [1]) == []
