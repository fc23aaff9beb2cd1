"""Dead letters: what could not be done, why in plain words, and what would mend it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, update

from interlock.governance.rules import Side
from interlock.model import Fields, WriteKind
from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import dead_letter

__all__ = [
    "DeadLetter",
    "Override",
    "close",
    "close_of_link",
    "close_one",
    "closed",
    "count_open",
    "discarded",
    "discarded_why",
    "get",
    "letter_of",
    "opened",
    "overrides",
    "put",
    "subject_of",
]

_DISCARDED = "discarded "
"""How ``closed_why`` begins when a person gave the write or decision up."""
_WHY_LENGTH = 200
_SUBJECTS = dead_letter.c.subject.in_(bindparam("b_subjects", expanding=True))
_CLOSE = fixed(
    update(dead_letter)
    .where(_SUBJECTS, dead_letter.c.closed_at.is_(None))
    .values(closed_at=bindparam("b_at"), closed_why=bindparam("b_why"))
)
_OVERRIDES = fixed(
    select(dead_letter)
    .where(_SUBJECTS, dead_letter.c.override.is_not(None))
    .order_by(dead_letter.c.id)
)


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
    """Open a dead letter, or refresh the open one of its subject; true when it is a new one.

    One that a person has edited keeps what was edited: it closes, and a new one is opened.
    """
    schema = tx.schema[letter.entity]
    values: dict[str, Any] = {
        "link_id": letter.link_id,
        "target": letter.target,
        "entity": letter.entity,
        "kind": letter.kind,
        "record_id": letter.record_id,
        "source_entity": letter.source_entity,
        "source_id": letter.source_id,
        "cause": letter.cause,
        "field": letter.field,
        "message": letter.message,
        "fix": letter.fix,
        "fields": schema.encode(letter.fields),
        "digest": letter.digest,
    }
    found = tx.conn.execute(
        select(dead_letter.c.id, dead_letter.c.override).where(
            dead_letter.c.subject == letter.subject, dead_letter.c.closed_at.is_(None)
        )
    ).first()
    if found is not None and found.override is not None:
        close_one(tx, found.id, why="edited, and refused again", now=letter.at)
    elif found is not None:
        tx.conn.execute(update(dead_letter).where(dead_letter.c.id == found.id).values(**values))
        return False
    tx.conn.execute(dead_letter.insert().values(subject=letter.subject, at=letter.at, **values))
    return True


def close(tx: Tx, subjects: Sequence[str], *, why: str, now: datetime) -> int:
    """Close the open dead letters of these subjects."""
    if not subjects:
        return 0
    return int(
        tx.conn.execute(_CLOSE, {"b_subjects": list(subjects), "b_at": now, "b_why": why}).rowcount
    )


def close_one(tx: Tx, letter_id: int, *, why: str, now: datetime) -> None:
    """Close one open dead letter."""
    tx.conn.execute(
        update(dead_letter)
        .where(
            dead_letter.c.id == letter_id,
            dead_letter.c.closed_at.is_(None),
        )
        .values(closed_at=now, closed_why=why[:_WHY_LENGTH])
    )


def close_of_link(tx: Tx, link_id: int, *, why: str, now: datetime) -> int:
    """Close the open dead letters of a link."""
    return int(
        tx.conn.execute(
            update(dead_letter)
            .where(
                dead_letter.c.link_id == link_id,
                dead_letter.c.closed_at.is_(None),
            )
            .values(closed_at=now, closed_why=why[:_WHY_LENGTH])
        ).rowcount
    )


def discarded_why(by: str, reason: str) -> str:
    """Word the end of a dead letter that a person gives up; ``discarded`` knows it again."""
    return f"{_DISCARDED}by {by}: {reason}"[:_WHY_LENGTH]


def discarded(tx: Tx, subject: str, digest: str) -> str | None:
    """Say who gave this very decision on a subject up, and why; ``None`` when nobody did."""
    row = tx.conn.execute(
        select(dead_letter.c.digest, dead_letter.c.closed_why)
        .where(dead_letter.c.subject == subject)
        .order_by(dead_letter.c.id.desc())
        .limit(1)
    ).first()
    if row is None or row.digest != digest or not (row.closed_why or "").startswith(_DISCARDED):
        return None
    return str(row.closed_why)


def closed(tx: Tx, limit: int = 200) -> list[DeadLetter]:
    """Closed dead letters, the latest first."""
    return [
        letter_of(tx, row)
        for row in tx.conn.execute(
            select(dead_letter)
            .where(dead_letter.c.closed_at.is_not(None))
            .order_by(dead_letter.c.closed_at.desc(), dead_letter.c.id.desc())
            .limit(limit)
        )
    ]


def opened(tx: Tx, subjects: Sequence[str] | None = None) -> list[DeadLetter]:
    """Open dead letters, oldest first."""
    query = select(dead_letter).where(dead_letter.c.closed_at.is_(None)).order_by(dead_letter.c.id)
    if subjects is not None:
        query = query.where(dead_letter.c.subject.in_(list(subjects)))
    return [letter_of(tx, row) for row in tx.conn.execute(query)]


def count_open(tx: Tx) -> int:
    """How many are open."""
    return int(
        tx.conn.execute(
            select(func.count()).select_from(dead_letter).where(dead_letter.c.closed_at.is_(None))
        ).scalar_one()
    )


def get(tx: Tx, letter_id: int) -> DeadLetter | None:
    """One dead letter, open or closed."""
    row = tx.conn.execute(select(dead_letter).where(dead_letter.c.id == letter_id)).first()
    return None if row is None else letter_of(tx, row)


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Values a person set for a write.  ``instead_of``: the refused write, whose values they
    replace; a value that has changed at its source since is not replaced any more.
    """

    fields: Fields
    instead_of: Fields
    why: str


def overrides(tx: Tx, subjects: Sequence[str]) -> dict[str, list[Override]]:
    """All overrides by subject, of closed letters too, in the order in which they were made."""
    found: dict[str, list[Override]] = {}
    rows = tx.conn.execute(_OVERRIDES, {"b_subjects": list(subjects)})
    for row in rows:
        schema = tx.schema[row.entity]
        found.setdefault(row.subject, []).append(
            Override(
                fields=schema.decode(row.override),
                instead_of=schema.decode(row.fields),
                why=f"set by {row.override_by}: {row.override_reason}",
            )
        )
    return found


def letter_of(tx: Tx, row: Any) -> DeadLetter:
    """Read a dead letter from its row."""
    schema = tx.schema[row.entity]
    return DeadLetter(
        id=row.id,
        subject=row.subject,
        link_id=row.link_id,
        target=Side(row.target),
        entity=row.entity,
        kind=WriteKind(row.kind),
        record_id=row.record_id,
        source_entity=row.source_entity,
        source_id=row.source_id,
        cause=row.cause,
        field=row.field,
        message=row.message,
        fix=row.fix,
        fields=schema.decode(row.fields),
        override=schema.decode(row.override) if row.override else None,
        override_by=row.override_by,
        override_reason=row.override_reason,
        digest=row.digest,
        at=row.at,
        closed_at=row.closed_at,
        closed_why=row.closed_why,
    )
