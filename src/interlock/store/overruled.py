"""Edits that gave way, or were shown to a person, read from history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import and_, or_, select

from interlock.governance.merge import AT_FIRST_LINK, PUT_BACK
from interlock.governance.rules import Side
from interlock.store.database import Tx
from interlock.store.tables import history

__all__ = ["Edit", "edits_since"]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of one side that did not stand; ``shown``: left as it was and shown to a person."""

    at: datetime
    entity: str
    field: str
    side: Side
    record_id: str
    shown: bool


def edits_since(tx: Tx, since: datetime) -> Iterator[Edit]:
    """Read edits that gave way since an instant, oldest first.

    A write is told once, however often it was sent; what the first link overwrote is no edit.
    """
    c = history.c
    rows = tx.conn.execute(
        select(c.at, c.entity, c.field, c.side, c.record_id, c.event, c.write_id)
        .where(
            c.at >= since,
            c.side.is_not(None),
            c.field.is_not(None),
            c.record_id.is_not(None),
            or_(
                and_(c.event == "overruled", c.why.not_like(f"{AT_FIRST_LINK}%")),
                # a blank that was filled again, or a write whose answer never came
                and_(c.event.in_(("written", "sent")), c.why.like(f"{PUT_BACK}%")),
                c.event == "opened",
            ),
        )
        .order_by(c.id)
    )
    told: set[tuple[str, str]] = set()
    for row in rows:
        if row.write_id is not None:
            if (row.write_id, row.field) in told:
                continue
            told.add((row.write_id, row.field))
        yield Edit(
            at=row.at,
            entity=row.entity,
            field=row.field,
            side=Side(row.side),
            record_id=row.record_id,
            shown=row.event == "opened",
        )
