"""Stops: what went beyond a limit and waits for a person, and the tallies limits are kept by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select

from interlock.governance.breaker import Round
from interlock.governance.rules import Side
from interlock.store.database import Tx, chunks
from interlock.store.tables import away, stop, tally

__all__ = [
    "Stop",
    "active",
    "count",
    "forget_rounds",
    "forget_tally",
    "put",
    "remove",
    "rounds",
    "save_rounds",
    "tallied",
    "tally_up",
    "thin",
]


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not done until a person says so.

    ``kind``: a kind of write, or ``unknown`` and ``parked`` for a ``field`` of the entity.
    ``count``: how many there were against ``most`` that are let go unasked.
    """

    side: Side
    entity: str
    kind: str
    at: datetime
    count: int
    most: int
    field: str = ""
    id: int = 0


def active(tx: Tx, stop_id: int | None = None) -> list[Stop]:
    """All stops, oldest first, or the one with an id."""
    query = select(stop).order_by(stop.c.id)
    if stop_id is not None:
        query = query.where(stop.c.id == stop_id)
    return [_stop(row) for row in tx.conn.execute(query)]


def _stop(row: Any) -> Stop:
    return Stop(**{**row._asdict(), "side": Side(row.side)})


def put(tx: Tx, one: Stop) -> bool:
    """Store a stop, or the new count of one there is; says whether it is new."""
    same = (
        stop.c.side == one.side,
        stop.c.entity == one.entity,
        stop.c.kind == one.kind,
        stop.c.field == one.field,
    )
    changed = tx.conn.execute(stop.update().where(*same).values(count=one.count, most=one.most))
    if changed.rowcount:
        return False
    values = msgspec.structs.asdict(one)
    del values["id"]
    tx.conn.execute(stop.insert().values(**values))
    return True


def remove(tx: Tx, ids: Collection[int]) -> None:
    """Delete stops."""
    for part in chunks(list(ids)):
        tx.conn.execute(delete(stop).where(stop.c.id.in_(part)))


def tally_up(
    tx: Tx,
    side: Side,
    entity: str,
    kind: str,
    subjects: Iterable[str],
    at: datetime,
    field: str = "",
) -> None:
    """Count records at an instant; one counted before is counted from then on."""
    tx.upsert(
        tally,
        [
            {"side": side, "entity": entity, "kind": kind, "field": field, "subject": s, "at": at}
            for s in sorted(set(subjects))
        ],
    )


def tallied(
    tx: Tx, side: Side, entity: str, kind: str, since: datetime, field: str = ""
) -> dict[str, datetime]:
    """Subject -> when it was last counted, since an instant."""
    rows = tx.conn.execute(
        select(tally.c.subject, tally.c.at).where(
            tally.c.side == side,
            tally.c.entity == entity,
            tally.c.kind == kind,
            tally.c.field == field,
            tally.c.at > since,
        )
    )
    return {row.subject: row.at for row in rows}


def count(tx: Tx, since: datetime) -> dict[tuple[Side, str, str], int]:
    """(side, entity, kind) -> records counted since an instant, fields apart."""
    rows = tx.conn.execute(
        select(tally.c.side, tally.c.entity, tally.c.kind, func.count())
        .where(tally.c.at > since)
        .group_by(tally.c.side, tally.c.entity, tally.c.kind)
    )
    return {(Side(row[0]), row[1], row[2]): row[3] for row in rows}


def forget_tally(tx: Tx, side: Side, entity: str, kind: str, field: str) -> None:
    """Begin to count anew."""
    tx.conn.execute(
        delete(tally).where(
            tally.c.side == side,
            tally.c.entity == entity,
            tally.c.kind == kind,
            tally.c.field == field,
        )
    )


def thin(tx: Tx, before: datetime) -> None:
    """Delete what no window reaches any more."""
    tx.conn.execute(delete(tally).where(tally.c.at < before))
    tx.conn.execute(delete(away).where(away.c.written_at < before))


def rounds(
    tx: Tx, links: Sequence[int], since: datetime
) -> Mapping[int, Mapping[tuple[Side, str], frozenset[datetime]]]:
    """Link id -> (side, field) -> the writes since an instant that did not stay."""
    found: dict[int, dict[tuple[Side, str], frozenset[datetime]]] = {}
    for part in chunks(list(links)):
        rows = tx.conn.execute(
            select(away).where(away.c.link_id.in_(part), away.c.written_at > since)
        )
        for row in rows:
            mine = found.setdefault(row.link_id, {})
            key = Side(row.side), row.field
            mine[key] = mine.get(key, frozenset()) | {row.written_at}
    return found


def save_rounds(tx: Tx, seen: Sequence[tuple[int, Round]]) -> None:
    """Note writes that did not stay, each once."""
    tx.insert_new(
        away,
        [
            {"link_id": link, "side": r.side, "field": r.field, "written_at": r.written_at}
            for link, r in seen
        ],
    )


def forget_rounds(tx: Tx, link_id: int, field: str) -> None:
    """Forget how often a link's field did not stay."""
    tx.conn.execute(delete(away).where(away.c.link_id == link_id, away.c.field == field))
