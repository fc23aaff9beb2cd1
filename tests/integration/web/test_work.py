"""The API's use cases: each is the command line's, with the token as who decided."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from interlock.service.letters import show_letter
from interlock.service.status import read_status
from interlock.store import holds
from tests.integration.company import Company
from tests.integration.conftest import Founding
from tests.integration.test_conflicts import MANUAL
from tests.integration.test_holds import Firm
from tests.integration.test_many_letters import fill
from tests.integration.test_orders import Shop

from .calling import serving


def plain(result: Any) -> Any:
    import msgspec

    return json.loads(msgspec.json.encode(result))


async def test_a_plan_is_made_listed_and_approved(company: Company) -> None:
    company.crm.add("customer", {"Name": "Acme"})
    async with serving(company) as callers:
        made = await callers["operator"]("POST", "/v1/plans")
        assert made.status == 200, made.body
        [write] = made.json["writes"]
        assert (write["system"], write["kind"], write["needs_approval"]) == ("erp", "create", True)
        assert company.erp.all("customer") == {}
        [listed] = (await callers["viewer"]("GET", "/v1/plans")).json
        assert (listed["id"], listed["to_approve"]) == (made.json["id"], 1)
        path = f"/v1/plans/{made.json['id']}/approve"
        approved = await callers["operator"]("POST", path)
        assert approved.json["released"] == 1
        unknown = await callers["operator"]("POST", "/v1/plans/zzz/approve", {})
        assert (unknown.status, unknown.json["detail"]) == (404, "there is no plan zzz")
    await company.sync()
    assert len(company.erp.all("customer")) == 1


async def test_status_is_that_of_the_command(company: Company) -> None:
    await Shop.open(company)
    async with serving(company) as callers:
        got = await callers["viewer"]("GET", "/v1/status")
        with company.store() as store:
            assert got.json == plain(read_status(company.project(), store))


async def test_dead_letters_are_edited_retried_and_discarded_by_the_token(
    company: Company,
) -> None:
    async with serving(company) as callers:
        fill(company, 8)
        say, see = callers["operator"], callers["viewer"]
        listed = (await see("GET", "/v1/dead-letters?cause=missing")).json
        assert [one["cause"] for one in listed] == ["required", "required"]
        number = listed[0]["id"]
        edited = await say(
            "POST", f"/v1/dead-letters/{number}/edit",
            {"values": {"phone": "1"}, "reason": "asked the customer"},
        )  # fmt: skip
        assert edited.status == 200, edited.body
        with company.store() as store:
            shown = show_letter(company.project(), store, number)
        assert (shown.edited_by, shown.edited_reason) == (
            "token operator-test", "asked the customer",
        )  # fmt: skip
        assert (await see("GET", f"/v1/dead-letters/{number}")).json == plain(shown)
        retried = await say("POST", "/v1/dead-letters/retry", {"cause": "duplicate"})
        assert len(retried.json["ids"]) == 2
        last = (await see("GET", "/v1/dead-letters?cause=vendor_code_7")).json[0]["id"]
        gone = await say(
            "POST", "/v1/dead-letters/discard", {"ids": [last, 999], "reason": "no more"}
        )
        assert gone.json == {"ids": [last], "missing": [999]}
        assert [e.why for e in company.events("discarded")] == ["by token operator-test: no more"]
        for body, status in (
            ({}, 422), ({"all": True, "ids": [1]}, 422), ({"ids": [0]}, 422), ({"al": True}, 422),
        ):  # fmt: skip
            assert (await say("POST", "/v1/dead-letters/retry", body)).status == status
        missing = await see("GET", "/v1/dead-letters/4711")
        assert (missing.status, missing.json["title"]) == (404, "Not Found")
        assert "4711" in missing.json["detail"]


async def test_a_conflict_is_decided_once_and_only_as_it_was_shown(found: Founding) -> None:
    company = found()
    company.own("customer", {"phone": MANUAL})
    await Shop.open(company)
    [partner] = company.erp.all("customer")
    account = company.linked("customer")
    company.crm.edit("customer", next(iter(account)), {"Phone": "2"})
    company.erp.edit("customer", partner, {"tel": "3"})
    await company.sync()
    async with serving(company) as callers:
        [one] = (await callers["viewer"]("GET", "/v1/conflicts")).json
        story = await callers["viewer"]("GET", f"/v1/conflicts/{one['id']}")
        assert story.json["conflict"]["id"] == one["id"]
        body = {"ids": [one["id"]], "choice": "crm", "reason": "they called", "seen": {}}
        stale = await callers["operator"](
            "POST", "/v1/conflicts/resolve", body | {"seen": {one["id"]: "000"}}
        )
        assert list(stale.json["refused"]) == [one["id"]]
        done = await callers["operator"]("POST", "/v1/conflicts/resolve", body)
        assert done.json["refused"] == {}
        [decided] = (await callers["viewer"]("GET", "/v1/conflicts?kind=decided")).json
        assert decided["decided"]["by"] == "token operator-test"
    await company.sync()
    assert company.erp.all("customer")[partner]["tel"] == "2"


async def test_links_are_shown_explained_and_undone(company: Company) -> None:
    shop = await Shop.open(company)
    async with serving(company) as callers:
        see, say = callers["viewer"], callers["operator"]
        of_record = (await see("GET", f"/v1/links/customer/{shop.account}")).json
        number = of_record["id"]
        assert (await see("GET", f"/v1/links/{number}")).json == of_record
        assert (await see("GET", "/v1/links?entity=customer")).json["total"] == 1
        told = (await see("GET", f"/v1/explain/customer/{shop.account}?field=name")).json
        assert [f["field"] for f in told["fields"]] == ["name"]
        assert (await see("GET", "/v1/explain/customer/nobody")).status in (404, 422)
        assert (await see("GET", "/v1/links/4711")).status == 404
        undone = await say("POST", f"/v1/links/{number}/undo", {"reason": "two firms"})
        assert undone.json["link"] == number
        assert (await see("GET", "/v1/links?entity=customer")).json["total"] == 0
        assert (await say("POST", f"/v1/links/{number}/undo", {"reason": " "})).status == 422
        told = company.events("unlinked")
        assert told
        assert all("token operator-test" in event.why for event in told)


async def test_a_hold_is_shown_and_a_deal_let_through(found: Founding) -> None:
    company = found()
    firm = Firm(company)
    firm.account = (await Shop.open(company)).account
    firm.hold()
    await company.rest()
    deal = firm.deal()
    await company.rest()
    async with serving(company) as callers:
        [hold] = (await callers["viewer"]("GET", "/v1/holds")).json
        assert (await callers["viewer"]("GET", f"/v1/holds/{hold['id']}")).json == hold
        body = {"deal": deal, "reason": "paid by phone"}
        given = await callers["operator"]("POST", "/v1/holds/override", body)
        assert given.json["by"] == "token operator-test"
        assert list(company.ask(holds.overrides)) == [(1, deal)]
        table = await callers["viewer"]("GET", "/v1/reports/holds?format=csv")
        assert table.headers["content-type"].startswith("text/csv")
        assert table.body.decode().splitlines()[0].startswith("hold,customer,records")


async def test_pausing_and_going_on(company: Company) -> None:
    async with serving(company) as callers:
        say = callers["operator"]
        body = {"subject": "erp", "reason": "month end", "lasting": "2h"}
        paused = await say("POST", "/v1/pause", body)
        assert (paused.json["subject"], paused.json["by"]) == ("erp", "token operator-test")
        assert paused.json["until"] is not None
        assert (await say("POST", "/v1/resume", {"subject": "erp"})).status == 200
        assert (await say("POST", "/v1/resume", {"subject": "erp"})).status == 422
        assert (await say("POST", "/v1/pause", body | {"subject": "moon"})).status == 422


@pytest.mark.parametrize("report", ["leakage", "revenue", "holds", "drift", "ownership"])
async def test_reports_come_as_json_and_as_a_table(company: Company, report: str) -> None:
    shop = await Shop.open(company)
    shop.deal()
    await company.rest()
    async with serving(company) as callers:
        if report == "drift":
            assert (await callers["viewer"]("GET", "/v1/reports/drift")).status == 404
            await _compare(company)
        got = await callers["viewer"]("GET", f"/v1/reports/{report}")
        assert got.status == 200, got.body
        assert got.json is not None
        table = await callers["viewer"]("GET", f"/v1/reports/{report}?format=csv")
        assert table.headers["content-disposition"] == f'attachment; filename="{report}.csv"'
        assert "," in table.body.decode().splitlines()[0]
        assert (await callers["viewer"]("GET", f"/v1/reports/{report}?format=xml")).status == 422


async def _compare(company: Company) -> None:
    from interlock.service.drift import run_drift
    from interlock.sync.progress import Run

    async with company.session() as session:
        await run_drift(session, Run(id="drift"))


async def test_a_quote_is_checked_as_by_the_command(company: Company) -> None:
    from interlock.service.quoting import check_quote, parse_request

    shop = await Shop.open(company)
    question = {"customer": shop.account, "currency": "EUR",
                "lines": [{"sku": "SKU-1", "quantity": "2", "unit_price": 5.25}]}  # fmt: skip
    async with serving(company) as callers:
        got = await callers["viewer"]("POST", "/v1/quotes/check", question)
        assert got.status == 200, got.body
        async with company.session() as session:
            same = plain(await check_quote(session, parse_request(question)))
        answered = got.json
        for answer in (answered, same):
            for moving in ("as_of", "age_seconds"):
                answer.pop(moving)
        assert answered == same
        for odd in (b"", b"[", b"7", b'{"currency": "EUR"}', b'{"currency":"EUR","lines":[]}'):
            refused = await callers["viewer"]("POST", "/v1/quotes/check", raw=odd)
            assert refused.status == 422
            assert refused.json["fix"]
        for nonsense in ("0", "-1", "1e400", "NaN", "sNaN", "Infinity", "1e999999"):
            lines = [{"sku": "SKU-1", "quantity": nonsense}]
            refused = await callers["viewer"](
                "POST", "/v1/quotes/check", {"currency": "EUR", "lines": lines}
            )
            assert refused.status == 422, nonsense


async def test_what_breaks_is_a_problem_without_a_traceback(
    company: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("Jo Doe, 1 Main St")

    async with serving(company) as callers:
        monkeypatch.setattr("interlock.web.work.read_status", broken)
        got = await callers["viewer"]("GET", "/v1/status")
    assert (got.status, got.headers["content-type"]) == (500, "application/problem+json")
    assert "bug in Interlock" in got.json["detail"]
    assert "Jo Doe" not in got.body.decode()


async def test_a_store_that_does_not_answer_is_no_bug(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT 1", {}, OSError("no route to host"))

    async with serving(company) as callers:
        monkeypatch.setattr("interlock.web.work.read_status", away)
        got = await callers["viewer"]("GET", "/v1/status")
        assert (got.status, got.json["title"]) == (503, "Service Unavailable")
        monkeypatch.setattr("interlock.web.guard.authenticate", away)
        assert (await callers["viewer"]("GET", "/v1/holds")).status == 503
        assert (await callers["nobody"]("GET", "/health/live")).status == 200


async def test_a_body_beyond_measure_is_refused(company: Company) -> None:
    async with serving(company) as callers:
        got = await callers["viewer"]("POST", "/v1/quotes/check", raw=b" " * (5 << 20))
        assert got.status == 413
        text = b'{"name": "' + b"x" * (5 << 20) + b'"}'
        assert (await callers["admin"]("POST", "/v1/tokens", raw=text)).status == 413


async def test_readiness_follows_the_store_and_whoever_runs_the_app(company: Company) -> None:
    from interlock.web.desk import Check

    told = [Check(name="sync", ok=False, message="it starts, or it stops")]
    async with serving(company, ready=lambda: told) as callers:
        got = await callers["nobody"]("GET", "/health/ready")
        assert (got.status, got.json["ready"]) == (503, False)
        told.clear()
        assert (await callers["nobody"]("GET", "/health/ready")).json["ready"] is True
        assert (await callers["nobody"]("GET", "/health/live")).status == 200
