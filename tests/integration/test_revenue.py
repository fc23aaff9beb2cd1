"""Revenue of the project's own systems, to the cent, and contracts against their billing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.memory.invoicing import cancel_invoice, issue_invoice, register_payment
from interlock.errors import ConfigurationError
from interlock.reports.contracts import What
from interlock.reports.revenue import Period
from interlock.service.revenue import RevenueReport, report_revenue

from .company import Company
from .test_orders import Shop, item


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(company)


def report(shop: Shop, **options: Any) -> RevenueReport:
    with shop.company.store() as store:
        return report_revenue(shop.company.project(), store, now=shop.company.clock(), **options)


async def test_won_ordered_invoiced_and_collected_with_the_gaps(shop: Shop) -> None:
    erp = shop.company.erp
    shop.deal(item(1, "3", "33.33"), amount="99.99")
    shop.deal(item(1, "1", "0.01"), amount="0.01")
    shop.deal(item(9), amount="10.00", Name="never ordered")
    await shop.company.rest()
    [partner] = erp.all("customer")
    [order] = [i for i, o in erp.all("order").items() if o["net_total"] == "99.99"]
    bill = issue_invoice(erp, partner, "66.66", tax="12.67", order=order)
    register_payment(erp, bill, "79.32")
    issue_invoice(erp, partner, "-6.66", tax="-1.27")
    issue_invoice(erp, partner, "50.00", currency="USD")
    cancel_invoice(erp, issue_invoice(erp, partner, "999.00"))
    await shop.company.rest()
    found = report(shop, by=["customer"])
    sums = {row.currency: row.sums for row in found.rows}
    assert set(sums) == {"EUR", "USD"}
    euros = sums["EUR"]
    assert (euros.won, euros.ordered, euros.not_ordered) == (
        Decimal("110.00"), Decimal("100.00"), Decimal("10.00"),
    )  # fmt: skip
    assert (euros.invoiced, euros.not_invoiced) == (Decimal("60.00"), Decimal("40.00"))
    assert euros.billed == Decimal("71.40")
    assert euros.collected == Decimal("79.32")
    assert sums["USD"].invoiced == Decimal("50.00")
    assert [row.customer for row in found.rows] == ["Acme", "Acme"]
    assert [(one.currency, one.revenue) for one in found.lifetimes] == [
        ("EUR", Decimal("60.00")), ("USD", Decimal("50.00")),
    ]  # fmt: skip


async def test_it_equals_the_erps_own_books_on_a_dozen_deals(shop: Shop) -> None:
    erp = shop.company.erp
    prices = [Decimal(n * n * 37 % 9973) / 100 + 1 for n in range(1, 13)]
    for price in prices:
        shop.deal(item(1, "3", str(price)), amount=str(3 * price))
    await shop.company.rest()
    for order_id, order in erp.all("order").items():
        issue_invoice(erp, order["partner_id"], order["net_total"], order=order_id)
    await shop.company.rest()
    [row] = report(shop, by=[]).rows
    books = sum(Decimal(i["net_amount"]) for i in erp.all("invoice").values())
    assert row.sums.won == row.sums.ordered == row.sums.invoiced == books == 3 * sum(prices)


async def test_periods_bound_the_sums_but_not_lifetime_revenue(shop: Shop) -> None:
    [partner] = shop.company.erp.all("customer")
    for day, net in ((date(2026, 1, 31), "1.00"), (date(2026, 2, 1), "2.00"),
                     (date(2026, 4, 1), "4.00")):  # fmt: skip
        issue_invoice(shop.company.erp, partner, net, issued_on=day)
    await shop.company.rest()
    found = report(shop, by=["period"], period=Period.QUARTER, start=date(2026, 2, 1))
    assert {row.period: row.sums.invoiced for row in found.rows} == {"2026 Q1": 2, "2026 Q2": 4}
    assert found.lifetimes[0].revenue == 7


async def test_a_contract_is_held_against_the_invoices_of_its_order(shop: Shop) -> None:
    company = shop.company
    names = ("contract_start", "contract_end", "contract_value", "contract_months")
    kinds = ("date", "date", "number", "number")
    mapped = "".join(f"    custom.{n}: {{path: Amount.{n}, type: {k}}}\n"
                     for n, k in zip(names, kinds, strict=True))  # fmt: skip
    with (company.root / "mappings/crm.yaml").open("a") as file:
        file.write(f"deal:\n  fields:\n{mapped}")
    owned = "\n".join(f"    custom.{name}: {{owner: local}}" for name in names)
    company.write("ownership.yaml", {"won_at:": f"    won_at: {{owner: local}}\n{owned}"})
    company.close()  # the store learns the new fields when it is opened
    terms = {"contract_start": "2026-01-01", "contract_end": "2026-12-31",
             "contract_value": "10.00", "contract_months": "1"}  # fmt: skip
    amount = {"Amount": "10.00", "CurrencyIsoCode": "EUR", **terms}
    right, wrong = shop.deal(Amount=amount), shop.deal(Amount=amount)
    shop.deal()
    await company.go()
    await company.rest()
    orders = {o["crm_id"]: (i, o["partner_id"]) for i, o in company.erp.all("order").items()}
    for deal, net in ((right, "10.00"), (wrong, "12.00")):
        for month in (1, 2, 3):
            order, partner = orders[deal]
            issue_invoice(company.erp, partner, net, order=order, issued_on=date(2026, month, 1))
    await company.rest()
    found = report(shop)
    assert found.contracts == 2
    assert [(m.contract, m.what, m.erp) for m in found.mismatches] == [
        (wrong, What.VALUE, "12.00 EUR")
    ]


async def test_before_anything_was_read_it_says_so(company: Company) -> None:
    with company.store() as store, pytest.raises(ConfigurationError, match="nothing has been read"):
        report_revenue(company.project(), store, now=company.clock())
