"""Calls a memory system and turns its failures into ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit.redact import clean
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.calls import ApiError, ConnectionLost
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.system import MemorySystem, find_system
from interlock.errors import (
    ConfigurationError,
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")

_WRITING = frozenset({MemoryApi.write, MemoryApi.alter})


class Client:
    """One session; opened at the first call, so that building a connector does no I/O."""

    def __init__(
        self,
        settings: MemorySettings,
        kind: str,
        clock: Callable[[], datetime],
        budget: CallBudget = FREE,
    ) -> None:
        self.name = f"memory_{kind}"
        self._settings = settings
        self._kind = kind
        self._clock = clock
        self._budget = budget
        self._api: MemoryApi | None = None
        self._own: MemorySystem | None = None

    def close(self) -> None:
        """Close the file this client opened."""
        if self._own is not None:
            self._own.close()
        self._own = self._api = None

    async def call(
        self,
        operation: str,
        work: Callable[Concatenate[MemoryApi, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do one call; a write without a trustworthy answer has an unknown outcome."""
        writes = work in _WRITING
        try:
            async with self._budget.call():
                return work(self._open(operation), *args, **kwargs)
        except ApiError as error:
            failure = self._classified(error, operation, writes=writes)
            if isinstance(failure, ThrottledError) and failure.until is not None:
                await self._budget.block(failure.until)
            raise failure from None
        except ConnectionLost:
            kind = UnknownOutcomeError if writes else TransientError
            raise kind(
                f"{self.name}: no answer to {operation}",
                system=self.name, operation=operation, code="no_answer",
            ) from None  # fmt: skip
        except sqlite3.Error as error:
            # a failed change was rolled back as a whole
            raise TransientError(
                f"{self.name}: the company's file cannot be used ({type(error).__name__})",
                system=self.name, operation=operation, code="unreachable",
            ) from None  # fmt: skip

    def _open(self, operation: str) -> MemoryApi:
        if self._api is None:
            token = self._settings.token.get_secret_value()
            limit = max(self._settings.page_size, self._settings.batch_size, 200)
            self._api = MemoryApi(self._system(operation), token=token, limit=limit)
        return self._api

    def _system(self, operation: str) -> MemorySystem:
        name, path = self._settings.system, self._settings.path
        found = None
        if name is not None:
            found = find_system(name)
        elif path is not None and path.parent.is_dir():
            try:
                found = self._own = MemorySystem(self._kind, path=path)
            except ValueError as error:
                raise ConfigurationError(str(error), fix="name another file") from None
        if found is None:
            raise TransientError(
                f"{self.name}: cannot reach {name or path}",
                system=self.name, operation=operation, code="unreachable",
                fix="register the system, or make the file's folder",
            )  # fmt: skip
        if found.kind != self._kind:
            raise ConfigurationError(f"{name} is the company's {found.kind}, not its {self._kind}")
        return found

    def _classified(self, error: ApiError, operation: str, *, writes: bool) -> ConnectorError:
        secret = self._settings.token.get_secret_value()
        what = clean(error.message, secret, limit=160)
        if error.html:
            what = f"a web page instead of data ({what})"
        message = f"{self.name}: {operation} was answered with {error.status}: {what}"
        kind: type[ConnectorError] = RejectedError
        fix = None
        if error.status == 429:
            until = None
            if error.retry_after is not None:
                until = self._clock() + timedelta(seconds=error.retry_after)
            return ThrottledError(message, until=until, system=self.name, operation=operation,
                                  code=error.code)  # fmt: skip
        if error.status == 503:
            kind = TransientError
        elif error.html or error.status >= 500:
            # who answered is not known, so neither is what was done
            kind = UnknownOutcomeError if writes else TransientError
        elif error.status == 401:
            kind, fix = NeedsAuthError, "give the system's token in the connection's settings"
        elif error.status == 403:
            kind = NotPermittedError
        return kind(message, system=self.name, operation=operation, code=error.code, fix=fix)
