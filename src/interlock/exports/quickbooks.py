"""Headers of QuickBooks: the customer and sales lists of Online, and the list file of Desktop."""

from __future__ import annotations

from interlock.exports.headers import Headers, Kind

__all__ = ["HEADERS"]

HEADERS = Headers(
    title="QuickBooks",
    names={
        Kind.CUSTOMERS: {
            # names are unique in QuickBooks, and its lists show no other id
            "id": ("Id", "Customer ID", "Account No.", "Customer full name", "DisplayName",
                   "Customer", "NAME"),
            "name": ("Company name", "CompanyName", "Company", "Customer full name",
                     "DisplayName", "Full Name", "Customer", "NAME"),
            "website": ("Website", "WebAddr"),
            "email": ("Email", "PrimaryEmailAddr"),
            "phone": ("Phone Numbers", "Phone", "PrimaryPhone", "PHONE1"),
            "street": (("Bill Street", "Bill Address 2"), ("Bill Address 1", "Bill Address 2"),
                       ("Line1", "Line2"), "Street", "Bill Address", "Billing Address"),
            "city": ("Bill City", "City"),
            "region": ("Bill State", "State", "CountrySubDivisionCode"),
            "postcode": ("Bill Zip", "ZIP", "ZIP code", "PostalCode"),
            "country": ("Bill Country", "Country"),
            "tax_id": ("Tax ID", "Tax Reg. No.", "PrimaryTaxIdentifier"),
            "currency": ("Currency", "CurrencyRef"),
            "payment_terms": ("Terms", "SalesTermRef"),
        },
        Kind.ORDERS: {
            "id": ("Id",),
            "number": ("Num", "No.", "Invoice No.", "DocNumber"),
            "customer_id": ("Customer ID",),
            "customer": ("Customer full name", "Customer", "Name", "CustomerRef"),
            "amount": ("Subtotal", "Amount", "Total", "TotalAmt"),
            "currency": ("Currency", "CurrencyRef"),
            "date": ("Transaction date", "Date", "Invoice Date", "TxnDate"),
            "status": ("Status", "TxnStatus"),
            "deal_id": ("P.O. Number", "PONumber"),
        },
    },
    unverified=frozenset({
        "Customer ID", "Account No.", "Customer full name", "Customer", "Company name",
        "Phone Numbers", "Bill Street", "Bill Address", "Billing Address", "ZIP", "Tax ID",
        "Tax Reg. No.", "Num", "No.", "Invoice No.", "Subtotal", "Amount", "Total",
        "Transaction date", "Date", "Invoice Date", "Status", "P.O. Number",
    }),
)  # fmt: skip
"""QuickBooks Online has no sales orders: estimates or invoices take their place."""
