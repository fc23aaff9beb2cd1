"""Filling an org: its user, its stages and price book, and an invented company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from interlock.twins.company import Company
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.standard import STAGES

__all__ = ["found", "settle"]

_STAGE_OF: Final = {
    "new": "Prospecting", "qualified": "Qualification", "proposed": "Proposal/Price Quote",
    "negotiating": "Negotiation/Review", "won": "Closed Won", "lost": "Closed Lost",
}  # fmt: skip
_COUNTRIES: Final = {
    "US": "United States", "GB": "United Kingdom", "DE": "Germany", "FR": "France",
}  # fmt: skip


def found(org: Org, username: str) -> str:
    """Set up what every org has before anybody enters anything; returns the org's id."""
    organization = org.object("Organization")
    org_id = org.ids.make(organization.prefix)
    org.write(organization, {
        "Id": org_id, "Name": "Twin Trading Company", "Country": "Germany", "InstanceName": "TWIN1",
        "IsSandbox": True, "OrganizationType": "Developer Edition",
        "TimeZoneSidKey": "Europe/Berlin", "LanguageLocaleKey": "en_US",
    })  # fmt: skip
    user = org.object("User")
    org.user_id = org.ids.make(user.prefix)
    org.write(user, {
        "Id": org.user_id, "Username": username, "FirstName": "Integration", "LastName": "User",
        "Name": "Integration User", "Email": "integration@twin.example", "Alias": "integ",
        "IsActive": True, "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8", "UserType": "Standard",
    })  # fmt: skip
    stage = org.object("OpportunityStage")
    for number, (label, probability, closed, won, category) in enumerate(STAGES, start=1):
        org.write(stage, {
            "Id": org.ids.make(stage.prefix), "MasterLabel": label, "ApiName": label,
            "IsActive": True, "SortOrder": number, "IsClosed": closed, "IsWon": won,
            "ForecastCategory": category, "ForecastCategoryName": category,
            "DefaultProbability": probability,
        })  # fmt: skip
    book = org.object("Pricebook2")
    org.write(book, {
        "Id": org.ids.make(book.prefix), "Name": "Standard Price Book", "IsActive": True,
        "IsStandard": True, "IsArchived": False,
    })  # fmt: skip
    return org_id


def settle(org: Org, company: Company) -> None:
    """Enter a company's products, customers, people and deals, as its staff would have."""
    book = next(row["Id"] for row in org.storage.rows("Pricebook2") if row["IsStandard"])
    entries: dict[str, str] = {}
    for product in company.products:
        made = _insert(org, "Product2", {
            "Name": product.name, "ProductCode": product.sku, "StockKeepingUnit": product.sku,
            "Family": product.family, "IsActive": True,
        })  # fmt: skip
        entries[product.sku] = _insert(org, "PricebookEntry", {
            "Pricebook2Id": book, "Product2Id": made, "UnitPrice": product.price, "IsActive": True,
        })  # fmt: skip
    accounts = []
    for customer in company.customers:
        place = {
            "Street": customer.street, "City": customer.city, "State": customer.region,
            "PostalCode": customer.postcode, "Country": _COUNTRIES[customer.country],
        }  # fmt: skip
        accounts.append(_insert(org, "Account", {
            "Name": customer.name, "Phone": customer.phone, "Website": customer.website,
            "Industry": customer.industry, "Type": "Customer - Direct",
            **{f"Billing{k}": v for k, v in place.items()},
            **{f"Shipping{k}": v for k, v in place.items()},
        }))  # fmt: skip
        for person in customer.people:
            _insert(org, "Contact", {
                "AccountId": accounts[-1], "FirstName": person.first, "LastName": person.last,
                "Email": person.email, "Phone": person.phone, "Title": person.title,
            })  # fmt: skip
    for deal in company.deals:
        sale = _insert(org, "Opportunity", {
            "AccountId": accounts[deal.customer], "Name": deal.name,
            "StageName": _STAGE_OF[deal.stage], "CloseDate": deal.closes.isoformat(),
            "Pricebook2Id": book,
        })  # fmt: skip
        for line in deal.lines:
            _insert(org, "OpportunityLineItem", {
                "OpportunityId": sale, "PricebookEntryId": entries[line.product.sku],
                "Quantity": line.quantity, "UnitPrice": line.unit_price,
            })  # fmt: skip


def _insert(org: Org, name: str, values: Mapping[str, Any]) -> str:
    return org.insert(org.object(name), values, as_user=True)
