"""The objects of the Accounting API the twin knows, and the properties they have.

Names and kinds are those of Intuit's published XSD (checked by a test); lengths and what may be
filtered by are from general knowledge and stand as unverified in docs/connectors/quickbooks.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["OBJECTS", "STRUCTURES", "Object", "Property"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property.  ``writable``: false for what QuickBooks works out; sent, it is ignored."""

    name: str
    kind: str = "text"
    length: int | None = None
    writable: bool = True
    filterable: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object type.  ``listed``: its rows are switched off, never deleted.

    ``ids``: the sequence its ids come from.
    """

    name: str
    listed: bool
    ids: str
    properties: dict[str, Property] = field(default_factory=dict)


STRUCTURES: Final[dict[str, dict[str, int | None]]] = {
    "email": {"Address": 100},
    "phone": {"FreeFormNumber": 30},
    "web": {"URI": 1000},
    "memo": {"value": 1000},
    "address": {
        "Id": None, "Line1": 500, "Line2": 500, "Line3": 500, "Line4": 500, "Line5": 500,
        "City": 255, "CountrySubDivisionCode": 255, "PostalCode": 30, "Country": 255, "Lat": None,
        "Long": None, "Note": None,
    },
}  # fmt: skip
"""Kind of a property that is an object -> its own properties and how long they may be."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _many(
    names: str,
    kind: str = "text",
    length: int | None = None,
    *,
    writable: bool = True,
    filterable: bool = False,
) -> list[Property]:
    return [
        Property(name=name, kind=kind, length=length, writable=writable, filterable=filterable)
        for name in _words(names)
    ]


def _object(name: str, listed: bool, ids: str, *parts: list[Property]) -> Object:
    return Object(
        name=name, listed=listed, ids=ids, properties={p.name: p for part in parts for p in part}
    )


_NAMES: Final = [
    *_many("Title Suffix", length=16),
    *_many("GivenName MiddleName FamilyName", length=100, filterable=True),
    *_many("DisplayName", length=500, filterable=True),
    *_many("CompanyName", length=100, filterable=True),
    *_many("PrintOnCheckName", length=110, filterable=True),
    *_many("Active", "boolean", filterable=True),
    *_many("PrimaryPhone AlternatePhone Mobile Fax", "phone"),
    *_many("PrimaryEmailAddr", "email"),
    *_many("WebAddr", "web"),
    *_many("BillAddr", "address"),
    *_many("CurrencyRef", "ref"),
]
_SALE: Final = [
    *_many("DocNumber", length=21, filterable=True),
    *_many("TxnDate", "date", filterable=True),
    *_many("CustomerRef", "ref", filterable=True),
    *_many("CurrencyRef ClassRef DepartmentRef SalesTermRef ShipMethodRef", "ref"),
    *_many("ExchangeRate", "number"),
    *_many("PrivateNote", length=4000),
    *_many("CustomerMemo", "memo"),
    *_many("BillAddr ShipAddr ShipFromAddr", "address"),
    *_many("BillEmail BillEmailCc BillEmailBcc", "email"),
    *_many("Line", "lines"),
    *_many("LinkedTxn", "links"),
    *_many("CustomField", "custom"),
    *_many("TxnTaxDetail", "tax"),
    *_many("GlobalTaxCalculation PrintStatus EmailStatus"),
    *_many("ApplyTaxAfterDiscount FreeFormAddress", "boolean"),
    *_many("TotalAmt", "number", writable=False, filterable=True),
    *_many("HomeTotalAmt", "number", writable=False),
    *_many("ShipDate", "date"),
    *_many("TrackingNum", length=31),
]
_OWED: Final = [
    *_many("DueDate", "date", filterable=True),
    *_many("Balance", "number", writable=False, filterable=True),
    *_many("HomeBalance", "number", writable=False),
]

OBJECTS: Final[dict[str, Object]] = {
    o.name: o
    for o in (
        _object(
            "Customer", True, "names", _NAMES,
            _many("FullyQualifiedName", writable=False, filterable=True),
            _many("Notes", length=2000),
            _many("ShipAddr", "address"),
            _many("Taxable Job BillWithParent IsProject", "boolean"),
            _many("Balance BalanceWithJobs", "number", writable=False, filterable=True),
            _many("Level", "number", writable=False),
            _many("OpenBalanceDate", "date"),
            _many("PreferredDeliveryMethod ResaleNum PrimaryTaxIdentifier TaxExemptionReasonId"),
            _many("ParentRef SalesTermRef PaymentMethodRef DefaultTaxCodeRef ARAccountRef", "ref"),
        ),
        _object("Vendor", True, "names", _NAMES, _many("AcctNum", length=100)),
        _object("Employee", True, "names", [p for p in _NAMES if p.kind in ("text", "boolean")]),
        _object(
            "Item", True, "items",
            _many("Name", length=100, filterable=True),
            _many("Sku", length=100, filterable=True),
            _many("Description PurchaseDesc", length=4000),
            _many("FullyQualifiedName", writable=False, filterable=True),
            _many("Active", "boolean", filterable=True),
            [Property(name="Type", filterable=True,
                      values=("Inventory", "NonInventory", "Service", "Group", "Category"))],
            _many("Taxable SubItem SalesTaxIncluded PurchaseTaxIncluded TrackQtyOnHand", "boolean"),
            _many("UnitPrice PurchaseCost QtyOnHand", "number", filterable=True),
            _many("Level", "number", writable=False),
            _many("InvStartDate", "date"),
            _many("ParentRef IncomeAccountRef ExpenseAccountRef AssetAccountRef SalesTaxCodeRef "
                  "PurchaseTaxCodeRef", "ref"),
        ),
        _object(
            "Account", True, "accounts",
            _many("Name AccountType AccountSubType", length=100, filterable=True),
            _many("Active", "boolean", filterable=True),
        ),
        _object(
            "Term", True, "terms",
            _many("Name", length=31, filterable=True),
            _many("Active", "boolean", filterable=True),
            _many("Type", writable=False),
            _many("DueDays DiscountDays DiscountPercent DayOfMonthDue", "number"),
        ),
        _object(
            "CompanyCurrency", True, "currencies",
            _many("Code Name", length=100, filterable=True),
            _many("Active", "boolean", filterable=True),
        ),
        _object(
            "Estimate", False, "transactions", _SALE,
            [Property(name="TxnStatus", filterable=True,
                      values=("Accepted", "Closed", "Pending", "Rejected"))],
            _many("ExpirationDate AcceptedDate", "date"), _many("AcceptedBy"),
        ),
        _object("Invoice", False, "transactions", _SALE, _OWED, _many("Deposit", "number"),
                _many("AllowIPNPayment AllowOnlineCreditCardPayment AllowOnlineACHPayment",
                      "boolean"), _many("InvoiceLink EInvoiceStatus", writable=False)),
        _object("CreditMemo", False, "transactions", _SALE, _OWED,
                _many("RemainingCredit", "number", writable=False)),
        _object(
            "Payment", False, "transactions",
            _many("CustomerRef", "ref", filterable=True),
            _many("TxnDate", "date", filterable=True),
            _many("PaymentRefNum", length=21, filterable=True),
            _many("TotalAmt", "number", filterable=True),
            _many("UnappliedAmt", "number", writable=False),
            _many("ExchangeRate", "number"), _many("PrivateNote", length=4000),
            _many("CurrencyRef PaymentMethodRef DepositToAccountRef ARAccountRef", "ref"),
            _many("Line", "applied"), _many("ProcessPayment", "boolean"), _many("TxnStatus"),
        ),
    )
}  # fmt: skip
