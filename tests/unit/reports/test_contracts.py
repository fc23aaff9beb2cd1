"""Contracts on the CRM against what the ERP bills."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from interlock.reports.contracts import Billing, Contract, What, billing_of, find_mismatches
from interlock.reports.records import InvoiceRecord

TODAY = date(2026, 11, 20)


def contract(key: str, value: str = "100.00", months: int = 1, **more: object) -> Contract:
    values = {"id": key, "customer": f"Firm {key}", "start": date(2026, 1, 1),
              "end": date(2026, 12, 31), "value": Decimal(value), "currency": "EUR",
              "months": months}  # fmt: skip
    return Contract(**(values | more))  # type: ignore[arg-type]


def billed(one: Contract, *, value: str = "", months: int = 0, until: date | None = None,
           currency: str = "") -> list[InvoiceRecord]:  # fmt: skip
    """What accounting does with a contract: an invoice at the beginning of each period."""
    end, found = until or min(one.end, TODAY), []
    year, month = one.start.year, one.start.month
    while (day := date(year, month, min(one.start.day, 28))) <= end:
        net = Decimal(value or one.value)
        found.append(InvoiceRecord(
            id=f"{one.id}-{len(found)}", number="", customer_id="", customer="", net=net,
            total=net * 119 / 100, open=Decimal(0), currency=currency or one.currency,
            issued_on=day,
        ))  # fmt: skip
        month += months or one.months
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return found


def test_twenty_contracts_with_six_mismatches_all_found() -> None:
    contracts = [
        contract(f"K{n:02}", value=f"{100 + n}.{n:02}", months=(1, 3, 12)[n % 3],
                 start=date(2025 + n % 2, 1 + n % 4, 1), end=date(2026, 12, 31))
        for n in range(20)
    ]  # fmt: skip
    invoices = {one.id: billed(one) for one in contracts}
    by_id = {one.id: one for one in contracts}
    wrong = {
        "K00": (What.VALUE, billed(by_id["K00"], value="100.01")),
        "K03": (What.CURRENCY, billed(by_id["K03"], currency="USD")),
        "K06": (What.PERIOD, billed(by_id["K06"], months=3)),
        "K09": (What.EARLY, billed(by_id["K09"], until=date(2026, 7, 5))),
        "K04": (What.NOT_BILLED, []),
    }
    invoices |= {key: rows for key, (_, rows) in wrong.items()}
    ended = contract("K15", start=date(2025, 1, 1), end=date(2026, 6, 30))
    contracts[15] = ended
    invoices["K15"] = billed(ended, until=TODAY)
    billings = {one.id: billing_of(one, invoices[one.id], TODAY) for one in contracts}
    found = find_mismatches(contracts, billings)
    expected = {key: what for key, (what, _) in wrong.items()} | {"K15": What.BEYOND}
    assert {m.contract: m.what for m in found} == expected
    assert len(found) == 6


def test_both_values_are_told() -> None:
    one = contract("K1")
    billing = Billing(currency="EUR", value=Decimal("90.00"), months=12, end=date(2026, 6, 30))
    told = {m.what: (m.crm, m.erp) for m in find_mismatches([one], {"K1": billing})}
    assert told == {
        What.VALUE: ("100.00 EUR", "90.00 EUR"),
        What.PERIOD: ("every month", "every 12 months"),
        What.EARLY: ("2026-12-31", "2026-06-30"),
    }


def test_what_the_erp_does_not_say_is_no_mismatch() -> None:
    assert find_mismatches([contract("K1")], {"K1": Billing()}) == []


def test_an_invoice_a_little_late_is_no_end() -> None:
    one = contract("K1")
    rows = billed(one, until=date(2026, 10, 1))
    assert billing_of(one, rows, date(2026, 11, 14)).end is None  # type: ignore[union-attr]
    assert billing_of(one, rows, date(2026, 11, 20)).end == date(2026, 10, 31)  # type: ignore[union-attr]


def test_a_contract_that_has_just_begun_need_not_be_billed() -> None:
    one = contract("K1", start=date(2026, 11, 10))
    assert find_mismatches([one], {"K1": billing_of(one, [], TODAY)}) == []


def test_a_price_that_was_raised_is_the_price_now() -> None:
    one = contract("K1", value="110.00", months=3)
    rows = billed(one)
    old = list(billed(contract("K1", months=3)))[:2]
    billing = billing_of(one, [*old, *rows[2:]], TODAY)
    assert billing is not None
    assert billing.value == Decimal("110.00")
