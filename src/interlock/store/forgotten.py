"""The list of forgotten records: keyed hashes, so that the list itself tells nobody who it was.

A forgotten record stays known by its id alone, parked and never matched: reading it again stores
no field of it.  Documents that name it (deals, quotes, orders, invoices) are kept without their
personal fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.model import Fields, Record, Ref, Value
from interlock.store.database import Tx
from interlock.store.tables import forgotten, record, record_key

__all__ = [
    "DOCUMENTS", "Key", "add_identities", "identities", "impersonal", "of_identities",
    "without_forgotten",
]  # fmt: skip

Key = tuple[Side, str, str]
"""(side, entity, record id)."""

DOCUMENTS = ("deal", "quote", "order", "project", "invoice")
"""Entities that name a customer and are not somebody themselves."""


def identities(tx: Tx) -> set[str]:
    """Keyed hashes of all forgotten records."""
    return set(tx.conn.execute(select(forgotten.c.identity)).scalars())


def add_identities(tx: Tx, names: Iterable[str], now: datetime) -> None:
    """Put records on the list."""
    tx.insert_new(forgotten, [{"identity": name, "at": now} for name in sorted(set(names))])


def of_identities(tx: Tx, names: Collection[str]) -> list[Key]:
    """Records known, if only to the history, that these hashes stand for."""
    known = {
        (row.side, row.entity, row.id)
        for row in tx.conn.execute(select(record.c.side, record.c.entity, record.c.id))
    }
    known |= {
        (row.side, row.entity, row.record_id)
        for row in tx.conn.execute(
            select(record_key.c.side, record_key.c.entity, record_key.c.record_id).where(
                record_key.c.side != "link"
            )
        )
    }
    return [
        (Side(side), entity, record_id)
        for side, entity, record_id in sorted(known)
        if tx.vault.identity(side, entity, record_id) in names
    ]


def without_forgotten(
    tx: Tx, side: Side, entity: str, records: Sequence[Record]
) -> tuple[Sequence[Record], set[str]]:
    """Take out of what was read whatever is not to be kept; also gives the forgotten ids."""
    listed = identities(tx)
    if not listed:
        return records, set()

    def _is_listed(kind: str, record_id: str) -> bool:
        return tx.vault.identity(side, kind, record_id) in listed

    personal = tx.schema[entity].personal
    kept = []
    dropped = set()
    for item in records:
        if _is_listed(entity, item.id):
            dropped.add(item.id)
            kept.append(msgspec.structs.replace(item, fields={}, problems=None, reference=None))
        elif entity in DOCUMENTS and any(
            isinstance(v, Ref) and _is_listed(v.entity, v.id) for v in item.fields.values()
        ):
            kept.append(msgspec.structs.replace(item, fields=impersonal(item.fields, personal)))
        else:
            kept.append(item)
    return kept, dropped


def impersonal(fields: Mapping[str, Value | None], personal: Collection[str]) -> Fields:
    """Leave personal fields out."""
    return {f: v for f, v in fields.items() if f not in personal}
