"""A rehearsal passes on healthy systems and names deal and check of every planted fault.

The faults are in the systems: they save something else than they were given, or do it twice.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.calls import Answered, Call
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.project.load import Project, open_project
from interlock.rehearsal import made_deals, rehearse_in_memory
from interlock.rehearsal.memory import MemoryPair, load_deals
from interlock.reports.order_checks import Check, Verdict
from interlock.reports.rehearsal import DealResult
from interlock.reports.sold import SoldDeal
from interlock.service.rehearsal import Found, Rehearsal, rehearse
from interlock.testing.faults import Act, Faults, change_cells, drop_column

from .company import Company

ids = itertools.count(1)


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return f"{next(ids):032x}"[::-1]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    company = Company(tmp_path_factory.mktemp("project"))
    yield company.project()
    company.close()


DEALS = tuple(d for d in made_deals() if len(d.lines) < 20)
"""Fifty lines take their time, and one rehearsal of them is enough."""


class Trial:
    """Systems loaded with made deals; faults are planted before the rehearsal."""

    def __init__(self, project: Project, folder: Path, deals: tuple[SoldDeal, ...] = DEALS) -> None:
        self.project, self.folder, self.deals = project, folder, deals
        self.pair: MemoryPair = load_deals(deals, now)
        self.crm, self.erp = self.pair.system(Side.CRM), self.pair.system(Side.ERP)
        self.crm.faults = self.crm_faults = Faults(self.crm)
        self.erp.faults = self.erp_faults = Faults(self.erp)

    def run(self) -> Rehearsal:
        found = Found(chosen=self.deals, considered=len(self.deals), unfit={})
        self.folder.mkdir()
        return asyncio.run(
            rehearse_in_memory(
                self.project, self.folder, found, clock=now, new_id=new_id, pair=self.pair
            )
        )


@pytest.fixture
def trial(project: Project, tmp_path: Path) -> Trial:
    return Trial(project, tmp_path / "trial")


def deal_called(result: Rehearsal, special: str) -> DealResult:
    return next(d for d in result.judgement.deals if d.name == f"Rehearsal: {special}")


def failed_checks(deal: DealResult) -> set[Check]:
    return {f.check for f in deal.findings if f.verdict is Verdict.FAILED}


def why(deal: DealResult, check: Check) -> str:
    finding = deal.of(check)
    assert finding is not None
    return finding.why


def of_new_customer(cells: Mapping[str, Any]) -> bool:
    return cells.get("customer_po") == "PO-003"


def changed(**to: Any) -> Act:
    """Save other cells than were given, in the order of the new customer only."""

    def change(cells: Mapping[str, Any]) -> dict[str, Any]:
        if not of_new_customer(cells):
            return dict(cells)
        return {**cells, **{k: v(cells[k]) if callable(v) else v for k, v in to.items()}}

    return change_cells(change)


def with_row(**to: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [{**rows[0], **to}, *rows[1:]]


def test_made_deals_pass_on_healthy_systems(project: Project, tmp_path: Path) -> None:
    trial = Trial(project, tmp_path / "trial", made_deals())
    result = trial.run()
    judged = result.judgement
    assert result.passed, (judged.against, [failed_checks(d) for d in judged.deals])
    assert len(judged.deals) == len(made_deals()) == 14
    assert judged.ordered == 13
    assert {Verdict.PASSED} == {v for counts in judged.totals.values() for v in counts} - {
        Verdict.NOT_TRIED
    }
    # every check of every deal was really made: nothing passes for want of being looked at
    assert all(counts[Verdict.PASSED] >= 13 for check, counts in judged.totals.items()
               if check is not Check.LOST_ANSWER)  # fmt: skip
    assert judged.totals[Check.LOST_ANSWER] == {Verdict.PASSED: 1}
    assert len(trial.erp.all("order")) == 13
    assert len(trial.erp.all("customer")) == 14
    unresolved = deal_called(result, "Unresolved SKU")
    assert unresolved.orders == []
    assert "REH-NONE" in why(unresolved, Check.ONE_ORDER)


PLANTED: Mapping[str, tuple[Act, Check, str]] = {
    "price": (changed(rows=with_row(price="81.00")), Check.PRICES, "81.00 instead of 80.00"),
    "quantity": (changed(rows=with_row(qty="6")), Check.LINES, "x 6 instead of"),
    "terms": (changed(terms="net 60"), Check.TERMS, "net 60, agreed with the customer is net 14"),
    "currency": (changed(currency="USD"), Check.CURRENCY, "USD instead of EUR"),
    "customer": (changed(partner_id="1"), Check.CUSTOMER, "booked on 1"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_wrong_order_is_named_with_deal_and_check(trial: Trial, fault: str) -> None:
    act, check, words = PLANTED[fault]
    trial.erp_faults.arm(act, operation="write", entity="order", times=None)
    result = trial.run()
    assert not result.passed
    deal = deal_called(result, "New customer")
    assert check in failed_checks(deal)
    assert words in why(deal, check)
    assert [d.name for d in result.judgement.deals if not d.passed] == [deal.name]


def test_an_erp_that_takes_prices_with_tax_is_named(trial: Trial) -> None:
    """Its own books then say that less was sold than the customer agreed to."""
    trial.erp_faults.arm(taxed(trial.erp), operation="write", entity="order", times=None)
    result = trial.run()
    deal = deal_called(result, "New customer")
    assert {Check.TAXES, Check.TOTALS} <= failed_checks(deal)
    assert "taxes 333.33" in why(deal, Check.TAXES)
    assert [d.name for d in result.judgement.deals if not d.passed] == [deal.name]


def taxed(erp: MemorySystem) -> Act:
    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        answers = carry_out()
        for place, answer in enumerate(answers):
            row = answer.row
            if row is not None and of_new_customer(row.cells) and row.cells["state"] == "quotation":
                net = (Decimal(row.cells["net_total"]) / Decimal("1.2")).quantize(Decimal("0.01"))
                erp.edit("order", row.id, {"net_total": str(net)})
                answers[place] = Answered(row=erp.row("order", row.id))
        return answers

    return act


@pytest.mark.parametrize("keyed", [True, False], ids=["with our keys", "without any key"])
def test_an_erp_that_books_an_order_twice_is_named(trial: Trial, keyed: bool) -> None:
    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        twice = [op.cells for op in call.ops if op.id is None and of_new_customer(op.cells)]
        answers = carry_out()
        for cells in twice:
            keys = {} if keyed else {"crm_id": None, "ext_ref": None}
            trial.erp.add("order", {**cells, **keys})
        return answers

    trial.erp_faults.arm(act, operation="write", entity="order", times=None)
    result = trial.run()
    deal = deal_called(result, "New customer")
    assert Check.ONE_ORDER in failed_checks(deal)
    assert "2 orders" in why(deal, Check.ONE_ORDER)
    assert [d.name for d in result.judgement.deals if not d.passed] == [deal.name]


def test_an_erp_that_makes_a_customer_twice_is_named(trial: Trial) -> None:
    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        new = [op.cells for op in call.ops if op.id is None and "Caldera" in op.cells["name"]]
        answers = carry_out()
        for cells in new:
            trial.erp.add("customer", {**cells, "crm_id": None, "ext_ref": None})
        return answers

    trial.erp_faults.arm(act, operation="write", entity="customer", times=None)
    result = trial.run()
    deal = deal_called(result, "New customer")
    assert failed_checks(deal) == {Check.CUSTOMER}
    assert "2 times in the ERP" in why(deal, Check.CUSTOMER)


def test_a_number_that_does_not_come_back_is_named(trial: Trial) -> None:
    trial.crm_faults.arm(
        drop_column("OrderNumber__c"), operation="write", entity="deal", times=None
    )
    result = trial.run()
    ordered = [d for d in result.judgement.deals if d.orders]
    assert ordered
    assert all(Check.NUMBER in failed_checks(d) for d in ordered)
    assert "the deal shows blank" in why(deal_called(result, "New customer"), Check.NUMBER)


def test_an_order_nobody_finds_again_after_a_lost_answer_is_made_twice_and_named(
    trial: Trial,
) -> None:
    """An ERP that does not find our key although it says so cannot be kept from a second order."""
    trial.erp_faults.arm(
        lambda _call, _carry_out: [], operation="searched", entity="order", times=None
    )
    result = trial.run()
    assert not result.passed
    doubled = [d for d in result.judgement.deals if len(d.orders) > 1]
    assert len(doubled) == 1
    assert {Check.ONE_ORDER, Check.LOST_ANSWER} <= failed_checks(doubled[0])


def test_a_system_that_never_comes_to_rest_fails_the_second_run(trial: Trial) -> None:
    """A program beside us puts a customer's website back at every look."""

    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        partner = next(i for i, p in trial.erp.all("customer").items() if "Brookfield" in p["name"])
        site = f"https://{next(ids)}.example"
        trial.erp.edit("customer", partner, {"web": site})
        return carry_out()

    trial.erp_faults.arm(act, operation="changed", entity="customer", times=None)
    result = trial.run()
    deal = deal_called(result, "Second currency")
    assert Check.SECOND_RUN in failed_checks(deal)
    assert "changed (website)" in why(deal, Check.SECOND_RUN)


def test_fewer_than_ten_orders_are_no_rehearsal(project: Project, tmp_path: Path) -> None:
    result = Trial(project, tmp_path / "trial", DEALS[:3]).run()
    assert all(deal.passed for deal in result.judgement.deals)
    assert not result.passed
    assert result.judgement.against == ["3 deals became orders, at least 10 must"]


# ── a pair of one's own ──────────────────────────────────────────────────────────────────────


def staged(company: Company) -> Project:
    file = company.root / "interlock.yaml"
    text = file.read_text()
    assert text.count("  # environment: production") == 2
    file.write_text(text.replace("  # environment: production", "  environment: staging"))
    return open_project(company.root, environment={})


def fill(company: Company, deals: int) -> None:
    company.erp.add("product", {"sku": "W-1", "title": "Widget"})
    for n in range(deals):
        name = f"{'ABCDEFGHIJKLMNOP'[n] * 3}{n} Trading"
        account = company.crm.add(
            "customer",
            {"Name": name, "Website": f"https://c{n}.example", "VatNumber": f"XX{n:09}",
             "PaymentTerms": "Net 30"},
        )  # fmt: skip
        company.crm.add(
            "deal",
            {"Name": f"Deal {n}", "AccountId": account, "StageName": "Closed Won",
             "Amount": {"Amount": f"{10 * (n + 1)}.00", "CurrencyIsoCode": "EUR"},
             "Lines": [{"Id": "1", "ProductCode": "W-1", "Quantity": str(n + 1),
                        "UnitPrice": "10.00"}]},
        )  # fmt: skip


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company(tmp_path / "project", crm_settings={"settle_time": 0},
                      erp_settings={"settle_time": 0})  # fmt: skip
    yield company
    company.close()


def on_staging(project: Project, folder: Path) -> Rehearsal:
    folder.mkdir()
    return asyncio.run(rehearse(project, folder, clock=now, new_id=new_id))


def test_a_staging_pair_passes_and_nothing_else_of_it_is_touched(
    company: Company, tmp_path: Path
) -> None:
    fill(company, 12)
    bystander = company.crm.add("customer", {"Name": "Bystander Ltd"})
    company.crm.add("deal", {"Name": "Not yet", "AccountId": bystander})
    result = on_staging(staged(company), tmp_path / "trial")
    assert result.passed, (result.judgement.against, result.problems, result.said)
    assert len(company.erp.all("order")) == 12
    assert "Bystander Ltd" not in {c["name"] for c in company.erp.all("customer").values()}
    assert not (company.root / "interlock.db").exists()


def test_a_second_rehearsal_leaves_out_deals_that_have_their_order(
    company: Company, tmp_path: Path
) -> None:
    fill(company, 11)
    project = staged(company)
    assert on_staging(project, tmp_path / "first").passed
    again = on_staging(project, tmp_path / "second")
    assert again.unfit == {"has an order already": 11}
    assert not again.passed
    assert len(company.erp.all("order")) == 11


def test_production_is_refused_before_anything_is_read(company: Company, tmp_path: Path) -> None:
    fill(company, 12)
    calls = dict(company.crm.calls)
    with pytest.raises(ConfigurationError, match="crm and erp are production") as refused:
        on_staging(company.project(), tmp_path / "trial")
    assert "environment: staging" in str(refused.value.fix)
    assert company.crm.calls == calls
    assert not company.erp.all("order")


def test_the_evidence_is_the_systems_not_the_store(trial: Trial) -> None:
    """The same run, with the ERP's order changed by hand after it: only reading shows it."""
    real = trial.erp.faults

    class Late:
        """Shows another price to whoever sweeps orders, as the rehearsal does at the end."""

        def around(self, call: Call, carry_out: Callable[[], Any]) -> Any:
            answer = real.around(call, carry_out)
            if call.operation == "listed" and call.entity == "order":
                return [
                    msgspec.structs.replace(
                        row, cells={**row.cells, "rows": with_row(price="1.00")(row.cells["rows"])}
                    )
                    if of_new_customer(row.cells)
                    else row
                    for row in answer
                ]
            return answer

    trial.erp.faults = Late()
    result = trial.run()
    assert Check.PRICES in failed_checks(deal_called(result, "New customer"))
