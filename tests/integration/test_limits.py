"""Blast limits: what many records at once do, and how a person lets it go (rule 14)."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.governance.limits import Limit
from interlock.governance.rules import Side
from interlock.service.syncing import SyncReport
from interlock.store import outbox, stops
from interlock.store.stops import Stop
from tests.simulation.mutants import broken

from .company import Company
from .conftest import Founding
from .test_two_workers import together


async def staff(company: Company, count: int) -> list[str]:
    """Link so many customers, by an approved plan."""
    made = [
        company.crm.add(
            "customer",
            {
                "Name": f"Kestrel {n:03d} Ltd",
                "Website": f"https://kestrel{n:03d}.example",
                "Phone": f"+1 555 {n:04d}",
            },
        )
        for n in range(count)
    ]
    await company.go()
    await company.rest()
    assert len(company.linked("customer")) == count
    assert company.ask(stops.active) == []
    return made


def stopped(company: Company) -> list[tuple[str, str, str, str, int]]:
    found: list[Stop] = company.ask(stops.active)
    return [(s.side.value, s.entity, s.kind, s.field, s.count) for s in found]


def shown(company: Company, column: str) -> list[Any]:
    return [row[column] for row in company.erp.all("customer").values()]


def codes(report: SyncReport) -> list[str]:
    return [p.code for p in report.problems]


async def test_an_approved_plan_is_not_stopped(company: Company) -> None:
    await staff(company, 60)
    assert len(company.erp.all("customer")) == 60


async def test_more_changes_than_a_day_allows_wait_all_of_them(company: Company) -> None:
    for account in await staff(company, 40):
        company.crm.edit("customer", account, {"Phone": "0"})
    report = await company.sync()
    assert shown(company, "tel").count("0") == 0
    assert stopped(company) == [("erp", "customer", "change", "", 40)]
    assert codes(report) == ["limit"]
    assert report.to_approve == 40


async def test_everything_else_runs_on(company: Company) -> None:
    accounts = await staff(company, 40)
    for account in accounts[:30]:
        company.crm.edit("customer", account, {"Website": None})
    for account in accounts[30:]:
        company.crm.edit("customer", account, {"Phone": "0"})
    company.crm.add("customer", {"Name": "Newcomer"})
    await company.sync()
    assert stopped(company) == [("erp", "customer", "blank", "", 30)]
    assert None not in [w for w, n in zip(shown(company, "web"), shown(company, "name"), strict=True)
                        if n != "Newcomer"]  # fmt: skip
    assert shown(company, "tel").count("0") == 10
    assert "Newcomer" in shown(company, "name")


async def test_what_is_sent_in_small_helpings_counts_together(company: Company) -> None:
    accounts = await staff(company, 40)
    for start in range(0, 40, 8):
        for account in accounts[start : start + 8]:
            company.crm.edit("customer", account, {"Phone": "0"})
        await company.sync()
        company.advance(hours=2)
    assert shown(company, "tel").count("0") == 16
    assert stopped(company) == [("erp", "customer", "change", "", 24)]


async def test_the_day_is_a_rolling_one(company: Company) -> None:
    accounts = await staff(company, 40)
    for account in accounts[:20]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    company.advance(hours=25)
    for account in accounts[20:]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    assert shown(company, "tel").count("0") == 40
    assert stopped(company) == []


async def test_one_record_changed_often_counts_once(company: Company) -> None:
    account = (await staff(company, 40))[0]
    for n in range(30):
        company.crm.edit("customer", account, {"Phone": str(n)})
        await company.sync()
    assert stopped(company) == []
    assert "29" in shown(company, "tel")


async def test_what_is_approved_goes_and_what_comes_later_waits_again(company: Company) -> None:
    accounts = await staff(company, 60)
    for account in accounts[:30]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.plan()
    assert company.approve() == 30
    for account in accounts[30:]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    assert shown(company, "tel").count("0") == 30, "approved, they use up no allowance"
    assert stopped(company) == [("erp", "customer", "change", "", 30)]


async def test_a_stop_ends_when_nothing_waits_for_it(company: Company) -> None:
    accounts = await staff(company, 30)
    was = {a: company.crm.all("customer")[a]["Phone"] for a in accounts}
    for account in accounts:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    assert stopped(company)
    for account in accounts:
        company.crm.edit("customer", account, {"Phone": was[account]})
    report = await company.sync()
    assert stopped(company) == []
    assert codes(report) == []
    assert report.writes == 0


async def test_five_in_a_hundred_of_a_long_list(company: Company) -> None:
    accounts = await staff(company, 500)
    for account in accounts[:25]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    assert shown(company, "tel").count("0") == 25
    company.crm.edit("customer", accounts[25], {"Phone": "0"})
    await company.sync()
    assert stopped(company) == [("erp", "customer", "change", "", 1)]


async def test_limits_can_be_stated(found: Founding) -> None:
    company = found()
    company.write(
        "interlock.yaml",
        {"orders:": "limits:\n  customer:\n    change: {hour: 5, day: 50}\norders:"},
    )
    assert company.project().limits.of("customer", "change", 0) == Limit(5, 50)  # type: ignore[arg-type]
    accounts = await staff(company, 30)
    for account in accounts[:5]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    company.advance(minutes=61)
    for account in accounts[5:11]:
        company.crm.edit("customer", account, {"Phone": "0"})
    await company.sync()
    assert shown(company, "tel").count("0") == 5
    assert stopped(company) == [("erp", "customer", "change", "", 6)]


async def test_creates_are_limited_after_the_first_load(company: Company) -> None:
    await staff(company, 3)
    for n in range(21):
        company.crm.add("customer", {"Name": f"Heron {n:03d}"})
    await company.sync()
    assert len(company.erp.all("customer")) == 3
    assert stopped(company) == [("erp", "customer", "create", "", 21)]
    await company.go()
    assert len(company.erp.all("customer")) == 24


async def test_two_workers_do_not_go_beyond_together(found: Founding) -> None:
    company = found(erp_settings={"batch_size": 3})
    accounts = await staff(company, 45)
    for account in accounts:
        company.crm.edit("customer", account, {"Phone": "0"})
        if account == accounts[14]:
            await together(company, 2)
    for _ in range(3):
        await together(company, 3)
        company.advance(minutes=1)
    assert shown(company, "tel").count("0") == 15
    assert stopped(company) == [("erp", "customer", "change", "", 30)]


async def test_workers_that_decided_apart_are_held_when_they_send(company: Company) -> None:
    """The look before sending is the one that counts when nobody looked after reconciling."""
    from interlock.sync import limits

    accounts = await staff(company, 45)
    for account in accounts:
        company.crm.edit("customer", account, {"Phone": "0"})
    review, limits.review = limits.review, lambda *_: None  # type: ignore[assignment]
    try:
        await company.sync()
    finally:
        limits.review = review
    assert shown(company, "tel").count("0") == 20
    assert sum(w.needs_approval for w in company.pending()) == 25
    assert [s[:4] for s in stopped(company)] == [("erp", "customer", "change", "")]
    await company.sync()
    assert shown(company, "tel").count("0") == 20
    assert stopped(company) == [("erp", "customer", "change", "", 25)]


async def test_an_engine_without_limits_is_caught(company: Company) -> None:
    accounts = await staff(company, 40)
    for account in accounts:
        company.crm.edit("customer", account, {"Phone": "0"})
    with broken("ignore_blast_limit"):
        await company.sync()
    assert shown(company, "tel").count("0") == 40


async def test_a_cross_reference_follows_from_its_create(company: Company) -> None:
    accounts = await staff(company, 60)
    ids = company.linked("customer")
    assert all(company.crm.all("customer")[a]["ErpId__c"] == ids[a] for a in accounts)
    assert Side.CRM not in {s.side for s in company.ask(stops.active)}


async def test_records_changed_again_are_no_further_ones(company: Company) -> None:
    """Twenty a day: twelve, and the same twelve again, are twelve."""
    accounts = (await staff(company, 40))[:12]
    for value in ("1", "2"):
        for account in accounts:
            company.crm.edit("customer", account, {"Phone": value})
        await company.sync()
    assert shown(company, "tel").count("2") == 12
    assert stopped(company) == []


async def test_a_worker_whose_every_write_is_beyond_sends_none(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker's writes used the limit up after this one had decided."""
    account = (await staff(company, 1))[0]
    company.crm.edit("customer", account, {"Phone": "0"})
    claim = outbox.claim

    def _after_others(tx: Any, side: Side, entity: str, **kw: Any) -> Any:
        others = [str(n) for n in range(100, 120)]
        stops.tally_up(tx, side, entity, "change", others, company.clock())
        return claim(tx, side, entity, **kw)

    monkeypatch.setattr(outbox, "claim", _after_others)
    await company.sync()
    assert "0" not in shown(company, "tel")
    assert stopped(company) == [("erp", "customer", "change", "", 1)]
    assert [w.needs_approval for w in company.pending()] == [True]
