"""Overruled: who keeps editing what their system does not own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.labels import known_entity, label_of
from interlock.store import observations
from interlock.store.database import Store, Tx
from interlock.store.overruled import edits_since

__all__ = ["OverruledReport", "Overruling", "RecordEdited", "report_overruled"]

_MOST = 5


class RecordEdited(msgspec.Struct, frozen=True, kw_only=True):
    """A record on which it happened, and how often."""

    id: str
    label: str
    count: int


class Overruling(msgspec.Struct, frozen=True, kw_only=True):
    """One field that is edited in a system that does not own it.

    ``count``: edits that gave way or were shown to a person (``shown`` of them); ``records``: on
    how many records; ``most``: those with most.
    """

    system: str
    owner: str
    entity: str
    field: str
    count: int
    shown: int
    records: int
    first: datetime
    last: datetime
    most: Sequence[RecordEdited]


class OverruledReport(msgspec.Struct, frozen=True, kw_only=True):
    """All such fields, most edits first.

    Systems do not tell Interlock who saved a record: the record's own log does.
    """

    since: datetime
    fields: Sequence[Overruling]


def report_overruled(
    project: Project, store: Store, *, since: timedelta, now: datetime, entity: str | None = None
) -> OverruledReport:
    """Report the edits of what a system does not own, as the ownership map says today."""
    if entity is not None:
        known_entity(entity)
    start = now - since

    def _report(tx: Tx) -> OverruledReport:
        records: dict[tuple[Side, str, str], Counter[str]] = {}
        shown: Counter[tuple[Side, str, str]] = Counter()
        times: dict[tuple[Side, str, str], tuple[datetime, datetime]] = {}
        for edit in edits_since(tx, start):
            rules = project.ownership.entities.get(edit.entity)
            rule = None if rules is None else rules.fields.get(edit.field)
            if rule is None or rule.ownership.side is not edit.side.other:
                continue
            if entity not in (None, edit.entity):
                continue
            key = (edit.side, edit.entity, edit.field)
            records.setdefault(key, Counter())[edit.record_id] += 1
            shown[key] += edit.shown
            times[key] = (times.get(key, (edit.at, edit.at))[0], edit.at)
        found = [
            Overruling(
                system=project.connection(side).name,
                owner=project.connection(side.other).name,
                entity=name,
                field=field,
                count=counts.total(),
                shown=shown[side, name, field],
                records=len(counts),
                first=times[side, name, field][0],
                last=times[side, name, field][1],
                most=_most(tx, side, name, counts),
            )
            for (side, name, field), counts in records.items()
        ]
        found.sort(key=lambda o: (-o.count, o.system, o.entity, o.field))
        return OverruledReport(since=start, fields=found)

    return store.run(_report)


def _most(tx: Tx, side: Side, entity: str, counts: Counter[str]) -> list[RecordEdited]:
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_MOST]
    seen = observations.load(tx, side, entity, [i for i, _ in most])
    return [
        RecordEdited(id=i, label=label_of(seen[i].fields) if i in seen else "", count=n)
        for i, n in most
    ]
