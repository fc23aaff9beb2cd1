"""A small company on two memory systems, joined by the real engine: what most tests work with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.governance.rules import Side
from interlock.project.load import Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import Plan, approve, make_plan
from interlock.service.session import Session, make_session, open_store
from interlock.service.syncing import SyncReport, sync_once
from interlock.store import cases, dead_letters, history, links, open_fields, outbox
from interlock.store.cases import Case
from interlock.store.database import Store, Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event
from interlock.store.outbox import OutboxWrite
from interlock.sync.progress import Run
from interlock.testing.faults import Faults

__all__ = ["Company", "ticking"]


def ticking(start: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)) -> Callable[[], datetime]:
    """A clock that moves on by a millisecond each time it is read."""
    steps = itertools.count()
    return lambda: start + timedelta(milliseconds=next(steps))


@dataclass
class Company:
    """Two memory systems, a store and a clock; ``sync`` runs the engine in this process."""

    root: Path
    store_url: str = "sqlite:///interlock.db"
    crm_settings: dict[str, Any] = field(default_factory=dict)
    erp_settings: dict[str, Any] = field(default_factory=dict)
    crm_options: dict[str, Any] = field(default_factory=dict)
    erp_options: dict[str, Any] = field(default_factory=dict)
    go_live: str = "2026-03-01T00:00:00Z"
    quiet_time: str = "0s"

    def __post_init__(self) -> None:
        self.offset = timedelta(0)
        tick = ticking()
        self.clock = lambda: tick() + self.offset
        self.crm = MemorySystem("crm", clock=self.clock, **self.crm_options)
        self.erp = MemorySystem("erp", clock=self.clock, **self.erp_options)
        self.crm_faults = self.crm.faults = Faults(self.crm)
        self.erp_faults = self.erp.faults = Faults(self.erp)
        key = str(id(self))
        register(f"{key}-crm", self.crm)
        register(f"{key}-erp", self.erp)
        scaffold(
            self.root,
            installation="test01",
            store=self.store_url,
            crm=Answers(
                plugin=crm_plugin,
                name="crm",
                settings={"system": f"{key}-crm", **self.crm_settings},
            ),
            erp=Answers(
                plugin=erp_plugin,
                name="erp",
                settings={"system": f"{key}-erp", **self.erp_settings},
            ),
        )
        self.write(
            "interlock.yaml",
            {
                "go_live:": f"go_live: {self.go_live}",
                "quiet_time:": f"  quiet_time: {self.quiet_time}",
            },
        )
        self.ids = itertools.count(1)
        self._loaded: tuple[str, Project] | None = None
        self._store: Store | None = None

    # ── the project ──────────────────────────────────────────────────────────────────────────

    def write(self, name: str, lines: dict[str, str]) -> None:
        """Replace the lines of a project file that begin with the given words."""
        file = self.root / name
        out = []
        for line in file.read_text().splitlines():
            key = next((k for k in lines if line.strip().lstrip("# ").startswith(k)), None)
            out.append(line if key is None else lines[key])
        file.write_text("\n".join(out) + "\n")

    def allow(self, **most: int) -> None:
        """State a limit for records of each kind: ``create=100``."""
        kinds = ", ".join(f"{kind}: {number}" for kind, number in most.items())
        lines = [f"  {e}: {{{kinds}}}" for e in ("customer", "contact", "order", "deal")]
        self.write("interlock.yaml", {"orders:": "\n".join(["limits:", *lines, "orders:"])})

    def own(self, entity: str, rules: Mapping[str, str]) -> None:
        """Replace rules of an entity in the ownership file; ``create`` is its policy."""
        file = self.root / "ownership.yaml"
        out, here, left = [], "", dict(rules)
        for line in file.read_text().splitlines():
            if line and not line.startswith((" ", "#")):
                here = line.partition(":")[0]
            name = line.strip().partition(":")[0]
            if here == entity and name in left:
                indent = line[: len(line) - len(line.lstrip())]
                out.append(f"{indent}{name}: {left.pop(name)}")
            else:
                out.append(line)
        assert not left, f"{entity} has no {', '.join(left)}"
        file.write_text("\n".join(out) + "\n")

    def project(self) -> Project:
        files = [self.root / "interlock.yaml", self.root / "ownership.yaml"]
        files += sorted((self.root / "mappings").iterdir())
        files += sorted(self.root.glob("[rp]*.yaml"))
        text = "\0".join(file.read_text() for file in files)
        if self._loaded is None or self._loaded[0] != text:
            self._loaded = (text, open_project(self.root, environment={}))
        return self._loaded[1]

    # ── the engine ───────────────────────────────────────────────────────────────────────────

    def new_id(self) -> str:
        # the start of an id is what a person types of it
        return f"{next(self.ids):012x}".ljust(32, "0")

    async def sleep(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)

    def advance(self, **time: float) -> None:
        """Let time pass: ``hours=1``."""
        self.offset += timedelta(**time)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """New connections to both systems; the store stays open between sessions."""
        with self.store() as store:
            session = make_session(
                self.project(), store, clock=self.clock, new_id=self.new_id, sleep=self.sleep
            )
            async with session.pair.crm.connector, session.pair.erp.connector:
                yield session
                for side in Side:
                    await session.pair.side(side).budget.close()

    async def plan(self) -> Plan:
        async with self.session() as session:
            return await make_plan(session, Run(id="plan"))

    def approve(self) -> int:
        with self.store() as store:
            return approve(store, None, by="tester", now=self.clock()).released

    async def sync(self, **options: Any) -> SyncReport:
        """Sync once; the clock stands still, so nothing is waited for unless asked."""
        options.setdefault("wait", timedelta(0))
        async with self.session() as session:
            return await sync_once(session, **options)

    async def go(self) -> SyncReport:
        """Plan, approve everything, sync."""
        await self.plan()
        self.approve()
        return await self.sync()

    async def rest(self, most: int = 6) -> list[SyncReport]:
        """Sync with time in between until a sync writes nothing."""
        reports = []
        for _ in range(most):
            reports.append(await self.sync())
            self.advance(seconds=10)
            if reports[-1].writes == 0:
                return reports
        raise AssertionError(f"still writing after {most} syncs: {reports[-1].counts}")

    # ── what the store says ──────────────────────────────────────────────────────────────────

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The company's store; opened once, as opening is the slowest part of a short test."""
        if self._store is None:
            self._store = open_store(self.project())
        yield self._store

    def close(self) -> None:
        """Close the store; it opens again when it is needed."""
        if self._store is not None:
            self._store.close()
        self._store = None

    def ask(self, work: Callable[[Tx], Any]) -> Any:
        """Run a question on the store."""
        with self.store() as store:
            return store.run(work)

    def open_fields(self) -> dict[str, str]:
        """Field -> kind, of all links together."""
        found: dict[int, dict[str, tuple[str, str]]] = self.ask(open_fields.load)
        return {f: kind for fields in found.values() for f, (kind, _) in fields.items()}

    def letters(self) -> list[DeadLetter]:
        """Open dead letters."""
        return self.ask(dead_letters.opened)  # type: ignore[no-any-return]

    def pending(self) -> list[OutboxWrite]:
        """Undelivered writes."""
        return self.ask(outbox.pending)  # type: ignore[no-any-return]

    def cases(self) -> dict[str, Case]:
        """Cases of quote to order, by deal."""
        return self.ask(lambda tx: cases.load(tx, "quote_to_order"))  # type: ignore[no-any-return]

    def events(self, *names: str) -> list[Event]:
        """History, oldest first; ``names`` limit it."""

        def _all(tx: Tx) -> list[Event]:
            return list(history.everything(tx))

        return [e for e in self.ask(_all) if not names or e.event in names]

    def linked(self, entity: str) -> dict[str, str]:
        """CRM id -> ERP id of an entity's links."""
        mine = list(self.crm.all(entity))
        return self.ask(  # type: ignore[no-any-return]
            lambda tx: links.partners(tx, Side.CRM, entity, mine)
        )
