"""Calls to Salesforce and what its answers mean.

Facts the classification rests on: an error is a list of {errorCode, message, fields}; calls used up
and too many at once are both 403 REQUEST_LIMIT_EXCEEDED without Retry-After; every answer says in
Sforce-Limit-Info how many of the day's calls are used.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit import Answer, HttpClient, clean
from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.connectors.salesforce.signin import TOKEN_PATH, Session, read_session, token_form
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["Client", "first_error", "told"]

_USAGE: Final = re.compile(r"api-usage=(\d+)/(\d+)")
_PAUSE: Final = timedelta(minutes=1)
_LONG_PAUSE: Final = timedelta(minutes=15)
_QUOTED_VALUE: Final = re.compile(
    r"((?:too large|address|picklist field|range on \w+ field|type): ).*"
)
_TRANSIENT: Final = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE"})


class Client:
    """The REST API of one org; every failure is one of our errors."""

    def __init__(
        self,
        connection: str,
        settings: SalesforceSettings,
        now: Callable[[], datetime],
        budget: CallBudget = FREE,
    ) -> None:
        self.name = connection
        self.usage: tuple[int, int] | None = None
        self._settings = settings
        self._now = now
        self._budget = budget
        self._door = self._http(settings.url)
        self._session: Session | None = None
        self._instance: HttpClient | None = None
        self._signing_in = asyncio.Lock()
        self._ahead: timedelta | None = None

    @property
    def base(self) -> str:
        """Give the path of the API's version."""
        return f"/services/data/v{self._settings.api_version}"

    async def close(self) -> None:
        """Close the sockets."""
        await self._door.close()
        if self._instance is not None:
            await self._instance.close()

    async def user_id(self) -> str:
        """Give the id of the connected user."""
        session, _ = await self._signed_in()
        return session.user_id

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        writes: bool = False,
    ) -> Answer:
        """Send a call; signs in again once when the session has ended.  ``path``: below ``base``.

        A path that begins with ``/services`` is taken as it is.
        """
        where = path if path.startswith("/services") else self.base + path
        answer = await self._send(method, where, json, params, writes)
        if answer.status == 401:
            self._session = None
            answer = await self._send(method, where, json, params, writes)
        self._note_usage(answer)
        error = self._classify(answer, f"{method} {path}", writes=writes)
        if isinstance(error, ThrottledError) and error.until is not None:
            # a refusal that names no time of its own is to hold every worker back, too
            await self._budget.block(error.until)
        if error is not None:
            raise error
        return answer

    async def query(self, soql: str, *, deleted: bool = False) -> list[Mapping[str, Any]]:
        """Run a query to its end; ``deleted``: with the recycle bin."""
        answer = await self.call("GET", "/queryAll" if deleted else "/query", params={"q": soql})
        rows = list(answer.data["records"])
        while not answer.data["done"]:
            answer = await self.call("GET", answer.data["nextRecordsUrl"])
            rows += answer.data["records"]
        return rows

    async def rest_of(self, url: str) -> list[Mapping[str, Any]]:
        """Read the further pages of children of a row."""
        rows: list[Mapping[str, Any]] = []
        more: str | None = url
        while more:
            answer = await self.call("GET", more)
            rows += answer.data["records"]
            more = answer.data.get("nextRecordsUrl")
        return rows

    async def server_time(self) -> datetime:
        """Tell the system's clock, never ahead of it: as every answer says it, in whole seconds."""
        if self._ahead is None:
            await self.call("GET", "/limits")
        return self._now() + (self._ahead or timedelta(0))

    # ── the session ──────────────────────────────────────────────────────────────────────────

    def _http(self, url: str) -> HttpClient:
        held = (self._settings.client_secret, self._settings.private_key)
        secrets = tuple(secret.get_secret_value() for secret in held if secret is not None)
        return HttpClient(
            self.name,
            url,
            secrets=secrets,
            timeout=self._settings.timeout,
            now=self._now,
            budget=self._budget,
        )

    async def _send(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, writes: bool
    ) -> Answer:
        session, http = await self._signed_in()
        answer = await http.request(
            method, path, json=json, params=params, writes=writes,
            headers={"Authorization": f"Bearer {session.token}"},
        )  # fmt: skip
        if answer.server_time is not None:
            # the answer was stamped before it came: so the system's clock is never put too late
            self._ahead = answer.server_time - self._now()
        return answer

    async def _signed_in(self) -> tuple[Session, HttpClient]:
        async with self._signing_in:
            if self._session is None or self._instance is None:
                session = await self._sign_in()
                if self._instance is not None:
                    await self._instance.close()
                # all calls go to where the sign-in says, with the token kept out of every message
                self._session, self._instance = session, self._http(session.instance_url)
            return self._session, self._instance

    async def _sign_in(self) -> Session:
        form = token_form(self._settings, self.name, self._now)
        answer = await self._door.request("POST", TOKEN_PATH, form=form, operation="sign in")
        if answer.status in (400, 401) and answer.is_json:
            raise self._not_signed_in(answer)
        error = self._classify(answer, "sign in", writes=False)
        if error is not None:
            raise error
        session = read_session(answer.data)
        if session is None:
            raise self._not_the_api("sign in", writes=False)
        return session

    def _not_signed_in(self, answer: Answer) -> NeedsAuthError:
        data = answer.data if isinstance(answer.data, Mapping) else {}
        why = clean(f"{data.get('error', '')}: {data.get('error_description', '')}")
        return NeedsAuthError(
            f"{self.name}: Salesforce does not let us in ({why})",
            system=self.name, operation="sign in", code=str(data.get("error", "refused")),
            fix="check consumer key, secret or certificate, the user, and that the app is approved",
        )  # fmt: skip

    # ── limits ───────────────────────────────────────────────────────────────────────────────

    def _note_usage(self, answer: Answer) -> None:
        found = _USAGE.search(answer.headers.get("Sforce-Limit-Info") or "")
        if found is None:
            return
        used, limit = int(found[1]), int(found[2])
        self.usage = used, limit
        self._budget.learn(used, limit)

    # ── what an answer means ─────────────────────────────────────────────────────────────────

    def _classify(self, answer: Answer, operation: str, *, writes: bool) -> ConnectorError | None:
        facts: dict[str, str | None] = {"system": self.name, "operation": operation}
        if answer.ok:
            fine = answer.is_json or answer.status == 204
            return None if fine else self._not_the_api(operation, writes=writes)
        code, message = first_error(answer.data)
        if answer.status == 429 or code == "REQUEST_LIMIT_EXCEEDED":
            until = answer.retry_after(self._now()) or self._now() + self._pause()
            return ThrottledError(
                f"{self.name}: asks to slow down", until=until, code=code, **facts
            )
        if not answer.is_json or answer.status >= 500 or code in _TRANSIENT:
            kind = UnknownOutcomeError if writes else TransientError
            return kind(
                f"{self.name}: {operation} was answered {answer.status} {code}".rstrip(),
                system=self.name, operation=operation, code=code or "server_error",
            )  # fmt: skip
        if answer.status == 401:
            return NeedsAuthError(
                f"{self.name}: the session is not accepted", system=self.name, operation=operation,
                code=code, fix="check the connected user and the app's policies",
            )  # fmt: skip
        if answer.status == 403:
            return NotPermittedError(
                f"{self.name}: {told(message)}", system=self.name, operation=operation, code=code,
                fix="give the connected user the right, best by a permission set",
            )  # fmt: skip
        return RejectedError(
            f"{self.name}: {told(message)}", system=self.name, operation=operation, code=code
        )

    def _pause(self) -> timedelta:
        used, limit = self.usage or (0, 1)
        return _LONG_PAUSE if used >= limit else _PAUSE

    def _not_the_api(self, operation: str, *, writes: bool) -> ConnectorError:
        kind = UnknownOutcomeError if writes else TransientError
        return kind(
            f"{self.name}: {operation} was answered by something that is not Salesforce's API",
            system=self.name, operation=operation, code="not_the_api",
            fix="check the connection's url: the org's My Domain",
        )  # fmt: skip


def first_error(data: Any) -> tuple[str, str]:
    """Give code and message of the first error in an answer; empty where there is none."""
    first = data[0] if isinstance(data, list) and data else {}
    if not isinstance(first, Mapping):
        return "", ""
    code = first.get("errorCode") or first.get("statusCode") or ""
    return str(code), str(first.get("message") or "")


def told(message: str) -> str:
    """Reduce a message of Salesforce to what may be shown: it quotes the value it refuses."""
    return clean(_QUOTED_VALUE.sub(r"\1…", " ".join(message.split()))) or "no reason given"
