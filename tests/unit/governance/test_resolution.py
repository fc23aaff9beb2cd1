"""Resolutions: one decision, all the states in which it may meet the two sides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.governance.merge import Action, MemberView, OpenKind, Outcome, merge_field
from interlock.governance.resolution import (
    Choice,
    Resolution,
    Resolved,
    Standing,
    resolve_field,
    same_to_both,
)
from interlock.governance.rules import FieldRule, OnForeignEdit, Ownership, Side
from interlock.model import FieldFacts

AT = datetime(2026, 3, 2, tzinfo=UTC)
SHARED = FieldRule(field="phone", ownership=Ownership.SHARED)
FLAG = FieldRule(field="phone", ownership=Ownership.CRM, on_foreign_edit=OnForeignEdit.FLAG)


def view(value: Any, base: Any = "1", **more: Any) -> MemberView:
    fields = {} if value is ... else {"phone": value}
    return MemberView(fields=fields, base={"phone": base}, **more)


def decided(choice: str, value: str | None = None, **more: Any) -> Resolution:
    words = {"ownership": Ownership.SHARED, "by": "Kim", "reason": ""} | more
    return Resolution(
        field="phone", choice=Choice(choice), value=value, at=AT,
        seen=dict.fromkeys(Side, ""), **words,
    )  # fmt: skip


def resolve(
    resolution: Resolution,
    crm: MemberView,
    erp: MemberView,
    *moved: Side,
    rule: FieldRule = SHARED,
    is_open: bool = True,
) -> Resolved:
    views = {Side.CRM: crm, Side.ERP: erp}
    merged = merge_field(rule, crm, erp)
    return resolve_field(rule, resolution, views, frozenset(moved), merged, is_open=is_open)


def writes(found: Resolved) -> dict[Side | None, Any]:
    return {o.target: o.value for o in found.outcomes if o.action is Action.WRITE}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("crm", {Side.ERP: "2"}), ("erp", {Side.CRM: "3"}), ("value", {Side.CRM: "4", Side.ERP: "4"})],
)
def test_a_decision_is_written_where_it_differs(choice: str, expected: dict[Side, str]) -> None:
    found = resolve(decided(choice, "4"), view("2"), view("3"))
    assert writes(found) == expected
    assert found.standing is Standing.DECIDED
    assert found.quiet
    assert {o.expected for o in found.outcomes} <= {"2", "3"}
    assert all(o.why == "decided by Kim" for o in found.outcomes)


def test_it_goes_on_with_the_side_that_is_left() -> None:
    found = resolve(decided("value", "4"), view("4", "4"), view("3"), Side.CRM)
    assert writes(found) == {Side.ERP: "4"}


def test_it_ends_when_both_sides_agree() -> None:
    assert resolve(decided("value", "4"), view("4"), view("4"), *Side).standing is None
    assert resolve(decided("crm"), view("9"), view("9"), *Side).standing is None


def test_another_spelling_of_what_was_written_is_good_enough() -> None:
    erp = view("A-1", "a 1", unconfirmed=frozenset({"phone"}))
    found = resolve(decided("crm"), view("a 1", "a 1"), erp, Side.ERP)
    assert found.standing is None
    assert not writes(found)


@pytest.mark.parametrize("shown", ["3", "7"])
def test_what_a_system_does_not_take_is_shown_not_repeated(shown: str) -> None:
    erp = view(shown, "2", unconfirmed=frozenset({"phone"}))
    found = resolve(decided("crm"), view("2", "2"), erp, *([Side.ERP] if shown == "7" else []))
    (outcome,) = found.outcomes
    assert (outcome.kind, outcome.target, found.standing) == (OpenKind.NOT_TAKEN, Side.ERP, None)
    assert Side.ERP in outcome.rebase


def test_an_older_write_that_was_not_taken_is_not_this_one() -> None:
    erp = view("3", "8", unconfirmed=frozenset({"phone"}))
    assert writes(resolve(decided("crm"), view("2"), erp)) == {Side.ERP: "2"}


@pytest.mark.parametrize("moved", [(Side.CRM,), (Side.ERP,), tuple(Side)])
@pytest.mark.parametrize("choice", ["crm", "erp", "value"])
def test_a_side_that_moved_voids_it(choice: str, moved: tuple[Side, ...]) -> None:
    found = resolve(decided(choice, "4"), view("7"), view("8"), *moved)
    (outcome,) = found.outcomes
    assert (outcome.action, outcome.kind) == (Action.OPEN, OpenKind.CONFLICT)
    assert found.standing is Standing.STALE
    assert not found.quiet
    assert all(side.value.upper() in found.note for side in moved)


def test_a_void_one_holds_a_shared_field_that_would_be_written() -> None:
    stale = decided("value", "4", standing=Standing.STALE, note="note")
    found = resolve(stale, view("4", "4"), view("7"))
    (outcome,) = found.outcomes
    assert (outcome.action, outcome.kind, outcome.why) == (
        Action.OPEN, OpenKind.CONFLICT, "note",
    )  # fmt: skip
    assert found.standing is Standing.STALE


def test_a_void_one_on_an_owned_field_follows_the_owner() -> None:
    found = resolve(
        decided("erp", ownership=Ownership.CRM), view("9"), view("3", "3"), Side.CRM, rule=FLAG
    )
    assert writes(found) == {Side.ERP: "9"}
    assert found.standing is None


def test_a_void_one_is_shown_even_where_the_merge_is_at_rest() -> None:
    """Flagged and not taken fields have what is shown as base: the merge has nothing to say."""
    for rule, kind in ((SHARED, OpenKind.CONFLICT), (FLAG, OpenKind.FLAGGED)):
        found = resolve(
            decided("crm", ownership=Ownership.ERP), view("2", "2"), view("3", "3"), rule=rule
        )
        assert [o.kind for o in found.outcomes] == [kind]
        assert "whose the field is has changed" in found.note
    stale = decided("crm", standing=Standing.STALE, note="note")
    at_rest = (view("2", "2"), view("3", "3"))
    assert resolve(stale, *at_rest).standing is Standing.STALE, "as long as it is open"
    assert resolve(stale, *at_rest, is_open=False).standing is None


@pytest.mark.parametrize("standing", [Standing.DECIDED, Standing.STALE])
def test_an_unknown_value_changes_nothing(standing: Standing) -> None:
    found = resolve(decided("crm", standing=standing), view("2"), view(...))
    assert (found.outcomes, found.standing) == ((), standing)


def test_what_may_not_be_written_is_said() -> None:
    erp = view("3", facts={"phone": FieldFacts(writable=False)})
    found = resolve(decided("crm", reason="asked"), view("2"), erp)
    (outcome,) = found.outcomes
    assert outcome.kind is OpenKind.READ_ONLY
    assert outcome.why.startswith("decided by Kim: asked, but the ERP")
    assert found.standing is Standing.DECIDED


class TestKept:
    def test_it_is_quiet_as_long_as_nothing_moves(self) -> None:
        found = resolve(decided("keep"), view("2"), view("3"))
        assert (found.outcomes, found.standing, found.quiet) == ((), Standing.DECIDED, True)

    def test_what_was_noted_as_base_still_is(self) -> None:
        found = resolve(
            decided("keep", ownership=Ownership.CRM), view("2", "2"), view("3", "2"), rule=FLAG
        )
        (outcome,) = found.outcomes
        assert (outcome.action, outcome.rebase) == (Action.SETTLE, frozenset({Side.ERP}))
        assert found.quiet

    def test_it_ends_when_a_side_moves(self) -> None:
        found = resolve(decided("keep"), view("7"), view("3"), Side.CRM)
        assert found.standing is None
        assert [o.kind for o in found.outcomes] == [OpenKind.CONFLICT]
        at_rest = resolve(decided("keep"), view("7", "7"), view("3", "3"), Side.CRM)
        assert (at_rest.outcomes, at_rest.standing) == ((), None)


def test_a_shortened_value_is_the_same_unless_the_map_says_otherwise() -> None:
    short = FieldFacts(max_length=3)
    one, two = view("abcdef"), view("abc", facts={"phone": short})
    assert same_to_both(SHARED, one, two)
    lossy = FieldRule(field="phone", ownership=Ownership.SHARED, lossy_ok=True)
    assert not same_to_both(lossy, one, two)


def test_rebased_sides_stay_rebased() -> None:
    resolution, views = decided("crm"), {Side.CRM: view("2"), Side.ERP: view("3")}
    merged = Outcome(
        field="phone", action=Action.OPEN, why="", kind=OpenKind.CONFLICT,
        rebase=frozenset({Side.CRM}),
    )  # fmt: skip
    found = resolve_field(SHARED, resolution, views, frozenset(), merged, is_open=True)
    assert found.outcomes[0].rebase == {Side.CRM}


def test_what_stays_as_it_is_is_written_to_neither() -> None:
    assert decided("keep").targets() == ()
    assert decided("erp").targets() == (Side.CRM,)
    assert decided("value", "4").targets() == (Side.CRM, Side.ERP)
