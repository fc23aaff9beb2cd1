"""Sinks: a mail server and a web server on this machine that keep what they are sent."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP

from tests.integration.company import Company

__all__ = ["Mailbox", "WebSink", "mail_sink", "note_secret", "web_sink"]


@dataclass
class Mailbox:
    """Mail that came in."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        read = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(cast("EmailMessage", read))
        return "250 OK"

    @property
    def url(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.port}?from=interlock@example.org&to=ops@example.org"
            "&mode=insecure"
        )

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


@asynccontextmanager
async def mail_sink() -> AsyncIterator[Mailbox]:
    """Run a mail server on a free port."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="sink"), "127.0.0.1", 0)
    async with server:
        box.port = server.sockets[0].getsockname()[1]
        yield box


@dataclass
class WebSink:
    """Calls that came in; ``status``: what they are answered with."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def web_sink() -> AsyncIterator[WebSink]:
    """Run a web server on a free port."""
    sink = WebSink()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        sink.got.append(({n.lower(): v for n, v in request.headers.items()}, body))
        return web.Response(status=sink.status)

    app = web.Application()
    app.router.add_post("/take", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}/take"
        yield sink
    finally:
        await runner.cleanup()


def note_secret(company: Company, line: str) -> None:
    """Put a variable into the project's .env."""
    with (company.root / ".env").open("a") as env:
        env.write(f"{line}\n")
