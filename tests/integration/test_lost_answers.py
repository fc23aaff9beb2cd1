"""Answers lost, late, throttled or refused: exactly one record, and the rest goes on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from interlock.model import WriteKind
from interlock.store.outbox import WriteState
from interlock.testing.faults import (
    Act,
    answer_status,
    answer_without_body,
    fail_before,
    lose_answer,
    refuse_inside_answer,
)

from .company import Company
from .conftest import Founding
from .test_edits import link

TAX = "DE136695976"


def names(company: Company) -> Counter[str]:
    return Counter(str(row["name"]) for row in company.erp.all("customer").values())


async def approved(company: Company, *customers: str, **cells: Any) -> None:
    """Have customers to create, with a person's consent."""
    for name in customers:
        company.crm.add("customer", {"Name": name, **cells})
    await company.plan()
    company.approve()


ONCE = ["Acme", "Bolt", "Cord"]


class TestCreates:
    """Rule 19."""

    @pytest.mark.parametrize(
        "act",
        [lose_answer, fail_before, answer_status(500), answer_status(502, html=True),
         answer_without_body],
        ids=["lost after", "lost before", "500", "web page", "no body"],
    )  # fmt: skip
    async def test_exactly_one_whatever_becomes_of_the_answer(
        self, company: Company, act: Act
    ) -> None:
        await approved(company, *ONCE)
        company.erp_faults.arm(act, operation="write", entity="customer")
        await company.sync()
        for _ in range(3):
            company.advance(seconds=40)
            await company.sync()
        assert names(company) == Counter(ONCE)
        assert len(company.linked("customer")) == 3
        assert company.pending() == []
        assert company.letters() == []

    async def test_a_lost_answer_is_in_doubt_until_the_settle_time_is_over(
        self, found: Founding
    ) -> None:
        company = found(erp_settings={"settle_time": 60.0})
        await approved(company, "Acme")
        company.erp_faults.arm(fail_before, operation="write", entity="customer")
        report = await company.sync()
        assert report.in_doubt == 1
        company.advance(seconds=30)
        await company.sync()
        assert company.erp.all("customer") == {}, "the first call may still take effect"
        company.advance(seconds=40)
        await company.sync()
        assert names(company) == Counter(["Acme"])

    async def test_found_at_once_where_it_arrived(self, found: Founding) -> None:
        company = found(erp_settings={"settle_time": 60.0})
        await approved(company, "Acme")
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        report = await company.sync()
        assert report.in_doubt == 0, "present is proof at any time"
        assert report.created == 1

    async def test_the_server_finishing_after_we_gave_up(self, found: Founding) -> None:
        company = found(erp_settings={"settle_time": 60.0})
        await approved(company, "Acme")
        finish = company.erp_faults.finish_late("customer")
        await company.sync()
        company.advance(seconds=20)
        await company.sync()
        finish()
        for _ in range(3):
            company.advance(seconds=60)
            await company.sync()
        assert names(company) == Counter(["Acme"])
        assert len(company.linked("customer")) == 1

    async def test_lost_again_and_again(self, company: Company) -> None:
        await approved(company, *ONCE)
        for skip in (0, 1, 3):
            company.erp_faults.arm(lose_answer, operation="write", entity="customer", skip=skip)
        company.erp_faults.arm(fail_before, operation="write", entity="customer", skip=2)
        for _ in range(6):
            await company.sync()
            company.advance(seconds=40)
        assert names(company) == Counter(ONCE)
        assert (await company.sync()).writes == 0

    async def test_a_record_that_went_while_in_doubt_is_not_created_twice_by_the_other_worker(
        self, found: Founding
    ) -> None:
        """Lost answer, and before anybody looks, the user edits the source."""
        company = found(erp_settings={"settle_time": 60.0})
        await approved(company, "Acme")
        company.erp_faults.arm(fail_before, operation="write", entity="customer")
        await company.sync()
        [acme] = company.crm.all("customer")
        company.crm.edit("customer", acme, {"Name": "Acme New", "Phone": "5"})
        for _ in range(4):
            company.advance(seconds=70)
            await company.go()
        assert names(company) == Counter(["Acme New"])

    async def test_the_reference_is_kept_when_the_store_is_asked_again(
        self, company: Company
    ) -> None:
        await approved(company, "Acme")
        [write] = company.pending()
        await company.sync()
        [row] = company.erp.all("customer").values()
        assert row["ext_ref"] == write.reference


class TestUpdates:
    @pytest.mark.parametrize("act", [lose_answer, fail_before, answer_status(500)])
    @pytest.mark.parametrize("version_check", [True, False])
    async def test_observed_and_merged_again(
        self, found: Founding, act: Act, version_check: bool
    ) -> None:
        company = found(erp_settings={"version_check": version_check})
        pair = await link(company)
        company.erp_faults.arm(act, operation="write", entity="customer")
        pair.edit_crm(Phone="2")
        await company.sync()
        # it may still arrive until the settle time
        company.advance(minutes=2)
        await company.rest()
        assert pair.erp["tel"] == "2"
        assert pair.crm["Phone"] == "2"
        assert not company.events("overruled")
        assert company.open_fields() == {}

    async def test_a_user_who_edits_after_the_lost_answer_wins(self, company: Company) -> None:
        pair = await link(company)
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        pair.edit_crm(Phone="2")

        def edit_then_read(_call: Any, carry_out: Any) -> Any:
            company.erp.edit("customer", pair.erp_id, {"tel": "3"})
            return carry_out()

        company.erp_faults.arm(edit_then_read, operation="fetched", entity="customer")
        await company.sync()
        company.advance(minutes=2)
        await company.rest()
        # both were edited as far as the engine can know: the rule for conflicts decides
        assert pair.crm["Phone"] == pair.erp["tel"] == "2"
        assert [e.old for e in company.events("overruled")] == ["3"]

    async def test_what_arrived_unanswered_is_nobodys_edit(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"phone": "{owner: shared, conflict: erp, first_link: erp}"})
        pair = await link(company)
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        pair.edit_crm(Phone="2")
        await company.sync()
        # the source moves on before anybody knows that "2" is there
        pair.edit_crm(Phone="3")
        company.advance(minutes=2)
        await company.rest()
        assert pair.crm["Phone"] == pair.erp["tel"] == "3"
        assert not company.events("overruled")

    async def test_nor_is_what_arrived_in_the_systems_own_spelling(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"name": "{owner: shared, conflict: erp, first_link: erp}"})
        pair = await link(company)

        def tidy(call: Any, carry_out: Any) -> Any:
            for op in call.ops:
                op.cells = {k: v.upper() if k == "name" else v for k, v in op.cells.items()}
            return lose_answer(call, carry_out)

        company.erp_faults.arm(tidy, operation="write", entity="customer")
        pair.edit_crm(Name="Acme Works")
        await company.sync()
        company.advance(minutes=2)
        await company.rest()
        assert (pair.crm["Name"], pair.erp["name"]) == ("Acme Works", "ACME WORKS")


class TestPauses:
    """Rule 22: failures of the connection use up nobody's patience."""

    @pytest.mark.parametrize("status", [503, 429, 401])
    async def test_writing_pauses_and_resumes(self, company: Company, status: int) -> None:
        await approved(company, *ONCE)
        company.erp_faults.arm(answer_status(status), operation="write", times=None)
        for _ in range(12):
            report = await company.sync()
            assert report.problems
            company.advance(minutes=1)
        assert company.letters() == []
        assert {w.attempts for w in company.pending()} == {0}
        company.erp_faults.clear()
        await company.rest()
        assert names(company) == Counter(ONCE)

    @pytest.mark.parametrize("status", [503, 429])
    async def test_reading_pauses_and_resumes(self, company: Company, status: int) -> None:
        pair = await link(company)
        company.erp_faults.arm(answer_status(status), operation="changed", times=2)
        pair.edit_crm(Phone="2")
        for _ in range(2):
            assert (await company.sync()).problems
        company.advance(minutes=1)
        await company.rest()
        assert pair.erp["tel"] == "2"

    async def test_retry_after_is_kept_to(self, company: Company) -> None:
        await approved(company, "Acme")
        company.erp_faults.arm(answer_status(429, retry_after=300), operation="write")
        await company.sync()
        [write] = company.pending()
        assert write.due_at - company.clock() > timedelta(seconds=290)
        company.advance(seconds=200)
        await company.sync()
        assert company.erp.all("customer") == {}
        company.advance(seconds=200)
        await company.sync()
        assert names(company) == Counter(["Acme"])

    async def test_one_side_down_does_not_stop_the_other(self, company: Company) -> None:
        pair = await link(company)
        company.crm_faults.arm(answer_status(503), times=None)
        pair.edit_erp(tel="3")
        report = await company.sync()
        assert [p.code for p in report.problems] == ["unreachable"]
        assert pair.crm["Phone"] == "1"
        company.crm_faults.clear()
        company.advance(minutes=1)
        await company.rest()
        assert pair.crm["Phone"] == "3"

    async def test_a_missing_right_stops_one_entity_only(self, company: Company) -> None:
        pair = await link(company)
        company.erp_faults.arm(
            answer_status(403), operation="changed", entity="product", times=None
        )
        company.erp_faults.arm(answer_status(403), operation="listed", entity="product", times=None)
        pair.edit_crm(Phone="2")
        await company.sync(full=True)
        assert pair.erp["tel"] == "2"


class TestPartialSuccess:
    async def test_a_bad_record_is_isolated_and_the_others_go_through(
        self, found: Founding
    ) -> None:
        company = found(erp_options={"unique_tax_ids": True})
        company.own("customer", {"create": "crm"})
        company.erp.add("customer", {"name": "Archive", "vat_no": "TAKEN 1"})
        await company.plan()
        for name in ONCE:
            company.crm.add("customer", {"Name": name})
        bad = company.crm.add(
            "customer", {"Name": "Bad", "CreditLimit": {"Amount": "1.00", "CurrencyIsoCode": "USD"}}
        )
        company.own("customer", {"credit_limit": "{owner: crm}"})
        await company.go()
        await company.rest()
        assert names(company) == Counter([*ONCE, "Archive"])
        [letter] = company.letters()
        assert (letter.source_id, letter.field, letter.kind) == (
            bad, "credit_limit", WriteKind.CREATE,
        )  # fmt: skip
        assert letter.fix
        assert {w.state for w in company.pending()} == {WriteState.DEAD}

    async def test_a_dead_letter_closes_itself_when_the_source_is_corrected(
        self, found: Founding
    ) -> None:
        company = found()
        company.own("customer", {"credit_limit": "{owner: crm}"})
        bad = company.crm.add(
            "customer", {"Name": "Bad", "CreditLimit": {"Amount": "1.00", "CurrencyIsoCode": "USD"}}
        )
        await company.go()
        assert len(company.letters()) == 1
        await company.sync()
        assert len(company.letters()) == 1, "not tried again by itself, not doubled"
        limit = {"Amount": "1.00", "CurrencyIsoCode": "EUR"}
        company.crm.edit("customer", bad, {"CreditLimit": limit})
        await company.go()
        assert company.letters() == []
        assert names(company) == Counter(["Bad"])

    async def test_or_when_the_record_is_deleted(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"credit_limit": "{owner: crm}"})
        bad = company.crm.add(
            "customer", {"Name": "Bad", "CreditLimit": {"Amount": "1.00", "CurrencyIsoCode": "USD"}}
        )
        await company.go()
        company.crm.delete("customer", bad)
        await company.sync()
        assert company.letters() == []
        assert company.pending() == []

    async def test_refusals_inside_a_200(self, company: Company) -> None:
        pair = await link(company)
        company.erp_faults.arm(refuse_inside_answer("locked"), operation="write")
        pair.edit_crm(Phone="2")
        await company.sync()
        [letter] = company.letters()
        assert (letter.cause, letter.record_id) == ("locked", pair.erp_id)
        pair.edit_crm(Phone="3")
        await company.rest()
        assert pair.erp["tel"] == "3"
        assert company.letters() == []


@pytest.mark.parametrize("size", [1, 2])
async def test_what_waits_does_not_hold_up_what_is_ready(found: Founding, size: int) -> None:
    """Contacts of a customer that cannot be created come first in the queue."""
    company = found(erp_settings={"batch_size": size})
    company.own("customer", {"credit_limit": "{owner: crm}"})
    bad = company.crm.add(
        "customer", {"Name": "Bad", "CreditLimit": {"Amount": "1.00", "CurrencyIsoCode": "USD"}}
    )
    good = company.crm.add("customer", {"Name": "Good"})
    for i in range(4):
        company.crm.add("contact", {"AccountId": bad, "PersonName": {"LastName": f"Stuck{i}"}})
    for i in range(3):
        company.crm.add("contact", {"AccountId": good, "PersonName": {"LastName": f"Free{i}"}})
    await company.go()
    made = sorted(row["full_name"] for row in company.erp.all("contact").values())
    assert made == ["Free0", "Free1", "Free2"]
