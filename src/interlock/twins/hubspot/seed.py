"""Filling a portal: its user, and an invented company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from interlock.twins.company import Company
from interlock.twins.hubspot.portal import Portal

__all__ = ["OWNER", "found", "settle"]

OWNER: Final = "7001"
"""Id of the one user there is from the start."""
_STAGE_OF: Final = {
    "new": "appointmentscheduled", "qualified": "qualifiedtobuy",
    "proposed": "presentationscheduled", "negotiating": "contractsent",
    "won": "closedwon", "lost": "closedlost",
}  # fmt: skip
_COUNTRIES: Final = {
    "US": "United States", "GB": "United Kingdom", "DE": "Germany", "FR": "France",
}  # fmt: skip
_INDUSTRIES: Final = {
    "Manufacturing": "MACHINERY", "Electronics": "ELECTRICAL_EQUIPMENT",
    "Engineering": "MACHINERY", "Retail": "RETAIL",
    "Transportation": "WHOLESALE",
}  # fmt: skip


def found(portal: Portal) -> None:
    """Set up what every portal has before anybody enters anything."""
    portal.storage.put("owners", OWNER, {
        "id": OWNER, "email": "sales@twin.example", "firstName": "Sal", "lastName": "Es",
        "userId": 501, "type": "PERSON", "teams": [],
    })  # fmt: skip


def settle(portal: Portal, company: Company) -> None:
    """Enter a company's products, customers, people and deals, as its staff would have."""
    products = {
        product.sku: _insert(portal, "products", {
            "name": product.name, "hs_sku": product.sku, "price": product.price,
        })
        for product in company.products
    }  # fmt: skip
    companies = []
    for customer in company.customers:
        companies.append(_insert(portal, "companies", {
            "name": customer.name, "phone": customer.phone, "website": customer.website,
            "domain": customer.website.removeprefix("https://www."), "address": customer.street,
            "city": customer.city, "state": customer.region, "zip": customer.postcode,
            "country": _COUNTRIES[customer.country], "industry": _INDUSTRIES[customer.industry],
            "hubspot_owner_id": OWNER,
        }))  # fmt: skip
        for person in customer.people:
            contact = _insert(portal, "contacts", {
                "firstname": person.first, "lastname": person.last, "email": person.email,
                "phone": person.phone, "jobtitle": person.title,
            })  # fmt: skip
            portal.ties.tie("contacts", contact, "companies", companies[-1])
    for deal in company.deals:
        key = _insert(portal, "deals", {
            "dealname": deal.name, "dealstage": _STAGE_OF[deal.stage],
            "closedate": deal.closes.isoformat(), "deal_currency_code": "EUR",
            "amount": sum(line.quantity * line.unit_price for line in deal.lines),
            "hubspot_owner_id": OWNER,
        })  # fmt: skip
        portal.ties.tie("deals", key, "companies", companies[deal.customer])
        for line in deal.lines:
            item = _insert(portal, "line_items", {
                "hs_product_id": products[line.product.sku], "quantity": line.quantity,
                "price": line.unit_price,
            })  # fmt: skip
            portal.ties.tie("line_items", item, "deals", key)


def _insert(portal: Portal, kind: str, values: Mapping[str, Any]) -> str:
    return portal.create(portal.types[kind], values, as_user=True)
