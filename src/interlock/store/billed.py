"""What figures are to be worked out anew from: records that changed, and who they count for.

A record of the ERP is marked when it is seen changed; whoever works figures out takes the marks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from interlock.governance.rules import Side
from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import SUMMED, billed, figure_note, record

__all__ = [
    "FOREVER", "Billed", "ageing", "currencies", "mark_all", "note", "notes", "of_customers",
    "of_orders", "parties", "put", "take",
]  # fmt: skip

FOREVER = date.max
"""An invoice that is not paid counts otherwise each day."""

_IDS: BindParameter[Any] = bindparam("b_ids", expanding=True)
_TAKE = fixed(
    update(record)
    .where(
        record.c.side == Side.ERP,
        record.c.entity == bindparam("b_entity"),
        record.c.to_sum.is_not(None),
    )
    .values(to_sum=None)
    .returning(record.c.id)
)
_OF_CUSTOMERS = fixed(select(billed.c.invoice_id).where(billed.c.customer_id.in_(_IDS)))
_OF_ORDERS = fixed(select(billed.c.invoice_id).where(billed.c.order_id.in_(_IDS)))
_PARTIES = fixed(
    select(billed.c.customer_id, billed.c.order_id).where(billed.c.invoice_id.in_(_IDS))
)
_AGEING = fixed(
    select(billed.c.customer_id, billed.c.order_id)
    .distinct()
    .where(billed.c.ages_until >= bindparam("b_since"))
)


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an invoice counts for.

    ``currencies``: of its amounts, none where it does not count.  ``ages_until``: the last day on
    which what it counts as may change by itself.
    """

    invoice_id: str
    customer_id: str | None
    order_id: str | None
    currencies: Sequence[str]
    ages_until: date | None


def take(tx: Tx) -> dict[str, set[str]]:
    """Take the marks away: entity -> the records that changed.  They are the caller's now."""
    return {e: set(tx.conn.execute(_TAKE, {"b_entity": e}).scalars()) for e in SUMMED}


def mark_all(tx: Tx) -> None:
    """Have all records looked at, and forget whom invoices counted for."""
    where = (record.c.side == Side.ERP, record.c.entity.in_(SUMMED))
    tx.conn.execute(update(record).where(*where).values(to_sum=True))
    tx.conn.execute(delete(billed))
    tx.conn.execute(delete(figure_note))


def put(tx: Tx, gone: Iterable[str], found: Sequence[Billed]) -> None:
    """Note whom invoices count for; ``gone``: those looked at, whether or not they still do."""
    for part in chunks(sorted(gone)):
        tx.conn.execute(delete(billed).where(billed.c.invoice_id.in_(part)))
    rows = [
        {
            "invoice_id": b.invoice_id,
            "customer_id": b.customer_id,
            "order_id": b.order_id,
            "currencies": " ".join(b.currencies),
            "ages_until": None if b.ages_until is None else b.ages_until.isoformat(),
        }
        for b in found
    ]
    for some in chunks(rows):
        tx.conn.execute(insert(billed), list(some))


def parties(tx: Tx, invoices: Iterable[str]) -> tuple[set[str], set[str]]:
    """Customers and orders that invoices last counted for."""
    return _both(
        row for part in chunks(sorted(invoices))
        for row in tx.conn.execute(_PARTIES, {"b_ids": part}).all()
    )  # fmt: skip


def ageing(tx: Tx, since: date) -> tuple[set[str], set[str]]:
    """Customers and orders whose invoices may count otherwise than on that day."""
    return _both(tx.conn.execute(_AGEING, {"b_since": since.isoformat()}).all())


def of_customers(tx: Tx, ids: Iterable[str]) -> set[str]:
    """Invoices that count for these customers."""
    return {
        i for part in chunks(sorted(ids))
        for i in tx.conn.execute(_OF_CUSTOMERS, {"b_ids": part}).scalars()
    }  # fmt: skip


def of_orders(tx: Tx, ids: Iterable[str]) -> set[str]:
    """Invoices that count for these orders."""
    return {
        i for part in chunks(sorted(ids))
        for i in tx.conn.execute(_OF_ORDERS, {"b_ids": part}).scalars()
    }  # fmt: skip


def currencies(tx: Tx) -> set[str]:
    """Currencies of all amounts that count."""
    found = tx.conn.execute(select(billed.c.currencies).distinct()).scalars()
    return {currency for several in found for currency in several.split()}


def note(tx: Tx, kind: str, looked: Collection[str], found: Mapping[str, Sequence[str]]) -> None:
    """Note something of the customers looked at; what was noted of them before is so no more."""
    for part in chunks(sorted(looked)):
        tx.conn.execute(
            delete(figure_note).where(
                figure_note.c.kind == kind, figure_note.c.customer_id.in_(part)
            )
        )
    rows = [
        {"customer_id": i, "kind": kind, "message": message}
        for i, messages in found.items()
        for message in messages
    ]
    for some in chunks(rows):
        tx.conn.execute(insert(figure_note), list(some))


def notes(tx: Tx, kind: str) -> list[tuple[str, str]]:
    """(customer, message) of all that is noted of a kind, by customer."""
    query = (
        select(figure_note.c.customer_id, figure_note.c.message)
        .where(figure_note.c.kind == kind)
        .order_by(figure_note.c.customer_id, figure_note.c.message)
    )
    return [(row.customer_id, row.message) for row in tx.conn.execute(query)]


def _both(rows: Iterable[tuple[str | None, str | None]]) -> tuple[set[str], set[str]]:
    found = list(rows)
    return {c for c, _ in found if c is not None}, {o for _, o in found if o is not None}
