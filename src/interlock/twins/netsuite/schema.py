"""Which record types an account has, with their fields as the record API names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

__all__ = ["ITEMS", "LISTS", "TRANSACTIONS", "TYPES", "Field", "RecordType"]


@dataclass(frozen=True, slots=True)
class Field:
    """A property.  ``kind``: text, email, integer, number, amount, flag, date, moment, ref, choice
    or address; ``target``: the record type a ref points to, its first choice being the usual one.
    """

    name: str
    kind: str = "text"
    length: int | None = None
    required: bool = False
    fixed: bool = False
    """Set by the system only."""
    target: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type; ``family``: what shares its internal ids; ``sublists``: name -> its fields."""

    name: str
    family: str
    fields: Mapping[str, Field]
    sublists: Mapping[str, Mapping[str, Field]] = field(default_factory=dict)
    code: str = ""
    """Its ``type`` in the query language's table of transactions or items."""
    label: str = ""


def _of(*fields: Field) -> dict[str, Field]:
    return {one.name: one for one in fields}


def _texts(length: int, *names: str) -> Iterable[Field]:
    return (Field(name, length=length) for name in names)


def _fixed(kind: str, *names: str) -> Iterable[Field]:
    return (Field(name, kind, fixed=True) for name in names)


ADDRESS: Final = _of(
    *_texts(150, "addr1", "addr2", "addr3"), *_texts(83, "addressee", "attention"),
    Field("city", length=50), Field("state", length=30), Field("zip", length=36),
    Field("country", "choice"),
)  # fmt: skip
_STAMPS: Final = (
    Field("externalId", length=255), *_fixed("moment", "dateCreated", "lastModifiedDate"),
)  # fmt: skip
_ENTITY: Final = (
    *_STAMPS,
    Field("isInactive", "flag"), Field("email", "email", 254), Field("phone", length=32),
    Field("comments", length=4000), Field("subsidiary", "ref", target="subsidiary"),
)  # fmt: skip

_CUSTOMER: Final = RecordType(
    "customer", "entity",
    _of(
        *_ENTITY, Field("entityId", length=80), Field("companyName", length=83),
        Field("isPerson", "flag"), Field("url", length=255), Field("vatRegNumber", length=20),
        Field("accountNumber", length=99), Field("currency", "ref", target="currency"),
        Field("terms", "ref", target="term"), Field("creditLimit", "amount"),
        Field("creditHoldOverride", "choice", choices=("AUTO", "ON", "OFF")),
        Field("priceLevel", "ref", target="priceLevel"),
        *_fixed("amount", "balance", "overdueBalance"), *_fixed("integer", "daysOverdue"),
    ),
    {"addressBook": _of(
        Field("id", fixed=True), Field("label", length=150), Field("defaultBilling", "flag"),
        Field("defaultShipping", "flag"), Field("addressBookAddress", "address"),
    )},
)  # fmt: skip
_CONTACT: Final = RecordType(
    "contact", "entity",
    _of(
        *_ENTITY, Field("entityId", length=83), *_texts(32, "firstName", "lastName"),
        Field("title", length=99), Field("company", "ref", target="customer"),
    ),
)  # fmt: skip


def _item(name: str, code: str) -> RecordType:
    return RecordType(
        name, "item",
        _of(
            *_STAMPS, Field("itemId", length=250, required=True), Field("displayName", length=60),
            Field("isInactive", "flag"), Field("saleUnit"), Field("cost", "amount"),
            Field("averageCost", "amount"), Field("lastPurchasePrice", "amount"),
        ),
        {
            "price": _of(Field("priceLevel", "ref", target="priceLevel"), Field("price", "amount"),
                         Field("currency", "ref", target="currency")),
            "locations": _of(Field("location", "ref", target="location"),
                             Field("quantityOnHand", "number"),
                             Field("quantityAvailable", "number")),
        },
        code,
    )  # fmt: skip


_LINE: Final = _of(
    Field("line", "integer"), Field("item", "ref", required=True, target="item"),
    Field("quantity", "number"), Field("rate", "amount"), Field("amount", "amount"),
    Field("price", "choice", choices=("-1", "1", "2")), Field("description", length=999),
    Field("isClosed", "flag"),
    *_fixed("number", "quantityFulfilled", "quantityBilled"),
)  # fmt: skip
_HEADER: Final = (
    *_STAMPS, Field("tranDate", "date"), Field("memo", length=999),
    Field("tranId", fixed=True), Field("currency", "ref", target="currency"),
    Field("exchangeRate", "number"), Field("subsidiary", "ref", target="subsidiary"),
    Field("status", "choice", fixed=True),
    *_fixed("amount", "subtotal", "taxTotal", "total", "estGrossProfit", "totalCostEstimate"),
)  # fmt: skip
_SOLD: Final = (
    *_HEADER, Field("entity", "ref", required=True, target="customer"),
    Field("otherRefNum", length=45), Field("terms", "ref", target="term"),
)  # fmt: skip
_BILLED: Final = (
    *_SOLD, Field("createdFrom", "ref", fixed=True, target="salesOrder"), Field("dueDate", "date"),
    *_fixed("amount", "amountPaid", "amountRemaining"), Field("closeDate", "date", fixed=True),
)  # fmt: skip

TYPES: Final[Mapping[str, RecordType]] = MappingProxyType({
    one.name: one
    for one in (
        _CUSTOMER,
        _CONTACT,
        _item("inventoryItem", "InvtPart"),
        _item("nonInventorySaleItem", "NonInvtPart"),
        _item("serviceSaleItem", "Service"),
        RecordType(
            "salesOrder", "transaction",
            _of(*_SOLD, Field("orderStatus", "choice", choices=("A", "B"))),
            {"item": _LINE}, "SalesOrd", "Sales Order",
        ),
        RecordType("invoice", "transaction", _of(*_BILLED), {"item": _LINE}, "CustInvc", "Invoice"),
        RecordType(
            "creditMemo", "transaction", _of(*_BILLED), {"item": _LINE}, "CustCred", "Credit Memo"
        ),
        RecordType(
            "itemFulfillment", "transaction",
            _of(*_HEADER, Field("entity", "ref", target="customer"),
                Field("createdFrom", "ref", fixed=True, target="salesOrder")),
            {"item": _LINE}, "ItemShip", "Item Fulfillment",
        ),
        RecordType(
            "customerPayment", "transaction",
            _of(*_HEADER, Field("customer", "ref", required=True, target="customer"),
                Field("payment", "amount", required=True)),
            {"apply": _of(Field("doc", "ref", target="invoice"), Field("apply", "flag"),
                          Field("amount", "amount"))},
            "CustPymt", "Payment",
        ),
    )
})  # fmt: skip

ITEMS: Final = ("inventoryItem", "nonInventorySaleItem", "serviceSaleItem")
TRANSACTIONS: Final = ("salesOrder", "invoice", "creditMemo", "itemFulfillment", "customerPayment")
LISTS: Final = ("currency", "location", "priceLevel", "subsidiary", "term")
"""Lists an administrator keeps; their rows have an id and a name, currencies a symbol, too."""
