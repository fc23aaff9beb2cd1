"""Syncs a project whose process is killed again and again; run as a program by the kill test.

It loads the engine once and lets each victim be a fork of it: what is killed is a whole process,
with its threads and open transactions, at a moment nobody chose.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from interlock.connectors.base import Receipt, WriteRequest
from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin
from interlock.connectors.memory.connector import MemoryConnector
from interlock.project.load import Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.session import connect, open_store
from interlock.service.syncing import SyncReport, sync_once
from interlock.store import outbox
from interlock.store.outbox import WriteState
from interlock.sync import deliver

SETTLE = 0.2


def main(root: Path, store: str, seed: int, kills: int) -> None:
    """Kill ``kills`` times, then come to rest; print how often which stage was reached."""
    # a dead worker's claims are taken over at once instead of after half a minute
    deliver.LEASE_MARGIN = timedelta(seconds=SETTLE)
    project = make_project(root, store)
    with closing(MemorySystem("erp", path=root / "erp.db")) as erp:
        erp.add("product", {"sku": "SKU-1", "title": "Thing"})
    asyncio.run(_sync(project))
    moments = random.Random(seed)
    caught = 0
    for number in range(kills):
        # no connection is open across the fork
        with closing(MemorySystem("crm", path=root / "crm.db")) as crm:
            _work(crm, number)
        victim = os.fork()
        # on a busy machine no kill from outside may fall between a call and its answer
        call = moments.randrange(1, 4) if number % 5 == 4 else None
        if victim == 0:
            if call is not None:
                _die_in_call(call)
            _sync_for_ever(project)
        if call is None:
            if number % 2:
                time.sleep(moments.uniform(0.01, 0.5))
            else:
                _await_growth(root / "erp.db-wal", moments.randrange(1, 5))
            os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        caught += _in_the_act(project)
    reports = []
    for _ in range(60):
        reports.append(asyncio.run(_sync(project)))
        time.sleep(SETTLE)
        last = reports[-1]
        if not (last.writes or last.waiting or last.in_doubt):
            break
    print(json.dumps({
        "syncs": len(reports), "letters": reports[-1].dead_letters, "caught": caught}))  # fmt: skip


def make_project(root: Path, store: str) -> Project:
    settings = {"settle_time": SETTLE, "batch_size": 7}
    scaffold(
        root, installation="kill01", store=store,
        crm=Answers(plugin=crm_plugin, name="crm",
                    settings={"path": str(root / "crm.db"), **settings}),
        erp=Answers(plugin=erp_plugin, name="erp",
                    settings={"path": str(root / "erp.db"), **settings}),
    )  # fmt: skip
    file = root / "interlock.yaml"
    text = file.read_text().replace("go_live:", "go_live: 2020-01-01T00:00:00Z")
    # so much at once is the point here
    limits = "".join(
        f"  {e}: {{create: 10000, change: 10000}}\n"
        for e in ("customer", "contact", "deal", "order", "product")
    )
    text = text.replace("quiet_time: 2m", "quiet_time: 0s")
    file.write_text(text.replace("\norders:\n", f"\nlimits:\n{limits}orders:\n"))
    return open_project(root, environment={})


def _work(crm: MemorySystem, number: int) -> None:
    """What people do between two crashes: new customers, a won deal each, a changed phone."""
    for n in range(8):
        name = f"Customer {number * 8 + n}"
        account = crm.add("customer", {"Name": name, "Phone": "1"})
        crm.add("deal", {
            "Name": name, "AccountId": account, "StageName": "Closed Won",
            "Amount": {"Amount": "10.00", "CurrencyIsoCode": "EUR"},
            "Lines": [{"Id": "1", "ProductCode": "SKU-1", "Quantity": "2", "UnitPrice": "5.00"}],
        })  # fmt: skip
    for account in list(crm.all("customer"))[::5]:
        crm.edit("customer", account, {"Phone": f"after {number}"})


def _await_growth(file: Path, times: int) -> None:
    """Wait for the ERP to have saved something: the answer is on its way then."""
    until = time.monotonic() + 2
    size = None
    while times and time.monotonic() < until:
        now = file.stat().st_size if file.exists() else None
        if now != size and size is not None:
            times -= 1
        size = now


def _die_in_call(number: int) -> None:
    """Let this process die in its so many'th write: the system has done it, nobody knows."""
    write, calls = MemoryConnector.write, 0

    async def _write(
        self: MemoryConnector, entity: str, writes: Sequence[WriteRequest]
    ) -> Sequence[Receipt]:
        nonlocal calls
        calls += 1
        receipts = await write(self, entity, writes)
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return receipts

    MemoryConnector.write = _write  # type: ignore[method-assign]


def _in_the_act(project: Project) -> int:
    """Count what was being sent when the process died."""
    with closing(open_store(project)) as store:
        return len(store.run(outbox.pending, WriteState.SENDING))


async def _sync(project: Project) -> SyncReport:
    async with connect(project) as session:
        return await sync_once(session, wait=timedelta(0))


def _sync_for_ever(project: Project) -> None:
    while True:
        asyncio.run(_sync(project))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
