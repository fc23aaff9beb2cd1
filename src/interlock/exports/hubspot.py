"""Headers of HubSpot: property labels of an export, and internal names of properties."""

from __future__ import annotations

from interlock.exports.headers import Headers, Kind

__all__ = ["HEADERS"]

HEADERS = Headers(
    title="HubSpot",
    names={
        Kind.CUSTOMERS: {
            "id": ("Record ID", "hs_object_id", "Record ID - Company", "Company ID"),
            "name": ("Company name", "Name"),
            "website": ("Company Domain Name", "Website URL", "domain", "website"),
            "phone": ("Phone Number", "phone"),
            "street": (("Street Address", "Street Address 2"), ("address", "address2")),
            "city": ("City",),
            "region": ("State/Region", "state"),
            "postcode": ("Postal Code", "zip"),
            "country": ("Country/Region", "Country"),
            "tax_id": ("Tax ID", "VAT Number", "tax_id", "vat_number"),
            "currency": ("Currency",),
            "payment_terms": ("Payment terms", "payment_terms"),
        },
        Kind.DEALS: {
            "id": ("Record ID", "Deal ID", "hs_object_id"),
            "name": ("Deal Name", "dealname"),
            "customer_id": ("Associated Company IDs", "Associated Company ID"),
            "customer": ("Associated Company", "Associated Company (Primary)", "Company name"),
            "amount": ("Amount", "amount"),
            "currency": ("Currency", "deal_currency_code"),
            "date": ("Close Date", "closedate"),
            "stage": ("Deal Stage", "dealstage"),
            "won": ("Is Closed Won", "hs_is_closed_won"),
            "order_number": ("Order number",),
        },
    },
    unverified=frozenset({
        "Record ID - Company", "Company ID", "Tax ID", "VAT Number", "tax_id", "vat_number",
        "Currency", "Payment terms", "payment_terms", "Deal ID", "Associated Company IDs",
        "Associated Company ID", "Associated Company", "Associated Company (Primary)",
        "Is Closed Won", "hs_is_closed_won", "deal_currency_code", "Order number",
        "Street Address", "Street Address 2", "address2", "State/Region", "Postal Code",
        "Website URL", "Phone Number",
    }),
)  # fmt: skip
