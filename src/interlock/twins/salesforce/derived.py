"""What an org computes by itself: stages, prices, totals, names.

From general knowledge of the product, not verified against an org: which price book a deal takes,
that a deal with lines has their sum as its amount, that lines move the stamp of what they are on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import SObject

if TYPE_CHECKING:
    from interlock.twins.salesforce.org import Org

__all__ = ["adjust", "roll_up"]

_CENT: Final = Decimal("0.01")
_PARENTS: Final = {
    "OpportunityLineItem": ("Opportunity", "OpportunityId"),
    "QuoteLineItem": ("Quote", "QuoteId"),
    "OrderItem": ("Order", "OrderId"),
}

Values = dict[str, Any]
Before = Mapping[str, Any] | None


def adjust(org: Org, one: SObject, row: Values, before: Before) -> None:
    """Compute a record's own fields before it is stored; raises ``Refused`` where they clash."""
    step = _STEPS.get(one.name)
    if step is not None:
        step(org, row, before)


def roll_up(org: Org, one: SObject, row: Mapping[str, Any]) -> None:
    """Compute the totals of the record a line is on, after the line is stored."""
    if one.name not in _PARENTS:
        return
    name, lookup = _PARENTS[one.name]
    parent = org.schema.find(name)
    if parent is None:
        return
    held = org.storage.get(name, row[lookup])
    if held is None or held["IsDeleted"]:
        return
    lines = [r for r in org.storage.find(one.name, lookup, held["Id"]) if not r["IsDeleted"]]
    lines = [r for r in lines if r["Id"] != row["Id"]]
    if not row["IsDeleted"]:
        lines.append(row)
    total = sum((Decimal(r["TotalPrice"] or 0) for r in lines), Decimal(0))
    changes = _totals(name, held, total, len(lines))
    if any(held.get(k) != v for k, v in changes.items()):
        org.write(parent, {**held, **changes, "LastModifiedDate": org.now})


def _totals(name: str, held: Mapping[str, Any], total: Decimal, count: int) -> Values:
    if name == "Opportunity":
        # without lines left the amount stays what it was
        amount = {"Amount": total} if count else {}
        return {"HasOpportunityLineItem": count > 0, **amount}
    if name == "Quote":
        extra = (held.get("Tax") or 0) + (held.get("ShippingHandling") or 0)
        return {"Subtotal": total, "TotalPrice": total, "LineItemCount": count,
                "GrandTotal": total + extra}  # fmt: skip
    return {"TotalAmount": total}


def _person(_org: Org, row: Values, _before: Before) -> None:
    row["Name"] = " ".join(filter(None, (row.get("FirstName"), row.get("LastName"))))


def _opportunity(org: Org, row: Values, before: Before) -> None:
    stages = {s["ApiName"]: s for s in org.storage.rows("OpportunityStage")}
    stage = stages.get(row["StageName"])
    moved = before is None or before["StageName"] != row["StageName"]
    row["IsClosed"] = bool(stage and stage["IsClosed"])
    row["IsWon"] = bool(stage and stage["IsWon"])
    if stage and moved:
        sent = before is not None and row["Probability"] != before["Probability"]
        if (before is None and row.get("Probability") is None) or (before is not None and not sent):
            row["Probability"] = stage["DefaultProbability"]
        row["ForecastCategory"] = stage["ForecastCategory"]
        row["ForecastCategoryName"] = stage["ForecastCategoryName"]
    if before is not None and row["HasOpportunityLineItem"]:
        # with lines the amount is theirs; a value sent for it is dropped without a word
        row["Amount"] = before["Amount"]


def _entry(org: Org, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the price book entry of a line, by itself or by product and the deal's price book."""
    entry = org.storage.get("PricebookEntry", row.get("PricebookEntryId") or "")
    if entry is None or entry["IsDeleted"]:
        raise Refused(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [PricebookEntryId]",
            fields=["PricebookEntryId"],
        )  # fmt: skip
    return entry


def _line(org: Org, one: str, row: Values, before: Before) -> None:
    name, lookup = _PARENTS[one]
    parent = org.storage.get(name, row[lookup])
    assert parent is not None, "the lookup has been checked"
    if not row.get("PricebookEntryId") and row.get("Product2Id"):
        row["PricebookEntryId"] = _standard_entry(org, parent, row["Product2Id"])
    entry = _entry(org, row)
    if before is None:
        _take_price_book(org, name, parent, entry)
        row["Product2Id"] = entry["Product2Id"]
        row["ListPrice"] = entry["UnitPrice"]
        for copied in ("ProductCode", "Name"):
            if copied in row:
                row[copied] = entry[copied]
        if row.get("UnitPrice") is None and row.get("TotalPrice") is not None:
            row["UnitPrice"] = _divided(row["TotalPrice"], row["Quantity"])
        if row.get("UnitPrice") is None:
            row["UnitPrice"] = entry["UnitPrice"]
    elif _only_total_sent(one, row, before):
        row["UnitPrice"] = _divided(row["TotalPrice"], row["Quantity"])
    gross = (row["Quantity"] * row["UnitPrice"]).quantize(_CENT)
    discount = row.get("Discount") or 0
    row["TotalPrice"] = (gross * (100 - discount) / 100).quantize(_CENT)
    if "Subtotal" in row:
        row["Subtotal"] = gross


def _only_total_sent(one: str, row: Values, before: Mapping[str, Any]) -> bool:
    return (
        one == "OpportunityLineItem"
        and row["TotalPrice"] != before["TotalPrice"]
        and row["UnitPrice"] == before["UnitPrice"]
    )


def _divided(total: Decimal, quantity: Decimal) -> Decimal:
    return (total / quantity).quantize(_CENT) if quantity else total


def _standard_entry(org: Org, parent: Mapping[str, Any], product: str) -> str | None:
    books = [parent.get("Pricebook2Id")] if parent.get("Pricebook2Id") else [
        b["Id"] for b in org.storage.rows("Pricebook2") if b["IsStandard"]
    ]  # fmt: skip
    for entry in org.storage.find("PricebookEntry", "Product2Id", product):
        if entry["Pricebook2Id"] in books and not entry["IsDeleted"]:
            return str(entry["Id"])
    return None


def _take_price_book(
    org: Org, name: str, parent: Mapping[str, Any], entry: Mapping[str, Any]
) -> None:
    book = parent.get("Pricebook2Id")
    if book is None:
        org.write(org.object(name), {**parent, "Pricebook2Id": entry["Pricebook2Id"]})
    elif book != entry["Pricebook2Id"]:
        raise Refused(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: PricebookEntryId (pricebook entry is in a different "
            "pricebook than the one assigned to the record)",
            fields=["PricebookEntryId"],
        )


def _pricebook_entry(org: Org, row: Values, before: Before) -> None:
    product = org.storage.get("Product2", row["Product2Id"])
    book = org.storage.get("Pricebook2", row["Pricebook2Id"])
    assert product is not None and book is not None, "the lookups have been checked"
    row["Name"], row["ProductCode"] = product["Name"], product["ProductCode"]
    entries = [
        e for e in org.storage.find("PricebookEntry", "Product2Id", product["Id"])
        if not e["IsDeleted"] and e["Id"] != row["Id"]
        and e.get("CurrencyIsoCode") == row.get("CurrencyIsoCode")
    ]  # fmt: skip
    books = {e["Pricebook2Id"] for e in entries}
    if before is None and row["Pricebook2Id"] in books:
        raise Refused("DUPLICATE_VALUE", "This price definition already exists in this price book")
    standard = {b["Id"] for b in org.storage.rows("Pricebook2") if b["IsStandard"]}
    if not book["IsStandard"] and not books & standard:
        raise Refused(
            "STANDARD_PRICE_NOT_DEFINED",
            "Before creating a custom price, create a standard price.",
        )


def _quote(org: Org, row: Values, before: Before) -> None:
    deal = org.storage.get("Opportunity", row["OpportunityId"])
    if deal is not None:
        row["AccountId"] = deal["AccountId"]
        if before is None and row.get("Pricebook2Id") is None:
            row["Pricebook2Id"] = deal["Pricebook2Id"]
    for total in ("Subtotal", "TotalPrice"):
        row[total] = row.get(total) or Decimal(0)
    row["LineItemCount"] = row.get("LineItemCount") or 0
    extra = (row.get("Tax") or 0) + (row.get("ShippingHandling") or 0)
    row["GrandTotal"] = row["TotalPrice"] + extra


def _order(org: Org, row: Values, before: Before) -> None:
    if before is None and row["Status"] != "Draft":
        raise Refused(
            "FAILED_ACTIVATION", "An order must be created in Draft status.", fields=["Status"]
        )
    row["StatusCode"] = row["Status"]
    row["TotalAmount"] = row.get("TotalAmount") or Decimal(0)
    if row["Status"] == "Activated" and row.get("ActivatedDate") is None:
        row["ActivatedDate"] = org.now


def _task(org: Org, row: Values, _before: Before) -> None:
    row["IsClosed"] = row["Status"] == "Completed"
    row["IsHighPriority"] = row["Priority"] == "High"
    what = row.get("WhatId") or ""
    row["AccountId"] = what if what.startswith("001") else None
    deal = org.storage.get("Opportunity", what)
    if deal is not None:
        row["AccountId"] = deal["AccountId"]


def _line_of(one: str) -> Callable[[Org, Values, Before], None]:
    return lambda org, row, before: _line(org, one, row, before)


_STEPS: Final[dict[str, Callable[[Org, Values, Before], None]]] = {
    "Contact": _person,
    "User": _person,
    "Opportunity": _opportunity,
    "OpportunityLineItem": _line_of("OpportunityLineItem"),
    "QuoteLineItem": _line_of("QuoteLineItem"),
    "OrderItem": _line_of("OrderItem"),
    "PricebookEntry": _pricebook_entry,
    "Quote": _quote,
    "Order": _order,
    "Task": _task,
}
