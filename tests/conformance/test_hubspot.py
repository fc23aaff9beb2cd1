"""The HubSpot connector against the twin of HubSpot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from pydantic import SecretStr

from interlock.connectors.base import ConnectorContext, Hint, Outcome, Severity
from interlock.connectors.budget import FREE
from interlock.connectors.hubspot import plugin
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.kit import Window
from interlock.connectors.kit.pace import Pace
from interlock.errors import NotPermittedError, ThrottledError, TransientError
from interlock.mapping.codecs import Text
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import ENTITIES, Address, Money, Presence, Ref, StageKind
from interlock.testing.conformance import BEHAVIOURS, Conformance, Wrong
from interlock.testing.conformance.suite import creating, fetch_one, read_round, updating, write_one
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.hubspot import HubSpotTwin, make
from interlock.twins.hubspot.webhooks import body_of, changed_events, merge_event
from interlock.twins.serving import running
from tests.conformance.hubspot_harness import FIELDS, HubSpotHarness, choice


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[HubSpotTwin]:
    """One twin with the custom properties, for the whole module."""
    twin = make(seed="empty")
    twin.configure({
        "properties": FIELDS, "calls_in_10_seconds": 10_000_000, "searches_a_second": 10_000_000,
    })  # fmt: skip
    twin.quota.limit = 10_000_000
    with running(twin) as HubSpotHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestHubSpot{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": HubSpotHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: HubSpotTwin) -> AsyncIterator[HubSpotHarness]:
    async with HubSpotHarness() as harness:
        yield harness


class TestManyChanges:
    """A search reaches 10,000 results; what changed may be more."""

    @pytest.mark.parametrize(
        ("number", "step", "most"),
        [(25_000, timedelta(milliseconds=0.15), 132), (12_000, timedelta(0), 65)],
        ids=["25,000 one after another", "12,000 imported at once"],
    )
    async def test_all_that_changed_in_one_window_arrive(
        self, harness: HubSpotHarness, number: int, step: timedelta, most: int
    ) -> None:
        twin = harness.twin
        start = twin.clock()
        ids = set()
        for position in range(number):
            twin.clock.stand(start + step * position)
            ids.add(twin.insert("companies", {"name": f"C{position}"}))
        twin.clock.run()
        seen: set[str] = set()
        settings = harness.settings().model_copy(update={"page_size": 200})
        async with plugin.connect(settings, _context({"name"})) as connector:
            twin.log.reset()
            page = await connector.changes(
                "customer", Window(since=start - timedelta(minutes=1)).save()
            )
            while page.more:
                seen |= {record.id for record in page.records}
                page = await connector.changes("customer", page.cursor)
            seen |= {record.id for record in page.records}
        assert seen == ids
        # 200 a search is the most HubSpot gives
        assert number / 200 < twin.log.kinds["POST /companies/search"] <= most
        assert twin.log.total <= most + 3

    async def test_rows_that_change_meanwhile_push_no_other_out(
        self, harness: HubSpotHarness
    ) -> None:
        start = harness.twin.clock()
        ids = [await harness.seed_sample("customer") for _ in range(20)]
        seen: set[str] = set()
        async with harness.connect() as connector:
            page = await connector.changes("customer", Window(since=start).save())
            for key in ids[:10]:
                # each goes to the end of the order; by position the others would move up
                harness.twin.update("companies", key, {"phone": "1"})
                seen |= {record.id for record in page.records}
                page = await connector.changes("customer", page.cursor)
                assert page.more
            while page.more:
                seen |= {record.id for record in page.records}
                page = await connector.changes("customer", page.cursor)
            seen |= {record.id for record in page.records}
        assert seen == set(ids)


class TestIndexLag:
    async def test_what_the_index_shows_late_is_seen_in_the_next_round(
        self, harness: HubSpotHarness
    ) -> None:
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            harness.twin.faults.arm(Fault(kind=FaultKind.INDEX_LAG, seconds=300))
            key = await harness.seed_sample("customer")
            records, cursor = await read_round(connector.changes, "customer", cursor)
            assert key not in {record.id for record in records}
            harness.twin.faults.clear()
            records, _ = await read_round(connector.changes, "customer", cursor)
            assert key in {record.id for record in records}

    async def test_finding_and_writing_do_not_ask_the_index(self, harness: HubSpotHarness) -> None:
        harness.twin.faults.arm(Fault(kind=FaultKind.INDEX_LAG, seconds=3600))
        async with harness.connect() as connector:
            made = await write_one(connector, creating("customer", {"name": "A"}, "il-4k2m9x-1"))
            assert made.record is not None
            found = await connector.find("customer", ["il-4k2m9x-1"])
            assert [hit.record.id for hit in found["il-4k2m9x-1"]] == [made.record_id]
            change = updating("customer", made.record.id, {"phone": "1"}, seen=made.record)
            receipt = await write_one(connector, change)
        assert receipt.record is not None
        assert receipt.record.fields["phone"] == "1"
        assert (receipt.record.version or "") >= (made.record.version or "")


class TestCalls:
    """Calls are near the minimum."""

    async def test_a_hundred_creates_are_one_call_and_one_look(
        self, harness: HubSpotHarness
    ) -> None:
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [
                creating("customer", {"name": f"C{n}"}, f"il-4k2m9x-{n:08}") for n in range(200)
            ]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert [r.record.fields["name"] for r in receipts if r.record] == [
            f"C{n}" for n in range(200)
        ]
        assert harness.twin.log.kinds == {
            "POST /companies/batch/upsert": 2, "POST /companies/batch/read": 2,
        }  # fmt: skip

    async def test_a_hundred_contacts_are_made_with_their_companies_in_one_call(
        self, harness: HubSpotHarness
    ) -> None:
        company = await harness.seed_sample("customer")
        async with harness.connect() as connector:
            await connector.sweep("contact", None)
            await connector.write("contact", [creating("contact", {
                "name": "A B", "customer": Ref("customer", company)}, "il-4k2m9x-a")])  # fmt: skip
            harness.twin.log.reset()
            writes = [
                creating("contact", {"name": f"P {n}", "customer": Ref("customer", company)},
                         f"il-4k2m9x-{n:08}")
                for n in range(100)
            ]  # fmt: skip
            receipts = await connector.write("contact", writes)
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert {r.record.fields["customer"] for r in receipts if r.record} == {
            Ref("customer", company)
        }
        assert harness.twin.log.kinds == {
            "POST /contacts/batch/create": 1, "POST /contacts/batch/read": 1,
            "POST /associations/contacts/companies/batch/read": 1,
        }  # fmt: skip

    async def test_a_hundred_updates_are_a_look_a_call_and_a_look(
        self, harness: HubSpotHarness
    ) -> None:
        keys = [await harness.seed_sample("customer") for _ in range(100)]
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [updating("customer", key, {"phone": "1"}) for key in keys]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.UPDATED}
        assert harness.twin.log.kinds == {
            "POST /companies/batch/read": 2, "POST /companies/batch/update": 1,
        }  # fmt: skip

    async def test_a_round_without_changes_is_one_search_of_a_type(
        self, harness: HubSpotHarness
    ) -> None:
        async with harness.connect() as connector:
            for entity in harness.entities:
                _, cursor = await read_round(connector.changes, entity, None)
                harness.twin.log.reset()
                await read_round(connector.changes, entity, cursor)
                # what has lines has a second one, for the lines that changed
                searches = 2 if entity in ("deal", "quote") else 1
                assert harness.twin.log.total == searches, entity

    async def test_a_full_list_is_a_hundred_a_call_and_one_for_the_archived(
        self, harness: HubSpotHarness
    ) -> None:
        for number in range(250):
            harness.twin.insert("companies", {"name": f"C{number}"})
        settings = harness.settings().model_copy(update={"page_size": 200})
        async with plugin.connect(settings, _context({"name"})) as connector:
            await connector.fetch("customer", ["1"])
            harness.twin.log.reset()
            records, _ = await read_round(connector.sweep, "customer", None)
        assert len(records) == 250
        assert harness.twin.log.kinds == {"GET /companies": 4}

    async def test_of_900_properties_only_the_mapped_ones_are_asked_for(
        self, harness: HubSpotHarness
    ) -> None:
        text = {"type": "string", "fieldType": "text"}
        harness.twin.configure({"properties": {f"companies.x{n:03}": text for n in range(900)}})
        key = harness.twin.insert(
            "companies", {"name": "A", **{f"x{n:03}": "!" for n in range(900)}}
        )
        try:
            async with plugin.connect(harness.settings(), _context({"name"})) as connector:
                await connector.fetch("customer", ["1"])
                harness.twin.log.reset()
                await connector.fetch("customer", [key])
                await connector.sweep("customer", None)
                await connector.changes("customer", None)
            asked = await harness.requested("customer")
        finally:
            for number in range(900):
                one = harness.twin.portal.types["companies"]
                harness.twin.portal.drop_property(one, f"x{number:03}")
        assert asked == {"name", "interlock_ref", "hs_merged_object_ids", "hs_lastmodifieddate"}

    async def test_more_names_than_a_search_takes_are_read_in_a_second_step(
        self, harness: HubSpotHarness
    ) -> None:
        names = [f"interlock_a_rather_long_name_of_a_property_{n:03}" for n in range(70)]
        text = {"type": "string", "fieldType": "text"}
        harness.twin.configure({"properties": {f"companies.{name}": text for name in names}})
        key = harness.twin.insert("companies", {"name": "A", names[69]: "last"})
        fields = {f"custom.f{n:03}": FieldOverride(path=name, codec=Text())
                  for n, name in enumerate(names)}  # fmt: skip
        context = _context({"name", *fields}, MappingOverrides({"customer": fields}))
        async with plugin.connect(harness.settings(), context) as connector:
            page = await connector.changes("customer", None)
        (record,) = [one for one in page.records if one.id == key]
        assert record.fields["custom.f069"] == "last"


class TestLimits:
    async def test_what_the_answers_say_of_the_day_is_passed_on(
        self, harness: HubSpotHarness
    ) -> None:
        budget = Told()
        context = replace(_context({"name"}), budget=budget)
        async with plugin.connect(harness.settings(), context) as connector:
            await connector.sweep("customer", None)
            harness.twin.quota.others += 5_000
            await connector.sweep("customer", None)
            harness.twin.quota.others -= 5_000
            assert budget.limit == harness.twin.quota.limit
            assert budget.used[-1] - budget.used[0] >= 5_000
            harness.twin.faults.arm(Fault(kind=FaultKind.QUOTA_REACHED, path="/crm/", times=1))
            with pytest.raises(ThrottledError) as caught:
                await connector.sweep("customer", None)
        # no time is named: every worker waits as long as we do
        assert budget.blocked == [caught.value.until]
        limits = connector.capabilities.calls
        assert (limits.per_window, limits.window) == (100, timedelta(seconds=10))

    @pytest.mark.parametrize(
        ("status", "least"), [(429, 0.5), (423, 2), (477, 600)], ids=["limit", "lock", "moving"]
    )
    async def test_a_refusal_for_the_moment_says_until_when(
        self, harness: HubSpotHarness, status: int, least: float
    ) -> None:
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.faults.arm(Fault(kind=FaultKind.THROTTLED, times=1, status=status))
            with pytest.raises(ThrottledError) as caught:
                await connector.sweep("customer", None)
        assert caught.value.until is not None
        assert caught.value.until >= harness.now() + timedelta(seconds=least - 0.3)

    async def test_searches_have_a_pace_of_their_own(
        self, harness: HubSpotHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns: list[tuple[int, float]] = []

        class Watched(Pace):
            def __init__(self, calls: int, seconds: float) -> None:
                super().__init__(calls, seconds)
                self.limit = (calls, seconds)

            async def turn(self) -> None:
                turns.append(self.limit)

        monkeypatch.setattr("interlock.connectors.hubspot.client.Pace", Watched)
        settings = harness.settings().model_copy(update={"searches_a_second": 5})
        async with plugin.connect(settings, _context({"name"})) as connector:
            await connector.sweep("customer", None)
            assert not turns
            await connector.changes("customer", None)
        ((calls, seconds),) = turns
        assert calls == 5
        assert seconds > 1

    async def test_a_missing_scope_takes_one_entity_away_not_the_rest(
        self, harness: HubSpotHarness
    ) -> None:
        scopes = harness.twin.scopes
        harness.twin.configure({"scopes": [s for s in scopes if "quotes" not in s]})
        try:
            async with harness.connect() as connector:
                with pytest.raises(NotPermittedError, match="quotes") as caught:
                    await connector.sweep("quote", None)
                assert "service key" in (caught.value.fix or "")
                report = await connector.check()
                assert report.ok
                assert [f.severity for f in report.findings if f.subject == "quote"] == [
                    Severity.WARNING
                ]
                await connector.sweep("deal", None)
        finally:
            harness.twin.configure({"scopes": list(scopes)})


class TestVersions:
    @pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
    async def test_the_same_work_on_every_version(
        self, harness: HubSpotHarness, version: str
    ) -> None:
        company = await harness.seed_sample("customer")
        settings = harness.settings().model_copy(update={"api_version": version})
        async with plugin.connect(settings, _context(None)) as connector:
            assert (await connector.check()).ok
            fields = {"name": "A B", "customer": Ref("customer", company)}
            receipt = await write_one(connector, creating("contact", fields, "il-4k2m9x-1"))
            assert receipt.record is not None
            assert receipt.record.fields["customer"] == Ref("customer", company)
            records, _ = await read_round(connector.changes, "contact", None)
            assert receipt.record_id in {record.id for record in records}
        part = f"/{version}/"
        used = {e.path for e in harness.twin.log.entries() if part in e.path or "/v4/" in e.path}
        assert used


class TestRecords:
    async def test_every_field_of_a_customer_is_written_and_read_back(
        self, harness: HubSpotHarness
    ) -> None:
        address = Address(
            street="Hafenstraße 7\nTor 2", city="Bremen", postcode="28195", country="DE"
        )
        fields = {
            "name": "Acme", "website": "https://acme.example", "email": "a@acme.example",
            "phone": "+49 421 1", "tax_id": "DE123", "billing_address": address,
            "payment_terms": "Net 30", "credit_limit": Money(Decimal("1234.50"), "EUR"),
            "credit_hold": True, "hold_reason": "overdue", "balance": Money(Decimal("0.10"), "EUR"),
            "health_score": Decimal(71), "oldest_due_on": date(2026, 2, 28),
            "figures_at": datetime(2026, 3, 1, 7, 30, 0, 125000, tzinfo=UTC), "other_id": "77",
        }  # fmt: skip
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("customer", fields, "il-4k2m9x-1"))
            assert receipt.record is not None, receipt
            shown = {k: v for k, v in receipt.record.fields.items() if v is not None}
            assert shown == fields
            blank = dict.fromkeys(set(fields) - {"name"})
            await write_one(connector, updating("customer", receipt.record.id, blank))
            now = (await fetch_one(connector, "customer", receipt.record.id)).fields
        assert {k: v for k, v in now.items() if v is not None} == {"name": "Acme"}

    @pytest.mark.parametrize("most", [None, 20], ids=["of HubSpot", "of a mapping file"])
    async def test_a_text_longer_than_its_property_is_cut_with_a_mark_and_no_difference(
        self, harness: HubSpotHarness, most: int | None
    ) -> None:
        length, name = most or 65_536, f"{harness.token} " + "and Sons " * 8_000
        overrides = MappingOverrides({"customer": {"name": FieldOverride(max_length=most)}})
        async with harness.connect(overrides=overrides) as connector:
            receipt = await write_one(
                connector, creating("customer", {"name": name}, "il-4k2m9x-1")
            )
            assert receipt.record is not None
            held = str(receipt.record.fields["name"])
            assert len(held) in (length, length - 1)
            assert held.endswith("…")
            assert name.startswith(held[:-1])
            again = updating("customer", receipt.record.id, {"name": name}, seen=receipt.record)
            assert (await write_one(connector, again)).outcome is Outcome.UNCHANGED

    async def test_an_unknown_choice_is_refused_with_those_there_are(
        self, harness: HubSpotHarness
    ) -> None:
        harness.twin.configure({"properties": {"companies.tier": choice(["gold", "silver"])}})
        overrides = MappingOverrides({"customer": {"payment_terms": FieldOverride(path="tier")}})
        key = await harness.seed_sample("customer")
        async with harness.connect(overrides=overrides) as connector:
            fields = {"payment_terms": "platinum"}
            receipt = await write_one(connector, updating("customer", key, fields))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("unknown_choice", "payment_terms")
        assert "gold, silver" in receipt.reason.message
        assert "platinum" not in receipt.reason.message

    async def test_what_an_administrator_requires_is_named(self, harness: HubSpotHarness) -> None:
        harness.twin.configure({"required": {"companies": ["phone"]}})
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("customer", {"name": "A"}, "il-4k2m9x-1"))
        assert receipt.outcome is Outcome.REJECTED
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("required", "phone")

    async def test_an_e_mail_that_is_there_already_is_a_duplicate(
        self, harness: HubSpotHarness
    ) -> None:
        harness.twin.insert("contacts", {"email": "ann@acme.example"})
        async with harness.connect() as connector:
            fields = {"name": "Ann", "email": "ann@acme.example"}
            receipt = await write_one(connector, creating("contact", fields, "il-4k2m9x-1"))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("duplicate", "email")
        assert "ann" not in repr(receipt.reason)

    async def test_where_a_batch_is_all_or_none_the_bad_one_is_found(
        self, harness: HubSpotHarness
    ) -> None:
        harness.twin.configure({"partial_batches": False})
        try:
            async with harness.connect() as connector:
                writes = [
                    creating("customer", {"name": f"C{n}" if n != 5 else None}, f"il-4k2m9x-{n}")
                    for n in range(8)
                ]
                receipts = await connector.write("customer", writes)
        finally:
            harness.twin.configure({"partial_batches": True})
        assert [r.outcome is Outcome.CREATED for r in receipts] == [n != 5 for n in range(8)]
        assert receipts[5].outcome is Outcome.REJECTED
        assert len(await harness.ids("customer")) == 7

    @pytest.mark.parametrize("entity", ["customer", "contact"])
    async def test_a_second_try_of_a_create_is_to_be_looked_up_not_refused(
        self, harness: HubSpotHarness, entity: str
    ) -> None:
        async with harness.connect() as connector:
            write = creating(entity, await harness.sample(entity), "il-4k2m9x-1")
            first = await write_one(connector, write)
            second = await write_one(connector, write)
        assert (first.outcome, second.outcome) == (Outcome.CREATED, Outcome.UNKNOWN)

    async def test_a_contact_moves_to_another_company_and_to_none(
        self, harness: HubSpotHarness
    ) -> None:
        one, other = [await harness.seed_sample("customer") for _ in range(2)]
        contact = harness.twin.insert("contacts", {"lastname": "Ann", "companies": one})
        async with harness.connect() as connector:
            for company in (Ref("customer", other), None):
                seen = await fetch_one(connector, "contact", contact)
                write = updating("contact", contact, {"customer": company}, seen=seen)
                receipt = await write_one(connector, write)
                assert receipt.outcome is Outcome.UPDATED, receipt.reason
                if company is not None:
                    assert receipt.record is not None
                    assert receipt.record.fields["customer"] == company
        left = harness.twin.portal.ties.of("contacts", contact, "companies")
        assert [row["to_id"] for row in left] == [one]

    async def test_another_currency_than_the_portals_is_refused(
        self, harness: HubSpotHarness
    ) -> None:
        key = await harness.seed_sample("customer")
        async with harness.connect() as connector:
            limit = Money(Decimal(5), "USD")
            receipt = await write_one(connector, updating("customer", key, {"credit_limit": limit}))
        assert receipt.outcome is Outcome.REJECTED
        assert receipt.reason is not None
        assert receipt.reason.field == "credit_limit"

    async def test_a_won_deal_comes_with_its_lines_and_currency(
        self, harness: HubSpotHarness
    ) -> None:
        twin = harness.twin
        product = twin.insert("products", {"name": "Pump", "hs_sku": "P-1", "price": "100"})
        deal = twin.insert("deals", {
            "dealname": "D", "dealstage": "closedwon", "closedate": "2026-02-03T10:00:00Z",
            "amount": "59.97", "deal_currency_code": "USD",
        })  # fmt: skip
        line = twin.insert("line_items", {
            "hs_product_id": product, "quantity": "3", "price": "19.99", "deals": deal,
        })  # fmt: skip
        cheaper = twin.insert("line_items", {
            "hs_product_id": product, "quantity": "2", "price": "100",
            "hs_discount_percentage": "10", "deals": deal,
        })  # fmt: skip
        gone = twin.insert(
            "line_items", {"name": "X", "quantity": "1", "price": "1", "deals": deal}
        )
        twin.delete("line_items", gone)
        quote = twin.insert("quotes", {
            "hs_title": "Q", "hs_expiration_date": "2027-01-01", "hs_currency": "USD",
            "interlock_accepted": "true", "deals": deal, "line_items": line,
        })  # fmt: skip
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "deal", deal)).fields
            offer = (await fetch_one(connector, "quote", quote)).fields
        assert fields["stage_kind"] == StageKind.WON
        assert fields["won_at"] == datetime(2026, 2, 3, 10, tzinfo=UTC)
        assert fields["amount"] == Money(Decimal("59.97"), "USD")
        first, second = fields["lines"]  # type: ignore[misc]
        assert (first.key, first.sku, first.product) == (line, "P-1", Ref("product", product))
        assert (first.quantity, first.unit_price, first.net) == (
            3, Decimal("19.99"), Decimal("59.97"),
        )  # fmt: skip
        assert (second.key, second.unit_price, second.net) == (cheaper, 90, 180)
        assert (offer["accepted"], offer["deal"], offer["currency"]) == (
            True, Ref("deal", deal), "USD",
        )  # fmt: skip
        (offered,) = offer["lines"]  # type: ignore[misc]
        assert offered.key == line

    @pytest.mark.parametrize("entity", ["deal", "quote"])
    async def test_a_changed_line_brings_what_it_is_part_of(
        self, harness: HubSpotHarness, entity: str
    ) -> None:
        twin = harness.twin
        twin.clock.stand(twin.clock() - timedelta(hours=1))
        key = await harness.seed_sample(entity)
        lines = [
            twin.insert("line_items", {"name": "X", "quantity": "1", "price": "5",
                                       f"{entity}s": key})
            for _ in range(7)
        ]  # fmt: skip
        twin.clock.run()
        async with harness.connect() as connector:
            records, cursor = await read_round(connector.changes, entity, None)
            assert key not in {record.id for record in records}
            for line in lines:
                twin.update("line_items", line, {"price": "6"})
            records, _ = await read_round(connector.changes, entity, cursor)
        (record,) = [record for record in records if record.id == key]
        assert [line.unit_price for line in record.fields["lines"]] == [6] * 7  # type: ignore[union-attr]

    async def test_a_stage_is_won_by_its_probability_not_by_its_name(
        self, harness: HubSpotHarness
    ) -> None:
        stages = list(harness.twin.portal.stages)
        new = {"id": "998877", "label": "Gewonnen", "probability": "1.0"}
        async with harness.connect() as connector:
            await connector.sweep("deal", None)
            harness.twin.configure({"stages": [*stages, new]})
            try:
                deal = harness.twin.insert("deals", {"dealname": "D", "dealstage": "998877"})
                fields = (await fetch_one(connector, "deal", deal)).fields
            finally:
                harness.twin.configure({"stages": stages})
        assert (fields["stage"], fields["stage_kind"]) == ("998877", StageKind.WON)

    @pytest.mark.parametrize("resolve", [True, False], ids=["old ids lead on", "they do not"])
    async def test_merged_companies_become_a_new_one(
        self, harness: HubSpotHarness, resolve: bool
    ) -> None:
        one, other = [await harness.seed_sample("customer") for _ in range(2)]
        contact = harness.twin.insert("contacts", {"lastname": "Ann", "companies": other})
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            harness.twin.configure({"merge_makes_new": True, "merged_ids_resolve": resolve})
            try:
                harness.twin.merge("companies", one, [other])
                records, _ = await read_round(connector.changes, "customer", cursor)
                merged = {r.id: r.merged_into for r in records if r.merged_into}
                fetched = {r.id: r for r in await connector.fetch("customer", [other, one])}
                person = (await fetch_one(connector, "contact", contact)).fields
            finally:
                harness.twin.configure({"merged_ids_resolve": True})
        (new,) = await harness.ids("customer")
        assert new not in (one, other)
        assert merged == {one: new, other: new}
        assert {k: (r.presence, r.merged_into) for k, r in fetched.items()} == {
            one: (Presence.MERGED, new), other: (Presence.MERGED, new),
        }  # fmt: skip
        assert person["customer"] == Ref("customer", new)

    async def test_an_archived_company_is_a_tombstone_in_the_full_list(
        self, harness: HubSpotHarness
    ) -> None:
        keys = [await harness.seed_sample("customer") for _ in range(5)]
        for key in keys[:4]:
            await harness.remove("customer", key)
        async with harness.connect() as connector:
            records, _ = await read_round(connector.sweep, "customer", None)
            assert not connector.capabilities.deletions
        assert {r.id: r.presence for r in records} == {
            **dict.fromkeys(keys[:4], Presence.GONE), keys[4]: Presence.PRESENT,
        }  # fmt: skip

    async def test_a_task_is_made_once_and_ticked_off_and_no_other_is_read(
        self, harness: HubSpotHarness
    ) -> None:
        company, reference = await harness.seed_sample("customer"), f"il-{harness.token}-t"
        fields = {
            "subject": "Credit hold: talk to finance", "body": "It was placed on hold.\nSee <AR>.",
            "customer": Ref("customer", company), "owner": "7001", "due": date(2026, 11, 24),
        }  # fmt: skip
        harness.twin.insert("tasks", {
            "hs_timestamp": "2026-11-24T08:00:00Z", "hs_task_subject": f"private {harness.token}",
        })  # fmt: skip
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("task", fields, reference))
            assert receipt.outcome is Outcome.CREATED, receipt.reason
            assert receipt.record is not None
            assert dict(receipt.record.fields) == {**fields, "done": False}
            [found] = (await connector.find("task", [reference]))[reference]
            done = updating("task", found.record.id, {"done": True}, seen=found.record)
            assert (await write_one(connector, done)).outcome is Outcome.UPDATED
            assert (await fetch_one(connector, "task", found.record.id)).fields["done"] is True
            everything, _ = await read_round(connector.sweep, "task", None)
        assert [record.id for record in everything] == [receipt.record_id]
        assert f"private {harness.token}" not in repr(everything)

    async def test_nothing_is_written_when_the_address_is_wrong(
        self, harness: HubSpotHarness
    ) -> None:
        async with harness.connect(wrong=Wrong.ADDRESS) as connector:
            with pytest.raises(TransientError):
                await connector.write(
                    "customer", [creating("customer", {"name": "A"}, "il-4k2m9x-9")]
                )

    async def test_a_second_batch_that_fails_takes_nothing_of_the_first_back(
        self, harness: HubSpotHarness
    ) -> None:
        async with harness.connect() as connector:
            await connector.sweep("customer", None)
            harness.twin.faults.arm(
                Fault(kind=FaultKind.THROTTLED, path="batch/upsert", skip=1, times=1)
            )
            writes = [creating("customer", {"name": f"C{n}"}, f"il-4k2m9x-{n}") for n in range(101)]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts[:100]} == {Outcome.CREATED}
        assert receipts[100].outcome is Outcome.THROTTLED
        assert len(await harness.ids("customer")) == 100

    @pytest.mark.parametrize("fails", ["batch/read", "properties/"])
    async def test_what_was_written_is_told_even_when_the_look_afterwards_fails(
        self, harness: HubSpotHarness, fails: str
    ) -> None:
        async with harness.connect() as connector:
            harness.twin.faults.arm(Fault(kind=FaultKind.UNAVAILABLE, path=fails))
            writes = [
                creating("customer", {"name": "A"}, "il-4k2m9x-1"),
                creating("customer", {"name": None}, "il-4k2m9x-2"),
            ]
            good, bad = await connector.write("customer", writes)
        assert (good.outcome, good.record) == (Outcome.CREATED, None)
        # nobody can say whether an earlier try of it has arrived
        assert bad.outcome is Outcome.UNKNOWN


class TestWebhooks:
    def _hints(self, harness: HubSpotHarness, events: list[dict[str, object]]) -> object:
        body = body_of(events)
        return harness.connect().hints(harness.webhook(body, harness.now()))

    async def test_a_merge_names_all_it_is_about(self, harness: HubSpotHarness) -> None:
        one = harness.twin.portal.types["companies"]
        event = merge_event(one, "11", ["11", "12"], "13", harness.now())
        assert self._hints(harness, [event]) == [
            Hint("customer", "11"), Hint("customer", "13"), Hint("customer", "12"),
        ]  # fmt: skip

    async def test_a_line_item_is_part_of_a_deal_nobody_names(
        self, harness: HubSpotHarness
    ) -> None:
        one = harness.twin.portal.types["line_items"]
        assert self._hints(harness, changed_events(one, ["5", "6"], harness.now())) == [
            Hint("deal")
        ]

    async def test_what_is_none_of_ours_is_left_out(self, harness: HubSpotHarness) -> None:
        events: list[dict[str, object]] = [
            {"subscriptionType": "ticket.propertyChange", "objectId": 1},
            {"subscriptionType": "object.creation", "objectTypeId": "2-99", "objectId": 2},
            {"objectId": 3}, {"subscriptionType": "company.creation"},
            {"eventType": "deal.creation", "objectId": 4},
        ]  # fmt: skip
        assert self._hints(harness, events) == [Hint("deal", "4")]

    async def test_without_a_secret_there_are_none(self, harness: HubSpotHarness) -> None:
        settings = harness.settings().model_copy(update={"webhook_secret": SecretStr("")})
        connector = plugin.connect(settings, _context(None))
        assert not connector.capabilities.webhooks
        with pytest.raises(NotImplementedError):
            connector.hints(harness.webhook(b"[]", harness.now()))


class TestProvisioning:
    async def test_properties_are_made_seen_and_taken_back(self, harness: HubSpotHarness) -> None:
        fresh = make(seed="empty")
        fresh.configure({"calls_in_10_seconds": 10_000})
        with running(fresh) as served:
            settings = HubSpotSettings.model_validate({
                "url": served.url, "access_token": fresh.token, "currency": "EUR",
            })  # fmt: skip
            async with plugin.connect(settings, _context(None)) as connector:
                report = await connector.check()
                assert not report.ok
                assert "run interlock provision" in {f.fix for f in report.findings}
                planned = await connector.provision(dry_run=True)
                assert {step.action for step in planned} == {"would create"}
                assert {step.subject for step in planned} == set(FIELDS)
                done = await connector.provision(dry_run=False)
                assert {step.action for step in done} == {"created"}, done
                assert (await connector.check()).ok
                made = fresh.portal.types["companies"].properties
                assert made["interlock_ref"].unique
                assert made["interlock_other_id"].label == "SAP id"
                for name, definition in FIELDS.items():
                    kind, _, field = name.partition(".")
                    assert fresh.portal.types[kind].properties[field].type == definition["type"]
                removed = await connector.deprovision(dry_run=False)
                assert {step.action for step in removed} == {"removed"}
                assert "interlock" not in fresh.portal.types["companies"].groups
                assert {s.action for s in await connector.deprovision(dry_run=False)} == {"absent"}

    async def test_a_key_without_the_right_to_make_properties_says_so(
        self, harness: HubSpotHarness
    ) -> None:
        fresh = make(seed="empty")
        fresh.configure({
            "calls_in_10_seconds": 10_000,
            "scopes": [s for s in fresh.scopes if not s.startswith("crm.schemas.deals.w")],
        })  # fmt: skip
        with running(fresh) as served:
            settings = harness.settings().model_copy(
                update={"url": served.url, "access_token": SecretStr(fresh.token)}
            )
            async with plugin.connect(settings, _context(None)) as connector:
                done = await connector.provision(dry_run=False)
        failed = {step.subject.partition(".")[0] for step in done if step.action == "failed"}
        assert failed == {"deals"}
        assert "crm.schemas.deals.write" in next(s.message for s in done if s.action == "failed")


class Told(type(FREE)):  # type: ignore[misc]
    """A budget that keeps what it is told."""

    def __init__(self) -> None:
        self.used: list[int] = []
        self.limit: int | None = None
        self.blocked: list[datetime] = []

    def learn(self, used: int, limit: int | None) -> None:
        self.used.append(used)
        self.limit = limit

    async def block(self, until: datetime) -> None:
        self.blocked.append(until)


def _context(
    fields: set[str] | None, overrides: MappingOverrides | None = None
) -> ConnectorContext:
    """Want some fields of customers only, or everything."""
    everything = {name: frozenset(kind.__struct_fields__) for name, kind in ENTITIES.items()}
    wanted = everything if fields is None else {**everything, "customer": frozenset(fields)}
    return ConnectorContext(
        connection="crm", installation="4k2m9x", clock=lambda: datetime.now(UTC), wanted=wanted,
        overrides=overrides or MappingOverrides(), other="SAP",
    )  # fmt: skip
