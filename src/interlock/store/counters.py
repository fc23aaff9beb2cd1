"""Counters: what has happened since the store was begun, counted by all processes together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update

from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import counter

__all__ = ["Count", "add", "read"]

_ADD = fixed(
    update(counter)
    .where(counter.c.name == bindparam("b_name"), counter.c.label == bindparam("b_label"))
    .values(value=counter.c.value + bindparam("b_more"), at=bindparam("b_at"))
)


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and when last."""

    value: int
    at: datetime


def add(tx: Tx, name: str, more: Mapping[str, int], now: datetime) -> None:
    """Count on; ``more``: label -> by how many."""
    labels = [label for label, number in more.items() if number]
    tx.insert_new(
        counter, [{"name": name, "label": label, "value": 0, "at": now} for label in labels]
    )
    for label in labels:
        tx.conn.execute(
            _ADD, {"b_name": name, "b_label": label, "b_more": more[label], "b_at": now}
        )


def read(tx: Tx, name: str) -> dict[str, Count]:
    """Read what was counted under a name, by label."""
    rows = tx.conn.execute(select(counter).where(counter.c.name == name).order_by(counter.c.label))
    return {row.label: Count(value=row.value, at=row.at) for row in rows}
