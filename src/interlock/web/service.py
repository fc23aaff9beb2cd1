"""The service itself: health, readiness, metrics, and where webhooks come in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from fastapi import Request, Response
from sqlalchemy import text

from interlock.connectors.base import RefusalCode, Webhook
from interlock.connectors.kit.webhooks import MOST_BYTES
from interlock.errors import ConfigurationError
from interlock.observability.metrics import CONTENT_TYPE, render
from interlock.service.measuring import measure
from interlock.store.database import Tx
from interlock.web.desk import AtDesk, Check, Desk
from interlock.web.inputs import Name
from interlock.web.problems import respond
from interlock.web.routes import PUBLIC, Routes, answer

__all__ = ["routes"]

routes = Routes("service")

_STATUS = {
    RefusalCode.TOO_LARGE: 413,
    RefusalCode.UNREADABLE: 422,
    RefusalCode.NOT_SET_UP: 404,
}
_STORE_PATIENCE = 5.0


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool = True


class Ready(msgspec.Struct, frozen=True):
    """Whether it can do its work, and what is missing."""

    ready: bool
    checks: Sequence[Check]


class Taken(msgspec.Struct, frozen=True):
    """A webhook was believed and is followed."""

    taken: bool = True


@routes.get("/health/live", returns=Alive, scope=PUBLIC)
async def live() -> Response:
    """Say that the process answers; nothing else is looked at."""
    return answer(Alive())


@routes.get("/health/ready", returns=Ready, scope=PUBLIC)
async def ready(desk: AtDesk) -> Response:
    """Say whether the store answers and the sync runs; 503 when not."""
    checks = [await _store(desk), *desk.ready()]
    found = Ready(all(check.ok for check in checks), checks)
    return Response(msgspec.json.encode(found), 200 if found.ready else 503,
                    media_type="application/json")  # fmt: skip


async def _store(desk: Desk) -> Check:
    def _answers(tx: Tx) -> None:
        tx.conn.execute(text("SELECT 1"))

    try:
        async with asyncio.timeout(_STORE_PATIENCE):
            await asyncio.to_thread(desk.store.run, _answers)
    except Exception as error:  # noqa: BLE001  whatever it is, the answer is "not ready"
        return Check(name="store", ok=False, message=type(error).__name__)
    return Check(name="store", ok=True)


@routes.get("/metrics", returns=str, media=("text/plain",))
def metrics(desk: AtDesk) -> Response:
    """How things stand, for Prometheus."""
    figures = measure(desk.project, desk.store, desk.now())
    return Response(render(figures), headers={"content-type": CONTENT_TYPE})


@routes.get("/v1/openapi.json", returns=dict)
def openapi(request: Request) -> Response:
    """This document."""
    return answer(request.app.openapi())


@routes.post("/hooks/{connection}", returns=Taken, scope=PUBLIC)
async def hook(desk: AtDesk, connection: Name, request: Request) -> Response:
    """Take a system's webhook: proven by its signature, answered at once, followed later."""
    body = await _body(request)
    if body is None:
        desk.inbox.refuse(connection, RefusalCode.TOO_LARGE)
        return respond(413, f"the body is larger than {MOST_BYTES} bytes")
    webhook = Webhook(
        method=request.method,
        url=_url(desk, request),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        at=desk.now(),
    )
    try:
        refusal = desk.inbox.take(connection, webhook)
    except ConfigurationError as error:
        return respond(404, error.message)
    if refusal is not None:
        return respond(_STATUS.get(refusal.code, 401), refusal.message)
    return answer(Taken())


async def _body(request: Request) -> bytes | None:
    """Read the body, but no more of it than is taken."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _url(desk: Desk, request: Request) -> str:
    """Give the address the system called, as it knows it."""
    public = desk.project.web.public_url
    if not public:
        return str(request.url)
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{public}{request.url.path}{query}"
