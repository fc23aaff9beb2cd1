"""Measure what more workers bring, between two systems of which every call takes its time.

Usage: python benchmarks/scaling.py --store postgresql://… [400] [--delay 0.05] [--batch 10]
       [--workers 1 2 4] [--out FILE]
Prints one JSON document: per number of workers the seconds until every customer of the CRM is in
the ERP and carries its number, writes per second, and the processor seconds of all workers.
``--store`` names a database that is emptied before each turn.  The systems are files that all
workers share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from interlock.connectors.base import Receipt, WriteRequest
from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin
from interlock.connectors.memory.connector import MemoryConnector
from interlock.project.load import Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.runtime.lanes import Lanes, Timetable, Work
from interlock.runtime.postgres import PostgresLanes
from interlock.service.serving import open_service
from interlock.service.session import connect
from interlock.service.syncing import sync_once


def main() -> None:
    options = _options()
    turns = []
    for workers in options.workers:
        turns.append(_turn(options, workers))
        print(turns[-1], file=sys.stderr)
    result = {
        "customers": options.customers,
        "delay": options.delay,
        "batch": options.batch,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "turns": turns,
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("customers", type=int, nargs="?", default=400)
    parser.add_argument("--store", required=True)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _turn(options: argparse.Namespace, workers: int) -> dict[str, Any]:
    _empty(options.store)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project = _project(root, options)
        asyncio.run(_begin(project))
        with closing(MemorySystem("crm", path=root / "crm.db")) as crm:
            for number in range(options.customers):
                crm.add("customer", {"Name": f"Customer {number}"})
        began, spent = time.monotonic(), _spent()
        pids = [_fork(project, options.delay) for _ in range(workers)]
        while _numbered(root) < options.customers:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            os.waitpid(pid, 0)
        return {
            "workers": workers,
            "seconds": round(seconds, 1),
            "writes_per_second": round(2 * options.customers / seconds, 1),
            "processor_seconds": round(_spent() - spent, 1),
        }


def _empty(url: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS interlock_lanes CASCADE"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def _project(root: Path, options: argparse.Namespace) -> Project:
    sides = {}
    for side, plugin in (("crm", crm_plugin), ("erp", erp_plugin)):
        settings = {"path": str(root / f"{side}.db"), "batch_size": options.batch}
        sides[side] = Answers(plugin=plugin, name=side, settings=settings)
    scaffold(root, installation="scale01", store=options.store, crm=sides["crm"], erp=sides["erp"])
    file = root / "interlock.yaml"
    limits = "\nlimits:\n  customer: {create: 1000000, change: 1000000}\n"
    file.write_text(file.read_text() + limits)
    return open_project(root, environment={})


async def _begin(project: Project) -> None:
    async with connect(project) as session:
        await sync_once(session, wait=timedelta(0))


def _fork(project: Project, delay: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        asyncio.run(_serve(project, delay))
    finally:
        os._exit(0)


async def _serve(project: Project, delay: float) -> None:
    write = MemoryConnector.write

    async def _slow(
        self: MemoryConnector, entity: str, writes: Sequence[WriteRequest]
    ) -> Sequence[Receipt]:
        await asyncio.sleep(delay)
        return await write(self, entity, writes)

    MemoryConnector.write = _slow  # type: ignore[method-assign]

    def _make(timetable: Timetable, work: Work, *, grace: timedelta) -> Lanes:
        pace = timedelta(milliseconds=500)
        return PostgresLanes(project.store_url, timetable, work, pace=pace, grace=grace)

    async with open_service(project, make=_make) as service:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stop.set)
        await service.wake_all()
        await service.run()


def _numbered(root: Path) -> int:
    with closing(sqlite3.connect(root / "crm.db", timeout=30)) as crm:
        found = crm.execute(
            "SELECT count(*) FROM row WHERE entity = 'customer' "
            "AND json_extract(cells, '$.ErpId__c') IS NOT NULL"
        ).fetchone()
    return int(found[0])


def _spent() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
