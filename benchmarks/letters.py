"""Measure what deciding many dead letters at once costs.

Usage: python benchmarks/letters.py [10000] [--store URL] [--out FILE]
Prints one JSON document: seconds to list, edit, retry and give up that many, each in one command's
transaction on a store on disk.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interlock.connectors.memory import crm_plugin, erp_plugin
from interlock.governance.rules import Side
from interlock.model import WriteKind
from interlock.project.load import open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.letters import discard_letters, edit_letters, list_letters, retry_letters
from interlock.service.session import open_store
from interlock.store import dead_letters, links, outbox
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter, subject_of
from interlock.store.letter_batches import LetterFilter
from interlock.store.outbox import OutboxWrite, WriteState

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVERY = LetterFilter()


def fill(tx: Tx, count: int) -> None:
    """Store writes that were refused, each with its dead letter."""
    made = links.create_many(
        tx,
        "customer",
        [([(Side.CRM, "customer", f"c{n}")], "") for n in range(count)],
        origin="alone",
        now=NOW,
    )
    writes = []
    for n, link_id in enumerate(made):
        fields: Any = {"name": f"Firm {n}", "phone": str(n)}
        letter = DeadLetter(
            subject=subject_of(link_id, Side.ERP, "customer", f"c{n}"), target=Side.ERP,
            entity="customer", kind=WriteKind.CREATE, cause="required", field="name",
            message="name must be filled", fix="fill it", fields=fields, digest=f"d{n}", at=NOW,
            link_id=link_id, source_entity="customer", source_id=f"c{n}",
        )  # fmt: skip
        dead_letters.put(tx, letter)
        writes.append(
            OutboxWrite(
                id=f"{n:032x}", link_id=link_id, target=Side.ERP, entity="customer",
                kind=WriteKind.CREATE, record_id=None, source_entity="customer", source_id=f"c{n}",
                fields=fields, expected={}, bases={}, reasons={}, version=None, reference=f"r{n}",
                revision=1, rev=1, map_version="m", priority=30, state=WriteState.DEAD,
                needs_approval=False, digest=f"d{n}", waits_for=None, attempts=3, due_at=NOW,
                created_at=NOW,
            )
        )  # fmt: skip
    outbox.put(tx, writes)


def bury_again(tx: Tx) -> None:
    """Turn retried writes back into dead ones."""
    tx.conn.execute(outbox.outbox.update().values(state=WriteState.DEAD))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--store", default="sqlite:///letters.db")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.count, options.store)
    text = json.dumps(result, indent=2)
    if options.out is not None:
        options.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


def measure(root: Path, count: int, url: str) -> dict[str, Any]:
    """Fill a store, then decide all of it in every way."""
    scaffold(
        root,
        installation="bench1",
        store=url,
        crm=Answers(plugin=crm_plugin, name="crm", settings={"path": str(root / "crm.db")}),
        erp=Answers(plugin=erp_plugin, name="erp", settings={"path": str(root / "erp.db")}),
    )
    project = open_project(root, environment={})
    store = open_store(project)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any], expected: int) -> None:
        began = time.perf_counter()
        done = work()
        seconds[name] = round(time.perf_counter() - began, 3)
        number = len(done if isinstance(done, list) else done.ids)
        assert number == expected, f"{name}: {number} instead of {expected}"

    try:
        store.run(fill, count)
        timed("list", lambda: list_letters(project, store, EVERY), count)
        timed("retry", lambda: retry_letters(store, EVERY, by="bench", now=NOW), count)
        store.run(bury_again)
        changes = {"phone": "+49 1"}
        timed(
            "edit",
            lambda: edit_letters(
                project, store, EVERY, changes, by="bench", reason="bench", now=NOW
            ),
            count,
        )
        store.run(bury_again)
        timed(
            "discard",
            lambda: discard_letters(store, EVERY, by="bench", reason="bench", now=NOW),
            count,
        )
    finally:
        store.close()
    return {
        "letters": count,
        "store": url.partition(":")[0],
        "python": platform.python_version(),
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
