"""The QuickBooks connector against the twin of QuickBooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr, ValidationError

from interlock.connectors.base import (
    Connector,
    ConnectorContext,
    Hint,
    Outcome,
    Secrets,
    Severity,
    Webhook,
)
from interlock.connectors.quickbooks import plugin
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.errors import NeedsAuthError, StoreError, ThrottledError, TransientError
from interlock.model import ENTITIES, Address, InvoiceStatus, Money, OrderStatus, Presence, Ref
from interlock.store.secretfile import SecretFolder
from interlock.store.vault import new_master_key
from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.testing.conformance.suite import (
    creating,
    fetch_one,
    read_round,
    reference_for,
    updating,
    write_one,
)
from interlock.twins.calls import Answer
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.quickbooks import QuickBooksTwin, make
from interlock.twins.serving import running
from tests.conformance.quickbooks_harness import QuickBooksHarness
from tests.unit.twins.quickbooks_spec import problems


class OrdersAreInvoices(QuickBooksHarness):
    """A company that bills a won deal at once."""

    entities = ("order",)
    order_as = "invoice"


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[QuickBooksTwin]:
    """One twin for the whole module, without a limit to its calls."""
    twin = make(seed="empty")
    twin.configure({"per_minute": 10_000_000, "batches_per_minute": 10_000_000})
    with running(twin) as QuickBooksHarness.running:
        yield twin


def _under_test(base: type[Conformance], harness: type[QuickBooksHarness], name: str) -> type:
    name = f"Test{name}{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": harness, "__module__": __name__})


for _base in BEHAVIOURS:
    for _harness, _name in ((QuickBooksHarness, "QuickBooks"), (OrdersAreInvoices, "Invoices")):
        _class = _under_test(_base, _harness, _name)
        globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: QuickBooksTwin) -> AsyncIterator[QuickBooksHarness]:
    async with QuickBooksHarness() as harness:
        server.log.reset()
        yield harness


@pytest.fixture
def rotating(server: QuickBooksTwin) -> Iterator[QuickBooksTwin]:
    """Every refresh gives another refresh token and ends the former one."""
    server.configure({"rotate_after": 0})
    yield server
    server.configure({"rotate_after": 86400})


def connect(
    harness: QuickBooksHarness, secrets: Secrets | None = None, **changes: Any
) -> Connector:
    wanted = {name: frozenset(kind.__struct_fields__) for name, kind in ENTITIES.items()}
    context = ConnectorContext(
        connection="erp", installation="4k2m9x", clock=harness.now, wanted=wanted, secrets=secrets
    )
    settings = harness.settings().model_copy(update=changes)
    return plugin.connect(settings, context)


class TestTokens:
    async def test_the_newest_refresh_token_is_kept_for_the_next_process(
        self, harness: QuickBooksHarness, rotating: QuickBooksTwin, tmp_path: Path
    ) -> None:
        folder, stated = SecretFolder(tmp_path, new_master_key()), harness.settings()
        for _ in range(3):
            async with connect(
                harness, folder, refresh_token=stated.refresh_token
            ) as connector:  # what stands in .env stays the same
                await connector.sweep("customer", None)
        assert rotating.app.refresh_token != stated.refresh_token.get_secret_value()
        assert rotating.app.refresh_token in (folder.load("refresh_token") or "")
        async with connect(harness, None, refresh_token=stated.refresh_token) as connector:
            with pytest.raises(NeedsAuthError, match="invalid_grant") as caught:
                await connector.sweep("customer", None)
        assert "connect the company again" in (caught.value.fix or "")

    async def test_it_is_saved_before_anything_is_done_with_what_came_with_it(
        self, harness: QuickBooksHarness, rotating: QuickBooksTwin
    ) -> None:
        class Full:
            """A disk without room."""

            def load(self, name: str) -> str | None:
                return None

            def save(self, name: str, value: str) -> None:
                raise StoreError(f"{name} cannot be written")

            def alone(self, name: str) -> AbstractAsyncContextManager[None]:
                return nullcontext()

        async with connect(harness, Full()) as connector:
            with pytest.raises(StoreError):
                await connector.sweep("customer", None)
        assert not [k for k in rotating.log.kinds if not k.startswith("POST /oauth2")]

    async def test_two_at_a_time_do_not_end_each_others_token(
        self, harness: QuickBooksHarness, rotating: QuickBooksTwin, tmp_path: Path
    ) -> None:
        key, settings = new_master_key(), harness.settings()

        async def work() -> None:
            secrets = SecretFolder(tmp_path, key)
            async with connect(harness, secrets, refresh_token=settings.refresh_token) as one:
                await one.sweep("customer", None)

        await asyncio.gather(*(work() for _ in range(4)))
        assert rotating.log.kinds["POST /oauth2/v1/tokens/bearer"] == 4

    async def test_a_token_a_person_has_put_in_counts_more_than_a_kept_one(
        self, harness: QuickBooksHarness, rotating: QuickBooksTwin, tmp_path: Path
    ) -> None:
        folder = SecretFolder(tmp_path, new_master_key())
        async with connect(harness, folder) as connector:
            await connector.sweep("customer", None)
        before = folder.load("refresh_token")
        rotating.app.disconnect()
        rotating.app._connect()
        async with connect(harness, folder) as connector:
            await connector.sweep("customer", None)
        assert folder.load("refresh_token") != before

    async def test_an_ended_access_token_is_renewed_once(self, harness: QuickBooksHarness) -> None:
        async with connect(harness) as connector:
            await connector.sweep("customer", None)
            harness.twin.configure({"end_sessions": True})
            await connector.sweep("customer", None)
        assert harness.twin.log.kinds["POST /oauth2/v1/tokens/bearer"] == 2

    async def test_check_says_when_a_new_token_would_be_lost(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            report = await connector.check()
        assert "refresh token" in {
            f.subject for f in report.findings if f.severity is Severity.WARNING
        }


class TestCompany:
    async def test_check_compares_the_home_currency_and_looks_at_numbers(
        self, harness: QuickBooksHarness
    ) -> None:
        harness.twin.configure({"custom_numbers": True})
        async with connect(harness, currency="EUR") as connector:
            report = await connector.check()
        harness.twin.configure({"custom_numbers": False})
        told = {f.subject: (f.severity, f.fix) for f in report.findings}
        assert told["currency"] == (Severity.ERROR, "set `currency: USD`")
        assert told["document numbers"][0] is Severity.WARNING

    async def test_another_company_is_not_permitted(self, harness: QuickBooksHarness) -> None:
        async with connect(harness, realm_id="1") as connector:
            report = await connector.check()
        assert not report.ok
        assert any("realm_id" in f.fix for f in report.findings)

    @pytest.mark.parametrize(
        "wrong", [{"realm_id": "x"}, {"currency": "usd"}, {"order_as": "order"}, {"url": "ftp://x"}]
    )
    def test_settings_that_cannot_be(self, harness: QuickBooksHarness, wrong: Any) -> None:
        known = {**harness.settings().model_dump(), **wrong}
        with pytest.raises(ValidationError):
            QuickBooksSettings.model_validate(known)

    def test_addresses_follow_the_environment(self) -> None:
        known = {"realm_id": "1", "client_id": "c", "client_secret": "s", "refresh_token": "r",
                 "currency": "USD"}  # fmt: skip
        sandbox = QuickBooksSettings.model_validate({**known, "environment": "sandbox"})
        assert sandbox.api_url == "https://sandbox-quickbooks.api.intuit.com"
        assert sandbox.sign_in_url == "https://oauth.platform.intuit.com"
        production = QuickBooksSettings.model_validate(known)
        assert production.api_url == "https://quickbooks.api.intuit.com"


class TestAnswers:
    async def test_a_fault_in_an_answer_of_200_is_none_that_is_believed(
        self, harness: QuickBooksHarness
    ) -> None:
        fault = Fault(kind=FaultKind.UNAVAILABLE, path="/v3/", status=200, times=1)
        async with connect(harness) as connector:
            harness.twin.faults.arm(fault)
            with pytest.raises(TransientError):
                await connector.sweep("customer", None)
            write = creating("order", await harness.sample("order"), reference_for(harness))
            harness.twin.faults.arm(fault)
            assert (await write_one(connector, write)).outcome is Outcome.UNKNOWN
            assert (await write_one(connector, write)).outcome is Outcome.CREATED

    async def test_too_many_calls_are_a_minutes_rest(self, harness: QuickBooksHarness) -> None:
        async with connect(harness) as connector:
            await connector.sweep("customer", None)
            harness.twin.configure({"per_minute": 1})
            with pytest.raises(ThrottledError) as caught:
                await connector.sweep("customer", None)
        harness.twin.configure({"per_minute": 10_000_000})
        assert caught.value.until is not None
        assert timedelta(seconds=50) < caught.value.until - harness.now() <= timedelta(seconds=61)


class TestCustomers:
    async def test_a_vendors_name_is_a_duplicate_and_spoils_no_other(
        self, harness: QuickBooksHarness
    ) -> None:
        taken = f"Taken {harness.token}"
        harness.twin.insert("Vendor", {"DisplayName": taken})
        names = [f"One {harness.token}", taken, f"Two {harness.token}"]
        async with connect(harness) as connector:
            receipts = await connector.write(
                "customer",
                [creating("customer", {"name": n}, reference_for(harness)) for n in names],
            )
            alone = await write_one(
                connector, creating("customer", {"name": taken}, reference_for(harness))
            )
        assert [r.outcome for r in receipts] == [
            Outcome.CREATED, Outcome.REJECTED, Outcome.CREATED,
        ]  # fmt: skip
        for refused in (receipts[1], alone):
            assert refused.reason is not None
            assert (refused.reason.code, refused.reason.field) == ("duplicate", "name")
            assert "vendor" in refused.reason.fix
            assert taken not in refused.reason.message

    async def test_terms_are_chosen_by_name_or_refused_with_those_there_are(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            made = await write_one(connector, creating(
                "customer", {"name": f"T {harness.token}", "payment_terms": "net 30"},
                reference_for(harness),
            ))  # fmt: skip
            assert made.record_id is not None
            seen = await fetch_one(connector, "customer", made.record_id)
            assert seen.fields["payment_terms"] == "Net 30"
            receipt = await write_one(
                connector, updating("customer", made.record_id, {"payment_terms": "Net 45"})
            )
            assert receipt.reason is not None
            assert (receipt.reason.code, receipt.reason.field) == (
                "unknown_choice", "payment_terms",
            )  # fmt: skip
            assert "Net 15, Net 30" in receipt.reason.message
            blank = await write_one(
                connector, updating("customer", made.record_id, {"payment_terms": None})
            )
            assert blank.outcome is Outcome.UPDATED
            seen = await fetch_one(connector, "customer", made.record_id)
            assert seen.fields["payment_terms"] is None

    async def test_addresses_survive_and_are_blanked_whole(
        self, harness: QuickBooksHarness
    ) -> None:
        place = Address(street="Unit 4\n1 Quay Road", city="Leeds", postcode="LS1 4DY",
                        country="GB")  # fmt: skip
        async with connect(harness) as connector:
            key = await harness.seed_sample("customer")
            for value in (place, None):
                receipt = await write_one(
                    connector, updating("customer", key, {"billing_address": value})
                )
                assert receipt.outcome is Outcome.UPDATED, receipt.reason
                seen = await fetch_one(connector, "customer", key)
                assert seen.fields["billing_address"] == value

    async def test_a_country_nobody_knows_is_a_problem_and_no_blank(
        self, harness: QuickBooksHarness
    ) -> None:
        key = await harness.seed_sample("customer")
        harness.twin.update("Customer", key, {"BillAddr": {"Line1": "1", "Country": "Narnia"}})
        async with connect(harness) as connector:
            seen = await fetch_one(connector, "customer", key)
        assert "billing_address" not in seen.fields
        assert "billing_address" in (seen.problems or {})

    async def test_names_are_cut_or_refused_before_quickbooks_is_asked(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            receipt = await write_one(
                connector, creating("customer", {"name": "A: B"}, reference_for(harness))
            )
            assert receipt.reason is not None
            assert (receipt.reason.code, receipt.reason.field) == ("invalid_value", "name")
            made = await write_one(
                connector,
                creating("customer", {"name": f"{harness.token} " + "x" * 200}, None),
            )
            assert made.record_id is not None
            seen = await fetch_one(connector, "customer", made.record_id)
        assert len(str(seen.fields["name"])) == 100

    async def test_notes_of_people_stay_and_go_nowhere(self, harness: QuickBooksHarness) -> None:
        async with connect(harness) as connector:
            made = await write_one(connector, creating(
                "customer", await harness.sample("customer"), "il-4k2m9x-N1"))  # fmt: skip
            assert made.record_id is not None
            row = harness.twin.storage.get("Customer", made.record_id)
            assert row is not None
            typed = f"pays late, ask Ada\n{row['Notes']}"
            harness.twin.update("Customer", made.record_id, {"Notes": typed})
            seen = await fetch_one(connector, "customer", made.record_id)
            assert seen.reference == "il-4k2m9x-N1"
            assert "Ada" not in repr(seen)
            await write_one(connector, updating("customer", made.record_id, {"phone": "1"}))
        row = harness.twin.storage.get("Customer", made.record_id)
        assert row is not None
        assert row["Notes"] == typed

    async def test_a_change_between_reading_and_writing_is_a_conflict(
        self, harness: QuickBooksHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = await harness.seed_sample("customer")
        async with connect(harness) as connector:
            reader = connector._reader  # type: ignore[attr-defined]
            rows = reader.rows

            async def late(*arguments: Any) -> Any:
                found = await rows(*arguments)
                harness.twin.update("Customer", key, {"Notes": "just now"})
                return found

            monkeypatch.setattr(reader, "rows", late)
            receipt = await write_one(connector, updating("customer", key, {"phone": "1"}))
        assert receipt.outcome is Outcome.CONFLICT


class TestFinding:
    async def test_notes_are_read_once_and_then_those_that_changed(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            first = creating("order", await harness.sample("order"), reference_for(harness))
            assert await connector.find("order", [first.reference or ""]) == {}
            made = await write_one(connector, first)
            harness.twin.log.reset()
            found = await connector.find("order", [first.reference or ""])
            assert [f.record.id for f in found[first.reference or ""]] == [made.record_id]
            asked = [e.query["query"] for e in harness.twin.log.entries() if "query" in e.query]
            assert "LastUpdatedTime" in asked[0]
            # deleted since: no trace of what was remembered
            await harness.remove("order", made.record_id or "")
            assert await connector.find("order", [first.reference or ""]) == {}
            assert await connector.find("order", []) == {}


class TestOrders:
    async def test_it_says_what_its_orders_are_made_as(self, harness: QuickBooksHarness) -> None:
        fields = {**await harness.sample("order"), "document": "estimate"}
        async with connect(harness) as connector:
            facts = connector.capabilities.entities["order"].fields["document"]
            assert (facts.choices, facts.writable) == (("estimate",), True)
            made = await write_one(connector, creating("order", fields, reference_for(harness)))
            seen = await fetch_one(connector, "order", made.record_id or "")
            assert seen.fields["document"] == "estimate"
            other = {**fields, "document": "invoice"}
            refused = await write_one(connector, creating("order", other, reference_for(harness)))
        assert refused.outcome is Outcome.REJECTED

    async def test_the_same_create_twice_makes_one_document(
        self, harness: QuickBooksHarness
    ) -> None:
        """A repeated call carries the same request id: QuickBooks answers as before."""
        async with connect(harness) as connector:
            write = creating("order", await harness.sample("order"), reference_for(harness))
            receipts = [await write_one(connector, write) for _ in range(2)]
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert {r.record_id for r in receipts} == await harness.ids("order")

    async def test_a_refusal_of_before_is_not_taken_for_one_of_now(
        self, harness: QuickBooksHarness
    ) -> None:
        """The request id brings it back for ever, although what it was about has been mended."""
        fields = await harness.sample("order")
        customer = fields["customer"]
        assert isinstance(customer, Ref)
        write = creating("order", fields, reference_for(harness))
        async with connect(harness) as connector:
            harness.twin.update("Customer", customer.id, {"Active": False})
            assert (await write_one(connector, write)).outcome is Outcome.REJECTED
            replies = harness.twin._api._replies
            for key, reply in list(replies.items()):
                given = datetime.fromisoformat(reply.body["time"]) - timedelta(minutes=2)
                replies[key] = Answer(reply.status, {**reply.body, "time": given.isoformat()})
            harness.twin.update("Customer", customer.id, {"Active": True})
            receipts = [await write_one(connector, write) for _ in range(2)]
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert {r.record_id for r in receipts} == await harness.ids("order")
        assert harness.twin.log.kinds["POST /estimate"] == 5

    async def test_what_people_wrote_in_the_note_stays(self, harness: QuickBooksHarness) -> None:
        key = await harness.seed_sample("order")
        async with connect(harness) as connector:
            await write_one(connector, updating("order", key, {"po_number": "PO 4711]%"}))
            seen = await fetch_one(connector, "order", key)
        assert seen.fields["po_number"] == "PO 4711]%"
        row = harness.twin.storage.get("Estimate", key)
        assert row is not None
        assert row["PrivateNote"].startswith("typed by hand\n[interlock po:PO%204711%5D%25")

    async def test_lines_added_by_hand_take_no_others_key(self, harness: QuickBooksHarness) -> None:
        key = await harness.seed_sample("order")
        row = harness.twin.storage.get("Estimate", key)
        assert row is not None
        lines = [x for x in row["Line"] if x["DetailType"] == "SalesItemLineDetail"]
        async with connect(harness) as connector:
            before = await fetch_one(connector, "order", key)
            harness.twin.update("Estimate", key, {"Line": [lines[1], lines[0], lines[0]]})
            seen = await fetch_one(connector, "order", key)
        was, now = before.fields["lines"], seen.fields["lines"]
        assert isinstance(was, tuple)
        assert isinstance(now, tuple)
        assert len(now) == 3
        assert not {x.key for x in was} & {x.key for x in now}

    async def test_lines_carry_skus_and_discounts_are_no_lines(
        self, harness: QuickBooksHarness
    ) -> None:
        key = await harness.seed_sample("order")
        row = harness.twin.storage.get("Estimate", key)
        assert row is not None
        discount = {"DetailType": "DiscountLineDetail", "Amount": 10, "DiscountLineDetail": {}}
        note = {"DetailType": "DescriptionOnly", "Description": "by truck"}
        harness.twin.update("Estimate", key, {"Line": [*row["Line"], discount, note]})
        async with connect(harness) as connector:
            seen = await fetch_one(connector, "order", key)
        lines = seen.fields["lines"]
        assert isinstance(lines, tuple)
        assert [str(x.sku).startswith("SKU-") for x in lines] == [True, True]
        assert seen.fields["net_total"] == sum(x.quantity * x.unit_price for x in lines) - 10

    @pytest.mark.parametrize(
        ("before", "wanted"),
        [("Closed", "cancelled"), ("Rejected", "open"), ("Accepted", "draft"),
         ("Pending", "fulfilled")],
    )  # fmt: skip
    async def test_steps_an_estimate_does_not_take(
        self, harness: QuickBooksHarness, before: str, wanted: str
    ) -> None:
        key = await harness.seed_sample("order")
        harness.twin.update("Estimate", key, {"TxnStatus": before})
        async with connect(harness) as connector:
            receipt = await write_one(connector, updating("order", key, {"status": wanted}))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("locked", "status")

    async def test_lines_of_an_accepted_one_are_fixed(self, harness: QuickBooksHarness) -> None:
        fields = await harness.sample("order")
        key = await harness.seed("order", fields)
        harness.twin.update("Estimate", key, {"TxnStatus": "Accepted"})
        lines = fields["lines"]
        assert isinstance(lines, tuple)
        async with connect(harness) as connector:
            receipt = await write_one(connector, updating("order", key, {"lines": lines[:1]}))
        assert receipt.reason is not None
        assert (receipt.reason.code, receipt.reason.field) == ("locked", "lines")

    async def test_a_currency_that_is_off_makes_nothing(self, harness: QuickBooksHarness) -> None:
        fields = {**await harness.sample("order"), "currency": "EUR"}
        async with connect(harness) as connector:
            receipt = await write_one(connector, creating("order", fields, reference_for(harness)))
        assert receipt.outcome is Outcome.REJECTED
        assert receipt.reason is not None
        assert receipt.reason.field == "currency"
        assert await harness.ids("order") == set()

    async def test_tax_codes_are_written_where_they_are_set(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness, tax_code="20") as connector:
            write = creating("order", await harness.sample("order"), reference_for(harness))
            made = await write_one(connector, write)
        row = harness.twin.storage.get("Estimate", made.record_id or "")
        assert row is not None
        assert row["GlobalTaxCalculation"] == "TaxExcluded"
        assert row["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "20"}


class TestOrdersAsInvoices:
    @pytest_asyncio.fixture
    async def billing(self, server: QuickBooksTwin) -> AsyncIterator[OrdersAreInvoices]:
        async with OrdersAreInvoices() as harness:
            server.log.reset()
            yield harness

    async def test_it_is_open_at_once_fulfilled_when_paid_and_cancelled_by_voiding(
        self, billing: OrdersAreInvoices
    ) -> None:
        async with connect(billing) as connector:
            assert not connector.capabilities.entities["order"].drafts
            made = []
            for _ in range(2):
                write = creating("order", await billing.sample("order"), reference_for(billing))
                receipt = await write_one(connector, write)
                assert receipt.outcome is Outcome.CREATED, receipt.reason
                made.append(receipt.record_id or "")
            seen = await fetch_one(connector, "order", made[0])
            assert seen.fields["status"] == OrderStatus.OPEN
            assert is_its_own(seen.id, await connector.fetch("invoice", [seen.id]))
            pay(billing.twin, made[0])
            assert (await fetch_one(connector, "order", made[0])).fields["status"] == (
                OrderStatus.FULFILLED
            )
            for _ in range(2):
                cancel = updating("order", made[1], {"status": "cancelled"})
                assert (await write_one(connector, cancel)).outcome.succeeded
            seen = await fetch_one(connector, "order", made[1])
            assert (seen.fields["status"], seen.reference is not None) == ("cancelled", True)
            locked = await write_one(connector, updating("order", made[0], {"status": "cancelled"}))
            assert locked.outcome is Outcome.REJECTED


def is_its_own(key: str, invoices: Any) -> bool:
    return [i.fields["order"] for i in invoices] == [Ref("order", key)]


def pay(twin: QuickBooksTwin, invoice: str, amount: str | None = None, on: str = "") -> None:
    row = twin.storage.get("Invoice", invoice)
    assert row is not None
    total = Decimal(amount) if amount else row["Balance"]
    twin.insert("Payment", {
        "CustomerRef": row["CustomerRef"], "TotalAmt": total, "TxnDate": on or None,
        "Line": [{"Amount": total, "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]}],
    })  # fmt: skip


class TestInvoices:
    async def _billed(
        self, harness: QuickBooksHarness, table: str = "Invoice", **more: Any
    ) -> tuple[str, str]:
        fields = await harness.sample("order")
        body = {k: v for k, v in harness._body("order", fields).items() if k != "PrivateNote"}
        key = harness.twin.insert(table, {**body, "TxnDate": "2026-01-10", **more})
        return key, body["CustomerRef"]["value"]

    async def test_what_is_open_due_and_paid(self, harness: QuickBooksHarness) -> None:
        harness.twin.configure({"tax_rate": 10})
        key, customer = await self._billed(harness, DueDate="2026-02-09")
        harness.twin.configure({"tax_rate": 0})
        async with connect(harness) as connector:
            seen = await fetch_one(connector, "invoice", key)
            assert seen.fields == {
                "customer": Ref("customer", customer), "number": seen.fields["number"],
                "status": InvoiceStatus.OPEN, "issued_on": date(2026, 1, 10),
                "due_on": date(2026, 2, 9), "net": Money(Decimal("309.97"), "USD"),
                "total": Money(Decimal("340.97"), "USD"),
                "open": Money(Decimal("340.97"), "USD"), "paid_on": None, "order": None,
            }  # fmt: skip
            pay(harness.twin, key, "100", on="2026-01-20")
            seen = await fetch_one(connector, "invoice", key)
            assert seen.fields["open"] == Money(Decimal("240.97"), "USD")
            assert (seen.fields["status"], seen.fields["paid_on"]) == (InvoiceStatus.OPEN, None)
            pay(harness.twin, key, on="2026-02-01")
            seen = await fetch_one(connector, "invoice", key)
            assert seen.fields["status"] == InvoiceStatus.PAID
            assert seen.fields["paid_on"] == date(2026, 2, 1)

    async def test_a_voided_one_is_cancelled(self, harness: QuickBooksHarness) -> None:
        key, _ = await self._billed(harness)
        harness.twin.void(key)
        async with connect(harness) as connector:
            seen = await fetch_one(connector, "invoice", key)
        assert seen.fields["status"] == InvoiceStatus.CANCELLED

    async def test_of_the_estimate_it_was_made_of(self, harness: QuickBooksHarness) -> None:
        order = await harness.seed_sample("order")
        row = harness.twin.storage.get("Estimate", order)
        assert row is not None
        key = harness.twin.insert("Invoice", {
            "CustomerRef": row["CustomerRef"], "Line": row["Line"],
            "LinkedTxn": [{"TxnId": order, "TxnType": "Estimate"}],
        })  # fmt: skip
        async with connect(harness) as connector:
            seen = await fetch_one(connector, "invoice", key)
            assert seen.fields["order"] == Ref("order", order)
            assert (await fetch_one(connector, "order", order)).fields["status"] == "fulfilled"

    async def test_credit_memos_are_invoices_below_zero(self, harness: QuickBooksHarness) -> None:
        key, _ = await self._billed(harness, "CreditMemo")
        await self._billed(harness)
        async with connect(harness) as connector:
            records, _ = await read_round(connector.sweep, "invoice", None)
            assert len(records) == 2
            seen = await fetch_one(connector, "invoice", f"CM{key}")
        assert seen.fields["total"] == seen.fields["open"] == Money(Decimal("-309.97"), "USD")
        assert "due_on" not in seen.fields or seen.fields["due_on"] is None

    async def test_the_feed_has_both_and_what_was_deleted(self, harness: QuickBooksHarness) -> None:
        gone, _ = await self._billed(harness)
        credit_gone, _ = await self._billed(harness, "CreditMemo")
        async with connect(harness) as connector:
            _, cursor = await read_round(connector.changes, "invoice", None)
            kept = [(await self._billed(harness))[0] for _ in range(7)]
            memo, _ = await self._billed(harness, "CreditMemo")
            harness.twin.delete("Invoice", gone)
            harness.twin.delete("CreditMemo", credit_gone)
            records, cursor = await read_round(connector.changes, "invoice", cursor)
            seen = {r.id: r.presence for r in records}
            assert seen[gone] is seen[f"CM{credit_gone}"] is Presence.GONE
            assert {*kept, f"CM{memo}"} <= set(seen)
            pay(harness.twin, kept[0])
            records, _ = await read_round(connector.changes, "invoice", cursor)
            latest = {r.id: r.fields.get("status") for r in records}
        assert latest[kept[0]] == InvoiceStatus.PAID


class TestFeed:
    async def test_a_cursor_of_long_ago_asks_without_change_data_capture(
        self, harness: QuickBooksHarness
    ) -> None:
        key = await harness.seed_sample("order")
        async with connect(harness) as connector:
            old = json.dumps({"since": "2024-01-01T00:00:00Z"})
            records, _ = await read_round(connector.changes, "order", old)
        assert key in {r.id for r in records}
        assert harness.twin.log.kinds["GET /cdc"] == 0

    async def test_what_change_data_capture_shows_of_changed_documents_is_dropped(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            _, cursor = await read_round(connector.changes, "order", None)
            key = await harness.seed_sample("order")
            harness.twin.update("Estimate", key, {"CustomerMemo": {"value": "planted"}})
            records, _ = await read_round(connector.changes, "order", cursor)
        assert harness.twin.log.kinds["GET /cdc"] >= 1
        assert [r.id for r in records] == [key]
        assert "planted" not in repr(records)

    async def test_a_round_without_changes_is_one_call_or_two(
        self, harness: QuickBooksHarness
    ) -> None:
        async with connect(harness) as connector:
            cursors = {e: (await connector.changes(e, None)).cursor for e in harness.entities}
            harness.twin.log.reset()
            for entity, cursor in cursors.items():
                await connector.changes(entity, cursor)
        assert harness.twin.log.kinds == {"GET /query": 3, "GET /cdc": 1}

    async def test_more_than_a_page_in_one_second_between_others(
        self, harness: QuickBooksHarness
    ) -> None:
        """A second that fills pages of its own is read to its end, whatever its order."""
        async with connect(harness) as connector:
            _, cursor = await read_round(connector.changes, "customer", None)
            made = [await harness.seed_sample("customer")]
            clock = harness.twin.clock
            clock.stand(clock().replace(microsecond=0) + timedelta(seconds=2))
            made += [await harness.seed_sample("customer") for _ in range(8)]
            clock.advance(timedelta(seconds=1))
            made += [await harness.seed_sample("customer") for _ in range(2)]
            records, _ = await read_round(connector.changes, "customer", cursor)
            clock.run()
        assert sorted({r.id for r in records}, key=int) == made


class TestCalls:
    async def test_thirty_customers_are_one_call(self, harness: QuickBooksHarness) -> None:
        async with connect(harness) as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [
                creating("customer", {"name": f"C{n} {harness.token}"}, reference_for(harness))
                for n in range(31)
            ]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.CREATED}
        assert harness.twin.log.kinds == {"POST /batch": 1, "POST /customer": 1}

    async def test_thirty_changes_are_one_read_and_one_call(
        self, harness: QuickBooksHarness
    ) -> None:
        keys = [await harness.seed_sample("customer") for _ in range(30)]
        async with connect(harness) as connector:
            await connector.sweep("customer", None)
            harness.twin.log.reset()
            writes = [updating("customer", key, {"phone": "1"}) for key in keys]
            receipts = await connector.write("customer", writes)
        assert {r.outcome for r in receipts} == {Outcome.UPDATED}
        assert harness.twin.log.kinds == {"GET /query": 1, "POST /batch": 1}

    async def test_fields_without_names_where_a_company_refuses_them(
        self, harness: QuickBooksHarness
    ) -> None:
        key = await harness.seed_sample("product")
        async with connect(harness, named_fields=False) as connector:
            seen = await fetch_one(connector, "product", key)
        assert str(seen.fields["sku"]).startswith("SKU-")
        assert await harness.requested("product") == {"*", "Sku"}

    async def test_every_request_is_as_published(self, harness: QuickBooksHarness) -> None:
        place = Address(street="1 Quay", city="Leeds", region="Yorkshire", country="GB")
        full = {"website": "https://a.example", "email": "a@a.example", "phone": "1",
                "billing_address": place, "shipping_address": place,
                "payment_terms": "Net 30"}  # fmt: skip
        async with connect(harness, tax_code="20") as connector:
            for size in (1, 3):
                writes = [
                    creating("customer", {**await harness.sample("customer"), **full},
                             reference_for(harness)) for _ in range(size)
                ]  # fmt: skip
                receipts = await connector.write("customer", writes)
                await connector.write("customer", [
                    updating("customer", r.record_id or "", dict.fromkeys(full)) for r in receipts
                ])  # fmt: skip
            order = {**await harness.sample("order"), "billing_address": place,
                     "quote_number": "Q-1"}  # fmt: skip
            made = await write_one(connector, creating("order", order, reference_for(harness)))
            for change in ({"status": "open"}, {"status": "cancelled"}):
                await write_one(connector, updating("order", made.record_id or "", dict(change)))
        bodies = [e for e in harness.twin.log.entries() if e.method == "POST" and e.body]
        kinds = {"batch": "BatchItemRequest", "customer": "Customer", "estimate": "Estimate"}
        found = []
        for entry in bodies:
            kind = kinds[entry.path.rpartition("/")[2]]
            body = json.loads(entry.body)
            parts = body["BatchItemRequest"] if kind == "BatchItemRequest" else [body]
            found += [p for part in parts for p in problems(kind, part)]
        assert len(bodies) == 7
        assert found == []


class TestSeed:
    async def test_an_invented_company_is_read_without_a_problem(self) -> None:
        harness = QuickBooksHarness()
        served = QuickBooksHarness.running
        try:
            with running(make(seed="demo")) as QuickBooksHarness.running:
                async with connect(harness, page_size=1000) as connector:
                    found = {
                        entity: (await read_round(connector.sweep, entity, None))[0]
                        for entity in ("customer", "product", "order", "invoice")
                    }
        finally:
            QuickBooksHarness.running = served
        assert [r for records in found.values() for r in records if r.problems] == []
        assert (len(found["customer"]), len(found["product"])) == (240, 10)
        assert found["invoice"]
        assert all(r.fields["billing_address"] for r in found["customer"])


class TestWebhooks:
    def _hints(self, harness: QuickBooksHarness, body: Any, **settings: Any) -> Any:
        signed = harness.webhook(json.dumps(body).encode(), datetime.now(UTC))
        return connect(harness, **settings).hints(signed)

    def test_the_old_form(self, harness: QuickBooksHarness) -> None:
        def told(realm: str, *entities: tuple[str, str]) -> dict[str, Any]:
            return {"realmId": realm, "dataChangeEvent": {"entities": [
                {"name": n, "id": i, "operation": "Update", "lastUpdated": "2026-03-02T09:00:00Z"}
                for n, i in entities
            ]}}  # fmt: skip

        body = {"eventNotifications": [
            told(harness.twin.realm, ("Customer", "1"), ("Item", "2"), ("Estimate", "3"),
                 ("Invoice", "4"), ("CreditMemo", "5"), ("Payment", "6"), ("Vendor", "7"),
                 ("Customer", "1")),
            told("1", ("Customer", "99")),
        ]}  # fmt: skip
        assert self._hints(harness, body) == [
            Hint("customer", "1"), Hint("product", "2"), Hint("order", "3"), Hint("invoice", "4"),
            Hint("invoice", "CM5"), Hint("invoice"),
        ]  # fmt: skip

    def test_cloud_events_of_a_company_that_bills_at_once(self, harness: QuickBooksHarness) -> None:
        event = {"specversion": "1.0", "type": "qbo.invoice.created.v1", "intuitentityid": "4",
                 "intuitaccountid": harness.twin.realm}  # fmt: skip
        other = {**event, "intuitaccountid": "1"}
        assert self._hints(harness, [event, other], order_as="invoice") == [
            Hint("order", "4"), Hint("invoice", "4"),
        ]  # fmt: skip

    def test_without_a_token_nothing_is_believed(self, harness: QuickBooksHarness) -> None:
        connector = connect(harness, webhook_token=None)
        assert not connector.capabilities.webhooks
        with pytest.raises(NotImplementedError):
            connector.hints(Webhook(headers={}, body=b"", at=harness.now()))


def test_secrets_do_not_show_in_settings() -> None:
    settings = QuickBooksSettings(
        realm_id="1", client_id="c", client_secret=SecretStr("s3cret"),
        refresh_token=SecretStr("RT-s3cret"), currency="USD",
    )  # fmt: skip
    assert "s3cret" not in repr(settings)
