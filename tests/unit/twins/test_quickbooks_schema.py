"""The QuickBooks twin held against Intuit's published schema: what it knows and what it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.twins.quickbooks.schema import OBJECTS, STRUCTURES

from .quickbooks_api import START, Api
from .quickbooks_spec import ENUMS, TYPES, problems

KINDS = {
    "text": {"xs:string", "ItemTypeEnum", "GlobalTaxCalculationEnum", "PrintStatusEnum",
             "EmailStatusEnum", "AccountTypeEnum", "ETransactionStatusEnum"},
    "number": {"xs:decimal", "xs:int", "xs:positiveInteger"},
    "boolean": {"xs:boolean"}, "date": {"xs:date"}, "ref": {"ReferenceType"},
    "email": {"EmailAddress"}, "phone": {"TelephoneNumber"}, "web": {"WebSiteAddress"},
    "memo": {"MemoRef"}, "address": {"PhysicalAddress"}, "lines": {"Line"}, "applied": {"Line"},
    "links": {"LinkedTxn"}, "custom": {"CustomField"}, "tax": {"TxnTaxDetail"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_property_is_published_with_this_type(name: str) -> None:
    published = TYPES[name]
    for item in OBJECTS[name].properties.values():
        assert item.name in published, item.name
        assert published[item.name][0] in KINDS[item.kind], item


@pytest.mark.parametrize("kind", sorted(STRUCTURES))
def test_every_part_of_a_property_is_published(kind: str) -> None:
    (published,) = KINDS[kind]
    assert set(STRUCTURES[kind]) <= set(TYPES[published])


def test_values_of_choices_are_published() -> None:
    assert OBJECTS["Estimate"].properties["TxnStatus"].values == tuple(
        ENUMS["QboEstimateStatusEnum"] or ()
    )
    assert set(OBJECTS["Item"].properties["Type"].values) <= set(ENUMS["ItemTypeEnum"] or ())


def _answers() -> dict[str, Any]:
    api = Api("small")
    customer = api.customer("Full", Notes="n", WebAddr={"URI": "https://full.example"},
                            PrimaryEmailAddr={"Address": "a@full.example"},
                            BillAddr={"Line1": "1 Quay", "City": "Leeds", "Country": "GB"},
                            SalesTermRef={"value": "3"}, CurrencyRef={"value": "USD"})  # fmt: skip
    item = api.item(Sku="S-1", Type="Service")
    estimate = api.sale("Estimate", customer, item, CustomField=[
        {"DefinitionId": "1", "StringValue": "PO 1"}], CustomerMemo={"value": "thanks"})  # fmt: skip
    invoice = api.sale("Invoice", customer, item, LinkedTxn=[
        {"TxnId": estimate["Id"], "TxnType": "Estimate"}])  # fmt: skip
    api.make("Payment", CustomerRef={"value": customer}, TotalAmt=20, Line=[
        {"Amount": 20, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}])  # fmt: skip
    gone = api.sale("Estimate", customer, item)
    api.sale("CreditMemo", customer, item)
    deleted = api.ok("POST", "/estimate", {"Id": gone["Id"], "SyncToken": "0"}, operation="delete")
    found = {
        f"query {name}": api.ok("GET", "/query", query=f"select * from {name}")
        for name in OBJECTS
    }  # fmt: skip
    found["named"] = api.ok("GET", "/query", query="select Id, BillAddr.City from Customer")
    found["count"] = api.ok("GET", "/query", query="select count(*) from Customer")
    found["nothing"] = api.ok("GET", "/query", query="select * from Vendor")
    found["deleted"] = deleted
    found["read"] = api.ok("GET", f"/invoice/{invoice['Id']}")
    found["cdc"] = api.ok("GET", "/cdc", entities="Customer,Estimate,Vendor",
                          changedSince=START.isoformat())  # fmt: skip
    found["company"] = api.ok("GET", f"/companyinfo/{api.twin.realm}")
    found["preferences"] = api.ok("GET", "/preferences")
    found["batch"] = api.ok("POST", "/batch", {"BatchItemRequest": [
        {"bId": "1", "operation": "create", "Customer": {"DisplayName": "Batch"}},
        {"bId": "2", "operation": "create", "Customer": {"DisplayName": "Batch"}},
        {"bId": "3", "Query": "select * from Term"},
    ]})  # fmt: skip
    found["refused"] = json.loads(api.call("POST", "/customer", {}).encoded())
    return found


ANSWERS = _answers()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_are_as_published(name: str) -> None:
    assert problems("IntuitResponse", ANSWERS[name]) == []


def test_the_answers_looked_at_are_full_ones() -> None:
    (customer,) = [
        c for c in ANSWERS["query Customer"]["QueryResponse"]["Customer"]
        if c["DisplayName"] == "Full"
    ]  # fmt: skip
    assert {"BillAddr", "PrimaryEmailAddr", "Balance", "SalesTermRef", "MetaData"} <= set(customer)
    assert ANSWERS["read"]["Invoice"]["LinkedTxn"]
    assert ANSWERS["nothing"]["QueryResponse"] == {}
    assert "Fault" in ANSWERS["batch"]["BatchItemResponse"][1]


def test_the_check_notices_what_is_not_published() -> None:
    good = ANSWERS["query Customer"]["QueryResponse"]["Customer"][0]
    for wrong in (
        {**good, "Nonsense": 1}, {**good, "Balance": "1"}, {**good, "Active": "true"},
        {**good, "BillAddr": {"Street": "x"}}, {**good, "MetaData": {"CreateTime": "today"}},
    ):  # fmt: skip
        assert problems("Customer", wrong)
