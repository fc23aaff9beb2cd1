"""What histories of the simulator found, told in small."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.connectors.base import ConnectorContext
from interlock.connectors.memory import MemorySystem, register
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.connector import MemoryConnector
from interlock.governance.rules import Side
from interlock.store import observations, outbox

from .conftest import Founding


class TestAProcessThatStandsStill:
    """Rule 19: what is sent long after ``sending`` was committed may be taken for never made."""

    async def test_it_does_not_send_when_it_wakes_up(
        self, found: Founding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company = found(erp_settings={"settle_time": 30.0})
        company.crm.add("customer", {"Name": "Acme", "Website": "acme.example"})
        await company.plan()
        company.approve()
        mark, slept = outbox.mark_sending, []

        def _slow(*args: Any, **kw: Any) -> Any:
            marked = mark(*args, **kw)
            if not slept:
                slept.append(True)
                company.advance(seconds=31)
            return marked

        monkeypatch.setattr(outbox, "mark_sending", _slow)
        before = company.erp.calls["write"]
        asked: list[int] = []
        release = outbox.release

        def _given_back(tx: Any, w: Any, **changes: Any) -> bool:
            asked.append(company.erp.calls["write"] - before)
            return release(tx, w, **changes)

        monkeypatch.setattr(outbox, "release", _given_back)
        await company.sync()
        assert slept
        assert asked
        assert asked[0] == 0, "the late call was made"
        await company.sync()
        assert [row["name"] for row in company.erp.all("customer").values()] == ["Acme"]


class TestAFlaggedValueThatComesBack:
    async def test_it_is_shown_again(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
        account = company.crm.add("customer", {"Name": "Acme", "Website": "one.example"})
        await company.go()
        await company.rest()
        (party,) = company.erp.all("customer")
        company.erp.edit("customer", party, {"web": "https://two.example"})
        await company.rest()
        assert company.open_fields()["website"] == "flagged"
        company.own("customer", {"website": "{owner: crm}"})
        await company.sync()
        assert "website" not in company.open_fields(), "to be put back, once somebody approves"
        company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
        await company.rest()
        shown = company.crm.all("customer")[account]["Website"], company.erp.all("customer")
        assert shown[0] == "one.example"
        assert shown[1][party]["web"] == "https://two.example"
        assert company.open_fields().get("website") == "different"


class TestReadsThatLag:
    async def test_what_the_feed_shows_at_its_start_is_kept(
        self, found: Founding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company = found(crm_settings={"page_size": 2, "commit_delay": 10.0})
        listed = MemoryApi.listed

        def _behind(api: MemoryApi, *args: Any, **kw: Any) -> Any:
            rows = listed(api, *args, **kw)
            return [] if api.system is company.crm and args[0] == "customer" else rows

        monkeypatch.setattr(MemoryApi, "listed", _behind)
        made = [company.crm.add("customer", {"Name": f"Firm {n}"}) for n in range(3)]
        await company.plan()
        seen = company.ask(lambda tx: observations.load(tx, Side.CRM, "customer", made))
        assert sorted(seen) == sorted(made)

    """A sweep may not show yet what changed just before it; the feed behind it must."""

    def test_the_feed_starts_before_the_read_lag(self) -> None:
        now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        clock = {"now": now}
        system = MemorySystem("crm", clock=lambda: clock["now"])
        register("lagging", system)
        made = system.add("customer", {"Name": "Acme"})
        clock["now"] = now + timedelta(seconds=20)
        connector = MemoryConnector(
            "crm",
            MemorySettings(system="lagging", read_lag=30.0, commit_delay=0.0),
            ConnectorContext(
                connection="crm", installation="test01", wanted={}, clock=lambda: clock["now"]
            ),
        )
        start = asyncio.run(connector.changes("customer", None))
        clock["now"] = now + timedelta(seconds=60)
        page = asyncio.run(connector.changes("customer", start.cursor))
        assert made in {r.id for r in (*start.records, *page.records)}

    async def test_a_round_that_ends_with_an_empty_page_is_over(
        self, found: Founding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company = found(crm_settings={"page_size": 2, "commit_delay": 10.0})
        made = [company.crm.add("customer", {"Name": f"Firm {n}"}) for n in range(2)]
        await company.go()
        await company.rest()
        company.advance(seconds=60)
        commit = company.crm.begin_late("customer", {"Phone": "late"}, made[0])
        for record_id in made:
            company.crm.edit("customer", record_id, {"Phone": "early"})
        await company.sync()
        company.advance(seconds=5)
        commit()
        company.advance(seconds=60)
        await company.rest()
        seen = company.ask(lambda tx: observations.load(tx, Side.CRM, "customer", made[:1]))
        assert seen[made[0]].fields["phone"] == "late"
