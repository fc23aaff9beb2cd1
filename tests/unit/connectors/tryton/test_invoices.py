"""Rows of an invoice become what is open and when it is due."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.tryton.invoices import DueDate, invoice_raw
from interlock.mapping.codecs import CodecError

SOON, LATER = date(2026, 3, 5), date(2026, 4, 5)


def line(debit: str = "0", credit: str = "0", *, due: date = SOON, settled: bool = False,
         second: str | None = None) -> dict[str, Any]:  # fmt: skip
    return {
        "maturity_date": due, "date": due, "reconciliation": 7 if settled else None,
        "debit": Decimal(debit), "credit": Decimal(credit),
        "amount_second_currency": None if second is None else Decimal(second),
    }  # fmt: skip


def raw(*lines: Any, payments: Any = (), state: str = "posted", own: str = "USD",
        **more: Any) -> dict[str, Any]:  # fmt: skip
    row = {"state": state, "currency.": {"code": own}, "lines_to_pay.": list(lines),
           "payment_lines.": list(payments), **more}  # fmt: skip
    return invoice_raw(row, "USD")


def test_what_no_payment_has_settled_is_open() -> None:
    found = raw(line("100"), line("20", settled=True), payments=[line(credit="30"), line(credit="20", settled=True)])  # fmt: skip
    assert found["billed:open"] == {"amount": Decimal(70), "currency": "USD"}


def test_another_currency_counts_in_its_own_amounts() -> None:
    found = raw(line("110", second="100"), payments=[line(credit="11", second="-10")], own="EUR")
    assert found["billed:open"] == {"amount": Decimal(90), "currency": "EUR"}


def test_a_credit_note_is_below_zero() -> None:
    assert raw(line(credit="50"))["billed:open"]["amount"] == -50


def test_of_what_is_settled_the_date_does_not_count() -> None:
    found = raw(line("1", due=SOON, settled=True), line("1", due=LATER))
    assert DueDate().decode(found["billed:due"]) == LATER


def test_several_dates_are_no_date() -> None:
    found = raw(line("1", due=SOON), line("1", due=LATER))
    with pytest.raises(CodecError, match="several"):
        DueDate().decode(found["billed:due"])


def test_a_paid_one_owes_nothing_and_keeps_its_last_date() -> None:
    found = raw(line("1", due=SOON, settled=True), line("1", due=LATER, settled=True), state="paid")
    assert found["billed:open"]["amount"] == 0
    assert DueDate().decode(found["billed:due"]) == LATER


def test_a_draft_has_no_dates_yet() -> None:
    found = raw(state="draft")
    assert DueDate().decode(found["billed:due"]) is None
    assert found["billed:paid"] is None


def test_one_for_several_orders_is_of_none() -> None:
    assert raw(sales=[4])["billed:sale"] == 4
    assert raw(sales=[4, 5])["billed:sale"] is None


def test_columns_that_were_not_asked_for_stay_unknown() -> None:
    assert not [k for k in invoice_raw({"state": "posted"}, "USD") if k.startswith("billed")]
