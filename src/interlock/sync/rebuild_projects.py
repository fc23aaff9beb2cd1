"""Projects found again by their references when the store went back (rule 28).

They are no pairs with their deals, so nothing but the reference tells whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update

from interlock.governance.rules import Side
from interlock.store import cases, history, links
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.epochs import REBUILT
from interlock.store.history import Event
from interlock.store.observations import Observation
from interlock.store.tables import creation
from interlock.sync.identity import prefix_of, reference_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["find_projects", "note_created"]

ENTITY, LINKS, PROCESS = "project", "deal_project", "quote_to_project"


def find_projects(
    tx: Tx,
    pair: Pair,
    run: Run,
    deals: Mapping[str, Observation],
    projects: Mapping[str, Observation],
    revisions: int,
) -> None:
    """Give projects their links again, and deals their cases: none is made a second time."""
    carried = {
        p.reference: p.id
        for p in projects.values()
        if p.link_id is None
        and p.unlinked != "parked"
        and p.reference
        and p.reference.startswith(prefix_of(pair))
    }
    if not carried:
        return
    now = pair.clock()
    found: dict[str, tuple[int, str, str]] = {}
    for deal_id in deals:
        for revision in range(1, revisions + 1):
            reference = reference_of(pair, Side.ERP, "deal", deal_id, ENTITY, revision)
            if reference in carried:
                found[deal_id] = (revision, carried[reference], reference)
    wanted = [([(Side.ERP, ENTITY, made)], deal_id) for deal_id, (_, made, _) in found.items()]
    made = links.create_many(tx, LINKS, wanted, origin=REBUILT, now=now)
    linked = dict(zip(found, made, strict=True))
    cases.put(
        tx,
        [
            Case(process=PROCESS, source_id=deal_id, state="ordered", at=now, revision=revision,
                 why="its project was found again", link_id=linked[deal_id])
            for deal_id, (revision, _, _) in found.items()
        ],
    )  # fmt: skip
    note_created(
        tx,
        [
            {
                "reference": reference,
                "target": Side.ERP,
                "entity": ENTITY,
                "source_entity": "deal",
                "source_id": deal_id,
                "revision": revision,
                "issued_at": now,
                "record_id": project_id,
                "done_at": now,
            }
            for deal_id, (revision, project_id, reference) in found.items()
        ],
    )
    history.add(
        tx,
        [
            Event(at=now, event="linked", entity=ENTITY, link_id=linked[deal_id], side=Side.ERP,
                  record_id=project_id, run_id=run.id, why=f"found again: reference {reference}")
            for deal_id, (_, project_id, reference) in found.items()
        ],
    )  # fmt: skip
    run.counts["rebuilt"] += len(found)


def note_created(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note what exists as created: it never is again (rule 24)."""
    tx.insert_new(creation, [dict(row) for row in rows])
    for row in rows:
        tx.conn.execute(
            update(creation)
            .where(creation.c.reference == row["reference"], creation.c.done_at.is_(None))
            .values(record_id=row["record_id"], done_at=row["done_at"])
        )
