"""Calls to Tryton over JSON-RPC, with a session.

Basic authentication would work too, but hashes the password on every call (1 to 2 s).  An answer
of more than 1,400 characters comes gzipped whether asked for or not, so gzip is always offered
(aiohttp does).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit import Answer, HttpClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.errors import LANGUAGE, refusal
from interlock.connectors.tryton.wire import from_wire, to_wire
from interlock.errors import (
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["Row", "TrytonClient"]

Row = dict[str, Any]


class TrytonClient:
    """One user's session on one database; each call is one transaction of the server."""

    def __init__(
        self, settings: TrytonSettings, clock: Callable[[], datetime], budget: CallBudget = FREE
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._secrets = (settings.password.get_secret_value(),)
        self._http = HttpClient(
            "tryton",
            settings.url,
            secrets=self._secrets,
            timeout=settings.timeout,
            now=clock,
            budget=budget,
        )
        self._authorization: str | None = None
        self._login_lock = asyncio.Lock()
        self._preferences: Row = {}

    async def close(self) -> None:
        """Close the sockets; the server forgets the session by itself."""
        await self._http.close()

    async def version(self) -> str:
        """Tell the server's series, such as ``8.2``; needs no login."""
        answer = await self._post("/rpc/", "common.server.version", [], {}, writes=False)
        return str(self._result(answer, "common.server.version", writes=False))

    async def server_now(self) -> datetime:
        """Tell the server's clock at the time this was called, or a little earlier."""
        asked = self._clock()
        dated = await self._dated()
        # the time is that of the answer, cut to seconds
        return (dated or asked) - (self._clock() - asked) - timedelta(seconds=1)

    async def skew(self) -> timedelta | None:
        """Tell by how much the server's clock is ahead of ours, to about a second."""
        asked = self._clock()
        dated = await self._dated()
        between = asked + (self._clock() - asked) / 2
        return None if dated is None else dated + timedelta(seconds=0.5) - between

    async def _dated(self) -> datetime | None:
        answer = await self._post("/rpc/", "common.server.version", [], {}, writes=False)
        self._result(answer, "common.server.version", writes=False)
        return answer.server_time

    async def preferences(self) -> Row:
        """Log in if need be; give the user's preferences (company, groups, administrator)."""
        await self._session()
        return self._preferences

    async def call(
        self, model: str, method: str, *params: Any, writes: bool = False, **context: Any
    ) -> Any:
        """Call a model's method with the user's context, widened by ``context``.

        ``writes``: a lost or senseless answer means that it may have happened.
        """
        name = f"model.{model}.{method}"
        for attempt in (1, 2):
            authorization = await self._session()
            answer = await self._post(
                self._path, name, [*params, {**self._preferences, **context}],
                {"Authorization": authorization}, writes=writes,
            )  # fmt: skip
            if answer.status != 401 or attempt == 2:
                break
            if self._authorization == authorization:
                self._authorization = None  # the session ran out: log in once more
        return self._result(answer, name, writes=writes)

    async def rows(
        self,
        model: str,
        domain: Sequence[Any],
        columns: Sequence[str],
        *,
        limit: int | None = None,
        order: Sequence[Any] | None = None,
        **context: Any,
    ) -> list[Row]:
        """Search and read; only rows that are active unless ``active_test=False``."""
        found = await self.call(
            model, "search_read", list(domain), 0, limit, order, list(columns), **context
        )
        return list(found)

    # ── session ──────────────────────────────────────────────────────────────────────────────

    @property
    def _path(self) -> str:
        return f"/{self._settings.database}/rpc/"

    async def _session(self) -> str:
        if self._authorization is None:
            async with self._login_lock:
                if self._authorization is None:
                    self._authorization = await self._login()
        return self._authorization

    async def _login(self) -> str:
        login, password = self._settings.login, self._secrets[0]
        answer = await self._post(
            self._path, "common.db.login", [login, {"password": password}, LANGUAGE],
            {}, writes=False,
        )  # fmt: skip
        error = answer.data.get("error") if isinstance(answer.data, dict) else None
        if answer.status == 401 or (isinstance(error, list) and error[:1] == ["LoginException"]):
            raise self._needs_auth("Tryton does not accept login and password")
        user, token, *_ = self._result(answer, "common.db.login", writes=False)
        signed = base64.b64encode(f"{login}:{user}:{token}".encode()).decode()
        name = "model.res.user.get_preferences"
        answer = await self._post(
            self._path, name, [True, {}], {"Authorization": f"Session {signed}"}, writes=False
        )
        preferences = self._result(answer, name, writes=False)
        self._preferences = {**preferences, "language": LANGUAGE}
        return f"Session {signed}"

    def _needs_auth(self, message: str) -> NeedsAuthError:
        return NeedsAuthError(
            message, system="tryton", operation="common.db.login", code="login",
            fix=f"check login and password of {self._settings.login!r} in database "
            f"{self._settings.database!r}",
        )  # fmt: skip

    # ── one call ─────────────────────────────────────────────────────────────────────────────

    async def _post(
        self, path: str, method: str, params: list[Any], headers: Mapping[str, str], *, writes: bool
    ) -> Answer:
        body = {"id": 1, "method": method, "params": to_wire(params)}
        return await self._http.request(
            "POST", path, json=body, headers=headers, writes=writes, operation=method
        )

    def _result(self, answer: Answer, method: str, *, writes: bool) -> Any:
        if answer.status != 200:
            raise self._failure(answer, method, writes=writes)
        data = answer.data
        if not isinstance(data, dict) or not ({"result", "error"} & data.keys()):
            kind = UnknownOutcomeError if writes else TransientError
            raise kind(
                "the answer is not one of Tryton's", system="tryton", operation=method,
                code="not_tryton", fix=_NOT_TRYTON,
            )  # fmt: skip
        if data.get("error"):
            error = refusal(data["error"], method, *self._secrets)
            if error.code == "not_permitted" and not writes:
                # a record that may not be written is that record's affair; an object that may
                # not be read is the connection's
                raise NotPermittedError(
                    error.message, system="tryton", operation=method, code=error.code,
                    field=error.field, fix=error.fix,
                )  # fmt: skip
            raise error
        return from_wire(data.get("result"))

    def _failure(self, answer: Answer, method: str, *, writes: bool) -> Exception:
        """Tell what an HTTP status means; a body, if any, is a page of markup."""
        about: dict[str, Any] = {
            "system": "tryton", "operation": method, "code": str(answer.status),
        }  # fmt: skip
        status = answer.status
        if status == 401:
            return self._needs_auth("Tryton does not accept the session")
        if status == 403:
            return NotPermittedError(f"Tryton does not offer {method} to this user", **about)
        if status == 429:
            until = answer.retry_after(self._clock())
            return ThrottledError("Tryton asks to slow down", until=until, **about)
        if status == 503:
            # sent after five tries that met a lock, each rolled back
            return TransientError("Tryton is overloaded or a record is locked", **about)
        if status >= 500 or status == 408:
            kind = UnknownOutcomeError if writes else TransientError
            return kind(f"Tryton failed with HTTP {status}", **about)
        if status in (404, 405) or 300 <= status < 400:
            database = self._settings.database
            return RejectedError(
                f"there is no Tryton database {database!r} at this address (HTTP {status})",
                **about, fix=_NOT_TRYTON,
            )  # fmt: skip
        return RejectedError(f"Tryton refuses {method} with HTTP {status}", **about)


_NOT_TRYTON = (
    "check url and database: the address must be that of a Tryton 8.2 server (JSON-RPC under "
    "/DATABASE/rpc/), with nothing in front of it that asks for a login of its own"
)
