"""Events: signed, kept until they are delivered, ids and amounts only."""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from interlock.project.outreach import EventEndpoint, EventKind
from interlock.service.events import gather_leaks
from interlock.service.outreach import GIVE_UP_AFTER, KEEP, Outreach, backoff
from interlock.store import outgoing
from interlock.store.outgoing import Outgoing
from tests.integration.company import Company
from tests.integration.conftest import Founding
from tests.integration.test_holds import Firm
from tests.integration.test_orders import Shop

from .sinks import WebSink, note_secret, web_sink


def told(sink: WebSink) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in sink.got]


def ask_for_events(company: Company, sink: WebSink, kinds: str = "") -> None:
    only = f", kinds: [{kinds}]" if kinds else ""
    file = company.root / "interlock.yaml"
    file.write_text(
        f"{file.read_text()}\nevents: [{{name: shop, url: '{sink.url}', "
        f"secret: '${{EVENTS}}'{only}}}]\n"
    )
    note_secret(company, "EVENTS=ev-secret")


async def tell(company: Company) -> int:
    with company.store() as store:
        return await Outreach(company.project(), store, company.clock).round()


async def test_an_order_and_its_customer_are_told_once_and_signed(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        ask_for_events(company, sink)
        assert await tell(company) == 0
        shop = await Shop.open(company)
        new = company.crm.add("customer", {"Name": "Nova Ltd"})
        await company.go()
        deal = shop.deal()
        await company.rest()
        await tell(company)
        await tell(company)
        kinds = [one["kind"] for one in told(sink)]
        assert kinds == ["customer.created", "order.created"]
        customer, order = told(sink)
        assert customer["data"] == {
            "entity": "customer", "crm": new, "erp": company.linked("customer")[new],
        }  # fmt: skip
        [order_id] = shop.ids
        assert order["data"] == {
            "entity": "order", "crm": deal, "erp": order_id, "net": "10.00", "currency": "EUR",
        }  # fmt: skip
        assert order["installation"] == "test01"
        for headers, body in sink.got:
            signed = f"{headers['x-interlock-timestamp']}.".encode() + body
            made = hmac.new(b"ev-secret", signed, "sha256").hexdigest()
            assert headers["x-interlock-signature"] == f"v1={made}"
            assert headers["x-interlock-event"] == json.loads(body)["kind"]
        everything = b"".join(body for _, body in sink.got)
        assert not any(word in everything for word in (b"Acme", b"Nova", b"Big deal"))


async def test_what_was_before_an_endpoint_is_no_news_to_it(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        shop = await Shop.open(company)
        shop.deal()
        await company.rest()
        ask_for_events(company, sink)
        await tell(company)
        await tell(company)
        assert sink.got == []


async def test_a_hold_is_told_when_it_is_placed_and_when_it_is_released(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        firm = Firm(company)
        firm.account = (await Shop.open(company)).account
        ask_for_events(company, sink, "hold.placed, hold.released")
        await tell(company)
        firm.hold(note="Jo Doe forgot to pay")
        await company.rest()
        await tell(company)
        firm.hold(on=False)
        await company.sync()
        company.advance(minutes=11)
        await company.rest()
        await tell(company)
        await tell(company)
        placed, released = told(sink)
        assert (placed["kind"], released["kind"]) == ("hold.placed", "hold.released")
        [partner] = company.erp.all("customer")
        assert placed["data"] == {
            "entity": "customer", "crm": firm.account, "erp": partner, "hold": 1,
        }  # fmt: skip
        assert b"Jo Doe" not in b"".join(body for _, body in sink.got)


async def test_what_is_not_taken_is_sent_again_later_and_at_last_given_up(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        ask_for_events(company, sink)
        await tell(company)
        company.crm.add("customer", {"Name": "Nova Ltd"})
        await company.go()
        sink.status = 503
        assert await tell(company) == 0
        assert await tell(company) == 0
        assert len(sink.got) == 1
        company.advance(seconds=31)
        await tell(company)
        assert len(sink.got) == 2
        [late] = company.ask(lambda tx: outgoing.recent(tx, "event:shop"))
        assert (late.attempts, late.why) == (2, "answered with 503")
        company.advance(seconds=61)
        sink.status = 204
        assert await tell(company) == 1
        assert [one["id"] for one in told(sink)] == [told(sink)[0]["id"]] * 3
        company.crm.add("customer", {"Name": "Nemo Ltd"})
        await company.go()
        sink.status = 302
        await tell(company)
        company.advance(seconds=GIVE_UP_AFTER.total_seconds() + 1)
        await tell(company)
        company.advance(days=1)
        count = len(sink.got)
        await tell(company)
        assert len(sink.got) == count


async def test_an_endpoint_that_is_away_keeps_nobody_else_waiting(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        file = company.root / "interlock.yaml"
        file.write_text(
            file.read_text() + "\nevents:\n"
            "  - {name: away, url: 'http://127.0.0.1:1/', secret: '${EVENTS}'}\n"
            f"  - {{name: shop, url: '{sink.url}', secret: '${{EVENTS}}'}}\n"
        )
        note_secret(company, "EVENTS=ev-secret")
        await tell(company)
        company.crm.add("customer", {"Name": "Nova Ltd"})
        await company.go()
        await tell(company)
        assert [one["kind"] for one in told(sink)] == ["customer.created"]
        [late] = company.ask(lambda tx: outgoing.recent(tx, "event:away"))
        assert "not reached" in late.why


async def test_a_leak_is_told_once_two_days_after_the_deal_was_won(found: Founding) -> None:
    async with web_sink() as sink:
        company = found()
        ask_for_events(company, sink, "leak.found")
        shop = await Shop.open(company)
        await tell(company)
        deal = shop.deal(item_without_product(), amount="99.00")
        await company.rest()
        for _ in range(5):
            company.advance(days=1)
            await company.sync()
            await tell(company)
        [leak] = told(sink)
        assert leak["kind"] == EventKind.LEAK_FOUND
        assert (leak["data"]["crm"], leak["data"]["amount"]) == (deal, "99.00")
        with company.store() as store:
            assert gather_leaks(company.project(), store, company.clock()) == 0


def item_without_product() -> dict[str, Any]:
    return {"Id": "L1", "Product2Id": None, "ProductCode": "NOBODY", "Description": None,
            "Quantity": "1", "UnitPrice": "99.00"}  # fmt: skip


def test_waiting_grows_to_an_hour() -> None:
    assert [backoff(n) for n in (0, 1, 2)] == [timedelta(seconds=s) for s in (30, 60, 120)]
    assert backoff(99) == timedelta(hours=1)


async def test_an_endpoint_that_does_not_answer_keeps_no_other_waiting(found: Founding) -> None:
    asked = []

    async def refuse(_to: EventEndpoint, row: Outgoing, _now: datetime) -> None:
        asked.append(row.id)
        raise RuntimeError("a library's own failure")

    async with web_sink() as sink:
        company = found()
        ask_for_events(company, sink)
        now = company.clock()
        rows = [
            Outgoing(destination="event:shop", id=str(n), kind="order.created", body=b"{}", at=now,
                     due_at=now)
            for n in range(40)
        ]  # fmt: skip
        with company.store() as store:
            store.run(outgoing.put, rows)
            outreach = Outreach(company.project(), store, company.clock, post=refuse)
            assert await outreach.round() == 0
            waiting = store.run(outgoing.waiting)["event:shop"]
            [last, *_] = [r for r in store.run(outgoing.recent, "event:shop") if r.attempts]
        assert len(asked) == 5, "a round ends; the rest is tried in the next"
        assert (waiting.count, waiting.failing, last.why) == (40, 5, "RuntimeError")


async def test_what_is_for_nobody_goes_and_what_lasts_is_not_told_again(found: Founding) -> None:
    company = found()
    old, now = company.clock() - timedelta(days=31), company.clock()

    def row(name: str, kind: str, due_at: datetime | None, to: str = "event:shop") -> Outgoing:
        return Outgoing(destination=to, id=name, kind=kind, body=b"{}", at=old, due_at=due_at)

    with company.store() as store:
        rows = [
            row("told", "order.created", None),
            row("told leak", "leak.found", None),
            row("waits", "order.created", now),
            row("for nobody", "order.created", now, "event:gone"),
        ]
        store.run(outgoing.put, rows)
        store.run(outgoing.prune, now - KEEP, ["event:shop"], lasting=[EventKind.LEAK_FOUND])
        left = {one.id for one in store.run(outgoing.recent, "event:shop")}
        assert left == {"told leak", "waits"}
        assert store.run(outgoing.recent, "event:gone") == []
