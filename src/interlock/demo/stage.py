"""The stage of the demo: the company, the project that connects its systems, and their counts."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin
from interlock.demo.company import CUSTOMERS, Company, found_company, open_company, system_path
from interlock.errors import ConfigurationError
from interlock.project.load import CONFIG_FILE, RULES_FILE, Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.session import Session, connect

__all__ = ["INSTALLATION", "Stage", "Tally", "open_stage", "set_up", "tally"]

INSTALLATION = "demo01"
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays: the company's people on one side, Interlock on the other."""

    company: Company
    session: Session
    clock: Clock

    @property
    def go_live(self) -> datetime:
        """Deals won before are not ordered."""
        go_live = self.session.project.go_live
        assert go_live is not None
        return go_live


@dataclass(frozen=True, slots=True)
class Tally:
    """How often records were saved in each system, by whomever, as the systems count it."""

    crm: int
    erp: int

    def since(self, before: Tally) -> Tally:
        """What was saved after another count."""
        return Tally(self.crm - before.crm, self.erp - before.erp)

    @property
    def total(self) -> int:
        """In both."""
        return self.crm + self.erp


def tally(company: Company) -> Tally:
    """Ask both systems how often they have saved a record."""

    def _saves(system: MemorySystem) -> int:
        return sum(row.version for entity in system.tables
                   for row in system.shelf(entity).rows.values())  # fmt: skip

    return Tally(_saves(company.crm), _saves(company.erp))


def set_up(folder: Path, *, seed: int, now: datetime, customers: int = CUSTOMERS) -> Project:
    """Make the company and a project folder that connects its systems; an older demo is replaced.

    ``go_live`` is two weeks before ``now``.
    """
    _make_room(folder)
    go_live = (now - timedelta(days=14)).replace(microsecond=0)
    found_company(folder, seed=seed, now=now, go_live=go_live, customers=customers)
    answers = {
        plugin.kind.value: Answers(plugin=plugin, name=plugin.kind.value, settings={
            "path": system_path(folder.resolve(), plugin.kind.value)})
        for plugin in (crm_plugin, erp_plugin)
    }  # fmt: skip
    scaffold(folder, installation=INSTALLATION, crm=answers["crm"], erp=answers["erp"], force=True)
    config = folder / CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    for old, new in (
        ("\ngo_live:\n", f"\ngo_live: {go_live.isoformat()}\n"),
        # a story has no minutes to wait
        ("  quiet_time: 2m\n", "  quiet_time: 0s\n"),
        ("\norders:\n", "\nholds:\n  release_after: 0s\norders:\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    rules = "schema_version: 1\ncompany: {currency: EUR}\n"
    (folder / RULES_FILE).write_text(rules, encoding="utf-8")
    return open_project(folder, environment={})


def _make_room(folder: Path) -> None:
    """Take away an earlier demo; anything else in the folder is left alone and refused."""
    config = folder / CONFIG_FILE
    if config.is_file() and f'installation: "{INSTALLATION}"' in config.read_text("utf-8"):
        shutil.rmtree(system_path(folder, "crm").parent, ignore_errors=True)
        for file in folder.glob("interlock.db*"):
            file.unlink()
    elif folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty and holds no demo",
                                 fix="name another folder")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def open_stage(project: Project, clock: Clock = _now) -> AsyncIterator[Stage]:
    """Open the company's systems for its people, and the project for Interlock."""
    with open_company(project.root, clock) as company:
        async with connect(project, clock=clock) as session:
            yield Stage(company, session, clock)
