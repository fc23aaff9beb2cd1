"""A company before its first plan, and the same after the first sync, copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .shop import Shop


def _fill(shop: Shop) -> None:
    with shop.crm() as crm, shop.erp() as erp:
        acme = crm.add(
            "customer",
            {
                "Name": "Acme Inc.",
                "Website": "https://acme.example",
                "Phone": "+1 555 0100",
                "PaymentTerms": "Net 30",
                "BillingAddress": {
                    "BillingStreet": "1 Main St",
                    "BillingCity": "Springfield",
                    "BillingPostalCode": "12345",
                    "BillingCountryCode": "US",
                },
            },
        )
        crm.add("customer", {"Name": "Beta LLC", "Website": "https://beta.example"})
        crm.add(
            "contact",
            {
                "AccountId": acme,
                "PersonName": {"FirstName": "Jo", "LastName": "Doe"},
                "Email": "jo@acme.example",
            },
        )
        erp.add("product", {"sku": "W-1", "title": "Widget"})
        erp.add("customer", {"name": "Old Friends GmbH", "web": "old.example"})


@pytest.fixture(scope="session")
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop.founded(tmp_path_factory.mktemp("fresh"))
    _fill(shop)
    return shop


@pytest.fixture(scope="session")
def _synced(_fresh: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = _fresh.copied(tmp_path_factory.mktemp("synced") / "shop")
    assert shop.go().code == 0
    return shop


@pytest.fixture
def fresh(_fresh: Shop, tmp_path: Path) -> Shop:
    """Two customers and a contact in the CRM, a product and a customer of its own in the ERP."""
    return _fresh.copied(tmp_path / "shop")


@pytest.fixture
def shop(_synced: Shop, tmp_path: Path) -> Shop:
    """The same after plan, approval and sync: all but the ERP's own customer is linked."""
    return _synced.copied(tmp_path / "shop")
