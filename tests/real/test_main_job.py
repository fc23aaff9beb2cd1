"""The main job between a real BottleCRM and a real Tryton, read back through their own APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from interlock.service.plan import Plan
from interlock.service.syncing import SyncReport
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.main_job import (
    Check,
    Job,
    check_boundary,
    check_customers,
    check_deals,
    check_first_link,
    moved_rows,
)
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

# one worker plays it once for all tests of this file
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("main-job")]


@dataclass
class Played:
    """A first sync of both companies and what the systems showed right after it."""

    job: Job
    plan: Plan
    planning_moved: set[tuple[str, object]]
    first: SyncReport
    checks: dict[str, list[Check]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def played(
    bottlecrm_server: BottleCrmServer, tryton_server: TrytonServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Played]:  # fmt: skip
    root = tmp_path_factory.mktemp("main-job") / "project"
    yield asyncio.run(_play(Job(root, Crm(bottlecrm_server), Erp(tryton_server))))


async def _play(job: Job) -> Played:
    report = await job.set_up()
    assert not report.failed
    job.sell()
    before = job.snapshot()
    plan = await job.plan()
    moved = moved_rows(before, job.snapshot())
    await job.approve(plan)
    first = await job.sync()
    return Played(job, plan, moved, first, {
        "customers": check_customers(job), "first link": check_first_link(job),
        "deals": check_deals(job), "boundary": check_boundary(job),
    })  # fmt: skip


@pytest.fixture
def job(played: Played) -> Job:
    return played.job


def _broken(checks: Sequence[Check]) -> dict[str, list[str]]:
    return {c.promise: list(c.broken) for c in checks if not c.kept}


# ── the first sync ───────────────────────────────────────────────────────────────────────────


def test_there_was_work_to_do(played: Played) -> None:
    assert len(played.job.customers) == 27
    assert played.plan.linked == {"customer": 21, "contact": 11, "product": 5}
    assert played.planning_moved == set()
    assert played.plan.to_approve > 100
    assert played.plan.problems == ()
    assert played.first.problems == ()


def test_each_customer_is_in_the_erp_once_with_contacts_and_both_ids(played: Played) -> None:
    checks = played.checks["customers"]
    assert _broken(checks) == {}
    assert [c.looked_at for c in checks] == [27, 27, 27, 27, 27, 27, 54, 27, 54, 4, 2]


def test_first_link_follows_the_rules_for_differing_and_blank_fields(played: Played) -> None:
    checks = played.checks["first link"]
    assert _broken(checks) == {}
    assert [c.looked_at for c in checks] == [5, 1, 1, 7, 21]


def test_each_deal_won_since_go_live_has_one_right_order_and_its_number(played: Played) -> None:
    checks = played.checks["deals"]
    assert _broken(checks) == {}
    assert [c.looked_at for c in checks] == [5, 5, 5, 5, 5, 4, 1]


def test_what_is_confidential_or_local_stays_where_it_is(played: Played) -> None:
    checks = played.checks["boundary"]
    assert _broken(checks) == {}
    assert min(c.looked_at for c in checks) >= 9


# ── daily life; every test leaves both sides in agreement ────────────────────────────────────


async def test_a_second_sync_writes_nothing_and_the_plan_is_empty(job: Job) -> None:
    before = job.snapshot()
    report, plan = await job.sync(), await job.plan()
    assert (report.created, report.updated, report.waiting, report.in_doubt) == (0, 0, 0, 0)
    assert plan.writes == []
    assert plan.to_approve == 0
    assert moved_rows(before, job.snapshot()) == set()


async def test_one_changed_phone_costs_one_write(job: Job) -> None:
    phone = "+44 20 7946 0321"
    edited = await job.change_phone(phone)
    assert (edited.report.created, edited.report.updated) == (0, 1)
    customer = job.pair(3)
    assert job.party(customer).phone == phone
    assert {table for table, _ in edited.moved} <= {"party.party", "party.contact_mechanism"}
    assert {i for table, i in edited.moved if table == "party.party"} <= {customer.party}
    assert len([1 for table, _ in edited.moved if table == "party.contact_mechanism"]) == 1


async def test_a_crm_edit_of_what_the_erp_owns_is_put_back_and_explained(job: Job) -> None:
    customer = job.pair(4)
    own = customer.terms
    edited = await job.edit_terms("pays when it likes")
    assert (edited.report.created, edited.report.updated) == (0, 1)
    assert job.account(customer)["custom_fields"]["payment_terms"] == own
    assert job.party(customer).terms == own
    assert edited.moved == {("account", customer.account)}
    newest = (await job.explain(customer.account, "payment_terms"))[0]
    assert (newest.event, newest.system) == ("overruled", "bottlecrm")
    assert (newest.old, newest.new) == ("pays when it likes", own)


async def test_edits_of_different_fields_on_both_sides_both_stay(job: Job) -> None:
    customer = job.pair(5)
    email, phone = "orders@changed.example", "+44 20 7946 0654"
    edited = await job.edit_both(email, phone)
    account, party = job.account(customer), job.party(customer)
    assert (account["email"], account["phone"]) == (email, phone)
    assert (party.email, party.phone) == (email, phone)
    assert edited.report.updated == 2


def test_the_checks_can_fail(played: Played) -> None:
    job = played.job
    first, *others = job.customers
    for wrong in ({"account": "not-there"}, {"name": "Someone Else", "phone": "1", "terms": "",
                  "address": {}, "tax_id": "XX1"}):  # fmt: skip
        tampered = replace(job, customers=[replace(first, **wrong), *others])
        assert len(_broken(check_customers(tampered))) >= 5
    swapped = replace(job, sold=[*job.older, *job.sold[2:]], older=job.sold[:2])
    assert len(_broken(check_deals(swapped))) == 6


async def test_a_deal_won_later_gets_its_order(played: Played) -> None:
    job = played.job
    sales = set(job.erp.sales())
    await job.win_open_deal()
    assert len(set(job.erp.sales()) - sales) == 1
    assert _broken(check_deals(job)) == {}
