"""Customers of the project's two systems: match them, list duplicates, learn from decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.matching.duplicates import Duplicate, find_duplicates
from interlock.matching.levels import compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Weights
from interlock.matching.table import Table, tabulate
from interlock.project.load import Project
from interlock.service.companies import write_rows
from interlock.service.decisions import guarded
from interlock.service.labels import label_of
from interlock.service.matching import Learnt, learn_from, write_weights
from interlock.service.session import WEIGHTS_FILE, Session, weights_of
from interlock.store import attached, links, observations, refusals, scores
from interlock.store.database import Store, Tx
from interlock.store.tables import link, member, record
from interlock.sync.linking import link_records
from interlock.sync.lists import companies, present
from interlock.sync.observe import observe_side
from interlock.sync.progress import Problem, Run

__all__ = [
    "Matching",
    "learn_from_queue",
    "list_duplicates",
    "run_matching",
    "use_weights",
]

_ENTITY: Final = "customer"
DUPLICATES: Final = (
    "survivor_id",
    "duplicate_id",
    "probability",
    "band",
    "survivor_name",
    "duplicate_name",
    "survivor_linked_with",
    "duplicate_linked_with",
    "reason",
)


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """How the customers of both systems stand.

    By system: ``records``; ``alone``: those without a counterpart; ``duplicates``: pairs within
    the system.  ``new``: links made by this run.  ``weights``: the version they were scored with.
    """

    weights: str
    records: Mapping[str, int]
    link: int
    new: int
    review: int
    alone: Mapping[str, int]
    duplicates: Mapping[str, int]
    complete: bool
    problems: Sequence[Problem]


async def run_matching(session: Session, run: Run) -> Matching:
    """Read both lists, match what is new or changed; writes nothing to either system."""
    pair = session.pair
    before = await session.store.call(_linked)
    await asyncio.gather(*(observe_side(pair, side, run) for side in Side))
    await link_records(pair, run)
    return await session.store.call(_report, session, before, run)


def _linked(tx: Tx) -> int:
    return links.counts(tx).get(_ENTITY, {}).get("linked", 0)


def _report(tx: Tx, session: Session, before: int, run: Run) -> Matching:
    counts = links.counts(tx).get(_ENTITY, {})
    tables = {side: _table(tx, side) for side in Side}
    rarity = Rarity.of(*tables.values())
    pair = session.pair
    names = {side: pair.side(side).name for side in Side}
    halves = {side for side, _ in links.half(tx, _ENTITY)}
    half = counts.get("half", 0)
    return Matching(
        weights=pair.weights.version,
        records={names[side]: len(tables[side]) for side in Side},
        link=counts.get("linked", 0),
        new=counts.get("linked", 0) - before,
        review=scores.count_suggestions(tx, _ENTITY),
        alone={
            names[side]: counts.get(f"{side.value}:born here", 0) + (half if side in halves else 0)
            for side in Side
        },
        duplicates={
            names[side]: len(find_duplicates(tables[side], pair.weights, rarity=rarity))
            for side in Side
        },
        complete=all(run_side not in run.paused for run_side in Side),
        problems=tuple(run.problems),
    )


def _table(tx: Tx, side: Side) -> Table:
    query = select(record.c.id, record.c.fields).where(present(side)).order_by(record.c.id)
    return tabulate(companies(tx, side, tx.conn.execute(query)))


# ── duplicates within a system ───────────────────────────────────────────────────────────────


def list_duplicates(project: Project, store: Store, side: Side, out: Path) -> int:
    """Write the duplicates within one system as a worklist; returns the number of pairs.

    They are merged in the system itself; links then follow the survivor by themselves.
    """
    weights = weights_of(project)

    def _find(tx: Tx) -> list[list[object]]:
        tables = {each: _table(tx, each) for each in Side}
        partners = links.partners(tx, side, _ENTITY, tables[side].ids.tolist())
        found = find_duplicates(
            tables[side],
            weights,
            rarity=Rarity.of(*tables.values()),
            uses=dict.fromkeys(partners, 1),
        )
        ids = sorted({i for d in found for i in (d.survivor, d.duplicate)})
        seen = observations.load(tx, side, _ENTITY, ids)
        names = {i: label_of(o.fields) for i, o in seen.items()}
        return [_row(d, names, partners) for d in found]

    return write_rows(out, DUPLICATES, store.run(_find))


def _row(d: Duplicate, names: Mapping[str, str], partners: Mapping[str, str]) -> list[object]:
    cells = (
        d.survivor,
        d.duplicate,
        f"{d.probability:.3f}",
        d.band.value,
        names.get(d.survivor, ""),
        names.get(d.duplicate, ""),
        partners.get(d.survivor, ""),
        partners.get(d.duplicate, ""),
        ", ".join(d.explanation.reasons),
    )
    return [guarded(cell) for cell in cells]


# ── learning ─────────────────────────────────────────────────────────────────────────────────


def learn_from_queue(project: Project, store: Store, *, now: datetime) -> Learnt:
    """Estimate weights anew from what people decided; they are not in use yet.

    Decided as same: pairs linked or attached by a person.  As different: refused pairs, undone
    links among them.  Raises ``ConfigurationError`` when there are too few.
    """
    before = weights_of(project)
    tables, pairs, labels = store.run(_decided)
    rarity = Rarity.of(*tables.values())
    places = {
        side: {key: row for row, key in enumerate(tables[side].ids.tolist())} for side in Side
    }
    known = [
        (places[Side.CRM][c], places[Side.ERP][e], label)
        for (c, e), label in zip(pairs, labels, strict=True)
        if c in places[Side.CRM] and e in places[Side.ERP]
    ]
    rows = (
        np.array([c for c, _, _ in known], dtype=np.int32),
        np.array([e for _, e, _ in known], dtype=np.int32),
    )
    levels = compare(
        Weighed.of(tables[Side.CRM], rarity), Weighed.of(tables[Side.ERP], rarity), rows
    )
    return learn_from(
        levels,
        np.array([label for _, _, label in known], dtype=np.bool_),
        [(c, e) for c, e, _ in known],
        before=before,
        version=f"learnt-{now:%Y-%m-%d}-{len(known)}",
    )


def _decided(tx: Tx) -> tuple[dict[Side, Table], list[tuple[str, str]], list[bool]]:
    crm, erp = member.alias(), member.alias()
    query = (
        select(crm.c.id.label("crm_id"), erp.c.id.label("erp_id"))
        .join(link, link.c.id == crm.c.link_id)
        .join(erp, erp.c.link_id == crm.c.link_id)
        .where(
            link.c.entity == _ENTITY,
            link.c.origin == "manual",
            crm.c.side == Side.CRM,
            erp.c.side == Side.ERP,
        )
        .order_by(link.c.id)
    )
    same = [(row.crm_id, row.erp_id) for row in tx.conn.execute(query)]
    same += [(crm_id, one.id) for crm_id, one in attached.pairs(tx, _ENTITY)]
    other = sorted(refusals.load(tx, _ENTITY))
    labels = [True] * len(same) + [False] * len(other)
    return {side: _table(tx, side) for side in Side}, same + other, labels


def use_weights(project: Project, weights: Weights) -> Path:
    """Keep weights in the project's folder; from the next run on they are used."""
    path = project.root / WEIGHTS_FILE
    write_weights(path, weights)
    return path
