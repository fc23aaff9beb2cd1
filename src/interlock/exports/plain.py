"""Headers of lists that no known program wrote: our own field names and everyday words."""

from __future__ import annotations

from interlock.exports.headers import Headers, Kind

__all__ = ["HEADERS"]

HEADERS = Headers(
    title="",
    names={
        Kind.CUSTOMERS: {
            "id": ("id", "customer id", "account id", "number", "customer number", "Kundennummer",
                   "Debitor"),
            "name": ("name", "company", "company name", "customer", "customer name", "account name",
                     "Firma", "Kunde", "raison sociale"),
            "website": ("website", "web", "url", "domain", "homepage", "Webseite"),
            "email": ("email", "e-mail", "mail"),
            "phone": ("phone", "telephone", "phone number", "tel", "Telefon"),
            "street": (("street", "street 2"), ("address", "address 2"),
                       ("address 1", "address 2"), ("address line 1", "address line 2"),
                       "billing address", "Straße", "Strasse", "rue", "adresse"),
            "city": ("city", "town", "billing city", "Ort", "Stadt", "ville"),
            "region": ("region", "state", "province", "county", "billing state", "Bundesland"),
            "postcode": ("postcode", "postal code", "zip", "zip code", "billing zip", "PLZ",
                         "code postal"),
            "country": ("country", "country code", "billing country", "Land", "pays"),
            "tax_id": ("tax_id", "tax number", "vat", "vat id", "vat number", "vat no", "USt-IdNr",
                       "USt-ID", "tva", "ein"),
            "currency": ("currency", "Währung", "devise"),
            "payment_terms": ("payment_terms", "terms", "Zahlungsbedingung",
                              "Zahlungsbedingungen"),
        },
        Kind.DEALS: {
            "id": ("id", "deal id"),
            "name": ("name", "deal", "deal name", "opportunity"),
            "customer_id": ("customer_id", "account id", "company id"),
            "customer": ("customer", "customer name", "company", "company name", "account",
                         "account name", "Kunde"),
            "amount": ("amount", "value", "total", "Betrag", "Wert", "montant"),
            "currency": ("currency", "Währung", "devise"),
            "date": ("date", "won_on", "won at", "close date", "closed on", "Abschlussdatum"),
            "stage": ("stage", "status", "deal stage", "Phase"),
            "won": ("won", "is won"),
            "order_number": ("order_number", "order no"),
        },
        Kind.ORDERS: {
            "id": ("id", "order id"),
            "number": ("number", "order number", "order no", "order", "Auftragsnummer",
                       "Belegnummer"),
            "customer_id": ("customer_id", "account id", "Kundennummer"),
            "customer": ("customer", "customer name", "company", "company name", "account",
                         "Kunde", "Firma"),
            "amount": ("net total", "net_total", "subtotal", "net amount", "amount", "total",
                       "value", "Nettobetrag", "Betrag", "montant"),
            "currency": ("currency", "Währung", "devise"),
            "date": ("date", "order date", "ordered on", "created", "Datum", "Auftragsdatum"),
            "status": ("status", "state"),
            "deal_id": ("deal_id", "opportunity id", "crm deal"),
        },
    },
)  # fmt: skip
"""The words are the ones our own documents use, and what people call these columns."""
