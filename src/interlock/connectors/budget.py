"""What a connector asks before each call to its system (rule 23)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol

from interlock.governance.budget import Purpose

__all__ = ["FREE", "CallBudget", "calls_for", "current_purpose"]

_purpose: ContextVar[Purpose] = ContextVar("purpose", default=Purpose.CUSTOMERS)


@contextmanager
def calls_for(purpose: Purpose) -> Iterator[None]:
    """Say what the calls made inside serve."""
    token = _purpose.set(purpose)
    try:
        yield
    finally:
        _purpose.reset(token)


def current_purpose() -> Purpose:
    """What calls serve here and now."""
    return _purpose.get()


class CallBudget(Protocol):
    """The calls one connection may make, shared by all workers."""

    def call(self) -> AbstractAsyncContextManager[None]:
        """Surround one call: waits a little for its turn, else raises ``BudgetSpentError``."""
        ...

    async def ready(self) -> None:
        """Wait a little until a call may be made at once, else raise ``BudgetSpentError``."""
        ...

    def learn(self, used: int, limit: int | None) -> None:
        """Take over what the system says was used of the day's quota, by everybody."""
        ...

    async def block(self, until: datetime) -> None:
        """Let no worker call before a time: the system asked for it."""
        ...

    async def close(self) -> None:
        """Give back what was taken and not used."""
        ...


class _Free:
    """No limits: for systems and tests that have none."""

    def call(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def ready(self) -> None:
        return

    def learn(self, used: int, limit: int | None) -> None: ...

    async def block(self, until: datetime) -> None: ...

    async def close(self) -> None: ...


FREE: CallBudget = _Free()
