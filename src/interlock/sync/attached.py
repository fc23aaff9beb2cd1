"""Attached members: what becomes of them when their records go, come back or are merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.store import attached, history, links, refusals
from interlock.store.attached import AWAY, Attached
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.tables import record
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["attach_again", "follow_members", "survivor_of"]

_LONGEST = 10
"""Merges followed one after the other; a circle must end."""


def follow_members(tx: Tx, pair: Pair, run: Run) -> None:
    """Keep out of the roll-ups what is not there any more; a merged member's survivor follows."""
    for one, presence in attached.moved(tx):
        if presence is Presence.MERGED and _follow(tx, pair, run, one):
            continue
        away = presence.value if presence in AWAY else ""
        if away != one.away:
            attached.note_away(tx, one, away)
            why = f"it is {away} in the {one.side.value.upper()}" if away else "it is there again"
            _tell(tx, pair, run, one, "member away" if away else "member back", why)


def _follow(tx: Tx, pair: Pair, run: Run, one: Attached) -> bool:
    """Let the survivor of a merge take the member's place; false while it is not known."""
    survivor = survivor_of(tx, one.side, one.entity, one.id)
    if survivor is None:
        return False
    into = f"it was merged into {survivor.id}"
    half = links.halves(tx, one.entity, {one.side: [survivor.id]}).get((one.side, survivor.id))
    free = survivor.link_id is None or half is not None
    account = links.bundles(tx, [one.link_id])[one.link_id].members[Side.CRM].id
    barred = (account, survivor.id) in refusals.load(tx, one.entity)
    attached.remove(tx, one)
    if free and survivor.unlinked != "parked" and not barred:
        links.dissolve(tx, half, pair.clock(), why=f"{one.id} was merged into it")
        heir = Attached(
            link_id=one.link_id,
            side=one.side,
            entity=one.entity,
            id=survivor.id,
            by=one.by,
            evidence=f"{one.id} was merged into it",
            at=pair.clock(),
        )
        attached.add(tx, heir)
        _tell(tx, pair, run, heir, "attached", heir.evidence)
    # one with a link of its own keeps it: the account's, or another one's
    _tell(tx, pair, run, one, "detached", into)
    run.counts["repointed"] += 1
    return True


def attach_again(tx: Tx, before: Sequence[tuple[str, Attached]]) -> None:
    """Attach what was attached to accounts whose links were taken apart and found otherwise.

    ``before``: (the account's id in the CRM, what was attached).
    """
    for account, one in before:
        key = (one.entity, account)
        link_id = links.members_of(tx, Side.CRM, [key]).get(key)
        now = links.members_of(tx, one.side, [(one.entity, one.id)])
        if link_id is not None and not now:
            attached.add(tx, msgspec.structs.replace(one, link_id=link_id))


def survivor_of(tx: Tx, side: Side, entity: str, record_id: str) -> Any:
    """The record that a merged one is part of now; ``None`` while that is not known."""
    found: Any = None
    wanted: str = record_id
    for _ in range(_LONGEST):
        found = tx.conn.execute(
            select(record).where(
                record.c.side == side, record.c.entity == entity, record.c.id == wanted
            )
        ).first()
        if found is None or found.presence == Presence.PRESENT:
            return found
        if found.presence != Presence.MERGED or found.merged_into is None:
            return None
        wanted = found.merged_into
    return None


def _tell(tx: Tx, pair: Pair, run: Run, one: Attached, event: str, why: str) -> None:
    told = Event(
        at=pair.clock(),
        event=event,
        entity=one.entity,
        link_id=one.link_id,
        side=one.side,
        record_id=one.id,
        run_id=run.id,
        why=why,
    )
    history.add(tx, [told])
