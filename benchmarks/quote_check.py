"""Measure what checking a quote costs above the ERP's own answer.

Usage: python benchmarks/quote_check.py [300] [--products 10000] [--store URL] [--erp SECONDS]
           [--out FILE]
Prints one JSON document. Each check has ten lines and is live; in the same run the very calls it
makes of the ERP are made without it, in turn. ``--erp`` lets the ERP take that long for a call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.connectors.memory.connector import MemoryConnector
from interlock.model import Asked
from interlock.project.load import open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import approve, make_plan
from interlock.service.quoting import QuoteRequest, RequestLine, check_quote
from interlock.service.session import Session, connect
from interlock.service.syncing import sync_once
from interlock.sync.progress import Run

LINES = 10
TAX = "DE136695976"


def slow_down(seconds: float) -> None:
    """Let the ERP take its time for every call a check makes."""
    for name in ("fetch", "prices"):
        quick = getattr(MemoryConnector, name)

        async def slow(self: Any, *args: Any, _quick: Any = quick, **more: Any) -> Any:
            await asyncio.sleep(seconds)
            return await _quick(self, *args, **more)

        setattr(MemoryConnector, name, slow)


async def fill(root: Path, store: str, products: int) -> str:
    """Make a company, synced once; returns its project's customer."""
    crm, erp = MemorySystem("crm"), MemorySystem("erp")
    register("bench-crm", crm)
    register("bench-erp", erp)
    scaffold(
        root, installation="bench1", store=store,
        crm=Answers(plugin=crm_plugin, name="crm", settings={"system": "bench-crm"}),
        erp=Answers(plugin=erp_plugin, name="erp", settings={"system": "bench-erp"}),
    )  # fmt: skip
    (root / "pricing.yaml").write_text(
        "schema_version: 1\nrules:\n"
        + "".join(f"  - {{name: r{n}, family: F{n}, max_discount: {n}}}\n" for n in range(50))
    )
    account = crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
    erp.add("customer", {"name": "Acme", "vat_no": TAX, "price_list": "Wholesale"})
    for n in range(products):
        item = erp.add("product", {
            "sku": f"P-{n}", "title": f"Part {n}", "item_group": f"F{n % 60}",
            "list_price": "100.0000", "on_hand": "50", "lead_days": "7"})  # fmt: skip
        erp.add("price", {"item_id": item, "list": "Wholesale", "currency": "EUR",
                          "price": "95.0000"})  # fmt: skip
    async with connect(open_project(root)) as session:
        await make_plan(session, Run(id="plan"))
        approve(session.store, None, by="benchmark", now=datetime.now(UTC))
        await sync_once(session)
    return account


async def measure(session: Session, account: str, count: int, products: int) -> dict[str, Any]:
    """Time checks and the bare calls in turn, so that both meet the same moments."""
    checks, bare = [], []
    connector = session.pair.erp.connector
    now = datetime.now(UTC).date()
    for round_ in range(count + 5):
        picked = [(round_ * 37 + k * 101) % products for k in range(LINES)]
        lines = [
            RequestLine(sku=f"P-{n}", quantity=Decimal(3), unit_price=Decimal("93.00"))
            for n in picked
        ]
        began = time.perf_counter()
        answer = await check_quote(
            session, QuoteRequest(currency="EUR", customer=account, lines=lines)
        )
        took = time.perf_counter() - began
        if not answer.live:
            raise SystemExit("the ERP did not answer within the time budget")
        ids = [str(n + 1) for n in picked]
        began = time.perf_counter()
        await asyncio.gather(
            connector.fetch("product", ids),
            connector.fetch("customer", ["1"]),
            connector.prices("1", [Asked(i, Decimal(3)) for i in ids], currency="EUR", on=now),
        )
        alone = time.perf_counter() - began
        if round_ >= 5:  # the first ones fill caches
            checks.append(took)
            bare.append(alone)
    above = [took - alone for took, alone in zip(checks, bare, strict=True)]
    return {
        "checks": count,
        "lines": LINES,
        "products": products,
        "check_ms": _spread(checks),
        "erp_alone_ms": _spread(bare),
        "above_erp_ms": _spread(above),
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        name: round(ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000, 2)
        for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, measure, and say on what."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        account = await fill(root, options.store, options.products)
        if options.erp:
            slow_down(options.erp)
        async with connect(open_project(root)) as session:
            found = await measure(session, account, options.count, options.products)
    return {
        **found,
        "erp_seconds_a_call": options.erp,
        "store": options.store.partition(":")[0],
        "python": platform.python_version(),
    }


def main() -> None:
    """Read the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=300)
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--store", default="sqlite:///interlock.db")
    parser.add_argument("--erp", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = json.dumps(asyncio.run(run(options)), indent=2) + "\n"
    sys.stdout.write(text)
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
