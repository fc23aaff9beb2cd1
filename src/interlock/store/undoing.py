"""Undo requests: values a person wants back in one record, until they stand there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from interlock.governance.rules import Side
from interlock.model import Value
from interlock.store.database import Tx, chunks
from interlock.store.tables import undo

__all__ = ["UndoRequest", "ask", "drop", "of_links"]


class UndoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one record: ``value`` is to stand there for as long as it shows ``instead``."""

    link_id: int
    side: Side
    entity: str
    field: str
    value: Value | None
    instead: Value | None
    why: str
    at: datetime


def ask(tx: Tx, requests: Sequence[UndoRequest]) -> None:
    """Store requests; each replaces an earlier one for the same field."""
    tx.upsert(
        undo,
        [
            {
                "link_id": r.link_id,
                "side": r.side,
                "field": r.field,
                "entity": r.entity,
                "value": tx.schema[r.entity].encode({r.field: r.value}),
                "instead": tx.schema[r.entity].encode({r.field: r.instead}),
                "why": r.why,
                "at": r.at,
            }
            for r in requests
        ],
    )


def of_links(tx: Tx, links: Iterable[int]) -> dict[int, list[UndoRequest]]:
    """Open requests by link."""
    found: dict[int, list[UndoRequest]] = {}
    for part in chunks(sorted(links)):
        for row in tx.conn.execute(select(undo).where(undo.c.link_id.in_(part))):
            schema = tx.schema[row.entity]
            found.setdefault(row.link_id, []).append(
                UndoRequest(
                    link_id=row.link_id,
                    side=Side(row.side),
                    entity=row.entity,
                    field=row.field,
                    value=schema.decode(row.value).get(row.field),
                    instead=schema.decode(row.instead).get(row.field),
                    why=row.why,
                    at=row.at,
                )
            )
    return found


def drop(tx: Tx, requests: Sequence[UndoRequest]) -> None:
    """Forget requests that are done, or that somebody's edit made pointless."""
    for r in requests:
        tx.conn.execute(
            delete(undo).where(
                undo.c.link_id == r.link_id, undo.c.side == r.side, undo.c.field == r.field
            )
        )
