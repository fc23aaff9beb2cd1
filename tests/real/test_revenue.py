"""``report revenue`` against Tryton's own ledger and BottleCRM's own deals, to the cent.

A few deals in the suite; ``make reconcile`` asks for two hundred, which take Tryton some minutes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from interlock.service.revenue import RevenueReport, report_revenue
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.finance import Finance
from tests.real.main_job import Job
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

pytestmark = pytest.mark.real

DEALS = int(os.environ.get("INTERLOCK_REVENUE_DEALS", "6"))
_CUSTOMERS = ("Ashgrove Pumps", "Birkental Optik", "Clairbois Textiles", "Duinveld Foods",
              "Eschenau Timber")  # fmt: skip
_SKUS = ("W-001", "W-002", "W-003")
_LIMITS = "  order: {create: 1000}\n  deal: {change: 1000}\n"

Sums = Mapping[str, Decimal]
"""Currency -> amount."""


class Trade(Job):
    """Five customers who buy in two currencies."""

    def fill(self) -> None:
        self.products = {
            sku: self.crm.add_product(name=f"Widget {sku}", sku=sku, price="10.00", currency="USD")
            for sku in _SKUS
        }
        self.accounts = [
            self.crm.add_account(
                name=f"{name} Inc.", website=f"https://{name.split()[0].lower()}.example",
                country="US", address_line=f"{number} Dock Road", city="Toledo", postcode="43604",
                custom_fields={"payment_terms": "Net 30"})
            for number, name in enumerate(_CUSTOMERS, 1)
        ]  # fmt: skip
        self._configure("\norders:\n", f"\nlimits:\n{_LIMITS}orders:\n")
        rules = (
            'schema_version: 1\ncompany: {currency: USD}\nrates: {source: Tryton, EUR: "1.11"}\n'
        )
        (self.root / "rules.yaml").write_text(rules, encoding="utf-8")

    def win_deals(self, count: int) -> None:
        """Win deals of one to three lines with prices that do not come out even."""
        chance = random.Random(4)
        for number in range(count):
            lines = [
                {"product_id": self.products[sku], "quantity": str(chance.randrange(1, 9)),
                 "unit_price": f"{chance.randrange(100, 9999) / 100:.2f}"}
                for sku in chance.sample(_SKUS, chance.randrange(1, 4))
            ]  # fmt: skip
            self.crm.win(self.crm.add_deal(
                f"Deal {number}", self.accounts[number % len(self.accounts)], lines,
                currency=("USD", "EUR")[number % 2]))  # fmt: skip

    def bill_and_bank(self) -> None:
        """Bill two thirds of the orders; of these a third is paid, a third in part."""
        finance = Finance(self.erp)
        for number, sale in enumerate(self.erp.sales()):
            if number % 3 == 2:
                continue
            for bill in finance.post(sale):
                if number % 9 in (0, 1):
                    finance.pay(bill.id, bill.total)
                elif number % 9 in (3, 4):
                    part = (bill.total / 3).quantize(Decimal("0.01"))
                    finance.pay(bill.id, part, in_part=True)

    async def settle(self) -> None:
        """Sync until nothing is left to write."""
        for _ in range(8):
            if (await self.sync()).writes == 0:
                return
        raise AssertionError("the sync goes on writing")

    async def report(self, by: Sequence[str] = ()) -> RevenueReport:
        async with self.session() as session:
            return report_revenue(session.project, session.store, now=datetime.now(UTC), by=by)


def summed(rows: Sequence[tuple[str, Decimal]]) -> Sums:
    """Add up by currency."""
    found: Counter[str] = Counter()
    for currency, amount in rows:
        found[currency] += amount  # type: ignore[assignment]
    return {c: Decimal(a) for c, a in found.items()}


def booked(erp: Erp, kind: str) -> list[tuple[str, Decimal]]:
    """What is posted on the accounts of a kind, in the currency of its document: debit minus credit."""
    rows = erp.rpc.model("account.move.line", "search_read", [
        [f"account.type.{kind}", "=", True], ["move_state", "=", "posted"]], 0, None, None, [
        "debit", "credit", "amount_second_currency", "second_currency.code"])  # fmt: skip
    return [_booking(row) for row in rows]


def _booking(row: Mapping[str, Any]) -> tuple[str, Decimal]:
    second = row.get("second_currency.")
    if second:
        return str(second["code"]), Decimal(row["amount_second_currency"]["decimal"])
    return "USD", Decimal(row["debit"]["decimal"]) - Decimal(row["credit"]["decimal"])


async def test_every_total_is_the_ledgers_own(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    trade = Trade(tmp_path / "project", Crm(own_bottlecrm), Erp(own_tryton))
    assert not (await trade.set_up()).failed
    await trade.approve(await trade.plan())
    await trade.sync()
    trade.win_deals(DEALS)
    await trade.settle()
    trade.bill_and_bank()
    await trade.settle()

    report = await trade.report()
    shown = {row.currency: row.sums for row in report.totals}
    sales, receivable = trade.erp.sales().values(), booked(trade.erp, "receivable")
    won = [(d["currency"], Decimal(d["amount"])) for d in trade.crm.deals().values()]
    assert len(won) == len(sales) == DEALS
    assert {c: s.won for c, s in shown.items()} == summed(won)
    assert {c: s.ordered for c, s in shown.items()} == summed([(s.currency, s.net) for s in sales])
    earned = summed([(c, -amount) for c, amount in booked(trade.erp, "revenue")])
    assert {c: s.invoiced for c, s in shown.items()} == earned
    billed = summed([(c, a) for c, a in receivable if a > 0])
    assert {c: s.billed for c, s in shown.items()} == billed
    collected = summed([(c, -a) for c, a in receivable if a < 0])
    assert {c: s.collected for c, s in shown.items()} == collected
    # the groups add up to the totals, and nothing is trivially nothing
    grouped = await trade.report(["customer", "period"])
    for name in ("won", "ordered", "invoiced", "billed", "collected"):
        parts = summed([(row.currency, getattr(row.sums, name)) for row in grouped.rows])
        assert parts == {c: getattr(s, name) for c, s in shown.items()}
        assert all(amount > 0 for amount in parts.values())
    assert {row.customer for row in grouped.rows} == {f"{name} Inc." for name in _CUSTOMERS}
