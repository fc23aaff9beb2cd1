"""Pairing: link records, mark those that may have a counterpart, let those that are alone go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import bindparam, update

from interlock.governance.rules import Side
from interlock.store import history, links, outbox
from interlock.store.database import Tx, chunks
from interlock.store.history import Event
from interlock.store.scores import Score
from interlock.store.sqlite import fixed
from interlock.store.tables import record
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Couple", "Halves", "couple", "leave_alone", "mark"]

_MARK = fixed(
    update(record)
    .where(
        record.c.side == bindparam("b_side"),
        record.c.entity == bindparam("b_entity"),
        record.c.id.in_(bindparam("b_ids", expanding=True)),
        record.c.link_id.is_(None),
        record.c.unlinked.is_distinct_from("parked"),
    )
    .values(unlinked=bindparam("b_state"))
)

Halves = Mapping[tuple[Side, str], int]
"""(side, record id) -> link that has this record only and nothing on its way."""


class Couple(msgspec.Struct, frozen=True, kw_only=True):
    """Two records that are one, and what shows it."""

    crm_id: str
    erp_id: str
    evidence: str
    score: Score | None = None


def couple(
    tx: Tx, pair: Pair, entity: str, found: Sequence[Couple], half: Halves, run: Run
) -> None:
    """Link records; what waits for one of them may go on at once."""
    if not found:
        return
    now = pair.clock()
    for one in found:
        links.dissolve(tx, half.get((Side.CRM, one.crm_id)), now)
        links.dissolve(tx, half.get((Side.ERP, one.erp_id)), now)
    made = links.create_many(
        tx,
        entity,
        [
            ([(Side.CRM, entity, one.crm_id), (Side.ERP, entity, one.erp_id)], one.evidence)
            for one in found
        ],
        origin="match",
        now=now,
        scores=[one.score for one in found],
    )
    history.add(
        tx,
        [
            Event(
                at=now,
                event="linked",
                entity=entity,
                link_id=link_id,
                why=one.evidence,
                run_id=run.id,
            )
            for link_id, one in zip(made, found, strict=True)
        ],
    )
    run.counts["linked"] += len(found)
    outbox.wake(tx, now)


def leave_alone(tx: Tx, pair: Pair, entity: str, side: Side, ids: Sequence[str], run: Run) -> None:
    """Have records created on the other side where the map says so; else note where they live."""
    rules = pair.rules(entity)
    caps = pair.side(side.other).entity(entity)
    if rules is None or not rules.creates_from(side) or caps is None or not caps.create:
        ignored = rules is not None and rules.ignores_from(side)
        mark(tx, side, entity, ids, "ignored" if ignored else "born here")
        return
    now = pair.clock()
    made = links.create_many(
        tx,
        entity,
        [([(side, entity, i)], "no counterpart") for i in ids],
        origin="alone",
        now=now,
    )
    history.add(
        tx,
        [
            Event(
                at=now,
                event="alone",
                entity=entity,
                link_id=link_id,
                side=side,
                record_id=record_id,
                run_id=run.id,
                why=f"no counterpart in the {side.other.value.upper()}",
            )
            for link_id, record_id in zip(made, ids, strict=True)
        ],
    )


def mark(tx: Tx, side: Side, entity: str, ids: Sequence[str], state: str) -> None:
    """Note what became of records without a link; parked ones stay so."""
    for part in chunks(list(ids)):
        marked = {"b_side": side, "b_entity": entity, "b_ids": part, "b_state": state}
        tx.conn.execute(_MARK, marked)
