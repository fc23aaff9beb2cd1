"""``interlock serve`` and ``interlock worker``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, STOPPED, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.screen import note, print_json
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.project.load import Project
    from interlock.service.lanework import LaneRun
    from interlock.service.serving import Service

__all__ = ["serve", "worker"]

Grace = Annotated[
    int,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0,
        help="How long to wait for what is under way when told to stop.",
    ),
]


def serve(
    project: ProjectFolder = Path(),
    *,
    grace: Grace = 30,
    as_json: JsonOutput = False,
) -> None:
    """Run until stopped: read by schedule, decide, write; one process is enough."""
    asyncio.run(_run(load(project), grace=grace, as_json=as_json))
    finish(DONE)


def worker(
    project: ProjectFolder = Path(),
    *,
    grace: Grace = 30,
    as_json: JsonOutput = False,
) -> None:
    """Share the work of `serve`: any number of these, on any number of hosts, on PostgreSQL."""
    opened = load(project)
    if not opened.store_url.startswith("postgresql"):
        raise ConfigurationError(
            "workers need the store on PostgreSQL; a file has one process, `interlock serve`",
            fix="interlock store migrate-to postgresql://… moves it there",
        )
    asyncio.run(_run(opened, grace=grace, as_json=as_json))
    finish(DONE)


async def _run(project: Project, *, grace: int, as_json: bool) -> None:
    from interlock.service.serving import open_service

    teller = _Teller(as_json=as_json)
    async with open_service(project, on_run=teller.tell, grace=timedelta(seconds=grace)) as service:
        teller.begin(service)
        with _signals(service):
            await service.run()
        teller.end()


@contextmanager
def _signals(service: Service) -> Iterator[None]:
    """The first signal ends it in an orderly way, the second at once."""
    loop = asyncio.get_running_loop()

    def _stop() -> None:
        if service.stop.is_set():
            # whatever is under way is taken up by the next start, as after a crash
            os._exit(STOPPED)
        note("Stopping: what is under way is finished first. Once more ends it at once.")
        service.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _Teller:
    """Says what lanes did: a line each time something was done or went wrong."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.runs = self.written = 0
        self._said: dict[str, str] = {}

    def begin(self, service: Service) -> None:
        if not self.as_json:
            names = " and ".join(
                c.name for c in (service.session.pair.crm, service.session.pair.erp)
            )
            note(f"Serving {names}. Stop it with Ctrl-C.")

    def tell(self, run: LaneRun) -> None:
        self.runs += 1
        written = run.counts.get("created", 0) + run.counts.get("updated", 0)
        self.written += written
        if self.as_json:
            return
        if written:
            note(f"{run.ended_at.astimezone():%H:%M:%S} {run.lane}: {written} written")
        problems = "; ".join(sorted({f"{p.subject}: {p.message}" for p in run.problems}))
        if problems and self._said.get(run.lane) != problems:
            note(f"{run.ended_at.astimezone():%H:%M:%S} {run.lane}: {problems}")
        self._said[run.lane] = problems

    def end(self) -> None:
        if self.as_json:
            print_json({"stopped": True, "lane_runs": self.runs, "written": self.written})
        else:
            note("Stopped.")
