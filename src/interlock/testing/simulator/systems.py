"""The two systems as the simulator watches them: a journal of all changes, and faults by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

import msgspec

from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.calls import Call, ConnectionLost
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.shelf import Shelf
from interlock.connectors.memory.storage import Row, State
from interlock.governance.rules import Side
from interlock.testing.clock import VirtualClock
from interlock.testing.faults import Faults

__all__ = ["Change", "Journal", "Mischief", "WatchedSystem"]

T = TypeVar("T")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One saved state of one record.

    ``by_program``: the engine wrote it.  ``bent``: a fault changed what was written.  ``late``:
    the program had given up waiting for it.
    """

    number: int
    at: datetime
    side: Side
    entity: str
    id: str
    before: Row | None
    after: Row
    by_program: bool
    bent: bool = False
    late: bool = False


@dataclass
class Journal:
    """Everything that was ever saved in either system, in order."""

    changes: list[Change] = field(default_factory=list)
    actors: list[str] = field(default_factory=list)
    bent: bool = False
    """Whether the program's write under way is being altered by a fault."""

    @property
    def by_program(self) -> bool:
        """Say whether a program's call is being carried out."""
        return bool(self.actors) and self.actors[-1] == "program"

    def as_actor(self, actor: str, work: Callable[[], T]) -> T:
        """Note what ``work`` saves as this actor's doing."""
        self.actors.append(actor)
        try:
            return work()
        finally:
            self.actors.pop()


class WatchedSystem(MemorySystem):
    """A memory system that notes each change in the journal."""

    def __init__(
        self,
        side: Side,
        clock: VirtualClock,
        skew: timedelta,
        journal: Journal,
        settings: MemorySettings,
    ) -> None:
        super().__init__(
            side.value,
            clock=lambda: clock.time + skew,
            unique_references=settings.enforces_reference,
        )
        self.side = side
        self.true_clock = clock
        self.journal = journal
        self.settings = settings
        self.mischief: Mischief
        self.read_under_way = ""

    def _keep(self, row: Row) -> Row:
        before = self._shelves[row.entity].rows.get(row.number)
        kept = super()._keep(row)
        self.journal.changes.append(
            Change(
                number=len(self.journal.changes),
                at=self.true_clock.time,
                side=self.side,
                entity=row.entity,
                id=row.id,
                before=before,
                after=kept,
                by_program=self.journal.by_program,
                bent=self.journal.bent and self.journal.by_program,
                late="late" in self.journal.actors,
            )
        )
        self.mischief.changed(before, kept)
        return kept

    def shelf(self, entity: str) -> Shelf:
        """Give an entity's rows, as the read under way shows them."""
        shelf = super().shelf(entity)
        if self.read_under_way:
            return _Veiled(shelf, self.mischief, self.read_under_way)  # type: ignore[return-value]
        return shelf

    def edit_child(self, entity: str, record_id: str, cells: dict[str, Any]) -> None:
        """Change cells as a child record's edit does: the parent's version stays."""
        before = self._alive(entity, record_id)
        self._seq += 1
        self._keep(
            msgspec.structs.replace(
                before, cells={**before.cells, **cells}, modified=self.clock(), seq=self._seq
            )
        )


@dataclass
class _Lag:
    """A row whose latest change some reads do not show yet."""

    old: Row | None
    reads_until: datetime
    index_until: datetime
    feed_until: datetime
    by_chance: bool
    """Whether only some of these reads are answered by the copy that lags behind."""


class Mischief(Faults):
    """Faults of one system that strike by seed, on top of those armed for single calls."""

    def __init__(self, system: WatchedSystem, rng: Random) -> None:
        super().__init__(system)
        self.system = system
        self.struck: Counter[str] = Counter()
        self.lag_next = 0
        self.on = True
        self.meanwhile: Callable[[], None] = lambda: None
        """What people finish while calls take their time."""
        self.concealed: dict[tuple[str, str], datetime] = {}
        self.last_read: dict[tuple[str, str], datetime] = {}
        self._lags: dict[tuple[str, str], _Lag] = {}
        self._late: list[tuple[datetime, Callable[[], Any]]] = []
        self._rng = rng
        system.mischief = self
        system.faults = self

    # ── arming ───────────────────────────────────────────────────────────────────────────────

    def befall(
        self,
        kind: str,
        act: Callable[[Call, Callable[[], Any]], Any],
        *,
        operation: str | None,
        entity: str | None = None,
        skip: int = 0,
        times: int = 1,
        bent: bool = False,
    ) -> None:
        """Arm an act, counted under ``kind`` once it strikes."""

        def counted(call: Call, carry_out: Callable[[], Any]) -> Any:
            self.struck[kind] += 1
            journal = self.system.journal
            journal.bent, before = bent or journal.bent, journal.bent
            try:
                return act(call, carry_out)
            finally:
                journal.bent = before

        self.arm(counted, operation=operation, entity=entity, skip=skip, times=times)

    def finish_after(self, delay: timedelta) -> Callable[[Call, Callable[[], Any]], Any]:
        """Make an act: the program gives up; the system carries the call out ``delay`` later."""

        def act(_call: Call, carry_out: Callable[[], Any]) -> Any:
            self._late.append((self.system.true_clock.time + delay, carry_out))
            raise ConnectionLost

        return act

    def stop(self) -> None:
        """Let nothing new go wrong; what is under way ends by itself."""
        self.clear()
        self.on = False
        self.lag_next = 0
        self.concealed.clear()

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    def changed(self, before: Row | None, after: Row) -> None:
        """A row was saved; some reads may go on showing the one before."""
        if self.lag_next <= 0:
            self._lags.pop((after.entity, after.id), None)
            return
        self.lag_next -= 1
        settings, now = self.system.settings, self.system.true_clock.time
        share = self._rng.random()
        # a change committed late has used up some of the time it may be missing from the feed
        begun = (self.system.clock() - after.modified).total_seconds()

        def until(seconds: float) -> datetime:
            return now + timedelta(seconds=seconds * share)

        self.struck["stale read"] += 1
        self._lags[after.entity, after.id] = _Lag(
            before,
            until(settings.read_lag),
            until(settings.settle_time * 0.4),
            until(max(settings.commit_delay - begun, 0)),
            by_chance=self._rng.random() < 0.5,
        )

    def finish_due(self) -> None:
        """Carry out what was broken off and is due."""
        now = self.system.true_clock.time
        due = [late for late in self._late if late[0] <= now]
        self._late = [late for late in self._late if late[0] > now]
        for _, carry_out in due:
            late = partial(self.system.journal.as_actor, "program", carry_out)
            self.system.journal.as_actor("late", late)

    def due(self) -> list[datetime]:
        """When calls that were broken off will be carried out."""
        return [at for at, _ in self._late]

    def around(self, call: Call, carry_out: Callable[[], T]) -> T:
        """Answer a call after some time, misbehaving as armed."""
        clock = self.system.true_clock
        clock.advance(self._rng.choice((0.001, 0.02, 0.3)))
        self.finish_due()
        self.meanwhile()

        def by_program() -> T:
            if call.operation == "write":
                return self.system.journal.as_actor("program", carry_out)
            self.system.read_under_way = call.operation
            try:
                return carry_out()
            finally:
                self.system.read_under_way = ""

        answer = super().around(call, by_program)
        self.seen.clear()
        clock.advance(self._rng.choice((0.001, 0.02, 0.3)))
        return answer

    def note_read(self, rows: list[Row], started: datetime) -> list[Row]:
        """Remember when rows were last shown to the program."""
        for row in rows:
            self.last_read[row.entity, row.id] = started
        return rows

    def seen_as(self, row: Row | None, operation: str) -> Row | None:
        """Give the state of a row that a read of this kind shows at present."""
        if row is None or (row.entity, row.id) in self.concealed:
            return None
        lag = self._lags.get((row.entity, row.id))
        if lag is None or self.system.true_clock.time >= _until(lag, operation):
            return row
        if lag.by_chance and self._rng.random() < 0.5:
            return row
        return None if operation == "changed" else lag.old


class _Veiled:
    """An entity's rows as a read shows them: late and concealed ones left out before paging."""

    def __init__(self, shelf: Shelf, mischief: Mischief, operation: str) -> None:
        self._shelf, self._mischief, self._operation = shelf, mischief, operation
        self.table = shelf.table

    def row(self, record_id: str) -> Row | None:
        row = self._shelf.row(record_id)
        return row if self._operation == "changed" else self._shown([row])[0]

    def changed(self, since: datetime, after: tuple[datetime, int] | None, limit: int) -> list[Row]:
        return self._present(self._shelf.changed(since, after, 1_000_000))[:limit]

    def listed(self, after: int, limit: int) -> list[Row]:
        rows = self._present(self._shelf.listed(after, 1_000_000))
        return [r for r in rows if r.state in (State.LIVE, State.ARCHIVED)][:limit]

    def search(self, column: str, values: Sequence[str]) -> list[Row]:
        return self._present(self._shelf.search(column, values))

    def _shown(self, rows: list[Row | None]) -> list[Row | None]:
        started = self._mischief.system.true_clock.time
        shown = [self._mischief.seen_as(row, self._operation) for row in rows]
        self._mischief.note_read([r for r in shown if r is not None], started)
        return shown

    def _present(self, rows: list[Row]) -> list[Row]:
        return [r for r in self._shown(list(rows)) if r is not None]


def _until(lag: _Lag, operation: str) -> datetime:
    if operation == "searched":
        return lag.index_until
    return lag.feed_until if operation == "changed" else lag.reads_until


def respell(cells: Any) -> dict[str, Any]:
    """Bend text as systems do that tidy up what they are given."""
    return {k: v.upper() if isinstance(v, str) and k in _RESPELT else v for k, v in cells.items()}


_RESPELT = frozenset({"Name", "name", "Phone", "tel", "VatNumber", "vat_no"})
