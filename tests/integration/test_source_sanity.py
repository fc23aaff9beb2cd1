"""A source that goes wrong all at once neither empties nor rewrites the other side (rules 1, 10).

Five hundred customers agree; then one system shows them wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from interlock.governance.rules import Side
from interlock.service.plan import Chosen, approve
from interlock.service.status import read_status
from interlock.store import feeds, stops
from interlock.testing.faults import answer_status

from .company import Company
from .conftest import Founding
from .test_limits import codes, shown, staff, stopped

MANY = 500
LIMIT = 25


@pytest.fixture
async def many(found: Founding) -> Company:
    company = found(crm_settings={"changes": False}, erp_settings={"changes": False})
    await staff(company, MANY)
    company.advance(days=2)
    return company


def written(company: Company) -> int:
    return company.crm.written["customer"] + company.erp.written["customer"]


def status_stops(company: Company) -> list[str]:
    with company.store() as store:
        status = read_status(company.project(), store)
    assert bool(status.stops) <= status.needs_person
    return [s.why for s in status.stops]


def show(company: Company, change: Callable[[list[Any]], list[Any]]) -> None:
    """Let the ERP list and fetch customers changed."""
    for operation in ("listed", "fetched", "changed"):
        company.erp_faults.arm(
            lambda _call, do: change(do()), operation=operation, entity="customer", times=None
        )


@pytest.mark.parametrize("left", [0, 250])
async def test_a_list_that_shows_nothing_or_half(many: Company, left: int) -> None:
    """A filter, a lost right, paging that breaks off: nobody is deleted, nothing is written."""
    before, rows = written(many), dict(many.crm.all("customer"))
    keep = set(list(many.erp.all("customer"))[:left])
    show(many, lambda answer: [row for row in answer if row.id in keep])
    report = await many.sync(full=True)
    assert "shortfall" in codes(report), "never a success"
    feed = many.ask(lambda tx: feeds.of_side(tx, Side.ERP))["customer"]
    assert feed.shortfall >= MANY - left
    for _ in range(3):
        many.advance(hours=2)
        report = await many.sync(full=True)
        # those that fetches by id do not show either are held to be gone, which a person sees
        assert "shortfall" in codes(report) or report.open_fields == MANY - left
    assert written(many) == before
    assert many.crm.all("customer") == rows
    assert len(many.linked("customer")) == MANY
    many.erp_faults.clear()
    await many.sync(full=True)
    await many.rest()
    assert written(many) == before
    assert many.open_fields() == {}


async def test_a_shortfall_is_swept_again_once_before_it_is_raised(many: Company) -> None:
    many.erp_faults.arm(
        lambda _call, do: do()[:100], operation="listed", entity="customer", times=1
    )
    report = await many.sync(full=True)
    assert "shortfall" not in codes(report), "the second sweep showed them all"
    assert many.open_fields() == {}


async def test_an_empty_target_at_the_first_load_waits_for_a_person(found: Founding) -> None:
    company = found()
    for n in range(60):
        company.crm.add("customer", {"Name": f"Kestrel {n:03d}"})
        company.erp.add("customer", {"name": f"Kestrel {n:03d}"})
    show(company, lambda _answer: [])
    report = await company.sync()
    assert report.writes == 0
    assert report.to_approve == 60, "all seem new; a person sees that before any is created"


@pytest.mark.parametrize("column", ["tel", "web"])
async def test_a_field_that_can_no_longer_be_read_stops(many: Company, column: str) -> None:
    field = {"tel": "phone", "web": "website"}[column]
    source = {"tel": "Phone", "web": "Website"}[column]
    before = written(many)
    many.erp_faults.hide("customer", column)
    report = await many.sync(full=True)
    assert written(many) == before
    assert stopped(many) == [("erp", "customer", "unknown", field, MANY)]
    assert "limit" in codes(report)
    assert "can no longer be read on 500 records" in status_stops(many)[0]
    account = next(iter(many.crm.all("customer")))
    many.crm.edit("customer", account, {source: "1.example", "Name": "Kestrel renamed"})
    await many.rest()
    assert "1.example" not in shown(many, column), "nothing is written blindly"
    assert many.open_fields() == {}, "and not five hundred times said"
    many.erp_faults.show()
    many.advance(days=1)
    await many.sync(full=True)
    assert stopped(many) == [], "it goes on by itself once it can be read again"
    await many.rest()
    assert shown(many, column).count("1.example") == 1


async def test_a_person_may_go_on_without_the_field(many: Company) -> None:
    many.erp_faults.hide("customer", "tel")
    await many.sync(full=True)
    [stop] = many.ask(stops.active)
    with many.store() as store:
        done = approve(store, None, by="Kim", now=many.clock(), chosen=Chosen(stop=stop.id))
    assert done.field == "phone"
    report = await many.sync(full=True)
    assert stopped(many) == []
    assert codes(report) == []


async def test_a_few_records_that_cannot_be_read_stop_nothing(many: Company) -> None:
    bad = set(list(many.erp.all("customer"))[:10])

    def veil(answer: list[Any]) -> list[Any]:
        return [
            msgspec.structs.replace(r, cells={k: v for k, v in r.cells.items() if k != "tel"})
            if r.id in bad
            else r
            for r in answer
        ]

    show(many, veil)
    await many.sync(full=True)
    assert stopped(many) == []
    account = list(many.crm.all("customer"))[-1]
    many.crm.edit("customer", account, {"Phone": "1"})
    await many.rest()
    assert "1" in shown(many, "tel")


async def test_a_right_lost_for_the_whole_entity(many: Company) -> None:
    before = written(many)
    many.erp_faults.arm(answer_status(403), entity="customer", times=None)
    for _ in range(3):
        report = await many.sync(full=True)
        assert "not_permitted" in codes(report)
        many.advance(hours=2)
    many.erp_faults.clear()
    await many.rest()
    assert written(many) == before
    assert many.open_fields() == {}


@pytest.mark.parametrize("value", [None, "One value"])
async def test_a_value_map_that_makes_all_values_the_same(many: Company, value: str | None) -> None:
    """Decoded wrongly, every customer seems to have been edited in the CRM."""
    before, webs = written(many), shown(many, "web")

    def spoil(answer: list[Any]) -> list[Any]:
        return [msgspec.structs.replace(r, cells=r.cells | {"Website": value}) for r in answer]

    for operation in ("listed", "fetched", "changed"):
        many.crm_faults.arm(
            lambda _c, do: spoil(do()), operation=operation, entity="customer", times=None
        )
    report = await many.sync(full=True)
    kind = "blank" if value is None else "change"
    assert stopped(many) == [("erp", "customer", kind, "", MANY)]
    assert report.to_approve == MANY
    assert written(many) == before
    assert shown(many, "web") == webs
    assert len(status_stops(many)) == 1
    many.crm_faults.clear()
    await many.sync(full=True)
    assert stopped(many) == []
    assert written(many) == before, "mended in time, nothing has happened"


async def test_a_shared_field_emptied_by_an_import_is_not_filled_five_hundred_times(
    many: Company,
) -> None:
    for record_id in many.erp.all("customer"):
        many.erp.edit("customer", record_id, {"tel": None})
    before = written(many)
    await many.sync(full=True)
    assert written(many) - before <= LIMIT
    assert stopped(many) == [("erp", "customer", "change", "", MANY)]
