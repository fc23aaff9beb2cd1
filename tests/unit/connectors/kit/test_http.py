"""The HTTP client against a real local server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from interlock.connectors.kit import Answer, HttpClient
from interlock.errors import RejectedError, TransientError, UnknownOutcomeError

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler, **options: Any) -> AsyncIterator[HttpClient]:
    """Serve every path with ``handler``; give a client to it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        client = HttpClient("crm", f"http://127.0.0.1:{port}/", **({"timeout": 5.0} | options))
        async with client:
            yield client
    finally:
        await runner.cleanup()


def answering(**response: Any) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(**response)

    return handler


class TestAnswers:
    async def test_json_comes_back_with_exact_decimals(self) -> None:
        handler = answering(text='{"price": 0.10, "id": 7}', content_type="application/json")
        async with served(handler, now=lambda: NOW) as client:
            answer = await client.request("GET", "/records/7")
        assert answer.ok
        assert answer.is_json
        assert answer.data == {"price": Decimal("0.10"), "id": 7}
        assert answer.sent_at == NOW

    async def test_what_is_sent(self) -> None:
        seen: dict[str, Any] = {}

        async def handler(request: web.Request) -> web.Response:
            seen.update(method=request.method, path=request.path, body=await request.text(),
                        query=dict(request.query), headers=dict(request.headers))  # fmt: skip
            return web.json_response({})

        async with served(handler, headers={"X-Key": "k"}) as client:
            await client.request(
                "POST", "/a b", json={"price": Decimal("0.10"), "name": "Ü"}, params={"q": "x&y"},
                headers={"X-Key": "other"},
            )  # fmt: skip
        assert (seen["method"], seen["path"]) == ("POST", "/a b")
        assert seen["body"] == '{"price":0.10,"name":"Ü"}'
        assert seen["query"] == {"q": "x&y"}
        assert seen["headers"]["X-Key"] == "other"
        assert seen["headers"]["Content-Type"] == "application/json"
        assert seen["headers"]["Accept"] == "application/json"

    async def test_an_empty_body_is_no_data(self) -> None:
        async with served(answering(status=204)) as client:
            answer = await client.request("DELETE", "/x")
        assert answer.ok
        assert answer.data is None
        assert not answer.is_json
        assert answer.excerpt == ""

    async def test_a_web_page_is_told_from_data_and_cleaned(self) -> None:
        page = (
            "<html><style>x</style><h1>Bad gateway</h1> jo@acme.com key hunter2!</html>"
            + " " * 9000
        )
        handler = answering(text=page, content_type="text/html", status=502)
        async with served(handler, secrets=("hunter2!",)) as client:
            answer = await client.request("GET", "/x")
        assert (answer.status, answer.ok, answer.is_json) == (502, False, False)
        assert answer.data is None
        assert answer.excerpt == "Bad gateway [e-mail] key [secret]"

    @pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"a": ', b"NaN", b"\x00"])
    async def test_broken_json_is_not_json(self, body: bytes) -> None:
        async with served(answering(body=body, content_type="application/json")) as client:
            answer = await client.request("GET", "/x")
        assert not answer.is_json
        assert answer.data is None

    async def test_redirects_are_not_followed(self) -> None:
        """They would carry our credentials to another host."""
        calls = []

        async def handler(request: web.Request) -> web.Response:
            calls.append(request.path)
            raise web.HTTPFound("/elsewhere")

        async with served(handler) as client:
            answer = await client.request("GET", "/x")
        assert answer.status == 302
        assert calls == ["/x"]

    async def test_status_codes_are_the_connectors_business(self) -> None:
        for status in (400, 401, 404, 429, 500, 503):
            async with served(answering(status=status, text="{}")) as client:
                assert (await client.request("GET", "/x")).status == status

    async def test_the_servers_clock(self) -> None:
        date = {"Date": "Mon, 02 Mar 2026 09:00:00 GMT"}
        async with served(answering(headers=date)) as client:
            assert (await client.request("GET", "/x")).server_time == NOW


class TestLostAnswers:
    @asynccontextmanager
    async def cut_off(self, reply: bytes = b"", **options: Any) -> AsyncIterator[HttpClient]:
        """A server that reads the request, says a part of its answer and hangs up."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        try:
            port = server.sockets[0].getsockname()[1]
            async with HttpClient("crm", f"http://127.0.0.1:{port}", timeout=5.0, **options) as c:
                yield c
        finally:
            server.close()
            await server.wait_closed()

    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id"',
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"not http at all\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize(
        ("writes", "kind"), [(True, UnknownOutcomeError), (False, TransientError)]
    )
    async def test_a_write_may_have_happened_a_read_is_repeated(
        self, reply: bytes, writes: bool, kind: type[Exception]
    ) -> None:
        async with self.cut_off(reply) as client:
            with pytest.raises(kind) as caught:
                await client.request("POST", "/orders?key=s3cret", json={}, writes=writes)
        assert caught.value.code == "no_answer"  # type: ignore[attr-defined]
        assert caught.value.system == "crm"  # type: ignore[attr-defined]
        assert "s3cret" not in str(caught.value), "the query may hold a secret"

    @pytest.mark.parametrize(
        ("writes", "kind"), [(True, UnknownOutcomeError), (False, TransientError)]
    )
    async def test_a_server_that_takes_too_long(self, writes: bool, kind: type[Exception]) -> None:
        gone = asyncio.Event()

        async def handler(_request: web.Request) -> web.Response:
            await gone.wait()
            return web.Response()

        async with served(handler, timeout=0.2) as client:
            with pytest.raises(kind, match=r"no answer within 0\.2 s"):
                await client.request("POST", "/x", json={}, writes=writes)
            gone.set()

    @pytest.mark.parametrize("writes", [True, False])
    async def test_a_refused_connection_has_written_nothing(self, writes: bool) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            async with HttpClient("crm", f"http://127.0.0.1:{port}") as client:
                with pytest.raises(TransientError) as caught:
                    await client.request("POST", "/x", json={}, writes=writes)
        assert caught.value.code == "unreachable"
        assert caught.value.fix

    async def test_a_host_that_does_not_exist_has_written_nothing(self) -> None:
        async with HttpClient("crm", "http://no-such-host.invalid") as client:
            with pytest.raises(TransientError, match="cannot reach"):
                await client.request("POST", "/x", json={}, writes=True)

    @pytest.mark.parametrize("address", ["nonsense", "http://", "ftp://x"])
    async def test_an_address_that_is_none(self, address: str) -> None:
        async with HttpClient("crm", address) as client:
            with pytest.raises(RejectedError, match="not a usable address"):
                await client.request("GET", "/x")

    async def test_it_can_be_used_again_after_it_was_closed(self) -> None:
        async with served(answering(text="{}")) as client:
            await client.request("GET", "/x")
            await client.close()
            await client.close()
            assert (await client.request("GET", "/x")).ok


def answer(**headers: str) -> Answer:
    from interlock.connectors.kit.http import _CaseFolded

    return Answer(status=429, headers=_CaseFolded(headers), data=None, is_json=False, excerpt="",
                  sent_at=NOW)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "until"),
    [
        ("30", NOW + timedelta(seconds=30)),
        (" 0 ", NOW),
        ("Mon, 02 Mar 2026 09:01:00 GMT", NOW + timedelta(minutes=1)),
        ("soon", None),
        ("-5", NOW),
        ("nan", None),
        ("1.5", NOW + timedelta(seconds=1.5)),
        ("", None),
        ("²", None),
        ("9" * 30, None),
    ],
)
def test_when_a_system_asks_to_come_back(value: str, until: datetime | None) -> None:
    assert answer(**{"retry-after": value}).retry_after(NOW) == until


def test_headers_are_found_in_any_case() -> None:
    headers = answer(**{"X-Rate": "5"}).headers
    assert headers["x-rate"] == headers["X-RATE"] == headers.get("x-Rate") == "5"
    assert headers.get("other", "none") == "none"
    assert answer().retry_after(NOW) is None


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Mar 2026 09:00:00 GMT"])
def test_a_date_that_is_none_is_unknown(date: str) -> None:
    assert answer(date=date).server_time is None
    assert answer().server_time is None
