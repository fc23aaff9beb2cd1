"""A rehearsal between a real BottleCRM and a real Tryton, counted through their own APIs."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.project.load import CONFIG_FILE, Project, open_project
from interlock.reports.order_checks import Check, Verdict
from interlock.service.rehearsal import Rehearsal, rehearse
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.main_job import Job
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

pytestmark = pytest.mark.real

SOLD = (
    # quantity, unit price, discount in per cent
    [("W-001", "3", "8.35", "10")],
    [("W-002", "7", "19.99", "12.5"), ("W-003", "1", "0.00", "0")],
    [("W-004", "1000", "0.07", "0")],
    [("W-005", "13", "33.33", "33")],
    [("W-001", "2", "120.00", "0"), ("W-001", "2", "110.00", "0")],
)


def test_a_rehearsal_on_real_systems_passes_and_its_orders_are_there(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    job = Job(tmp_path / "project", Crm(own_bottlecrm), Erp(own_tryton))
    asyncio.run(job.set_up())
    job.sell()
    _sell_more(job)
    project = _staging(job)
    sales_before = set(job.erp.sales())

    first = _rehearse(project, tmp_path / "first")

    faults = {
        deal.name: [(f.check.value, f.why) for f in deal.findings if f.verdict is Verdict.FAILED]
        for deal in first.judgement.deals
        if not deal.passed
    }
    assert first.passed, (faults, first.judgement.against, first.problems, first.said)
    assert first.judgement.ordered >= 10
    made = [sale for i, sale in job.erp.sales().items() if i not in sales_before]
    assert len(made) == first.judgement.ordered
    numbers = {row["custom_fields"].get("erp_order_number") for row in job.crm.deals().values()}
    assert {sale.number for sale in made} <= numbers
    totals = first.judgement.totals
    # both systems show all of it: nothing passes for want of being shown
    assert not any(Verdict.NOT_SHOWN in counts for counts in totals.values())
    assert totals[Check.LOST_ANSWER] == {Verdict.PASSED: 1}
    # the deal whose product Tryton lacks was held back
    (held,) = [d for d in first.judgement.deals if not d.orders]
    assert "X-900" in str(held.of(Check.ONE_ORDER))

    again = _rehearse(project, tmp_path / "second")
    assert not again.passed
    assert again.unfit["has an order already"] >= 10
    assert len(job.erp.sales()) == len(sales_before) + len(made)


def _sell_more(job: Job) -> None:
    rows = {row["sku"]: i for i, row in job.crm.products().items()}
    for place, lines in enumerate(SOLD):
        customer = job.customers[5 + place]
        deal = job.crm.add_deal(
            f"Rehearsed deal {place}",
            customer.account,
            [
                {"product_id": rows[sku], "quantity": quantity, "unit_price": price,
                 "discount_type": "PERCENTAGE", "discount_value": off}
                for sku, quantity, price, off in lines
            ],
            currency="USD",
        )  # fmt: skip
        job.crm.win(deal)


def _staging(job: Job) -> Project:
    file = job.root / CONFIG_FILE
    text = file.read_text(encoding="utf-8")
    assert text.count("  # environment: production") == 2
    file.write_text(text.replace("  # environment: production", "  environment: staging"))
    return open_project(job.root, environment={})


def _rehearse(project: Project, folder: Path) -> Rehearsal:
    folder.mkdir()
    return asyncio.run(
        rehearse(project, folder, clock=lambda: datetime.now(UTC), new_id=lambda: uuid.uuid4().hex)
    )
