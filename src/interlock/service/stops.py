"""Stops as a person sees them: what is held, how much of it, and what letting it go would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.limits import Kind
from interlock.governance.rules import Side
from interlock.store import links, open_fields, outbox, stops
from interlock.store.database import Store, Tx
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.store.stops import Stop
from interlock.sync import breaker
from interlock.sync.limits import PARKED, UNKNOWN, release_field, words

__all__ = [
    "Chosen",
    "StopView",
    "choose",
    "end_stops",
    "held",
    "read_stops",
    "release_parked",
    "release_stop",
]


class StopView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a person because there was too much of it at once.

    ``kind``: create, change, blank, deactivate or stage; ``unknown`` or ``parked`` for a
    ``field``.  ``count`` records against ``limit`` that go out unasked.
    """

    id: int
    system: str
    entity: str
    kind: str
    field: str
    since: datetime
    count: int
    limit: int
    why: str
    fix: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a plan is approved; nothing given: all of it.

    ``kind`` of write and ``entity``, or the ``stop`` with an id.
    """

    kind: str | None = None
    entity: str | None = None
    stop: int | None = None

    def __bool__(self) -> bool:
        """Say whether only a part is meant."""
        return not (self.kind is None and self.entity is None and self.stop is None)


def read_stops(tx: Tx, names: Mapping[Side, str]) -> list[StopView]:
    """All stops; ``names``: what the systems are called."""
    return [_view(one, names) for one in stops.active(tx)]


def _view(one: Stop, names: Mapping[Side, str]) -> StopView:
    _, why, fix = words(one)
    return StopView(
        id=one.id,
        system=names[one.side],
        entity=one.entity,
        kind=one.kind,
        field=one.field,
        since=one.at,
        count=one.count,
        limit=one.most,
        why=why,
        fix=fix,
    )


def choose(tx: Tx, chosen: Chosen, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
    """Those of the writes that are meant; raises ``ConfigurationError`` on a wrong choice."""
    if chosen.kind is not None and chosen.kind not in set(Kind):
        raise ConfigurationError(
            f"{chosen.kind!r} is no kind of write", fix=f"one of {', '.join(Kind)}"
        )
    stop = _stop(tx, chosen.stop) if chosen.stop is not None else None
    return [w for w in writes if _is_meant(w, chosen, stop)]


def _is_meant(w: OutboxWrite, chosen: Chosen, stop: Stop | None) -> bool:
    if stop is not None and (w.target, w.entity, w.limit_kind) != (
        stop.side,
        stop.entity,
        stop.kind,
    ):
        return False
    kind = w.limit_kind or (Kind.CREATE if w.kind.value == "create" else Kind.CHANGE)
    return chosen.kind in (None, kind) and chosen.entity in (None, w.entity)


def _stop(tx: Tx, stop_id: int) -> Stop:
    found = stops.active(tx, stop_id)
    if not found:
        raise ConfigurationError(f"there is no stop {stop_id}", fix="interlock status lists them")
    return found[0]


def release_stop(tx: Tx, stop_id: int, *, by: str, now: datetime) -> Stop | None:
    """End the stop of a field; ``None`` for one of writes, which are approved instead."""
    stop = _stop(tx, stop_id)
    if stop.kind not in (UNKNOWN, PARKED):
        return None
    release_field(tx, stop, now, why=f"released by {by}", run_id=None)
    if stop.kind == PARKED:
        mine = [i for i, fields in open_fields.load(tx).items() if stop.field in fields]
        for link_id, bundle in links.bundles(tx, mine).items():
            if bundle.link.entity == stop.entity:
                breaker.release(tx, link_id, stop.field, why=f"released by {by}", now=now)
    return stop


def release_parked(store: Store, link_id: int, field: str, *, by: str, now: datetime) -> None:
    """Let a parked field of one link go on; raises ``ConfigurationError`` when it is not parked."""
    if not store.run(breaker.release, link_id, field, why=f"released by {by}", now=now):
        raise ConfigurationError(
            f"{field} of link {link_id} is not parked", fix="interlock status shows what is"
        )


def end_stops(tx: Tx) -> None:
    """End the stops of writes that nothing waits for any more."""
    counted = outbox.counted(tx)
    done = [
        s.id
        for s in stops.active(tx)
        if not s.field and not counted.get((s.side, s.entity, s.kind), (0, 0))[1]
    ]
    stops.remove(tx, done)


def held(tx: Tx) -> list[OutboxWrite]:
    """The writes that wait for an approval."""
    pending = outbox.pending(tx)
    return [w for w in pending if w.needs_approval and w.state is not WriteState.DEAD]
