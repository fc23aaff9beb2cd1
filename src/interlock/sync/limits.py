"""Limits: what goes beyond a blast limit is held until a person approves it (rules 1, 14).

Looked at twice: after every reconcile all that is decided counts, so that a thousand changes are
held as one and none of them goes out; and in the transaction that marks writes as being sent, so
that workers who decided apart cannot go beyond the limit together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.governance.limits import DAY, FLOOR, HOUR, Kind, Limit, Spent, admit, exceeds
from interlock.governance.rules import Side
from interlock.store import history, links, observations, outbox, stops
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.store.stops import Stop
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["PARKED", "UNKNOWN", "admitted", "note_unknown", "release_field", "review", "words"]

UNKNOWN = "unknown"
"""Kind of a stop: a field that can no longer be read on many records."""
PARKED = "parked"
"""Kind of a stop: a field that was parked on many links."""

Key = tuple[Side, str, str]


def review(tx: Tx, pair: Pair, run: Run) -> None:
    """Hold what is beyond a limit, end stops nothing waits for any more, tell of the others."""
    now = pair.clock()
    known = {(s.side, s.entity, s.kind): s for s in stops.active(tx) if not s.field}
    pending = outbox.counted(tx)
    fresh = [key for key in pending if key not in known]
    for key, limit, count in _beyond(tx, pair, fresh, pending, now):
        known[key] = _stop(tx, run, key, limit, count, now)
    for key, stop in known.items():
        total, held = pending.get(key, (0, 0))
        if not total:
            stops.remove(tx, [stop.id])
            continue
        if held < total:
            outbox.hold(tx, *key)
        if total != stop.count:
            stops.put(tx, _with_count(stop, total))
    _look_at_fields(tx, run, now)
    for stop in stops.active(tx):
        subject, message, fix = words(stop)
        run.problem(subject, message, fix, "limit")


def _beyond(
    tx: Tx, pair: Pair, keys: Sequence[Key], pending: Mapping[Key, tuple[int, int]], now: datetime
) -> list[tuple[Key, Limit, int]]:
    if not keys:
        return []
    spent_by = stops.count(tx, now - DAY)
    found = []
    for key in keys:
        asked, spent = pending[key][0], spent_by.get(key, 0)
        limit = _limit(tx, pair, key, asked + spent)
        if asked + spent <= min(limit.day, limit.hour):
            continue
        if exceeds(limit, _spent(tx, key, now), outbox.counted_links(tx, *key)):
            found.append((key, limit, asked))
    if not spent_by:
        return found
    stops.thin(tx, now - 2 * DAY)
    return found


def _limit(tx: Tx, pair: Pair, key: Key, asked: int) -> Limit:
    """Give the limit; the target's records are counted only where that matters."""
    side, entity, kind = key
    records = observations.count(tx, side, entity) if asked > FLOOR else 0
    return pair.limits.of(entity, Kind(kind), records)


def _spent(tx: Tx, key: Key, now: datetime) -> Spent:
    at = stops.tallied(tx, *key, since=now - DAY)
    return Spent(
        hour=frozenset(int(s) for s, when in at.items() if when > now - HOUR),
        day=frozenset(int(s) for s in at),
    )


def admitted(
    tx: Tx, pair: Pair, run: Run, side: Side, entity: str, writes: Sequence[OutboxWrite]
) -> list[OutboxWrite]:
    """Those of the claimed writes that may be sent now, which are counted; the others are held.

    One that was sent before and is sent again has been counted.
    """
    now = pair.clock()
    counted: dict[Kind, list[OutboxWrite]] = {}
    for w in writes:
        if w.limit_kind is not None and w.state in (WriteState.READY, WriteState.WAITING):
            counted.setdefault(Kind(w.limit_kind), []).append(w)
    refused: set[str] = set()
    for kind, mine in counted.items():
        key = (side, entity, kind.value)
        spent = _spent(tx, key, now)
        limit = _limit(tx, pair, key, len(spent.day) + len(mine))
        stopped = any((s.side, s.entity, s.kind) == key for s in stops.active(tx))
        free = set() if stopped else set(admit(limit, spent, [w.link_id for w in mine]))
        stops.tally_up(tx, side, entity, kind.value, map(str, free), now)
        over = [w for w in mine if w.link_id not in free]
        for w in over:
            outbox.release(tx, w, needs_approval=True)
            refused.add(w.id)
        if over and not stopped:
            _stop(tx, run, key, limit, len(over), now)
    return [w for w in writes if w.id not in refused]


def _stop(tx: Tx, run: Run, key: Key, limit: Limit, count: int, now: datetime) -> Stop:
    side, entity, kind = key
    made = Stop(side=side, entity=entity, kind=kind, at=now, count=count, most=limit.day)
    _note(tx, run, made)
    return next(s for s in stops.active(tx) if (s.side, s.entity, s.kind, s.field) == (*key, ""))


def _note(tx: Tx, run: Run, made: Stop) -> None:
    """Store a stop; a new one stands in the history."""
    if stops.put(tx, made):
        _, message, _ = words(made)
        history.add(tx, [_event(made, message, run.id)])
        run.counts["stopped"] += 1


def _event(stop: Stop, why: str, run_id: str | None) -> Event:
    return Event(
        at=stop.at,
        event="stopped",
        entity=stop.entity,
        side=stop.side,
        field=stop.field or None,
        why=why,
        run_id=run_id,
    )


def _with_count(stop: Stop, count: int) -> Stop:
    return msgspec.structs.replace(stop, count=count)


# ── fields that stop ─────────────────────────────────────────────────────────────────────────


def note_unknown(
    tx: Tx, pair: Pair, run: Run, side: Side, entity: str, lost: Mapping[str, Sequence[str]]
) -> None:
    """Count records of which a field can no longer be read; too many stop the field (rule 1)."""
    if not lost:
        return
    now = pair.clock()
    stopped = {s.field for s in stops.active(tx) if (s.side, s.entity) == (side, entity)}
    records = observations.count(tx, side, entity)
    most = _unknown_most(records)
    for field, ids in lost.items():
        if field in stopped:
            continue
        stops.tally_up(tx, side, entity, UNKNOWN, ids, now, field)
        count = len(stops.tallied(tx, side, entity, UNKNOWN, now - HOUR, field))
        if count > most:
            _note(tx, run, Stop(side=side, entity=entity, kind=UNKNOWN, field=field, at=now,
                                count=count, most=most))  # fmt: skip


def _unknown_most(records: int) -> int:
    return max(FLOOR, records // 100)


def _look_at_fields(tx: Tx, run: Run, now: datetime) -> None:
    """End the stops of fields that can be read again."""
    for stop in stops.active(tx):
        if stop.kind != UNKNOWN:
            continue
        left = observations.unknown(tx, stop.side, stop.entity, stop.field)
        if left <= stop.most:
            release_field(tx, stop, now, why="the field can be read again", run_id=run.id)
        elif left != stop.count:
            stops.put(tx, _with_count(stop, left))


def release_field(tx: Tx, stop: Stop, now: datetime, *, why: str, run_id: str | None) -> None:
    """Let a stopped field go on: all links of the entity are decided anew."""
    stops.remove(tx, [stop.id])
    stops.forget_tally(tx, stop.side, stop.entity, stop.kind, stop.field)
    links.raise_entity(tx, stop.entity)
    told = msgspec.structs.replace(_event(stop, why, run_id), event="released", at=now)
    history.add(tx, [told])


# ── words ────────────────────────────────────────────────────────────────────────────────────

_DONE = {
    Kind.CREATE: "be created",
    Kind.DEACTIVATE: "be deactivated",
    Kind.STAGE: "be moved to another stage",
    Kind.BLANK: "lose a value",
    Kind.CHANGE: "be changed",
}


def words(stop: Stop) -> tuple[str, str, str]:
    """Tell of a stop: what it is about, what happened, what a person can do."""
    system, entity = stop.side.value.upper(), stop.entity
    if stop.kind == UNKNOWN:
        return (
            f"{system} {entity} {stop.field}",
            f"can no longer be read on {stop.count} records; nothing is written from or to it",
            f"give the right back; or go on without: interlock approve --stop {stop.id}",
        )
    if stop.kind == PARKED:
        return (
            f"{system} {entity} {stop.field}",
            f"was written and did not stay on {stop.count} records; it is not written any more",
            f"find who else writes it, then: interlock approve --stop {stop.id}",
        )
    done = _DONE[Kind(stop.kind)]
    beyond = f"more than the {stop.most} a day that go out unasked; none of them does"
    return (
        f"{system} {entity} {stop.kind}",
        f"{stop.count} {entity} records would {done} in the {system}, {beyond}",
        f"look at `interlock plan`; if it is meant: interlock approve --stop {stop.id}",
    )
