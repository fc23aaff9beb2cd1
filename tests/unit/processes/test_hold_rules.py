"""What a credit hold means, decided from what is shown alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from interlock.model import Fields, Money
from interlock.processes.hold_rules import (
    HoldRules,
    Members,
    Step,
    by_rule,
    next_step,
    pausable,
    pause_step,
    pausing,
    resumption,
    standing,
)
from interlock.processes.roles import Role, Roles
from interlock.store.holds import Episode, Pause, PauseState

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = timedelta(minutes=10)
EUR = Money(Decimal(1000), "EUR")


def episode(off_since: datetime | None = None) -> Episode:
    return Episode(
        id=1, link_id=1, crm_id="c", erp_id="e", reason="", began_at=NOW, off_since=off_since
    )


@pytest.mark.parametrize(
    ("known", "seen", "step"),
    [
        (None, True, Step.PLACE),
        (None, False, Step.NONE),
        (None, None, Step.NONE),
        (episode(), True, Step.NONE),
        (episode(), None, Step.NONE),
        (episode(), False, Step.NOTE_OFF),
        (episode(NOW - TEN), False, Step.READ_AGAIN),
        (episode(NOW - TEN / 2), False, Step.NONE),
        (episode(NOW - TEN), True, Step.FORGET_OFF),
        (episode(NOW - TEN), None, Step.FORGET_OFF),
    ],
)
def test_a_customer(known: Episode | None, seen: bool | None, step: Step) -> None:
    assert next_step(known, seen, NOW, TEN) is step


@pytest.mark.parametrize(
    ("seen", "members", "held"),
    [
        ([False, True], Members.ANY, True),
        ([None, True], Members.ANY, True),
        ([False, None], Members.ANY, None),
        ([False, False], Members.ANY, False),
        ([False, True], Members.PRIMARY, False),
        ([True, False], Members.PRIMARY, True),
        ([None, True], Members.PRIMARY, None),
        ([], Members.ANY, None),
    ],
)
def test_several_members(seen: list[bool | None], members: Members, held: bool | None) -> None:
    assert standing(seen, members) is held


@pytest.mark.parametrize(
    ("days", "overdue", "held"),
    [
        (31, None, True),
        (30, Money(Decimal(1000), "EUR"), False),
        (0, Money(Decimal("1000.01"), "EUR"), True),
        (0, Money(Decimal(9999), "USD"), None),
        (None, Money(Decimal(1), "EUR"), None),
        (31, Money(Decimal(9999), "USD"), True),
        (None, None, None),
    ],
)
def test_by_rule(days: int | None, overdue: Money | None, held: bool | None) -> None:
    rules = HoldRules(days_overdue=30, overdue=EUR)
    assert by_rule(rules, days_overdue=days, overdue=overdue) is held


def test_without_a_rule_nothing_is_known() -> None:
    assert by_rule(HoldRules(), days_overdue=99, overdue=EUR) is None
    assert not HoldRules().computes


def test_kinds_are_the_crms_words_or_what_they_are_mapped_to() -> None:
    assert HoldRules().kind(" Renewal ") == "renewal"
    mapped = HoldRules(kinds={"Existing Business": "upsell"})
    assert mapped.kind("existing business") == "upsell"
    assert mapped.kind("Renewal") == ""
    assert mapped.kind(None) == ""


OPEN: Fields = {
    "stage": "Proposal", "stage_kind": "open", "kind": "Renewal", "paused": False,
    "paused_stage": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"stage_kind": "won"},
        {"stage": None},
        {"kind": "New Business"},
        {"paused": True},
    ],
)
def test_what_is_not_paused(change: Fields) -> None:
    assert pausable(HoldRules(), OPEN)
    assert not pausable(HoldRules(), OPEN | change)
    assert not pausable(HoldRules(), {f: v for f, v in OPEN.items() if f != "paused"})


def pause(state: PauseState = PauseState.PAUSED, **changes: Any) -> Pause:
    kept = Pause(
        episode_id=1, deal_id="d", link_id=1, stage="Proposal", mark_stage="On Hold", state=state,
        why="", at=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(kept, **changes)


MARKED: Fields = OPEN | {"paused": True, "paused_stage": "Proposal", "stage": "On Hold"}


@pytest.mark.parametrize(
    ("state", "deal", "on_hold", "expected"),
    [
        (PauseState.PAUSING, MARKED, True, PauseState.PAUSED),
        (PauseState.PAUSING, MARKED | {"stage": "Negotiation"}, True, PauseState.PAUSED),
        (PauseState.PAUSING, OPEN, True, PauseState.PAUSING),
        (PauseState.PAUSING, OPEN, False, PauseState.LEFT),
        (PauseState.PAUSING, MARKED, False, PauseState.RESUMING),
        (PauseState.PAUSED, MARKED, True, PauseState.PAUSED),
        (PauseState.PAUSED, OPEN, True, PauseState.LEFT),
        (PauseState.PAUSED, MARKED, False, PauseState.RESUMING),
        (PauseState.PAUSED, OPEN, False, PauseState.LEFT),
        (PauseState.PAUSED, {}, False, PauseState.RESUMING),
        (PauseState.PAUSED, {}, True, PauseState.PAUSED),
        (PauseState.PAUSED, None, True, PauseState.LEFT),
        (PauseState.RESUMING, MARKED, False, PauseState.RESUMING),
        (PauseState.RESUMING, {}, False, PauseState.RESUMING),
        (PauseState.RESUMING, OPEN, False, PauseState.RESUMED),
    ],
)
def test_a_pause(
    state: PauseState, deal: Fields | None, on_hold: bool, expected: PauseState
) -> None:
    new = pause_step(pause(state), deal, on_hold=on_hold, on_its_way=False, now=NOW)
    assert new.state is expected


def test_what_is_on_its_way_is_waited_for() -> None:
    sent = pause(PauseState.PAUSING)
    ended = pause_step(sent, OPEN, on_hold=False, on_its_way=True, now=NOW)
    assert ended.state is PauseState.RESUMING
    assert pause_step(ended, OPEN, on_hold=False, on_its_way=True, now=NOW) is ended


def test_a_deal_moved_before_it_was_paused_goes_back_to_where_it_was_moved() -> None:
    moved = OPEN | {"stage": "Negotiation"}
    new = pause_step(pause(PauseState.PAUSING), moved, on_hold=True, on_its_way=False, now=NOW)
    assert (new.stage, new.mark_stage) == ("Negotiation", "On Hold")
    flag_only = pause(PauseState.PAUSING, mark_stage="Proposal")
    new = pause_step(flag_only, moved, on_hold=True, on_its_way=False, now=NOW)
    assert (new.stage, new.mark_stage) == ("Negotiation", "Negotiation")


def test_what_is_written_to_pause() -> None:
    assert pausing(pause(), OPEN) == {
        "paused": True, "paused_stage": "Proposal", "stage": "On Hold",
    }  # fmt: skip
    assert pausing(pause(mark_stage="Proposal"), OPEN) == {
        "paused": True, "paused_stage": "Proposal",
    }  # fmt: skip
    for moved in ({"stage": "Negotiation"}, {"stage_kind": "won"}):
        assert pausing(pause(), OPEN | moved) == {}
    assert pausing(pause(), MARKED) == {}


def test_what_is_written_to_go_on() -> None:
    back = {"paused": False, "paused_stage": None, "stage": "Proposal"}
    assert resumption(pause(), MARKED) == back
    moved = resumption(pause(), MARKED | {"stage": "Negotiation"})
    assert moved == {"paused": False, "paused_stage": None}
    assert resumption(pause(), OPEN) == {}


def test_roles_fall_back() -> None:
    roles = Roles(
        stated={Role.SALES_MANAGER: "005BOB", Role.CUSTOMER_SUCCESS: "custom.csm"},
        fallback="005ADMIN",
    )
    customer: Fields = {"owner": "005ADA", "custom.csm": "005EVE"}
    told = {role: roles.user(role, customer) for role in Role}
    assert told == {
        Role.OWNER: "005ADA", Role.SALES_MANAGER: "005BOB", Role.CUSTOMER_SUCCESS: "005EVE",
        Role.FINANCE: "005ADMIN",
    }  # fmt: skip
    assert roles.user(Role.CUSTOMER_SUCCESS, {"owner": "005ADA"}) == "005ADA"
    assert roles.user(Role.OWNER, {}) == "005ADMIN"
