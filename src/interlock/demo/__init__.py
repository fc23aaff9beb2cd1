"""The demo: a messy company on two systems in memory, connected and told step by step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from interlock.demo import story
from interlock.demo.arrears import fall_behind
from interlock.demo.checks import Verdict, check_everything
from interlock.demo.company import CUSTOMERS
from interlock.demo.stage import open_stage, set_up
from interlock.demo.telling import Teller

__all__ = ["FOLDER", "DemoResult", "run_demo"]

FOLDER = Path("interlock-demo")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Where the demo's project is, and whether each promise was kept."""

    folder: Path
    verdicts: Sequence[Verdict]

    @property
    def ok(self) -> bool:
        """Whether all were."""
        return all(verdict.kept for verdict in self.verdicts)


def run_demo(
    folder: Path = FOLDER,
    *,
    seed: int = 7,
    customers: int = CUSTOMERS,
    console: Console | None = None,
    clock: Callable[[], datetime] = _now,
) -> DemoResult:
    """Tell the story; afterwards ``folder`` is a project like any other.

    An earlier demo there is replaced; a folder with anything else in it is refused with a
    ``ConfigurationError``.
    """
    return asyncio.run(_play(folder, seed, customers, Teller(console or Console()), clock))


async def _play(
    folder: Path, seed: int, customers: int, tell: Teller, clock: Callable[[], datetime]
) -> DemoResult:
    began = time.monotonic()
    project = set_up(folder, seed=seed, now=clock(), customers=customers)
    async with open_stage(project, clock) as stage:
        tell.found(story.look_around(stage))
        planned = await story.plan(stage)
        tell.linked(planned)
        tell.planned(planned)
        tell.approved(story.approve_plan(stage, planned.plan))
        tell.written(await story.sync(stage))
        tell.ordered(story.orders_made(stage))
        tell.refused(story.refusals(stage))
        tell.quiet(await story.sync(stage), await story.plan(stage))
        tell.won(await story.win_deal(stage))
        tell.phone(await story.change_phone(stage))
        tell.both(await story.edit_both_sides(stage))
        put_back = await story.edit_terms(stage)
        tell.put_back(put_back)
        tell.arrears(await fall_behind(stage))
        verdicts = check_everything(stage)
    tell.ending(verdicts, folder, put_back.record, time.monotonic() - began)
    return DemoResult(folder, verdicts)
