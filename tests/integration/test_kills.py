"""A process killed at any moment: no duplicate, none missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from interlock.connectors.memory import MemorySystem

KILLS = int(os.environ.get("INTERLOCK_KILLS", "10"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of one process")
def test_killed_again_and_again(tmp_path: Path, store_url: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.killed", str(root), store_url, "7", str(KILLS)],
        capture_output=True, text=True, timeout=60 + 3 * KILLS, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    crm = MemorySystem("crm", path=root / "crm.db")
    erp = MemorySystem("erp", path=root / "erp.db")
    accounts, partners = crm.all("customer"), erp.all("customer")
    deals, orders = crm.all("deal"), erp.all("order")
    crm.close()
    erp.close()
    assert report["caught"] > 0, "no kill fell between a call and its answer"
    assert report["letters"] == 0
    assert len(accounts) == 8 * KILLS
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
        assert partners[row["partner_id"]]["name"] == deal["Name"]
