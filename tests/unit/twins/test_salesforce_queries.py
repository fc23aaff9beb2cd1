"""SOQL of the Salesforce twin: what it finds, how it shows it, and what it does not understand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from interlock.twins.salesforce.dates import span
from interlock.twins.salesforce.soql import DateLiteral

from .salesforce_api import Api


@pytest.fixture(scope="module")
def org() -> Api:
    """Four accounts, one of them without phone; people, deals and lines."""
    api = Api()
    api.key_field()
    entry = api.price(price=10)
    for number, (name, phone, revenue) in enumerate(
        (("Ash", "1", 100), ("birch_co", "2", 250.5), ("Cedar's", None, None), ("100% Oak", "4", 7))
    ):
        account = api.create(
            "Account", Name=name, Phone=phone, AnnualRevenue=revenue, Key__c=f"K{number}"
        )
        api.create("Contact", LastName=f"L{number}", AccountId=account)
        deal = api.deal(
            Name=f"D{number}",
            AccountId=account,
            StageName="Closed Won" if number == 1 else "Prospecting",
            CloseDate=f"2026-03-0{number + 1}",
        )
        for quantity in range(number):
            api.create(
                "OpportunityLineItem",
                OpportunityId=deal,
                PricebookEntryId=entry,
                Quantity=quantity + 1,
                UnitPrice=10,
            )
        api.clock.advance(timedelta(hours=1))
    return api


A, B, C, D = "Ash", "birch_co", "Cedar's", "100% Oak"


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Name = 'ash'", [A]),
        ("Name != 'ash'", [D, B, C]),
        ("Name <> 'ash' AND Phone = null", [C]),
        ("NOT Name = 'Ash'", [D, B, C]),
        ("NOT (Name = 'Ash' OR Phone = '2')", [D, C]),
        ("Phone = '1' OR Phone = '2' OR Phone = '9'", [A, B]),
        ("(Phone = '1' OR Phone = '2') AND Name LIKE 'b%'", [B]),
        ("Name LIKE '%c%'", [B, C]),
        ("Name LIKE 'birch\\_co'", [B]),
        ("Name LIKE '100\\%%'", [D]),
        ("Name LIKE '_sh'", [A]),
        ("Name = 'Cedar\\'s'", [C]),
        ("Phone != null", [D, A, B]),
        ("AnnualRevenue > 7", [A, B]),
        ("AnnualRevenue >= 7 AND AnnualRevenue <= 251", [D, A, B]),
        ("Phone IN ('1', '4')", [D, A]),
        ("Phone NOT IN ('1', '4')", [B, C]),
        ("IsDeleted = false", [D, A, B, C]),
        ("IsDeleted = true", []),
        ("SystemModstamp >= 2026-03-02T11:00:00Z", [D, C]),
        ("SystemModstamp > 2026-03-02T12:00:00+01:00 AND SystemModstamp <= 2026-03-02T12:00:00.000+0000", [D]),
        ("CreatedDate = TODAY", [D, A, B, C]),
        ("CreatedDate < TODAY", []),
        ("CreatedDate = LAST_N_DAYS:3", [D, A, B, C]),
        ("Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", [B]),
        ("Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", [D, A, C]),
        ("Owner.Name = 'Integration User' AND Key__c = 'k2'", [C]),
    ],
)  # fmt: skip
def test_where(org: Api, where: str, names: list[str]) -> None:
    assert org.names(f"SELECT Name FROM Account WHERE {where} ORDER BY Name") == names


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        ("ORDER BY Name", [D, A, B, C]),
        ("order by name desc", [C, B, A, D]),
        ("ORDER BY Phone", [C, A, B, D]),
        ("ORDER BY Phone NULLS LAST", [A, B, D, C]),
        ("ORDER BY Phone DESC", [D, B, A, C]),
        ("ORDER BY Phone DESC NULLS FIRST", [C, D, B, A]),
        ("ORDER BY AnnualRevenue DESC, Name LIMIT 2", [B, A]),
        ("ORDER BY CreatedDate LIMIT 2 OFFSET 1", [B, C]),
        ("ORDER BY IsDeleted, SystemModstamp, Id", [A, B, C, D]),
    ],
)
def test_order_limit_offset(org: Api, rest: str, names: list[str]) -> None:
    assert org.names(f"SELECT Name FROM Account {rest}") == names


def test_ids_match_in_both_lengths(org: Api) -> None:
    key = org.query("SELECT Id FROM Account WHERE Name = 'Ash'")[0]["Id"]
    assert org.names(f"SELECT Name FROM Account WHERE Id = '{key[:15]}'") == ["Ash"]
    assert org.names(f"SELECT Name FROM Account WHERE Id IN ('{key}')") == ["Ash"]


def test_walking_by_id_meets_every_record_once(org: Api) -> None:
    seen, last = [], "000000000000000"
    while rows := org.query(f"SELECT Id FROM Account WHERE Id > '{last}' ORDER BY Id LIMIT 1"):
        last = rows[0]["Id"]
        seen.append(last)
    assert len(set(seen)) == len(seen) == 4


def test_parents_are_nested_and_null_where_there_is_none(org: Api) -> None:
    (row,) = org.query(
        "SELECT Name, Account.Name, Account.Owner.Username, Pricebook2.Name FROM Opportunity WHERE Name = 'D0'"
    )
    assert row["Account"]["Name"] == "Ash"
    assert row["Account"]["attributes"]["type"] == "Account"
    assert row["Account"]["Owner"]["Username"] == "integration@twin.example"
    assert row["Pricebook2"] is None


def test_children_are_a_result_of_their_own_and_null_where_there_are_none(org: Api) -> None:
    soql = "SELECT Name, (SELECT Quantity, Product2.Name FROM OpportunityLineItems WHERE Quantity > 1 ORDER BY Quantity DESC) FROM Opportunity ORDER BY Name"
    rows = org.query(soql)
    assert [
        row["OpportunityLineItems"] and row["OpportunityLineItems"]["totalSize"] for row in rows
    ] == [None, None, 1, 2]
    lines = rows[3]["OpportunityLineItems"]
    assert lines["done"]
    assert [line["Quantity"] for line in lines["records"]] == [3.0, 2.0]
    assert lines["records"][0]["Product2"]["Name"] == "Pump"


def test_count_counts(org: Api) -> None:
    answer = org.get("/query", q="SELECT COUNT() FROM Account WHERE Phone != null")
    assert answer == {"totalSize": 3, "done": True, "records": []}


def test_a_polymorphic_lookup_tells_its_type(org: Api) -> None:
    deal = org.query("SELECT Id FROM Opportunity LIMIT 1")[0]["Id"]
    org.create("Task", Subject="T", WhatId=deal)
    (row,) = org.query("SELECT What.Type, What.Name FROM Task WHERE What.Type = 'Opportunity'")
    assert row["What"]["Type"] == "Opportunity"


def test_numbers_are_doubles_and_dates_are_dates(org: Api) -> None:
    (row,) = org.query("SELECT Amount, CloseDate, Probability FROM Opportunity WHERE Name = 'D2'")
    assert (row["Amount"], row["CloseDate"], row["Probability"]) == (30.0, "2026-03-03", 10.0)


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Nope.Name FROM Account", "INVALID_FIELD", "relationship 'Nope'"),
        ("SELECT (SELECT Id FROM Nopes) FROM Account", "INVALID_TYPE", "relationship 'Nopes'"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD", "must be of type dateTime and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field"),
        ("SELECT Id FROM Account WHERE Phone = '1' OR Phone = '2' AND Name = 'x'", "MALFORMED_QUERY", "AND"),
        ("SELECT Id FROM Account GROUP BY Name", "MALFORMED_QUERY", "does not support GROUP BY"),
        ("SELECT MAX(CreatedDate) FROM Account", "MALFORMED_QUERY", "does not support MAX"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 200", "MALFORMED_QUERY", "does not support FIELDS"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY", "does not support FOR UPDATE"),
        ("SELECT Id FROM Account WITH SECURITY_ENFORCED", "MALFORMED_QUERY", "does not support WITH"),
        ("SELECT Id FROM Account WHERE Type INCLUDES ('a')", "MALFORMED_QUERY", "does not support INCLUDES"),
        ("SELECT * FROM Account", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("DELETE FROM Account", "MALFORMED_QUERY", "unexpected token"),
    ],
)  # fmt: skip
def test_what_is_refused_and_how(org: Api, soql: str, code: str, words: str) -> None:
    status, error = org.error("GET", "/query", q=soql)
    assert (status, error["errorCode"]) == (400, code)
    assert words in error["message"]


class TestPages:
    @pytest.fixture
    def api(self) -> Api:
        api = Api()
        for number in range(7):
            api.create("Account", Name=f"A{number}")
        api.twin.configure({"query_page": 3})
        return api

    def walk(self, api: Api) -> list[Any]:
        page = api.get("/query", q="SELECT Name FROM Account ORDER BY Name")
        seen = [page]
        while not page["done"]:
            page = api.get(page["nextRecordsUrl"].removeprefix("/services/data/v67.0"))
            seen.append(page)
        return seen

    def test_pages_lead_to_the_end_and_say_how_many(self, api: Api) -> None:
        pages = self.walk(api)
        assert [len(p["records"]) for p in pages] == [3, 3, 1]
        assert {p["totalSize"] for p in pages} == {7}
        assert "nextRecordsUrl" not in pages[-1]

    def test_a_cursor_ends_after_a_quarter_of_an_hour_unused(self, api: Api) -> None:
        page = api.get("/query", q="SELECT Name FROM Account")
        path = page["nextRecordsUrl"].removeprefix("/services/data/v67.0")
        api.clock.advance(timedelta(minutes=14))
        api.get(path)
        api.clock.advance(timedelta(minutes=16))
        assert api.error("GET", path)[1]["errorCode"] == "INVALID_QUERY_LOCATOR"

    def test_the_caller_chooses_a_page_between_200_and_2000(self) -> None:
        api = Api()
        for number in range(250):
            api.twin.insert("Account", {"Name": f"A{number}"})
        sizes = {}
        for asked in ("batchSize=10", "batchSize=240", "batchSize=9999", ""):
            headers = {"sforce-query-options": asked}
            answer = api.call("GET", "/query", q="SELECT Id FROM Account", headers=headers)
            sizes[asked] = len(answer.body["records"])
        assert sizes == {"batchSize=10": 200, "batchSize=240": 240, "batchSize=9999": 250, "": 250}


@pytest.mark.parametrize(
    ("name", "count", "first", "after"),
    [
        ("TODAY", 0, "2026-03-04", "2026-03-05"),
        ("YESTERDAY", 0, "2026-03-03", "2026-03-04"),
        ("TOMORROW", 0, "2026-03-05", "2026-03-06"),
        ("THIS_WEEK", 0, "2026-03-01", "2026-03-08"),
        ("LAST_WEEK", 0, "2026-02-22", "2026-03-01"),
        ("THIS_MONTH", 0, "2026-03-01", "2026-04-01"),
        ("LAST_MONTH", 0, "2026-02-01", "2026-03-01"),
        ("NEXT_MONTH", 0, "2026-04-01", "2026-05-01"),
        ("THIS_QUARTER", 0, "2026-01-01", "2026-04-01"),
        ("LAST_N_QUARTERS", 2, "2025-07-01", "2026-01-01"),
        ("THIS_YEAR", 0, "2026-01-01", "2027-01-01"),
        ("LAST_N_MONTHS", 3, "2025-12-01", "2026-03-01"),
        ("NEXT_N_DAYS", 2, "2026-03-05", "2026-03-07"),
        ("LAST_N_DAYS", 2, "2026-03-02", "2026-03-05"),
    ],
)
def test_date_literals(name: str, count: int, first: str, after: str) -> None:
    # a Wednesday
    assert span(DateLiteral(name, count), date(2026, 3, 4)) == (
        date.fromisoformat(first), date.fromisoformat(after),
    )  # fmt: skip


def test_a_change_that_commits_late_is_found_with_its_earlier_stamp() -> None:
    api = Api()
    with api.twin.storage.delayed(timedelta(minutes=3)):
        api.create("Account", Name="Late")
    api.clock.advance(timedelta(minutes=2))
    assert api.query("SELECT Id FROM Account") == []
    api.clock.advance(timedelta(minutes=1))
    (row,) = api.query("SELECT SystemModstamp FROM Account")
    assert row["SystemModstamp"] == "2026-03-02T09:00:00.000+0000"
