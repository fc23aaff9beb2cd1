"""An invoice counts as the same on every day after it is said to age no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.governance.signals import SignalRules
from interlock.model import Fields, InvoiceStatus, Money
from interlock.processes.invoiced import invoiced
from interlock.processes.receivables import figures_of
from interlock.processes.touched import ages_until

DAYS = st.dates(date(2023, 12, 1), date(2024, 4, 1))


def invoice(status: InvoiceStatus, issued: date, paid: date | None = None) -> Fields:
    amount = Money(Decimal(100), "EUR")
    left = amount if status is InvoiceStatus.OPEN else Money(Decimal(0), "EUR")
    return {"status": status.value, "issued_on": issued, "due_on": issued, "net": amount,
            "total": amount, "open": left, "paid_on": paid}  # fmt: skip


@given(issued=DAYS, took=st.integers(0, 400))
def test_a_paid_invoice_rests_after_its_last_day(issued: date, took: int) -> None:
    paid = invoice(InvoiceStatus.PAID, issued, issued + timedelta(days=took))
    last = ages_until(paid)
    assert last is not None
    for after in range(1, 800, 7):
        today = last + timedelta(days=after)
        for yesterday in (last, today - timedelta(days=1)):
            assert figures_of([paid], today, "EUR", SignalRules()) == figures_of(
                [paid], yesterday, "EUR", SignalRules()
            )
        assert invoiced([paid], today) == invoiced([paid], last)


@pytest.mark.parametrize(
    ("status", "ages"), [(InvoiceStatus.OPEN, True), (InvoiceStatus.PAID, False)]
)
def test_one_that_is_not_paid_never_rests(status: InvoiceStatus, ages: bool) -> None:
    made = invoice(status, date(2020, 1, 1), date(2020, 1, 1))
    assert (ages_until(made) == date.max) is ages


def test_one_that_says_no_dates_has_nothing_to_age() -> None:
    assert ages_until({"status": InvoiceStatus.PAID.value}) is None
