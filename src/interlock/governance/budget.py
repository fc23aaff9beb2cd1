"""Budgets: how many calls a system gets from us, and for what first (rule 23).  Pure.

A day's quota is spent by all integrations of the company: what the system itself reports counts,
else what we counted.  A rate is a bucket that is full at a tenth of the window's calls and refills
over the window with the rest, so that no window sees more than the vendor allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

__all__ = [
    "ASK_AGAIN",
    "DAY",
    "BudgetLimits",
    "Grant",
    "Purpose",
    "Spent",
    "grant",
    "purpose_of",
    "slots_for",
]

DAY: Final = timedelta(days=1)

ASK_AGAIN: Final = timedelta(minutes=15)
"""What a system reported of its quota may have changed after this time: one call finds out."""


class Purpose(StrEnum):
    """What a call is for, the most urgent first."""

    ORDERS = "orders"
    CREDIT = "credit"
    CUSTOMERS = "customers"
    CATALOGUE = "catalogue"
    BACKFILL = "backfill"
    """Full reads: the first load, nightly sweeps, drift runs."""


_PURPOSES: Final = {
    "deal": Purpose.ORDERS, "order": Purpose.ORDERS, "quote": Purpose.ORDERS,
    "project": Purpose.ORDERS,
    "invoice": Purpose.CREDIT, "task": Purpose.CREDIT,
    "product": Purpose.CATALOGUE, "price": Purpose.CATALOGUE,
}  # fmt: skip
_URGENT: Final = frozenset({Purpose.ORDERS, Purpose.CREDIT})


def purpose_of(entity: str) -> Purpose:
    """Say what reading changes of an entity, or writing it, serves."""
    return _PURPOSES.get(entity, Purpose.CUSTOMERS)


class BudgetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a system allows all its integrations together, and what is left to the others.

    ``per_day``: calls in 24 hours.  ``reserve``: share of these that is never ours, 0 to below 1.
    ``per_window``: calls in any ``window``.  ``slots``: calls at the same time.
    """

    per_day: int | None = None
    reserve: float = 0.0
    per_window: int | None = None
    window: timedelta = timedelta(seconds=1)
    slots: int | None = None

    def over(self, facts: BudgetLimits) -> BudgetLimits:
        """Fill in from the system's own facts what nobody stated."""
        rated = self if self.per_window is not None else facts
        return BudgetLimits(
            per_day=self.per_day if self.per_day is not None else facts.per_day,
            reserve=self.reserve or facts.reserve,
            per_window=rated.per_window,
            window=rated.window,
            slots=self.slots if self.slots is not None else facts.slots,
        )


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What has been spent; ``reported``: by everybody, as the system said at ``reported_at``.

    ``since``: our calls since then.  ``tokens``: what the bucket held at ``filled_at``.
    """

    day_start: datetime
    calls: int = 0
    backfill: int = 0
    reported: int | None = None
    reported_limit: int | None = None
    reported_at: datetime | None = None
    since: int = 0
    tokens: float | None = None
    filled_at: datetime | None = None
    blocked_until: datetime | None = None

    def today(self, now: datetime) -> Spent:
        """Begin a new day when the old one is over."""
        if now < self.day_start + DAY:
            return self
        return Spent(
            day_start=now,
            tokens=self.tokens,
            filled_at=self.filled_at,
            blocked_until=self.blocked_until,
        )

    def told(self, used: int, limit: int | None, now: datetime) -> Spent:
        """Take over what the system reports."""
        return msgspec.structs.replace(
            self, reported=used, reported_limit=limit, reported_at=now, since=0
        )

    def given_back(self, rest: Mapping[Purpose, int]) -> Spent:
        """Take back calls that were given out and not made."""
        calls = sum(rest.values())
        return msgspec.structs.replace(
            self,
            calls=max(self.calls - calls, 0),
            since=max(self.since - calls, 0),
            backfill=max(self.backfill - rest.get(Purpose.BACKFILL, 0), 0),
            tokens=None if self.tokens is None else self.tokens + calls,
        )

    def limit(self, limits: BudgetLimits) -> int | None:
        """The day's quota: what a person stated, else what the system says."""
        return limits.per_day if limits.per_day is not None else self.reported_limit

    @property
    def used(self) -> int:
        """Calls of the day so far, of everybody where the system tells."""
        return self.calls if self.reported is None else self.reported + self.since


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls may be made now; with none, when to ask again and why."""

    calls: int
    until: datetime | None = None
    why: str = ""


def grant(
    limits: BudgetLimits,
    spent: Spent,
    purpose: Purpose,
    wanted: int,
    now: datetime,
    *,
    ask: bool = False,
) -> tuple[Grant, Spent]:
    """Give out up to ``wanted`` calls, and what is spent then.

    ``ask``: where the system's own report leaves nothing, one call may find out how it is now.
    """
    spent = spent.today(now)
    if spent.blocked_until is not None and spent.blocked_until > now:
        until = spent.blocked_until
        return Grant(calls=0, until=until, why="the system asked us to wait"), spent
    room, until, why = _room(limits, spent, purpose, now, ask=ask)
    if room < 1:
        return Grant(calls=0, until=until, why=why), spent
    spent = _filled(limits, spent, now)
    given, until = _rated(limits, spent, purpose, min(wanted, room), now)
    if given < 1:
        return Grant(calls=0, until=until, why="the calls of a moment are used up"), spent
    return Grant(calls=given), msgspec.structs.replace(
        spent,
        calls=spent.calls + given,
        since=spent.since + given,
        backfill=spent.backfill + (given if purpose is Purpose.BACKFILL else 0),
        tokens=None if spent.tokens is None else spent.tokens - given,
    )


def _room(
    limits: BudgetLimits, spent: Spent, purpose: Purpose, now: datetime, *, ask: bool
) -> tuple[int, datetime, str]:
    """Say what the day leaves for a purpose; with nothing left, until when and why."""
    tomorrow = spent.day_start + DAY
    limit = spent.limit(limits)
    if limit is None:
        return 1_000_000, tomorrow, ""
    kept = math.ceil(limit * limits.reserve)
    left = limit - kept - spent.used
    why = f"the day's {limit} calls are used up"
    if kept:
        why += f", but for the {kept} left to other programs"
    if left >= 1 and purpose not in _URGENT:
        left -= limit // 10
        why = "the last tenth of the day's calls is kept for orders and holds"
    if purpose is Purpose.BACKFILL and limit // 2 - spent.backfill < left:
        left = limit // 2 - spent.backfill
        if left < 1:
            return left, tomorrow, "full reads have had their half of the day's calls"
    if left < 1 and spent.reported_at is not None:
        # others' calls leave the count hour by hour: one call tells how it stands
        again = spent.reported_at + ASK_AGAIN
        if ask or now >= again:
            return 1, again, ""
        return left, min(again, tomorrow), why
    return left, tomorrow, why


def _capacity(limits: BudgetLimits) -> int:
    assert limits.per_window is not None
    return max(1, limits.per_window // 10)


def _per_second(limits: BudgetLimits) -> float:
    assert limits.per_window is not None
    rest = max(limits.per_window - _capacity(limits), 1)
    return rest / limits.window.total_seconds()


def _filled(limits: BudgetLimits, spent: Spent, now: datetime) -> Spent:
    if limits.per_window is None:
        return msgspec.structs.replace(spent, tokens=None, filled_at=None)
    capacity = float(_capacity(limits))
    if spent.tokens is None or spent.filled_at is None:
        return msgspec.structs.replace(spent, tokens=capacity, filled_at=now)
    # a clock set back fills nothing
    passed = max((now - spent.filled_at).total_seconds(), 0.0)
    tokens = min(capacity, spent.tokens + passed * _per_second(limits))
    return msgspec.structs.replace(spent, tokens=tokens, filled_at=max(now, spent.filled_at))


def _rated(
    limits: BudgetLimits, spent: Spent, purpose: Purpose, wanted: int, now: datetime
) -> tuple[int, datetime]:
    """Say how many calls the bucket gives, else when it gives one.

    A quarter of it is never for full reads, so that an order need not wait for them.
    """
    if spent.tokens is None:
        return wanted, now
    kept = _capacity(limits) // 4 if purpose is Purpose.BACKFILL else 0
    # a float that is a hair below a whole call is that call
    given = min(wanted, math.floor(spent.tokens - kept + 1e-9))
    missing = max(1 + kept - spent.tokens, 0.0)
    return given, now + timedelta(seconds=missing / _per_second(limits))


def slots_for(limits: BudgetLimits, purpose: Purpose) -> int | None:
    """How many calls at the same time a purpose may be one of; one slot is not for full reads."""
    if limits.slots is None:
        return None
    return max(limits.slots - 1, 1) if purpose is Purpose.BACKFILL else limits.slots
