"""One connection's budget: calls taken from the store in handfuls, by all workers (rule 23)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec

from interlock.connectors.budget import current_purpose
from interlock.errors import BudgetSpentError
from interlock.governance.budget import (
    DAY,
    BudgetLimits,
    Grant,
    Purpose,
    Spent,
    grant,
    slots_for,
)
from interlock.store import budgets
from interlock.store.database import Store, Tx

__all__ = ["SharedBudget"]

_HANDFUL: Final = 20
"""So many calls are taken from the store at once where they need not be counted closely."""
_KEPT: Final = timedelta(seconds=5)
"""A handful is given back after this time: others may need it."""
_FIRST_CALLS: Final = 3
"""A sign-in may come before the first call whose answer tells of the quota."""
_PATIENCE: Final = timedelta(seconds=10)
"""Longer waits are the engine's: it goes on with other work and comes back."""
_SLOT: Final = timedelta(minutes=5)
"""A slot whose holder died is free again after this time; no call takes longer."""
_SLOT_POLL: Final = timedelta(seconds=0.2)


class SharedBudget:
    """The budget of one connection, known by its permanent ``connection`` id.

    Waiting is short and never happens inside a write that is already on its way: ``ready`` is
    called before (rule 19).
    """

    def __init__(
        self,
        store: Store,
        connection: str,
        name: str,
        limits: BudgetLimits,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._connection = connection
        self._name = name
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._new_id = new_id
        self._left: Counter[Purpose] = Counter()
        self._taken_at: datetime | None = None
        self._told: tuple[int, int | None] | None = None
        self._to_ask = _FIRST_CALLS

    def adopt(self, facts: BudgetLimits) -> None:
        """Take what the connector knows of the system's limits, where a person stated nothing."""
        self._limits = self._limits.over(facts)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Surround one call with its turn and, where there are any, its slot."""
        await self.ready()
        purpose = current_purpose()
        self._left[purpose] -= 1
        most = slots_for(self._limits, purpose)
        if most is None:
            yield
            return
        holder = await self._slot(most)
        try:
            yield
        finally:
            await self._store.call(budgets.free_slot, holder)

    async def ready(self) -> None:
        """Hold at least one call for what is being done, waiting a little for it."""
        purpose, began = current_purpose(), self._clock()
        while not self._holds(purpose):
            answer = await self._take(purpose)
            if answer.calls:
                return
            assert answer.until is not None, "whoever gets none is told when to ask again"
            if answer.until > began + _PATIENCE:
                raise BudgetSpentError(
                    f"{self._name}: {answer.why}; calls for {purpose} go on at "
                    f"{answer.until.isoformat(timespec='seconds')}",
                    purpose=purpose,
                    until=answer.until,
                    system=self._name,
                )
            await self._sleep(max((answer.until - self._clock()).total_seconds(), 0.01))

    def learn(self, used: int, limit: int | None) -> None:
        """Keep what the system says of its quota; stored with the next handful."""
        self._told = (used, limit)
        self._to_ask = 0
        if limit is not None and used >= limit // 2:
            # from here on every call is counted
            self._taken_at = None

    async def block(self, until: datetime) -> None:
        """Keep everybody from calling before a time, at most for a day."""
        # no quota lasts longer; a header gone wrong must not end the connection for good
        until = min(until, self._clock() + DAY)
        # taken away before it is given back, lest a call beside this one gives it back as well
        rest, self._left = self._left, Counter()
        await self._store.call(self._changed, rest, None, until)

    async def close(self) -> None:
        """Give back what is left, and store what the system said last."""
        rest, self._left = self._left, Counter()
        if rest.total() or self._told is not None:
            await self._store.call(self._changed, rest, self._told, None)

    def _holds(self, purpose: Purpose) -> bool:
        return (
            self._taken_at is not None
            and self._left[purpose] > 0
            and self._clock() < self._taken_at + _KEPT
        )

    async def _take(self, purpose: Purpose) -> Grant:
        """Take a handful, and give back what is left of the last."""
        rest, self._left = self._left, Counter()
        told, self._told = self._told, None
        ask, self._to_ask = self._to_ask > 0, self._to_ask - 1
        now = self._clock()

        def _work(tx: Tx) -> Grant:
            spent = self._changed(tx, rest, told, None)
            # somebody may have raised the quota: a process begins by finding out
            answer, after = grant(self._limits, spent, purpose, _HANDFUL, now, ask=ask)
            if after != spent:
                budgets.save(tx, self._connection, after)
            return answer

        answer = await self._store.call(_work)
        self._left[purpose] += answer.calls
        self._taken_at = now
        return answer

    def _changed(
        self,
        tx: Tx,
        rest: Mapping[Purpose, int],
        told: tuple[int, int | None] | None,
        until: datetime | None,
    ) -> Spent:
        """Store calls given back, what the system said, and until when it wants to be left."""
        now = self._clock()
        before = budgets.load(tx, self._connection, now)
        spent = before.given_back(rest)
        if told is not None:
            spent = spent.told(*told, now)
        if until is not None:
            spent = msgspec.structs.replace(spent, blocked_until=until)
        if spent != before:
            budgets.save(tx, self._connection, spent)
        return spent

    async def _slot(self, most: int) -> str:
        holder, began = self._new_id(), self._clock()
        while True:
            now = self._clock()
            first = await self._store.call(
                lambda tx, now=now: budgets.take_slot(
                    tx, self._connection, holder, most=most, now=now, until=now + _SLOT
                )
            )
            if first is None:
                return holder
            if now >= began + _PATIENCE:
                raise BudgetSpentError(
                    f"{self._name}: all {most} calls at the same time are taken",
                    purpose=current_purpose(),
                    until=now + _PATIENCE,
                    system=self._name,
                )
            await self._sleep(_SLOT_POLL.total_seconds())
