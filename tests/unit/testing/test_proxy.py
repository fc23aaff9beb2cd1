"""The fault proxy: what the client sees and what the system behind it got."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from interlock.testing.proxy import Fault, FaultKind, FaultProxy, proxy_thread


class Upstream:
    """A small system: remembers what it got, echoes it back."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.got.append((request.method, request.path_qs, body))
        answer = web.json_response(
            {"body": body, "token": request.headers.get("Authorization")}, status=201
        )
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    system = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", system.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    system.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield system
    await runner.cleanup()


async def post(url: str, body: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
        return answer.status, await answer.text()


async def test_forwards_requests_and_answers_unchanged(upstream: Upstream) -> None:
    token = {"Authorization": "Bearer t"}
    async with (
        FaultProxy(upstream.url) as proxy,
        aiohttp.ClientSession() as session,
        session.put(proxy.url + "/a%20b?x=1&x=2", data="Zoë", headers=token) as answer,
    ):
        assert answer.status == 201
        assert await answer.json() == {"body": "Zoë", "token": "Bearer t"}
        assert [c.split(";")[0] for c in answer.headers.getall("Set-Cookie")] == ["a=1", "b=2"]
    assert upstream.got == [("PUT", "/a%20b?x=1&x=2", "Zoë")]


async def test_lost_answer_is_done_by_the_system_and_broken_for_the_client(
    upstream: Upstream,
) -> None:
    fault = Fault(kind=FaultKind.LOSE_ANSWER, method="POST", path="/orders$", body="sale")
    async with FaultProxy(upstream.url, faults=[fault]) as proxy:
        assert (await post(proxy.url + "/orders", "other"))[0] == 201
        with pytest.raises(aiohttp.ClientError):
            await post(proxy.url + "/orders", "a sale")
        assert (await post(proxy.url + "/orders", "a sale"))[0] == 201
        assert proxy.count(method="post", body="sale") == 2
        assert [s.fault for s in proxy.seen] == [None, FaultKind.LOSE_ANSWER, None]
    assert len(upstream.got) == 3


async def test_dropped_request_never_reaches_the_system(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url) as proxy:
        proxy.add(Fault(kind=FaultKind.DROP))
        with pytest.raises(aiohttp.ClientError):
            await post(proxy.url + "/", "x")
    assert upstream.got == []


async def test_late_request_reaches_the_system_after_the_client_gave_up(
    upstream: Upstream,
) -> None:
    async with FaultProxy(upstream.url) as proxy:
        proxy.add(Fault(kind=FaultKind.FORWARD_LATE, seconds=0.05))
        with pytest.raises(aiohttp.ClientError):
            await post(proxy.url + "/late", "x")
        assert upstream.got == []
        await proxy.finish_late()
        assert upstream.got == [("POST", "/late", "x")]


async def test_answers_in_the_systems_place(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url) as proxy:
        proxy.add(
            Fault(
                kind=FaultKind.ANSWER,
                status=429,
                answer="<html>slow down</html>",
                headers={"Retry-After": "7"},
                times=None,
                skip=1,
            )
        )
        async with aiohttp.ClientSession() as session:
            statuses = []
            for _ in range(3):
                async with session.get(proxy.url + "/x") as answer:
                    statuses.append(answer.status)
            assert statuses == [201, 429, 429]
            assert answer.headers["Retry-After"] == "7"
            assert answer.content_type == "text/html"
            proxy.clear()
            async with session.get(proxy.url + "/x") as answer:
                assert answer.status == 201
    assert len(upstream.got) == 2


@pytest.mark.parametrize(("kind", "reached"), [(FaultKind.DELAY, 0), (FaultKind.HOLD_ANSWER, 1)])
async def test_delay_is_before_and_hold_after_the_system_works(
    upstream: Upstream, kind: FaultKind, reached: int
) -> None:
    async with FaultProxy(upstream.url) as proxy:
        proxy.add(Fault(kind=kind, seconds=60))
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.2):
                await post(proxy.url + "/x", "x")
        assert len(upstream.got) == reached


async def test_unreachable_system_is_a_bad_gateway() -> None:
    async with FaultProxy("http://127.0.0.1:1") as proxy:
        assert (await post(proxy.url + "/x", "x"))[0] == 502


def test_runs_in_a_thread_and_as_a_process(tmp_path: Path) -> None:
    with proxy_thread("http://127.0.0.1:1", Fault(kind=FaultKind.ANSWER, status=200)) as inner:
        script = tmp_path / "script.json"
        script.write_text(
            json.dumps([{"kind": "answer", "path": "^/first", "status": 200, "answer": "one"}])
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "interlock.testing.proxy", "--upstream", inner.url,
             "--script", str(script)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            with process.stdout as out:
                url = out.readline().strip()
            assert _read(url + "/first") == "one"
            assert inner.count() == 0
            assert _read(url + "/second") == ""
            assert inner.count(path="/second") == 1
            armed = json.dumps([{"kind": "answer", "status": 200, "answer": "two"}]).encode()
            _read(url + "/_proxy/faults", armed)
            assert _read(url + "/third") == "two"
            seen = json.loads(_read(url + "/_proxy/requests"))
            assert [(s["path"], s["fault"]) for s in seen] == [
                ("/first", "answer"), ("/second", None), ("/third", "answer"),
            ]  # fmt: skip
        finally:
            process.terminate()
            process.wait(10)


def _read(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(url, data=body, timeout=10) as answer:
        return str(answer.read().decode())
