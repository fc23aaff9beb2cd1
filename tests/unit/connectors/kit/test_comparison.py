"""Comparison: an update that is not to be sent gets its receipt, any other none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.base import Outcome, WriteKind, WriteRequest
from interlock.connectors.kit.comparison import compare
from interlock.mapping.codecs import Number, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import FieldFacts, Presence, Record

MAP = ObjectMap("customer", "c", (
    FieldMap("name", "n", Text(FieldFacts(max_length=5))),
    FieldMap("credit_limit", "l", Number()),
))  # fmt: skip


def record(presence: Presence = Presence.PRESENT, **fields: Any) -> Record:
    problems = {"credit_limit": "no number"} if fields.pop("broken", False) else None
    return Record(entity="customer", id="7", fields=fields, presence=presence, problems=problems)


def update(fields: dict[str, Any], **expected: Any) -> WriteRequest:
    return WriteRequest(
        id="w1", entity="customer", kind=WriteKind.UPDATE, record_id="7", fields=fields,
        expected=expected,
    )  # fmt: skip


def test_what_stands_as_expected_is_sent() -> None:
    assert compare(update({"name": "B"}, name="A"), record(name="A"), MAP) is None


@pytest.mark.parametrize("now", [None, record(Presence.GONE), record(Presence.MERGED)])
def test_what_is_not_there_is_not_found(now: Record | None) -> None:
    receipt = compare(update({"name": "B"}), now, MAP)
    assert receipt is not None
    assert receipt.reason is not None
    assert (receipt.outcome, receipt.reason.code) == (Outcome.REJECTED, "not_found")


@pytest.mark.parametrize(
    ("wanted", "there"),
    [({"name": "B"}, "B"), ({"name": "abcdefgh"}, "abcdefgh"[:5]), ({"name": "B "}, "B")],
)
def test_what_is_as_asked_already_is_unchanged(wanted: dict[str, Any], there: str) -> None:
    receipt = compare(update(wanted, name="A"), record(name=there), MAP)
    assert receipt is not None
    assert (receipt.outcome, receipt.record_id) == (Outcome.UNCHANGED, "7")


def test_what_somebody_changed_meanwhile_is_a_conflict() -> None:
    now = record(name="C", credit_limit=Decimal(1))
    receipt = compare(update({"name": "B"}, name="A"), now, MAP)
    assert receipt is not None
    assert (receipt.outcome, receipt.record) == (Outcome.CONFLICT, now)


def test_what_nobody_could_read_is_not_overwritten() -> None:
    receipt = compare(update({"credit_limit": Decimal(2)}, credit_limit=None),
                      record(name="A", broken=True), MAP)  # fmt: skip
    assert receipt is not None
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == ("invalid_value", "credit_limit")


def test_a_field_that_is_not_shown_is_no_conflict() -> None:
    assert (
        compare(update({"name": "B"}, name="A", credit_limit=None), record(name="A"), MAP) is None
    )
