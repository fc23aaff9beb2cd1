"""Plans and runs: what was shown to a person, what was approved, what a run did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from interlock.store import counters
from interlock.store.database import Tx
from interlock.store.tables import plan, run

__all__ = [
    "WRITES",
    "PlanRow",
    "RunRow",
    "drop_run",
    "get_plan",
    "last_run",
    "mark_approved",
    "recent_plans",
    "recent_runs",
    "save_plan",
    "save_run",
]


WRITES = "writes"
"""The counter of what runs wrote."""


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored plan: the digests of the writes it showed that need an approval."""

    id: str
    at: datetime
    digests: tuple[str, ...]
    approved_at: datetime | None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored run."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]


def save_plan(tx: Tx, plan_id: str, digests: Sequence[str], now: datetime) -> None:
    """Store a plan."""
    tx.conn.execute(
        plan.insert().values(
            id=plan_id, at=now, digests=msgspec.msgpack.encode(sorted(set(digests)))
        )
    )


def get_plan(tx: Tx, plan_id: str | None) -> PlanRow | None:
    """Load a plan by id or the start of it; ``None`` loads the latest."""
    query = select(plan).order_by(plan.c.at.desc())
    if plan_id is not None:
        query = query.where(plan.c.id.startswith(plan_id, autoescape=True))
    row = tx.conn.execute(query.limit(1)).first()
    if row is None:
        return None
    return PlanRow(
        id=row.id,
        at=row.at,
        digests=tuple(msgspec.msgpack.decode(row.digests)),
        approved_at=row.approved_at,
    )


def recent_plans(tx: Tx, limit: int) -> list[PlanRow]:
    """Plans that were shown, the latest first."""
    query = select(plan).order_by(plan.c.at.desc()).limit(limit)
    return [
        PlanRow(
            id=row.id,
            at=row.at,
            digests=tuple(msgspec.msgpack.decode(row.digests)),
            approved_at=row.approved_at,
        )
        for row in tx.conn.execute(query)
    ]


def mark_approved(tx: Tx, plan_id: str, now: datetime) -> None:
    """Note that a plan was approved."""
    tx.conn.execute(update(plan).where(plan.c.id == plan_id).values(approved_at=now))


def save_run(tx: Tx, row: RunRow) -> None:
    """Store a run, or its end; what it wrote is counted then (``outcome:side:entity``)."""
    if row.ended_at is not None:
        labelled = {label: n for label, n in row.counts.items() if label.count(":") == 2}
        counters.add(tx, WRITES, labelled, row.ended_at)
    tx.upsert(
        run,
        [
            {
                "id": row.id,
                "started_at": row.started_at,
                "ended_at": row.ended_at,
                "counts": msgspec.msgpack.encode(dict(row.counts)),
            }
        ],
    )


def drop_run(tx: Tx, run_id: str) -> None:
    """Forget a run that did nothing."""
    tx.conn.execute(delete(run).where(run.c.id == run_id))


def last_run(tx: Tx) -> RunRow | None:
    """The run that started last."""
    return next(iter(recent_runs(tx, 1)), None)


def recent_runs(tx: Tx, limit: int | None = None, *, start: str = "") -> list[RunRow]:
    """Runs, the latest first; ``start``: those whose id begins so."""
    query = select(run).order_by(run.c.started_at.desc()).limit(limit)
    if start:
        query = query.where(run.c.id.startswith(start, autoescape=True))
    return [
        RunRow(
            id=row.id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            counts=msgspec.msgpack.decode(row.counts) if row.counts else {},
        )
        for row in tx.conn.execute(query)
    ]
