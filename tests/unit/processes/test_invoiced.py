"""What the invoices of an order say on its deal."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from interlock.model import Fields, Money
from interlock.processes.invoiced import invoiced

TODAY = date(2026, 3, 2)
SOON, LATE = TODAY + timedelta(days=3), TODAY - timedelta(days=3)


def one(number: str = "1", left: str = "10", due: date | None = SOON, currency: str = "EUR",
        **more: Any) -> Fields:  # fmt: skip
    shown: Fields = {
        "number": number, "status": "open", "issued_on": TODAY, "due_on": due,
        "total": Money(Decimal(10), currency), "open": Money(Decimal(left), currency),
    }  # fmt: skip
    return {**shown, **more}


PAID: dict[str, Any] = {"status": "paid", "left": "0"}


@pytest.mark.parametrize(
    ("invoices", "status"),
    [
        ([one()], "open"),
        ([one(left="4")], "partly paid"),
        ([one(**PAID), one("2")], "partly paid"),
        ([one(**PAID)], "paid"),
        ([one(**PAID), one("2", due=LATE)], "overdue"),
        ([one(due=TODAY)], "open"),
        ([one(due=LATE, disputed=True)], "disputed"),
        ([one(disputed=True, **PAID)], "paid"),
        ([one(due=None)], "open"),
        ([one(status="cancelled")], None),
        ([], None),
    ],
)
def test_the_state_of_payment(invoices: list[Fields], status: str | None) -> None:
    assert invoiced(invoices, TODAY)["payment_status"] == status


def test_numbers_total_and_next_date() -> None:
    found = invoiced([one("B", due=LATE), one("A"), one("C", **PAID)], TODAY)
    assert found["invoice_numbers"] == "A, B, C"
    assert found["invoice_total"] == Money(Decimal(30), "EUR")
    assert found["invoice_due_on"] == LATE


def test_totals_in_two_currencies_are_no_total() -> None:
    assert "invoice_total" not in invoiced([one(), one("2", currency="USD")], TODAY)


def test_without_its_due_date_nothing_is_said_of_payment() -> None:
    shown = one()
    del shown["due_on"]
    found = invoiced([shown], TODAY)
    assert "payment_status" not in found
    assert found["invoice_numbers"] == "1"
