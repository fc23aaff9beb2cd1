"""Measure what checking a quote costs above the ERP's own answer.

Usage: python benchmarks/quote_check.py [300] [--products 10000] [--store URL] [--erp SECONDS]
           [--tryton] [--out FILE]
Prints one JSON document, and ends with 1 where 95 of 100 checks cost more than ``TARGET_MS`` above
the ERP's own answer. Each check has ten lines and is live; in the same run the very calls it makes
of the ERP are made without it, in turn. ``--erp`` lets the ERP in memory take that long for a call;
``--tryton`` starts a real one (see ``tests/real``) with its twenty products instead.
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
from contextlib import ExitStack
from dataclasses import dataclass
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
TARGET_MS = 300
TAX = "DE136695976"


def slow_down(seconds: float) -> None:
    """Let the ERP take its time for every call a check makes."""
    for name in ("fetch", "prices"):
        quick = getattr(MemoryConnector, name)

        async def slow(self: Any, *args: Any, _quick: Any = quick, **more: Any) -> Any:
            await asyncio.sleep(seconds)
            return await _quick(self, *args, **more)

        setattr(MemoryConnector, name, slow)


@dataclass(frozen=True)
class Company:
    """What quotes are made of: a customer by its id in both systems, products (SKU, ERP's id)."""

    account: str
    party: str
    products: Sequence[tuple[str, str]]
    currency: str


async def fill(root: Path, store: str, products: int) -> Company:
    """Make a company in memory, synced once."""
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
    party = erp.add("customer", {"name": "Acme", "vat_no": TAX, "price_list": "Wholesale"})
    items = []
    for n in range(products):
        item = erp.add("product", {
            "sku": f"P-{n}", "title": f"Part {n}", "item_group": f"F{n % 60}",
            "list_price": "100.0000", "on_hand": "50", "lead_days": "7"})  # fmt: skip
        erp.add("price", {"item_id": item, "list": "Wholesale", "currency": "EUR",
                          "price": "95.0000"})  # fmt: skip
        items.append((f"P-{n}", item))
    await sync_first(root)
    return Company(account, party, items, "EUR")


async def fill_with_tryton(root: Path, store: str, server: Any) -> Company:
    """Join a Tryton and a CRM in memory, synced once."""
    from tests.real.erp import Erp

    from interlock.connectors.tryton import plugin

    erp, crm = Erp(server), MemorySystem("crm")
    register("bench-crm", crm)
    party = erp.add_customer(name="Acme", country="US", tax_id="04-2103594")
    erp.rpc.model("party.party", "write", [party], {"sale_price_list": server.ids["price_list"]})
    account = crm.add("customer", {"Name": "Acme", "VatNumber": "US04-2103594"})
    scaffold(
        root, installation="bench1", store=store,
        crm=Answers(plugin=crm_plugin, name="crm", settings={"system": "bench-crm"}),
        erp=Answers(plugin=plugin, name="tryton", settings={
            "url": server.url, "database": server.database, "login": server.login,
            "password": server.password, "contacts": "false"}),
    )  # fmt: skip
    with (root / "interlock.yaml").open("a") as file:
        file.write("quotes: {time_budget: 20}\n")
    await sync_first(root)
    rows = erp.rpc.model("product.product", "search_read", [["salable", "=", True]], 0, None, None,
                         ["code"])  # fmt: skip
    items = [(row["code"], str(row["id"])) for row in rows if row["code"]]
    return Company(account, str(party), items, "USD")


async def sync_first(root: Path) -> None:
    """Sync the two as anybody does for the first time."""
    async with connect(open_project(root)) as session:
        await make_plan(session, Run(id="plan"))
        approve(session.store, None, by="benchmark", now=datetime.now(UTC))
        await sync_once(session)


async def measure(session: Session, company: Company, count: int) -> dict[str, Any]:
    """Time checks and the bare calls in turn, so that both meet the same moments."""
    checks, bare, first = [], [], 0.0
    products = company.products
    connector = session.pair.erp.connector
    now = datetime.now(UTC).date()
    for round_ in range(count + 5):
        picked = [products[(round_ * 37 + k * 101) % len(products)] for k in range(LINES)]
        lines = [
            RequestLine(sku=sku, quantity=Decimal(3), unit_price=Decimal("93.00"))
            for sku, _ in picked
        ]
        request = QuoteRequest(currency=company.currency, customer=company.account, lines=lines)
        began = time.perf_counter()
        answer = await check_quote(session, request)
        took = time.perf_counter() - began
        if not answer.live:
            raise SystemExit("the ERP did not answer within the time budget")
        ids = list(dict.fromkeys(item for _, item in picked))
        asked = [Asked(item, Decimal(3)) for _, item in picked]
        began = time.perf_counter()
        await asyncio.gather(
            connector.fetch("product", ids),
            connector.fetch("customer", [company.party]),
            connector.prices(company.party, asked, currency=company.currency, on=now),
        )
        alone = time.perf_counter() - began
        first = first or took
        if round_ >= 5:  # the first ones fill caches
            checks.append(took)
            bare.append(alone)
    above = [took - alone for took, alone in zip(checks, bare, strict=True)]
    cost = _spread(above)
    return {
        "checks": count,
        "lines": LINES,
        "products": len(products),
        "first_check_ms": round(first * 1000, 2),
        "check_ms": _spread(checks),
        "erp_alone_ms": _spread(bare),
        "above_erp_ms": cost,
        "times_erp_alone_p95": round(_spread(checks)["p95"] / _spread(bare)["p95"], 2),
        "target_above_erp_p95_ms": TARGET_MS,
        "met": cost["p95"] <= TARGET_MS,
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        name: round(ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000, 2)
        for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, measure, and say on what."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.tryton:
            sys.path.insert(0, str(Path(__file__).parents[1]))
            from tests.real.systems.tryton import start_tryton

            server = start_tryton(root / "tryton")
            stack.callback(server.stop)
            company = await fill_with_tryton(root / "project", options.store, server)
        else:
            company = await fill(root / "project", options.store, options.products)
        if options.erp:
            slow_down(options.erp)
        async with connect(open_project(root / "project")) as session:
            found = await measure(session, company, options.count)
    return {
        **found,
        "erp": "tryton" if options.tryton else "memory",
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
    parser.add_argument("--tryton", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = asyncio.run(run(options))
    text = json.dumps(found, indent=2) + "\n"
    sys.stdout.write(text)
    if options.out is not None:
        options.out.write_text(text)
    sys.exit(not found["met"])


if __name__ == "__main__":
    main()
