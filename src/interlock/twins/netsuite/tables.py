"""The tables of the query language: other names and other shapes than the record API's.

Lines of what is sold carry quantities and amounts with the opposite sign, for they are bookings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.schema import TYPES
from interlock.twins.netsuite.values import LABELS
from interlock.twins.storage import Row

__all__ = ["TABLES", "Column", "Table"]

Read = Callable[[Account, Row], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``target``: the record type whose name ``BUILTIN.DF`` shows."""

    read: Read
    target: str = ""
    labels: str = ""
    """What stands before a code in the table of labels."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``rows`` gives what was visible at a time, ``custom`` begins its custom columns."""

    columns: Mapping[str, Column]
    rows: Callable[[Account, datetime | None], Iterable[Row]]
    custom: str = ""


def _plain(*names: str) -> dict[str, Column]:
    """Make columns named like the properties they show."""
    return {name.lower(): Column(lambda _a, r, n=name: r.get(n)) for name in names}  # type: ignore[misc]


def _ref(name: str, target: str) -> Column:
    return Column(lambda _a, r: r.get(name), target)


def _stored(name: str) -> Callable[[Account, datetime | None], Iterable[Row]]:
    return lambda account, at: account.storage.rows(name, at)


# ── entities ─────────────────────────────────────────────────────────────────────────────────

_ENTITY: Final = {
    **_plain("id", "externalId", "entityId", "email", "phone", "isInactive", "comments",
             "lastModifiedDate", "dateCreated"),
}  # fmt: skip
_CUSTOMER: Final = {
    **_ENTITY,
    **_plain("companyName", "isPerson", "url", "vatRegNumber", "accountNumber", "creditLimit"),
    "terms": _ref("terms", "term"), "currency": _ref("currency", "currency"),
    "pricelevel": _ref("priceLevel", "priceLevel"),
    "creditholdoverride": Column(lambda _a, r: r.get("creditHoldOverride"), labels=" "),
    "balancesearch": Column(lambda a, r: a.balance(r["id"])),
    "overduebalancesearch": Column(lambda a, r: a.overdue(r["id"])[0]),
    "daysoverduesearch": Column(lambda a, r: a.overdue(r["id"])[1]),
}  # fmt: skip
_CONTACT: Final = {
    **_ENTITY, **_plain("firstName", "lastName", "title"), "company": _ref("company", "customer"),
}  # fmt: skip


def _addresses(account: Account, at: datetime | None) -> Iterator[Row]:
    for customer in account.storage.rows("customer", at):
        for line in customer["addressBook"]:
            place = line.get("addressBookAddress") or {}
            # the place has a key of its own
            yield {**place, **line, "entity": customer["id"], "nkey": f"9{line['id']}"}


_BOOK: Final = {
    "internalid": Column(lambda _a, r: r["id"]), "entity": _ref("entity", "customer"),
    "addressbookaddress": Column(lambda _a, r: r["nkey"]),
    **_plain("defaultBilling", "defaultShipping", "label"),
}  # fmt: skip
_PLACE: Final = _plain("nkey", "addr1", "addr2", "addr3", "city", "state", "zip", "country",
                       "addressee", "attention")  # fmt: skip


def _subsidiaries(account: Account, at: datetime | None) -> Iterator[Row]:
    for row in account.storage.rows("customer", at):
        if row.get("subsidiary"):
            yield {"entity": row["id"], "subsidiary": row["subsidiary"], "isPrimarySub": True}


# ── items ────────────────────────────────────────────────────────────────────────────────────


def _items(account: Account, at: datetime | None) -> Iterator[Row]:
    for kind in TYPES.values():
        if kind.family == "item":
            for row in account.storage.rows(kind.name, at):
                yield {**row, "itemType": kind.code}


_ITEM: Final = _plain(
    "id", "externalId", "itemId", "displayName", "itemType", "isInactive", "saleUnit", "cost",
    "averageCost", "lastPurchasePrice", "lastModifiedDate",
)  # fmt: skip


def _prices(account: Account, at: datetime | None) -> Iterator[Row]:
    for row in _items(account, at):
        for price in row["price"]:
            name = account.name_of("priceLevel", price["priceLevel"])
            yield {**price, "item": row["id"], "priceLevelName": name}


def _stocks(account: Account, at: datetime | None) -> Iterator[Row]:
    for row in _items(account, at):
        for place in row["locations"]:
            yield {**place, "item": row["id"]}


# ── transactions ─────────────────────────────────────────────────────────────────────────────

_BOOKED: Final = {"salesOrder": -1, "invoice": -1, "creditMemo": 1, "itemFulfillment": -1}


def _transactions(account: Account, at: datetime | None) -> Iterator[Row]:
    for kind in TYPES.values():
        if kind.family == "transaction":
            for row in account.storage.rows(kind.name, at):
                yield {**row, "kind": kind.name}


def _total(account: Account, row: Row) -> Decimal:
    if row["kind"] == "customerPayment":
        return Decimal(row["payment"])
    total = sum(account.totals(row), Decimal(0))
    return -total if row["kind"] == "creditMemo" else total


def _unpaid(account: Account, row: Row) -> Decimal | None:
    return account.remaining(row) if row["kind"] == "invoice" else None


def _unused(account: Account, row: Row) -> Decimal | None:
    return account.remaining(row) if row["kind"] == "creditMemo" else None


_TRANSACTION: Final = {
    **_plain("id", "externalId", "tranId", "tranDate", "dueDate", "closeDate", "memo",
             "otherRefNum", "exchangeRate", "lastModifiedDate", "estGrossProfit"),
    "type": Column(lambda _a, r: TYPES[r["kind"]].code),
    "recordtype": Column(lambda _a, r: r["kind"].lower()),
    "entity": Column(lambda _a, r: r.get("entity") or r.get("customer"), "customer"),
    "currency": _ref("currency", "currency"),
    "terms": _ref("terms", "term"),
    "status": Column(lambda a, r: a.status_of(r["kind"], r), labels="kind"),
    "foreigntotal": Column(_total),
    "foreignamountunpaid": Column(_unpaid),
    "foreignpaymentamountunused": Column(_unused),
}  # fmt: skip


def _lines(account: Account, at: datetime | None) -> Iterator[Row]:
    for row in _transactions(account, at):
        sign = _BOOKED.get(row["kind"], 0)
        head = {"transaction": row["id"], "mainline": False, "taxline": False, "line": 0}
        net, tax = account.totals(row)
        yield {**head, "mainline": True, "createdFrom": row.get("createdFrom"),
               "amount": -sign * (net + tax)}  # fmt: skip
        for line in row.get("item") or ():
            yield {
                **line, **head, "line": line["line"], "sequence": line["line"],
                "quantity": sign * (line.get("quantity") or 0),
                "amount": sign * (line.get("amount") or 0), "memo": line.get("description"),
                "createdFrom": row.get("createdFrom"),
            }  # fmt: skip
        if tax:
            yield {
                **head,
                "taxline": True,
                "line": 900,
                "amount": sign * tax,
                "rate": account.tax_rate,
            }


_LINE: Final = {
    "id": Column(lambda _a, r: r["line"]),
    "linesequencenumber": Column(lambda _a, r: r["line"]),
    "foreignamount": Column(lambda _a, r: r["amount"]),
    "item": _ref("item", "item"),
    **_plain("transaction", "mainline", "taxline", "quantity", "rate", "memo", "isClosed",
             "createdFrom"),
}  # fmt: skip


def _links(account: Account, at: datetime | None) -> Iterator[Row]:
    """Go through what was made of what: bills and shipments of orders, payments of bills."""
    for row in _transactions(account, at):
        if row.get("createdFrom"):
            kind = "ShipRcpt" if row["kind"] == "itemFulfillment" else "OrdBill"
            yield {"previousDoc": row["createdFrom"], "nextDoc": row["id"], "linkType": kind}
        for line in row.get("apply") or ():
            if line.get("apply"):
                yield {"previousDoc": line["doc"], "nextDoc": row["id"], "linkType": "Payment"}


_LIST: Final = _plain("id", "name", "isInactive")

TABLES: Final[Mapping[str, Table]] = MappingProxyType({
    "customer": Table(_CUSTOMER, _stored("customer"), "custentity"),
    "contact": Table(_CONTACT, _stored("contact"), "custentity"),
    "entityaddressbook": Table(_BOOK, _addresses),
    "entityaddress": Table(_PLACE, _addresses),
    "customersubsidiaryrelationship": Table(
        {"entity": _ref("entity", "customer"), "subsidiary": _ref("subsidiary", "subsidiary"),
         **_plain("isPrimarySub")}, _subsidiaries,
    ),
    "item": Table(_ITEM, _items, "custitem"),
    "itemprice": Table(
        {"item": _ref("item", "item"), "pricelevel": _ref("priceLevel", "priceLevel"),
         "currency": _ref("currency", "currency"), **_plain("priceLevelName", "price")}, _prices,
    ),
    "aggregateitemlocation": Table(
        {"item": _ref("item", "item"), "location": _ref("location", "location"),
         **_plain("quantityOnHand", "quantityAvailable")}, _stocks,
    ),
    "transaction": Table(_TRANSACTION, _transactions, "custbody"),
    "transactionline": Table(_LINE, _lines, "custcol"),
    "nexttransactionlinelink": Table(_plain("previousDoc", "nextDoc", "linkType"), _links),
    "currency": Table({**_LIST, **_plain("symbol")}, _stored("currency")),
    "term": Table({**_LIST, **_plain("daysUntilNetDue")}, _stored("term")),
    "location": Table(_LIST, _stored("location")),
    "pricelevel": Table(_LIST, _stored("priceLevel")),
    "subsidiary": Table({**_LIST, "currency": _ref("currency", "currency")}, _stored("subsidiary")),
    "deletedrecord": Table(
        _plain("recordid", "type", "deleteddate", "externalid", "name"), _stored("deletedRecord")
    ),
})  # fmt: skip


def label_of(account: Account, column: Column, row: Row, value: Any) -> str:
    """Tell what ``BUILTIN.DF`` shows for a value."""
    if column.target:
        return account.name_of(column.target, str(value))
    if column.labels == "kind":
        kind = TYPES[row["kind"]]
        return f"{kind.label} : {LABELS.get(f'{kind.name}.{value}', value)}"
    return LABELS.get(str(value), str(value))
