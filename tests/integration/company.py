"""A small company on two memory systems, joined by the real engine: what most tests work with."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.project.load import Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import Plan, approve, make_plan
from interlock.service.session import connect, open_store
from interlock.service.syncing import SyncReport, sync_once
from interlock.sync.progress import Run

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
    go_live: str = "2026-03-01T00:00:00Z"
    quiet_time: str = "0s"

    def __post_init__(self) -> None:
        self.offset = timedelta(0)
        tick = ticking()
        self.clock = lambda: tick() + self.offset
        self.crm = MemorySystem("crm", clock=self.clock)
        self.erp = MemorySystem("erp", clock=self.clock)
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

    def write(self, name: str, lines: dict[str, str]) -> None:
        """Replace the lines of a project file that begin with the given words."""
        file = self.root / name
        out = []
        for line in file.read_text().splitlines():
            key = next((k for k in lines if line.strip().lstrip("# ").startswith(k)), None)
            out.append(line if key is None else lines[key])
        file.write_text("\n".join(out) + "\n")

    def project(self) -> Project:
        return open_project(self.root, environment={})

    def new_id(self) -> str:
        return f"{next(self.ids):032x}"

    async def plan(self) -> Plan:
        async with connect(self.project(), clock=self.clock, new_id=self.new_id) as session:
            return await make_plan(session, Run(id="plan"))

    def approve(self) -> int:
        store = open_store(self.project())
        try:
            return approve(store, None, by="tester", now=self.clock()).released
        finally:
            store.close()

    async def sync(self, **options: Any) -> SyncReport:
        async with connect(self.project(), clock=self.clock, new_id=self.new_id) as session:
            return await sync_once(session, **options)

    async def go(self) -> SyncReport:
        """Plan, approve everything, sync."""
        await self.plan()
        self.approve()
        return await self.sync()
