"""Budgets: how many calls a system gets from us, and for what first (rule 23)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.governance.budget import (
    ASK_AGAIN,
    DAY,
    BudgetLimits,
    Purpose,
    Spent,
    grant,
    purpose_of,
    slots_for,
)

T0 = datetime(2026, 5, 1, tzinfo=UTC)
FRESH = Spent(day_start=T0)
LATE = (Purpose.CUSTOMERS, Purpose.CATALOGUE, Purpose.BACKFILL)
URGENT = (Purpose.ORDERS, Purpose.CREDIT)


def spend(limits: BudgetLimits, purpose: Purpose, spent: Spent = FRESH) -> tuple[int, Spent]:
    """Take calls one by one until there are none."""
    made = 0
    while True:
        answer, spent = grant(limits, spent, purpose, 1, T0)
        if not answer.calls:
            return made, spent
        made += 1


def test_without_limits_everything_goes() -> None:
    answer, spent = grant(BudgetLimits(), FRESH, Purpose.BACKFILL, 20, T0)
    assert (answer.calls, spent.calls, spent.backfill) == (20, 20, 20)


@pytest.mark.parametrize(
    ("purpose", "calls"),
    [
        (Purpose.ORDERS, 800), (Purpose.CREDIT, 800), (Purpose.CUSTOMERS, 700),
        (Purpose.CATALOGUE, 700), (Purpose.BACKFILL, 500),
    ],
)  # fmt: skip
def test_what_a_day_leaves_for_what(purpose: Purpose, calls: int) -> None:
    limits = BudgetLimits(per_day=1000, reserve=0.2)
    assert spend(limits, purpose)[0] == calls


def test_an_order_leaves_when_full_reads_and_customers_have_had_theirs() -> None:
    limits, spent = BudgetLimits(per_day=1000, reserve=0.2), FRESH
    for purpose in reversed(LATE):
        _, spent = spend(limits, purpose, spent)
    assert spend(limits, Purpose.ORDERS, spent)[0] == 100


def test_a_day_later_it_begins_anew() -> None:
    limits = BudgetLimits(per_day=10)
    _, spent = spend(limits, Purpose.ORDERS)
    answer, _ = grant(limits, spent, Purpose.ORDERS, 1, T0 + DAY - timedelta(seconds=1))
    assert (answer.calls, answer.until) == (0, T0 + DAY)
    assert "10 calls are used up" in answer.why
    answer, _ = grant(limits, spent, Purpose.ORDERS, 20, T0 + DAY)
    assert answer.calls == 10


def test_what_the_system_reports_counts_the_others_too() -> None:
    told = FRESH.told(95, 100, T0)
    limits = BudgetLimits(reserve=0.02)
    assert spend(limits, Purpose.ORDERS, told)[0] == 3
    assert spend(limits, Purpose.CUSTOMERS, told)[0] == 0


def test_a_report_grows_old_and_one_call_asks_again() -> None:
    limits = BudgetLimits(reserve=0.2)
    spent = FRESH.told(100, 100, T0)
    answer, _ = grant(limits, spent, Purpose.CUSTOMERS, 20, T0)
    assert (answer.calls, answer.until) == (0, T0 + ASK_AGAIN)
    for now, ask in ((T0 + ASK_AGAIN, False), (T0, True)):
        answer, _ = grant(limits, spent, Purpose.CUSTOMERS, 20, now, ask=ask)
        assert answer.calls == 1


def test_nobody_calls_while_the_system_asked_to_wait() -> None:
    until = T0 + timedelta(minutes=5)
    spent = msgspec.structs.replace(FRESH, blocked_until=until)
    for purpose in Purpose:
        answer, _ = grant(BudgetLimits(), spent, purpose, 1, T0)
        assert (answer.calls, answer.until) == (0, until)
    assert grant(BudgetLimits(), spent, Purpose.BACKFILL, 1, until)[0].calls == 1


def test_a_pause_outlasts_the_day() -> None:
    until = T0 + DAY + timedelta(minutes=5)
    spent = msgspec.structs.replace(FRESH, blocked_until=until)
    assert grant(BudgetLimits(), spent, Purpose.ORDERS, 1, T0 + DAY)[0].until == until


@given(
    per_window=st.integers(1, 200),
    window=st.integers(1, 100),
    steps=st.lists(
        st.tuples(st.sampled_from(list(Purpose)), st.integers(1, 50), st.floats(0, 30)),
        max_size=80,
    ),
)
def test_no_window_sees_more_calls_than_it_may(
    per_window: int, window: int, steps: list[tuple[Purpose, int, float]]
) -> None:
    limits = BudgetLimits(per_window=per_window, window=timedelta(seconds=window))
    spent, now, made = FRESH, T0, list[tuple[datetime, int]]()
    for purpose, wanted, wait in steps:
        now += timedelta(seconds=wait)
        answer, spent = grant(limits, spent, purpose, wanted, now)
        made.append((now, answer.calls))
        if not answer.calls:
            assert answer.until is not None
            again, _ = grant(limits, spent, purpose, 1, answer.until + timedelta(milliseconds=1))
            assert again.calls == 1, "the time it names is enough"
    for start, _ in made:
        inside = [calls for at, calls in made if start <= at < start + limits.window]
        assert sum(inside) <= max(per_window, 2)


def test_full_reads_leave_a_part_of_the_bucket_to_an_order() -> None:
    limits = BudgetLimits(per_window=100, window=timedelta(seconds=10))
    made, spent = spend(limits, Purpose.BACKFILL)
    assert made == 8
    assert spend(limits, Purpose.ORDERS, spent)[0] == 2


def test_calls_not_made_are_given_back() -> None:
    limits = BudgetLimits(per_day=100, per_window=1000)
    _, spent = grant(limits, FRESH, Purpose.BACKFILL, 20, T0)
    back = spent.given_back({Purpose.BACKFILL: 15})
    assert (back.calls, back.backfill) == (5, 5)
    assert back.tokens == 95


def test_one_slot_is_never_a_full_reads() -> None:
    limits = BudgetLimits(slots=5)
    assert [slots_for(limits, p) for p in Purpose] == [5, 5, 5, 5, 4]
    assert slots_for(BudgetLimits(slots=1), Purpose.BACKFILL) == 1
    assert slots_for(BudgetLimits(), Purpose.ORDERS) is None


def test_what_a_person_stated_goes_before_what_the_connector_knows() -> None:
    known = BudgetLimits(per_day=1000, per_window=10, window=timedelta(minutes=1), slots=5)
    assert BudgetLimits().over(known) == known
    stated = BudgetLimits(per_day=50, per_window=2, reserve=0.5, slots=1)
    assert stated.over(known) == stated


@pytest.mark.parametrize(
    ("entity", "purpose"),
    [("order", Purpose.ORDERS), ("project", Purpose.ORDERS), ("invoice", Purpose.CREDIT), ("customer", Purpose.CUSTOMERS),
     ("price", Purpose.CATALOGUE)],
)  # fmt: skip
def test_an_entity_says_what_its_calls_serve(entity: str, purpose: Purpose) -> None:
    assert purpose_of(entity) is purpose
