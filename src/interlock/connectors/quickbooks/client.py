"""Calls to QuickBooks and what its answers mean.

Facts the classification rests on: a refusal is a Fault with a type and errors that have a code; a
Fault may come with status 200; 429 carries no Retry-After and asks for a minute's rest.
"""

from __future__ import annotations

import hashlib
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
from interlock.mapping.codecs import CodecError, Instant

__all__ = ["Client", "Fault", "read_fault", "request_id_of"]

_MINOR: Final = "75"
_REST: Final = timedelta(minutes=1)
_REPEATED: Final = timedelta(seconds=10)
"""An answer given longer ago than this is a former one."""
_RENEWALS: Final = 5
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
        answer = await self._asked(method, path, json, params, writes)
        return await self._checked(answer, f"{method} {path}", writes=writes)

    async def write_once(
        self, path: str, json: Any, request_id: str, params: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a write that QuickBooks answers as before when it has had this request id.

        A refusal of some time ago says nothing of now, when its cause may have been mended.  It
        made nothing, so the same is asked anew, with an id that follows from the former one.
        """
        for _ in range(_RENEWALS):
            told = {**(params or {}), "requestid": request_id}
            answer = await self._asked("POST", path, json, told, True)
            before = _refused_before(answer)
            if before is None:
                break
            request_id = request_id_of(request_id, before)
        return await self._checked(answer, f"POST {path}", writes=True)

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

    async def _asked(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, writes: bool
    ) -> Answer:
        token = await self.tokens.access()
        answer = await self._send(method, path, json, params, writes, token)
        fault = read_fault(answer.data)
        if answer.status == 401 or (fault is not None and fault.code in _NOT_SIGNED_IN):
            token = await self.tokens.access(instead_of=token)
            answer = await self._send(method, path, json, params, writes, token)
        return answer

    async def _checked(self, answer: Answer, operation: str, *, writes: bool) -> Answer:
        error = self._classify(answer, operation, writes=writes)
        if isinstance(error, ThrottledError) and error.until is not None:
            # nobody asks before: not this process, and not another worker
            await self._budget.block(error.until)
        if error is not None:
            raise error
        return answer

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


def request_id_of(*content: Any) -> str:
    """Make the id a repeated call is recognised by: the same for the same content, 50 at most."""
    return "il" + hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:40]


def _refused_before(answer: Answer) -> str | None:
    """Tell when a refusal was given that is only repeated; ``None`` for any other answer."""
    if read_fault(answer.data) is None or answer.server_time is None:
        return None
    try:
        given = Instant().decode(answer.data.get("time"))
    except CodecError:
        return None
    if given is None or given > answer.server_time - _REPEATED:
        return None
    return given.isoformat()


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
