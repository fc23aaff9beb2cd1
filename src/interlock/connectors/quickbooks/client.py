"""Calls to QuickBooks and what its answers mean.

Facts the classification rests on: a refusal is a Fault with a type and errors that have a code; a
Fault may come with status 200; 429 carries no Retry-After and asks for a minute's rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from interlock.connectors.base import Secrets
from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit import Answer, HttpClient, clean
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.connectors.quickbooks.tokens import Tokens
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["Client", "Fault", "read_fault"]

_MINOR: Final = "75"
_REST: Final = timedelta(minutes=1)
_THROTTLED: Final = frozenset({"3001", "003001"})
_NOT_SIGNED_IN: Final = frozenset({"3200", "003200"})


class Fault(msgspec.Struct, frozen=True):
    """The first error of a Fault; ``detail`` quotes values and is never shown."""

    kind: str
    code: str
    message: str
    element: str = ""

    @property
    def told(self) -> str:
        """What of it may be shown."""
        place = f" ({self.element})" if self.element else ""
        return f"{self.code}: {clean(self.message) or 'no reason given'}{place}"


class Client:
    """The Accounting API of one company; every failure is one of our errors."""

    def __init__(
        self, connection: str, settings: QuickBooksSettings, secrets: Secrets | None,
        now: Callable[[], datetime], budget: CallBudget = FREE,
    ) -> None:  # fmt: skip
        self.name = connection
        self._now = now
        self._budget = budget
        self._base = f"/v3/company/{settings.realm_id}"
        self.tokens = Tokens(connection, settings, secrets, now)
        self._http = HttpClient(
            connection, settings.api_url, timeout=settings.timeout, now=now,
            secrets=(settings.client_secret.get_secret_value(),), budget=budget,
        )  # fmt: skip
        self._ahead: timedelta | None = None

    async def close(self) -> None:
        """Close the sockets."""
        await self.tokens.close()
        await self._http.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        writes: bool = False,
    ) -> Answer:
        """Send a call; signs in again once when the access token has ended."""
        token = await self.tokens.access()
        answer = await self._send(method, path, json, params, writes, token)
        fault = read_fault(answer.data)
        if answer.status == 401 or (fault is not None and fault.code in _NOT_SIGNED_IN):
            token = await self.tokens.access(instead_of=token)
            answer = await self._send(method, path, json, params, writes, token)
        error = self._classify(answer, f"{method} {path}", writes=writes)
        if isinstance(error, ThrottledError) and error.until is not None:
            # nobody asks before: not this process, and not another worker
            await self._budget.block(error.until)
        if error is not None:
            raise error
        return answer

    async def query(self, text: str, entity: str) -> list[Mapping[str, Any]]:
        """Run a query; a page without rows lacks the entity's name altogether."""
        answer = await self.call("GET", "/query", params={"query": text})
        response = answer.data.get("QueryResponse") or {}
        return list(response.get(entity) or ())

    async def server_time(self) -> datetime:
        """Tell the system's clock, never ahead of it: as every answer says it, in whole seconds."""
        if self._ahead is None:
            await self.call("GET", "/preferences")
        return self._now() + (self._ahead or timedelta(0))

    async def _send(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, writes: bool,
        token: str,
    ) -> Answer:  # fmt: skip
        answer = await self._http.request(
            method, self._base + path, json=json, writes=writes,
            params={**(params or {}), "minorversion": _MINOR},
            headers={"Authorization": f"Bearer {token}"}, operation=f"{method} {path}",
        )  # fmt: skip
        if answer.server_time is not None:
            # the answer was stamped before it came: so the system's clock is never put too late
            self._ahead = answer.server_time - self._now()
        return answer

    # ── what an answer means ─────────────────────────────────────────────────────────────────

    def _classify(self, answer: Answer, operation: str, *, writes: bool) -> ConnectorError | None:
        fault = read_fault(answer.data)
        if answer.ok and fault is None:
            fine = answer.is_json and isinstance(answer.data, Mapping)
            return None if fine else self._not_the_api(operation, writes=writes)
        code = fault.code if fault is not None else ""
        kind = fault.kind.lower() if fault is not None else ""
        told = fault.told if fault is not None else str(answer.status)
        if answer.status == 429 or code in _THROTTLED:
            return ThrottledError(
                f"{self.name}: asks to slow down", code=code, system=self.name,
                operation=operation,
                until=answer.retry_after(self._now()) or self._now() + _REST,
            )  # fmt: skip
        if answer.status == 401 or code in _NOT_SIGNED_IN or kind.startswith("authentication"):
            return NeedsAuthError(
                f"{self.name}: the access token is not accepted", system=self.name,
                operation=operation, code=code,
                fix="connect the company again and put the new refresh token into the connection",
            )  # fmt: skip
        if answer.status == 403 or kind.startswith("authoriz"):
            return NotPermittedError(
                f"{self.name}: {told}", system=self.name, operation=operation, code=code,
                fix="check realm_id, and that whoever connected the company is an administrator",
            )  # fmt: skip
        if fault is None or answer.status >= 500 or kind.startswith("system"):
            lost = UnknownOutcomeError if writes else TransientError
            return lost(
                f"{self.name}: {operation} was answered {told}", system=self.name,
                operation=operation, code=code or "server_error",
            )  # fmt: skip
        return RejectedError(
            f"{self.name}: {told}", system=self.name, operation=operation, code=code,
            field=fault.element or None,
        )  # fmt: skip

    def _not_the_api(self, operation: str, *, writes: bool) -> ConnectorError:
        kind = UnknownOutcomeError if writes else TransientError
        return kind(
            f"{self.name}: {operation} was answered by something that is not QuickBooks' API",
            system=self.name, operation=operation, code="not_the_api",
            fix="check the connection's url and environment",
        )  # fmt: skip


def read_fault(data: Any) -> Fault | None:
    """Find the Fault of an answer or of an item of a batch, in either of its two spellings."""
    if not isinstance(data, Mapping):
        return None
    fault = data.get("Fault") or data.get("fault")
    if not isinstance(fault, Mapping):
        return None
    errors = fault.get("Error") or fault.get("error") or [{}]
    first = errors[0] if isinstance(errors, list) and isinstance(errors[0], Mapping) else {}
    return Fault(
        kind=str(fault.get("type") or ""),
        code=str(first.get("code") or ""),
        message=str(first.get("Message") or first.get("message") or ""),
        element=str(first.get("element") or ""),
    )
