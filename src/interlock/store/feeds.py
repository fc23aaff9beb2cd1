"""Feeds: where reading each entity of each system stands, and small facts about the store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from interlock.governance.rules import Side
from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import feed, meta

__all__ = [
    "Feed", "all_complete", "all_meta", "get", "get_meta", "looked_at", "note_looked", "of_side",
    "put", "set_meta",
]  # fmt: skip


_OF_SIDE = fixed(select(feed).where(feed.c.side == bindparam("side")))
_OF_ENTITY = fixed(
    select(feed).where(feed.c.side == bindparam("side"), feed.c.entity == bindparam("entity"))
)
_COMPLETE = fixed(
    select(feed.c.side).where(feed.c.entity == bindparam("entity"), feed.c.complete_at.is_not(None))
)
_LOOKED = fixed(
    update(feed)
    .where(feed.c.side == bindparam("b_side"), feed.c.entity == bindparam("b_entity"))
    .values(looked_at=bindparam("b_at"))
)
_META = fixed(select(meta.c.value).where(meta.c.key == bindparam("key")))
_ALL_META = fixed(select(meta))


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Reading one entity of one side.

    ``cursor``: where the modified-since feed goes on; ``midway``: in the middle of a round, which
    shows nothing that comes late before that point.  ``sweep_cursor``: the next page of a sweep
    under way.  ``complete_at``: when a full sweep last ended.  ``shortfall``: how many known
    records the last sweep did not show, when that was too many to believe.  ``doubted``: the sweep
    under way is the second one, because the first showed too little.
    """

    side: Side
    entity: str
    cursor: str | None = None
    midway: bool = False
    sweep_cursor: str | None = None
    sweep_no: int = 0
    sweep_started: datetime | None = None
    complete_at: datetime | None = None
    map_version: str = ""
    shortfall: int = 0
    doubted: bool = False


def get(tx: Tx, side: Side, entity: str) -> Feed:
    """Read a feed; a fresh one when there is none."""
    row = tx.conn.execute(_OF_ENTITY, {"side": side, "entity": entity}).first()
    if row is None:
        return Feed(side=side, entity=entity)
    return _feed(row)


def of_side(tx: Tx, side: Side) -> dict[str, Feed]:
    """All feeds of one side that were read from, by entity."""
    rows = tx.conn.execute(_OF_SIDE, {"side": side})
    return {row.entity: _feed(row) for row in rows}


def _feed(row: Any) -> Feed:
    return Feed(
        side=Side(row.side),
        entity=row.entity,
        cursor=row.cursor,
        midway=row.midway,
        sweep_cursor=row.sweep_cursor,
        sweep_no=row.sweep_no,
        sweep_started=row.sweep_started,
        complete_at=row.complete_at,
        map_version=row.map_version,
        shortfall=row.shortfall,
        doubted=row.doubted,
    )


def put(tx: Tx, state: Feed) -> None:
    """Save a feed."""
    tx.upsert(feed, [msgspec.structs.asdict(state)])


def note_looked(tx: Tx, side: Side, entities: Iterable[str], began: datetime) -> None:
    """Note that looks at entities, begun then, came to their end."""
    for entity in entities:
        tx.conn.execute(_LOOKED, {"b_side": side, "b_entity": entity, "b_at": began})


def looked_at(tx: Tx) -> dict[tuple[Side, str], datetime]:
    """When the last look that came to its end began, by side and entity."""
    rows = tx.conn.execute(select(feed.c.side, feed.c.entity, feed.c.looked_at))
    return {(Side(side), entity): at for side, entity, at in rows if at is not None}


def all_complete(tx: Tx, entity: str) -> bool:
    """Say whether both sides of an entity were observed in full at least once."""
    rows = tx.conn.execute(_COMPLETE, {"entity": entity}).scalars()
    return len(set(rows)) == len(Side)


def get_meta(tx: Tx, key: str) -> str | None:
    """Read a fact about the store."""
    return tx.conn.execute(_META, {"key": key}).scalar()


def all_meta(tx: Tx) -> dict[str, str]:
    """Read all facts about the store."""
    return {row.key: row.value for row in tx.conn.execute(_ALL_META)}


def set_meta(tx: Tx, key: str, value: str) -> None:
    """Write a fact about the store."""
    tx.upsert(meta, [{"key": key, "value": value}])
