"""A twin as an HTTP server: the faults around each call, and starting and ending it."""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from interlock.twins.authority import Certificate, certify
from interlock.twins.calls import Answer, Call
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.inspection import PREFIX, inspect
from interlock.twins.requestlog import Requested
from interlock.twins.twin import Twin

__all__ = ["Running", "TwinApp", "run", "running"]

_HOST: Final = "127.0.0.1"
_BREAK: Final = "interlock.break_connection"
_BODY_KEPT: Final = 200_000
_REFUSALS: Final = (FaultKind.THROTTLED, FaultKind.UNAVAILABLE, FaultKind.QUOTA_REACHED)
_BROKEN: Final = (FaultKind.LOST_ANSWER, FaultKind.LATE_COMMIT)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class TwinApp:
    """The ASGI application of a twin."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        call = await _read(scope, receive)
        if call.path == PREFIX or call.path.startswith(PREFIX + "/"):
            await _send(inspect(self.twin, call), send)
            return
        answer = await self.answer(call)
        if answer is not None:
            await _send(answer, send)
        elif _BREAK in scope["extensions"]:
            scope["extensions"][_BREAK]()
            while (await receive())["type"] != "http.disconnect":
                pass

    async def answer(self, call: Call) -> Answer | None:
        """Answer a call of the vendor's API, faults included; ``None``: the connection breaks."""
        twin, entry = self.twin, self._log(call)
        slots = twin.slots if twin.counts(call) else None
        if slots is not None and not slots.take():
            refused = twin.finish(twin.refuse(Fault(kind=FaultKind.THROTTLED)))
            entry.status = refused.status
            return refused
        try:
            faults = twin.faults.strike(call)
            entry.faults = [fault.kind.value for fault in faults]
            for fault in faults:
                if fault.kind is FaultKind.SLOW:
                    await asyncio.sleep(fault.seconds)
            answer = self._do(call, {fault.kind: fault for fault in faults})
        finally:
            if slots is not None:
                slots.free()
        entry.status = answer.status if answer else None
        return answer

    def _do(self, call: Call, faults: Mapping[FaultKind, Fault]) -> Answer | None:
        twin = self.twin
        if FaultKind.LOST_REQUEST in faults:
            return None
        refused = self._refused(call, faults)
        if refused is not None:
            return twin.finish(refused)
        if twin.counts(call):
            twin.quota.take()
        later: AbstractContextManager[None] = nullcontext()
        if FaultKind.LATE_COMMIT in faults:
            later = twin.storage.delayed(timedelta(seconds=faults[FaultKind.LATE_COMMIT].seconds))
        with later:
            answer = twin.handle(call)
        return None if any(kind in faults for kind in _BROKEN) else twin.finish(answer)

    def _refused(self, call: Call, faults: Mapping[FaultKind, Fault]) -> Answer | None:
        for kind in _REFUSALS:
            if kind in faults:
                return _dressed(self.twin.refuse(faults[kind]), faults[kind])
        if self.twin.counts(call) and self.twin.quota.reached:
            return self.twin.refuse(Fault(kind=FaultKind.QUOTA_REACHED))
        return None

    def _log(self, call: Call) -> Requested:
        twin = self.twin
        entry = Requested(
            at=twin.clock(),
            method=call.method,
            path=call.path,
            query=dict(call.query),
            body="" if twin.is_secret(call) else call.text[:_BODY_KEPT],
        )
        twin.log.add(entry, twin.kind(call))
        return entry


def _dressed(answer: Answer, fault: Fault) -> Answer:
    if fault.status is not None:
        answer = Answer(fault.status, answer.body, answer.headers)
    if fault.retry_after is not None:
        answer = answer.with_headers({"Retry-After": str(fault.retry_after)})
    if fault.html:
        answer = Answer(answer.status, b"<html><h1>Sorry</h1></html>", answer.headers)
        answer = answer.with_headers({"Content-Type": "text/html"})
    return answer


async def _read(scope: Scope, receive: Receive) -> Call:
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    path = scope.get("raw_path", scope["path"].encode()).decode("ascii").partition("?")[0]
    query = scope["query_string"].decode("ascii", errors="replace")
    host = headers.get("host") or "{}:{}".format(*scope["server"])
    return Call(
        method=scope["method"],
        path=path,
        query=_joined(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=body,
        base_url=f"{scope['scheme']}://{host}",
    )


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """A name given several times has its values in a list, separated by commas."""
    query: dict[str, str] = {}
    for name, value in pairs:
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


async def _send(answer: Answer, send: Send) -> None:
    body = answer.encoded()
    headers = {"Content-Type": "application/json;charset=UTF-8", **answer.headers}
    if not body:
        headers.pop("Content-Type")
    raw = [(k.lower().encode(), v.encode("latin-1", errors="replace")) for k, v in headers.items()]
    if answer.status not in (204, 304):
        raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


# ── the server ───────────────────────────────────────────────────────────────────────────────


class _Protocol(H11Protocol):
    """HTTP whose connection the application can break off without a word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def breakable(scope: Any, receive: Any, send: Any) -> None:
            extensions = {**scope.get("extensions", {}), _BREAK: self.transport.abort}
            await inner({**scope, "extensions": extensions}, receive, send)

        self.app = breakable

    @property
    def is_idle(self) -> bool:
        """Say whether no call is under way."""
        cycle = getattr(self, "cycle", None)
        return cycle is None or bool(cycle.response_complete)


class _Server(uvicorn.Server):
    """Says when it is ready and leaves signals to who started it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let calls under way finish; a connection kept open for later calls ends at once."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Protocol) and connection.is_idle:
                connection.transport.abort()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own way ends the process by the signal; a twin that is told to stop is done
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A twin that answers at ``url``; ``ca_file`` where it speaks https."""

    twin: Twin
    url: str
    ca_file: Path | None = None

    def line(self) -> dict[str, Any]:
        """Tell how to reach it, as the one line a started twin prints."""
        told = {
            "system": self.twin.name,
            "url": self.url,
            "credentials": dict(self.twin.credentials()),
        }
        return told if self.ca_file is None else {**told, "ca_file": str(self.ca_file)}


def run(
    twin: Twin, *, port: int, ready: Callable[[Running], None], tls: bool = False,
    ca_folder: Path | None = None,
) -> None:  # fmt: skip
    """Serve until SIGTERM or Ctrl-C.  Raises ``OSError`` when the port is taken."""
    with _prepared(twin, port, tls, ca_folder) as (config, sock, told):
        server = _Server(config, lambda: ready(told))

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, setattr, server, "should_exit", True)
            await server.serve([sock])

        asyncio.run(serve())


@contextmanager
def running(
    twin: Twin, *, port: int = 0, tls: bool = False, ca_folder: Path | None = None
) -> Iterator[Running]:
    """Serve in a thread of its own while the block lasts; port 0 takes a free one."""
    with _prepared(twin, port, tls, ca_folder) as (config, sock, told):
        started = threading.Event()
        server = _Server(config, started.set)
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        thread.start()
        started.wait(timeout=10)
        try:
            yield told
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def _prepared(
    twin: Twin, port: int, tls: bool, ca_folder: Path | None
) -> Iterator[tuple[uvicorn.Config, socket.socket, Running]]:
    with tempfile.TemporaryDirectory(prefix="interlock-twin-") as own:
        certificate: Certificate | None = certify(ca_folder or Path(own)) if tls else None
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
            url = f"http{'s' if tls else ''}://{_HOST}:{sock.getsockname()[1]}"
            config = uvicorn.Config(
                TwinApp(twin),
                http=_Protocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=64 * 1024,
                timeout_graceful_shutdown=2,
                ssl_certfile=certificate.certificate if certificate else None,
                ssl_keyfile=certificate.key if certificate else None,
            )
            yield config, sock, Running(twin, url, certificate.authority if certificate else None)
        finally:
            sock.close()
