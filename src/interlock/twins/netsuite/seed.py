"""Filling an account: its lists, and an invented company."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from interlock.twins.company import Company
from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.documents import transform

__all__ = ["found", "settle"]

_TERMS: Final = {"Due on receipt": 0, "Net 15": 15, "Net 30": 30, "Net 60": 60}


def found(account: Account) -> None:
    """Set up what every account has before anybody enters anything."""
    money = {
        symbol: account.add_list("currency", name=name, symbol=symbol)
        for symbol, name in (("EUR", "Euro"), ("USD", "US Dollar"), ("GBP", "British Pound"))
    }
    account.add_list("subsidiary", name="Twin Trading GmbH", currency=money["EUR"])
    account.add_list("subsidiary", name="Twin Trading UK Ltd", currency=money["GBP"])
    for name, days in _TERMS.items():
        account.add_list("term", name=name, daysUntilNetDue=days)
    account.add_list("location", name="Main Warehouse")
    account.add_list("location", name="Returns")
    account.add_list("priceLevel", name="Base Price")
    account.add_list("priceLevel", name="Wholesale")


def settle(account: Account, company: Company) -> None:
    """Enter a company's items, customers, people and what they ordered, as its staff would have."""
    euro, terms = "1", "3"
    items = {}
    for product in company.products:
        service = product.family == "Services"
        stock = Decimal(len(product.name) * 3)
        items[product.sku] = account.insert("serviceSaleItem" if service else "inventoryItem", {
            "itemId": product.sku, "displayName": product.name, "saleUnit": "Each",
            "price": [
                {"priceLevel": "1", "price": product.price, "currency": euro},
                {"priceLevel": "2", "price": product.price * Decimal("0.9"), "currency": euro},
            ],
            "locations": [] if service else [
                {"location": "1", "quantityOnHand": stock, "quantityAvailable": stock},
            ],
        })  # fmt: skip
    known = []
    for customer in company.customers:
        place = {"addr1": customer.street, "city": customer.city, "state": customer.region or None,
                 "zip": customer.postcode, "country": customer.country}  # fmt: skip
        known.append(account.insert("customer", {
            "companyName": customer.name, "phone": customer.phone, "url": customer.website,
            "subsidiary": "1", "terms": terms, "currency": euro,
            "creditLimit": Decimal(50_000), "addressBook": [
                {"defaultBilling": True, "defaultShipping": True, "addressBookAddress": place},
            ],
        }))  # fmt: skip
        for number, person in enumerate(customer.people):
            # two colleagues of one name are told apart by hand
            name = f"{person.first} {person.last} {number + 1 if number else ''}".strip()
            account.insert("contact", {
                "entityId": name, "firstName": person.first, "lastName": person.last,
                "email": person.email, "phone": person.phone, "title": person.title,
                "company": known[-1], "subsidiary": "1",
            })  # fmt: skip
    for number, deal in enumerate(d for d in company.deals if d.stage == "won"):
        order = account.insert("salesOrder", {
            "entity": known[deal.customer], "tranDate": deal.closes, "orderStatus": "B",
            "item": [
                {"item": items[x.product.sku], "quantity": x.quantity, "rate": x.unit_price}
                for x in deal.lines
            ],
        })  # fmt: skip
        transform(account, "salesOrder", order, "itemFulfillment", {})
        bill = transform(account, "salesOrder", order, "invoice", {"tranDate": deal.closes})
        if number % 2:
            transform(account, "invoice", bill, "customerPayment", {})
