"""Single records of the Salesforce twin: writing, reading, external ids, conditions, merging."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from .salesforce_api import START, Api


@pytest.fixture
def api() -> Api:
    return Api()


class TestCrud:
    def test_create_read_change_delete(self, api: Api) -> None:
        answer = api.call("POST", "/sobjects/Account", {"Name": "Acme", "AnnualRevenue": 12.6})
        made = answer.body
        assert (answer.status, made["success"], made["errors"]) == (201, True, [])
        path = f"/sobjects/Account/{made['id']}"
        assert answer.headers["Location"].endswith(path)
        record = api.get(path)
        assert record["attributes"] == {"type": "Account", "url": f"/services/data/v67.0{path}"}
        assert (record["Name"], record["AnnualRevenue"], record["Phone"]) == ("Acme", 13.0, None)
        changed = api.call("PATCH", path, {"Phone": "1"})
        assert (changed.status, changed.body) == (204, None)
        assert api.call("DELETE", path).status == 204
        assert api.error("GET", path)[1]["errorCode"] == "NOT_FOUND"

    def test_an_id_of_15_characters_does_as_well(self, api: Api) -> None:
        key = api.create("Account", Name="Acme")
        assert api.get(f"/sobjects/Account/{key[:15]}", fields="Name")["Id"] == key

    def test_stamps_are_whole_seconds(self, api: Api) -> None:
        api.clock.advance(timedelta(microseconds=987654))
        key = api.create("Account", Name="Acme")
        record = api.get(f"/sobjects/Account/{key}")
        assert record["SystemModstamp"] == record["CreatedDate"] == "2026-03-02T09:00:00.000+0000"

    def test_a_change_moves_the_stamps_but_not_the_creation(self, api: Api) -> None:
        key = api.create("Account", Name="Acme")
        api.clock.advance(timedelta(hours=1))
        api.ok("PATCH", f"/sobjects/Account/{key}", {"Name": "Acme 2"})
        record = api.get(f"/sobjects/Account/{key}")
        assert record["CreatedDate"] == "2026-03-02T09:00:00.000+0000"
        assert record["SystemModstamp"] == "2026-03-02T10:00:00.000+0000"

    def test_text_is_trimmed_and_empty_text_is_null(self, api: Api) -> None:
        key = api.create("Account", Name="  Acme  ", Phone="   ")
        record = api.get(f"/sobjects/Account/{key}")
        assert (record["Name"], record["Phone"]) == ("Acme", None)

    def test_fields_choose_what_is_shown(self, api: Api) -> None:
        key = api.create("Account", Name="Acme", Phone="1")
        assert set(api.get(f"/sobjects/Account/{key}", fields="Phone")) == {
            "attributes",
            "Phone",
            "Id",
        }
        assert (
            api.error("GET", f"/sobjects/Account/{key}", fields="Nope")[1]["errorCode"]
            == "INVALID_FIELD"
        )

    def test_an_address_is_shown_in_parts_and_as_a_whole(self, api: Api) -> None:
        key = api.create("Account", Name="Acme", BillingCity="Bremen", BillingPostalCode="28195")
        whole = api.get(f"/sobjects/Account/{key}")["BillingAddress"]
        assert (whole["city"], whole["postalCode"], whole["street"]) == ("Bremen", "28195", None)

    def test_deleting_an_account_takes_its_contacts_and_deals(self, api: Api) -> None:
        account = api.create("Account", Name="Acme")
        api.create("Contact", LastName="Ann", AccountId=account)
        api.deal(AccountId=account)
        api.call("DELETE", f"/sobjects/Account/{account}")
        for name in ("Contact", "Opportunity"):
            assert api.query(f"SELECT Id FROM {name}") == []

    def test_the_lookup_may_be_given_by_the_targets_external_id(self, api: Api) -> None:
        api.key_field()
        account = api.create("Account", Name="Acme", Key__c="K1")
        contact = api.create("Contact", LastName="Ann", Account={"Key__c": "K1"})
        assert api.get(f"/sobjects/Contact/{contact}")["AccountId"] == account
        status, error = api.error(
            "POST", "/sobjects/Contact", {"LastName": "B", "Account": {"Key__c": "K2"}}
        )
        assert (status, error["errorCode"]) == (400, "INVALID_FIELD")


class TestExternalId:
    PATH = "/sobjects/Account/Key__c/K-1"

    @pytest.fixture(autouse=True)
    def _field(self, api: Api) -> None:
        api.key_field()

    def test_it_creates_then_changes(self, api: Api) -> None:
        first = api.call("PATCH", self.PATH, {"Name": "Acme"})
        assert first.status == 201
        assert first.body == {
            "id": first.body["id"],
            "success": True,
            "errors": [],
            "created": True,
        }
        second = api.call("PATCH", self.PATH, {"Phone": "1"})
        assert (second.status, second.body["created"]) == (200, False)
        (row,) = api.query("SELECT Id, Name, Phone, Key__c FROM Account")
        assert (row["Id"], row["Name"], row["Phone"], row["Key__c"]) == (
            first.body["id"],
            "Acme",
            "1",
            "K-1",
        )

    def test_before_version_46_a_change_answers_204(self, api: Api) -> None:
        api.version = "45.0"
        first = api.call("PATCH", self.PATH, {"Name": "Acme"})
        assert (first.status, "created" in first.body) == (201, False)
        second = api.call("PATCH", self.PATH, {"Name": "B"})
        assert (second.status, second.body) == (204, None)

    def test_more_than_one_match_answers_300_and_writes_nothing(self, api: Api) -> None:
        keys = {api.create("Account", Name=name, Key__c="K-1") for name in "AB"}
        answer = api.call("PATCH", self.PATH, {"Name": "C"})
        assert answer.status == 300
        assert {url.rpartition("/")[2] for url in answer.body} == keys
        assert api.names("SELECT Name FROM Account ORDER BY Name") == ["A", "B"]
        assert api.call("GET", self.PATH).status == 300

    def test_the_external_id_may_not_stand_in_the_body(self, api: Api) -> None:
        status, error = api.error("PATCH", self.PATH, {"Name": "A", "Key__c": "K-1"})
        assert (status, error["errorCode"]) == (400, "INVALID_FIELD")

    def test_update_only_creates_nothing(self, api: Api) -> None:
        assert api.error("PATCH", self.PATH, {"Name": "A"}, updateOnly="true")[0] == 404
        assert api.query("SELECT Id FROM Account") == []

    def test_a_value_is_decoded_from_the_address(self, api: Api) -> None:
        api.call("PATCH", "/sobjects/Account/Key__c/a%2Fb%20c", {"Name": "Acme"})
        assert api.query("SELECT Key__c FROM Account")[0]["Key__c"] == "a/b c"

    def test_a_field_that_is_no_external_id_is_not_found(self, api: Api) -> None:
        assert api.error("PATCH", "/sobjects/Account/Phone/1", {"Name": "A"})[0] == 404

    def test_reading_and_deleting_by_it(self, api: Api) -> None:
        api.call("PATCH", self.PATH, {"Name": "Acme"})
        assert api.get(self.PATH)["Name"] == "Acme"
        assert api.call("DELETE", self.PATH).status == 204
        assert api.error("GET", self.PATH)[0] == 404


class TestConditions:
    @pytest.fixture
    def path(self, api: Api) -> str:
        return f"/sobjects/Account/{api.create('Account', Name='Acme')}"

    AT = "Mon, 02 Mar 2026 09:00:00 GMT"
    BEFORE = "Mon, 02 Mar 2026 08:59:59 GMT"

    def change(self, api: Api, path: str, since: str) -> Any:
        return api.call("PATCH", path, {"Phone": "1"}, headers={"if-unmodified-since": since})

    def test_a_record_changed_since_is_not_written(self, api: Api, path: str) -> None:
        assert self.change(api, path, self.BEFORE).status == 412
        assert api.get(path)["Phone"] is None
        assert self.change(api, path, self.AT).status == 204

    def test_what_is_no_date_is_refused(self, api: Api, path: str) -> None:
        assert self.change(api, path, "yesterday").status == 400

    def test_a_read_of_what_has_not_changed_answers_304(self, api: Api, path: str) -> None:
        unchanged = api.call("GET", path, headers={"if-modified-since": self.AT})
        assert (unchanged.status, unchanged.body) == (304, None)
        assert api.call("GET", path, headers={"if-modified-since": self.BEFORE}).status == 200

    def test_what_the_twin_has_not_is_refused_rather_than_ignored(
        self, api: Api, path: str
    ) -> None:
        assert api.call("PATCH", path, {}, headers={"if-match": '"x"'}).status == 400


class TestDeletedAndMerged:
    WINDOW = {"start": "2026-03-02T08:00:00+00:00", "end": "2026-03-02T11:00:00+00:00"}

    def test_deleted_records_are_listed_and_found_by_query_all(self, api: Api) -> None:
        key = api.create("Account", Name="Acme")
        api.clock.advance(timedelta(hours=1))
        api.call("DELETE", f"/sobjects/Account/{key}")
        listed = api.get("/sobjects/Account/deleted", **self.WINDOW)
        assert listed["deletedRecords"] == [
            {"id": key, "deletedDate": "2026-03-02T10:00:00.000+0000"}
        ]
        assert listed["latestDateCovered"] == "2026-03-02T10:00:00.000+0000"
        soql = "SELECT Id, IsDeleted FROM Account"
        assert api.query(soql) == []
        (row,) = api.get("/queryAll", q=soql)["records"]
        assert (row["Id"], row["IsDeleted"]) == (key, True)

    def test_updated_lists_what_lives(self, api: Api) -> None:
        kept, gone = (api.create("Account", Name=name) for name in "AB")
        api.call("DELETE", f"/sobjects/Account/{gone}")
        assert api.get("/sobjects/Account/updated", **self.WINDOW)["ids"] == [kept]

    @pytest.mark.parametrize(
        "window",
        [
            {"start": "2026-01-02T08:00:00Z", "end": "2026-03-02T11:00:00Z"},
            {"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T08:00:30Z"},
            {"start": "soon", "end": "later"},
        ],
    )
    def test_a_window_too_old_too_short_or_unreadable_is_refused(
        self, api: Api, window: dict[str, str]
    ) -> None:
        status, error = api.error("GET", "/sobjects/Account/deleted", **window)
        assert (status, error["errorCode"]) == (400, "INVALID_REPLICATION_DATE")

    def test_the_loser_of_a_merge_points_at_the_winner_and_loses_its_children(
        self, api: Api
    ) -> None:
        winner, loser = (api.create("Account", Name=name) for name in "WL")
        contact = api.create("Contact", LastName="Ann", AccountId=loser)
        deal = api.deal(AccountId=loser)
        api.clock.advance(timedelta(minutes=1))
        api.twin.merge("Account", winner, [loser])
        (row,) = api.get(
            "/queryAll",
            q=f"SELECT IsDeleted, MasterRecordId, SystemModstamp FROM Account WHERE Id = '{loser}'",
        )["records"]
        assert (row["IsDeleted"], row["MasterRecordId"]) == (True, winner)
        assert row["SystemModstamp"] == "2026-03-02T09:01:00.000+0000"
        for name, key in (("Contact", contact), ("Opportunity", deal)):
            assert api.get(f"/sobjects/{name}/{key}")["AccountId"] == winner

    def test_a_user_takes_a_record_out_of_the_bin(self, api: Api) -> None:
        key = api.create("Account", Name="Acme")
        api.call("DELETE", f"/sobjects/Account/{key}")
        api.twin.update("Account", key, {"IsDeleted": False})
        assert api.names("SELECT Name FROM Account") == ["Acme"]


class TestComputed:
    def test_the_stage_says_whether_a_deal_is_won(self, api: Api) -> None:
        key = api.deal()
        assert (
            api.get(f"/sobjects/Opportunity/{key}", fields="IsWon,Probability")["Probability"]
            == 10.0
        )
        api.ok("PATCH", f"/sobjects/Opportunity/{key}", {"StageName": "Closed Won"})
        deal = api.get(f"/sobjects/Opportunity/{key}")
        assert (deal["IsWon"], deal["IsClosed"], deal["Probability"]) == (True, True, 100.0)

    def test_lines_make_the_amount_and_move_the_stamp(self, api: Api) -> None:
        entry, key = api.price(price=100), api.deal(Amount=5)
        api.clock.advance(timedelta(minutes=5))
        line = api.create(
            "OpportunityLineItem",
            OpportunityId=key,
            PricebookEntryId=entry,
            Quantity=3,
            UnitPrice=90.5,
        )
        deal = api.get(f"/sobjects/Opportunity/{key}")
        assert (deal["Amount"], deal["HasOpportunityLineItem"]) == (271.5, True)
        assert deal["SystemModstamp"] == "2026-03-02T09:05:00.000+0000"
        assert deal["Pricebook2Id"] is not None
        shown = api.get(f"/sobjects/OpportunityLineItem/{line}")
        assert (shown["TotalPrice"], shown["ListPrice"], shown["ProductCode"]) == (
            271.5,
            100.0,
            "PUMP",
        )
        api.ok("PATCH", f"/sobjects/Opportunity/{key}", {"Amount": 1})
        assert api.get(f"/sobjects/Opportunity/{key}")["Amount"] == 271.5
        api.call("DELETE", f"/sobjects/OpportunityLineItem/{line}")
        assert api.get(f"/sobjects/Opportunity/{key}")["HasOpportunityLineItem"] is False

    def test_a_line_of_another_price_book_is_refused(self, api: Api) -> None:
        api.price("Pump")
        product = api.query("SELECT Id FROM Product2")[0]["Id"]
        book = api.create("Pricebook2", Name="Partners", IsActive=True)
        other = api.create("PricebookEntry", Pricebook2Id=book, Product2Id=product, UnitPrice=80)
        standard = api.price("Valve")
        key = api.deal()
        api.create("OpportunityLineItem", OpportunityId=key, PricebookEntryId=standard, Quantity=1)
        body = {"OpportunityId": key, "PricebookEntryId": other, "Quantity": 1}
        assert (
            api.error("POST", "/sobjects/OpportunityLineItem", body)[1]["errorCode"]
            == "FIELD_INTEGRITY_EXCEPTION"
        )

    def test_a_product_needs_a_standard_price_first_and_only_one(self, api: Api) -> None:
        product = api.create("Product2", Name="Pump")
        book = api.create("Pricebook2", Name="Partners")
        body = {"Pricebook2Id": book, "Product2Id": product, "UnitPrice": 80}
        assert (
            api.error("POST", "/sobjects/PricebookEntry", body)[1]["errorCode"]
            == "STANDARD_PRICE_NOT_DEFINED"
        )
        (standard,) = api.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
        right = body | {"Pricebook2Id": standard["Id"]}
        api.ok("POST", "/sobjects/PricebookEntry", right)
        assert (
            api.error("POST", "/sobjects/PricebookEntry", right)[1]["errorCode"]
            == "DUPLICATE_VALUE"
        )
        api.ok("POST", "/sobjects/PricebookEntry", body)

    def test_a_quote_adds_up(self, api: Api) -> None:
        entry, deal = api.price(), api.deal()
        quote = api.create("Quote", Name="Q", OpportunityId=deal, Tax=10)
        api.create(
            "QuoteLineItem",
            QuoteId=quote,
            PricebookEntryId=entry,
            Quantity=2,
            UnitPrice=100,
            Discount=10,
        )
        shown = api.get(f"/sobjects/Quote/{quote}")
        assert (shown["TotalPrice"], shown["GrandTotal"], shown["LineItemCount"]) == (
            180.0,
            190.0,
            1,
        )

    def test_an_order_begins_as_a_draft_and_is_numbered(self, api: Api) -> None:
        account, entry = api.create("Account", Name="A"), api.price()
        body = {"AccountId": account, "EffectiveDate": "2026-03-01", "Status": "Activated"}
        assert api.error("POST", "/sobjects/Order", body)[1]["errorCode"] == "FAILED_ACTIVATION"
        order = api.create("Order", **(body | {"Status": "Draft"}))
        api.create("OrderItem", OrderId=order, PricebookEntryId=entry, Quantity=2, UnitPrice=7)
        shown = api.get(f"/sobjects/Order/{order}")
        assert (shown["TotalAmount"], shown["StatusCode"]) == (14.0, "Draft")
        assert shown["OrderNumber"]

    def test_a_task_about_a_deal_knows_the_account(self, api: Api) -> None:
        account = api.create("Account", Name="A")
        task = api.create(
            "Task", Subject="Call", WhatId=api.deal(AccountId=account), Priority="High"
        )
        shown = api.get(f"/sobjects/Task/{task}")
        assert (shown["AccountId"], shown["Status"], shown["IsHighPriority"]) == (
            account,
            "Not Started",
            True,
        )


class TestFeatures:
    def test_without_the_quotes_feature_there_are_no_quotes(self, api: Api) -> None:
        names = {o["name"] for o in api.get("/sobjects")["sobjects"]}
        assert {"Quote", "QuoteLineItem"} <= names
        api.twin.configure({"quotes": False})
        assert "Quote" not in {o["name"] for o in api.get("/sobjects")["sobjects"]}
        assert api.error("GET", "/sobjects/Quote/describe")[0] == 404
        assert (
            api.error("GET", "/query", q="SELECT Id FROM Quote")[1]["errorCode"] == "INVALID_TYPE"
        )

    def test_the_cpq_package_can_be_installed(self, api: Api) -> None:
        api.twin.configure({"cpq": True})
        deal = api.deal()
        api.create("SBQQ__Quote__c", SBQQ__Opportunity2__c=deal, SBQQ__Primary__c=True)
        soql = "SELECT SBQQ__Opportunity2__r.Name, (SELECT Id FROM SBQQ__LineItems__r) FROM SBQQ__Quote__c WHERE SBQQ__Primary__c = true"
        assert api.query(soql)[0]["SBQQ__Opportunity2__r"]["Name"] == "Deal"

    def test_the_currency_field_is_there_only_with_several_currencies(self, api: Api) -> None:
        body = {"Name": "A", "CurrencyIsoCode": "EUR"}
        assert api.error("POST", "/sobjects/Account", body)[1]["errorCode"] == "INVALID_FIELD"
        api.twin.configure({"multi_currency": True})
        key = api.create("Account", **body)
        assert api.get(f"/sobjects/Account/{key}")["CurrencyIsoCode"] == "EUR"
        status, error = api.error("POST", "/sobjects/Account", body | {"CurrencyIsoCode": "JPY"})
        assert (status, error["errorCode"]) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")


def test_versions_are_listed_without_signing_in(api: Api) -> None:
    api.twin.app.end_sessions()
    listed = api.twin.handle(_plain_call("/services/data")).body
    assert listed[-1] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}


def test_a_version_nobody_has_is_not_found(api: Api) -> None:
    api.version = "99.0"
    assert api.error("GET", "/sobjects")[0] == 404


def test_describe_global_and_object_have_the_usual_keys(api: Api) -> None:
    described = api.get("/sobjects/Opportunity/describe")
    fields = {f["name"]: f for f in described["fields"]}
    assert fields["StageName"]["picklistValues"][0]["value"] == "Prospecting"
    assert (fields["Name"]["nillable"], fields["Name"]["length"]) == (False, 120)
    assert (fields["IsWon"]["createable"], fields["IsWon"]["updateable"]) == (False, False)
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    children = {c["relationshipName"] for c in described["childRelationships"]}
    assert "OpportunityLineItems" in children
    assert json.dumps(described)


def test_the_start_is_where_tests_believe_it_is(api: Api) -> None:
    assert api.twin.org.now == START


def _plain_call(path: str) -> Any:
    from interlock.twins.calls import Call

    return Call(method="GET", path=path)
