"""The breaker's memory: what is loaded for a batch of links, and what it saw (rule 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.governance import breaker
from interlock.governance.breaker import LINKS, WINDOW, Memory, Round
from interlock.governance.merge import Decision, MemberView, Outcome
from interlock.governance.rules import Side
from interlock.store import history, links, open_fields, stops
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.stops import Stop
from interlock.sync.limits import PARKED
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Brakes", "load", "release", "save"]


class Brakes:
    """What is remembered of a batch of links, and what was seen of them now."""

    def __init__(
        self, memories: Mapping[int, Memory], stopped: Mapping[str, frozenset[str]]
    ) -> None:
        """``memories``: by link; ``stopped``: entity -> fields that no link of it writes."""
        self.memories = memories
        self.stopped = stopped
        self.seen: list[tuple[int, Round]] = []
        self.parking: list[tuple[str, int, Round]] = []

    def brake(
        self, bundle: Bundle, decision: Decision, views: Mapping[Side, MemberView]
    ) -> Decision:
        """Take out of a decision what must not be written."""
        link = bundle.link
        memory = self.memories.get(link.id)
        stopped = self.stopped.get(link.entity, frozenset())
        if memory is None and not stopped:
            return decision
        memory = msgspec.structs.replace(memory or Memory(), stopped=stopped)
        decision, seen, parking = breaker.brake(decision, views, memory)
        self.seen += [(link.id, r) for r in seen]
        self.parking += [(link.entity, link.id, r) for r in parking]
        return decision

    def brake_one(self, bundle: Bundle, side: Side, outcome: Outcome) -> Outcome:
        """The same for a field that is not merged: the cross-reference of one member."""
        shown, member = bundle.seen[side], bundle.members[side]
        view = MemberView(fields=shown.fields, base=member.base)
        decision = self.brake(bundle, Decision((outcome,)), {side: view})
        return next((o for o in decision.outcomes if o.field == outcome.field), outcome)


def load(
    tx: Tx,
    due: Sequence[Bundle],
    known_open: Mapping[int, Mapping[str, tuple[str, str]]],
    now: datetime,
) -> Brakes:
    """Load what the breaker needs to know; links that show what was agreed need nothing."""
    stopped: dict[str, frozenset[str]] = {}
    for stop in stops.active(tx):
        if stop.field:
            fields = stopped.get(stop.entity, frozenset())
            stopped[stop.entity] = fields | {stop.field}
    moved = [b.link.id for b in due if _moved(b)]
    written = history.last_written(tx, moved, now - WINDOW)
    rounds = stops.rounds(tx, list(written), now - WINDOW)
    memories = {
        b.link.id: Memory(
            written=written.get(b.link.id, {}),
            rounds=rounds.get(b.link.id, {}),
            parked=_parked(known_open.get(b.link.id, {})),
        )
        for b in due
    }
    return Brakes({i: m for i, m in memories.items() if m.written or m.parked}, stopped)


def _moved(bundle: Bundle) -> bool:
    """Say whether a member shows anything else than its base."""
    return any(
        member.base[f] != bundle.seen[side].fields.get(f, member.base[f])
        for side, member in bundle.members.items()
        if side in bundle.seen
        for f in member.base
    )


def _parked(opened: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {f: why for f, (kind, why) in opened.items() if kind == PARKED}


def save(tx: Tx, pair: Pair, run: Run, brakes: Brakes) -> None:
    """Note the rounds seen; many links that park one field park it for the connection."""
    if not brakes.seen:
        return
    now = pair.clock()
    stops.save_rounds(tx, brakes.seen)
    for entity, link_id, r in brakes.parking:
        stops.tally_up(tx, r.side, entity, PARKED, [str(link_id)], now, r.field)
        run.counts["parked"] += 1
    for entity, side, field in sorted({(e, r.side, r.field) for e, _, r in brakes.parking}):
        count = len(stops.tallied(tx, side, entity, PARKED, now - WINDOW, field))
        if count >= LINKS:
            stops.put(tx, Stop(side=side, entity=entity, kind=PARKED, field=field, at=now,
                               count=count, most=LINKS - 1))  # fmt: skip


def release(tx: Tx, link_id: int, field: str, *, why: str, now: datetime) -> bool:
    """Let a parked field of a link be merged again, from what both sides show now.

    False when it is not parked.
    """
    opened = open_fields.load(tx, [link_id]).get(link_id, {})
    if opened.get(field, ("", ""))[0] != PARKED:
        return False
    open_fields.close(tx, link_id, field)
    stops.forget_rounds(tx, link_id, field)
    links.raise_revision(tx, [link_id])
    entity = links.bundles(tx, [link_id])[link_id].link.entity
    told = Event(at=now, event="released", entity=entity, link_id=link_id, field=field, why=why)
    history.add(tx, [told])
    return True
