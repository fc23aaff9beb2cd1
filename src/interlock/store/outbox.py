"""The outbox: writes decided but not delivered, and their claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from interlock.governance.rules import Side
from interlock.model import Fields, WriteKind
from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import outbox

__all__ = [
    "OutboxWrite",
    "WriteState",
    "claim",
    "claimable",
    "counted",
    "counted_links",
    "earliest_due",
    "finish",
    "held",
    "hold",
    "next_due",
    "of_links",
    "pending",
    "put",
    "release",
    "release_if",
    "mark_sending",
    "remove",
    "renew",
    "wake",
]


class WriteState(StrEnum):
    """Where a write stands.  Only ``sending`` is immutable."""

    READY = "ready"
    WAITING = "waiting"
    SENDING = "sending"
    IN_DOUBT = "in doubt"
    UNCERTAIN = "uncertain"
    DEAD = "dead"


class OutboxWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One undelivered write of a link to one side.

    ``revision`` counts the creates a person or a rule asked for anew (rule 24).  ``bases``: the
    source's values the decision was made from, they become its base on success.  ``reasons``:
    field -> rule in plain words.  ``digest`` identifies target, fields and values, so that an
    approval survives a recomputation that decides the same.  ``record_id`` of a create: the record
    that an earlier try left there, incomplete.
    """

    id: str
    link_id: int
    target: Side
    entity: str
    kind: WriteKind
    record_id: str | None
    source_entity: str | None
    source_id: str | None
    fields: Fields
    expected: Fields
    bases: Fields
    reasons: Mapping[str, str]
    version: str | None
    reference: str | None
    revision: int
    rev: int
    map_version: str
    priority: int
    state: WriteState
    needs_approval: bool
    digest: str
    waits_for: str | None
    attempts: int
    due_at: datetime
    created_at: datetime
    sent_at: datetime | None = None
    lease: str | None = None
    lease_until: datetime | None = None
    limit_kind: str | None = None
    """What it is counted as under the blast limits; ``None``: not counted, or approved."""

    @property
    def is_begun(self) -> bool:
        """Whether it is a create that left a record there, incomplete."""
        return self.kind is WriteKind.CREATE and self.record_id is not None


_NOW: BindParameter[Any] = bindparam("b_now")
_TARGET: BindParameter[Any] = bindparam("b_target")
_IDS: BindParameter[Any] = bindparam("b_ids", expanding=True)
_LINKS: BindParameter[Any] = bindparam("b_links", expanding=True)
_ORDER = (outbox.c.priority, outbox.c.created_at, outbox.c.link_id)
_IS_DUE = and_(
    or_(outbox.c.lease.is_(None), outbox.c.lease_until <= _NOW),
    outbox.c.due_at <= _NOW,
    outbox.c.needs_approval.is_(False),
    outbox.c.state.in_(
        (WriteState.READY, WriteState.WAITING, WriteState.IN_DOUBT, WriteState.SENDING)
    ),
)
_MINE = (outbox.c.id.in_(_IDS), outbox.c.lease.in_(bindparam("b_leases", expanding=True)))
_PUT = fixed(outbox.insert())
_REPLACED = fixed(
    delete(outbox).where(
        outbox.c.link_id.in_(_LINKS),
        outbox.c.target == _TARGET,
        outbox.c.state != WriteState.SENDING,
    )
)
_OF_LINKS = fixed(select(outbox).where(outbox.c.link_id.in_(_LINKS)))
_PENDING = fixed(select(outbox).order_by(*_ORDER))
_CLAIMABLE = fixed(select(outbox.c.target, outbox.c.entity).distinct().where(_IS_DUE))
_CLAIM = fixed(
    select(outbox)
    .where(outbox.c.target == _TARGET, outbox.c.entity == bindparam("b_entity"), _IS_DUE)
    .order_by(*_ORDER)
    .limit(bindparam("b_limit"))
    .with_for_update(skip_locked=True)
)
_CLAIMED = fixed(
    update(outbox)
    .where(outbox.c.id.in_(_IDS))
    .values(lease=bindparam("b_lease"), lease_until=bindparam("b_until"))
)
_HELD = fixed(select(outbox.c.id).where(*_MINE))
# or another worker could take over a lease that runs out between look and mark
_HELD_FOR_UPDATE = fixed(select(outbox.c.id).where(*_MINE).with_for_update())
_FINISH = fixed(delete(outbox).where(*_MINE))
_SENDING = fixed(update(outbox).where(outbox.c.id == bindparam("w_id")))
_EARLIEST = fixed(
    select(func.min(func.coalesce(outbox.c.lease_until, outbox.c.due_at))).where(
        outbox.c.target.in_(bindparam("b_targets", expanding=True)),
        outbox.c.state.in_((WriteState.IN_DOUBT, WriteState.SENDING)),
    )
)
_NEXT = fixed(
    select(func.min(func.coalesce(outbox.c.lease_until, outbox.c.due_at))).where(
        outbox.c.target.in_(bindparam("b_targets", expanding=True)),
        outbox.c.entity.not_in(bindparam("b_without", expanding=True)),
        outbox.c.needs_approval.is_(False),
        outbox.c.state.in_(
            (WriteState.READY, WriteState.WAITING, WriteState.IN_DOUBT, WriteState.SENDING)
        ),
    )
)
_WAKE = fixed(
    update(outbox)
    .where(outbox.c.state == WriteState.WAITING, outbox.c.due_at > _NOW)
    .values(due_at=_NOW)
)


def _row(tx: Tx, w: OutboxWrite) -> dict[str, Any]:
    schema = tx.schema[w.entity]
    source = tx.schema[w.source_entity or w.entity]
    return {
        "id": w.id,
        "link_id": w.link_id,
        "target": w.target,
        "entity": w.entity,
        "kind": w.kind,
        "record_id": w.record_id,
        "source_entity": w.source_entity,
        "source_id": w.source_id,
        "fields": schema.encode(w.fields),
        "expected": schema.encode(w.expected),
        "bases": source.encode(w.bases),
        "reasons": msgspec.msgpack.encode(dict(w.reasons)),
        "version": w.version,
        "reference": w.reference,
        "revision": w.revision,
        "rev": w.rev,
        "map_version": w.map_version,
        "priority": w.priority,
        "state": w.state,
        "needs_approval": w.needs_approval,
        "limit_kind": w.limit_kind,
        "digest": w.digest,
        "waits_for": w.waits_for,
        "attempts": w.attempts,
        "due_at": w.due_at,
        "created_at": w.created_at,
        "sent_at": w.sent_at,
        "lease": w.lease,
        "lease_until": w.lease_until,
    }


def _write(tx: Tx, row: Any) -> OutboxWrite:
    schema = tx.schema[row.entity]
    source = tx.schema[row.source_entity or row.entity]
    return OutboxWrite(
        id=row.id,
        link_id=row.link_id,
        target=Side(row.target),
        entity=row.entity,
        kind=WriteKind(row.kind),
        record_id=row.record_id,
        source_entity=row.source_entity,
        source_id=row.source_id,
        fields=schema.decode(row.fields),
        expected=schema.decode(row.expected),
        bases=source.decode(row.bases),
        reasons=msgspec.msgpack.decode(row.reasons),
        version=row.version,
        reference=row.reference,
        revision=row.revision,
        rev=row.rev,
        map_version=row.map_version,
        priority=row.priority,
        state=WriteState(row.state),
        needs_approval=row.needs_approval,
        limit_kind=row.limit_kind,
        digest=row.digest,
        waits_for=row.waits_for,
        attempts=row.attempts,
        due_at=row.due_at,
        created_at=row.created_at,
        sent_at=row.sent_at,
        lease=row.lease,
        lease_until=row.lease_until,
    )


def put(tx: Tx, writes: Sequence[OutboxWrite]) -> None:
    """Store writes; each replaces the undelivered one of its link and target (rule 16)."""
    for part in chunks([w.link_id for w in writes]):
        targets = {(w.link_id, w.target) for w in writes if w.link_id in part}
        for target in {t for _, t in targets}:
            ids = [link_id for link_id, t in targets if t is target]
            tx.conn.execute(_REPLACED, {"b_links": ids, "b_target": target})
    if writes:
        tx.conn.execute(_PUT, [_row(tx, w) for w in writes])


def remove(tx: Tx, ids: Sequence[str]) -> None:
    """Delete writes, but never one that is being sent."""
    for part in chunks(list(ids)):
        tx.conn.execute(
            delete(outbox).where(outbox.c.id.in_(part), outbox.c.state != WriteState.SENDING)
        )


def of_links(tx: Tx, links: Sequence[int]) -> dict[tuple[int, Side], OutboxWrite]:
    """Undelivered writes by link and target."""
    found = {}
    for part in chunks(list(links)):
        for row in tx.conn.execute(_OF_LINKS, {"b_links": part}):
            found[row.link_id, Side(row.target)] = _write(tx, row)
    return found


def pending(tx: Tx, *states: WriteState) -> list[OutboxWrite]:
    """All undelivered writes, or those in the given states, in the order of delivery."""
    query = _PENDING.where(outbox.c.state.in_(states)) if states else _PENDING
    return [_write(tx, row) for row in tx.conn.execute(query)]


def claimable(tx: Tx, now: datetime) -> set[tuple[Side, str]]:
    """Targets and entities that have writes to be claimed now."""
    rows = tx.conn.execute(_CLAIMABLE, {"b_now": now})
    return {(Side(row.target), row.entity) for row in rows}


def claim(
    tx: Tx,
    target: Side,
    entity: str,
    *,
    now: datetime,
    lease: str,
    lease_for: timedelta,
    limit: int,
) -> list[OutboxWrite]:
    """Take due writes for one target and entity under a lease (rule 17).

    Ready and waiting ones that are due, those in doubt whose time has come, and those left in
    ``sending`` by a process that died, once their lease has run out.
    """
    wanted = {"b_target": target, "b_entity": entity, "b_now": now, "b_limit": limit}
    rows = tx.conn.execute(_CLAIM, wanted).all()
    for part in chunks([row.id for row in rows]):
        claimed = {"b_ids": part, "b_lease": lease, "b_until": now + lease_for}
        tx.conn.execute(_CLAIMED, claimed)
    return [
        msgspec.structs.replace(_write(tx, row), lease=lease, lease_until=now + lease_for)
        for row in rows
    ]


def mark_sending(
    tx: Tx, writes: Sequence[OutboxWrite], *, now: datetime, until: datetime
) -> list[OutboxWrite]:
    """Turn claimed writes into ``sending`` under a lease up to ``until``.

    Returns those whose lease was still ours; fields and revision are stored as they will be sent.
    """
    ids = [w.id for w in writes]
    lease = writes[0].lease
    held: set[str] = set()
    for part in chunks(ids):
        mine = {"b_ids": part, "b_leases": [lease]}
        held |= set(tx.conn.execute(_HELD_FOR_UPDATE, mine).scalars())
    sending = [
        msgspec.structs.replace(
            w, state=WriteState.SENDING, sent_at=now, waits_for=None, lease_until=until
        )
        for w in writes
        if w.id in held
    ]
    if sending:
        tx.conn.execute(
            _SENDING,
            [
                {
                    "w_id": w.id,
                    "state": w.state,
                    "sent_at": now,
                    "waits_for": None,
                    "lease_until": until,
                    "rev": w.rev,
                    "record_id": w.record_id,
                    "fields": tx.schema[w.entity].encode(w.fields),
                }
                for w in sending
            ],
        )
    return sending


def renew(tx: Tx, writes: Sequence[OutboxWrite], *, now: datetime, until: datetime) -> None:
    """Prolong the lease of writes that are still ours, and still on their way."""
    for part in chunks(list(writes)):
        tx.conn.execute(
            update(outbox)
            .where(
                outbox.c.id.in_([w.id for w in part]),
                outbox.c.lease.in_({w.lease for w in part}),
            )
            .values(lease_until=until, sent_at=now)
        )


def release(tx: Tx, w: OutboxWrite, **changes: Any) -> bool:
    """Give a claimed write back with changes; false when its lease was lost."""
    values = changes | {"lease": None, "lease_until": None}
    result = tx.conn.execute(
        update(outbox).where(outbox.c.id == w.id, outbox.c.lease == w.lease).values(**values)
    )
    return result.rowcount == 1


def begun(tx: Tx, w: OutboxWrite, record_id: str) -> None:
    """Note the record a claimed create left incomplete: it is neither withdrawn nor made anew."""
    tx.conn.execute(
        update(outbox)
        .where(outbox.c.id == w.id, outbox.c.lease == w.lease)
        .values(record_id=record_id)
    )


def finish(tx: Tx, writes: Sequence[OutboxWrite]) -> set[str]:
    """Delete delivered writes; returns the ids of those whose lease was still ours."""
    held: set[str] = set()
    for part in chunks(list(writes)):
        mine = _leased(part)
        held |= set(tx.conn.execute(_HELD, mine).scalars())
        tx.conn.execute(_FINISH, mine)
    return held


def earliest_due(tx: Tx, sides: Sequence[Side]) -> datetime | None:
    """When the next write to one of these sides whose outcome is not known may be looked up."""
    return tx.conn.execute(_EARLIEST, {"b_targets": list(sides)}).scalar_one_or_none()


def next_due(tx: Tx, sides: Sequence[Side], without: Iterable[str] = ()) -> datetime | None:
    """When the next write to one of these sides may be claimed, ``without`` some entities."""
    wanted = {"b_targets": list(sides), "b_without": sorted(without)}
    return tx.conn.execute(_NEXT, wanted).scalar_one_or_none()


def wake(tx: Tx, now: datetime) -> None:
    """Look again at once at what waits for another record, because one was linked."""
    tx.conn.execute(_WAKE, {"b_now": now})


def release_if(tx: Tx, w: OutboxWrite, **changes: Any) -> None:
    """Give a claimed write back unless it has been sent, settled or taken since."""
    tx.conn.execute(
        update(outbox)
        .where(
            outbox.c.id == w.id,
            outbox.c.lease == w.lease,
            outbox.c.state == w.state,
        )
        .values(**changes, lease=None, lease_until=None)
    )


def held(tx: Tx, writes: Sequence[OutboxWrite]) -> set[str]:
    """Ids of the claimed writes whose lease is still ours."""
    found: set[str] = set()
    for part in chunks(list(writes)):
        found |= set(tx.conn.execute(_HELD_FOR_UPDATE, _leased(part)).scalars())
    return found


def _leased(writes: Sequence[OutboxWrite]) -> dict[str, Any]:
    leases = sorted({w.lease for w in writes if w.lease is not None})
    return {"b_ids": [w.id for w in writes], "b_leases": leases}


def counted(tx: Tx) -> dict[tuple[Side, str, str], tuple[int, int]]:
    """(target, entity, limit kind) -> writes not sent yet that count, and of these those held."""
    held = func.sum(case((outbox.c.needs_approval.is_(True), 1), else_=0))
    rows = tx.conn.execute(
        select(outbox.c.target, outbox.c.entity, outbox.c.limit_kind, func.count(), held)
        .where(_countable())
        .group_by(outbox.c.target, outbox.c.entity, outbox.c.limit_kind)
    )
    return {(Side(row[0]), row[1], row[2]): (row[3], int(row[4])) for row in rows}


def counted_links(tx: Tx, target: Side, entity: str, kind: str) -> set[int]:
    """Links with a write not sent yet that counts as this kind."""
    return set(tx.conn.execute(select(outbox.c.link_id).where(
        _countable(), outbox.c.target == target, outbox.c.entity == entity,
        outbox.c.limit_kind == kind,
    )).scalars())  # fmt: skip


def hold(tx: Tx, target: Side, entity: str, kind: str) -> None:
    """Let no write of a kind go before it is approved."""
    tx.conn.execute(
        update(outbox)
        .where(
            _countable(),
            outbox.c.target == target,
            outbox.c.entity == entity,
            outbox.c.limit_kind == kind,
            outbox.c.needs_approval.is_(False),
        )
        .values(needs_approval=True)
    )


def _countable() -> ColumnElement[bool]:
    return and_(
        outbox.c.limit_kind.is_not(None),
        outbox.c.state.in_((WriteState.READY, WriteState.WAITING)),
    )
