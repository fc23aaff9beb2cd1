"""Many dead letters at once: chosen by filter, let go or given up by statements on sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, select, update

from interlock.governance.rules import Side
from interlock.model import Fields
from interlock.store import dead_letters
from interlock.store.database import Tx, chunks
from interlock.store.dead_letters import DeadLetter
from interlock.store.observations import raise_revision
from interlock.store.outbox import WriteState
from interlock.store.tables import dead_letter, outbox

__all__ = [
    "LetterFilter", "Target", "chosen", "discard", "override", "retried", "revive", "targets",
]  # fmt: skip

AT_REST = (WriteState.DEAD, WriteState.UNCERTAIN)
"""Nothing happens to these by itself."""


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which open dead letters; what is left out is any.

    ``codes``: causes as stored; with ``but_codes`` all others.  ``before``: opened before then.
    """

    ids: Sequence[int] | None = None
    codes: frozenset[str] | None = None
    but_codes: bool = False
    entity: str | None = None
    target: Side | None = None
    field: str | None = None
    before: datetime | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of a dead letter to act on it, without its values."""

    id: int
    link_id: int | None
    target: Side
    entity: str
    record_id: str | None
    field: str | None


def _where(f: LetterFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [dead_letter.c.closed_at.is_(None)]
    if f.codes is not None:
        of_them = dead_letter.c.cause.in_(sorted(f.codes))
        conditions.append(~of_them if f.but_codes else of_them)
    if f.entity is not None:
        conditions.append(dead_letter.c.entity == f.entity)
    if f.target is not None:
        conditions.append(dead_letter.c.target == f.target)
    if f.field is not None:
        conditions.append(dead_letter.c.field == f.field)
    if f.before is not None:
        conditions.append(dead_letter.c.at < f.before)
    return conditions


def _rows(tx: Tx, f: LetterFilter, *columns: Any) -> Iterable[Any]:
    query = select(*columns).where(*_where(f)).order_by(dead_letter.c.id)
    if f.ids is None:
        yield from tx.conn.execute(query)
        return
    for part in chunks(sorted(set(f.ids))):
        yield from tx.conn.execute(query.where(dead_letter.c.id.in_(part)))


def targets(tx: Tx, f: LetterFilter) -> list[Target]:
    """Open dead letters that fit, oldest first."""
    c = dead_letter.c
    return [
        Target(
            id=row.id,
            link_id=row.link_id,
            target=Side(row.target),
            entity=row.entity,
            record_id=row.record_id,
            field=row.field,
        )
        for row in _rows(tx, f, c.id, c.link_id, c.target, c.entity, c.record_id, c.field)
    ]


def chosen(tx: Tx, f: LetterFilter) -> list[DeadLetter]:
    """Open dead letters that fit, with their values, oldest first."""
    return [dead_letters.letter_of(tx, row) for row in _rows(tx, f, dead_letter)]


def _by_side(letters: Sequence[Target]) -> Iterable[tuple[Side, list[int]]]:
    for side in Side:
        ids = sorted({t.link_id for t in letters if t.target is side and t.link_id is not None})
        for part in chunks(ids):
            yield side, part


def revive(tx: Tx, letters: Sequence[Target], now: datetime) -> None:
    """Let their writes be tried again; what is written is decided anew."""
    for side, links in _by_side(letters):
        tx.conn.execute(
            update(outbox)
            .where(
                outbox.c.link_id.in_(links),
                outbox.c.target == side,
                outbox.c.state.in_(AT_REST),
            )
            .values(
                state=WriteState.READY,
                attempts=0,
                due_at=now,
                waits_for=None,
                lease=None,
                lease_until=None,
            )
        )
    raise_revision(tx, {t.link_id for t in letters if t.link_id is not None})


def retried(tx: Tx, letters: Sequence[Target]) -> set[int]:
    """Those whose write is about to be tried again."""
    moving: set[tuple[int, Side]] = set()
    for side, links in _by_side(letters):
        query = select(outbox.c.link_id).where(
            outbox.c.link_id.in_(links),
            outbox.c.target == side,
            outbox.c.state.not_in(AT_REST),
        )
        moving |= {(link_id, side) for link_id in tx.conn.execute(query).scalars()}
    return {t.id for t in letters if t.link_id is not None and (t.link_id, t.target) in moving}


def discard(tx: Tx, ids: Sequence[int], *, by: str, reason: str, now: datetime) -> None:
    """Close them because a person gives them up."""
    why = dead_letters.discarded_why(by, reason)
    for part in chunks(list(ids)):
        tx.conn.execute(
            update(dead_letter)
            .where(dead_letter.c.id.in_(part), dead_letter.c.closed_at.is_(None))
            .values(closed_at=now, closed_why=why)
        )


def override(tx: Tx, edits: Sequence[tuple[DeadLetter, Fields]], *, by: str, reason: str) -> None:
    """Record a person's values for single fields of writes; kept after the letters close."""
    if edits:
        tx.conn.execute(
            update(dead_letter).where(dead_letter.c.id == bindparam("d_id")),
            [
                {
                    "d_id": letter.id,
                    "override": tx.schema[letter.entity].encode(
                        {**(letter.override or {}), **fields}
                    ),
                    "override_by": by,
                    "override_reason": reason,
                }
                for letter, fields in edits
            ],
        )
