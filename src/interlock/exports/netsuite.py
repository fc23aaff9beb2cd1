"""Headers of NetSuite: labels of list views and saved searches, and field names."""

from __future__ import annotations

from interlock.exports.headers import Headers, Kind

__all__ = ["HEADERS"]

HEADERS = Headers(
    title="NetSuite",
    names={
        Kind.CUSTOMERS: {
            "id": ("Internal ID", "internalId", "ID", "entityId"),
            "name": ("Company Name", "Name", "companyName", "altName"),
            "website": ("Web Address", "url"),
            "email": ("Email",),
            "phone": ("Phone",),
            "street": (("Billing Address 1", "Billing Address 2"), ("Address 1", "Address 2"),
                       ("addr1", "addr2")),
            "city": ("Billing City", "City"),
            "region": ("Billing State/Province", "State/Province", "state"),
            "postcode": ("Billing Zip", "Zip Code", "zip"),
            "country": ("Billing Country Code", "Billing Country", "Country"),
            "tax_id": ("Tax Number", "VAT Reg. No.", "Tax Reg. Number", "defaultTaxReg"),
            "currency": ("Primary Currency", "Currency"),
            "payment_terms": ("Terms",),
        },
        Kind.ORDERS: {
            "id": ("Internal ID", "internalId"),
            "number": ("Document Number", "tranId", "Transaction Number"),
            "customer_id": ("Customer Internal ID", "Customer: Internal ID"),
            "customer": ("Name", "Customer", "Company Name", "entity"),
            "amount": ("Amount (Foreign Currency) (Net)", "subtotal", "Subtotal",
                       "Amount (Net)", "Amount (Foreign Currency)", "Amount", "Total"),
            "currency": ("Currency",),
            "date": ("Date", "tranDate"),
            "status": ("Status",),
            "deal_id": ("External ID", "externalId", "Opportunity", "Created From"),
        },
    },
    unverified=frozenset({
        "Internal ID", "ID", "Web Address", "Billing Address 1", "Billing Address 2", "Address 1",
        "Address 2", "Billing City", "Billing State/Province", "State/Province", "Billing Zip",
        "Zip Code", "Billing Country Code", "Billing Country", "Tax Number", "VAT Reg. No.",
        "Tax Reg. Number", "Primary Currency", "Document Number", "Transaction Number",
        "Customer Internal ID", "Customer: Internal ID", "Amount (Foreign Currency) (Net)",
        "Amount (Net)", "Subtotal", "Date", "Opportunity", "Created From", "External ID",
    }),
)  # fmt: skip
"""A saved search's columns are the company's own choice: any of them may be missing."""
