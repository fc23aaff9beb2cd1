"""Calls to NetSuite and what its answers mean.

Facts the classification rests on: an error is one object with ``o:errorDetails``, a list of
{detail, o:errorCode, o:errorPath}; too many calls at once are 429 without Retry-After, and the
slots are shared with every other program of the account.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit import Answer, HttpClient, clean
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.signin import TOKEN_PATH, signature, token_form
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

_REST: Final = "/services/rest"
_RECORD: Final = "/record/v1"
_QUERY: Final = "/query/v1/suiteql"
_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(minutes=2)
_EARLY: Final = timedelta(minutes=2)
"""A session is renewed this long before it ends."""
_QUOTED_VALUE: Final = re.compile(r"(Invalid Field Value ).*?(?= for the following)")
_NO_RECORD: Final = re.compile(r"Record '(\w+)' was not found")
_LOCKED: Final = "RCRD_HAS_BEEN_CHANGED"


class Client:
    """The REST services of one account; every failure is one of our errors."""

    def __init__(
        self, connection: str, settings: NetSuiteSettings, now: Callable[[], datetime],
        budget: CallBudget = FREE,
    ) -> None:  # fmt: skip
        self.name = connection
        self._budget = budget
        self._settings = settings
        self._now = now
        self._http = self._open()
        self._token = ""
        self._ends: datetime | None = None
        self._signing_in = asyncio.Lock()
        self._slots = asyncio.Semaphore(settings.slots)
        self._pause = _PAUSE
        self._ahead: timedelta | None = None

    async def close(self) -> None:
        """Close the sockets."""
        await self._http.close()

    async def call(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, writes: bool = False,
    ) -> Answer:  # fmt: skip
        """Send a call; signs in again once when the session has ended."""
        async with self._slots:
            answer = await self._send(method, path, json, params, headers, writes)
            if answer.status == 401 and self._token:
                self._token = ""
                answer = await self._send(method, path, json, params, headers, writes)
        if answer.server_time is not None:
            # the answer was stamped before it came: so the system's clock is never put too late
            self._ahead = answer.server_time - self._now()
        error = self._classify(answer, f"{method} {_without_keys(path)}", writes=writes)
        if isinstance(error, ThrottledError) and error.until is not None:
            # NetSuite names no time of its own; ours is to hold every worker back, too
            await self._budget.block(error.until)
        if error is not None:
            raise error
        self._pause = _PAUSE
        return answer

    async def record(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a call of the record API; a property NetSuite does not know is an error."""
        return await self.call(
            method, _RECORD + path, json=body, params=params, writes=method != "GET",
            headers={"X-NetSuite-PropertyNameValidation": "Error"},
        )  # fmt: skip

    async def page(self, query: str, limit: int) -> list[Mapping[str, Any]]:
        """Run a query and give its first rows; what a row has not got is not in it."""
        answer = await self.call(
            "POST", _QUERY, json={"q": query}, params={"limit": str(limit)},
            headers={"Prefer": "transient"},
        )  # fmt: skip
        return list(answer.data["items"])

    async def rows(self, query: str) -> list[Mapping[str, Any]]:
        """Run a query to its end; it must have an order that never changes."""
        found: list[Mapping[str, Any]] = []
        while True:
            answer = await self.call(
                "POST", _QUERY, json={"q": query}, headers={"Prefer": "transient"},
                params={"limit": "1000", "offset": str(len(found))},
            )  # fmt: skip
            found += answer.data["items"]
            if not answer.data["hasMore"]:
                return found

    async def server_time(self) -> datetime:
        """Tell the system's clock, never ahead of it: as every answer says it, in whole seconds."""
        if self._ahead is None:
            await self.page("SELECT id FROM customer WHERE id = 0", 1)
        return self._now() + (self._ahead or timedelta(0))

    # ── the session ──────────────────────────────────────────────────────────────────────────

    def _open(self) -> HttpClient:
        settings = self._settings
        held = (settings.private_key, settings.consumer_secret, settings.token_secret)
        return HttpClient(
            self.name, settings.address, timeout=settings.timeout, now=self._now,
            budget=self._budget,
            secrets=tuple(secret.get_secret_value() for secret in held if secret is not None),
        )  # fmt: skip

    async def _send(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None, writes: bool,
    ) -> Answer:  # fmt: skip
        where = _REST + path
        if self._settings.token_secret is not None:
            signed = signature(
                self._settings, method, self._settings.address + where, params or {},
                now=self._now(), nonce=secrets.token_hex(16),
            )  # fmt: skip
        else:
            signed = f"Bearer {await self._session()}"
        return await self._http.request(
            method, where, json=json, params=params, writes=writes,
            headers={**(headers or {}), "Authorization": signed},
        )  # fmt: skip

    async def _session(self) -> str:
        async with self._signing_in:
            now = self._now()
            if not self._token or (self._ends is not None and now >= self._ends - _EARLY):
                form = token_form(self._settings, self.name, now)
                answer = await self._http.request(
                    "POST", TOKEN_PATH, form=form, operation="sign in"
                )
                if answer.status in (400, 401) and answer.is_json:
                    raise self._not_let_in(answer)
                error = self._classify(answer, "sign in", writes=False)
                if error is not None:
                    raise error
                data = answer.data if isinstance(answer.data, Mapping) else {}
                if not data.get("access_token"):
                    raise self._not_the_api("sign in", writes=False)
                self._token = str(data["access_token"])
                self._ends = now + timedelta(seconds=float(data.get("expires_in") or 3600))
            return self._token

    def _not_let_in(self, answer: Answer) -> NeedsAuthError:
        data = answer.data if isinstance(answer.data, Mapping) else {}
        why = clean(str(data.get("error", "refused")))
        return NeedsAuthError(
            f"{self.name}: NetSuite does not let us in ({why})", system=self.name,
            operation="sign in", code=why,
            fix="check client id, certificate id and key, and that the certificate is mapped to a "
            "user and role in this very account: copies and refreshes of a sandbox lose it",
        )  # fmt: skip

    # ── what an answer means ─────────────────────────────────────────────────────────────────

    def _classify(self, answer: Answer, operation: str, *, writes: bool) -> ConnectorError | None:
        facts: dict[str, str | None] = {"system": self.name, "operation": operation}
        if answer.ok:
            fine = answer.is_json or answer.status == 204
            return None if fine else self._not_the_api(operation, writes=writes)
        code, message, path = first_error(answer.data)
        if answer.status == 429:
            until = answer.retry_after(self._now()) or self._now() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return ThrottledError(
                f"{self.name}: asks to slow down; its slots are shared with other programs",
                until=until, code=code, **facts,
            )  # fmt: skip
        if code == _LOCKED:
            # nothing was done: somebody else is saving the record
            return TransientError(
                f"{self.name}: {told(message)}", system=self.name, operation=operation,
                code="locked",
            )  # fmt: skip
        if not answer.is_json or answer.status >= 500:
            kind = UnknownOutcomeError if writes else TransientError
            return kind(
                f"{self.name}: {operation} was answered {answer.status} {code}".rstrip(),
                system=self.name, operation=operation, code=code or "server_error",
            )  # fmt: skip
        if answer.status == 401:
            return NeedsAuthError(
                f"{self.name}: NetSuite does not let us in", system=self.name, operation=operation,
                code=code, fix="look at Setup > Users/Roles > View Login Audit Trail; a clock five "
                "minutes off is refused, too",
            )  # fmt: skip
        missing = _NO_RECORD.search(message) if code == "INVALID_PARAMETER" else None
        if missing is not None:
            return NotPermittedError(
                f"{self.name}: the role may not see {missing[1]}, or the account has none",
                system=self.name, operation=operation, code="no_record",
                fix="give the role the permission on it, with SuiteAnalytics Workbook",
            )  # fmt: skip
        if answer.status == 403:
            return NotPermittedError(
                f"{self.name}: {told(message)}", system=self.name, operation=operation, code=code,
                fix="give the role the permission",
            )  # fmt: skip
        return RejectedError(
            f"{self.name}: {told(message)}", system=self.name, operation=operation, code=code,
            field=path or None,
        )  # fmt: skip

    def _not_the_api(self, operation: str, *, writes: bool) -> ConnectorError:
        kind = UnknownOutcomeError if writes else TransientError
        return kind(
            f"{self.name}: {operation} was answered by something that is not NetSuite's API",
            system=self.name, operation=operation, code="not_the_api",
            fix="check the connection's account",
        )  # fmt: skip


def first_error(data: Any) -> tuple[str, str, str]:
    """Give code, message and path of the first error in an answer; empty where there is none."""
    details = data.get("o:errorDetails") if isinstance(data, Mapping) else None
    first = details[0] if isinstance(details, list) and details else {}
    if not isinstance(first, Mapping):
        return "", "", ""
    return tuple(str(first.get(k) or "") for k in ("o:errorCode", "detail", "o:errorPath"))  # type: ignore[return-value]


def told(message: str) -> str:
    """Reduce a message of NetSuite's to what may be shown: it quotes the value it refuses."""
    short = message.replace("Error while accessing a resource. ", "")
    return clean(_QUOTED_VALUE.sub(r"\1…", " ".join(short.split()))) or "no reason given"


def _without_keys(path: str) -> str:
    return re.sub(r"/(\d+|eid:[^/]+)(?=/|$)", "/…", path)
