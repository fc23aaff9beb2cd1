"""The Salesforce connector against the twin of Salesforce."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from pydantic import SecretStr, ValidationError

from interlock.connectors.base import ConnectorContext, Outcome, Severity
from interlock.connectors.salesforce import plugin
from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.errors import BudgetSpentError, NotPermittedError, ThrottledError, TransientError
from interlock.governance.budget import BudgetLimits
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import ENTITIES, Address, Money, Ref, Schema, StageKind
from interlock.store.database import Store
from interlock.sync.budget import SharedBudget
from interlock.testing.conformance import BEHAVIOURS, Conformance, Wrong
from interlock.testing.conformance.suite import creating, fetch_one, read_round, updating, write_one
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.salesforce import SalesforceTwin, make
from interlock.twins.serving import running
from tests.conformance.salesforce_harness import FIELDS, SalesforceHarness, picklist


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[SalesforceTwin]:
    """One twin with the custom fields, for the whole module."""
    twin = make(seed="empty")
    twin.configure({"fields": FIELDS})
    twin.quota.limit = 10_000_000
    with running(twin) as SalesforceHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestSalesforce{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": SalesforceHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: SalesforceTwin) -> AsyncIterator[SalesforceHarness]:
    async with SalesforceHarness() as harness:
        yield harness


class TestSigningIn:
    async def test_by_assertion(self, harness: SalesforceHarness) -> None:
        known = harness.twin.credentials()
        settings = harness.settings().model_copy(update={
            "client_secret": None, "username": known["username"],
            "private_key": SecretStr(known["private_key"]),
        })  # fmt: skip
        context = ConnectorContext(
            connection="crm", installation="4k2m9x", clock=harness.now, wanted={}
        )
        async with plugin.connect(settings, context) as connector:
            assert (await connector.check()).ok

    async def test_an_ended_session_is_renewed_once(self, harness: SalesforceHarness) -> None:
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.configure({"end_sessions": True})
            await connector.sweep("customer", None)

    @pytest.mark.parametrize(
        "given",
        [{}, {"username": "x"}, {"client_secret": "s", "username": "u", "private_key": "k"}],
    )
    def test_one_way_in_must_be_given(self, given: dict[str, str]) -> None:
        with pytest.raises(ValidationError, match="client_secret"):
            SalesforceSettings.model_validate(
                {"url": "https://x.example", "client_id": "c", "currency": "EUR", **given}
            )


class TestLimits:
    async def test_calls_of_others_are_left_to_them(self, harness: SalesforceHarness) -> None:
        quota = harness.twin.quota
        limit = quota.limit
        store = Store.open("sqlite:///:memory:", Schema())
        budget = SharedBudget(
            store, "crm", "Salesforce", BudgetLimits(reserve=0.2),
            clock=harness.now, sleep=asyncio.sleep, new_id=lambda: "1",
        )  # fmt: skip
        context = ConnectorContext(
            connection="crm", installation="4k2m9x", clock=harness.now, budget=budget,
            wanted={"customer": frozenset({"name"})},
        )  # fmt: skip
        try:
            async with plugin.connect(harness.settings(), context) as connector:
                await connector.sweep("customer", None)
                quota.limit = 1000
                quota.others += 800 - quota.used
                await connector.sweep("customer", None)
                before = quota.used
                with pytest.raises(BudgetSpentError, match="200 left to other programs") as caught:
                    await connector.sweep("customer", None)
                assert quota.used == before
                assert caught.value.until is not None
        finally:
            quota.limit, quota.others = limit, 0
            store.close()

    async def test_calls_used_up_are_throttling_with_a_time(
        self, harness: SalesforceHarness
    ) -> None:
        harness.twin.faults.arm(Fault(kind=FaultKind.QUOTA_REACHED, path="/services/data", times=1))
        async with harness.connect() as connector:
            with pytest.raises(ThrottledError) as caught:
                await connector.sweep("customer", None)
        assert caught.value.until is not None
        assert caught.value.until > harness.now()

    async def test_a_locked_row_is_tried_again_later(self, harness: SalesforceHarness) -> None:
        key = await harness.seed_sample("customer")
        async with harness.connect() as connector:
            harness.twin.faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
            assert receipt.outcome is Outcome.TRANSIENT
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
            assert receipt.outcome is Outcome.UPDATED


class TestCalls:
    """Calls are near the minimum."""

    async def test_two_hundred_creates_are_one_call(self, harness: SalesforceHarness) -> None:
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [
                creating("customer", {"name": f"C{n}"}, f"il-4k2m9x-{n:08}") for n in range(200)
            ]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert harness.twin.log.kinds == {"POST /composite/sobjects": 1}

    async def test_twenty_five_updates_are_one_read_and_one_call(
        self, harness: SalesforceHarness
    ) -> None:
        keys = [await harness.seed_sample("customer") for _ in range(25)]
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [updating("customer", key, {"phone": "1"}) for key in keys]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.UPDATED}
        assert harness.twin.log.kinds == {"GET /query": 1, "POST /composite": 1}

    async def test_a_round_without_changes_is_one_call(self, harness: SalesforceHarness) -> None:
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            harness.twin.log.reset()
            await read_round(connector.changes, "customer", cursor)
        assert harness.twin.log.kinds == {"GET /queryAll": 1}


class TestRecords:
    async def test_every_field_of_a_customer_is_written_and_read_back(
        self, harness: SalesforceHarness
    ) -> None:
        address = Address(
            street="Hafenstraße 7\nTor 2", city="Bremen", postcode="28195", country="DE"
        )
        fields = {
            "name": "Acme", "website": "https://acme.example", "email": "a@acme.example",
            "phone": "+49 421 1", "tax_id": "DE123", "billing_address": address,
            "shipping_address": address, "payment_terms": "Net 30",
            "credit_limit": Money(Decimal("1234.50"), "EUR"), "other_id": "77",
            "credit_hold": True, "hold_reason": "late", "balance": Money(Decimal("9.90"), "EUR"),
            "days_overdue": Decimal(34), "oldest_due_on": date(2026, 4, 1), "tier": "A",
            "figures_at": datetime(2026, 5, 1, 12, 0, 1, tzinfo=UTC),
        }  # fmt: skip
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("customer", fields, "il-4k2m9x-1"))
            assert receipt.record_id is not None
            now = (await fetch_one(connector, "customer", receipt.record_id)).fields
            assert {k: v for k, v in now.items() if v is not None and k != "owner"} == fields
            blank = {**dict.fromkeys(set(fields) - {"name"}), "credit_hold": False}
            await write_one(connector, updating("customer", receipt.record_id, blank))
            now = (await fetch_one(connector, "customer", receipt.record_id)).fields
            assert {k: v for k, v in now.items() if v is not None and k != "owner"} == {
                "name": "Acme", "credit_hold": False,
            }  # fmt: skip
        (row,) = harness.twin.shown("Account")
        assert row["BillingCountry"] is None

    async def test_an_unknown_choice_is_refused_with_those_there_are(
        self, harness: SalesforceHarness
    ) -> None:
        tier = {"Account.Standing__c": picklist("gold silver")}
        if harness.twin.org.object("Account").named("Standing__c") is None:
            harness.twin.configure({"fields": tier})
        overrides = MappingOverrides(
            {"customer": {"payment_terms": FieldOverride(path="Standing__c")}}
        )
        key = await harness.seed_sample("customer")
        async with harness.connect(overrides=overrides) as connector:
            fields = {"payment_terms": "platinum"}
            receipt = await write_one(connector, updating("customer", key, fields))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("unknown_choice", "payment_terms")
        assert "gold, silver" in receipt.reason.message
        assert "platinum" not in receipt.reason.message

    async def test_a_country_nobody_knows_is_a_problem_not_a_guess(
        self, harness: SalesforceHarness
    ) -> None:
        key = harness.twin.insert("Account", {"Name": "A", "BillingCountry": "Atlantis"})
        async with harness.connect() as connector:
            record = await fetch_one(connector, "customer", key)
        assert "billing_address" not in record.fields
        assert "billing_address" in (record.problems or {})

    async def test_another_currency_than_the_orgs_is_refused(
        self, harness: SalesforceHarness
    ) -> None:
        key = await harness.seed_sample("customer")
        async with harness.connect() as connector:
            limit = Money(Decimal(5), "USD")
            receipt = await write_one(connector, updating("customer", key, {"credit_limit": limit}))
        assert receipt.outcome is Outcome.REJECTED
        assert receipt.reason is not None
        assert receipt.reason.field == "credit_limit"

    async def test_a_won_deal_comes_with_its_lines(self, harness: SalesforceHarness) -> None:
        twin = harness.twin
        product = twin.insert("Product2", {"Name": "Pump", "ProductCode": "P-1", "IsActive": True})
        (book,) = [b for b in twin.shown("Pricebook2") if b["IsStandard"]]
        entry = twin.insert(
            "PricebookEntry",
            {"Pricebook2Id": book["Id"], "Product2Id": product, "UnitPrice": 100, "IsActive": True},
        )
        deal = twin.insert(
            "Opportunity", {"Name": "D", "StageName": "Closed Won", "CloseDate": "2026-02-03"}
        )
        line = twin.insert(
            "OpportunityLineItem",
            {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 3, "UnitPrice": 19.99},
        )
        gone = twin.insert(
            "OpportunityLineItem",
            {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1},
        )
        twin.delete("OpportunityLineItem", gone)
        quote = twin.insert("Quote", {"Name": "Q", "OpportunityId": deal, "Status": "Accepted"})
        twin.insert(
            "QuoteLineItem",
            {
                "QuoteId": quote,
                "PricebookEntryId": entry,
                "Quantity": 2,
                "UnitPrice": 100,
                "Discount": 10,
            },
        )
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "deal", deal)).fields
            offer = (await fetch_one(connector, "quote", quote)).fields
        assert fields["stage_kind"] == StageKind.WON
        assert fields["amount"] == Money(Decimal("59.97"), "EUR")
        (only,) = fields["lines"]  # type: ignore[misc]
        assert (only.key, only.sku, only.product) == (line, "P-1", Ref("product", product))
        assert (only.quantity, only.unit_price, only.net) == (3, Decimal("19.99"), Decimal("59.97"))
        (offered,) = offer["lines"]  # type: ignore[misc]
        assert (offered.unit_price, offered.net) == (90, 180)
        assert (offer["accepted"], offer["deal"], offer["currency"]) == (
            True,
            Ref("deal", deal),
            "EUR",
        )

    async def test_a_stage_renamed_by_the_company_is_still_won(
        self, harness: SalesforceHarness
    ) -> None:
        stage = harness.twin.org.object("OpportunityStage")
        won = next(r for r in harness.twin.storage.rows("OpportunityStage") if r["IsWon"])
        made = {**won, "Id": "01JgK0000000999QAA", "ApiName": "Gewonnen", "MasterLabel": "Gewonnen"}
        harness.twin.org.write(stage, made)
        deal = harness.twin.insert(
            "Opportunity", {"Name": "D", "StageName": "Gewonnen", "CloseDate": "2026-02-03"}
        )
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "deal", deal)).fields
        assert (fields["stage"], fields["stage_kind"]) == ("Gewonnen", StageKind.WON)

    async def test_a_contact_of_a_merged_account_points_at_the_winner(
        self, harness: SalesforceHarness
    ) -> None:
        winner, loser = [await harness.seed_sample("customer") for _ in range(2)]
        contact = harness.twin.insert("Contact", {"LastName": "Ann", "AccountId": loser})
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            harness.twin.merge("Account", winner, [loser])
            records, _ = await read_round(connector.changes, "customer", cursor)
            merged = {r.id: r.merged_into for r in records if r.merged_into}
            assert merged == {loser: winner}
            fields = (await fetch_one(connector, "contact", contact)).fields
            assert fields["customer"] == Ref("customer", winner)

    async def test_a_row_written_between_our_read_and_our_write_is_a_conflict(
        self, harness: SalesforceHarness
    ) -> None:
        key = await harness.seed_sample("customer")
        row = harness.twin.storage.get("Account", key)
        assert row is not None
        # as if somebody saved it right after we looked
        harness.twin.storage.put(
            "Account",
            key,
            {**row, "LastModifiedDate": row["LastModifiedDate"] + timedelta(seconds=5)},
        )
        async with harness.connect() as connector:
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
        assert receipt.outcome is Outcome.CONFLICT

    async def test_without_the_quotes_feature_the_rest_works(
        self, harness: SalesforceHarness
    ) -> None:
        harness.twin.configure({"quotes": False})
        try:
            async with harness.connect() as connector:
                with pytest.raises(NotPermittedError):
                    await connector.sweep("quote", None)
                report = await connector.check()
                assert report.ok
                assert [f.severity for f in report.findings if f.subject == "quote"] == [
                    Severity.WARNING
                ]
                await connector.sweep("deal", None)
        finally:
            harness.twin.configure({"quotes": True})

    async def test_nothing_is_written_when_the_address_is_wrong(
        self, harness: SalesforceHarness
    ) -> None:
        async with harness.connect(wrong=Wrong.ADDRESS) as connector:
            with pytest.raises(TransientError):
                await connector.write(
                    "customer", [creating("customer", {"name": "A"}, "il-4k2m9x-9")]
                )


class TestProvisioning:
    async def test_fields_are_made_granted_seen_and_taken_back(self) -> None:
        fresh = make(seed="empty")
        with running(fresh) as served:
            harness = SalesforceHarness()
            settings = SalesforceSettings.model_validate({
                "url": served.url, "client_id": fresh.app.client_id,
                "client_secret": fresh.app.client_secret, "currency": "EUR",
            })  # fmt: skip
            wanted = {name: frozenset(kind.__struct_fields__) for name, kind in ENTITIES.items()}
            context = ConnectorContext(
                connection="crm",
                installation="4k2m9x",
                clock=harness.now,
                wanted=wanted,
                other="SAP",
            )
            async with plugin.connect(settings, context) as connector:
                assert not (await connector.check()).ok
                planned = await connector.provision(dry_run=True)
                assert {step.action for step in planned} == {"would create"}
                assert {step.subject for step in planned} == set(FIELDS)
                done = await connector.provision(dry_run=False)
                assert {step.action for step in done} == {"created"}, done
                assert (await connector.check()).ok
                receipt = await write_one(
                    connector, creating("customer", {"name": "A"}, "il-4k2m9x-1")
                )
                assert receipt.outcome is Outcome.CREATED
                removed = await connector.deprovision(dry_run=False)
                assert {step.action for step in removed} == {"removed"}
                assert fresh.shown("PermissionSet")[0]["IsDeleted"] is True
                assert {s.action for s in await connector.deprovision(dry_run=False)} == {"absent"}
