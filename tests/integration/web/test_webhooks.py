"""Webhooks: believed when proven, answered before any work, never more than a hint (rule 6)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from interlock.connectors.base import Webhook
from interlock.governance.rules import Side
from interlock.service.webhooks import Inbox
from interlock.store import hints, observations
from tests.integration.company import Company
from tests.integration.conftest import Founding

from .calling import Answered, Caller, serving

SECRET = "wh-secret"


def signed(body: bytes, at: datetime, secret: str = SECRET) -> Mapping[str, str]:
    stamp = str(int(at.timestamp()))
    made = hmac.new(secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
    return {"x-interlock-timestamp": stamp, "x-interlock-signature": f"v1={made}"}


async def call(
    caller: Caller, company: Company, side: str, events: Sequence[tuple[str, str]], **how: Any
) -> Answered:
    body = json.dumps({"events": [{"entity": e, "id": i} for e, i in events]}).encode()
    headers = signed(body, how.pop("at", company.clock()), **how)
    return await caller("POST", f"/hooks/{side}", raw=body, headers=headers)


def hinted(company: Company, side: Side = Side.CRM, entity: str = "customer") -> list[str]:
    far = company.clock() + timedelta(days=9)
    return [d.record_id for d in company.ask(lambda tx: hints.due(tx, side, entity, far, 99))]


@pytest.fixture
def company(found: Founding) -> Company:
    settings = {"webhook_secret": SECRET, "commit_delay": 60.0}
    return found(crm_settings=settings, erp_settings=settings)


async def flushed(caller: Caller) -> None:
    """Wait until what was heard is in the store."""
    desk = caller.app.state.desk
    await desk.inbox.flush(desk.wake)


async def test_a_webhook_is_answered_before_any_work_and_then_wakes(company: Company) -> None:
    woken: list[tuple[Side, str]] = []
    async with serving(company, wake=lambda s, e: woken.append((s, e))) as callers:
        got = await call(callers["nobody"], company, "crm", [("customer", "1"), ("deal", "7")])
        assert (got.status, got.json) == (200, {"taken": True})
        assert woken == []
        assert hinted(company) == []
        await flushed(callers["nobody"])
        assert sorted(woken) == [(Side.CRM, "customer"), (Side.CRM, "deal")]
        assert (hinted(company), hinted(company, entity="deal")) == (["1"], ["7"])


async def test_it_fetches_what_polling_would_not_see_linked_or_not(company: Company) -> None:
    company.crm.add("customer", {"Name": "Known Ltd"})
    await company.sync()
    commit = company.crm.begin_late("customer", {"Name": "Late Ltd"})
    company.advance(minutes=10)
    await company.sync()
    late = commit()
    await company.sync()
    assert not company.ask(lambda tx: observations.load(tx, Side.CRM, "customer", [late]))
    async with serving(company) as callers:
        await call(callers["nobody"], company, "crm", [("customer", late)])
    report = await company.sync()
    assert report.counts["hints"] == 1
    assert company.ask(lambda tx: observations.load(tx, Side.CRM, "customer", [late]))
    assert hinted(company) == []


async def test_nothing_new_is_looked_at_once_more_after_the_commit_delay(company: Company) -> None:
    known = company.crm.add("customer", {"Name": "Known Ltd"})
    company.advance(hours=1)
    await company.sync()
    async with serving(company) as callers:
        await call(callers["nobody"], company, "crm", [("customer", known)])
    fetched = []
    for _ in range(4):
        report = await company.sync()
        fetched.append(report.counts.get("hints", 0))
        company.advance(seconds=40)
    assert fetched == [1, 0, 1, 0]
    assert hinted(company) == []


async def test_a_hint_given_anew_while_it_is_followed_is_not_lost(company: Company) -> None:
    known = company.crm.add("customer", {"Name": "Known Ltd"})
    await company.sync()
    with company.store() as store:
        store.run(hints.add, Side.CRM, [("customer", known)], company.clock())
        [due] = store.run(hints.due, Side.CRM, "customer", company.clock(), 9)
        store.run(hints.add, Side.CRM, [("customer", known)], company.clock())
        store.run(hints.settle, Side.CRM, "customer", [due])
    assert hinted(company) == [known]


async def test_half_of_the_webhooks_dropped_doubled_and_disordered_lose_nothing(
    company: Company,
) -> None:
    random = Random(7)
    company.allow(create=1000, change=1000)
    ids = [company.crm.add("customer", {"Name": f"Firm {n} Ltd"}) for n in range(30)]
    await company.go()
    async with serving(company) as callers:
        for round_no in range(3):
            touched = random.sample(ids, 10)
            for one in touched:
                company.crm.edit("customer", one, {"Name": f"Firm {one} of {round_no} Ltd"})
            ids.append(company.crm.add("customer", {"Name": f"New {round_no} Ltd"}))
            sent = [one for one in [*touched, ids[-1]] if random.random() < 0.5] * 2
            random.shuffle(sent)
            for one in sent:
                got = await call(callers["nobody"], company, "crm", [("customer", one)])
                assert got.status == 200
            await flushed(callers["nobody"])
            await company.go()
            company.advance(minutes=3)
        await company.rest()
    linked = company.linked("customer")
    assert set(linked) == set(ids)
    names = {i: row["Name"] for i, row in company.crm.all("customer").items()}
    theirs = company.erp.all("customer")
    assert {i: theirs[linked[i]]["name"] for i in ids} == names


async def test_what_is_not_proven_is_refused_counted_and_marks_nothing(company: Company) -> None:
    now = company.clock()
    async with serving(company) as callers:
        nobody, events = callers["nobody"], [("customer", "1")]
        wrong = await call(nobody, company, "crm", events, secret="guessed")
        old = await call(nobody, company, "crm", events, at=now - timedelta(minutes=6))
        bare = await nobody("POST", "/hooks/crm", raw=b"{}")
        odd = await nobody("POST", "/hooks/crm", raw=b"[", headers=signed(b"[", now))
        large = await nobody("POST", "/hooks/crm", raw=b" " * ((1 << 20) + 1))
        none = await nobody("POST", "/hooks/other", raw=b"{}")
        got = [a.status for a in (wrong, old, bare, odd, large, none)]
        assert got == [401, 401, 401, 422, 413, 404]
        assert wrong.headers["content-type"] == "application/problem+json"
        assert SECRET not in wrong.body.decode()
        await flushed(nobody)
        assert hinted(company) == []
        await call(nobody, company, "crm", events)
        await flushed(nobody)
        status = (await callers["viewer"]("GET", "/v1/status")).json["webhooks"]["crm"]
        assert status["received"] == 1
        assert status["refused"] == {
            "out_of_time": 1, "too_large": 1, "unreadable": 1, "unsigned": 1, "wrong_signature": 1,
        }  # fmt: skip
        metrics = (await callers["viewer"]("GET", "/metrics")).body.decode()
        assert 'interlock_webhooks_total{outcome="received",system="crm"} 1.0' in metrics
        assert 'interlock_webhooks_total{outcome="unsigned",system="crm"} 1.0' in metrics


async def test_a_connection_without_webhooks_takes_none(found: Founding) -> None:
    company = found()
    async with serving(company) as callers:
        got = await call(callers["nobody"], company, "crm", [("customer", "1")])
        assert got.status == 404


async def test_what_does_not_fit_is_left_to_polling(company: Company) -> None:
    async with company.session() as session:
        inbox = Inbox(session, room=2)
        for record in "12345":
            body = json.dumps({"events": [{"entity": "customer", "id": record}]}).encode()
            at = company.clock()
            assert inbox.take("crm", Webhook(headers=signed(body, at), body=body, at=at)) is None
        assert await inbox.flush(lambda *_: None) == 2
        assert await inbox.flush(lambda *_: None) == 0
