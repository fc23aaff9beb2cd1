"""Serving the app in the loop of whoever runs the lanes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import uvicorn

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.session import Session, make_session
from interlock.web.app import make_app
from interlock.web.desk import Check

__all__ = ["serve_app"]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it listens, or could not."""
        try:
            await super().startup(sockets)
        finally:
            self.begun.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the lanes."""
        yield


@asynccontextmanager
async def serve_app(
    session: Session,
    *,
    host: str,
    port: int,
    wake: Callable[[Side, str], None],
    ready: Callable[[], Sequence[Check]],
) -> AsyncIterator[str]:
    """Serve the API beside a session's lanes; gives its address.  Port 0 takes a free one.

    It has connections of its own, so that a plan or a quote check never meets a lane in the middle
    of one of its steps.
    """
    try:
        listening = socket.create_server((host, port), family=_family(host), backlog=1024)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            fix="choose another with --host and --port, or stop what listens there",
        ) from None
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        pair = session.pair
        own = make_session(session.project, pair.store, clock=pair.clock, new_id=pair.new_id)
        for side in Side:
            connection = own.pair.side(side)
            stack.push_async_callback(connection.budget.close)
            await stack.enter_async_context(connection.connector)
        app = make_app(own, wake=wake, ready=ready)
        server = _Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="on", server_header=False,
                timeout_graceful_shutdown=5, timeout_keep_alive=15, proxy_headers=False,
            )
        )  # fmt: skip
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await server.begun.wait()
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await running


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
