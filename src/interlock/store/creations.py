"""Creations: every reference ever sent, and what it made (rules 19 and 24)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update

from interlock.model import WriteKind
from interlock.store.database import Tx, chunks
from interlock.store.outbox import OutboxWrite
from interlock.store.sqlite import fixed
from interlock.store.tables import creation

__all__ = ["finish", "issue", "made_as"]

_IDS: BindParameter[Any] = bindparam("b_ids", expanding=True)
_DONE = fixed(
    update(creation)
    .where(creation.c.reference == bindparam("c_ref"), creation.c.done_at.is_(None))
    .values(record_id=bindparam("c_id"), done_at=bindparam("c_at"))
)
_MADE_AS = fixed(
    select(creation.c.reference, creation.c.record_id).where(
        creation.c.reference.in_(_IDS), creation.c.done_at.is_not(None)
    )
)


def issue(tx: Tx, writes: Sequence[OutboxWrite], now: datetime) -> None:
    """Record the references of creates before they are first sent."""
    tx.insert_new(
        creation,
        [
            {
                "reference": w.reference,
                "target": w.target,
                "entity": w.entity,
                "source_entity": w.source_entity,
                "source_id": w.source_id,
                "revision": w.revision,
                "issued_at": now,
            }
            for w in writes
            if w.kind is WriteKind.CREATE
        ],
    )


def finish(tx: Tx, made: Sequence[tuple[str, str]], now: datetime) -> None:
    """Record that creates succeeded, as (reference, record id); they are never done again."""
    if made:
        tx.conn.execute(
            _DONE,
            [{"c_ref": ref, "c_id": record_id, "c_at": now} for ref, record_id in made],
        )


def made_as(tx: Tx, references: Sequence[str]) -> dict[str, str]:
    """Reference -> record it made, of those whose create succeeded once."""
    found = {}
    for part in chunks(list(references)):
        for row in tx.conn.execute(_MADE_AS, {"b_ids": part}):
            found[row.reference] = row.record_id
    return found
