"""Date literals of SOQL as spans of time, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from interlock.twins.salesforce.soql import DateLiteral

__all__ = ["first_moment", "span"]

_MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def span(literal: DateLiteral, today: date) -> tuple[date, date]:
    """Give the first day of a literal's span and the day after its last."""
    day = timedelta(days=1)
    count = literal.count
    # first day and day after the last, counted from today
    days = {
        "TODAY": (0, 1), "YESTERDAY": (-1, 0), "TOMORROW": (1, 2), "LAST_90_DAYS": (-90, 1),
        "NEXT_90_DAYS": (1, 91), "LAST_N_DAYS": (-count, 1), "NEXT_N_DAYS": (1, count + 1),
        "N_DAYS_AGO": (-count, 1 - count),
    }.get(literal.name)  # fmt: skip
    if days is None:
        return _periods(literal, today)
    return today + days[0] * day, today + days[1] * day


def first_moment(day: date) -> datetime:
    """Give the moment a day begins."""
    return datetime.combine(day, time(), tzinfo=UTC)


def _periods(literal: DateLiteral, today: date) -> tuple[date, date]:
    parts = literal.name.split("_")
    which, unit = parts[0], parts[-1].removesuffix("S")
    count = literal.count if parts[1] == "N" else 1
    if unit == "WEEK":
        # weeks begin on Sunday, as in a US locale
        begin = today - timedelta(days=(today.weekday() + 1) % 7)
        steps = [begin + timedelta(weeks=n) for n in (-count, 0, 1, count + 1)]
    else:
        size = _MONTHS[unit]
        month = (today.month - 1) // size * size + 1
        begin = date(today.year, month, 1)
        steps = [_shifted(begin, n * size) for n in (-count, 0, 1, count + 1)]
    before, this, following, after = steps
    return {"LAST": (before, this), "THIS": (this, following), "NEXT": (following, after)}[which]


def _shifted(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
