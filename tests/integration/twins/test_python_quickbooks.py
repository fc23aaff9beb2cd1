"""python-quickbooks and intuit-oauth, written for the real QuickBooks, at work on the twin.

They insist on https, and find the API at Intuit's own address; the one is given them by the twin,
the other is set on the client.  Nothing else of them is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from interlock.twins.faults import Fault, FaultKind
from interlock.twins.quickbooks import QuickBooksTwin, make
from interlock.twins.serving import Running, running

quickbooks = pytest.importorskip("quickbooks")
pytest.importorskip("intuitlib")

from intuitlib.client import AuthClient  # noqa: E402
from intuitlib.enums import Scopes  # noqa: E402
from intuitlib.exceptions import AuthClientError  # noqa: E402
from quickbooks import QuickBooks  # noqa: E402
from quickbooks.batch import batch_create, batch_update  # noqa: E402
from quickbooks.cdc import change_data_capture  # noqa: E402
from quickbooks.exceptions import (  # noqa: E402
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    ValidationException,
)
from quickbooks.objects import (  # noqa: E402
    Customer,
    EmailAddress,
    Estimate,
    Invoice,
    Item,
    Payment,
    SalesItemLine,
    SalesItemLineDetail,
    Term,
)
from quickbooks.objects.payment import PaymentLine  # noqa: E402

CALLBACK = "https://127.0.0.1:1/callback"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A small company behind https, whose authority the clients are told to trust."""
    with running(make(seed="small"), tls=True) as running_twin:
        assert running_twin.ca_file is not None
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running_twin.ca_file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running_twin


@pytest.fixture
def twin(served: Running) -> QuickBooksTwin:
    assert isinstance(served.twin, QuickBooksTwin)
    return served.twin


def sign_in(served: Running, **known: Any) -> Any:
    held = served.twin.credentials()
    return AuthClient(
        held["client_id"], known.pop("client_secret", held["client_secret"]), CALLBACK,
        f"{served.url}/.well-known/openid_sandbox_configuration/", **known,
    )  # fmt: skip


@pytest.fixture
def client(served: Running) -> Any:
    made = QuickBooks(
        auth_client=sign_in(served), refresh_token=served.twin.credentials()["refresh_token"],
        company_id=served.twin.credentials()["realm_id"], minorversion=75,
    )  # fmt: skip
    made.api_url_v3 = made.sandbox_api_url_v3 = f"{served.url}/v3"
    return made


def line(item: str, quantity: int, price: float) -> Any:
    made = SalesItemLine()
    made.Amount = round(quantity * price, 2)
    made.SalesItemLineDetail = SalesItemLineDetail()
    made.SalesItemLineDetail.ItemRef = {"value": item}
    made.SalesItemLineDetail.Qty = quantity
    made.SalesItemLineDetail.UnitPrice = price
    return made


class TestSigningIn:
    def test_from_the_connect_page_to_a_first_call(
        self, served: Running, twin: QuickBooksTwin
    ) -> None:
        auth = sign_in(served)
        page = auth.get_authorization_url([Scopes.ACCOUNTING])
        answer = requests.get(page, allow_redirects=False, timeout=10)
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert back["state"] == [auth.state_token]
        assert back["realmId"] == [twin.realm]
        auth.get_bearer_token(back["code"][0], realm_id=back["realmId"][0])
        assert auth.refresh_token == twin.app.refresh_token
        with pytest.raises(AuthClientError):
            auth.get_bearer_token(back["code"][0])

    def test_a_refresh_token_is_replaced_after_a_day_and_the_former_one_is_dead(
        self, served: Running, twin: QuickBooksTwin
    ) -> None:
        first = twin.app.refresh_token
        auth = sign_in(served)
        auth.refresh(refresh_token=first)
        assert auth.refresh_token == first
        twin.clock.advance(timedelta(hours=25))
        auth.refresh(refresh_token=first)
        assert auth.refresh_token != first
        assert auth.x_refresh_token_expires_in == 100 * 86400
        with pytest.raises(AuthClientError) as caught:
            sign_in(served).refresh(refresh_token=first)
        assert caught.value.status_code == 400
        assert b"invalid_grant" in caught.value.content

    def test_a_wrong_secret_and_a_revoked_connection(self, served: Running) -> None:
        token = served.twin.credentials()["refresh_token"]
        with pytest.raises(AuthClientError) as caught:
            sign_in(served, client_secret="wrong").refresh(refresh_token=token)
        assert caught.value.status_code == 401
        auth = sign_in(served)
        assert auth.revoke(token=token)
        with pytest.raises(AuthClientError):
            auth.refresh(refresh_token=token)

    def test_an_ended_access_token(self, client: Any, twin: QuickBooksTwin) -> None:
        twin.clock.advance(timedelta(hours=2))
        with pytest.raises(AuthorizationException):
            Customer.all(qb=client)


class TestCustomers:
    def test_all_pages_of_them(self, client: Any) -> None:
        names = {c.DisplayName for c in Customer.all(max_results=1000, qb=client)}
        assert len(names) == 12
        paged = [
            c.DisplayName
            for start in (1, 6, 11)
            for c in Customer.all(start_position=start, max_results=5, qb=client)
        ]
        assert sorted(paged) == sorted(names)
        assert Customer.count(qb=client) == 12

    def test_made_changed_and_read(self, client: Any) -> None:
        customer = Customer()
        customer.DisplayName = "O'Brien & Söhne"
        customer.PrimaryEmailAddr = EmailAddress()
        customer.PrimaryEmailAddr.Address = "ada@obrien.example"
        made = customer.save(qb=client)
        found = Customer.filter(DisplayName="O'Brien & Söhne", qb=client)
        assert [c.Id for c in found] == [made.Id]
        assert str(found[0].PrimaryEmailAddr) == "ada@obrien.example"
        made.CompanyName = "O'Brien"
        again = made.save(qb=client)
        assert again.SyncToken == "1"
        assert Customer.get(made.Id, qb=client).CompanyName == "O'Brien"

    def test_a_stale_token_is_refused(self, client: Any) -> None:
        one, other = (Customer.filter(Id="1", qb=client)[0] for _ in range(2))
        one.Notes = "mine"
        one.save(qb=client)
        other.Notes = "theirs"
        with pytest.raises(QuickbooksException) as caught:
            other.save(qb=client)
        assert caught.value.error_code == 5010

    def test_a_name_that_is_taken_by_a_vendor_too(self, client: Any, twin: QuickBooksTwin) -> None:
        twin.insert("Vendor", {"DisplayName": "Taken"})
        customer = Customer()
        customer.DisplayName = "Taken"
        with pytest.raises(QuickbooksException) as caught:
            customer.save(qb=client)
        assert caught.value.error_code == 6240

    def test_inactive_ones_show_when_asked_for(self, client: Any) -> None:
        customer = Customer.get("1", qb=client)
        customer.Active = False
        customer.save(qb=client)
        assert Customer.count(qb=client) == 11
        assert Customer.count("Active IN (true, false)", qb=client) == 12

    def test_the_same_request_id_gives_the_same_answer_again(self, client: Any) -> None:
        made = []
        for _ in range(2):
            customer = Customer()
            customer.DisplayName = "Only once"
            made.append(customer.save(qb=client, request_id="il-1").Id)
        assert made[0] == made[1]
        assert Customer.count("DisplayName = 'Only once'", qb=client) == 1

    def test_one_bad_item_of_a_batch_spoils_no_other(self, client: Any) -> None:
        customers = []
        for name in ("Batch 1", None, "Batch 3"):
            customer = Customer()
            customer.DisplayName = name
            customers.append(customer)
        done = batch_create(customers, qb=client)
        assert [c.DisplayName for c in done.successes] == ["Batch 1", "Batch 3"]
        assert [f.Error[0].code for f in done.faults] == ["2020"]

    def test_more_than_thirty_are_several_batches(self, client: Any) -> None:
        customers = Customer.all(max_results=12, qb=client) * 3
        for n, customer in enumerate(customers[:12]):
            customer.Notes = f"note {n}"
        assert len(batch_update(customers[:12], qb=client).successes) == 12
        body = {"BatchItemRequest": [{"bId": str(n), "Query": "select * from Term"}
                                     for n in range(31)]}  # fmt: skip
        with pytest.raises(QuickbooksException):
            client.batch_operation(json.dumps(body))


class TestQueries:
    def test_items_with_their_skus_and_terms_by_name(self, client: Any) -> None:
        items = Item.all(order_by="Name DESC", qb=client)
        assert len(items) == 10
        assert all(item.Sku for item in items)
        assert [item.Name for item in items] == sorted((i.Name for i in items), reverse=True)
        assert [t.DueDays for t in Term.filter(Name="Net 30", qb=client)] == [30]
        assert len(Customer.choose(["1", "2"], field="Id", qb=client)) == 2
        assert len(Item.where("Name LIKE '%valve'", qb=client)) == 2

    @pytest.mark.parametrize(
        "where",
        ["DisplayName = 'a' OR DisplayName = 'b'", "Nonsense = 'a'", "Notes = 'a'", "Id = "],
    )
    def test_what_the_language_has_not_is_refused(self, client: Any, where: str) -> None:
        with pytest.raises(ValidationException):
            Customer.where(where, qb=client)

    def test_what_is_not_there(self, client: Any) -> None:
        with pytest.raises(ObjectNotFoundException):
            Customer.get("999", qb=client)


class TestSales:
    def test_from_an_estimate_to_a_paid_invoice(self, client: Any) -> None:
        estimate = Estimate()
        estimate.CustomerRef = {"value": "1"}
        estimate.Line = [line("1", 3, 480.0), line("2", 1, 1250.0)]
        estimate.save(qb=client)
        made = Estimate.get(estimate.Id, qb=client)
        assert (made.TxnStatus, made.TotalAmt) == ("Pending", 2690.0)
        assert made.DocNumber
        invoice = Invoice()
        invoice.CustomerRef = {"value": "1"}
        invoice.Line = [line("1", 3, 480.0)]
        invoice.LinkedTxn = [made.to_linked_txn()]
        invoice.save(qb=client)
        assert Estimate.get(estimate.Id, qb=client).TxnStatus == "Closed"
        owed = Invoice.get(invoice.Id, qb=client)
        assert owed.Balance == 1440.0
        assert Customer.get("1", qb=client).Balance >= 1440.0
        payment = Payment()
        payment.CustomerRef = {"value": "1"}
        payment.TotalAmt = 1440.0
        applied = PaymentLine()
        applied.Amount = 1440.0
        applied.LinkedTxn = [owed.to_linked_txn()]
        payment.Line = [applied]
        payment.save(qb=client)
        paid = Invoice.get(invoice.Id, qb=client)
        assert paid.Balance == 0
        assert [link.TxnType for link in paid.LinkedTxn] == ["Estimate", "Payment"]

    def test_an_amount_that_is_not_the_product_is_refused(self, client: Any) -> None:
        estimate = Estimate()
        estimate.CustomerRef = {"value": "1"}
        wrong = line("1", 3, 480.0)
        wrong.Amount = 1.0
        estimate.Line = [wrong]
        with pytest.raises(QuickbooksException) as caught:
            estimate.save(qb=client)
        assert caught.value.error_code == 6070

    def test_deleted_and_voided(self, client: Any) -> None:
        estimate = Estimate()
        estimate.CustomerRef = {"value": "1"}
        estimate.Line = [line("1", 1, 480.0)]
        estimate.save(qb=client)
        Estimate.get(estimate.Id, qb=client).delete(qb=client)
        with pytest.raises(ObjectNotFoundException):
            Estimate.get(estimate.Id, qb=client)
        invoice = Invoice()
        invoice.CustomerRef = {"value": "1"}
        invoice.Line = [line("1", 1, 480.0)]
        invoice.save(qb=client)
        Invoice.get(invoice.Id, qb=client).void(qb=client)
        void = Invoice.get(invoice.Id, qb=client)
        assert (void.TotalAmt, void.Balance) == (0, 0)
        assert void.PrivateNote.startswith("Voided")

    def test_changes_since_with_what_was_deleted(self, client: Any) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        estimate = Estimate()
        estimate.CustomerRef = {"value": "1"}
        estimate.Line = [line("1", 1, 480.0)]
        estimate.save(qb=client)
        Estimate.get(estimate.Id, qb=client).delete(qb=client)
        seen = change_data_capture([Customer, Estimate], since.isoformat(), qb=client)
        assert len(seen.Customer) == 12
        assert [(e.Id, e.status) for e in seen.Estimate] == [(estimate.Id, "Deleted")]
        with pytest.raises(ValidationException):
            change_data_capture([Customer], "2020-01-01T00:00:00Z", qb=client)


class TestLimits:
    def test_too_many_calls(self, client: Any, twin: QuickBooksTwin) -> None:
        twin.configure({"per_minute": 3})
        with pytest.raises(QuickbooksException) as caught:
            for _ in range(5):
                Customer.count(qb=client)
        assert caught.value.error_code == 3001

    def test_a_fault_inside_an_answer_that_looks_fine(
        self, client: Any, twin: QuickBooksTwin
    ) -> None:
        twin.faults.arm(Fault(kind=FaultKind.UNAVAILABLE, status=200, times=1))
        with pytest.raises(QuickbooksException):
            Customer.count(qb=client)

    def test_the_signature_of_a_webhook(self, client: Any, twin: QuickBooksTwin) -> None:
        body = '{"eventNotifications":[]}'
        signature = twin.signature(body.encode())
        client.verifier_token = twin.verifier_token
        assert client.validate_webhook_signature(body, signature)
        assert not client.validate_webhook_signature(body + " ", signature)
