"""Collections, chains and graphs of the Salesforce twin."""

from __future__ import annotations

from typing import Any

import pytest

from .salesforce_api import Api

BASE = "/services/data/v67.0"


@pytest.fixture
def api() -> Api:
    api = Api()
    api.key_field(unique=True)
    return api


def records(*bodies: dict[str, Any], kind: str = "Account") -> list[dict[str, Any]]:
    return [{"attributes": {"type": kind}, **body} for body in bodies]


class TestCollections:
    def test_one_bad_record_does_not_hold_up_the_others(self, api: Api) -> None:
        results = api.ok(
            "POST", "/composite/sobjects", {"records": records({"Name": "A"}, {}, {"Name": "C"})}
        )
        assert [r["success"] for r in results] == [True, False, True]
        assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
        assert api.names("SELECT Name FROM Account ORDER BY Name") == ["A", "C"]

    def test_all_or_none_takes_the_good_ones_back(self, api: Api) -> None:
        body = {"allOrNone": True, "records": records({"Name": "A"}, {}, {"Name": "C"})}
        results = api.ok("POST", "/composite/sobjects", body)
        codes = [r["errors"][0]["statusCode"] for r in results]
        rolled = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        assert codes == [rolled, "REQUIRED_FIELD_MISSING", rolled]
        assert api.query("SELECT Id FROM Account") == []

    def test_two_hundred_records_are_one_call_and_one_more_is_too_many(self, api: Api) -> None:
        many = records(*({"Name": f"A{n}"} for n in range(201)))
        assert len(api.ok("POST", "/composite/sobjects", {"records": many[:200]})) == 200
        status, error = api.error("POST", "/composite/sobjects", {"records": many})
        assert (status, error["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
        assert api.get("/query", q="SELECT COUNT() FROM Account")["totalSize"] == 200

    def test_updating_and_deleting(self, api: Api) -> None:
        first, second = (api.create("Account", Name=n) for n in "AB")
        results = api.ok(
            "PATCH",
            "/composite/sobjects",
            {"records": records({"id": first, "Name": "X"}, {"Name": "no id"})},
        )
        assert [r["success"] for r in results] == [True, False]
        assert api.names("SELECT Name FROM Account ORDER BY Name") == ["B", "X"]
        gone = api.ok(
            "DELETE",
            "/composite/sobjects",
            ids=f"{first},{second[:15]},001000000000000",
            allOrNone="false",
        )
        assert [r["success"] for r in gone] == [True, True, False]

    def test_upserting_by_external_id(self, api: Api) -> None:
        path = "/composite/sobjects/Account/Key__c"
        api.create("Account", Name="Old", Key__c="1")
        body = {
            "records": records(
                {"Name": "New 1", "Key__c": "1"},
                {"Name": "Two", "Key__c": "2"},
                {"Name": "Again", "Key__c": "2"},
                {"Name": "None"},
            )
        }
        results = api.ok("PATCH", path, body)
        assert [(r["success"], r.get("created")) for r in results] == [
            (True, False),
            (True, True),
            (False, None),
            (False, None),
        ]
        assert results[2]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
        assert api.names("SELECT Name FROM Account ORDER BY Name") == ["New 1", "Two"]

    def test_reading_by_id_keeps_the_order_and_shows_null_for_what_is_gone(self, api: Api) -> None:
        first, second = (api.create("Account", Name=n) for n in "AB")
        api.call("DELETE", f"/sobjects/Account/{first}")
        body = {"ids": [second, first], "fields": ["Name"]}
        rows = api.ok("POST", "/composite/sobjects/Account", body)
        assert [row and row["Name"] for row in rows] == ["B", None]
        assert api.get("/composite/sobjects/Account", ids=second, fields="Name")[0]["Id"] == second


def step(
    reference: str, url: str, body: Any = None, method: str = "POST", **more: Any
) -> dict[str, Any]:
    return {"referenceId": reference, "url": BASE + url, "method": method, "body": body, **more}


def order_graph(name: str, entry: str, *, bad: bool = False) -> dict[str, Any]:
    return {
        "graphId": name,
        "compositeRequest": [
            step("account", "/sobjects/Account", {"Name": name}),
            step(
                "order",
                "/sobjects/Order",
                {"AccountId": "@{account.id}", "EffectiveDate": "2026-03-01", "Status": "Draft"},
            ),
            step(
                "line",
                "/sobjects/OrderItem",
                {
                    "OrderId": "@{order.id}",
                    "PricebookEntryId": entry,
                    "Quantity": None if bad else 2,
                    "UnitPrice": 5,
                },
            ),
            step("look", "/sobjects/Order/@{order.id}?fields=TotalAmount", method="GET"),
        ],
    }


class TestGraph:
    def test_a_header_and_its_lines_are_made_together(self, api: Api) -> None:
        (graph,) = api.ok(
            "POST", "/composite/graph", {"graphs": [order_graph("Acme", api.price())]}
        )["graphs"]
        assert (graph["graphId"], graph["isSuccessful"]) == ("Acme", True)
        answers = graph["graphResponse"]["compositeResponse"]
        assert [a["httpStatusCode"] for a in answers] == [201, 201, 201, 200]
        assert [a["referenceId"] for a in answers] == ["account", "order", "line", "look"]
        assert answers[0]["httpHeaders"]["Location"].endswith(answers[0]["body"]["id"])
        assert answers[3]["body"]["TotalAmount"] == 10.0

    def test_a_graph_that_fails_leaves_nothing_and_the_other_stands(self, api: Api) -> None:
        entry = api.price()
        body = {"graphs": [order_graph("Bad", entry, bad=True), order_graph("Good", entry)]}
        bad, good = api.ok("POST", "/composite/graph", body)["graphs"]
        assert (bad["isSuccessful"], good["isSuccessful"]) == (False, True)
        codes = [a["body"][0]["errorCode"] for a in bad["graphResponse"]["compositeResponse"]]
        assert codes == [
            "PROCESSING_HALTED",
            "PROCESSING_HALTED",
            "REQUIRED_FIELD_MISSING",
            "PROCESSING_HALTED",
        ]
        assert api.names("SELECT Name FROM Account") == ["Good"]
        assert api.get("/query", q="SELECT COUNT() FROM Order")["totalSize"] == 1

    def test_a_reference_to_nothing_halts_the_graph(self, api: Api) -> None:
        steps = [step("a", "/sobjects/Contact", {"LastName": "x", "AccountId": "@{other.id}"})]
        (graph,) = api.ok(
            "POST", "/composite/graph", {"graphs": [{"graphId": "1", "compositeRequest": steps}]}
        )["graphs"]
        assert graph["isSuccessful"] is False

    @pytest.mark.parametrize(
        "graphs",
        [
            [{"graphId": "1", "compositeRequest": [step(f"r{n}", "/sobjects/Account", {"Name": "x"}) for n in range(501)]}],
            [{"graphId": str(n), "compositeRequest": [step("r", "/sobjects/Account", {"Name": "x"})]} for n in range(76)],
            [{"compositeRequest": [step("r", "/sobjects/Account", {"Name": "x"})]}],
            [{"graphId": "1", "compositeRequest": [step("r", "/sobjects/Account"), step("r", "/sobjects/Account")]}],
            [{"graphId": "1", "compositeRequest": [{"url": "x"}]}],
            [{"graphId": "1"}],
        ],
    )  # fmt: skip
    def test_graphs_too_large_or_malformed_are_refused_whole(
        self, api: Api, graphs: list[Any]
    ) -> None:
        assert api.error("POST", "/composite/graph", {"graphs": graphs})[0] == 400
        assert api.query("SELECT Id FROM Account") == []


class TestComposite:
    def test_calls_are_carried_out_in_order_with_their_headers(self, api: Api) -> None:
        key = api.create("Account", Name="A")
        stale = {"If-Unmodified-Since": "Mon, 02 Mar 2026 08:00:00 GMT"}
        steps = [
            step("a", f"/sobjects/Account/{key}", {"Name": "B"}, "PATCH", httpHeaders=stale),
            step("b", f"/sobjects/Account/{key}", {"Phone": "1"}, "PATCH"),
            step("c", "/query?q=SELECT+Name+FROM+Account", method="GET"),
        ]
        answers = api.ok("POST", "/composite", {"compositeRequest": steps})["compositeResponse"]
        assert [a["httpStatusCode"] for a in answers] == [412, 204, 200]
        assert answers[2]["body"]["records"][0]["Name"] == "A"

    def test_all_or_none_takes_everything_back(self, api: Api) -> None:
        steps = [step("a", "/sobjects/Account", {"Name": "A"}), step("b", "/sobjects/Account", {})]
        body = {"allOrNone": True, "compositeRequest": steps}
        answers = api.ok("POST", "/composite", body)["compositeResponse"]
        assert [a["body"][0]["errorCode"] for a in answers] == [
            "PROCESSING_HALTED",
            "REQUIRED_FIELD_MISSING",
        ]
        assert api.query("SELECT Id FROM Account") == []

    def test_more_than_25_calls_are_refused(self, api: Api) -> None:
        steps = [step(f"r{n}", "/sobjects/Account", {"Name": "x"}) for n in range(26)]
        assert (
            api.error("POST", "/composite", {"compositeRequest": steps})[1]["errorCode"]
            == "LIMIT_EXCEEDED"
        )
