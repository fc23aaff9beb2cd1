"""How the Salesforce twin says no: every error code, alone and inside a collection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.twins.faults import Fault, FaultKind

from .salesforce_api import Api

MISSING_ACCOUNT = "001gK00000ZZZZZQAR"


@pytest.fixture
def api() -> Api:
    api = Api()
    api.key_field(unique=True)
    return api


REFUSED: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("REQUIRED_FIELD_MISSING", "Account", {"Phone": "1"}, ["Name"]),
    ("STRING_TOO_LONG", "Account", {"Name": "x" * 256}, ["Name"]),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Order", {"EffectiveDate": "2026-01-01", "Status": "Odd"}, ["Status"]),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", "Account", {"Name": "A", "CreatedDate": "2026-01-01T00:00:00Z"}, ["CreatedDate"]),
    ("INVALID_CROSS_REFERENCE_KEY", "Contact", {"LastName": "A", "AccountId": MISSING_ACCOUNT}, []),
    ("MALFORMED_ID", "Contact", {"LastName": "A", "AccountId": "17"}, ["AccountId"]),
    ("MALFORMED_ID", "Contact", {"LastName": "A", "AccountId": "003gK000000001LQAQ"}, ["AccountId"]),
    ("INVALID_EMAIL_ADDRESS", "Contact", {"LastName": "A", "Email": "nobody"}, ["Email"]),
    ("NUMBER_OUTSIDE_VALID_RANGE", "Opportunity", {"Name": "A", "StageName": "x", "CloseDate": "2026-01-01", "Probability": 12345}, ["Probability"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "body", "fields"), REFUSED)
def test_a_record_is_refused_alone_with_errorcode(
    api: Api, code: str, name: str, body: dict[str, Any], fields: list[str]
) -> None:
    status, error = api.error("POST", f"/sobjects/{name}", body)
    assert (status, error["errorCode"], error["fields"]) == (400, code, fields)
    assert error["message"]


@pytest.mark.parametrize(("code", "name", "body", "fields"), REFUSED)
def test_a_record_is_refused_in_a_collection_with_statuscode(
    api: Api, code: str, name: str, body: dict[str, Any], fields: list[str]
) -> None:
    (result,) = api.ok(
        "POST", "/composite/sobjects", {"records": [{"attributes": {"type": name}, **body}]}
    )
    (error,) = result["errors"]
    assert (result["success"], error["statusCode"], error["fields"]) == (False, code, fields)
    assert "id" not in result


def test_texts_of_the_usual_messages(api: Api) -> None:
    told = {}
    for code, name, body, _ in REFUSED:
        told.setdefault(code, api.error("POST", f"/sobjects/{name}", body)[1]["message"])
    assert told["REQUIRED_FIELD_MISSING"] == "Required fields are missing: [Name]"
    assert told["STRING_TOO_LONG"].endswith("(max length=255)")
    assert (
        told["INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]
        == "Status: bad value for restricted picklist field: Odd"
    )
    assert told["INVALID_CROSS_REFERENCE_KEY"] == "invalid cross reference id"


def test_a_second_record_with_a_unique_value_is_refused(api: Api) -> None:
    first = api.create("Account", Name="A", Key__c="k")
    status, error = api.error("POST", "/sobjects/Account", {"Name": "B", "Key__c": "K"})
    assert (status, error["errorCode"]) == (400, "DUPLICATE_VALUE")
    assert (
        error["message"]
        == f"duplicate value found: Key__c duplicates value on record with id: {first[:15]}"
    )
    second = api.create("Account", Name="B", Key__c="other")
    assert (
        api.error("PATCH", f"/sobjects/Account/{second}", {"Key__c": "k"})[1]["errorCode"]
        == "DUPLICATE_VALUE"
    )
    api.call("DELETE", f"/sobjects/Account/{first}")
    api.ok("PATCH", f"/sobjects/Account/{second}", {"Key__c": "k"})


def test_a_unique_value_whose_commit_is_late_is_taken_already(api: Api) -> None:
    with api.twin.storage.delayed(timedelta(seconds=20)):
        api.create("Account", Name="A", Key__c="k")
    assert api.query("SELECT Id FROM Account") == []
    assert (
        api.error("PATCH", "/sobjects/Account/Key__c/k", {"Name": "B"})[1]["errorCode"]
        == "DUPLICATE_VALUE"
    )


def test_a_deleted_record_is_refused_and_an_unknown_one_not_found(api: Api) -> None:
    key = api.create("Account", Name="A")
    api.call("DELETE", f"/sobjects/Account/{key}")
    for method in ("PATCH", "DELETE"):
        status, error = api.error(method, f"/sobjects/Account/{key}", {"Phone": "1"})
        assert (status, error["errorCode"]) == (404, "ENTITY_IS_DELETED")
        assert api.error(method, f"/sobjects/Account/{MISSING_ACCOUNT}", {"Phone": "1"})[0] == 404
    attributes = {"attributes": {"type": "Account"}, "Phone": "1"}
    records = [attributes | {"id": key}, attributes | {"id": MISSING_ACCOUNT}]
    codes = [
        r["errors"][0]["statusCode"]
        for r in api.ok("PATCH", "/composite/sobjects", {"records": records})
    ]
    assert codes == ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"]
    status, error = api.error("POST", "/sobjects/Contact", {"LastName": "B", "AccountId": key})
    assert error["errorCode"] == "ENTITY_IS_DELETED"


def test_a_row_another_transaction_holds_is_locked(api: Api) -> None:
    key = api.create("Account", Name="A")
    with api.twin.storage.delayed(timedelta(seconds=20)):
        api.twin.update("Account", key, {"Phone": "2"})
    status, error = api.error("PATCH", f"/sobjects/Account/{key}", {"Phone": "1"})
    assert (status, error["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    api.clock.advance(timedelta(seconds=20))
    api.ok("PATCH", f"/sobjects/Account/{key}", {"Phone": "1"})


def test_a_row_is_locked_on_demand_for_callers_but_not_for_people(api: Api) -> None:
    key = api.create("Account", Name="A")
    api.twin.faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
    api.twin.update("Account", key, {"Phone": "2"})
    assert (
        api.error("PATCH", f"/sobjects/Account/{key}", {"Phone": "1"})[1]["errorCode"]
        == "UNABLE_TO_LOCK_ROW"
    )
    api.ok("PATCH", f"/sobjects/Account/{key}", {"Phone": "1"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Nme": "x"}, "INVALID_FIELD"),
        ({"Name": {"a": 1}}, "INVALID_FIELD"),
        ({"Name": ["a"]}, "JSON_PARSER_ERROR"),
        ({"Name": "x", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR"),
        ([1], "JSON_PARSER_ERROR"),
    ],
)
def test_bodies_that_make_no_sense(api: Api, body: Any, code: str) -> None:
    status, error = api.error("POST", "/sobjects/Account", body)
    assert (status, error["errorCode"]) == (400, code)


@pytest.mark.parametrize("value", ["2026-02-30", "soon", 7])
def test_what_is_no_date_is_refused(api: Api, value: Any) -> None:
    body = {"Name": "A", "StageName": "x", "CloseDate": value}
    assert api.error("POST", "/sobjects/Opportunity", body)[1]["errorCode"] == "JSON_PARSER_ERROR"


def test_unknown_objects_and_paths_and_methods(api: Api) -> None:
    assert api.error("POST", "/sobjects/Nothing", {})[0] == 404
    assert api.error("GET", "/nowhere")[0] == 404
    status, error = api.error("PUT", "/sobjects/Account")
    assert (status, error["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


def test_an_address_too_long_is_414_and_not_json(api: Api) -> None:
    answer = api.call(
        "GET", "/query", q="SELECT Id FROM Account WHERE Id IN (" + "'x'," * 5000 + ")"
    )
    assert answer.status == 414
    assert answer.encoded().startswith(b"<h1>")


def test_without_a_session_nothing_is_told(api: Api) -> None:
    api.twin.configure({"end_sessions": True})
    status, error = api.error("GET", "/sobjects")
    assert (status, error) == (
        401,
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"},
    )


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.THROTTLED, 403, "REQUEST_LIMIT_EXCEEDED"),
        (FaultKind.QUOTA_REACHED, 403, "REQUEST_LIMIT_EXCEEDED"),
        (FaultKind.UNAVAILABLE, 503, "SERVER_UNAVAILABLE"),
    ],
)
def test_limits_are_refused_without_retry_after(
    api: Api, kind: FaultKind, status: int, code: str
) -> None:
    answer = api.twin.finish(api.twin.refuse(Fault(kind=kind)))
    assert (answer.status, answer.body[0]["errorCode"]) == (status, code)
    assert set(answer.headers) == {"Sforce-Limit-Info"}


def test_the_usage_is_on_every_answer_and_in_limits(api: Api) -> None:
    api.twin.quota.limit, api.twin.quota.others = 100, 40
    api.twin.quota.take()
    assert (
        api.twin.finish(api.call("GET", "/sobjects")).headers["Sforce-Limit-Info"]
        == "api-usage=41/100"
    )
    assert api.get("/limits")["DailyApiRequests"] == {"Max": 100, "Remaining": 59}
