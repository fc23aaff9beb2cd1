"""Open fields: those of a link a person can see in a state that is not agreement, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select

from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import open_field

__all__ = ["close", "count", "load", "save"]

_CLOSE_OPEN = fixed(
    delete(open_field).where(
        open_field.c.link_id == bindparam("b_link"),
        open_field.c.field.not_in(bindparam("b_fields", expanding=True)),
    )
)
_OPEN_OF = fixed(
    select(open_field).where(open_field.c.link_id.in_(bindparam("b_ids", expanding=True)))
)


def save(
    tx: Tx, link_id: int, opened: Mapping[str, tuple[str, str]], keep: frozenset[str], now: datetime
) -> None:
    """Replace a link's open fields: field -> (kind, why); ``keep`` stay as they are."""
    tx.conn.execute(_CLOSE_OPEN, {"b_link": link_id, "b_fields": [*opened, *sorted(keep)]})
    tx.upsert(
        open_field,
        [
            {"link_id": link_id, "field": f, "kind": kind, "why": why, "at": now}
            for f, (kind, why) in opened.items()
        ],
        keep=("at",),
    )


def load(tx: Tx, links: Sequence[int] | None = None) -> dict[int, dict[str, tuple[str, str]]]:
    """Link id -> field -> (kind, why)."""
    found: dict[int, dict[str, tuple[str, str]]] = {}
    parts = [None] if links is None else list(chunks(list(links)))
    for part in parts:
        rows = (
            tx.conn.execute(select(open_field))
            if part is None
            else tx.conn.execute(_OPEN_OF, {"b_ids": part})
        )
        for row in rows:
            found.setdefault(row.link_id, {})[row.field] = (row.kind, row.why)
    return found


def close(tx: Tx, link_id: int, field: str) -> None:
    """Forget that a field is open."""
    tx.conn.execute(
        delete(open_field).where(open_field.c.link_id == link_id, open_field.c.field == field)
    )


def count(tx: Tx, kind: str | None = None) -> int:
    """How many fields are open, for one reason or for any."""
    query = select(func.count()).select_from(open_field)
    if kind is not None:
        query = query.where(open_field.c.kind == kind)
    return int(tx.conn.execute(query).scalar_one())
