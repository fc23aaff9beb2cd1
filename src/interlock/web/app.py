"""The app: routes, guard and problems put together, and the work that goes on beside the calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from interlock.errors import InterlockError
from interlock.governance.rules import Side
from interlock.observability.logs import logger
from interlock.service.outreach import Outreach
from interlock.service.session import Session
from interlock.service.webhooks import Inbox
from interlock.web import problems, quotes, reports, service, tokens, work
from interlock.web.desk import Check, Desk
from interlock.web.guard import Guard, Pace
from interlock.web.routes import describe

__all__ = ["make_app"]

PARTS = (work.routes, quotes.routes, reports.routes, tokens.routes, service.routes)
_OUTREACH_EVERY = 10.0

_log = logger("interlock.web")


def make_app(
    session: Session,
    *,
    wake: Callable[[Side, str], None] = lambda *_: None,
    ready: Callable[[], Sequence[Check]] = list,
    outreach: Outreach | None = None,
    outreach_every: float = _OUTREACH_EVERY,
) -> FastAPI:
    """Make the app of an open session.

    ``wake`` is told of which side and entity a webhook spoke, once it is in the store.  ``ready``
    adds checks to readiness.  Between startup and shutdown the app follows webhooks, and every
    ``outreach_every`` seconds tells events and alerts.
    """
    pair = session.pair
    desk = Desk(
        session=session,
        inbox=Inbox(session),
        outreach=outreach or Outreach(session.project, pair.store, pair.clock),
        wake=wake,
        ready=ready,
    )
    app = FastAPI(
        title="Interlock",
        version=version("interlock"),
        description="Keeps a CRM and an ERP telling the same truth about the same customer.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_beside(desk, outreach_every),
        redirect_slashes=False,
    )
    app.state.desk = desk
    schemas, named = describe(PARTS)
    for part in PARTS:
        part.add_to(app, schemas)
    _document(app, named)
    app.add_exception_handler(InterlockError, problems.of_error)
    app.add_exception_handler(HTTPException, problems.of_http)
    app.add_exception_handler(RequestValidationError, problems.of_validation)
    pace = Pace(session.project.web.calls_per_minute, time.monotonic)
    app.add_middleware(Guard, api=app, pace=pace)
    return app


def _document(app: FastAPI, named: dict[str, Any]) -> None:
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {}).update(named)
            parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _beside(desk: Desk, every: float) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_follow(desk)), asyncio.create_task(_tell(desk, every))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await _flush(desk)

    return lifespan


async def _follow(desk: Desk) -> None:
    """Put what webhooks said into the store, all that came meanwhile at once."""
    while True:
        await desk.inbox.filled.wait()
        await _flush(desk)


async def _flush(desk: Desk) -> None:
    try:
        count = await desk.inbox.flush(desk.wake)
    except Exception as error:  # noqa: BLE001  it must go on
        # what it said is found by polling; the next one is taken all the same
        _log.exception("webhooks lost", exc_info=error)
    else:
        if count:
            _log.info("webhooks followed", hints=count)


async def _tell(desk: Desk, every: float) -> None:
    while desk.outreach.wanted:
        try:
            count = await desk.outreach.round()
        except Exception as error:  # noqa: BLE001  it must go on
            _log.exception("outreach failed", exc_info=error)
        else:
            if count:
                _log.info("told", count=count)
        await asyncio.sleep(every)
