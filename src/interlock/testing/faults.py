"""Faults between a program and a memory system: what real systems do to integrations.

``Faults`` is put on a system (``system.faults = Faults(system)``) and armed::

    faults.arm(lose_answer, operation="write", entity="order")
    faults.arm(answer_status(429, retry_after=3), times=2)

An *act* is a function of the call and of ``carry_out``, which makes the system do it.  Acts are
armed for the next matching calls; a simulator may also arm them for good and decide by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from interlock.connectors.memory.calls import Answered, ApiError, Call, ConnectionLost
from interlock.connectors.memory.storage import Row
from interlock.connectors.memory.system import MemorySystem
from interlock.connectors.memory.tables import Refused

__all__ = [
    "Act", "Faults", "answer_status", "answer_without_body", "change_cells", "drop_column",
    "fail_before", "lose_answer", "lose_lines", "meddle", "refuse_inside_answer",
]  # fmt: skip

T = TypeVar("T")
Act = Callable[[Call, Callable[[], Any]], Any]
"""What happens in a call's place; returns its answer or raises ``ApiError``, ``ConnectionLost``."""


def lose_answer(_call: Call, carry_out: Callable[[], Any]) -> Any:
    """The system does it; the answer gets lost."""
    carry_out()
    raise ConnectionLost


def fail_before(_call: Call, _carry_out: Callable[[], Any]) -> Any:
    """The request gets lost; the system never hears of it."""
    raise ConnectionLost


def answer_status(status: int, *, retry_after: int | None = None, html: bool = False) -> Act:
    """Make an act: the system, or a gateway before it, answers with an error."""

    def act(_call: Call, _carry_out: Callable[[], Any]) -> Any:
        message = "<html><h1>Sorry</h1></html>" if html else "try again later"
        raise ApiError(status, message, code=f"status_{status}", retry_after=retry_after, html=html)

    return act


def answer_without_body(_call: Call, carry_out: Callable[[], Any]) -> Any:
    """The system does it and says so, without the records as they now are."""
    return [
        msgspec.structs.replace(answer, row=None) if isinstance(answer, Answered) else answer
        for answer in carry_out()
    ]


def lose_lines(column: str) -> Act:
    """Make an act: the system saves the header, breaks off before the lines, and says nothing."""

    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        for op in call.ops:
            if op.id is None:
                op.cells.pop(column, None)
        carry_out()
        raise ConnectionLost

    return act


def meddle(edit: Callable[[Call], None]) -> Act:
    """Make an act: somebody edits just before the call is carried out, after all was compared."""

    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        edit(call)
        return carry_out()

    return act


def refuse_inside_answer(code: str = "locked") -> Act:
    """Make an act: the call succeeds, each record inside is refused."""

    def act(call: Call, _carry_out: Callable[[], Any]) -> Any:
        refused = Refused(code, "the record is being edited by someone")
        return [Answered(refused=refused, changed=False) for _ in call.ops]

    return act


def drop_column(column: str) -> Act:
    """Make an act: the system accepts the write and silently ignores one column."""
    return change_cells(lambda cells: {k: v for k, v in cells.items() if k != column})


def change_cells(change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Act:
    """Make an act: the system respells what it is given before saving it."""

    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        for op in call.ops:
            op.cells = change(op.cells)
        return carry_out()

    return act


@dataclass(slots=True)
class _Armed:
    act: Act
    operation: str | None
    entity: str | None
    skip: int
    times: int | None
    matched: int = field(default=0)

    def strikes(self, call: Call) -> bool:
        if self.operation not in (None, call.operation) or self.entity not in (None, call.entity):
            return False
        self.matched += 1
        done = self.times is not None and self.matched > self.skip + self.times
        return self.matched > self.skip and not done


class Faults:
    """Faults of one system; several may be armed, the first that strikes a call wins."""

    def __init__(self, system: MemorySystem) -> None:
        self.seen: list[Call] = []
        """Calls since the start or the last ``seen.clear()``."""
        self._system = system
        self._armed: list[_Armed] = []
        self._hidden: set[tuple[str, str]] = set()
        self._stale: dict[tuple[str, str], Row] = {}

    def arm(
        self,
        act: Act,
        *,
        operation: str | None = None,
        entity: str | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Let ``act`` befall matching calls: ``skip`` are let through, then ``times`` are hit."""
        self._armed.append(_Armed(act, operation, entity, skip, times))

    def clear(self) -> None:
        """Disarm all, show all."""
        self._armed.clear()
        self._hidden.clear()
        self._stale.clear()

    def finish_late(self, entity: str) -> Callable[[], None]:
        """Break the next write off; calling the answer lets the system do it after all."""
        waiting: list[Callable[[], Any]] = []

        def act(_call: Call, carry_out: Callable[[], Any]) -> Any:
            waiting.append(carry_out)
            raise ConnectionLost

        def finish() -> None:
            while waiting:
                waiting.pop()()

        self.arm(act, operation="write", entity=entity)
        return finish

    def hide(self, entity: str, column: str) -> None:
        """Take the right to read a column away."""
        self._hidden.add((entity, column))

    def show(self) -> None:
        """Give the right to read all columns back."""
        self._hidden.clear()

    def freeze(self, entity: str, record_id: str) -> None:
        """Go on showing a record to programs as it is now (a stale read), until ``thaw``."""
        row = self._system.row(entity, record_id)
        if row is not None:
            self._stale[entity, record_id] = row

    def thaw(self) -> None:
        """Show records as they are."""
        self._stale.clear()

    def around(self, call: Call, carry_out: Callable[[], T]) -> T:
        """Answer a call, misbehaving as armed."""
        self.seen.append(call)
        struck = [armed for armed in self._armed if armed.strikes(call)]
        answer: Any = struck[0].act(call, carry_out) if struck else carry_out()
        if self._hidden or self._stale:
            answer = self._veil(call, answer)
        return answer  # type: ignore[no-any-return]

    def _veil(self, call: Call, answer: Any) -> Any:
        if call.operation == "describe":
            return frozenset(c for c in answer if (call.entity, c) not in self._hidden)
        if isinstance(answer, list):
            return [self._veil_item(call, item) for item in answer]
        return answer

    def _veil_item(self, call: Call, item: Any) -> Any:
        if isinstance(item, Answered) and item.row is not None:
            return msgspec.structs.replace(item, row=self._veil_item(call, item.row))
        if not isinstance(item, Row):
            return item
        old = self._stale.get((item.entity, item.id))
        shown = item if old is None or call.operation == "write" else old
        cells = {
            name: value
            for name, value in shown.cells.items()
            if name in call.columns and (item.entity, name) not in self._hidden
        }
        return msgspec.structs.replace(shown, cells=cells)
