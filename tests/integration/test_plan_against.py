"""`plan --against`: what a changed map would write, record by record, before anything is."""

from __future__ import annotations

import shutil

import pytest

from interlock.errors import ConfigurationError
from interlock.service.against import Against, plan_against
from interlock.sync.progress import Run

from .company import Company
from .test_edits import Linked, link
from .test_rule_changes import OTHER_OWNER, TestValueMaps, disagree, map_file


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def against(company: Company, old: str) -> Against:
    async with company.session() as session:
        return await plan_against(session, old, Run(id="plan"))


async def test_a_change_of_owner_is_shown_with_its_writes(pair: Linked) -> None:
    company = pair.company
    await disagree(pair)
    old = company.project().map_version
    company.own("customer", OTHER_OWNER)
    before = pair.written()

    shown = await against(company, old[:6])

    assert (shown.old, shown.new) == (old, company.project().map_version)
    [field] = shown.fields
    assert (field.entity, field.field) == ("customer", "website")
    assert field.what == "on_foreign_edit: flag -> revert; owner: crm -> erp"
    assert field.writes == {"crm": 1}
    [write] = shown.writes
    assert (write.system, write.now, write.new, write.before_system) == (
        "crm", "acme.com", "acme.org", "",
    )  # fmt: skip
    assert write.records == {"crm": pair.crm_id, "erp": pair.erp_id}
    assert pair.written() == before
    assert company.pending() == []
    assert company.ask(_active) == old, "looking activates nothing"


def _active(tx: object) -> str | None:
    from interlock.store import feeds

    return feeds.get_meta(tx, "map_version")  # type: ignore[arg-type]


async def test_it_shows_what_the_plan_then_asks_to_approve(pair: Linked) -> None:
    company = pair.company
    await disagree(pair)
    company.own("customer", OTHER_OWNER)
    old = company.ask(_active)
    assert old is not None
    foreseen = await against(company, old)
    [planned] = (await company.plan()).writes
    assert [(w.system, w.field, w.now, w.new) for w in foreseen.writes] == [
        (planned.system, f.field, f.old, f.new) for f in planned.fields
    ]
    again = await against(company, "previous")
    assert again.writes == foreseen.writes


async def test_a_bad_value_map_is_seen_as_the_mass_change_it_is(company: Company) -> None:
    maps = TestValueMaps()
    await maps.many(company, 30)
    old = company.project().map_version
    map_file(company, "crm", maps.BAD)

    shown = await against(company, old)

    [field] = shown.fields
    assert field.what == "mapped differently in the CRM"
    assert field.writes == {"erp": 30}
    assert shown.total == shown.compared == 30
    assert {(w.now, w.new) for w in shown.writes} == {("net 30", "net 60")}


async def test_a_folder_can_be_compared_with(pair: Linked) -> None:
    company = pair.company
    copy = company.root.parent / f"{company.root.name}-old"
    shutil.copytree(company.root, copy)
    company.own("customer", {"create": "none", "payment_terms": "{owner: erp}",
                             "credit_limit": "{owner: erp}"})  # fmt: skip
    shown = await against(company, str(copy))
    assert list(shown.fields) == [], "what a create sends concerns no record that is there"
    assert shown.creates["customer"].startswith("create: crm -> none")


async def test_the_same_map_changes_nothing(pair: Linked) -> None:
    shown = await against(pair.company, pair.company.project().map_version)
    assert (list(shown.fields), shown.creates, shown.total) == ([], {}, 0)


@pytest.mark.parametrize("old", ["previous", "nonsense"])
async def test_an_unknown_map_is_a_plain_mistake(pair: Linked, old: str) -> None:
    with pytest.raises(ConfigurationError):
        await against(pair.company, old)
