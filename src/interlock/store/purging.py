"""Purging: values of fields that were put behind the boundary are taken out of the whole store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, delete, or_, select, update

from interlock.store import sealing
from interlock.store.database import Tx
from interlock.store.observations import content_hash
from interlock.store.tables import (
    case,
    dead_letter,
    link,
    member,
    open_field,
    outbox,
    record,
    resolution,
    suggestion,
    undo,
)

__all__ = ["purge"]

BATCH = 500


def purge(tx: Tx, fields: Collection[str], now: datetime) -> None:
    """Take every value of these fields, given as ``entity.field``, out of the store."""
    barred: dict[str, set[str]] = {}
    for name in fields:
        entity, _, field = name.partition(".")
        barred.setdefault(entity, set()).add(field)
    for entity, names in barred.items():
        _records(tx, entity, names)
        _members(tx, entity, names)
        _outbox(tx, entity, names)
        _letters(tx, entity, names)
        _case_snapshots(tx, entity, names)
        links_of = select(link.c.id).where(link.c.entity == entity)
        for table in (open_field, resolution, undo):
            tx.conn.execute(
                delete(table).where(table.c.link_id.in_(links_of), table.c.field.in_(names))
            )
        # what two records had in common may have been one of these; matching finds it again
        tx.conn.execute(delete(suggestion).where(suggestion.c.entity == entity))
        sealing.bar(tx, entity, names, now)


def _records(tx: Tx, entity: str, names: set[str]) -> None:
    for side in ("crm", "erp"):
        for row in _rows(tx, record, "id", record.c.side == side, record.c.entity == entity):
            fields, problems = _without(row.fields, names), _without(row.problems, names)
            signals = _without(row.signals, names)
            if (fields, problems, signals) == (row.fields, row.problems, row.signals):
                continue
            tx.conn.execute(
                update(record)
                .where(record.c.side == side, record.c.entity == entity, record.c.id == row.id)
                .values(
                    fields=fields,
                    problems=problems,
                    signals=signals,
                    hash=content_hash(fields, row.presence, row.reference, row.merged_into),
                )
            )


def _members(tx: Tx, entity: str, names: set[str]) -> None:
    of_entity = select(link.c.id).where(link.c.entity == entity)
    where = or_(member.c.entity == entity, member.c.link_id.in_(of_entity))
    for side in ("crm", "erp"):
        for row in _rows(tx, member, "link_id", member.c.side == side, where):
            unconfirmed = row.unconfirmed
            if unconfirmed is not None:
                kept = [f for f in msgspec.msgpack.decode(unconfirmed) if f not in names]
                unconfirmed = msgspec.msgpack.encode(kept) if kept else None
            values = {
                "base": _without(row.base, names),
                "older": _without(row.older, names),
                "unconfirmed": unconfirmed,
            }
            _change(tx, member, row, values, member.c.link_id == row.link_id,
                    member.c.side == side)  # fmt: skip


def _outbox(tx: Tx, entity: str, names: set[str]) -> None:
    where = or_(outbox.c.entity == entity, outbox.c.source_entity == entity)
    for row in _rows(tx, outbox, "id", where):
        values = {c: _without(getattr(row, c), names)
                  for c in ("fields", "expected", "bases", "reasons")}  # fmt: skip
        _change(tx, outbox, row, values, outbox.c.id == row.id)


def _letters(tx: Tx, entity: str, names: set[str]) -> None:
    where = or_(dead_letter.c.entity == entity, dead_letter.c.source_entity == entity)
    for row in _rows(tx, dead_letter, "id", where):
        values = {c: _without(getattr(row, c), names) for c in ("fields", "override")}
        if row.field in names:
            # a system may have repeated the value it refused
            values |= {"message": "refused; the field is behind the boundary now", "fix": ""}
        _change(tx, dead_letter, row, values, dead_letter.c.id == row.id)


def _case_snapshots(tx: Tx, entity: str, names: set[str]) -> None:
    """Snapshots hold packed fields of a deal and what is made of it, one inside the other."""
    if entity not in ("deal", "order", "project"):
        return
    # a deal may have a case in each of several processes
    for process in tx.conn.execute(select(case.c.process).distinct()).scalars().all():
        mine = (case.c.process == process, case.c.snapshot.is_not(None))
        for row in _rows(tx, case, "source_id", *mine):
            content = msgspec.msgpack.decode(row.snapshot)
            for part in ("fields", "deal", "former"):
                if isinstance(content, dict) and isinstance(content.get(part), bytes):
                    content[part] = _without(content[part], names)
            _change(tx, case, row, {"snapshot": msgspec.msgpack.encode(content)},
                    case.c.process == process, case.c.source_id == row.source_id)  # fmt: skip


def _without(blob: Any, names: set[str]) -> Any:
    """Take names out of packed fields; the very same bytes where none is in them."""
    if blob is None:
        return None
    content = msgspec.msgpack.decode(blob)
    if not isinstance(content, dict) or names.isdisjoint(content):
        return blob
    kept = {k: v for k, v in content.items() if k not in names}
    return msgspec.msgpack.encode(kept, order="sorted")


def _change(
    tx: Tx, table: Table, row: Any, values: Mapping[str, Any], *where: ColumnElement[bool]
) -> None:
    if any(getattr(row, column) != value for column, value in values.items()):
        tx.conn.execute(update(table).where(*where).values(**values))


def _rows(tx: Tx, table: Table, key: str, *where: ColumnElement[bool]) -> Iterator[Any]:
    """Read rows a part at a time, by a key that is unique among them."""
    column = table.c[key]
    query = select(table).where(*where).order_by(column).limit(BATCH)
    rows = tx.conn.execute(query).all()
    while rows:
        yield from rows
        rows = tx.conn.execute(query.where(column > getattr(rows[-1], key))).all()
