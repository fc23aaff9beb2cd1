"""Deals whose orders a store that went back may not know of any more (rules 24, 28)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.processes.order_kinds import ORDER, OrderKind
from interlock.store import epochs, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.store.tables import record

__all__ = ["lost_order", "may_have_been_ordered"]


def may_have_been_ordered(tx: Tx, deal: Observation) -> bool:
    """Say whether a deal was won before the store went back: a person approves its order."""
    since = epochs.began(tx)
    if since is None:
        return False
    won_at = deal.fields.get("won_at")
    return not isinstance(won_at, datetime) or won_at <= since


def lost_order(tx: Tx, deal: Observation, kind: OrderKind = ORDER) -> tuple[str, str] | None:
    """Say why a deal without an order is not ordered: it shows one that is not there.

    An order that belongs to another deal is shown by a copy of that deal only.
    """
    if not may_have_been_ordered(tx, deal):
        return None
    # a deal's own id of the other system is its order's
    named = deal.fields.get(CROSS_REFERENCE) if kind is ORDER else None
    number = deal.fields.get(kind.number)
    if named is None and number is None:
        return None
    rows = tx.conn.execute(
        select(record).where(
            record.c.side == Side.ERP,
            record.c.entity == kind.entity,
            record.c.link_id.is_not(None),
        )
    )
    for row in rows:
        order = observations.from_row(tx, row)
        if (order.id == named) if named is not None else order.fields.get("number") == number:
            return None
    why = (
        f"it shows {kind.entity} {number or named}, which was not found after the store went back: "
        f"clear the {kind.entity}'s number and id on the deal to have it made again"
    )
    return "waiting", why
