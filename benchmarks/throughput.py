"""Measure what a sync costs: all of a list, none of it, and 1 % of it, between two memory systems.

Usage: python benchmarks/throughput.py [10000] [--batch 200] [--store URL] [--out FILE]
Prints one JSON document: per phase the seconds, processor microseconds and calls, and beside them
``raw``: the very same calls made once more to fresh systems by a bare loop, without the engine.
What lies between the two is the engine: decoding, observations, matching, merge, plan, outbox,
history, and a store that is on disk before each call goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.client import Client
from interlock.governance.limits import Kind, Limit, Limits
from interlock.project.load import open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import approve, make_plan
from interlock.service.session import connect
from interlock.service.syncing import sync_once
from interlock.sync.progress import Run

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    """Moves on by a millisecond each time it is read, so that a run can be repeated exactly."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time


@dataclass
class Systems:
    """The company's two systems and what its people do in them."""

    records: int
    crm: MemorySystem = field(init=False)
    erp: MemorySystem = field(init=False)

    def __post_init__(self) -> None:
        self.crm = MemorySystem("crm", clock=Clock())
        self.erp = MemorySystem("erp", clock=Clock())
        for number in range(self.records):
            self.crm.add("customer", customer(number))

    def change(self, share: float) -> None:
        """Let people change phone numbers."""
        for record_id in list(self.crm.all("customer"))[: int(self.records * share)]:
            self.crm.edit("customer", record_id, {"Phone": "+49 711 0000000"})


def customer(number: int) -> dict[str, Any]:
    return {
        "Name": f"Customer {number} GmbH", "Website": f"https://customer{number}.example",
        "Email": f"info@customer{number}.example", "Phone": f"+49 711 {1000000 + number}",
        "PaymentTerms": "Net 30", "BillingAddress": {
            "BillingStreet": f"{number} Main Street", "BillingCity": "Ulm", "BillingState": "",
            "BillingPostalCode": f"{10000 + number % 90000}", "BillingCountryCode": "DE"},
    }  # fmt: skip


Recorded = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]


@contextmanager
def recording() -> Iterator[list[Recorded]]:
    """Note every call the connectors make."""
    calls: list[Recorded] = []
    call = Client.call

    def noted(self: Any, operation: str, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        calls.append((self.name, work, args, kwargs))
        return call(self, operation, work, *args, **kwargs)

    Client.call = noted  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        Client.call = call  # type: ignore[method-assign]


def measured(work: Callable[[], Any], records: int) -> dict[str, Any]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "seconds": round(wall, 3),
        "cpu_seconds": round(processor, 3),
        "records_per_second": round(records / wall) if wall else None,
        "cpu_us_per_record": round(processor / records * 1e6, 1),
    }


def replay(calls: list[Recorded], apis: dict[str, MemoryApi]) -> None:
    for name, work, args, kwargs in calls:
        work(apis[name], *args, **kwargs)


def count(calls: list[Recorded]) -> dict[str, int]:
    counted = Counter(f"{name.removeprefix('memory_')}.{work.__name__}" for name, work, *_ in calls)
    return dict(sorted(counted.items()))


async def run(records: int, batch: int, store: str | None, root: Path) -> dict[str, Any]:
    systems = Systems(records)
    register("bench-crm", systems.crm)
    register("bench-erp", systems.erp)
    limits = {"page_size": batch, "batch_size": batch}
    scaffold(
        root, installation="bench1", store=store or "sqlite:///bench.db",
        crm=Answers(plugin=crm_plugin, name="crm", settings={"system": "bench-crm", **limits}),
        erp=Answers(plugin=erp_plugin, name="erp", settings={"system": "bench-erp", **limits}),
    )  # fmt: skip
    # one percent of many records at once is more than goes out unasked
    unasked = Limits({"customer": {Kind.CHANGE: Limit(records, records)}})
    project = replace(open_project(root, environment={}), limits=unasked)
    changed = max(records // 100, 1)
    phases = [
        ("full", records, 0.0), ("second", records, 0.0), ("idle", records, 0.0),
        ("one percent", changed, 0.01),
    ]  # fmt: skip
    found: dict[str, Any] = {}
    recorded: list[tuple[str, int, float, list[Recorded]]] = []
    async with connect(project, clock=Clock()) as session:
        for name, of, share in phases:
            systems.change(share)
            with recording() as calls:
                wall, processor = time.perf_counter(), time.process_time()
                if name == "full":
                    await make_plan(session, Run(id="plan"))
                    approve(session.store, None, by="bench", now=session.pair.clock())
                report = await sync_once(session, wait=timedelta(0))
                wall = time.perf_counter() - wall
                processor = time.process_time() - processor
            found[name] = {
                "records": of, "created": report.created, "updated": report.updated,
                "seconds": round(wall, 3), "cpu_seconds": round(processor, 3),
                "records_per_second": round(of / wall),
                "cpu_us_per_record": round(processor / of * 1e6, 1), "calls": count(calls),
            }  # fmt: skip
            recorded.append((name, of, share, calls))
    assert found["full"]["created"] == records
    assert found["idle"]["created"] + found["idle"]["updated"] == 0
    assert found["one percent"]["updated"] == changed
    # the same calls to fresh systems, where people do the same
    fresh = Systems(records)
    apis = {
        "memory_crm": MemoryApi(fresh.crm, token="memory", limit=max(batch, 200)),
        "memory_erp": MemoryApi(fresh.erp, token="memory", limit=max(batch, 200)),
    }
    for name, of, share, calls in recorded:
        fresh.change(share)
        raw = measured(lambda calls=calls: replay(calls, apis), of)
        found[name]["raw"] = raw
        found[name]["engine_cpu_us_per_record"] = round(
            found[name]["cpu_us_per_record"] - raw["cpu_us_per_record"], 1
        )
    assert fresh.erp.all("customer") == systems.erp.all("customer"), "the copy is not the same"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", type=int, nargs="?", default=10_000)
    parser.add_argument("--batch", type=int, default=200, help="records in a page and in a batch")
    parser.add_argument("--store", help="sqlite:///FILE or postgresql://...; default: a file")
    parser.add_argument("--out", type=Path, help="write the result here as well")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        phases = asyncio.run(run(chosen.records, chosen.batch, chosen.store, Path(folder)))
    result = json.dumps({
        "benchmark": "throughput", "records": chosen.records, "batch": chosen.batch,
        "store": "sqlite" if chosen.store is None else chosen.store.partition(":")[0],
        "python": platform.python_version(), "phases": phases,
    }, indent=2)  # fmt: skip
    if chosen.out is not None:
        chosen.out.write_text(result + "\n")
    sys.stdout.write(result + "\n")


if __name__ == "__main__":
    main()
