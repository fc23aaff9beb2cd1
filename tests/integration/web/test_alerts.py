"""Alerts: one message for each cause, by mail and by webhook, without anything about people."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from interlock.governance.rules import Side
from interlock.service.outreach import Outreach
from interlock.service.pausing import rest, rested
from interlock.store import notices, plans
from interlock.store.database import Tx
from interlock.store.plans import RunRow
from tests.integration.company import Company
from tests.integration.conftest import Founding
from tests.integration.test_holds import Firm
from tests.integration.test_many_letters import fill
from tests.integration.test_orders import Shop

from .sinks import Mailbox, WebSink, mail_sink, note_secret, web_sink


def ask_for_alerts(company: Company, *urls: str, more: str = "") -> None:
    channels = ", ".join(f"{{name: way{n}, url: '${{ALERT{n}}}'}}" for n in range(len(urls)))
    file = company.root / "interlock.yaml"
    file.write_text(f"{file.read_text()}\nalerts: {{channels: [{channels}]{more}}}\n")
    for n, url in enumerate(urls):
        note_secret(company, f"ALERT{n}='{url}'")


class People:
    """Whoever is alerted, by mail and by webhook."""

    def __init__(self, company: Company, mail: Mailbox, web: WebSink) -> None:
        self.mail, self.web, self.company = mail, web, company
        ask_for_alerts(company, mail.url, web.url.replace("http://", "json://"))

    async def look(self) -> list[str]:
        """One round; the subjects of the mails it brought, which the webhook got as well."""
        mails, calls = len(self.mail.mails), len(self.web.got)
        with self.company.store() as store:
            await Outreach(self.company.project(), store, self.company.clock).round()
        titles = self.mail.subjects()[mails:]
        called = [json.loads(body) for _, body in self.web.got[calls:]]
        assert sorted(one["title"] for one in called) == sorted(titles)
        return titles

    def everything(self) -> str:
        bodies = [mail.as_string() for mail in self.mail.mails]
        return "\n".join([*bodies, *(body.decode() for _, body in self.web.got)])


async def test_hundreds_of_dead_letters_are_one_message_for_each_cause(found: Founding) -> None:
    async with mail_sink() as mail, web_sink() as web:
        company = found()
        people = People(company, mail, web)
        assert await people.look() == []
        fill(company, 400)
        assert sorted(await people.look()) == [
            "Interlock: 100 dead letters to erp: duplicate",
            "Interlock: 100 dead letters to erp: invalid",
            "Interlock: 100 dead letters to erp: missing",
            "Interlock: 100 dead letters to erp: refused",
        ]
        assert await people.look() == []
        with company.store() as store:
            store.run(lambda tx: tx.conn.exec_driver_sql("UPDATE dead_letter SET closed_at = at"))
        over = await people.look()
        assert len(over) == 4
        assert all(one.startswith("Interlock: Over: dead letters to erp") for one in over)
        assert await people.look() == []
        assert "Firm" not in people.everything()
        assert "c17" not in people.everything()


async def test_each_cause_is_told_once_and_its_end(found: Founding) -> None:
    async with mail_sink() as mail, web_sink() as web:
        company = found()
        firm = Firm(company)
        firm.account = (await Shop.open(company)).account
        people = People(company, mail, web)
        await people.look()

        # a hold
        firm.hold(note="Jo Doe forgot to pay")
        await company.rest()
        assert await people.look() == ["Interlock: 1 customer put on credit hold"]
        assert await people.look() == []

        # credentials refused, and a system that does not answer
        with company.store() as store:
            store.run(rest, Side.ERP, "refused", company.clock(), "needs_auth")
            store.run(rest, Side.CRM, "away", company.clock(), "unreachable")
        [refused] = await people.look()
        assert "erp refuses the credentials" in refused
        with company.store() as store:
            for hours in (1, 2):
                later = company.clock() + timedelta(hours=hours)
                store.run(rest, Side.CRM, "away", later, "unreachable")
        assert await people.look() == ["Interlock: crm does not answer, 3 times in a row"]
        with company.store() as store:
            store.run(rested, [Side.CRM, Side.ERP], company.clock())
        assert sorted(await people.look()) == [
            "Interlock: Over: credentials of erp", "Interlock: Over: crm unreachable",
        ]  # fmt: skip

        # too much at once
        company.allow(create=1)
        for n in range(5):
            company.crm.add("customer", {"Name": f"Crowd {n} Ltd"})
        await company.sync()
        assert await people.look() == ["Interlock: stopped: erp customer create"]
        assert await people.look() == []
        assert "Jo Doe" not in people.everything()
        assert "Crowd" not in people.everything()


async def test_a_change_that_waits_too_long_is_told_until_it_is_delivered(
    found: Founding,
) -> None:
    async with mail_sink() as mail, web_sink() as web:
        company = found()
        await Shop.open(company)
        people = People(company, mail, web)
        company.crm.add("customer", {"Name": "Nova Ltd"})
        await company.plan()
        company.approve()
        assert await people.look() == []
        company.advance(minutes=31)
        [late] = await people.look()
        assert late.startswith("Interlock: a change waits for erp since 2026-")
        await company.sync()
        assert await people.look() == ["Interlock: Over: undelivered to erp"]


async def test_a_channel_that_does_not_answer_is_tried_again(found: Founding) -> None:
    async with web_sink() as web:
        company = found()
        ask_for_alerts(company, web.url.replace("http://", "json://"))
        fill(company, 4)
        web.status = 500

        async def look() -> int:
            with company.store() as store:
                return await Outreach(company.project(), store, company.clock).round()

        assert await look() == 0
        company.advance(seconds=31)
        web.status = 204
        assert await look() == 4
        company.advance(seconds=31)
        assert await look() == 0
        assert {n.kind for n in company.ask(notices.all_notices).values()} == {"dead_letters"}


async def test_a_channel_is_told_only_what_it_asked_for(found: Founding) -> None:
    async with web_sink() as web:
        company = found()
        file = company.root / "interlock.yaml"
        url = web.url.replace("http://", "json://")
        file.write_text(
            file.read_text() + "\nalerts: {channels: [{name: way, url: '${ALERT}', "
            "causes: [credentials]}]}\n"
        )
        note_secret(company, f"ALERT={url}")
        fill(company, 4)
        with company.store() as store:
            store.run(rest, Side.ERP, "refused", company.clock(), "needs_auth")
            await Outreach(company.project(), store, company.clock).round()
        [(_, body)] = web.got
        assert "credentials" in json.loads(body)["title"]


async def test_a_day_far_from_the_days_before_it_is_told(found: Founding) -> None:
    async with mail_sink() as mail, web_sink() as web:
        company = found()
        people = People(company, mail, web)
        now = company.clock()

        def _runs(tx: Tx) -> None:
            for day in range(1, 10):
                at = now - timedelta(days=day, hours=1)
                counts: dict[str, Any] = {"created": 3, "updated": 7}
                plans.save_run(tx, RunRow(id=f"r{day}", started_at=at, ended_at=at, counts=counts))

        company.ask(_runs)
        assert await people.look() == []
        company.ask(
            lambda tx: plans.save_run(
                tx, RunRow(id="x", started_at=now, ended_at=now, counts={"updated": 5000})
            )
        )
        company.advance(hours=1)
        assert await people.look() == ["Interlock: unusual number of writes"]
