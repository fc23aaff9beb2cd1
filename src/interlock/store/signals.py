"""Signals: figures about ERP records, as worked out and last made public (rule 27)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, update

from interlock.governance.rules import Side
from interlock.model import Fields, Presence
from interlock.store.database import Tx, chunks
from interlock.store.observations import raise_revision
from interlock.store.sqlite import fixed
from interlock.store.tables import record

__all__ = ["Shown", "publish", "shown", "shown_of", "state_of"]

_OF_ENTITY = (record.c.side == Side.ERP, record.c.entity == bindparam("b_entity"))
_SHOWN = fixed(
    select(
        record.c.id, record.c.link_id, record.c.fields, record.c.signals, record.c.signals_at
    )
    .where(*_OF_ENTITY, record.c.presence == Presence.PRESENT)
    .order_by(record.c.id)
)  # fmt: skip
_SHOWN_OF = fixed(_SHOWN.where(record.c.id.in_(bindparam("b_ids", expanding=True))))
_STATE = fixed(
    select(func.count(record.c.signals_at), func.max(record.c.signals_at)).where(*_OF_ENTITY)
)
_SHOWN_OF = fixed(_SHOWN.where(record.c.id.in_(bindparam("b_ids", expanding=True))))
_PUBLISH = fixed(
    update(record)
    .where(*_OF_ENTITY, record.c.id == bindparam("b_id"))
    .values(signals=bindparam("b_signals"), signals_at=bindparam("b_at"))
)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the ERP: what itself shows, and its signals as last made public."""

    id: str
    link_id: int | None
    fields: Fields
    signals: Fields | None
    signals_at: datetime | None


def shown(tx: Tx, entity: str) -> Iterator[Shown]:
    """All present records of an entity of the ERP, by id."""
    yield from _read(tx, entity, tx.conn.execute(_SHOWN, {"b_entity": entity}).all())


def shown_of(tx: Tx, entity: str, ids: Iterable[str]) -> Iterator[Shown]:
    """Those of the records that are present, by id."""
    for part in chunks(sorted(ids)):
        found = tx.conn.execute(_SHOWN_OF, {"b_entity": entity, "b_ids": part}).all()
        yield from _read(tx, entity, found)


def _read(tx: Tx, entity: str, rows: Iterable[Any]) -> Iterator[Shown]:
    schema = tx.schema[entity]
    for row in rows:
        yield Shown(
            id=row.id,
            link_id=row.link_id,
            fields=schema.decode(row.fields),
            signals=schema.decode(row.signals) if row.signals else None,
            signals_at=row.signals_at,
        )


def state_of(tx: Tx, entity: str) -> str:
    """Describe what is public of an entity: another text once more was made public."""
    return str(tuple(tx.conn.execute(_STATE, {"b_entity": entity}).one()))


def publish(tx: Tx, entity: str, found: Mapping[str, tuple[int | None, Fields]],
            now: datetime) -> None:  # fmt: skip
    """Make signals public: the links of these records are decided anew.

    ``found``: record id -> its link, where it has one, and its signals.
    """
    if not found:
        return
    schema = tx.schema[entity]
    tx.conn.execute(
        _PUBLISH,
        [
            {"b_entity": entity, "b_id": i, "b_signals": schema.encode(fields), "b_at": now}
            for i, (_, fields) in found.items()
        ],
    )
    raise_revision(tx, {link_id for link_id, _ in found.values() if link_id is not None})
