"""Hints: records somebody says have changed, to be fetched by id, linked or not (rule 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from interlock.governance.rules import Side
from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import hint

__all__ = ["Due", "add", "due", "due_entities", "look_again", "next_due", "oldest", "settle"]

_OF_ENTITY = (hint.c.side == bindparam("b_side"), hint.c.entity == bindparam("b_entity"))
_DUE = fixed(
    select(hint)
    .where(*_OF_ENTITY, hint.c.due_at <= bindparam("b_now"))
    .order_by(hint.c.due_at, hint.c.record_id)
    .limit(bindparam("b_limit"))
)
_ENTITIES = fixed(
    select(hint.c.entity)
    .distinct()
    .where(hint.c.side == bindparam("b_side"), hint.c.due_at <= bindparam("b_now"))
)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A record to be fetched; ``again``: a first fetch showed nothing new."""

    record_id: str
    at: datetime
    again: bool


def add(tx: Tx, side: Side, hints: Iterable[tuple[str, str]], now: datetime) -> int:
    """Mark (entity, record id) to be fetched from now on; returns how many are marked.

    A record that is marked already starts anew: what was heard of now may be newer than its fetch.
    """
    rows = [
        {
            "side": side,
            "entity": entity,
            "record_id": record_id,
            "at": now,
            "due_at": now,
            "again": False,
        }
        for entity, record_id in dict.fromkeys(hints)
    ]
    for part in chunks(rows):
        tx.upsert(hint, part)
    return len(rows)


def due_entities(tx: Tx, side: Side, now: datetime) -> set[str]:
    """Entities of which somebody says that something has changed."""
    return set(tx.conn.execute(_ENTITIES, {"b_side": side, "b_now": now}).scalars())


def due(tx: Tx, side: Side, entity: str, now: datetime, limit: int) -> list[Due]:
    """Records to be fetched now, the oldest first."""
    wanted = {"b_side": side, "b_entity": entity, "b_now": now, "b_limit": limit}
    return [
        Due(record_id=row.record_id, at=row.at, again=row.again)
        for row in tx.conn.execute(_DUE, wanted)
    ]


def settle(tx: Tx, side: Side, entity: str, fetched: Collection[Due]) -> None:
    """Forget hints that have been followed, unless they were given anew meanwhile."""
    for one in fetched:
        tx.conn.execute(
            delete(hint).where(
                hint.c.side == side,
                hint.c.entity == entity,
                hint.c.record_id == one.record_id,
                hint.c.at == one.at,
            )
        )


def look_again(
    tx: Tx, side: Side, entity: str, fetched: Sequence[Due], due_at: datetime, *, last: bool = True
) -> None:
    """Have records fetched once more from ``due_at`` on; ``last``: then polling is left to it."""
    for one in fetched:
        tx.conn.execute(
            update(hint)
            .where(
                hint.c.side == side,
                hint.c.entity == entity,
                hint.c.record_id == one.record_id,
                hint.c.at == one.at,
            )
            .values(due_at=due_at, again=last)
        )


def next_due(tx: Tx, side: Side, entities: Collection[str], after: datetime) -> datetime | None:
    """When the next record of these is to be fetched, of those not due until an instant."""
    mine = hint.c.side == side, hint.c.entity.in_(sorted(entities)), hint.c.due_at > after
    return tx.conn.execute(select(func.min(hint.c.due_at)).where(*mine)).scalar()


def oldest(tx: Tx) -> datetime | None:
    """Since when the oldest hint waits."""
    return tx.conn.execute(select(func.min(hint.c.at))).scalar()
