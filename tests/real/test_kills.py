"""SIGKILL at random moments of delivery against a real Tryton: nothing doubled, nothing lost.

The CRM is a memory system kept in a file.  Between Interlock and Tryton stands a proxy that can
lose an answer after Tryton committed, and hand a request on only after Interlock gave up on it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from interlock.connectors.memory import MemorySystem, crm_plugin
from interlock.connectors.tryton import plugin as tryton_plugin
from interlock.project.scaffold import Answers, scaffold
from interlock.testing.proxy import Fault, FaultKind, FaultProxy, proxy_thread
from tests.real.killing import finish, run_and_kill, run_interlock
from tests.real.systems.tryton import TrytonServer, start_tryton

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("kills")]

KILLS = 20
CUSTOMERS = 36
DEALS = 14
SETTLE = 6
WRITES = ('.create"', '.write"', '.quote"', '.confirm"')


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    try:
        yield server
    finally:
        server.stop()


def test_kills_during_delivery(tryton: TrytonServer, tmp_path: Path) -> None:
    luck = random.Random(20261123)
    crm = MemorySystem("crm", path=tmp_path / "crm.db")
    accounts, deals = _seed(crm)
    with proxy_thread(tryton.url) as proxy:
        project = _project(tmp_path / "project", tmp_path / "crm.db", proxy.url, tryton)
        assert run_interlock(project, "plan").returncode == 0
        assert run_interlock(project, "approve").returncode == 0
        hits: Counter[str] = Counter()
        for attempt in range(KILLS * 4):
            if sum(hits.values()) >= KILLS:
                break
            fault = _fault(attempt)
            proxy.clear()
            if fault is not None:
                proxy.add(fault)
            _edit_some(crm, accounts, luck)
            if run_and_kill(project, lambda: _writes(proxy), luck):
                hits["answer lost" if fault else "plain"] += 1
        proxy.clear()
        finish(project)
    print(f"kills that hit a delivery: {sum(hits.values())} {dict(hits)}")
    assert sum(hits.values()) >= KILLS
    _verify(tryton, crm, accounts, deals)


def _seed(crm: MemorySystem) -> tuple[list[str], list[str]]:
    accounts = [
        crm.add(
            "customer",
            {
                "Name": f"Kestrel Works {n:02d} Ltd",
                "Website": f"https://kestrel{n:02d}.example",
                "Phone": f"+1 555 010 {n:04d}",
                "BillingAddress": {
                    "BillingStreet": f"{n} Quay Street",
                    "BillingCity": "Springfield",
                    "BillingPostalCode": f"{10000 + n}",
                    "BillingCountryCode": "US",
                },
            },
        )
        for n in range(CUSTOMERS)
    ]
    products = [
        crm.add("product", {"ProductCode": f"W-{n:03d}", "Name": f"Widget {n:03d}"})
        for n in range(1, 6)
    ]
    deals = []
    for n in range(DEALS):
        lines = [
            {
                "Id": f"{n}-{k}",
                "Product2Id": products[k],
                "ProductCode": f"W-{k + 1:03d}",
                "Quantity": str(k + 1),
                "UnitPrice": f"{10 * (k + 1)}.50",
            }
            for k in range(3)
        ]
        amount = sum(Decimal(line["Quantity"]) * Decimal(line["UnitPrice"]) for line in lines)
        deal = crm.add(
            "deal",
            {
                "Name": f"Deal {n:02d}",
                "AccountId": accounts[n],
                "Lines": lines,
                "Amount": {"Amount": str(amount), "CurrencyIsoCode": "USD"},
            },
        )
        crm.edit("deal", deal, {"StageName": "Closed Won"})
        deals.append(deal)
    return accounts, deals


def _project(root: Path, crm_file: Path, erp_url: str, tryton: TrytonServer) -> Path:
    scaffold(
        root,
        installation="kill01",
        crm=Answers(
            plugin=crm_plugin, name="crm", settings={"path": str(crm_file), "batch_size": 3}
        ),
        erp=Answers(
            plugin=tryton_plugin,
            name="erp",
            settings={
                "url": erp_url,
                "database": tryton.database,
                "login": tryton.login,
                "password": tryton.password,
                "batch_size": 3,
                "timeout": 4.0,
                "settle_time": f"PT{SETTLE}S",
                "commit_delay": "PT2S",
            },
        ),
    )
    file = root / "interlock.yaml"
    live = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    text = file.read_text()
    text = "\n".join(
        f"go_live: {live}"
        if line.lstrip("# ").startswith("go_live:")
        else "  quiet_time: 0s"
        if line.strip().startswith("quiet_time:")
        else line
        for line in text.splitlines()
    )
    file.write_text(text + "\n")
    return root


def _fault(attempt: int) -> Fault | None:
    """Every third run loses an answer after the commit, every fifth commits seconds late."""
    if attempt % 5 == 4:
        return Fault(kind=FaultKind.FORWARD_LATE, body='.create"', seconds=2.0)
    if attempt % 3 == 2:
        return Fault(kind=FaultKind.LOSE_ANSWER, body='.create"')
    return None


def _edit_some(crm: MemorySystem, accounts: list[str], luck: random.Random) -> None:
    """Change phones of customers that are in Tryton already; an unsent create would need
    another approval."""
    crm.refresh()
    there = [a for a in accounts if (crm.get("customer", a) or {})["ErpId__c"]]
    for account in luck.sample(there, min(3, len(there))):
        crm.edit("customer", account, {"Phone": f"+1 555 {luck.randrange(10**6, 10**7)}"})


def _writes(proxy: FaultProxy) -> int:
    return sum(any(word in seen.body for word in WRITES) for seen in list(proxy.seen))


def _verify(tryton: TrytonServer, crm: MemorySystem, accounts: list[str], deals: list[str]) -> None:
    """Ask Tryton itself."""
    rpc = tryton.rpc()
    parties = rpc.model(
        "party.party",
        "search_read",
        [["name", "like", "Kestrel Works %"]],
        0,
        None,
        None,
        ["name", "identifiers.code", "phone"],
        active_test=False,
    )
    names = Counter(p["name"] for p in parties)
    assert names == Counter(f"Kestrel Works {n:02d} Ltd" for n in range(CUSTOMERS))
    by_account = {}
    for party in parties:
        codes = [i["code"] for i in party["identifiers."]]
        mine = [a for a in accounts if any(a in code for code in codes)]
        assert len(mine) == 1, codes
        by_account[mine[0]] = party
    for account in accounts:
        shown = crm.get("customer", account)
        assert shown is not None
        assert shown["ErpId__c"] == str(by_account[account]["id"])
        assert shown["Phone"] == by_account[account]["phone"]
    sales = rpc.model(
        "sale.sale",
        "search_read",
        [],
        0,
        None,
        None,
        ["description", "number", "state", "untaxed_amount", "lines"],
    )
    assert len(sales) == DEALS
    for deal in deals:
        mine = [s for s in sales if deal in (s["description"] or "")]
        assert len(mine) == 1, deal
        assert len(mine[0]["lines"]) == 3
        assert mine[0]["state"] in ("confirmed", "processing")
        shown = crm.get("deal", deal)
        assert shown is not None
        assert shown["OrderNumber__c"] == mine[0]["number"]
        assert Decimal(shown["Amount"]["Amount"]) == Decimal(mine[0]["untaxed_amount"]["decimal"])
