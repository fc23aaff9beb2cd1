"""Who may call what: every route, as the app itself lists them."""

from __future__ import annotations

import re

from fastapi.routing import APIRoute

from interlock.service.tokens import Scope, create_token, list_tokens, revoke_token
from interlock.store import tokens
from tests.integration.company import Company

from .calling import Caller, serving

_FILLED = {"letter": "1", "link": "1", "hold": "1"}
PUBLIC = {"/health/live", "/health/ready", "/hooks/{connection}"}


def routes(caller: Caller) -> list[tuple[str, str, str]]:
    """Method, a path that fits, and the scope the route declares; all routes there are."""
    found = []
    for route in caller.app.router.routes:
        assert isinstance(route, APIRoute), f"{route} is no route the guard knows"
        for method in sorted(route.methods):
            path = re.sub(r"\{(\w+)\}", lambda m: _FILLED.get(m[1], "x"), route.path)
            scope = (route.openapi_extra or {}).get("x-interlock-scope", "")
            if route.path in PUBLIC:
                assert scope == "public"
            else:
                found.append((method, path, scope))
    return found


async def test_every_route_refuses_who_has_no_token_or_a_wrong_one(company: Company) -> None:
    async with serving(company) as callers:
        good = callers["admin"].token
        wrong = [
            "", "x", "il_", "il_000000000000_" + "A" * 43, good[:-1], good + "A",
            good[:16] + "A" * 43, good.upper(), f"{good} ",
        ]  # fmt: skip
        with company.store() as store:
            gone = create_token(store, "gone", "admin", by="tester", now=company.clock())
            revoke_token(store, "gone", by="tester", now=company.clock())
        refused = 0
        for method, path, _ in routes(callers["admin"]):
            for token in [*wrong[:-1], gone.token]:
                got = await callers["nobody"].named(token)(method, path, raw=b"{broken")
                assert (got.status, got.json["status"]) == (401, 401), f"{method} {path}"
                assert got.headers["content-type"] == "application/problem+json"
                refused += 1
        assert refused > 200


async def test_every_route_refuses_a_token_that_goes_not_far_enough(company: Company) -> None:
    async with serving(company) as callers:
        tried = 0
        for method, path, scope in routes(callers["admin"]):
            needed = Scope(scope)
            for weaker in [s for s in Scope if not s.covers(needed)]:
                got = await callers[weaker](method, path)
                assert got.status == 403, f"{method} {path} with {weaker}"
                tried += 1
            enough = await callers[needed](method, path, raw=b"{broken")
            assert enough.status not in (401, 403, 500), f"{method} {path} with {needed}"
        assert tried >= len([s for _, _, s in routes(callers["admin"]) if s != "viewer"])


async def test_what_is_no_route_is_closed_too(company: Company) -> None:
    async with serving(company) as callers:
        for path in ("/", "/v1", "/v1/nothing", "/docs", "/openapi.json", "/health", "/hooks"):
            assert (await callers["nobody"]("GET", path)).status == 401
            assert (await callers["viewer"]("GET", path)).status == 404
        assert (await callers["nobody"]("DELETE", "/health/live")).status == 401


async def test_what_changes_anything_asks_for_more_than_reading(company: Company) -> None:
    async with serving(company) as callers:
        weak = {(m, p) for m, p, s in routes(callers["admin"]) if s == "viewer" and m != "GET"}
        assert weak == {("POST", "/v1/quotes/check")}
        assert {p for _, p, s in routes(callers["admin"]) if s == "admin"} == {
            "/v1/tokens", "/v1/tokens/x/revoke",
        }  # fmt: skip


async def test_the_token_is_kept_as_a_hash_only_and_is_the_actor(company: Company) -> None:
    async with serving(company) as callers:
        made = await callers["admin"]("POST", "/v1/tokens", {"name": "button", "scope": "viewer"})
        assert made.status == 200, made.body
        token = made.json["token"]
        assert (await callers["admin"].named(token)("GET", "/v1/status")).status == 200
        secret = token.split("_", 2)[2].encode()
        stored = [row.digest for row in company.ask(tokens.all_tokens)]
        assert len(stored) == 4
        assert not any(secret in digest for digest in stored)
        again = await callers["admin"]("POST", "/v1/tokens", {"name": "button", "scope": "admin"})
        assert again.status == 422
        gone = await callers["admin"]("POST", "/v1/tokens/button/revoke")
        assert gone.json["revoked_by"] == "token admin-test"
        assert (await callers["admin"].named(token)("GET", "/v1/status")).status == 401
        with company.store() as store:
            assert [t.name for t in list_tokens(store) if t.revoked_at] == ["button"]
        told = [e.why for e in company.events("token created", "token revoked")][-2:]
        assert told == ["token admin-test: button (viewer)", "token admin-test: button"]


async def test_a_token_that_calls_too_often_is_slowed_alone(company: Company) -> None:
    yaml = company.root / "interlock.yaml"
    yaml.write_text(yaml.read_text() + "\nweb: {calls_per_minute: 3}\n")
    async with serving(company) as callers:
        got = [(await callers["viewer"]("GET", "/v1/holds")).status for _ in range(4)]
        assert got == [200, 200, 200, 429]
        slowed = await callers["viewer"]("GET", "/v1/holds")
        assert int(slowed.headers["retry-after"]) >= 1
        assert (await callers["operator"]("GET", "/v1/holds")).status == 200
        assert (await callers["nobody"]("GET", "/health/live")).status == 200
