"""Measure what matching adds to a cycle: the first one, and later ones in which little changed.

Usage: python benchmarks/matching_cycles.py [100000]
Lists come from matching_generator.py and are put into a store on disk as if they had been read.
Prints one JSON document: processor seconds of matching both lists for the first time; then of
cycles in which three records changed: linked ones, and new ones; each with what the process keeps
in memory (``warm``, a service) and without (``cold``, a command run by cron).
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.governance.rules import Side
from interlock.model import Address, Record
from interlock.project.load import open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.session import make_session, open_store
from interlock.store import feeds, links, observations, scores
from interlock.store.database import Store, Tx
from interlock.store.feeds import Feed
from interlock.sync.customers import link_customers
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_ticks = count()
_PAGE = 1_000


def clock() -> datetime:
    """Move on by a millisecond each time."""
    return START + timedelta(milliseconds=next(_ticks))


def records(path: Path) -> Iterator[Record]:
    """Read a list as records of a system."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield Record(
                entity="customer",
                id=row["id"],
                fields={
                    "name": row["name"] or None,
                    "website": row["website"] or None,
                    "phone": row["phone"] or None,
                    "tax_id": row["tax_id"] or None,
                    "billing_address": Address(
                        street=row["street"],
                        city=row["city"],
                        postcode=row["postcode"],
                        country=row["country"],
                    ),
                },
                version="1",
                modified=START,
            )


def save(store: Store, side: Side, found: list[Record]) -> None:
    """Store records as if they had just been read."""

    def _save(tx: Tx) -> None:
        observations.save_page(tx, side, "customer", found, read_from=clock(), map_version="1")
        feeds.put(tx, Feed(side=side, entity="customer", complete_at=clock()))

    store.run(_save)


def cycle(pair: Pair) -> float:
    """Match once; returns processor seconds."""
    began = time.process_time()
    pair.store.run(link_customers, pair, Run(id=pair.new_id()))
    return round(time.process_time() - began, 3)


def measure(size: int, folder: Path) -> dict[str, object]:
    """Run all cycles."""
    made = [sys.executable, str(Path(__file__).with_name("matching_generator.py"))]
    subprocess.run([*made, str(size), str(folder)], check=True, stdout=subprocess.DEVNULL)
    for kind in ("crm", "erp"):
        register(f"bench-{kind}", MemorySystem(kind, clock=clock))
    scaffold(
        folder / "project", installation="bench1", store="sqlite:///interlock.db",
        crm=Answers(plugin=crm_plugin, name="crm", settings={"system": "bench-crm"}),
        erp=Answers(plugin=erp_plugin, name="erp", settings={"system": "bench-erp"}),
    )  # fmt: skip
    project = open_project(folder / "project", environment={})
    ids = count()

    def opened() -> Pair:
        return make_session(
            project, open_store(project), clock=clock, new_id=lambda: f"{next(ids):032x}"
        ).pair

    pair = opened()
    for side, name in ((Side.CRM, "left.csv"), (Side.ERP, "right.csv")):
        page = []
        for record in records(folder / name):
            page.append(record)
            if len(page) == _PAGE:
                save(pair.store, side, page)
                page = []
        save(pair.store, side, page)
    first = cycle(pair)
    queued = pair.store.run(lambda tx: scores.count_suggestions(tx, "customer"))
    known = list(islice(records(folder / "left.csv"), 1_000))
    partners = pair.store.run(
        lambda tx: links.partners(tx, Side.CRM, "customer", [r.id for r in known])
    )
    linked = [r for r in known if r.id in partners][:3]
    result: dict[str, object] = {
        "records": size,
        "first": first,
        "queued": queued,
    }
    for what in ("warm", "cold"):
        edited = [
            Record(entity="customer", id=r.id, fields={**r.fields, "phone": f"+49 30 {what}"},
                   version=what, modified=clock())
            for r in linked
        ]  # fmt: skip
        save(pair.store, Side.CRM, edited)
        result[f"three linked ones changed, {what}"] = cycle(pair if what == "warm" else opened())
        new = [
            Record(entity="customer", id=f"new-{what}-{r.id}", fields=r.fields, version="1",
                   modified=clock())
            for r in linked
        ]  # fmt: skip
        save(pair.store, Side.CRM, new)
        result[f"three new ones, {what}"] = cycle(pair if what == "warm" else opened())
    result["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return result


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int, nargs="?", default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args().size, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
