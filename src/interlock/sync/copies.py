"""Copies: records that carry the cross-reference of another one lose it (rule 13).

A person who clones a record copies our key with it.  Only the store knows which one is linked: the
other is a copy, is never linked by that key, and its key is cleared once, where that is allowed.
The original is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.store import history, links
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.observations import Observation
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["COPY", "dissolve", "mark"]

COPY = "copy"
"""Origin of the link a copy has for as long as its key is being cleared."""


def mark(tx: Tx, pair: Pair, side: Side, free: Sequence[Observation], run: Run) -> None:
    """Give each copy among free records of one entity a link of its own, which clears its key."""
    holders = {
        o.id: o.fields[CROSS_REFERENCE] for o in free if o.fields.get(CROSS_REFERENCE) is not None
    }
    if not holders:
        return
    entity = free[0].entity
    caps = pair.side(side).entity(entity)
    facts = caps.fields.get(CROSS_REFERENCE) if caps is not None and caps.update else None
    if facts is None or not facts.writable:
        return
    now = pair.clock()
    keys = [(entity, str(key)) for key in holders.values()]
    linked = links.members_of(tx, side.other, keys)
    bundles = links.bundles(tx, sorted(set(linked.values())))
    taken = links.members_of(tx, side, [(entity, i) for i in holders])
    made = []
    for record_id, key in holders.items():
        link_id = linked.get((entity, str(key)))
        original = None if link_id is None else bundles[link_id].seen.get(side)
        if original is None or not original.there or original.id == record_id:
            continue
        if (entity, record_id) not in taken and not _tried(tx, side, entity, record_id):
            made.append((record_id, f"a copy of {original.id}, with its cross-reference"))
    ids = links.create_many(
        tx, entity, [([(side, entity, i)], why) for i, why in made], origin=COPY, now=now
    )
    history.add(
        tx,
        [
            Event(
                at=now,
                event="copy",
                entity=entity,
                link_id=link_id,
                side=side,
                record_id=record_id,
                why=why,
                run_id=run.id,
            )
            for link_id, (record_id, why) in zip(ids, made, strict=True)
        ],
    )
    run.counts["copies"] += len(made)


def _tried(tx: Tx, side: Side, entity: str, record_id: str) -> bool:
    """Say whether we cleared the key before; a system that puts it back is not fought."""
    events = history.about(tx, None, [(side, entity, record_id)])
    return any(e.field == CROSS_REFERENCE and e.new is None for e in events)


def dissolve(tx: Tx, done: Sequence[int], now: datetime) -> None:
    """Take the links of copies apart whose key is cleared: they are free records again."""
    for link_id in done:
        links.dissolve(tx, link_id, now, why="the copy's key is cleared")
