"""Notices: what people have been told is wrong, by cause, until it is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from interlock.store.database import Tx, chunks
from interlock.store.tables import notice

__all__ = ["Notice", "all_notices", "drop", "put"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A cause people were told of; ``since``: when it was first seen, this time."""

    cause: str
    kind: str
    since: datetime
    told_at: datetime
    closed_at: datetime | None = None


def all_notices(tx: Tx) -> dict[str, Notice]:
    """Read all, by cause."""
    return {row.cause: Notice(**row._asdict()) for row in tx.conn.execute(select(notice))}


def put(tx: Tx, rows: Iterable[Notice]) -> None:
    """Keep notices."""
    tx.upsert(notice, [msgspec.structs.asdict(row) for row in rows])


def drop(tx: Tx, causes: Iterable[str]) -> None:
    """Forget notices that are over."""
    for part in chunks(sorted(causes)):
        tx.conn.execute(delete(notice).where(notice.c.cause.in_(part)))
