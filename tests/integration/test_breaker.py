"""The breaker: a field that does not stay as we write it is parked, not fought for (rule 14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interlock.errors import ConfigurationError
from interlock.service.stops import release_parked
from interlock.store import open_fields, stops

from .company import Company
from .conftest import Founding
from .test_edits import Linked, link
from .test_limits import staff


async def fight(company: Company, rewrite: Callable[[], None], rounds: int = 12) -> list[int]:
    """Let another program rewrite after every sync; returns the writes of each sync."""
    writes = []
    for _ in range(rounds):
        rewrite()
        writes.append((await company.sync()).writes)
        company.advance(minutes=5)
    return writes


def parked(company: Company) -> list[str]:
    return [f for f, kind in company.open_fields().items() if kind == "parked"]


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def test_a_rival_that_puts_its_value_back_each_time(pair: Linked) -> None:
    company = pair.company
    company.advance(days=2)
    writes = await fight(company, lambda: pair.edit_erp(web="rival.example"))
    assert writes == [1, 1, 1] + [0] * 9, "put back three times, then parked"
    assert parked(company) == ["website"]
    assert pair.erp["web"] == "rival.example"
    assert pair.crm["Website"] == "acme.com"


async def test_a_rival_with_ever_new_values(pair: Linked) -> None:
    numbers = iter(range(100))
    writes = await fight(pair.company, lambda: pair.edit_erp(web=f"{next(numbers)}.example"))
    assert sum(writes) <= 3
    assert parked(pair.company) == ["website"]


async def test_rivals_on_both_sides_of_a_shared_field(found: Founding) -> None:
    company = found()
    company.own("customer", {"phone": "{owner: shared, conflict: crm, first_link: crm}"})
    pair = await link(company)

    def rewrite() -> None:
        if pair.crm["Phone"] != "111":
            pair.edit_crm(Phone="111")
        if pair.erp["tel"] != "222":
            pair.edit_erp(tel="222")

    writes = await fight(company, rewrite)
    assert sum(writes) <= 6
    assert writes[-4:] == [0, 0, 0, 0]
    assert parked(company) == ["phone"]


async def test_two_integrations_translating_for_each_other(found: Founding) -> None:
    """Ours carries the value over; the other one carries a respelt one back."""
    company = found()
    company.own("customer", {"phone": "{owner: shared, conflict: crm, first_link: crm}"})
    pair = await link(company)

    def mangle() -> None:
        pair.edit_erp(tel=f"0{pair.crm['Phone']}"[:12])
        pair.edit_crm(Phone=f"{pair.erp['tel']}1"[-12:])

    writes = await fight(company, mangle, rounds=15)
    assert sum(writes) <= 6
    assert parked(company) == ["phone"]


async def test_a_respelling_that_comes_later(found: Founding) -> None:
    """A nightly job in the ERP writes names in capitals, long after our write was confirmed."""
    company = found()
    company.own("customer", {"name": "{owner: crm}"})
    pair = await link(company)
    writes = await fight(company, lambda: pair.edit_erp(name=pair.erp["name"].upper()))
    assert sum(writes) == 3
    assert parked(company) == ["name"]


async def test_other_fields_and_other_records_go_on(pair: Linked) -> None:
    company = pair.company
    await fight(company, lambda: pair.edit_erp(web="rival.example"), rounds=5)
    pair.edit_crm(Phone="2")
    await company.sync()
    assert pair.erp["tel"] == "2"
    assert parked(company) == ["website"]


async def test_a_few_foreign_edits_in_a_week_are_put_back(pair: Linked) -> None:
    company = pair.company
    for _ in range(6):
        company.advance(hours=20)
        pair.edit_erp(web="rival.example")
        await company.sync()
        assert pair.erp["web"] == "acme.com"
    assert company.open_fields() == {}


async def test_a_person_at_the_source_may_change_it_all_day(pair: Linked) -> None:
    for n in range(10):
        pair.edit_crm(Website=f"{n}.example")
        await pair.company.sync()
    assert pair.erp["web"] == "9.example"
    assert pair.company.open_fields() == {}


async def test_it_stays_parked_until_a_person_releases_it(pair: Linked) -> None:
    company = pair.company
    await fight(company, lambda: pair.edit_erp(web="rival.example"), rounds=5)
    company.advance(days=3)
    pair.edit_crm(Website="new.example")
    await company.sync(full=True)
    assert pair.erp["web"] == "rival.example"
    pair.edit_erp(web="new.example")
    await company.sync()
    assert parked(company) == ["website"], "even if both agree for a while"
    pair.edit_erp(web="rival.example")
    await company.sync()
    [link_id] = company.ask(open_fields.load)
    with company.store() as store:
        release_parked(store, link_id, "website", by="tester", now=company.clock())
        with pytest.raises(ConfigurationError):
            release_parked(store, link_id, "website", by="tester", now=company.clock())
    await company.rest()
    assert pair.erp["web"] == "new.example"
    assert company.open_fields() == {}


async def test_many_links_that_park_one_field_park_it_for_all(found: Founding) -> None:
    company = found()
    company.allow(change=1000)
    accounts = await staff(company, 24)
    partners = company.linked("customer")

    def rewrite() -> None:
        for account in accounts[:21]:
            company.erp.edit("customer", partners[account], {"web": "rival.example"})

    writes = await fight(company, rewrite, rounds=6)
    assert writes[-2:] == [0, 0]
    assert sum(writes) <= 21 * 3
    [stop] = company.ask(stops.active)
    assert (stop.side.value, stop.entity, stop.kind, stop.field) == (
        "erp", "customer", "parked", "website",
    )  # fmt: skip
    untouched = accounts[23]
    company.crm.edit("customer", untouched, {"Website": "new.example", "Phone": "7"})
    await company.sync()
    other = company.erp.all("customer")[partners[untouched]]
    assert other["web"] != "new.example"
    assert other["tel"] == "7"
