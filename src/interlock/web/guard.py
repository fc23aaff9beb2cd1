"""The guard in front of all routes: who calls, how often, how much; what came of it is logged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI, HTTPException, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.observability.logs import logger
from interlock.service import tokens
from interlock.service.tokens import Caller, authenticate
from interlock.web.desk import Desk
from interlock.web.problems import of_failure, respond
from interlock.web.routes import PUBLIC, SCOPE

__all__ = ["Guard", "Pace"]

MOST_BYTES = 4 << 20

_log = logger("interlock.web")


class Pace:
    """How many calls each token has left: so many at once, refilled within a minute."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take one call; seconds to wait when there is none left, else 0."""
        now = self._now()
        left, at = self._left.get(name, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        if left < 1:
            self._left[name] = (left, now)
            return (1 - left) * 60 / self._most
        self._left[name] = (left - 1, now)
        return 0.0


class Guard:
    """Lets nobody through without a token that goes far enough; a route is closed unless it says.

    Nothing that fails behind it leaves as a traceback.
    """

    def __init__(self, app: ASGIApp, *, api: FastAPI, pace: Pace) -> None:
        self._app = app
        self._api = api
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, seen = time.monotonic(), _Seen()
        route, caller = self._route(scope), None

        async def _send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await send(message)

        try:
            refused, caller = await self._admit(scope, route)
            if refused is not None:
                await refused(scope, receive, _send)
            else:
                scope.setdefault("state", {})["caller"] = caller
                await self._app(scope, _Limited(receive), _send)
        except Exception as error:  # noqa: BLE001  nobody is shown a traceback
            _log.exception("failed", method=scope["method"], route=_path(route), exc_info=error)
            if not seen.status:
                await of_failure(error)(scope, receive, _send)
        _log.info(
            "called", method=scope["method"], route=_path(route), status=seen.status,
            token="" if caller is None else caller.name,
            ms=round((time.monotonic() - began) * 1000),
        )  # fmt: skip

    def _route(self, scope: Scope) -> APIRoute | None:
        for route in self._api.router.routes:
            if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL:
                return route
        return None

    async def _admit(
        self, scope: Scope, route: APIRoute | None
    ) -> tuple[Response | None, Caller | None]:
        """Say who calls, or why they are refused."""
        # what is no route is as closed as a route that forgot to say
        asked = str((route.openapi_extra or {}).get(SCOPE, "")) if route is not None else ""
        if asked == PUBLIC:
            return None, None
        desk: Desk = self._api.state.desk
        text = _bearer(scope)
        caller = None
        if text:
            caller = await asyncio.to_thread(authenticate, desk.store, text)
        if caller is None:
            return respond(
                401,
                "the token is missing, wrong or revoked",
                "send Authorization: Bearer TOKEN; `interlock token create` makes one",
                headers={"www-authenticate": "Bearer"},
            ), None
        wait = self._pace.wait(caller.name)
        if wait:
            return respond(
                429,
                "too many calls with this token in a minute",
                "wait, or raise web.calls_per_minute in interlock.yaml",
                headers={"retry-after": str(int(wait) + 1)},
            ), caller
        needed = tokens.Scope(asked) if asked else tokens.Scope.VIEWER
        if route is not None and not asked:
            needed = tokens.Scope.ADMIN
        if not caller.scope.covers(needed):
            return respond(
                403,
                f"the token {caller.name} has scope {caller.scope}; this needs {needed}",
                "use a token with that scope",
            ), caller
        return None, caller


class _Seen:
    status = 0


class _Limited:
    """Receives a body up to a size."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > MOST_BYTES:
            # of this kind, or the framework that reads the body would call it unreadable
            raise HTTPException(413, f"the body is larger than {MOST_BYTES} bytes")
        return message


def _path(route: APIRoute | None) -> str:
    """Name a route without the ids in the call's path."""
    return "" if route is None else route.path


def _bearer(scope: Scope) -> str:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    given: Any = next((value for name, value in headers if name == b"authorization"), b"")
    kind, _, text = given.decode("latin-1").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""
