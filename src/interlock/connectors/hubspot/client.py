"""Calls to HubSpot and what its answers mean.

Facts the classification rests on: an error is an object of category, message and errors, any of it
optional; 429 names the limit reached, without Retry-After; 423 is a lock of heavy writing, 477 a
portal that is being moved; every answer says how many of the day's calls are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.paths import Paths
from interlock.connectors.hubspot.problems import Problem, read_problem
from interlock.connectors.kit import Answer, HttpClient
from interlock.connectors.kit.pace import Pace
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["BATCH", "Client", "RefusedError", "parts"]

BATCH: Final = 100
"""Inputs of one call for a batch of records."""
_PAUSES: Final = {"DAILY": timedelta(minutes=15), "SECONDLY": timedelta(seconds=1)}
_PAUSE: Final = timedelta(seconds=10)
_LOCKED: Final = timedelta(seconds=5)
_MOVING: Final = timedelta(hours=1)


class RefusedError(RejectedError):
    """HubSpot refuses a call; ``problem`` is what it says is wrong."""

    def __init__(self, message: str, problem: Problem, *, system: str, operation: str) -> None:
        super().__init__(message, system=system, operation=operation, code=problem.code)
        self.problem = problem


class Client:
    """The API of one portal; every failure is one of our errors."""

    def __init__(
        self,
        connection: str,
        settings: HubSpotSettings,
        now: Callable[[], datetime],
        budget: CallBudget = FREE,
    ) -> None:
        self.name = connection
        self.paths = Paths(settings.api_version)
        self.usage: tuple[int, int] | None = None
        """Calls of the day that are used, and all there are."""
        self._now = now
        self._budget = budget
        token = settings.access_token.get_secret_value().strip()
        self._http = HttpClient(
            connection, settings.url, secrets=(token,), timeout=settings.timeout, now=now,
            headers={"Authorization": f"Bearer {token}"}, budget=budget,
        )  # fmt: skip
        # a tenth longer than the limit counts: calls do not arrive as evenly as they are sent
        self._searches = Pace(settings.searches_a_second, 1.1)
        self._ahead: timedelta | None = None

    async def close(self) -> None:
        """Close the sockets."""
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
        """Send a call; a search waits its turn, for it has a limit of its own."""
        operation = f"{method} {path}"
        if path.endswith("/search"):
            await self._searches.turn()
        answer = await self._http.request(method, path, json=json, params=params, writes=writes)
        if answer.server_time is not None:
            # the answer was stamped before it came: so the system's clock is never put too late
            self._ahead = answer.server_time - self._now()
        self._note_usage(answer)
        error = self._classify(answer, operation, writes=writes)
        if isinstance(error, ThrottledError) and error.until is not None:
            # a refusal that names no time of its own is to hold every worker back, too
            await self._budget.block(error.until)
        if error is not None:
            raise error
        return answer

    async def server_time(self) -> datetime:
        """Tell the system's clock, never ahead of it: as every answer says it, in whole seconds."""
        if self._ahead is None:
            await self.call("GET", self.paths.pipelines("deals"))
        return self._now() + (self._ahead or timedelta(0))

    # ── limits ───────────────────────────────────────────────────────────────────────────────

    def _note_usage(self, answer: Answer) -> None:
        try:
            limit = int(answer.headers["X-HubSpot-RateLimit-Daily"])
            left = int(answer.headers["X-HubSpot-RateLimit-Daily-Remaining"])
        except (KeyError, ValueError):
            return
        self.usage = limit - left, limit
        self._budget.learn(limit - left, limit)

    # ── what an answer means ─────────────────────────────────────────────────────────────────

    def _classify(self, answer: Answer, operation: str, *, writes: bool) -> ConnectorError | None:
        if answer.ok:
            fine = answer.is_json or answer.status == 204
            return None if fine else self._not_the_api(operation, writes=writes)
        problem = read_problem(answer.data)
        throttled = self._throttled(answer, problem, operation)
        if throttled is not None:
            return throttled
        if not answer.is_json or answer.status >= 500:
            kind = UnknownOutcomeError if writes else TransientError
            return kind(
                f"{self.name}: {operation} was answered {answer.status} {problem.code}".rstrip(),
                system=self.name, operation=operation, code=problem.code or "server_error",
            )  # fmt: skip
        if answer.status == 401:
            return NeedsAuthError(
                f"{self.name}: the key is not accepted", system=self.name, operation=operation,
                code=problem.code,
                fix="make a new service key in HubSpot and put it into the connection",
            )  # fmt: skip
        if answer.status == 403:
            scopes = ", ".join(problem.scopes)
            return NotPermittedError(
                f"{self.name}: the key lacks the scope {scopes or 'for this'}",
                system=self.name, operation=operation, code=problem.code,
                fix=f"add {scopes or 'the scope'} to the service key",
            )  # fmt: skip
        return RefusedError(
            f"{self.name}: {problem.told}", problem, system=self.name, operation=operation
        )

    def _throttled(self, answer: Answer, problem: Problem, operation: str) -> ThrottledError | None:
        pauses = {429: _PAUSES.get(problem.policy, _PAUSE), 423: _LOCKED, 477: _MOVING}
        if answer.status not in pauses:
            return None
        until = answer.retry_after(self._now()) or self._now() + pauses[answer.status]
        why = {423: "locked by other writes", 477: "the portal is being moved"}
        return ThrottledError(
            f"{self.name}: {why.get(answer.status, 'asks to slow down')}",
            until=until, system=self.name, operation=operation,
            code="locked" if answer.status == 423 else problem.policy or problem.code,
        )  # fmt: skip

    def _not_the_api(self, operation: str, *, writes: bool) -> ConnectorError:
        kind = UnknownOutcomeError if writes else TransientError
        return kind(
            f"{self.name}: {operation} was answered by something that is not HubSpot's API",
            system=self.name, operation=operation, code="not_the_api",
            fix="check the connection's url and any proxy on the way",
        )  # fmt: skip


def parts(items: Sequence[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Cut into lists of at most ``size``."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
