"""Filling a company: an account, payment terms, and an invented business."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from interlock.twins.company import Company
from interlock.twins.quickbooks.books import Books
from interlock.twins.quickbooks.schema import OBJECTS

__all__ = ["found", "settle"]

TERMS: Final = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60))
_COUNTRIES: Final = {"US": "USA", "GB": "United Kingdom", "DE": "Germany", "FR": "France"}


def found(books: Books) -> None:
    """Set up what every company has before anybody enters anything."""
    _make(books, "Account", Name="Sales of Product Income", AccountType="Income")
    for name, days in TERMS:
        _make(books, "Term", Name=name, DueDays=days)


def settle(books: Books, company: Company) -> None:
    """Enter a company's products, customers and won deals as its bookkeeper would have."""
    items = {
        p.sku: _make(books, "Item", Name=p.name, Sku=p.sku, Type="NonInventory",
                     UnitPrice=p.price, IncomeAccountRef={"value": "1"})
        for p in company.products
    }  # fmt: skip
    customers = []
    for c in company.customers:
        place = {"Line1": c.street, "City": c.city, "CountrySubDivisionCode": c.region,
                 "PostalCode": c.postcode, "Country": _COUNTRIES[c.country]}  # fmt: skip
        customers.append(_make(
            books, "Customer", DisplayName=c.name, CompanyName=c.name,
            PrimaryPhone={"FreeFormNumber": c.phone}, WebAddr={"URI": c.website},
            PrimaryEmailAddr={"Address": c.people[0].email} if c.people else None,
            GivenName=c.people[0].first if c.people else None,
            FamilyName=c.people[0].last if c.people else None,
            BillAddr=place, ShipAddr=place,
        ))  # fmt: skip
    for deal in company.deals:
        if deal.stage != "won":
            continue
        lines = [
            {"DetailType": "SalesItemLineDetail", "Description": x.product.name,
             "Amount": (x.quantity * x.unit_price).quantize(Decimal("0.01")),
             "SalesItemLineDetail": {"ItemRef": {"value": items[x.product.sku]},
                                     "Qty": x.quantity, "UnitPrice": x.unit_price}}
            for x in deal.lines
        ]  # fmt: skip
        customer = {"value": customers[deal.customer]}
        issued = deal.closes + timedelta(days=3)
        invoice = _make(books, "Invoice", CustomerRef=customer, Line=lines,
                        TxnDate=issued.isoformat(), SalesTermRef={"value": "3"})  # fmt: skip
        if len(customers) % 2:
            total = books.row(OBJECTS["Invoice"], invoice)["TotalAmt"]
            _make(books, "Payment", CustomerRef=customer, TotalAmt=total, Line=[
                {"Amount": total, "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]},
            ])  # fmt: skip


def _make(books: Books, name: str, **values: Any) -> str:
    return str(books.create(OBJECTS[name], values)["Id"])
