"""The record API on the twin, and what follows from what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite import NetSuiteTwin, make
from interlock.twins.twin import UserError

from .netsuite_api import Api, code_of

CUSTOMER = {"companyName": "Acme", "subsidiary": {"id": "1"}}


@pytest.fixture
def twin() -> NetSuiteTwin:
    return make(seed="empty", clock=TwinClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))


@pytest.fixture
def api(twin: NetSuiteTwin) -> Api:
    return Api(twin)


def sold(api: Api, twin: NetSuiteTwin, **more: Any) -> tuple[str, str]:
    """Make a customer and an approved order of two items; their ids."""
    buyer = api.made("/customer", {**CUSTOMER, "terms": {"id": "3"}, "creditLimit": 100})
    item = twin.insert("inventoryItem", {"itemId": "P-1"})
    lines = [{"item": {"id": item}, "quantity": 3, "rate": 19.99},
             {"item": {"id": item}, "quantity": 1, "rate": 0.004}]  # fmt: skip
    order = api.made("/salesOrder", {"entity": {"id": buyer}, "item": {"items": lines},
                                     "orderStatus": {"id": "B"}, **more})  # fmt: skip
    return buyer, order


class TestWriting:
    def test_made_read_changed_deleted(self, api: Api) -> None:
        key = api.made("/customer", {**CUSTOMER, "email": "a@acme.example"})
        assert api.record("PATCH", f"/customer/{key}", {"phone": "1"}).status == 204
        shown = api.record("GET", f"/customer/{key}").body
        assert (shown["companyName"], shown["phone"], shown["isInactive"]) == ("Acme", "1", False)
        assert shown["subsidiary"] == {"id": "1", "refName": "Twin Trading GmbH"}
        assert shown["creditHoldOverride"] == {"id": "AUTO", "refName": "Auto"}
        assert shown["lastModifiedDate"] == "2026-03-02T09:00:00Z"
        fewer = api.record("GET", f"/customer/{key}", fields="phone,creditHoldOverride",
                           simpleEnumFormat="true").body  # fmt: skip
        assert {k: v for k, v in fewer.items() if k != "links"} == {
            "id": key, "phone": "1", "creditHoldOverride": "AUTO",
        }  # fmt: skip
        assert api.record("DELETE", f"/customer/{key}").status == 204
        assert code_of(api.record("GET", f"/customer/{key}"))[:2] == (404, "NONEXISTENT_ID")
        (log,) = api.rows("SELECT recordid, type FROM deletedrecord")
        assert log == {"recordid": key, "type": "customer"}

    def test_put_by_external_id_makes_once_then_changes(self, api: Api) -> None:
        for name in ("Acme", "Acme AG"):
            answer = api.record("PUT", "/customer/eid:il-1_a", {**CUSTOMER, "companyName": name})
            assert answer.status == 204
        (row,) = api.rows("SELECT companyname, externalid FROM customer")
        assert row == {"companyname": "Acme AG", "externalid": "il-1_a"}
        assert code_of(api.record("PUT", "/customer/eid:a|b", CUSTOMER))[0] == 400

    def test_post_with_a_taken_external_id_is_refused(self, api: Api, twin: NetSuiteTwin) -> None:
        api.made("/customer", {**CUSTOMER, "externalId": "il-1"})
        refused = api.record("POST", "/customer", {**CUSTOMER, "externalId": "il-1"})
        assert "already exists" in code_of(refused)[2]
        with twin.storage.delayed(timedelta(minutes=5)):
            api.made("/customer", {**CUSTOMER, "externalId": "il-2"})
        assert api.record("POST", "/customer", {**CUSTOMER, "externalId": "il-2"}).status == 400
        assert api.record("GET", "/customer/eid:il-2").status == 404

    @pytest.mark.parametrize(
        ("body", "code", "words"),
        [
            ({"companyName": "x" * 84}, "EXCEEDED_MAX_FIELD_LENGTH", "maximum number ( 83 )"),
            ({"email": "nobody"}, "INVALID_CONTENT", "not a valid email"),
            ({"terms": {"id": "99"}}, "INVALID_KEY_OR_REF", "reference key 99"),
            ({"creditHoldOverride": {"id": "MAYBE"}}, "INVALID_CONTENT", "creditholdoverride"),
            ({"creditLimit": "much"}, "INVALID_CONTENT", "creditlimit"),
            ({"balance": 5}, "INVALID_CONTENT", "read-only"),
            ({"colour": "red"}, "INVALID_CONTENT", "colour"),
            ({"companyName": None}, "USER_ERROR", "companyName"),
            ({"subsidiary": None}, "USER_ERROR", "subsidiary"),
        ],
    )
    def test_refusals(self, api: Api, body: dict[str, Any], code: str, words: str) -> None:
        status, told, detail = code_of(api.record("POST", "/customer", {**CUSTOMER, **body}))
        assert (status, told) == (400, code)
        assert words in detail
        assert api.rows("SELECT id FROM customer") == []

    def test_unknown_properties_are_dropped_unless_one_asks(self, api: Api) -> None:
        answer = api.call("POST", "/record/v1/customer", {**CUSTOMER, "colour": "red"})
        assert answer.status == 204

    def test_a_null_empties_only_when_it_is_named(self, api: Api) -> None:
        key = api.made("/customer", {**CUSTOMER, "phone": "1"})
        api.record("PATCH", f"/customer/{key}", {"phone": None})
        assert api.record("GET", f"/customer/{key}").body["phone"] == "1"
        api.record("PATCH", f"/customer/{key}", {"phone": None}, replaceSelectedFields="true",
                   replace="phone")  # fmt: skip
        assert "phone" not in api.record("GET", f"/customer/{key}").body

    def test_address_lines_are_kept_and_one_is_the_default(self, api: Api) -> None:
        def line(street: str, **more: Any) -> dict[str, Any]:
            return {"defaultBilling": True, "addressBookAddress": {"addr1": street}, **more}

        key = api.made("/customer", {**CUSTOMER, "addressBook": {"items": [line("A")]}})
        api.record("PATCH", f"/customer/{key}", {"addressBook": {"items": [line("B")]}})
        read = api.record("GET", f"/customer/{key}", expandSubResources="true").body
        first, second = read["addressBook"]["items"]
        assert [x["defaultBilling"] for x in (first, second)] == [False, True]
        api.record("PATCH", f"/customer/{key}",
                   {"addressBook": {"items": [line("C", id=first["id"])]}})  # fmt: skip
        items = api.record("GET", f"/customer/{key}/addressBook").body["items"]
        assert [x["addressBookAddress"]["addr1"] for x in items] == ["C", "B"]

    def test_contacts_of_one_customer_have_different_names(self, api: Api) -> None:
        buyer = api.made("/customer", CUSTOMER)
        person = {"firstName": "Jo", "lastName": "Doe", "company": {"id": buyer}}
        api.made("/contact", person)
        assert code_of(api.record("POST", "/contact", person))[1] == "CONTACT_ALREADY_EXISTS"

    def test_a_currency_switched_off_is_not_taken(self, api: Api, twin: NetSuiteTwin) -> None:
        twin.update("currency", "2", {"isInactive": True})
        refused = api.record("POST", "/customer", {**CUSTOMER, "currency": {"id": "2"}})
        assert code_of(refused)[1] == "INVALID_KEY_OR_REF"

    def test_a_record_somebody_is_saving_is_not_changed(self, api: Api, twin: NetSuiteTwin) -> None:
        key = api.made("/customer", CUSTOMER)
        twin.faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
        refused = api.record("PATCH", f"/customer/{key}", {"phone": "1"})
        assert code_of(refused)[1] == "RCRD_HAS_BEEN_CHANGED"
        assert api.record("PATCH", f"/customer/{key}", {"phone": "1"}).status == 204

    def test_asynchronous_calls_and_unknown_paths_are_refused(self, api: Api) -> None:
        answer = api.call("POST", "/record/v1/customer", CUSTOMER, {"prefer": "respond-async"})
        assert code_of(answer)[1] == "NOT_SUPPORTED"
        assert api.record("GET", "/unicorn").status == 404
        assert api.record("DELETE", "/customer").status == 405


class TestListing:
    def test_ids_only_page_by_page(self, api: Api) -> None:
        keys = [api.made("/customer", {**CUSTOMER, "companyName": f"Acme {n}"}) for n in range(3)]
        page = api.record("GET", "/customer", limit="2", offset="2").body
        assert [row["id"] for row in page["items"]] == keys[2:]
        assert set(page["items"][0]) == {"id", "links"}
        found = api.record("GET", "/customer", q='companyName CONTAIN "e 1" AND email EMPTY').body
        assert [row["id"] for row in found["items"]] == [keys[1]]
        assert api.record("GET", "/customer", q="companyName LIKE x").status == 400


class TestFromOrderToCash:
    def test_an_order_adds_up_and_tax_comes_on_top(self, api: Api, twin: NetSuiteTwin) -> None:
        _, order = sold(api, twin)
        shown = api.record("GET", f"/salesOrder/{order}", expandSubResources="true").body
        assert [str(shown[k]) for k in ("subtotal", "taxTotal", "total")] == [
            "59.97", "11.39", "71.36",
        ]  # fmt: skip
        assert shown["status"]["id"] == "B"
        assert [line["line"] for line in shown["item"]["items"]] == [1, 2]

    def test_shipped_billed_paid(self, api: Api, twin: NetSuiteTwin) -> None:
        buyer, order = sold(api, twin)

        def status(kind: str, key: str) -> str:
            return str(api.record("GET", f"/{kind}/{key}").body["status"]["id"])

        api.record("POST", f"/salesOrder/{order}/!transform/itemFulfillment", {})
        assert status("salesOrder", order) == "F"
        bill = api.record("POST", f"/salesOrder/{order}/!transform/invoice", {})
        invoice = bill.headers["Location"].rpartition("/")[2]
        assert (status("salesOrder", order), status("invoice", invoice)) == ("G", "A")
        assert api.record("POST", f"/salesOrder/{order}/!transform/invoice", {}).status == 400
        twin.clock.advance(timedelta(days=40))
        owes = api.record("GET", f"/customer/{buyer}").body
        assert (str(owes["balance"]), owes["daysOverdue"]) == ("71.36", 10)
        assert str(owes["overdueBalance"]) == "71.36"
        api.made("/customerPayment", {
            "customer": {"id": buyer}, "payment": 20,
            "apply": {"items": [{"doc": {"id": invoice}, "apply": True, "amount": 20}]},
        })  # fmt: skip
        assert str(api.record("GET", f"/invoice/{invoice}").body["amountRemaining"]) == "51.36"
        api.record("POST", f"/invoice/{invoice}/!transform/customerPayment", {})
        assert status("invoice", invoice) == "B"
        (row,) = api.rows("SELECT TO_CHAR(closedate, 'YYYY-MM-DD') AS closed, foreignamountunpaid "
                          "FROM transaction WHERE type = 'CustInvc'")  # fmt: skip
        assert row == {"closed": "2026-04-11", "foreignamountunpaid": "0"}
        assert str(api.record("GET", f"/customer/{buyer}").body["balance"]) == "0.00"

    def test_an_order_not_approved_is_neither_shipped_nor_billed(
        self, api: Api, twin: NetSuiteTwin
    ) -> None:
        _, order = sold(api, twin, orderStatus={"id": "A"})
        refused = api.record("POST", f"/salesOrder/{order}/!transform/invoice", {})
        assert code_of(refused)[1] == "USER_ERROR"

    def test_lines_are_replaced_or_added_to(self, api: Api, twin: NetSuiteTwin) -> None:
        _, order = sold(api, twin)
        item = twin.shown("inventoryItem")[0]["id"]
        more = {"item": {"items": [{"item": {"id": item}, "quantity": 1, "rate": 5}]}}
        api.record("PATCH", f"/salesOrder/{order}", more)
        assert len(api.record("GET", f"/salesOrder/{order}/item").body["items"]) == 3
        api.record("PATCH", f"/salesOrder/{order}", more, replace="item")
        (line,) = api.record("GET", f"/salesOrder/{order}/item").body["items"]
        assert (line["line"], line["amount"]) == (1, 5)

    def test_an_invoice_does_not_touch_the_customers_stamp(
        self, api: Api, twin: NetSuiteTwin
    ) -> None:
        buyer, order = sold(api, twin)
        before = api.record("GET", f"/customer/{buyer}").body["lastModifiedDate"]
        twin.clock.advance(timedelta(hours=1))
        api.record("POST", f"/salesOrder/{order}/!transform/invoice", {})
        assert api.record("GET", f"/customer/{buyer}").body["lastModifiedDate"] == before

    def test_a_customer_with_documents_cannot_be_deleted(
        self, api: Api, twin: NetSuiteTwin
    ) -> None:
        buyer, _ = sold(api, twin)
        assert code_of(api.record("DELETE", f"/customer/{buyer}"))[0] == 400


class TestAdministrator:
    def test_a_merge_moves_what_hangs_on_the_loser_and_leaves_a_deletion(
        self, api: Api, twin: NetSuiteTwin
    ) -> None:
        loser, order = sold(api, twin)
        winner = api.made("/customer", {**CUSTOMER, "companyName": "Winner"})
        twin.merge("customer", winner, [loser])
        assert api.record("GET", f"/salesOrder/{order}").body["entity"]["id"] == winner
        assert api.rows("SELECT recordid FROM deletedrecord") == [{"recordid": loser}]

    def test_custom_fields_are_made_by_hand(self, api: Api, twin: NetSuiteTwin) -> None:
        body = {**CUSTOMER, "custentity_x": "7"}
        assert api.record("POST", "/customer", body).status == 400
        twin.configure({"fields": {"custentity_x": {"kind": "text", "length": 3}}})
        api.made("/customer", body)
        assert api.rows("SELECT custentity_x FROM customer") == [{"custentity_x": "7"}]
        assert api.record("POST", "/customer", {**CUSTOMER, "custentity_x": "1234"}).status == 400
        with pytest.raises(UserError, match="script id"):
            twin.configure({"fields": {"x": {}}})

    def test_what_is_asked_wrongly_is_told(self, twin: NetSuiteTwin) -> None:
        for act in (lambda: twin.configure({"colour": 1}), lambda: twin.shown("unicorn"),
                    lambda: twin.insert("customer", {}), lambda: twin.merge("contact", "1", [])):  # fmt: skip
            with pytest.raises(UserError):
                act()

    def test_the_demo_company_has_orders_bills_and_debts(self) -> None:
        twin = make(seed="demo")
        assert len(twin.shown("customer")) == 240
        assert {row["status"] for row in twin.shown("invoice")} == {"A", "B"}
