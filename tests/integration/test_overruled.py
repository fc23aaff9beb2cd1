"""Edits of what a side does not own: put back or shown however late, and reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.errors import ConfigurationError
from interlock.service.overruled import OverruledReport, report_overruled
from interlock.testing.faults import lose_answer

from .company import Company
from .conftest import Founding
from .test_edits import Linked, link

FLAG = {"website": "{owner: crm, on_foreign_edit: flag}"}


def report(company: Company, days: float = 30, **more: Any) -> OverruledReport:
    with company.store() as store:
        return report_overruled(
            company.project(), store, since=timedelta(days=days), now=company.clock(), **more
        )


async def months_pass(pair: Linked) -> None:
    """Half a year of syncs with nothing to do, and a restart in between."""
    before = pair.written()
    for _ in range(12):
        pair.company.advance(days=15)
        await pair.company.sync()
    pair.company.close()
    pair.company.advance(days=15)
    await pair.company.sync()
    assert pair.written() == before


@pytest.mark.parametrize("changes", [True, False])
async def test_an_edit_months_later_is_put_back(found: Founding, changes: bool) -> None:
    company = found(erp_settings={"changes": changes})
    pair = await link(company)
    await months_pass(pair)
    pair.edit_erp(web="acme.org")
    await company.rest()
    assert pair.erp["web"] == "acme.com"
    (told,) = company.events("overruled")
    assert (told.field, told.old) == ("website", "acme.org")


async def test_an_edit_made_while_nothing_ran_for_months_is_put_back(company: Company) -> None:
    pair = await link(company)
    pair.edit_erp(web="acme.org")
    company.close()
    company.advance(days=200)
    await company.rest()
    assert pair.erp["web"] == "acme.com"


async def test_an_edit_months_later_is_shown(found: Founding) -> None:
    company = found()
    company.own("customer", FLAG)
    pair = await link(company)
    await months_pass(pair)
    pair.edit_erp(web="acme.org")
    before = pair.written()
    await company.rest()
    assert company.open_fields() == {"website": "flagged"}
    await months_pass(pair)
    assert company.open_fields() == {"website": "flagged"}, "until somebody has seen to it"
    assert pair.written() == before
    pair.edit_erp(web="acme.net")
    await company.rest()
    assert company.open_fields() == {"website": "flagged"}, "one open question"
    assert [(f.field, f.count, f.shown) for f in report(company, 3000).fields] == [
        ("website", 2, 2)
    ]


# ── the report ───────────────────────────────────────────────────────────────────────────────


async def test_it_counts_by_field_and_side(company: Company) -> None:
    pair = await link(company)
    for n in range(3):
        pair.edit_erp(web=f"acme{n}.org")
        await company.rest()
    company.advance(days=2)  # or the fourth within a day would be left to a person
    pair.edit_erp(web=None)
    await company.rest()
    pair.edit_crm(PaymentTerms="Net 60")
    await company.rest()
    website, terms = report(company).fields
    assert (website.field, website.system, website.owner) == ("website", "erp", "crm")
    assert (website.count, website.records, website.shown) == (4, 1, 0), "a blanked one as well"
    assert [(r.id, r.label, r.count) for r in website.most] == [(pair.erp_id, "Acme", 4)]
    assert (terms.field, terms.system, terms.count) == ("payment_terms", "crm", 1)
    assert website.first < website.last


async def test_edits_of_the_owner_and_of_shared_fields_are_none(company: Company) -> None:
    pair = await link(company)
    pair.edit_crm(Website="acme.net", Phone="2")
    pair.edit_erp(tel="3")
    await company.rest()
    assert report(company).fields == []


async def test_what_the_first_link_overwrote_is_no_edit(company: Company) -> None:
    company.crm.add("customer", {"Name": "A", "VatNumber": "DE136695976", "Website": "a.com"})
    company.erp.add("customer", {"name": "A", "vat_no": "DE136695976", "web": "a.org"})
    await company.go()
    await company.rest()
    assert len(company.events("overruled")) >= 1
    assert report(company).fields == []


async def test_one_put_back_with_its_answer_lost_counts_once(company: Company) -> None:
    pair = await link(company)
    pair.edit_erp(web="acme.org")
    company.erp_faults.arm(lose_answer, operation="write", entity="customer")
    for _ in range(3):
        await company.sync()
        company.advance(minutes=2)
    assert pair.erp["web"] == "acme.com"
    assert [(f.field, f.count) for f in report(company).fields] == [("website", 1)]


async def test_shown_ones_are_counted_as_such(found: Founding) -> None:
    company = found()
    company.own("customer", FLAG)
    pair = await link(company)
    pair.edit_erp(web="acme.org")
    await company.rest()
    (one,) = report(company).fields
    assert (one.field, one.system, one.count, one.shown) == ("website", "erp", 1, 1)


async def test_only_what_happened_since_is_counted(company: Company) -> None:
    pair = await link(company)
    pair.edit_erp(web="acme.org")
    await company.rest()
    company.advance(days=40)
    assert report(company).fields == []
    assert len(report(company, 60).fields) == 1
    assert report(company, 60, entity="contact").fields == []
    with pytest.raises(ConfigurationError):
        report(company, entity="custommer")
