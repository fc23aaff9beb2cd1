"""Blast limits: how many records may be written unasked, and what goes beyond (rule 14).  Pure.

Counted are distinct records per target, entity and kind over a rolling hour and a rolling day.
What a person approved is not counted: an approved plan carries its own allowance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum

import msgspec

from interlock.governance.rules import CROSS_REFERENCE
from interlock.model import SIGNALS, Fields, WriteKind

__all__ = [
    "DAY", "FLOOR", "HOUR", "Kind", "Limit", "Limits", "Spent", "admit", "exceeds", "follows",
    "kind_of",
]  # fmt: skip

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FLOOR = 20
"""Records that may always be written; for blanks, deactivations and stage moves also the most."""
_CEILING = 500
_PART = 20
"""One record in so many: 5 %."""


class Kind(StrEnum):
    """What a write does to a record, the gravest thing first; a write is of one kind.

    A group of fields that is to have a limit of its own becomes one more kind.
    """

    CREATE = "create"
    DEACTIVATE = "deactivate"
    STAGE = "stage"
    BLANK = "blank"
    CHANGE = "change"


_FIXED = frozenset({Kind.DEACTIVATE, Kind.STAGE, Kind.BLANK})


class Limit(msgspec.Struct, frozen=True):
    """Records of one kind that may be written unasked within an hour and within a day."""

    hour: int
    day: int


class Spent(msgspec.Struct, frozen=True):
    """Links whose record was written unasked, of one target, entity and kind."""

    hour: frozenset[int] = frozenset()
    day: frozenset[int] = frozenset()


class Limits(msgspec.Struct, frozen=True):
    """The limits in force; ``stated``: entity -> kind -> the limit in ``interlock.yaml``."""

    stated: Mapping[str, Mapping[Kind, Limit]] = {}

    def of(self, entity: str, kind: Kind, records: int) -> Limit:
        """Give the limit; ``records``: how many of the entity the target has."""
        stated = self.stated.get(entity, {}).get(kind)
        if stated is not None:
            return stated
        most = FLOOR if kind in _FIXED else max(FLOOR, min(records // _PART, _CEILING))
        return Limit(most, most)


def kind_of(
    entity: str, write: WriteKind, fields: Fields, expected: Fields, counted: Collection[str]
) -> Kind | None:
    """Say what a write is counted as; ``None``: nothing of it counts.

    ``counted``: its fields but those that follow from a create or link which was counted itself.
    """
    if write is WriteKind.CREATE:
        return Kind.CREATE
    # signals move with the calendar: written at most daily, they are no burst of edits
    signals = SIGNALS.get(entity, frozenset())
    mine = [f for f in counted if f in fields and f not in signals]
    if not mine:
        return None
    if "active" in mine and fields["active"] is False and expected.get("active") is not False:
        return Kind.DEACTIVATE
    if entity == "deal" and "stage" in mine:
        return Kind.STAGE
    if any(fields[f] is None and expected.get(f) is not None for f in mine):
        return Kind.BLANK
    return Kind.CHANGE


def follows(field: str, value: object, *, first_link: bool) -> bool:
    """Say whether a field's write follows from a create or link that was counted or approved."""
    return first_link or (field == CROSS_REFERENCE and value is not None)


def exceeds(limit: Limit, spent: Spent, asked: Collection[int]) -> bool:
    """Say whether writing these links' records, too, would go beyond the limit."""
    return len(spent.day.union(asked)) > limit.day or len(spent.hour.union(asked)) > limit.hour


def admit(limit: Limit, spent: Spent, asked: Sequence[int]) -> list[int]:
    """Those of the links, in order, that may still be written."""
    hour, day, admitted = set(spent.hour), set(spent.day), []
    for link in asked:
        fits_hour = link in hour or len(hour) < limit.hour
        fits_day = link in day or len(day) < limit.day
        if fits_hour and fits_day:
            hour.add(link)
            day.add(link)
            admitted.append(link)
    return admitted
