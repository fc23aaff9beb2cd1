"""One history under way: systems, people, store and engine on one clock."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sqlalchemy import func, select

from interlock.connectors.memory import crm_plugin, erp_plugin, register
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.project.config import AfterWonSettings
from interlock.project.load import OWNERSHIP_FILE, Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.runtime.cycle import run_cycle
from interlock.service.letters import retry_letters
from interlock.service.plan import approve, make_plan
from interlock.service.session import Session, make_session
from interlock.store import dead_letters, outbox
from interlock.store.database import Store, Tx
from interlock.store.outbox import WriteState
from interlock.store.sqlite import fixed
from interlock.store.tables import outbox as outbox_table
from interlock.store.tables import record as record_table
from interlock.sync.progress import Run
from interlock.testing.clock import VirtualClock
from interlock.testing.simulator.holds import DAYS, held_by_rule, paused_stage
from interlock.testing.simulator.members import whose_hold
from interlock.testing.simulator.people import People
from interlock.testing.simulator.plan import History
from interlock.testing.simulator.rivals import Rival, let_act
from interlock.testing.simulator.systems import Change, Journal, Mischief, WatchedSystem
from interlock.testing.simulator.targets import targets_of

__all__ = ["Crash", "NotAtRest", "SimStore", "World"]

T = TypeVar("T")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
REST_ROUNDS = 14
_STEPS = (*(0, 1, 2) * 12, 25)
_GONE = fixed(
    select(record_table.c.side, record_table.c.entity, record_table.c.id).where(
        record_table.c.presence == "gone"
    )
)
_UNAPPROVED = fixed(select(func.count()).where(outbox_table.c.needs_approval.is_(True)))


class Crash(BaseException):
    """The process dies."""


class NotAtRest(Exception):  # noqa: N818  a finding, not an error of the simulator
    """Something went on moving although nothing was done any more."""


class SimStore(Store):
    """A store in memory in which a process may die between any two transactions."""

    crash_in = 0
    """The process dies at this transaction; 0: never."""
    crash_after_commit = False
    syncing = False
    """Only then the process dies."""
    dead = False
    transactions = 0
    turns: Random | None = None
    """Set while several workers take turns: at each transaction another may go on."""
    meanwhile: dict[int, Callable[[], None]]
    """What happens once so many more transactions were committed; the process stands still."""

    def run(self, work: Callable[..., T], *args: Any, **kw: Any) -> T:
        """Run a transaction, unless the process dies before or after it."""
        if self.dead:
            raise Crash
        self.transactions += 1
        due = False
        if self.crash_in and self.syncing:
            self.crash_in -= 1
            due = self.crash_in == 0
        if due and not self.crash_after_commit:
            self.dead = True
            raise Crash
        result = super().run(work, *args, **kw)
        if due:
            self.dead = True
            raise Crash
        return result

    async def call(self, work: Callable[..., T], *args: Any, **kw: Any) -> T:
        """Run a transaction; with several workers others may come first."""
        await self._let_others()
        result = self.run(work, *args, **kw)
        if self.meanwhile and self.syncing:
            self.meanwhile = {n - 1: act for n, act in self.meanwhile.items()}
            if act := self.meanwhile.pop(0, None):
                act()
                await self._let_others(80)
        await self._let_others()
        return result

    async def _let_others(self, least: int = 0) -> None:
        """Let other workers go on: a step or two, or long enough to overtake this one."""
        if self.turns is not None:
            for _ in range(least or self.turns.choice(_STEPS)):
                await asyncio.sleep(0)


@cache
def _empty_store() -> tuple[SimStore, bytes]:
    """One engine for all histories, so that its compiled statements are kept."""
    store = SimStore.in_memory(project_of("default").schema)
    return store, _raw(store).serialize()


def _raw(store: Store) -> sqlite3.Connection:
    with store.engine.connect() as conn:
        return conn.connection.driver_connection  # type: ignore[return-value]


def fresh_store() -> SimStore:
    """Give the store, empty."""
    store, image = _empty_store()
    raw = _raw(store)
    raw.deserialize(image)
    store.crash_in, store.dead, store.turns, store.transactions = 0, False, None, 0
    store.meanwhile = {}
    return store


# fmt: off
_VARIANTS: dict[str, dict[str, str]] = {
    "default": {},
    "strict": {
        "website: {owner: crm}": "website: {owner: crm, on_foreign_edit: flag}",
        "email: {owner: shared, conflict: crm, first_link: crm}":
            "email: {owner: shared, conflict: newest, first_link: erp, may_blank: true}",
        "phone: {owner: shared, conflict: crm, first_link: crm}":
            "phone: {owner: shared, conflict: manual, first_link: conflict}",
        "payment_terms: {owner: erp, on_create: seed}":
            'payment_terms: {owner: erp, on_create: default, default: "net 30"}',
    },
    "erp-born": {
        "customer:\n  create: crm": "customer:\n  create: erp",
        "contact:\n  create: crm": "contact:\n  create: none",
        "website: {owner: crm}": "website: {owner: local}",
        "role: {owner: crm}": "role: {owner: erp}",
        "payment_terms: {owner: erp, on_create: seed}": "payment_terms: {owner: erp}",
        "credit_limit: {owner: erp, on_create: omit}": "credit_limit: {owner: erp}",
    },
}
# fmt: on


@cache
def project_of(variant: str) -> Project:
    """Compile an ownership map once."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        scaffold(
            root,
            installation="sim001",
            store="sqlite:///unused.db",
            crm=Answers(plugin=crm_plugin, name="crm", settings={"system": "sim-crm"}),
            erp=Answers(plugin=erp_plugin, name="erp", settings={"system": "sim-erp"}),
        )
        file = root / OWNERSHIP_FILE
        text = file.read_text(encoding="utf-8")
        for old, new in _VARIANTS[variant].items():
            assert old in text, old
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        return open_project(root, environment={})


class World:
    """Everything a history consists of, and how to move it on."""

    def __init__(self, history: History, *, tell: Callable[[str], None] | None = None) -> None:
        self.history = history
        self.tell = tell
        self.clock = VirtualClock(START)
        self.journal = Journal()
        self.systems = {side: self._system(side) for side in Side}
        self.people = People(self.systems, self.clock, self.journal)
        for system in self.systems.values():
            system.mischief.meanwhile = self.people.finish_due
        self.store = fresh_store()
        self.project = self._project()
        self._ids = Random(history.seed ^ 0x1D5)
        self.session = self.start()
        self.syncs = 0
        self.struck: Counter[str] = Counter()
        self.rivals: list[Rival] = []
        self.wrongly_gone: set[str] = set()
        self.first_plan = 0
        """Length of the journal when the first plan was about to be approved."""
        self.agreed_at = 0
        """Length of the journal when both sides last were at rest without a fault."""
        self.remapped: list[tuple[range, str, str]] = []
        """Where in the journal a field was under another map for a while."""
        self.map_writes: list[str] = []
        """What was written to fields of a changed map nobody had approved."""
        self.rights_changed = False
        """Whether rights came and went, so that only a sweep sees everything again."""

    def under_another_map(self, change: Change, field: str) -> bool:
        """Say whether a change was made while its field had other rules."""
        return any(
            change.number in part and (change.entity, field) == (entity, name)
            for part, entity, name in self.remapped
        )

    # ── set-up ───────────────────────────────────────────────────────────────────────────────

    def _system(self, side: Side) -> WatchedSystem:
        setup = self.history.crm if side is Side.CRM else self.history.erp
        ways = {**setup.settings, "holds": not held_by_rule(self.history.seed)}
        settings = MemorySettings(system=f"sim-{side}", **ways)  # type: ignore[arg-type]
        system = WatchedSystem(side, self.clock, setup.skew, self.journal, settings)
        Mischief(system, Random(f"{self.history.seed}{side}"))
        register(f"sim-{side}", system)
        return system

    def _project(self) -> Project:
        base = project_of(self.history.variant)
        return replace(
            base,
            crm=replace(base.crm, settings=self.systems[Side.CRM].settings),
            erp=replace(base.erp, settings=self.systems[Side.ERP].settings),
            targets=targets_of(self.history.seed),
            go_live=START - timedelta(days=30) if self.history.go_live else None,
            holds=base.holds.model_copy(
                update={
                    "paused_stage": paused_stage(self.history.seed),
                    "members": whose_hold(self.history.seed),
                    "days_overdue": DAYS if held_by_rule(self.history.seed) else None,
                }
            ),
            orders=base.orders.model_copy(
                update={
                    "confirm": self.history.confirm,
                    "after_won": AfterWonSettings(
                        deal_changed="amend_if_open" if self.history.follows else "flag",
                        deal_lost="amend_if_open" if self.history.follows else "flag",
                    ),
                }
            ),
        )

    def start(self) -> Session:
        """Start the engine's process on the store as it is."""
        return make_session(
            self.project,
            self.store,
            clock=self.clock,
            new_id=lambda: f"{self._ids.getrandbits(128):032x}",
            sleep=self._sleep,
        )

    def resize(self, rng: Random) -> None:
        """Start the process anew with other sizes of pages and batches."""
        for system in self.systems.values():
            system.settings = system.settings.model_copy(
                update={"page_size": rng.choice((2, 3, 200)), "batch_size": rng.choice((1, 2, 200))}
            )
        self.project = self._project()
        self.session = self.start()

    # ── moving on ────────────────────────────────────────────────────────────────────────────

    def say(self, text: str) -> None:
        """Tell what happens, with the time since the start."""
        if self.tell is not None:
            seconds = (self.clock.time - START).total_seconds()
            self.tell(f"  {seconds:10.3f}s  {text}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what was begun earlier and is due ends."""
        end = self.clock.time + timedelta(seconds=seconds)
        while True:
            due = [at for at, _ in self.people.late]
            for system in self.systems.values():
                due += system.mischief.due()
            now = min([end, *(at for at in due if at <= end)])
            self.clock.time = max(now, self.clock.time)
            self.people.finish_due()
            for system in self.systems.values():
                system.mischief.finish_due()
            if self.clock.time >= end:
                return

    async def _sleep(self, seconds: float) -> None:
        self.pass_time(seconds)
        if self.store.turns is not None:
            await asyncio.sleep(0)

    async def _cycle(self, session: Session, *, full: bool) -> Run:
        run = Run(id=session.pair.new_id())
        await run_cycle(
            session.pair,
            session.processes,
            run,
            full=full,
            wait=timedelta(minutes=3),
            sleep=self._sleep,
        )
        return run

    def sync(self, *, full: bool = False, workers: int = 1, turns: int = 0) -> Run | None:
        """Sync once; ``None`` when the process died."""
        self.syncs += 1
        before = len(self.journal.changes)
        sessions = [self.session, *(self.start() for _ in range(workers - 1))]
        self.store.turns = Random(turns) if workers > 1 else None

        async def together() -> list[Run]:
            return list(await asyncio.gather(*(self._cycle(s, full=full) for s in sessions)))

        self.store.syncing = True
        try:
            run = _loop().run_until_complete(together())[0]
        except Crash:
            run = None
            self._end_tasks()
            self.store.dead, self.store.crash_in = False, 0
            self.session = self.start()
            self.struck["crash between transactions"] += 1
        except BaseException:
            # what other workers left undone is no part of the next history
            self._end_tasks()
            raise
        finally:
            self.store.turns, self.store.syncing = None, False
        self._tell_writes(before, run)
        let_act(self)
        self._look_for_gone()
        return run

    def _look_for_gone(self) -> None:
        """Note records held to be gone too soon: not deleted, and hidden for less than an hour."""

        def gone(tx: Tx) -> list[Any]:
            return list(tx.conn.execute(_GONE))

        for side, entity, record_id in self.store.run(gone):
            system = self.systems[Side(side)]
            row = system.shelf(entity).row(record_id)
            hidden = system.mischief.concealed.get((entity, record_id))
            if row is None or row.state not in (State.LIVE, State.ARCHIVED):
                continue
            if hidden is None or self.clock.time - hidden < timedelta(hours=1):
                self.wrongly_gone.add(f"{side} {entity} {record_id} was held to be gone too soon")

    def _end_tasks(self) -> None:
        loop = _loop()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def _tell_writes(self, before: int, run: Run | None) -> None:
        if self.tell is None:
            return
        for change in self.journal.changes[before:]:
            was = change.before.cells if change.before is not None else {}
            cells = {k: v for k, v in change.after.cells.items() if was.get(k) != v}
            who = "engine" if change.by_program else "person"
            what = "updates" if change.before is not None else "creates"
            self.say(f"  {who} {what} {change.side} {change.entity} {change.id}: {cells}")
        if run is None:
            self.say("  the process died")
        else:
            for problem in run.problems:
                self.say(f"  problem: {problem.subject}: {problem.message}")

    def approve(self) -> int:
        """Look at the plan and approve it, where something waits for that."""
        waiting = self.store.run(lambda tx: tx.conn.execute(_UNAPPROVED).scalar_one())
        if not waiting:
            return 0
        plan = _loop().run_until_complete(make_plan(self.session, Run(id="plan"), observe=False))
        released = approve(self.store, plan.id, by="person", now=self.clock()).released
        self.say(f"a person approves {released} writes")
        return released

    def retry_dead(self) -> int:
        """Retry what a person would retry once the trouble is over."""

        def dead(tx: Any) -> list[int]:
            writes = {w.link_id for w in outbox.pending(tx, WriteState.DEAD)}
            return [x.id for x in dead_letters.opened(tx) if x.link_id in writes]

        ids = self.store.run(dead)
        if ids:
            retry_letters(self.store, ids, by="person", now=self.clock())
            self.say(f"a person retries {len(ids)} dead letters")
        return len(ids)

    def rest(self, least: int = 2) -> None:
        """Stop all faults and sync, more than ``least`` times, until nothing moves any more."""
        self.say("faults stop; the engine comes to rest")
        for system in self.systems.values():
            system.mischief.stop()
        self.store.crash_in, self.store.meanwhile = 0, {}
        self.people.finish_due(everything=True)
        self.pass_time(150)
        for number in range(REST_ROUNDS):
            before = len(self.journal.changes)
            self.sync(full=number == 0 and self.rights_changed)
            moved = self.approve() + (self.retry_dead() if number == 1 else 0)
            if number >= least and not moved and len(self.journal.changes) == before:
                return
            self.pass_time(4000)
        raise NotAtRest(f"still writing after {REST_ROUNDS} rounds")

    def all_struck(self) -> Counter[str]:
        """Count the faults that struck, by kind."""
        total = Counter(self.struck)
        for system in self.systems.values():
            total += system.mischief.struck
            if system.clock() != self.clock():
                total["skewed clock"] += 1
            if system.settings.versions != "counted":
                total[f"versions: {system.settings.versions}"] += 1
        return total

    def store_image(self) -> bytes:
        """Give the store's file as bytes."""
        return _raw(self.store).serialize()

    def written(self) -> int:
        """How many calls that write were made to both systems."""
        return sum(system.calls["write"] for system in self.systems.values())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()
