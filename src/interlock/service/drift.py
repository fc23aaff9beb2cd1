"""Drift: compare both systems in full, say what explains each difference, heal what may be."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.document import suggest
from interlock.governance.rules import Side
from interlock.reports.page import render
from interlock.service.files import write_text
from interlock.service.session import Session
from interlock.service.tables import Kind, Sheet
from interlock.store import feeds, links, observations, outbox
from interlock.store.database import Store, Tx
from interlock.store.history import plain
from interlock.sync.drift import Cause, Difference, compare
from interlock.sync.linking import link_records
from interlock.sync.mapchange import DISTRUSTED, activate
from interlock.sync.observe import fetch_now
from interlock.sync.pair import Pair
from interlock.sync.progress import Run
from interlock.sync.reconcile import reconcile

__all__ = [
    "DriftCount", "DriftReport", "DriftRow", "Filter", "Healed", "LastDrift", "heal", "last_drift",
    "read_last", "run_drift", "sheet_of", "write_page",
]  # fmt: skip

HEALABLE = (
    Cause.NOT_OBSERVED, Cause.NOT_PUT_BACK, Cause.UNEXPLAINED, Cause.GONE, Cause.UNLINKED,
)  # fmt: skip
"""What looking again may mend; the others wait for a write, or for a person."""

ALARMING = (Cause.NOT_OBSERVED, Cause.NOT_PUT_BACK, Cause.UNEXPLAINED)
"""What should not be there at all once a sync has run."""

KEPT = 1000
"""Differences kept for the report; all go into the CSV file."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences are meant; what is empty leaves all in."""

    entity: str | None = None
    field: str | None = None
    cause: Cause | None = None

    @classmethod
    def of(cls, entity: str | None, field: str | None, cause: str | None, pair: Pair) -> Filter:
        """Check what a person typed; raises ``ConfigurationError``."""
        if entity is not None and entity not in pair.merged():
            raise ConfigurationError(
                f"{entity!r} is not synced", fix=suggest(entity, pair.merged())
            )
        known = {f for e in pair.merged() if (r := pair.rules(e)) is not None for f in r.fields}
        if field is not None and field not in known:
            raise ConfigurationError(f"{field!r} is not synced", fix=suggest(field, known))
        words = [c.value for c in Cause]
        if cause is not None and cause not in words:
            raise ConfigurationError(f"{cause!r} is no cause", fix=suggest(cause, words))
        return cls(entity=entity, field=field, cause=Cause(cause) if cause else None)

    def meets(self, one: Difference) -> bool:
        """Say whether a difference is meant."""
        return (
            self.entity in (None, one.entity)
            and self.field in (None, one.field)
            and self.cause in (None, one.cause)
        )


class DriftRow(msgspec.Struct, frozen=True, kw_only=True):
    """One difference as it is shown; records and values by system."""

    entity: str
    field: str
    cause: Cause
    why: str
    link: int | None
    records: Mapping[str, str]
    values: Mapping[str, object]


class DriftCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many differences of one entity and field have one cause."""

    entity: str
    field: str
    cause: Cause
    count: int


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison found; ``differences`` holds the first of them."""

    at: datetime
    compared: int
    total: int
    counts: Sequence[DriftCount]
    differences: Sequence[DriftRow]

    @property
    def alarming(self) -> int:
        """How many differences nothing explains, or a sync should have found."""
        return sum(c.count for c in self.counts if c.cause in ALARMING)


class LastDrift(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison that ended last; ``alarming``: what a sync should have mended."""

    at: datetime
    compared: int
    total: int
    alarming: int
    counts: Sequence[DriftCount] = ()


class Healed(msgspec.Struct, frozen=True, kw_only=True):
    """What healing looked at again, and what that led to.

    ``left``: differences meant that only a write under way or a person can end.  ``to_send`` and
    ``to_approve``: writes of the outbox afterwards.
    """

    dry_run: bool
    healed: int
    left: int
    counts: Sequence[DriftCount]
    to_send: int = 0
    to_approve: int = 0


class _Tally:
    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, Cause]] = Counter()

    def add(self, differences: Sequence[Difference]) -> None:
        self._counts.update((d.entity, d.field, d.cause) for d in differences)

    @property
    def total(self) -> int:
        return self._counts.total()

    def shown(self) -> list[DriftCount]:
        return [
            DriftCount(entity=e, field=f, cause=c, count=n)
            for (e, f, c), n in sorted(self._counts.items())
        ]


async def run_drift(session: Session, run: Run, *, rows_to: IO[str] | None = None) -> DriftReport:
    """Compare both systems in full; writes to neither.  ``rows_to`` gets every row as CSV."""
    pair = session.pair
    tally, kept = _Tally(), list[DriftRow]()
    write = _csv(rows_to, pair)
    at = pair.clock()

    async def _found(differences: Sequence[Difference]) -> None:
        tally.add(differences)
        for one in differences:
            write(one)
            if len(kept) < KEPT:
                kept.append(_row(pair, one))

    compared = await compare(pair, run, _found)
    report = DriftReport(
        at=at, compared=compared, total=tally.total, counts=tally.shown(), differences=kept
    )
    last = LastDrift(at=at, compared=compared, total=report.total, alarming=report.alarming,
                     counts=report.counts)  # fmt: skip
    await session.store.call(feeds.set_meta, "drift", msgspec.json.encode(last).decode())
    return report


def last_drift(tx: Tx) -> LastDrift | None:
    """What the last comparison found; ``None`` when there was none."""
    stored = feeds.get_meta(tx, "drift")
    return None if stored is None else msgspec.json.decode(stored, type=LastDrift)


def read_last(store: Store) -> LastDrift | None:
    """What the last comparison found, from the store alone."""
    return store.run(last_drift)


def sheet_of(last: LastDrift) -> Sheet:
    """What the last comparison found, as a table."""
    columns: list[tuple[str, Kind]] = [
        ("entity", str), ("field", str), ("cause", str), ("count", int),
    ]  # fmt: skip
    return Sheet(columns, [(c.entity, c.field, c.cause.value, c.count) for c in last.counts])


def write_page(last: LastDrift, out: Path, now: datetime) -> None:
    """Write what the last comparison found as one HTML file."""
    causes: Counter[str] = Counter()
    for each in last.counts:
        causes[each.cause.value] += each.count
    values = {"r": last, "causes": dict(causes.most_common()), "made": f"{now:%Y-%m-%d %H:%M} UTC"}
    write_text(out, render("drift.html.j2", values))


async def heal(session: Session, run: Run, meant: Filter, *, dry_run: bool = False) -> Healed:
    """Observe anew what differs and decide it again; the next sync writes what comes of it.

    A field that differs although nothing is pending was never agreed on: its base is dropped, and
    its write waits for an approved plan.
    """
    pair = session.pair
    tally, left = _Tally(), 0
    if not dry_run:
        await pair.store.call(activate, pair)

    async def _found(differences: Sequence[Difference]) -> None:
        nonlocal left
        mine = [d for d in differences if meant.meets(d)]
        chosen = [d for d in mine if d.cause in HEALABLE]
        left += len(mine) - len(chosen)
        tally.add(chosen)
        if not dry_run:
            await _look_again(pair, chosen, run)

    await compare(pair, run, _found, (meant.entity,) if meant.entity else ())
    counts = tally.shown()
    if dry_run:
        return Healed(dry_run=True, healed=tally.total, left=left, counts=counts)
    await link_records(pair, run)
    await reconcile(pair, run, session.processes)
    pending = await pair.store.call(outbox.pending)
    waits = sum(w.needs_approval for w in pending)
    return Healed(dry_run=False, healed=tally.total, left=left, counts=counts,
                  to_send=len(pending) - waits, to_approve=waits)  # fmt: skip


async def _look_again(pair: Pair, chosen: Sequence[Difference], run: Run) -> None:
    records: dict[tuple[Side, str], set[str]] = {}
    for one in chosen:
        for side, record_id in one.records.items():
            records.setdefault((side, pair.member_entity(one.entity, side)), set()).add(record_id)
    for (side, entity), ids in records.items():
        caps = pair.side(side).entity(entity)
        size = caps.page_size if caps is not None else 1
        todo = sorted(ids)
        for start in range(0, len(todo), size):
            await fetch_now(pair, side, entity, todo[start : start + size], run)

    def _decide_again(tx: Tx) -> None:
        observations.raise_revision(tx, {d.link for d in chosen if d.link is not None})
        links.distrust(
            tx,
            [
                (d.link, d.field)
                for d in chosen
                if d.cause is Cause.UNEXPLAINED and d.link is not None
            ],
            DISTRUSTED,
        )

    await pair.store.call(_decide_again)


def _row(pair: Pair, one: Difference) -> DriftRow:
    return DriftRow(
        entity=one.entity,
        field=one.field,
        cause=one.cause,
        why=one.why,
        link=one.link,
        records={pair.side(s).name: i for s, i in one.records.items()},
        values={pair.side(s).name: plain(v) for s, v in one.values.items()},
    )


def _csv(file: IO[str] | None, pair: Pair) -> Callable[[Difference], None]:
    """Write one line a difference."""
    if file is None:
        return lambda _: None
    names = {side: pair.side(side).name for side in Side}
    out = csv.writer(file)
    out.writerow(
        ["entity", "field", "cause", "why", "link"]
        + [f"{name} record" for name in names.values()]
        + [f"{name} value" for name in names.values()]
    )

    def _write(one: Difference) -> None:
        records = [one.records.get(side, "") for side in names]
        values = [_cell(plain(one.values.get(side))) for side in names]
        out.writerow([one.entity, one.field, one.cause.value, one.why, one.link or "",
                      *map(_cell, records), *values])  # fmt: skip

    return _write


def _cell(value: object) -> str:
    """Show a value so that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
