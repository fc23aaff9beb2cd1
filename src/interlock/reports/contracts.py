"""Contracts: end, value and period as the CRM has them against what the ERP bills."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.reports.records import InvoiceRecord

__all__ = ["Billing", "Contract", "Mismatch", "What", "billing_of", "find_mismatches"]

_GRACE = timedelta(days=15)
"""How late an invoice may be before the billing counts as ended."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract or subscription in the CRM; ``value`` is billed, net, every ``months``."""

    id: str
    customer: str
    start: date
    end: date
    value: Decimal
    currency: str
    months: int


class Billing(msgspec.Struct, frozen=True, kw_only=True):
    """How the ERP bills a contract; ``None``: it does not say."""

    currency: str | None = None
    end: date | None = None
    value: Decimal | None = None
    months: int | None = None


class What(StrEnum):
    """What differs."""

    NOT_BILLED = "not billed at all"
    CURRENCY = "billed in another currency"
    VALUE = "billed for another value"
    PERIOD = "billed in other periods"
    EARLY = "billing ended before the contract"
    BEYOND = "billed beyond the contract's end"


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One difference; both values as text, since they may be money, days or months."""

    contract: str
    customer: str
    what: What
    crm: str
    erp: str


def find_mismatches(
    contracts: Iterable[Contract], billings: Mapping[str, Billing | None]
) -> list[Mismatch]:
    """Compare contracts with their billing, by contract id; values to the cent."""
    found = []
    for one in contracts:
        billing = billings.get(one.id)
        found += [
            Mismatch(contract=one.id, customer=one.customer, what=what, crm=crm, erp=erp)
            for what, crm, erp in _differences(one, billing)
        ]
    return found


def _differences(one: Contract, billing: Billing | None) -> list[tuple[What, str, str]]:
    if billing is None:
        return [(What.NOT_BILLED, f"{one.value} {one.currency}", "")]
    found = []
    if billing.currency not in (None, one.currency):
        found.append((What.CURRENCY, one.currency, str(billing.currency)))
    elif billing.value not in (None, one.value):
        found.append((What.VALUE, f"{one.value} {one.currency}", f"{billing.value} {one.currency}"))
    if billing.months not in (None, one.months):
        found.append((What.PERIOD, _every(one.months), _every(billing.months or 0)))
    if billing.end is not None and billing.end != one.end:
        what = What.EARLY if billing.end < one.end else What.BEYOND
        found.append((what, one.end.isoformat(), billing.end.isoformat()))
    return found


def _every(months: int) -> str:
    return "every month" if months == 1 else f"every {months} months"


def billing_of(
    contract: Contract, invoices: Sequence[InvoiceRecord], today: date
) -> Billing | None:
    """See from the invoices how a contract is billed; ``None`` if one should be there and is not.

    Credit notes do not count.  The end is told only when it is another than the contract's: an
    invoice for a time beyond it, or one that is missing although it was due.
    """
    issued = sorted((i for i in invoices if i.net > 0), key=lambda i: (i.issued_on, i.id))
    if not issued:
        return None if today > contract.start + _GRACE else Billing()
    days = [invoice.issued_on for invoice in issued]
    gaps = Counter(
        round((later - earlier).days / 30.44) for earlier, later in itertools.pairwise(days)
    )
    # the latest counts among equals: a price that was raised is the price now
    amounts = Counter(invoice.net for invoice in issued)
    value = max(reversed(issued), key=lambda i: amounts[i.net]).net
    months = max(gaps, key=lambda m: (gaps[m], -m)) if gaps else None
    return Billing(
        currency=issued[-1].currency,
        value=value,
        months=months,
        end=_end(contract, days[-1], months or contract.months, today),
    )


def _end(contract: Contract, last: date, months: int, today: date) -> date | None:
    covered = _months_after(last, months) - timedelta(days=1)
    if last > contract.end:
        return covered
    overdue = today > covered + _GRACE
    return covered if overdue and covered + _GRACE < contract.end else None


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(day.year + year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
