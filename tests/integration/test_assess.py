"""Assess on a project's systems: what the store has seen, else what the systems hold; no writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interlock.connectors.base import Connector
from interlock.matching.score import default_weights
from interlock.service.readiness import Assessed, assess_systems

from .company import Company

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ULM_CRM = {"BillingStreet": "1 Main St", "BillingCity": "Ulm", "BillingPostalCode": "89073",
           "BillingCountryCode": "DE"}  # fmt: skip
ULM_ERP = {"addr1": "1 Main St", "town": "Ulm", "zip": "8907", "iso": "DE"}


async def assessed(company: Company, *, live: bool = False) -> Assessed:
    async with company.session() as session:
        return await assess_systems(
            session, company.root / "r.html", weights=default_weights(), now=NOW, live=live
        )


def counts(found: Assessed) -> list[int]:
    return [side.quality.records for side in found.readiness.sides]


def fill(company: Company) -> None:
    company.crm.add("customer", {"Name": "Acme Widgets", "VatNumber": "DE136695976",
                                 "BillingAddress": ULM_CRM, "Phone": "+49 731 1234567"})  # fmt: skip
    company.crm.add("customer", {"Name": "Zyx"})
    company.erp.add("customer", {"name": "ACME WIDGETS", "vat_no": "DE136695977",
                                 "bill_to": ULM_ERP, "tel": "0731 1234567"})  # fmt: skip


async def test_systems_never_seen_are_read_and_nothing_is_written(company: Company) -> None:
    fill(company)
    found = await assessed(company)
    assert counts(found) == [2, 1]
    crm, erp = found.readiness.sides
    assert "read from the system" in crm.source.notes
    assert erp.quality.flaws == {
        "invalid tax id": 1,
        "postal code not of its country's form": 1,
    }
    assert (company.crm.written, company.erp.written) == ({}, {})
    assert (company.root / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


async def test_what_was_observed_is_taken_without_asking_the_systems(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(company)
    await company.plan()
    company.crm.add("customer", {"Name": "Later"})
    async with company.session() as session:
        with monkeypatch.context() as patched:
            for side in (session.pair.crm, session.pair.erp):
                patched.setattr(type(side.connector), "sweep", Connector.sweep)
            found = await assess_systems(
                session, company.root / "r.html", weights=default_weights(), now=NOW
            )
    assert counts(found) == [2, 1]
    assert "as last seen by Interlock" in found.readiness.sides[0].source.notes
    assert counts(await assessed(company, live=True)) == [3, 1]
