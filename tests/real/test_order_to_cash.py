"""From a won deal to the money and back, with a credit hold between, read through both APIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.cash import Cash
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.main_job import Check, Job
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

pytestmark = pytest.mark.real


class Shop(Job):
    """Two customers whom only the CRM knows so far, and three products."""

    def fill(self) -> None:
        for sku in ("W-001", "W-002", "W-003"):
            self.crm.add_product(name=f"Widget {sku}", sku=sku, price="10.00", currency="USD")
        self.accounts = [
            self.crm.add_account(
                name=f"{name} Inc.", website=f"https://{name.lower()}.example", country="US",
                address_line="1 Dock Road", city="Toledo", postcode="43604",
                custom_fields={"payment_terms": "Net 30"})
            for name in ("Debtor", "Payer")
        ]  # fmt: skip
        self.stage = self.crm.add_stage("On hold")
        self.configure_holds(self.stage)


async def open_shop(root: Path, crm: Crm, erp: Erp) -> Cash:
    """Connect both systems, make the customers in Tryton, type in the open deals."""
    shop = Shop(root, crm, erp)
    report = await shop.set_up()
    assert not report.failed
    await shop.approve(await shop.plan())
    first = await shop.sync()
    assert first.problems == ()
    debtor, payer = shop.accounts
    cash = Cash(shop, debtor, payer, shop.stage)
    cash.open_deals()
    return cash


def kept(checks: list[Check]) -> None:
    """Fail with the cases that are not as promised."""
    assert {c.promise: list(c.broken) for c in checks if not c.kept} == {}


async def test_an_unpaid_deal_holds_its_customer_until_the_money_comes(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    cash = await open_shop(tmp_path / "project", Crm(own_bottlecrm), Erp(own_tryton))
    kept(await cash.order())
    kept(await cash.bill())
    kept(await cash.fall_due())
    kept(await cash.hold())
    kept(await cash.sync_again())
    kept(await cash.win_meanwhile())
    kept(await cash.release())
    kept(await cash.sync_again())
