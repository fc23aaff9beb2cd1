"""Outgoing: what other tools and people are to be told, until they have been told.

One row for each thing and destination.  A row is claimed by moving its due time on before it is
sent, so that two processes do not send it at once; sent twice it may be, told never is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import and_, delete, func, or_, select, update

from interlock.store.database import Tx
from interlock.store.tables import event_endpoint, outgoing

__all__ = [
    "Endpoint", "Outgoing", "Waiting", "claim", "delivered", "endpoint", "failed", "note_endpoint",
    "prune", "put", "recent", "waiting",
]  # fmt: skip


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell one destination; ``id`` is the same however often it is found out."""

    destination: str
    id: str
    kind: str
    body: bytes
    at: datetime
    due_at: datetime | None
    attempts: int = 0
    delivered_at: datetime | None = None
    why: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination has not been told; ``oldest``: since when."""

    count: int
    failing: int
    oldest: datetime


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far an endpoint has been told; ``leaks_at``: when leaks were last looked for."""

    name: str
    since: datetime
    history_id: int
    leaks_at: datetime | None = None


def put(tx: Tx, rows: Sequence[Outgoing]) -> None:
    """Keep what is to be told; what was told before stays told."""
    tx.insert_new(outgoing, [msgspec.structs.asdict(row) for row in rows])


def claim(
    tx: Tx, destinations: Collection[str], now: datetime, lease: timedelta, limit: int = 50
) -> list[Outgoing]:
    """Take what is due; until the lease is over nobody else takes it."""
    query = (
        select(outgoing)
        .where(outgoing.c.due_at <= now, outgoing.c.destination.in_(sorted(destinations)))
        .order_by(outgoing.c.due_at, outgoing.c.at, outgoing.c.id)
        .limit(limit)
    )
    rows = [Outgoing(**row._asdict()) for row in tx.conn.execute(query)]
    for row in rows:
        _change(tx, row, due_at=now + lease)
    return rows


def delivered(tx: Tx, row: Outgoing, now: datetime) -> None:
    """Note that it has been told."""
    _change(tx, row, due_at=None, delivered_at=now, attempts=row.attempts + 1, why="")


def failed(tx: Tx, row: Outgoing, again_at: datetime | None, why: str) -> None:
    """Note that it could not be told; without ``again_at`` it is given up."""
    _change(tx, row, due_at=again_at, attempts=row.attempts + 1, why=why)


def _change(tx: Tx, row: Outgoing, **values: object) -> None:
    tx.conn.execute(
        update(outgoing)
        .where(outgoing.c.destination == row.destination, outgoing.c.id == row.id)
        .values(**values)
    )


def waiting(tx: Tx) -> dict[str, Waiting]:
    """Read what has not been told, by destination."""
    query = (
        select(
            outgoing.c.destination,
            func.count(),
            func.sum((outgoing.c.attempts > 0).cast(outgoing.c.attempts.type)),
            func.min(outgoing.c.at),
        )
        .where(outgoing.c.due_at.is_not(None))
        .group_by(outgoing.c.destination)
    )
    return {
        name: Waiting(count=count, failing=int(failing or 0), oldest=oldest)
        for name, count, failing, oldest in tx.conn.execute(query)
    }


def recent(tx: Tx, destination: str, limit: int = 100) -> list[Outgoing]:
    """Read what a destination was, or is to be, told; the latest first."""
    query = (
        select(outgoing)
        .where(outgoing.c.destination == destination)
        .order_by(outgoing.c.at.desc(), outgoing.c.id)
        .limit(limit)
    )
    return [Outgoing(**row._asdict()) for row in tx.conn.execute(query)]


def prune(
    tx: Tx, before: datetime, destinations: Collection[str], *, lasting: Collection[str] = ()
) -> None:
    """Forget what was told or given up before an instant, or is for no destination any more.

    ``lasting`` kinds are kept once told: what is found out again would else be told again.
    """
    tx.conn.execute(
        delete(outgoing).where(
            outgoing.c.at < before,
            or_(
                and_(outgoing.c.due_at.is_(None), outgoing.c.kind.not_in(sorted(lasting))),
                outgoing.c.destination.not_in(sorted(destinations)),
            ),
        )
    )


def endpoint(tx: Tx, name: str) -> Endpoint | None:
    """Read how far an endpoint has been told."""
    row = tx.conn.execute(select(event_endpoint).where(event_endpoint.c.name == name)).first()
    return None if row is None else Endpoint(**row._asdict())


def note_endpoint(tx: Tx, state: Endpoint) -> None:
    """Keep how far an endpoint has been told."""
    tx.upsert(event_endpoint, [msgspec.structs.asdict(state)])
