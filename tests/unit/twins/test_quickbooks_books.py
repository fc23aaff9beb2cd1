"""What the QuickBooks twin's books allow and work out."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from interlock.twins.calls import Call
from interlock.twins.faults import FaultKind
from interlock.twins.quickbooks.language import parse
from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.twin import UserError

from .quickbooks_api import START, Api


@pytest.fixture
def api() -> Api:
    return Api()


class TestNames:
    @pytest.mark.parametrize("table", ["Customer", "Vendor", "Employee"])
    def test_one_name_for_all_of_them(self, api: Api, table: str) -> None:
        api.make(table, DisplayName="Taken")
        assert api.refused("POST", "/customer", {"DisplayName": "taken"}) == ("6240", "DisplayName")

    def test_an_inactive_one_gives_its_name_free(self, api: Api) -> None:
        key = api.customer("Acme")
        api.make("Customer", Id=key, SyncToken="0", sparse=True, Active=False)
        assert api.query("select * from Customer") == {}
        (row,) = api.query("select * from Customer where Active in (true,false)")["Customer"]
        assert row["DisplayName"] == "Acme (deleted)"
        assert api.customer("Acme") != key

    @pytest.mark.parametrize(
        ("body", "answer"),
        [
            ({}, ("2020", "DisplayName")),
            ({"DisplayName": "A:B"}, ("2040", "DisplayName")),
            ({"DisplayName": "x" * 501}, ("2050", "DisplayName")),
            ({"DisplayName": "A", "Nonsense": 1}, ("2010", "Nonsense")),
            ({"DisplayName": "A", "PrimaryEmailAddr": {"Address": "x"}},
             ("2040", "PrimaryEmailAddr")),
            ({"DisplayName": "A", "SalesTermRef": {"value": "99"}}, ("2500", "SalesTermRef")),
            ({"DisplayName": "A", "CurrencyRef": {"value": "EUR"}}, ("6000", "CurrencyRef")),
        ],
    )  # fmt: skip
    def test_refusals(self, api: Api, body: dict[str, object], answer: tuple[str, str]) -> None:
        assert api.refused("POST", "/customer", body) == answer
        assert api.query("select * from Customer where Active in (true,false)") == {}

    def test_the_currency_stays(self, api: Api) -> None:
        api.twin.configure({"multi_currency": True})
        api.make("CompanyCurrency", Code="EUR", Name="Euro")
        key = api.customer("Acme", CurrencyRef={"value": "EUR"})
        change = {"Id": key, "SyncToken": "0", "sparse": True, "CurrencyRef": {"value": "USD"}}
        assert api.refused("POST", "/customer", change) == ("6000", "CurrencyRef")


class TestUpdates:
    def test_sparse_leaves_the_rest_and_a_full_one_clears_it(self, api: Api) -> None:
        key = api.customer("Acme", Notes="n", CompanyName="Acme Ltd")
        row = api.make("Customer", Id=key, SyncToken="0", sparse=True, Notes="m")
        assert (row["CompanyName"], row["Notes"], row["SyncToken"]) == ("Acme Ltd", "m", "1")
        row = api.make("Customer", Id=key, SyncToken="1", DisplayName="Acme")
        assert "Notes" not in row
        assert row["Active"] is True

    def test_a_blank_takes_a_property_away(self, api: Api) -> None:
        key = api.customer("Acme", PrimaryPhone={"FreeFormNumber": "1"})
        row = api.make("Customer", Id=key, SyncToken="0", sparse=True,
                       PrimaryPhone={"FreeFormNumber": ""})  # fmt: skip
        assert "PrimaryPhone" not in row

    def test_a_stale_or_missing_token(self, api: Api) -> None:
        key = api.customer("Acme")
        api.make("Customer", Id=key, SyncToken="0", sparse=True, Notes="m")
        for token in ("0", ""):
            body = {"Id": key, "SyncToken": token, "sparse": True, "Notes": "x"}
            assert api.refused("POST", "/customer", body)[0] == "5010"

    def test_what_quickbooks_works_out_is_not_written(self, api: Api) -> None:
        key = api.customer("Acme", Balance=99)
        assert api.query(f"select Balance from Customer where Id = '{key}'")["Customer"][0][
            "Balance"
        ] == 0  # fmt: skip


class TestSales:
    def test_numbers_are_given_unless_they_are_the_users(self, api: Api) -> None:
        customer, item = api.customer(), api.item()
        first = api.sale("Estimate", customer, item)
        assert first["DocNumber"]
        taken = {"CustomerRef": {"value": customer}, "DocNumber": first["DocNumber"],
                 "Line": first["Line"]}  # fmt: skip
        assert api.refused("POST", "/estimate", taken) == ("6140", "DocNumber")
        api.twin.configure({"custom_numbers": True})
        assert "DocNumber" not in api.sale("Estimate", customer, item)

    def test_tax_is_added_and_shown(self, api: Api) -> None:
        api.twin.configure({"tax_rate": "8.25"})
        sale = api.sale("Estimate", api.customer(), api.item())
        assert (sale["TotalAmt"], sale["TxnTaxDetail"]["TotalTax"]) == (21.65, 1.65)

    def test_an_invoice_with_payments_is_neither_deleted_nor_voided(self, api: Api) -> None:
        customer, item = api.customer(), api.item()
        invoice = api.sale("Invoice", customer, item)
        payment = api.make("Payment", CustomerRef={"value": customer}, TotalAmt=5, Line=[
            {"Amount": 5, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]},
        ])  # fmt: skip
        (now,) = api.query("select * from Invoice")["Invoice"]
        assert (now["Balance"], now["SyncToken"]) == (15, "1")
        for operation in ("delete", "void"):
            body = {"Id": invoice["Id"], "SyncToken": "1"}
            assert api.refused("POST", "/invoice", body, operation=operation)[0] == "6000"
        body = {"Id": payment["Id"], "SyncToken": "0"}
        api.ok("POST", "/payment", body, operation="delete")
        (now,) = api.query("select * from Invoice")["Invoice"]
        assert (now["Balance"], now.get("LinkedTxn")) == (20, None)

    def test_the_balance_counts_invoices_credits_and_what_is_not_applied(self, api: Api) -> None:
        customer, item = api.customer(), api.item()
        api.sale("Invoice", customer, item, quantity=10)
        api.sale("CreditMemo", customer, item, quantity=3)
        api.make("Payment", CustomerRef={"value": customer}, TotalAmt=20)
        (row,) = api.query("select Balance from Customer")["Customer"]
        assert row["Balance"] == 50

    def test_more_than_is_open_cannot_be_paid(self, api: Api) -> None:
        customer = api.customer()
        invoice = api.sale("Invoice", customer, api.item())
        line = {"Amount": 21, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}
        body = {"CustomerRef": {"value": customer}, "TotalAmt": 21, "Line": [line]}
        assert api.refused("POST", "/payment", body)[0] == "6000"
        assert api.query("select * from Payment") == {}

    def test_due_as_the_terms_say(self, api: Api) -> None:
        sale = api.sale("Invoice", api.customer(), api.item(), SalesTermRef={"value": "2"},
                        TxnDate="2026-03-01")  # fmt: skip
        assert sale["DueDate"] == "2026-03-16"


class TestQueries:
    def test_position_and_size(self, api: Api) -> None:
        for n in range(5):
            api.customer(f"C{n}")
        found = api.query("SELECT * FROM Customer STARTPOSITION 3 MAXRESULTS 2")
        assert [c["DisplayName"] for c in found["Customer"]] == ["C2", "C3"]
        assert (found["startPosition"], found["maxResults"]) == (3, 2)
        assert api.query("SELECT * FROM Customer STARTPOSITION 6") == {}

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("DisplayName = 'o\\'brien'", ["O'Brien"]),
            ("DisplayName LIKE 'a%'", ["Acme"]),
            ("DisplayName IN ('Acme', 'Zed')", ["Acme", "Zed"]),
            ("Balance > '0'", ["Zed"]),
            ("Active = true AND Id > '1'", ["O'Brien", "Zed"]),
            ("MetaData.LastUpdatedTime >= '2026-03-02T01:30:00-08:00'", ["Zed"]),
            ("MetaData.LastUpdatedTime < '2026-03-02T09:30:00Z'", ["Acme", "O'Brien"]),
        ],
    )
    def test_conditions(self, api: Api, where: str, names: list[str]) -> None:
        api.customer("Acme")
        api.customer("O'Brien")
        api.clock.advance(timedelta(minutes=30))
        api.sale("Invoice", api.customer("Zed"), api.item())
        found = api.query(f"SELECT DisplayName FROM Customer WHERE {where} ORDERBY DisplayName")
        assert [c["DisplayName"] for c in found["Customer"]] == names

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("SELECT * FROM Customer WHERE Id = '1' OR Id = '2'", "4000"),
            ("SELECT * FROM Customer GROUP BY Id", "4000"),
            ("SELECT * FROM Customer WHERE DisplayName", "4000"),
            ("SELECT * FROM Customer WHERE DisplayName = 'unclosed", "4000"),
            ("DELETE FROM Customer", "4000"),
            ("SELECT * FROM Customer MAXRESULTS 1001", "4001"),
            ("SELECT * FROM Customer STARTPOSITION 0", "4001"),
            ("SELECT Nonsense FROM Customer", "4001"),
            ("SELECT * FROM SalesOrder", "4001"),
            ("SELECT * FROM Customer WHERE Notes = 'x'", "4001"),
            ("SELECT * FROM Customer ORDERBY Notes", "4001"),
            ("SELECT * FROM Customer WHERE MetaData.CreateTime > 'yesterday'", "4001"),
        ],
    )
    def test_refusals(self, api: Api, text: str, code: str) -> None:
        assert api.refused("GET", "/query", query=text)[0] == code

    def test_any_text_is_read_or_refused(self) -> None:
        for text in ("", "SELECT", "SELECT * FROM", "SELECT ((", "SELECT * FROM A WHERE b IN (",
                     "SELECT COUNT(* FROM A", "\\", "SELECT * FROM A ORDER Id", "SELECT 'a' FROM B",
                     "SELECT * FROM A MAXRESULTS x"):  # fmt: skip
            with pytest.raises(Refused):
                parse(text)


class TestCapture:
    def test_thirty_days_back_and_no_further(self, api: Api) -> None:
        api.customer()
        day = timedelta(days=1)
        found = api.ok("GET", "/cdc", entities="Customer",
                       changedSince=(START - 29 * day).isoformat())  # fmt: skip
        (response,) = found["CDCResponse"][0]["QueryResponse"]
        assert len(response["Customer"]) == 1
        assert api.refused("GET", "/cdc", entities="Customer",
                           changedSince=(START - 31 * day).isoformat())[0] == "4001"  # fmt: skip

    def test_a_thousand_objects_for_all_entities_together(self, api: Api) -> None:
        api.twin.configure({"per_minute": 2000})
        for n in range(999):
            api.customer(f"C{n}")
        for n in range(5):
            api.item(Name=f"I{n}")
        found = api.ok("GET", "/cdc", entities="Customer,Item", changedSince=START.isoformat())
        counts = [len(next(iter(r.values()))) for r in found["CDCResponse"][0]["QueryResponse"]]
        assert counts == [999, 1]

    def test_a_deleted_document_shows_its_id_alone(self, api: Api) -> None:
        sale = api.sale("Estimate", api.customer(), api.item(), PrivateNote="private")
        body = {"Id": sale["Id"], "SyncToken": "0"}
        done = api.ok("POST", "/estimate", body, operation="delete")
        assert done["Estimate"]["status"] == "Deleted"
        found = api.ok("GET", "/cdc", entities="Estimate", changedSince=START.isoformat())
        ((row,),) = (r["Estimate"] for r in found["CDCResponse"][0]["QueryResponse"])
        assert (row["Id"], row["status"]) == (sale["Id"], "Deleted")
        assert "PrivateNote" not in row


class TestCalls:
    def test_a_request_id_replays_the_answer_whatever_is_asked(self, api: Api) -> None:
        first = api.ok("POST", "/customer", {"DisplayName": "A"}, requestid="r1")
        again = api.ok("POST", "/customer", {"DisplayName": "B"}, requestid="r1")
        assert again == first
        assert api.refused("POST", "/customer", {"DisplayName": "C"}, requestid="r" * 51)

    def test_a_minutes_calls_and_batches(self, api: Api) -> None:
        api.twin.configure({"per_minute": 10, "batches_per_minute": 2})
        body = {"BatchItemRequest": []}
        assert [api.call("POST", "/batch", body).status for _ in range(3)] == [200, 200, 429]
        assert [api.call("GET", "/preferences").status for _ in range(8)] == [200] * 7 + [429]
        api.clock.advance(timedelta(minutes=1))
        assert api.call("GET", "/preferences").status == 200

    def test_another_company_and_no_token(self, api: Api) -> None:
        path = "/v3/company/1/preferences"
        headers = {"authorization": f"Bearer {api.twin.app.access_token}"}
        answer = api.twin.handle(Call(method="GET", path=path, headers=headers))
        assert (answer.status, answer.body["Fault"]["type"]) == (403, "AuthorizationFault")
        answer = api.twin.handle(Call(method="GET", path=path))
        assert (answer.status, answer.body["fault"]["type"]) == (401, "AUTHENTICATION")

    def test_every_answer_has_its_number(self, api: Api) -> None:
        assert api.twin.finish(api.call("GET", "/preferences")).headers["intuit_tid"]

    def test_calls_are_counted_without_company_and_ids(self, api: Api) -> None:
        call = Call(method="GET", path=f"/v3/company/{api.twin.realm}/invoice/12")
        assert api.twin.kind(call) == "GET /invoice/ID"

    def test_a_body_that_is_none(self, api: Api) -> None:
        token = api.twin.app.access_token
        for body in (b"{", b"[]", b""):
            answer = api.twin.handle(Call(
                method="POST", path=f"/v3/company/{api.twin.realm}/customer", body=body,
                headers={"authorization": f"Bearer {token}"},
            ))  # fmt: skip
            assert answer.status == 400
            assert json.loads(answer.encoded())["Fault"]["Error"][0]["code"] == "2010"


class TestScreens:
    def test_a_person_changes_and_removes(self, api: Api) -> None:
        key = api.twin.insert("customer", {"DisplayName": "Acme"})
        api.twin.update("Customer", key, {"Notes": "x"})
        assert api.twin.shown("Customer")[0]["Notes"] == "x"
        api.twin.delete("Customer", key)
        assert api.twin.shown("Customer")[0]["Active"] is False

    def test_what_cannot_be_done_is_said(self, api: Api) -> None:
        with pytest.raises(UserError, match="no object"):
            api.twin.insert("SalesOrder", {})
        with pytest.raises(UserError, match="6240"):
            for _ in range(2):
                api.twin.insert("Customer", {"DisplayName": "Acme"})
        with pytest.raises(UserError, match="merges nothing"):
            api.twin.merge("Customer", "1", ["2"])
        with pytest.raises(UserError, match="known settings"):
            api.twin.configure({"nonsense": 1})

    def test_faults_that_mean_nothing_here_are_not_offered(self, api: Api) -> None:
        assert FaultKind.INDEX_LAG not in api.twin.known_faults
