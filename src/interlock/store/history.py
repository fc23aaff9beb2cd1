"""History: append-only rows of what changed, why, and by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, func, or_, select, update

from interlock.governance.rules import Side
from interlock.model import Value
from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import history

__all__ = ["Event", "about", "add", "erase_values", "last_written", "of_link", "of_record", "plain"]

_ADD = fixed(history.insert())
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a field, a record or a link.

    ``event``: linked, unlinked, created, written, overruled, settled, opened, refused, dead, …
    ``old`` and ``new`` are plain data (money and addresses as mappings).
    """

    at: datetime
    event: str
    entity: str
    why: str
    link_id: int | None = None
    side: Side | None = None
    record_id: str | None = None
    field: str | None = None
    old: object = None
    new: object = None
    map_version: str | None = None
    write_id: str | None = None
    request_id: str | None = None
    run_id: str | None = None


def plain(value: Value | None) -> object:
    """Reduce a value to data that packs without its type."""
    return msgspec.to_builtins(value)


def add(tx: Tx, events: Sequence[Event]) -> None:
    """Append events."""
    if events:
        tx.conn.execute(
            _ADD,
            [
                {
                    "at": e.at,
                    "link_id": e.link_id,
                    "side": e.side,
                    "entity": e.entity,
                    "record_id": e.record_id,
                    "event": e.event,
                    "field": e.field,
                    "old": _encode(e.old),
                    "new": _encode(e.new),
                    "why": e.why,
                    "map_version": e.map_version,
                    "write_id": e.write_id,
                    "request_id": e.request_id,
                    "run_id": e.run_id,
                }
                for e in events
            ],
        )


def of_link(tx: Tx, link_id: int, field: str | None = None, limit: int = 200) -> list[Event]:
    """Events of a link, or of one of its fields (and of the link as a whole), newest first."""
    query = select(history).where(history.c.link_id == link_id)
    if field is not None:
        query = query.where(or_(history.c.field == field, history.c.field.is_(None)))
    return _read(tx, query.order_by(history.c.id.desc()).limit(limit))


def of_record(tx: Tx, side: Side, entity: str, record_id: str, limit: int = 200) -> list[Event]:
    """Events of one record, newest first."""
    return _read(
        tx,
        select(history)
        .where(
            history.c.side == side,
            history.c.entity == entity,
            history.c.record_id == record_id,
        )
        .order_by(history.c.id.desc())
        .limit(limit),
    )


def about(
    tx: Tx, link_id: int | None, records: Sequence[tuple[Side, str, str]], limit: int = 2000
) -> list[Event]:
    """Events of a link and of its records given as (side, entity, id), newest first."""
    same = [
        and_(history.c.side == side, history.c.entity == entity, history.c.record_id == i)
        for side, entity, i in records
    ]
    if link_id is not None:
        same.append(history.c.link_id == link_id)
    return (
        _read(tx, select(history).where(or_(*same)).order_by(history.c.id.desc()).limit(limit))
        if same
        else []
    )


def _read(tx: Tx, query: Select[Any]) -> list[Event]:
    return [
        Event(
            at=row.at,
            event=row.event,
            entity=row.entity,
            why=row.why,
            link_id=row.link_id,
            side=Side(row.side) if row.side else None,
            record_id=row.record_id,
            field=row.field,
            old=msgspec.msgpack.decode(row.old) if row.old else None,
            new=msgspec.msgpack.decode(row.new) if row.new else None,
            map_version=row.map_version,
            write_id=row.write_id,
            request_id=row.request_id,
            run_id=row.run_id,
        )
        for row in tx.conn.execute(query)
    ]


def erase_values(tx: Tx, entity: str, field: str) -> None:
    """Take the values of a field out of all events; that something happened stays."""
    tx.conn.execute(
        update(history)
        .where(history.c.entity == entity, history.c.field == field)
        .values(old=None, new=None)
    )


def last_written(
    tx: Tx, links: Sequence[int], since: datetime
) -> dict[int, dict[tuple[Side, str], datetime]]:
    """Link id -> (side, field) -> when we last wrote it, or tried to, since an instant."""
    found: dict[int, dict[tuple[Side, str], datetime]] = {}
    for part in chunks(list(links)):
        rows = tx.conn.execute(
            select(history.c.link_id, history.c.side, history.c.field, func.max(history.c.at))
            .where(
                history.c.link_id.in_(part),
                history.c.field.is_not(None),
                history.c.event.in_(("written", "overruled", "sent")),
                history.c.at >= since,
            )
            .group_by(history.c.link_id, history.c.side, history.c.field)
        )
        for link_id, side, field, at in rows:
            found.setdefault(link_id, {})[Side(side), field] = at
    return found
