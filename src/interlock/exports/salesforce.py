"""Headers of Salesforce: labels of reports and list views, and field names of a data export."""

from __future__ import annotations

from interlock.exports.headers import Headers, Kind

__all__ = ["HEADERS"]

HEADERS = Headers(
    title="Salesforce",
    names={
        Kind.CUSTOMERS: {
            "id": ("Account ID", "Id", "Account Number"),
            "name": ("Account Name", "Name"),
            "website": ("Website",),
            "phone": ("Phone", "Account Phone"),
            "street": (("Billing Street", "Billing Address Line 2"),
                       ("Billing Address Line 1", "Billing Address Line 2"), "BillingStreet"),
            "city": ("Billing City", "BillingCity"),
            "region": ("Billing State/Province", "BillingState", "Billing State"),
            "postcode": ("Billing Zip/Postal Code", "BillingPostalCode", "Billing Postal Code"),
            "country": ("Billing Country", "BillingCountry", "BillingCountryCode"),
            "tax_id": ("Tax ID", "VAT Number", "Tax_ID__c", "VAT_Number__c"),
            "currency": ("Account Currency", "CurrencyIsoCode"),
            "payment_terms": ("Payment Terms", "Payment_Terms__c"),
        },
        Kind.DEALS: {
            "id": ("Opportunity ID", "Id"),
            "name": ("Opportunity Name", "Name"),
            "customer_id": ("Account ID", "AccountId"),
            "customer": ("Account Name", "Account.Name"),
            "amount": ("Amount",),
            "currency": ("Amount Currency", "Opportunity Currency", "CurrencyIsoCode"),
            "date": ("Close Date", "CloseDate"),
            "stage": ("Stage", "StageName"),
            "won": ("Won", "IsWon"),
            "order_number": ("Order Number",),
        },
        Kind.ORDERS: {
            "id": ("Order ID", "Id"),
            "number": ("Order Number", "OrderNumber"),
            "customer_id": ("Account ID", "AccountId"),
            "customer": ("Account Name", "Account.Name"),
            "amount": ("Order Amount", "TotalAmount"),
            "currency": ("Order Amount Currency", "CurrencyIsoCode"),
            "date": ("Order Start Date", "EffectiveDate"),
            "status": ("Status",),
            "deal_id": ("Opportunity ID", "OpportunityId"),
        },
    },
    unverified=frozenset({
        "Account Phone", "Billing Address Line 1", "Billing Address Line 2", "Tax ID",
        "VAT Number", "Tax_ID__c", "VAT_Number__c", "Account Currency", "CurrencyIsoCode",
        "Payment Terms", "Payment_Terms__c", "Amount Currency", "Opportunity Currency", "Won",
        "Opportunity ID", "Account.Name", "Order Amount", "Order Amount Currency",
        "Order Start Date", "Order ID", "OpportunityId", "Billing Postal Code",
    }),
)  # fmt: skip
"""Field names are those of the published object schema; custom fields are named by each company."""
