"""A proxy between a connector and a real system that misbehaves on request.

In a test's own event loop::

    async with FaultProxy("http://127.0.0.1:8000") as proxy:
        proxy.add(Fault(kind=FaultKind.LOSE_ANSWER, method="POST", path="/orders"))
        ...                         # talk to proxy.url instead of the system
        assert proxy.count(method="POST") == 1

In a thread of its own (``with proxy_thread(upstream) as proxy``) or as a process
(``python -m interlock.testing.proxy --upstream URL --port P --script FILE.json``).  A process is
steered over HTTP: ``GET /_proxy/requests``, ``POST`` and ``DELETE /_proxy/faults``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from aiohttp import web

__all__ = ["Fault", "FaultKind", "FaultProxy", "Seen", "proxy_thread"]

_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "host", "content-length",
})  # fmt: skip


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    LOSE_ANSWER = "lose_answer"
    """The system does it and answers; the client sees a broken connection."""
    DROP = "drop"
    """The client sees a broken connection; the system never hears of the request."""
    FORWARD_LATE = "forward_late"
    """The client sees a broken connection; the system gets the request ``seconds`` later."""
    DELAY = "delay"
    """The request waits ``seconds`` before it is forwarded."""
    HOLD_ANSWER = "hold_answer"
    """The request is forwarded at once, its answer waits ``seconds``."""
    ANSWER = "answer"
    """The proxy answers with ``status``, ``answer`` and ``headers`` in the system's place."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One misbehaviour and the requests it befalls.

    ``path``: regular expression searched in the path with its query.  ``body``: text contained in
    the request's body.  ``skip``: matching requests let through first.  ``times``: matching
    requests it then befalls, ``None`` for all.
    """

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    body: str | None = None
    skip: int = 0
    times: int | None = 1
    seconds: float = 0.0
    status: int = 503
    answer: str = ""
    headers: dict[str, str] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request the proxy has seen, and the fault it met, if any."""

    method: str
    path: str
    body: str
    fault: FaultKind | None = None


class _Armed:
    """A fault and how often it has matched."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.matched = 0

    def strikes(self, method: str, path: str, body: str) -> bool:
        """Say whether this request is hit; counts it when it matches."""
        fault = self.fault
        if not _matches(fault.method, fault.path, fault.body, method, path, body):
            return False
        self.matched += 1
        last = None if fault.times is None else fault.skip + fault.times
        return self.matched > fault.skip and (last is None or self.matched <= last)


def _matches(
    want_method: str | None, want_path: str | None, want_body: str | None,
    method: str, path: str, body: str,
) -> bool:  # fmt: skip
    return (
        (want_method is None or want_method.upper() == method)
        and (want_path is None or re.search(want_path, path) is not None)
        and (want_body is None or want_body in body)
    )


class FaultProxy:
    """Forwards HTTP to ``upstream`` and injects faults; listens on 127.0.0.1."""

    def __init__(self, upstream: str, *, port: int = 0, faults: Sequence[Fault] = ()) -> None:
        """``port`` 0 takes a free one; ``url`` is known once it is started."""
        self.upstream = upstream.rstrip("/")
        self.url = ""
        self.seen: list[Seen] = []
        self._port = port
        self._armed = [_Armed(fault) for fault in faults]
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._late: set[asyncio.Task[None]] = set()

    def add(self, *faults: Fault) -> None:
        """Arm faults; the first armed one that strikes a request wins."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Disarm every fault; what has been seen stays."""
        self._armed = []

    def count(
        self, *, method: str | None = None, path: str | None = None, body: str | None = None
    ) -> int:
        """Count the requests seen so far; arguments as in ``Fault``."""
        return sum(_matches(method, path, body, s.method, s.path, s.body) for s in self.seen)

    async def finish_late(self) -> None:
        """Wait until every request that is to be forwarded late has been."""
        await asyncio.gather(*self._late)

    async def start(self) -> None:
        """Listen."""
        # force_close: on a reused connection the client would silently repeat an idempotent call
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/_proxy/requests", self._show_seen)
        app.router.add_post("/_proxy/faults", self._arm)
        app.router.add_delete("/_proxy/faults", self._disarm)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop listening; a request still to be forwarded late is given up."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # ── one request ──────────────────────────────────────────────────────────────────────────

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = raw.decode("utf-8", "replace")
        armed = [a for a in self._armed if a.strikes(request.method, request.path_qs, body)]
        fault = armed[0].fault if armed else None
        self.seen.append(
            Seen(
                method=request.method,
                path=request.path_qs,
                body=body,
                fault=None if fault is None else fault.kind,
            )
        )
        if fault is None:
            return await self._forward(request, raw)
        return await self._misbehave(fault, request, raw)

    async def _misbehave(
        self, fault: Fault, request: web.Request, raw: bytes
    ) -> web.StreamResponse:
        match fault.kind:
            case FaultKind.ANSWER:
                return web.Response(
                    status=fault.status,
                    body=fault.answer.encode(),
                    headers={"Content-Type": "text/html", **fault.headers},
                )
            case FaultKind.DELAY:
                await asyncio.sleep(fault.seconds)
                return await self._forward(request, raw)
            case FaultKind.HOLD_ANSWER:
                answer = await self._forward(request, raw)
                await asyncio.sleep(fault.seconds)
                return answer
            case FaultKind.LOSE_ANSWER:
                await self._forward(request, raw)
            case FaultKind.FORWARD_LATE:
                task = asyncio.create_task(self._forward_late(request, raw, fault.seconds))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            case FaultKind.DROP:
                pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)

    async def _forward_late(self, request: web.Request, raw: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._forward(request, raw)

    async def _forward(self, request: web.Request, raw: bytes) -> web.Response:
        assert self._session is not None
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP]
        try:
            async with self._session.request(
                request.method,
                self.upstream + request.path_qs,
                data=raw or None,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"the system behind the proxy: {error}")
        response = web.Response(status=answer.status, body=body)
        for name, value in answer.headers.items():
            if name.lower() == "content-type":
                response.headers[name] = value
            elif name.lower() not in _HOP_BY_HOP:
                response.headers.add(name, value)
        return response

    # ── steering from another process ────────────────────────────────────────────────────────

    async def _show_seen(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.seen), content_type="application/json")

    async def _arm(self, request: web.Request) -> web.Response:
        try:
            faults = msgspec.json.decode(await request.read(), type=list[Fault])
        except msgspec.MsgspecError as error:
            return web.Response(status=400, text=str(error))
        self.add(*faults)
        return web.Response(status=204)

    async def _disarm(self, _request: web.Request) -> web.Response:
        self.clear()
        return web.Response(status=204)


@contextlib.contextmanager
def proxy_thread(upstream: str, *faults: Fault) -> Iterator[FaultProxy]:
    """Run a proxy in a thread with its own loop, for tests that block or start subprocesses.

    ``add``, ``clear`` and ``count`` may be called from the test's thread.
    """
    proxy = FaultProxy(upstream, faults=faults)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(upstream: str, port: int, faults: Sequence[Fault]) -> None:
    async with FaultProxy(upstream, port=port, faults=faults) as proxy:
        print(proxy.url, flush=True)  # noqa: T201  whoever started it waits for this line
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a proxy until interrupted; its address is the first line on standard output."""
    parser = argparse.ArgumentParser(prog="python -m interlock.testing.proxy", description=__doc__)
    parser.add_argument("--upstream", required=True, help="the system's base address")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--script", type=Path, help="JSON file: a list of faults")
    options = parser.parse_args(arguments)
    faults: list[Fault] = []
    if options.script is not None:
        faults = msgspec.json.decode(options.script.read_bytes(), type=list[Fault])
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.upstream, options.port, faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
