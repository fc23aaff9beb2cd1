"""``interlock serve`` and ``interlock worker``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, STOPPED, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.screen import note, print_json
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.governance.rules import Side
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
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where the HTTP API listens.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 takes a free one.")
    ] = 8420,
    api: Annotated[
        bool, typer.Option("--api/--no-api", help="Without it nothing listens: polling only.")
    ] = True,
    grace: Grace = 30,
    as_json: JsonOutput = False,
) -> None:
    """Run until stopped: read by schedule, decide, write; answer the HTTP API and webhooks."""
    where = (host, port) if api else None
    asyncio.run(_run(load(project), grace=grace, as_json=as_json, where=where))
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


async def _run(
    project: Project, *, grace: int, as_json: bool, where: tuple[str, int] | None = None
) -> None:
    from interlock.observability.logs import configure_logs
    from interlock.service.serving import open_service

    configure_logs(secrets=project.secrets())
    teller = _Teller(as_json=as_json)
    async with open_service(project, on_run=teller.tell, grace=timedelta(seconds=grace)) as service:
        async with _web(service, where) as address:
            with _signals(service):
                teller.begin(service, address)
                await service.run()
        teller.end()


@asynccontextmanager
async def _web(service: Service, where: tuple[str, int] | None) -> AsyncIterator[str]:
    """Serve the API for as long as the lanes run; gives its address, empty without one."""
    if where is None:
        yield ""
        return
    from interlock.web.desk import Check
    from interlock.web.serving import serve_app

    woken: set[asyncio.Task[None]] = set()

    def _wake(side: Side, entity: str) -> None:
        task = asyncio.create_task(service.wake(side, entity))
        woken.add(task)
        task.add_done_callback(woken.discard)

    def _ready() -> list[Check]:
        runs = service.ready()
        return [Check(name="sync", ok=runs, message="" if runs else "it starts, or it stops")]

    async with serve_app(
        service.session, host=where[0], port=where[1], wake=_wake, ready=_ready
    ) as address:
        yield address


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
        from interlock.observability.logs import logger

        self._log = logger("interlock.lanes")
        self.as_json = as_json
        self.runs = self.written = 0
        self._said: dict[str, str] = {}

    def begin(self, service: Service, address: str) -> None:
        self._log.info("serving", port=int(address.rpartition(":")[2] or 0))
        if not self.as_json:
            names = " and ".join(
                c.name for c in (service.session.pair.crm, service.session.pair.erp)
            )
            at = f" The HTTP API listens at {address}." if address else ""
            note(f"Serving {names}.{at} Stop it with Ctrl-C.")

    def tell(self, run: LaneRun) -> None:
        self.runs += 1
        written = run.counts.get("created", 0) + run.counts.get("updated", 0)
        self.written += written
        if written or run.problems or run.broke:
            codes = sorted({p.code for p in run.problems if p.code})
            self._log.info(
                "lane ran",
                lane=run.lane,
                run=run.run_id,
                written=written,
                problems=len(run.problems),
                codes=" ".join(codes),
                broke=run.broke,
                ms=round((run.ended_at - run.started_at).total_seconds() * 1000),
            )
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
