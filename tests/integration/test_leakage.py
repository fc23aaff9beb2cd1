"""Leakage on the project's own systems: each deal with what became of its order."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from interlock.matching.score import default_weights
from interlock.reports.leakage import Cause, Leakage, OrphanCause, Tolerances
from interlock.service.leakage import LeakageReport, report_leakage_of_systems
from interlock.store import refusals

from .company import Company
from .test_orders import Shop, item


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(company)


def report(shop: Shop, folder: Path, **period: Any) -> LeakageReport:
    with shop.company.store() as store:
        return report_leakage_of_systems(
            shop.company.project(), store, folder / "leaks.html", Tolerances(),
            weights=default_weights(), now=shop.company.clock(), **period,
        )  # fmt: skip


def causes(found: Leakage) -> dict[str, tuple[Cause, Decimal]]:
    return {f.deal: (f.cause, f.leaking) for f in found.findings}


def create_no_customers(shop: Shop) -> None:
    shop.company.own("customer", {
        "create": "none", "payment_terms": "{owner: erp}", "credit_limit": "{owner: erp}",
    })  # fmt: skip


def by_hand(
    shop: Shop, amount: str, state: str = "confirmed", partner: str = "", **cells: Any
) -> str:
    """An order somebody types into the ERP."""
    [first, *_] = shop.company.erp.all("customer")
    return shop.company.erp.add("order", {
        "partner_id": partner or first, "currency": "EUR", "state": state,
        "rows": [{"line_ref": "1", "sku": "SKU-1", "qty": "1", "price": amount}], **cells,
    })  # fmt: skip


async def test_an_ordered_deal_is_linked_and_one_just_won_is_under_way(
    shop: Shop, tmp_path: Path
) -> None:
    shop.deal()
    await shop.company.rest()
    shop.company.write("interlock.yaml", {"quiet_time:": "  quiet_time: 2m"})
    shop.deal(Name="Just now")
    await shop.company.sync()
    found = report(shop, tmp_path).leakage
    assert (found.deals, found.linked, found.under_way, found.findings) == (2, 1, 1, [])
    assert found.orphans == []


async def test_each_deal_is_told_its_likely_cause(shop: Shop, tmp_path: Path) -> None:
    crm = shop.company.crm
    stuck = shop.deal(item(9), amount="10.00", Name="Unknown product")
    early = {"WonAt": "2026-02-20T10:00:00+00:00"}
    before = shop.deal(item(1, "1", "700.00"), amount="700.00", **early)
    typed = shop.deal(item(1, "1", "500.00"), amount="500.00", **early)
    by_hand(shop, "499.50", ordered_on="2026-02-25")
    stranger = crm.add("customer", {"Name": "Nobody Knows Us Ltd"})
    create_no_customers(shop)
    unlinked = shop.deal(item(1, "1", "300.00"), amount="300.00", AccountId=stranger)
    nobodys = shop.deal(item(1, "1", "200.00"), amount="200.00", AccountId=None)
    await shop.company.sync()
    await shop.company.go()
    found = report(shop, tmp_path).leakage
    assert causes(found) == {
        stuck: (Cause.DEAD_LETTER, Decimal("10.00")),
        before: (Cause.BEFORE_GO_LIVE, Decimal("700.00")),
        unlinked: (Cause.NOT_LINKED, Decimal("300.00")),
        nobodys: (Cause.NO_CUSTOMER, Decimal("200.00")),
    }
    [match] = found.probable
    assert (match.deal, match.cause) == (typed, Cause.BY_HAND)
    assert 0.8 < match.score < 1
    [letter] = [f for f in found.findings if f.deal == stuck]
    assert "SKU-9" in letter.why
    assert found.totals[0].leaking == Decimal("1210.00")


async def test_a_deal_on_hold_says_so_even_beside_an_order_like_it(
    shop: Shop, tmp_path: Path
) -> None:
    [partner] = shop.company.erp.all("customer")
    shop.company.erp.edit("customer", partner, {"on_hold": True})
    await shop.company.sync()
    deal = shop.deal(item(1, "1", "100.00"), amount="100.00")
    by_hand(shop, "60.00")
    await shop.company.rest()
    found = report(shop, tmp_path).leakage
    assert causes(found) == {deal: (Cause.ON_HOLD, Decimal("100.00"))}
    assert "on credit hold since 2026-03-02" in found.findings[0].why


async def test_an_order_waiting_for_approval_leaks_until_it_is_approved(
    shop: Shop, tmp_path: Path
) -> None:
    shop.company.allow(create=1)
    deals = [shop.deal(Name=f"Deal {n}") for n in range(3)]
    await shop.company.sync()
    waiting = {d: c for d, (c, _) in causes(report(shop, tmp_path).leakage).items()}
    assert set(waiting.values()) <= {Cause.WAITING}
    await shop.company.go()
    await shop.company.rest()
    after = report(shop, tmp_path).leakage
    assert (after.linked, after.findings) == (len(deals), [])


async def test_cancelled_and_doubled_orders_of_linked_deals(shop: Shop, tmp_path: Path) -> None:
    one = shop.deal(item(1, "1", "40.00"), amount="40.00")
    two = shop.deal(item(1, "1", "90.00"), amount="90.00")
    await shop.company.rest()
    order_of = {o["crm_id"]: i for i, o in shop.company.erp.all("order").items()}
    shop.company.erp.edit("order", order_of[one], {"state": "canceled"})
    by_hand(shop, "90.00")
    await shop.company.rest()
    found = report(shop, tmp_path).leakage
    assert causes(found) == {
        one: (Cause.CANCELLED, Decimal("40.00")),
        two: (Cause.TWICE, Decimal(0)),
    }


async def test_orders_without_a_won_deal_are_the_reverse(shop: Shop, tmp_path: Path) -> None:
    reopened = shop.deal(item(1, "1", "40.00"), amount="40.00")
    await shop.company.rest()
    shop.edit(reopened, StageName="Negotiation")
    likely = shop.deal(item(1, "1", "75.00"), amount="75.00", StageName="Proposal")
    by_hand(shop, "75.00")
    by_hand(shop, "5000.00")
    walk_in = shop.company.erp.add("customer", {"name": "Walk-in Customer"})
    by_hand(shop, "12.00", partner=walk_in)
    by_hand(shop, "13.00", state="canceled")
    shop.company.crm.add("customer", {"Name": "Quiet Ltd", "VatNumber": "DE811907980"})
    quiet = shop.company.erp.add("customer", {"name": "Quiet Ltd", "vat_no": "DE811907980"})
    by_hand(shop, "14.00", partner=quiet)
    won = shop.deal(item(1, "1", "1.00"), amount="1.00")
    await shop.company.rest()
    day = date(2026, 3, 2)
    found = report(shop, tmp_path, start=day, end=day).leakage
    assert {o.amount: (o.cause, list(o.deals)) for o in found.orphans} == {
        Decimal("40.00"): (OrphanCause.UNWON, [reopened]),
        Decimal("75.00"): (OrphanCause.OPEN, [likely]),
        Decimal("5000.00"): (OrphanCause.NONE, []),
        Decimal("12.00"): (OrphanCause.UNKNOWN, []),
        Decimal("14.00"): (OrphanCause.NONE, []),
    }
    assert (found.deals, found.linked) == (1, 1), won
    assert report(shop, tmp_path, start=date(2026, 3, 3)).leakage.orphans == []


async def test_an_unlinked_customer_is_found_by_the_matcher_unless_refused(
    shop: Shop, tmp_path: Path
) -> None:
    create_no_customers(shop)
    account = shop.company.crm.add("customer", {"Name": "Brandt Logistik GmbH"})
    partner = shop.company.erp.add("customer", {"name": "BRANDT LOGISTIK GMBH"})
    deal = shop.deal(item(1, "1", "800.00"), amount="800.00", AccountId=account)
    by_hand(shop, "800.00", partner=partner)
    await shop.company.sync()
    [match] = report(shop, tmp_path).leakage.probable
    assert match.deal == deal

    shop.company.ask(lambda tx: refusals.add(
        tx, "customer", account, partner, reason="another firm", now=shop.company.clock()))  # fmt: skip
    found = report(shop, tmp_path).leakage
    assert found.probable == []
    assert causes(found)[deal][0] is Cause.ELSEWHERE


async def test_page_and_list_are_written(shop: Shop, tmp_path: Path) -> None:
    shop.deal(item(9), Name="=HYPERLINK(1)")
    await shop.company.sync()
    found = report(shop, tmp_path)
    page = Path(found.page).read_text()  # noqa: ASYNC240
    assert "its order could not be made" in page
    assert "http" not in page.replace("http-equiv", "")
    [row] = csv.DictReader(Path(found.list).read_text().splitlines())  # noqa: ASYNC240
    assert (row["leaking"], row["deal"]) == ("10.00", "'=HYPERLINK(1)")
