"""Records held to be gone, archived or merged that are shown again: links go on as they were."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.governance.rules import Side
from interlock.model import Presence

from .company import Company
from .conftest import Founding
from .test_limits import staff, stopped
from .test_presence import seen

COUNT = 40


@pytest.fixture
async def many(found: Founding) -> Company:
    company = found(erp_settings={"changes": False})
    await staff(company, COUNT)
    company.advance(days=2)
    return company


def veil(company: Company, hidden: set[str]) -> None:
    def act(_call: Any, carry_out: Any) -> Any:
        return [row for row in carry_out() if row.id not in hidden]

    for operation in ("listed", "fetched"):
        company.erp_faults.arm(act, operation=operation, entity="customer", times=None)


async def gone(company: Company, count: int) -> set[str]:
    """Hide so many customers of the ERP until they are held to be gone."""
    hidden = set(list(company.erp.all("customer"))[:count])
    veil(company, hidden)
    for _ in range(3):
        await company.sync()
        company.advance(hours=2)
    assert all(seen(company, Side.ERP, i).presence is Presence.GONE for i in hidden)
    return hidden


async def test_one_that_was_gone_comes_back(many: Company) -> None:
    (erp_id,) = await gone(many, 1)
    partner = next(c for c, e in many.linked("customer").items() if e == erp_id)
    many.crm.edit("customer", partner, {"Phone": "2"})
    await many.go()
    many.erp_faults.clear()
    await many.rest()
    assert many.erp.all("customer")[erp_id]["tel"] == "2", "what was edited meanwhile follows"
    assert many.linked("customer")[partner] == erp_id
    assert len(many.erp.all("customer")) == COUNT, "nothing was made anew"
    assert many.open_fields() == {}


async def test_many_that_come_back_are_not_rewritten(many: Company) -> None:
    hidden = await gone(many, 15)
    links = many.linked("customer")
    before = many.erp.written["customer"] + many.crm.written["customer"]
    many.erp_faults.clear()
    await many.rest()
    assert many.erp.written["customer"] + many.crm.written["customer"] == before
    assert many.linked("customer") == links
    assert all(seen(many, Side.ERP, i).presence is Presence.PRESENT for i in hidden)
    assert stopped(many) == []


async def test_many_that_were_edited_meanwhile_keep_to_the_limit(many: Company) -> None:
    hidden = await gone(many, 30)
    for account, erp_id in many.linked("customer").items():
        if erp_id in hidden:
            many.crm.edit("customer", account, {"Phone": "2"})
    await many.sync()
    many.erp_faults.clear()
    await many.sync()
    assert [row["tel"] for row in many.erp.all("customer").values()].count("2") == 0
    assert stopped(many) == [("erp", "customer", "change", "", 30)]


async def test_many_that_are_archived_and_brought_back(many: Company) -> None:
    ids = list(many.erp.all("customer"))
    before = many.erp.written["customer"] + many.crm.written["customer"]
    for erp_id in ids:
        many.erp.archive("customer", erp_id)
    await many.rest()
    assert set(many.open_fields()) == {"(erp)"}
    for erp_id in ids:
        many.erp.archive("customer", erp_id, back=True)
    await many.rest()
    assert many.open_fields() == {}
    assert many.erp.written["customer"] + many.crm.written["customer"] == before


async def test_a_merged_record_leaves_its_partner_and_the_winner_alone(many: Company) -> None:
    """Two linked records become one: both pairs are shown, neither side is rewritten."""
    loser, winner = list(many.erp.all("customer"))[:2]
    links = many.linked("customer")
    before = many.erp.written["customer"] + many.crm.written["customer"]
    many.erp.merge("customer", loser, winner)
    many.advance(hours=3)
    for _ in range(3):
        await many.sync(full=True)
        many.advance(hours=2)
    assert seen(many, Side.ERP, loser).presence is Presence.MERGED
    assert seen(many, Side.ERP, loser).merged_into == winner
    assert many.linked("customer") == links
    assert many.open_fields() == {"(erp)": "merged"}
    assert many.erp.written["customer"] + many.crm.written["customer"] == before
    partner = next(c for c, e in links.items() if e == winner)
    many.crm.edit("customer", partner, {"Phone": "2"})
    await many.sync()
    assert many.erp.all("customer")[winner]["tel"] == "2"
