"""When figures are made public: at once when they tell something new, else once a day.  Pure.

Rule 27: a balance moves with every booking, days overdue with every midnight.  Writing each step
would drown the CRM's history and its API budget.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from interlock.governance.signals import SignalRules
from interlock.model import Fields, Money, Value

__all__ = ["band_of", "is_due", "is_new", "today_of"]

_STAMP = "figures_at"
_SIGNED = ("balance", "overdue", "credit_balance")
_TOLD = ("oldest_due_on", "tier", "credit_hold")
"""Of these every change tells something new."""


def today_of(now: datetime, rules: SignalRules) -> date:
    """The company's day."""
    return now.astimezone(ZoneInfo(rules.time_zone)).date()


def is_due(
    before: Fields | None, at: datetime | None, after: Fields, now: datetime, rules: SignalRules
) -> bool:
    """Say whether figures made public at ``at`` give way to newer ones now."""
    if before is None or at is None:
        return bool(after)
    if not is_new(before, after):
        return False
    if band_of(before, rules) != band_of(after, rules):
        return True
    return today_of(at, rules) < today_of(now, rules)


def is_new(before: Fields | None, after: Fields) -> bool:
    """Say whether figures are others than those made public."""
    return _without_stamp(before or {}) != _without_stamp(after)


def _without_stamp(fields: Fields) -> Fields:
    return {f: v for f, v in fields.items() if f != _STAMP}


def band_of(fields: Fields, rules: SignalRules) -> tuple[object, ...]:
    """What about a customer's figures is worth telling at once."""
    return (
        frozenset(fields) - {_STAMP},
        *(_sign(fields.get(name)) for name in _SIGNED),
        *(fields.get(name) for name in _TOLD),
        _step(fields.get("days_overdue"), rules.overdue_bands),
        _step(fields.get("health_score"), rules.health.bands),
    )


def _sign(value: Value | None) -> int | None:
    if not isinstance(value, Money):
        return None
    return (value.amount > 0) - (value.amount < 0)


def _step(value: Value | None, steps: Sequence[int]) -> int | None:
    return bisect_right(steps, value) if isinstance(value, Decimal) else None
