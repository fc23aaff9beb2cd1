"""Records that reports look at, from files or from systems."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from interlock.matching.table import Company

__all__ = ["CustomerRecord", "DealRecord", "InvoiceRecord", "OrderRecord", "Skipped", "Source"]


class CustomerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A customer; ``raw_country`` is the country as it was written, ``company`` has its code."""

    company: Company
    email: str = ""
    raw_country: str = ""
    currency: str = ""
    payment_terms: str = ""


class DealRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A won deal; ``currency`` is "" where none is given, ``line`` where it stands in its file."""

    id: str
    name: str
    customer_id: str
    customer: str
    amount: Decimal
    currency: str
    won_on: date
    order_number: str = ""
    line: int = 0
    owner: str = ""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An order; ``deal``: whatever names the deal it was made from, ``id``: where it has one."""

    number: str
    customer_id: str
    customer: str
    amount: Decimal
    currency: str
    ordered_on: date
    cancelled: bool = False
    deal: str = ""
    line: int = 0
    id: str = ""


class InvoiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice, in its own currency; a credit note has amounts below zero.

    ``net``: without tax; ``total``: with it; ``open``: what of the total is left to pay;
    ``order``: id of the order it bills, "" where it names none.
    """

    id: str
    number: str
    customer_id: str
    customer: str
    net: Decimal
    total: Decimal
    open: Decimal
    currency: str
    issued_on: date
    order: str = ""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be used, and why."""

    file: str
    line: int
    why: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where records come from: a file, or a system.

    ``program``: whose headers were recognised, "" for none.  ``fields``: what the source can show.
    """

    title: str
    program: str = ""
    fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
