"""Dead letters: what could not be done, why in plain words, and what would mend it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, select, update

from interlock.governance.rules import Side
from interlock.model import Fields, WriteKind
from interlock.store.database import Tx
from interlock.store.tables import dead_letter

__all__ = ["DeadLetter", "close", "count_open", "get", "opened", "override", "put", "subject_of"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A write or decision that failed for good until somebody mends it.

    ``subject`` names what it is about; one subject has at most one open dead letter.  ``override``
    replaces single fields of the write, with author and reason.
    """

    subject: str
    target: Side
    entity: str
    kind: WriteKind
    cause: str
    message: str
    fix: str
    fields: Fields
    digest: str
    at: datetime
    id: int = 0
    link_id: int | None = None
    record_id: str | None = None
    source_entity: str | None = None
    source_id: str | None = None
    field: str | None = None
    override: Fields | None = None
    override_by: str | None = None
    override_reason: str | None = None
    closed_at: datetime | None = None
    closed_why: str | None = None


def subject_of(link_id: int | None, target: Side, entity: str, source_id: str | None) -> str:
    """Name what a write is about, the same at every attempt."""
    return f"{target}:{entity}:{link_id if link_id is not None else source_id}"


def put(tx: Tx, letter: DeadLetter) -> bool:
    """Open a dead letter, or refresh the open one of its subject; true when it is a new one."""
    schema = tx.schema[letter.entity]
    values: dict[str, Any] = {
        "link_id": letter.link_id, "target": letter.target, "entity": letter.entity,
        "kind": letter.kind, "record_id": letter.record_id,
        "source_entity": letter.source_entity, "source_id": letter.source_id,
        "cause": letter.cause, "field": letter.field, "message": letter.message,
        "fix": letter.fix, "fields": schema.encode(letter.fields), "digest": letter.digest,
    }
    found = tx.conn.execute(select(dead_letter.c.id).where(
        dead_letter.c.subject == letter.subject, dead_letter.c.closed_at.is_(None))).scalar()
    if found is not None:
        tx.conn.execute(update(dead_letter).where(dead_letter.c.id == found).values(**values))
        return False
    tx.conn.execute(dead_letter.insert().values(subject=letter.subject, at=letter.at, **values))
    return True


def close(tx: Tx, subjects: Sequence[str], *, why: str, now: datetime) -> int:
    """Close the open dead letters of these subjects."""
    if not subjects:
        return 0
    return int(tx.conn.execute(update(dead_letter).where(
        dead_letter.c.subject.in_(list(subjects)), dead_letter.c.closed_at.is_(None),
    ).values(closed_at=now, closed_why=why)).rowcount)


def opened(tx: Tx, subjects: Sequence[str] | None = None) -> list[DeadLetter]:
    """Open dead letters, oldest first."""
    query = select(dead_letter).where(dead_letter.c.closed_at.is_(None)).order_by(dead_letter.c.id)
    if subjects is not None:
        query = query.where(dead_letter.c.subject.in_(list(subjects)))
    return [_letter(tx, row) for row in tx.conn.execute(query)]


def count_open(tx: Tx) -> int:
    """How many are open."""
    return int(tx.conn.execute(select(func.count()).select_from(dead_letter).where(
        dead_letter.c.closed_at.is_(None))).scalar_one())


def get(tx: Tx, letter_id: int) -> DeadLetter | None:
    """One dead letter, open or closed."""
    row = tx.conn.execute(select(dead_letter).where(dead_letter.c.id == letter_id)).first()
    return None if row is None else _letter(tx, row)


def override(tx: Tx, letter: DeadLetter, fields: Fields, *, by: str, reason: str) -> None:
    """Record a person's values for single fields of the write; kept after the letter closes."""
    merged = {**(letter.override or {}), **fields}
    tx.conn.execute(update(dead_letter).where(dead_letter.c.id == letter.id).values(
        override=tx.schema[letter.entity].encode(merged), override_by=by, override_reason=reason))


def overrides(tx: Tx, subjects: Sequence[str]) -> dict[str, tuple[Fields, str]]:
    """Latest override per subject, open or retried, with who and why in one line."""
    found: dict[str, tuple[Fields, str]] = {}
    rows = tx.conn.execute(select(dead_letter).where(
        dead_letter.c.subject.in_(list(subjects)), dead_letter.c.override.is_not(None),
    ).order_by(dead_letter.c.id))
    for row in rows:
        found[row.subject] = (tx.schema[row.entity].decode(row.override),
                              f"set by {row.override_by}: {row.override_reason}")
    return found


def _letter(tx: Tx, row: Any) -> DeadLetter:
    schema = tx.schema[row.entity]
    return DeadLetter(
        id=row.id, subject=row.subject, link_id=row.link_id, target=Side(row.target),
        entity=row.entity, kind=WriteKind(row.kind), record_id=row.record_id,
        source_entity=row.source_entity, source_id=row.source_id, cause=row.cause,
        field=row.field, message=row.message, fix=row.fix, fields=schema.decode(row.fields),
        override=schema.decode(row.override) if row.override else None,
        override_by=row.override_by, override_reason=row.override_reason, digest=row.digest,
        at=row.at, closed_at=row.closed_at, closed_why=row.closed_why)
