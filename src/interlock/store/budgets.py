"""Budgets: calls spent of each system's limits, shared by all workers (rule 23)."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select

from interlock.governance.budget import Spent
from interlock.store.database import Tx
from interlock.store.tables import budget, budget_slot

__all__ = ["free_slot", "load", "save", "take_slot"]


def load(tx: Tx, connection: str, now: datetime) -> Spent:
    """What a connection has spent; a new day when nothing is known."""
    packed = tx.conn.execute(
        select(budget.c.spent).where(budget.c.connection == connection)
    ).scalar_one_or_none()
    return Spent(day_start=now) if packed is None else msgspec.msgpack.decode(packed, type=Spent)


def save(tx: Tx, connection: str, spent: Spent) -> None:
    """Keep what a connection has spent."""
    packed = msgspec.msgpack.encode(spent)
    changed = tx.conn.execute(
        budget.update().where(budget.c.connection == connection).values(spent=packed)
    )
    if not changed.rowcount:
        tx.conn.execute(budget.insert().values(connection=connection, spent=packed))


def take_slot(
    tx: Tx, connection: str, holder: str, *, most: int, now: datetime, until: datetime
) -> datetime | None:
    """Take one of ``most`` slots until a time; else say when the first may be free."""
    tx.conn.execute(delete(budget_slot).where(budget_slot.c.until <= now))
    taken, first = tx.conn.execute(
        select(func.count(), func.min(budget_slot.c.until)).where(
            budget_slot.c.connection == connection
        )
    ).one()
    if taken >= most:
        return first or until
    tx.conn.execute(budget_slot.insert().values(holder=holder, connection=connection, until=until))
    return None


def free_slot(tx: Tx, holder: str) -> None:
    """Give a slot back."""
    tx.conn.execute(delete(budget_slot).where(budget_slot.c.holder == holder))
