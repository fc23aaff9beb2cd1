"""Survivors: a record merged into another within its system leaves its link to that one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.store import attached, dead_letters, history, links, outbox, refusals
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.outbox import WriteState
from interlock.store.tables import record
from interlock.sync.attached import follow_members, survivor_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["follow_merges"]

_ON_ITS_WAY = (WriteState.SENDING, WriteState.IN_DOUBT, WriteState.UNCERTAIN)


def follow_merges(tx: Tx, pair: Pair, run: Run) -> None:
    """Let the survivor of each merge take over the link, where it has none of its own (rule 10).

    A survivor with a partner of its own keeps it: two partners are then to be merged over there,
    and the link that lost its record stays to say so.
    """
    merged = tx.conn.execute(
        select(record).where(
            record.c.merged_into.is_not(None),
            record.c.link_id.is_not(None),
            record.c.presence == Presence.MERGED,
        )
    ).all()
    for row in merged:
        _follow(tx, pair, row, run)
    # a primary merged into a member beside it has taken that one's place by now
    follow_members(tx, pair, run)


def _follow(tx: Tx, pair: Pair, row: Any, run: Run) -> None:
    side, now = Side(row.side), pair.clock()
    bundle = links.bundles(tx, [row.link_id]).get(row.link_id)
    if bundle is None or side not in bundle.members or bundle.members[side].id != row.id:
        return  # an attached member, or the link is gone by now
    survivor = survivor_of(tx, side, row.entity, row.id)
    writes = outbox.of_links(tx, [row.link_id]).values()
    if survivor is None or any(w.state in _ON_ITS_WAY for w in writes):
        return
    if len(bundle.members) == 1:
        # nothing was made of it yet; what is made, if anything, is made of the survivor
        links.dissolve(tx, row.link_id, now, why=f"it was merged into {survivor.id}")
        return
    half = links.halves(tx, row.entity, {side: [survivor.id]}).get((side, survivor.id))
    beside = survivor.link_id == row.link_id
    has_link = survivor.link_id is not None and half is None and not beside
    if survivor.unlinked == "parked" or has_link:
        return
    other = bundle.members[side.other]
    ids = {side: survivor.id, side.other: other.id}
    if (ids[Side.CRM], ids[Side.ERP]) in refusals.load(tx, row.entity):
        return
    links.dissolve(tx, half, now)
    dead_letters.close_of_link(tx, row.link_id, why=f"merged into {survivor.id}", now=now)
    links.repoint(tx, row.link_id, side, row.entity, row.id, survivor.id)
    attached.work_out_anew(tx, row.link_id)
    outbox.wake(tx, now)
    history.add(
        tx,
        [
            Event(
                at=now,
                event="linked",
                entity=row.entity,
                link_id=row.link_id,
                side=side,
                record_id=survivor.id,
                run_id=run.id,
                why=f"{row.id} was merged into it in the {side.value.upper()}",
            )
        ],
    )
    run.counts["repointed"] += 1
