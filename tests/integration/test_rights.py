"""Rights the credentials lose are told of once a day, whatever else goes on (rule 1)."""

from __future__ import annotations

import msgspec
import pytest

from interlock.connectors.base import EntityCapabilities
from interlock.governance.rules import Side
from interlock.sync.pair import Connection

from .company import Company
from .test_edits import Linked, link


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def told(company: Company) -> list[str]:
    return [p.message for p in (await company.sync()).problems if p.code == "rights"]


async def test_a_right_that_was_taken_away_is_told_within_a_day(pair: Linked) -> None:
    company = pair.company
    company.crm_faults.hide("customer", "Phone")
    assert await told(company) == [], "it was looked at a moment ago"
    company.advance(hours=25)
    [message] = await told(company)
    assert "phone cannot be read in crm" in message
    assert await told(company) == []


async def test_a_new_map_is_held_against_the_rights_at_once(pair: Linked) -> None:
    company = pair.company
    company.crm_faults.hide("customer", "Phone")
    company.own("customer", {"website": "{owner: erp}"})
    [message] = await told(company)
    assert "phone" in message


async def test_a_system_that_is_down_is_asked_again(pair: Linked) -> None:
    from interlock.testing.faults import answer_status

    company = pair.company
    company.advance(hours=25)
    company.erp_faults.arm(answer_status(503), operation=None, times=None)
    await company.sync()
    company.erp_faults.clear()
    company.crm_faults.hide("customer", "Phone")
    assert len(await told(company)) == 1


async def test_a_create_leaves_out_what_the_target_does_not_let_us_write(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = Connection.entity

    def _without_phone(self: Connection, name: str) -> EntityCapabilities | None:
        caps = entity(self, name)
        if caps is None or self.side is Side.CRM or "phone" not in caps.fields:
            return caps
        facts = msgspec.structs.replace(caps.fields["phone"], writable=False)
        return msgspec.structs.replace(caps, fields={**caps.fields, "phone": facts})

    monkeypatch.setattr(Connection, "entity", _without_phone)
    company.crm.add("customer", {"Name": "Acme", "Phone": "1"})
    await company.go()
    await company.rest()
    [made] = company.erp.all("customer").values()
    assert (made["name"], made["tel"]) == ("Acme", None)
    assert company.open_fields() == {"phone": "read-only"}
