"""The NetSuite connector against the twin of NetSuite."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from pydantic import ValidationError

from interlock.connectors.base import ConnectorContext, Outcome, Severity
from interlock.connectors.netsuite import plugin
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.errors import NeedsAuthError, NotPermittedError, ThrottledError
from interlock.model import Address, Line, Money, Presence, Ref, Value, agree
from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.testing.conformance.suite import creating, fetch_one, read_round, updating, write_one
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite import NetSuiteTwin, make, tables
from interlock.twins.serving import running
from tests.conformance.netsuite_harness import FIELDS, NetSuiteHarness


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[NetSuiteTwin]:
    """One twin with the custom fields, for the whole module."""
    twin = make(seed="empty")
    twin.configure({"fields": FIELDS})
    with running(twin) as NetSuiteHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestNetSuite{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": NetSuiteHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: NetSuiteTwin) -> AsyncIterator[NetSuiteHarness]:
    async with NetSuiteHarness() as harness:
        yield harness


def planted(text: str) -> dict[str, object]:
    """A customer of that name, as a user makes one."""
    return {"companyName": text, "subsidiary": "1"}


class TestSigningIn:
    def by_certificate(self, harness: NetSuiteHarness, **changes: object) -> NetSuiteSettings:
        known = harness.twin.credentials()
        return NetSuiteSettings.model_validate({
            "account": known["account"], "url": harness.running.url, "currency": "EUR",
            "client_id": known["client_id"], "certificate_id": known["certificate_id"],
            "private_key": known["private_key"], "subsidiary": "1", **changes,
        })  # fmt: skip

    def context(self, harness: NetSuiteHarness) -> ConnectorContext:
        return ConnectorContext(
            connection="erp", installation="4k2m9x", clock=harness.now, wanted={}
        )

    async def test_by_certificate(self, harness: NetSuiteHarness) -> None:
        async with plugin.connect(self.by_certificate(harness), self.context(harness)) as connector:
            assert (await connector.check()).ok
            before = harness.twin.log.kinds["POST /auth/oauth2/v1/token"]
            await connector.sweep("customer", None)
            assert harness.twin.log.kinds["POST /auth/oauth2/v1/token"] == before

    async def test_an_ended_session_is_renewed_once(self, harness: NetSuiteHarness) -> None:
        async with plugin.connect(self.by_certificate(harness), self.context(harness)) as connector:
            await connector.sweep("customer", None)
            harness.twin.configure({"end_sessions": True})
            await connector.sweep("customer", None)

    async def test_a_certificate_that_is_mapped_no_more_needs_a_person(
        self, harness: NetSuiteHarness
    ) -> None:
        settings = self.by_certificate(harness, certificate_id="other")
        async with plugin.connect(settings, self.context(harness)) as connector:
            with pytest.raises(NeedsAuthError) as caught:
                await connector.sweep("customer", None)
        assert "mapped" in (caught.value.fix or "")

    async def test_a_key_of_another_kind_is_told_before_anything_is_sent(
        self, harness: NetSuiteHarness
    ) -> None:
        settings = self.by_certificate(harness, private_key="not a key")
        async with plugin.connect(settings, self.context(harness)) as connector:
            with pytest.raises(NeedsAuthError, match="PEM"):
                await connector.sweep("customer", None)


class TestSlots:
    async def test_no_more_calls_at_once_than_slots_are_ours(
        self, harness: NetSuiteHarness
    ) -> None:
        harness.twin.faults.arm(
            Fault(kind=FaultKind.SLOW, method="POST", path="/record/", seconds=0.02)
        )
        async with harness.connect() as connector:
            writes = [creating("customer", {"name": f"C{n}"}, f"il-4k2m9x-{n}") for n in range(12)]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert harness.twin.slots is not None
        assert 1 < harness.twin.slots.most <= 4

    async def test_slots_held_by_others_slow_down_and_double_nothing(
        self, harness: NetSuiteHarness
    ) -> None:
        harness.twin.configure({"slots_of_others": 3})
        harness.twin.faults.arm(
            Fault(kind=FaultKind.SLOW, method="POST", path="/record/", seconds=0.02)
        )
        writes = [creating("customer", {"name": f"C{n}"}, f"il-4k2m9x-{n}") for n in range(8)]
        async with harness.connect() as connector:
            receipts = await connector.write("customer", writes)
            outcomes = {r.outcome for r in receipts}
            assert outcomes <= {Outcome.CREATED, Outcome.THROTTLED, Outcome.TRANSIENT}
            assert {Outcome.CREATED, Outcome.THROTTLED} <= outcomes
            assert all(r.until for r in receipts if r.outcome is Outcome.THROTTLED)
            harness.twin.configure({"slots_of_others": 0})
            again = [w for w, r in zip(writes, receipts, strict=True) if not r.outcome.succeeded]
            await connector.write("customer", again)
        assert len(await harness.ids("customer")) == 8

    async def test_pauses_grow_while_the_slots_stay_taken(self, harness: NetSuiteHarness) -> None:
        harness.twin.configure({"slots_of_others": 5})
        waits = []
        async with harness.connect() as connector:
            for _ in range(3):
                with pytest.raises(ThrottledError, match="shared") as caught:
                    await connector.sweep("customer", None)
                assert caught.value.until is not None
                waits.append((caught.value.until - harness.now()).total_seconds())
        assert waits[0] < waits[1] < waits[2]

    async def test_a_record_somebody_is_saving_is_tried_again_later(
        self, harness: NetSuiteHarness
    ) -> None:
        key = await harness.seed_sample("customer")
        async with harness.connect() as connector:
            harness.twin.faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
            assert receipt.outcome is Outcome.TRANSIENT
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
            assert receipt.outcome is Outcome.UPDATED


class TestCalls:
    """Calls are near the minimum."""

    async def test_a_round_without_changes(self, harness: NetSuiteHarness) -> None:
        async with harness.connect() as connector:
            for entity, number in (("customer", 3), ("contact", 2), ("order", 3), ("invoice", 3)):
                _, cursor = await read_round(connector.changes, entity, None)
                harness.twin.log.reset()
                await read_round(connector.changes, entity, cursor)
                assert harness.twin.log.kinds == {"POST /query/v1/suiteql": number}, entity

    async def test_creates_are_one_call_each_and_updates_read_once(
        self, harness: NetSuiteHarness
    ) -> None:
        async with harness.connect() as connector:
            await connector.sweep("contact", None)
            harness.twin.log.reset()
            writes = [creating("contact", {"name": f"A B{n}"}, f"il-4k2m9x-{n}") for n in range(5)]
            made = await connector.write("contact", writes)
            assert harness.twin.log.kinds == {"POST /record/v1/contact": 5}
            harness.twin.log.reset()
            changes = [updating("contact", r.record_id or "", {"phone": "1"}) for r in made]
            await connector.write("contact", changes)
        assert harness.twin.log.kinds == {
            "POST /query/v1/suiteql": 1, "PATCH /record/v1/contact/ID": 5,
        }  # fmt: skip

    async def test_of_hundreds_of_fields_only_the_mapped_ones_are_asked_for(
        self, harness: NetSuiteHarness
    ) -> None:
        harness.twin.configure({"fields": {f"custentity_f{n}": {} for n in range(900)}})
        key = await harness.seed_sample("customer")
        harness.twin.update("customer", key, {f"custentity_f{n}": "secret" for n in range(900)})
        async with harness.connect() as connector:
            harness.twin.log.reset()
            record = await fetch_one(connector, "customer", key)
        assert "secret" not in repr(record)
        assert not [e for e in harness.twin.log.entries() if "custentity_f" in e.body]
        assert not [e for e in harness.twin.log.entries() if "*" in e.body]


class TestCustomers:
    async def test_every_field_is_written_and_read_back(self, harness: NetSuiteHarness) -> None:
        address = Address(street="Hafenstraße 7\nTor 2", city="Bremen", region="HB",
                          postcode="28195", country="DE")  # fmt: skip
        fields = {
            "name": "Acme", "website": "https://acme.example", "email": "a@acme.example",
            "phone": "+49 421 1", "tax_id": "DE136695976", "billing_address": address,
            "shipping_address": Address(street="Dock 1", city="Paris", country="FR"),
            "payment_terms": "Net 30", "credit_limit": Money(Decimal("1234.50"), "EUR"),
            "other_id": "77",
        }  # fmt: skip
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("customer", fields, "il-4k2m9x-1"))
            assert receipt.record_id is not None
            shown = (await fetch_one(connector, "customer", receipt.record_id)).fields
            assert {k: v for k, v in shown.items() if k in fields} == fields
            blank = dict.fromkeys(set(fields) - {"name"})
            done = await write_one(connector, updating("customer", receipt.record_id, blank))
            assert done.outcome is Outcome.UPDATED, done.reason
            now = (await fetch_one(connector, "customer", receipt.record_id)).fields
            kept = {k: v for k, v in now.items() if v is not None}
            assert kept == {
                "name": "Acme",
                "credit_hold": False,
                "balance": Money(Decimal(0), "EUR"),
            }
        (row,) = harness.twin.shown("customer")
        assert row["subsidiary"] == "1"
        assert len(row["addressBook"]) == 2, "an address that is no default stays in the book"

    async def test_one_address_for_both_purposes_is_left_alone_when_one_moves(
        self, harness: NetSuiteHarness
    ) -> None:
        place = {"addr1": "1 High St", "city": "London", "country": "GB"}
        key = harness.twin.insert("customer", {**planted("A"), "addressBook": [
            {"defaultBilling": True, "defaultShipping": True, "addressBookAddress": place},
        ]})  # fmt: skip
        home = Address(street="1 High St", city="London", country="GB")
        dock = Address(street="Dock 1", city="Paris", country="FR")
        async with harness.connect() as connector:
            for moved in (dock, Address(street="Dock 2", city="Paris", country="FR")):
                write = updating("customer", key, {"shipping_address": moved})
                assert (await write_one(connector, write)).outcome is Outcome.UPDATED
                fields = (await fetch_one(connector, "customer", key)).fields
                assert (fields["billing_address"], fields["shipping_address"]) == (home, moved)
        assert len(harness.twin.shown("customer")[0]["addressBook"]) == 2

    async def test_unknown_terms_are_refused_with_those_there_are(
        self, harness: NetSuiteHarness
    ) -> None:
        async with harness.connect() as connector:
            fields = {"name": "A", "payment_terms": "Net 17"}
            receipt = await write_one(connector, creating("customer", fields, "il-4k2m9x-1"))
            assert receipt.reason is not None
            assert (receipt.reason.code, receipt.reason.field) == (
                "unknown_choice",
                "payment_terms",
            )
            assert "Due on receipt, Net 15, Net 30, Net 60" in receipt.reason.message
            harness.twin.insert("term", {"name": "Net 17", "daysUntilNetDue": 17})
            receipt = await write_one(connector, creating("customer", fields, "il-4k2m9x-1"))
            assert receipt.outcome is Outcome.CREATED, "a list is read again before a no"

    async def test_a_name_longer_than_the_field_is_cut_and_not_taken_for_a_change(
        self, harness: NetSuiteHarness
    ) -> None:
        long = "Gesellschaft für " + "sehr " * 20 + "lange Namen mbH"
        async with harness.connect() as connector:
            receipt = await write_one(
                connector, creating("customer", {"name": long}, "il-4k2m9x-1")
            )
            assert receipt.record_id is not None
            record = await fetch_one(connector, "customer", receipt.record_id)
            facts = connector.capabilities.entities["customer"].fields["name"]
            write = updating("customer", receipt.record_id, {"name": long}, seen=record)
            assert (await write_one(connector, write)).outcome is Outcome.UNCHANGED
        assert len(str(record.fields["name"])) <= 83
        assert str(record.fields["name"]).endswith("…"), "people see that it was cut"
        assert agree(record.fields["name"], long, facts)

    @pytest.mark.parametrize(
        ("override", "billed", "days", "options", "held", "told"),
        [
            ("AUTO", 50, 0, {}, False, None),
            ("AUTO", 150, 0, {}, True, "over the credit limit"),
            ("OFF", 150, 0, {}, False, None),
            ("ON", 0, 0, {}, True, "switched on"),
            ("AUTO", 150, 0, {"auto_hold": "never"}, False, None),
            ("AUTO", 50, 40, {"hold_after_days": 30}, True, "40 days overdue"),
            ("AUTO", 50, 40, {"hold_after_days": 45}, False, None),
        ],
    )
    async def test_holds(
        self, harness: NetSuiteHarness, override: str, billed: int, days: int,
        options: dict[str, object], held: bool, told: str | None,
    ) -> None:  # fmt: skip
        twin = harness.twin
        key = twin.insert("customer", {**planted("A"), "creditLimit": 100,
                                       "creditHoldOverride": override})  # fmt: skip
        if billed:
            item = twin.insert("serviceSaleItem", {"itemId": "S"})
            due = twin.clock().date() - timedelta(days=days)
            twin.insert("invoice", {
                "entity": key, "tranDate": due, "dueDate": due,
                "item": [{"item": item, "quantity": 1, "rate": billed}],
            })  # fmt: skip
        harness.options = options
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "customer", key)).fields
        assert fields["credit_hold"] is held
        assert (told or "") in str(fields["hold_reason"] or "")
        assert (fields["hold_reason"] is None) is not held

    async def test_a_customer_comes_again_when_its_balance_moves(
        self, harness: NetSuiteHarness
    ) -> None:
        twin = harness.twin
        key = await harness.seed_sample("customer")
        item = twin.insert("serviceSaleItem", {"itemId": "S"})
        row = twin.storage.get("customer", key)
        assert row is not None
        twin.storage.drop("customer", key)
        long_ago = row["lastModifiedDate"] - timedelta(hours=1)
        twin.storage.put("customer", key, {**row, "lastModifiedDate": long_ago})
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            records, cursor = await read_round(connector.changes, "customer", cursor)
            assert records == []
            twin.insert("invoice", {
                "entity": key, "item": [{"item": item, "quantity": 1, "rate": 100}],
            })  # fmt: skip
            (record,), _ = await read_round(connector.changes, "customer", cursor)
        assert record.fields["balance"] == Money(Decimal("119.00"), "EUR")

    @pytest.mark.parametrize("touches", [True, False])
    async def test_orders_and_invoices_come_again_when_they_are_billed_and_paid(
        self, harness: NetSuiteHarness, touches: bool
    ) -> None:
        twin = harness.twin
        twin.configure({"touches_sources": touches})
        order = await harness.seed("order", await harness.sample("order"))
        twin.update("salesOrder", order, {"orderStatus": "B"})
        harness.options = {"commit_delay": 0}
        try:
            async with harness.connect() as connector:
                twin.clock.advance(timedelta(seconds=10))
                _, orders = await read_round(connector.changes, "order", None)
                _, invoices = await read_round(connector.changes, "invoice", None)
                twin.clock.advance(timedelta(seconds=10))
                twin.update("salesOrder", order, {"!transform": "itemFulfillment"})
                twin.update("salesOrder", order, {"!transform": "invoice"})
                (again,), _ = await read_round(connector.changes, "order", orders)
                assert again.fields["status"] == "fulfilled"
                (bill,), invoices = await read_round(connector.changes, "invoice", invoices)
                twin.clock.advance(timedelta(seconds=10))
                twin.update("invoice", bill.id, {"!transform": "customerPayment"})
                (paid,), _ = await read_round(connector.changes, "invoice", invoices)
            assert paid.fields["status"] == "paid"
        finally:
            twin.configure({"touches_sources": False})

    async def test_another_subsidiarys_customers_are_not_ours(
        self, harness: NetSuiteHarness
    ) -> None:
        ours = await harness.seed_sample("customer")
        theirs = harness.twin.insert("customer", {"companyName": "UK", "subsidiary": "2"})
        async with harness.connect() as connector:
            records, _ = await read_round(connector.sweep, "customer", None)
            assert [r.id for r in records] == [ours]
            assert await connector.fetch("customer", [theirs]) == []

    async def test_stamps_are_read_right_whatever_the_accounts_time_zone(
        self, harness: NetSuiteHarness
    ) -> None:
        async with harness.connect() as connector:
            for zone in ("Asia/Tokyo", "America/Los_Angeles"):
                harness.twin.configure({"time_zone": zone})
                _, cursor = await read_round(connector.changes, "contact", None)
                key = await harness.seed_sample("contact")
                records, _ = await read_round(connector.changes, "contact", cursor)
                (record,) = [r for r in records if r.id == key]
                assert record.modified is not None
                assert abs(record.modified - harness.now()) < timedelta(minutes=1)

    async def test_a_namesake_at_the_same_customer_is_a_duplicate(
        self, harness: NetSuiteHarness
    ) -> None:
        fields = await harness.sample("contact")
        await harness.seed("contact", fields)
        async with harness.connect() as connector:
            receipt = await write_one(connector, creating("contact", fields, "il-4k2m9x-1"))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("duplicate", "name")


class TestProducts:
    async def test_price_and_stock(self, harness: NetSuiteHarness) -> None:
        item = harness.twin.insert("inventoryItem", {
            "itemId": "P-1", "displayName": "Pump", "saleUnit": "Each",
            "price": [
                {"priceLevel": "1", "price": "480.00", "currency": "1"},
                {"priceLevel": "2", "price": "432.00", "currency": "1"},
                {"priceLevel": "1", "price": "520.00", "currency": "2"},
            ],
            "locations": [{"location": "1", "quantityAvailable": 7},
                          {"location": "2", "quantityAvailable": 2}],
        })  # fmt: skip
        service = harness.twin.insert("serviceSaleItem", {"itemId": "S-1", "isInactive": True})
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "product", item)).fields
            other = (await fetch_one(connector, "product", service)).fields
        assert fields == {
            "sku": "P-1", "name": "Pump", "active": True, "unit": "Each",
            "list_price": Money(Decimal("480.00"), "EUR"), "stock_quantity": Decimal(9),
        }  # fmt: skip
        assert (other["active"], other["stock_quantity"], other["list_price"]) == (
            False,
            None,
            None,
        )
        harness.options = {"locations": ("Returns",), "price_level": "Wholesale"}
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "product", item)).fields
        assert (fields["stock_quantity"], fields["list_price"]) == (2, Money(Decimal(432), "EUR"))


class TestOrders:
    async def test_a_currency_switched_off_makes_no_order(self, harness: NetSuiteHarness) -> None:
        fields = {**await harness.sample("order"), "currency": "GBP"}
        pound = next(r for r in harness.twin.shown("currency") if r["symbol"] == "GBP")["id"]
        harness.twin.update("currency", pound, {"isInactive": True})
        try:
            async with harness.connect() as connector:
                write = creating("order", fields, "il-4k2m9x-1")
                receipt = await write_one(connector, write)
                assert receipt.reason is not None
                assert (receipt.reason.code, receipt.reason.field) == ("unknown_choice", "currency")
                assert "in use: EUR, USD" in receipt.reason.message
                assert await harness.ids("order") == set()
                harness.twin.update("currency", pound, {"isInactive": False})
                assert (await write_one(connector, write)).outcome is Outcome.CREATED
        finally:
            harness.twin.update("currency", pound, {"isInactive": False})

    async def test_an_account_with_one_currency_has_no_field_for_it(
        self, harness: NetSuiteHarness
    ) -> None:
        tables_of_money = ["customer.currency", "transaction.currency", "itemprice.currency"]
        fields = await harness.sample("order")
        harness.twin.configure({"hidden": ["currency", *tables_of_money]})
        async with harness.connect() as connector:
            report = await connector.check()
            assert report.ok, [f for f in report.findings if f.severity is Severity.ERROR]
            harness.twin.log.reset()
            made = await write_one(connector, creating("order", fields, "il-4k2m9x-1"))
            assert made.outcome is Outcome.CREATED, made.reason
            (sent,) = [e for e in harness.twin.log.entries() if e.path.endswith("/salesOrder")]
            assert "currency" not in json.loads(sent.body)
            assert made.record_id is not None
            order = await fetch_one(connector, "order", made.record_id)
            assert order.fields["currency"] == "EUR"
            write = creating("order", {**fields, "currency": "USD"}, "il-4k2m9x-2")
            other = await write_one(connector, write)
        assert other.reason is not None
        assert "in use: EUR" in other.reason.message

    async def test_lines_find_their_item_by_name_or_are_named_in_the_refusal(
        self, harness: NetSuiteHarness
    ) -> None:
        customer = Ref("customer", await harness.seed_sample("customer"))
        harness.twin.insert("inventoryItem", {"itemId": "P-1"})
        harness.twin.insert("inventoryItem", {"itemId": "P-2", "isInactive": True})

        def order(*skus: str) -> dict[str, Value]:
            lines = tuple(Line(key=f"d/{n}", sku=sku, quantity=Decimal(1), unit_price=Decimal(5))
                          for n, sku in enumerate(skus))  # fmt: skip
            return {"customer": customer, "currency": "EUR", "lines": lines}

        async with harness.connect() as connector:
            made = await write_one(connector, creating("order", order("P-1"), "il-4k2m9x-1"))
            assert made.outcome is Outcome.CREATED
            for skus, code in ((("P-1", "P-9"), "not_found"), (("P-2",), "invalid_value")):
                write = creating("order", order(*skus), f"il-4k2m9x-{code}")
                receipt = await write_one(connector, write)
                assert receipt.reason is not None
                assert (receipt.reason.code, receipt.reason.field) == (code, "lines")
                assert skus[-1] in receipt.reason.message
        assert len(await harness.ids("order")) == 1

    async def test_a_second_try_changes_nothing_of_what_came_since(
        self, harness: NetSuiteHarness
    ) -> None:
        write = creating("order", await harness.sample("order"), "il-4k2m9x-1")
        async with harness.connect() as connector:
            made = await write_one(connector, write)
            assert made.record_id is not None
            harness.twin.update(
                "salesOrder", made.record_id, {"memo": "by hand", "orderStatus": "B"}
            )
            again = await write_one(connector, write)
            assert (again.outcome, again.record_id) == (Outcome.UNKNOWN, None)
            found = await connector.find("order", ["il-4k2m9x-1"])
        assert [hit.record.id for hit in found["il-4k2m9x-1"]] == [made.record_id]
        (row,) = harness.twin.shown("salesOrder")
        assert (row["memo"], row["status"]) == ("by hand", "B")

    async def test_shipped_and_billed_orders_are_fulfilled_closed_ones_cancelled(
        self, harness: NetSuiteHarness
    ) -> None:
        first, second = [await harness.seed("order", await harness.sample("order")) for _ in "ab"]
        twin = harness.twin
        twin.update("salesOrder", first, {"orderStatus": "B"})
        twin.update("salesOrder", first, {"!transform": "itemFulfillment"})
        lines = [{"line": line["line"], "isClosed": True}
                 for line in (twin.storage.get("salesOrder", second) or {})["item"]]  # fmt: skip
        twin.update("salesOrder", second, {"item": lines})
        async with harness.connect() as connector:
            seen = {
                r.id: r.fields["status"] for r in await connector.fetch("order", [first, second])
            }
            assert seen == {first: "fulfilled", second: "cancelled"}
            again = await write_one(connector, updating("order", first, {"status": "open"}))
            assert again.outcome is Outcome.UNCHANGED
            for change in ({"status": "open"}, {"lines": ()}):
                receipt = await write_one(connector, updating("order", second, change))
                assert receipt.reason is not None
                assert receipt.reason.code == "locked"

    async def test_customer_and_currency_of_an_order_stand(self, harness: NetSuiteHarness) -> None:
        order = await harness.seed("order", await harness.sample("order"))
        other = Ref("customer", await harness.seed_sample("customer"))
        async with harness.connect() as connector:
            for change in ({"customer": other}, {"currency": "USD"}):
                receipt = await write_one(connector, updating("order", order, change))
                assert receipt.reason is not None
                assert receipt.reason.code == "locked"


class TestInvoices:
    async def test_open_partly_paid_paid_and_credited(self, harness: NetSuiteHarness) -> None:
        twin = harness.twin
        order = await harness.seed("order", await harness.sample("order"))
        twin.update("salesOrder", order, {"orderStatus": "B"})
        twin.update("salesOrder", order, {"!transform": "invoice"})
        (row,) = twin.shown("invoice")
        invoice = row["id"]
        async with harness.connect() as connector:
            fields = (await fetch_one(connector, "invoice", invoice)).fields
            assert fields["order"] == Ref("order", order)
            assert (fields["status"], fields["net"]) == ("open", Money(Decimal("309.97"), "EUR"))
            assert fields["total"] == fields["open"] == Money(Decimal("368.86"), "EUR")
            assert (fields["issued_on"], fields["paid_on"]) == (twin.clock().date(), None)
            twin.update("invoice", invoice, {"!transform": "customerPayment", "payment": "68.86"})
            fields = (await fetch_one(connector, "invoice", invoice)).fields
            assert (fields["status"], fields["open"]) == ("open", Money(Decimal(300), "EUR"))
            twin.update("invoice", invoice, {"!transform": "customerPayment"})
            fields = (await fetch_one(connector, "invoice", invoice)).fields
            assert (fields["status"], fields["open"]) == ("paid", Money(Decimal(0), "EUR"))
            assert fields["paid_on"] == twin.clock().date()
            twin.update("invoice", invoice, {"!transform": "creditMemo"})
            records, _ = await read_round(connector.sweep, "invoice", None)
            credit = records[-1].fields
            assert (credit["net"], credit["open"]) == (
                Money(Decimal("-309.97"), "EUR"),
                Money(Decimal("-368.86"), "EUR"),
            )


class TestDeletions:
    async def test_only_what_is_the_entitys_own(self, harness: NetSuiteHarness) -> None:
        async with harness.connect() as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            gone = await harness.seed_sample("customer")
            person = await harness.seed_sample("contact")
            harness.twin.delete("customer", gone)
            harness.twin.delete("contact", person)
            records, _ = await read_round(connector.changes, "customer", cursor)
        assert {r.id for r in records if r.presence is Presence.GONE} == {gone}

    async def test_without_the_right_check_says_so_and_the_setting_helps(
        self, harness: NetSuiteHarness
    ) -> None:
        harness.twin.configure({"hidden": ["deletedrecord"]})
        async with harness.connect() as connector:
            report = await connector.check()
            (finding,) = [f for f in report.findings if f.subject == "deletions"]
            assert "Deleted Records" in finding.fix
            with pytest.raises(NotPermittedError):
                await read_round(connector.changes, "customer", None)
        harness.options = {"deletions": False}
        async with harness.connect() as connector:
            assert (await connector.check()).ok
            assert not connector.capabilities.deletions
            await read_round(connector.changes, "customer", None)


class TestCheck:
    async def findings(self, harness: NetSuiteHarness, **options: object) -> dict[str, str]:
        harness.options = options
        async with harness.connect() as connector:
            report = await connector.check()
        return {f.subject: f.message for f in report.findings if f.severity is Severity.ERROR}

    async def test_a_wrong_currency_or_subsidiary(self, harness: NetSuiteHarness) -> None:
        assert "is EUR, not USD" in (await self.findings(harness, currency="USD"))["currency"]
        assert "no subsidiary 9" in (await self.findings(harness, subsidiary="9"))["subsidiary"]
        assert "2 subsidiaries" in (await self.findings(harness, subsidiary=None))["subsidiary"]

    async def test_missing_custom_fields_are_named(self, harness: NetSuiteHarness) -> None:
        found = await self.findings(
            harness, customer_id_field="custentity_no", line_key_field="custcol_no"
        )
        assert "custentity_no" in found["customer"]
        assert "custcol_no" in found["order"]

    async def test_an_account_that_books_otherwise_is_found_out(
        self, harness: NetSuiteHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await harness.seed("order", await harness.sample("order"))
        assert await self.findings(harness) == {}
        monkeypatch.setitem(tables._BOOKED, "salesOrder", 1)
        assert "books otherwise" in (await self.findings(harness))["orders"]


@pytest.mark.parametrize(
    "given",
    [
        {}, {"client_id": "c"}, {"client_id": "c", "certificate_id": "k"},
        {"consumer_key": "c", "consumer_secret": "s", "token_id": "t"},
        {"client_id": "c", "certificate_id": "k", "private_key": "p", "token_id": "t"},
    ],
)  # fmt: skip
def test_one_way_in_must_be_given_whole(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either"):
        NetSuiteSettings.model_validate({"account": "1", "currency": "EUR", **given})


def test_the_address_follows_from_the_account() -> None:
    token = {"consumer_key": "a", "consumer_secret": "b", "token_id": "c", "token_secret": "d"}
    made = NetSuiteSettings.model_validate({"account": "123_SB1", "currency": "EUR", **token})
    assert made.address == "https://123-sb1.suitetalk.api.netsuite.com"
    assert made.realm == "123_SB1"
