"""Outcomes: what the answer to a write means for observations, bases, history and the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from interlock.connectors.base import EntityCapabilities, Outcome, Reason, Receipt
from interlock.governance.merge import respelled
from interlock.governance.rules import OnCreate, Side
from interlock.model import ANYTHING, Fields, Record, WriteKind, agree
from interlock.store import creations, dead_letters, history, links, observations, outbox
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event, plain
from interlock.store.links import Bundle, Member
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Settlement", "bury", "settle", "unanswered"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where and when a batch was answered."""

    pair: Pair
    run: Run
    side: Side
    entity: str
    caps: EntityCapabilities
    at: datetime


@dataclass(slots=True)
class _Stored:
    """What a batch of successes changes, collected for batched statements."""

    records: list[Record] = field(default_factory=list)
    attached: list[tuple[int, Side, str, str]] = field(default_factory=list)
    bases: list[tuple[int, Member]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    unsure: set[int] = field(default_factory=set)


def settle(tx: Tx, s: Settlement, answers: Sequence[tuple[OutboxWrite, Receipt]]) -> None:
    """Store a batch of receipts in one transaction (rule 21)."""
    held = outbox.held(tx, [w for w, _ in answers])
    mine = [(w, r) for w, r in answers if w.id in held]
    done = [(w, r) for w, r in mine if r.outcome.succeeded]
    done = _refuse_strangers(tx, s, done)
    # another worker may have taken a create over and made it, too: the record is there all the same
    lost = [(w, r) for w, r in answers if w.id not in held and r.outcome.succeeded]
    twice = _note_made(
        tx,
        s,
        [
            (w, w.reference, r.record_id)
            for w, r in (*done, *lost)
            if w.reference is not None and r.record_id is not None
        ],
    )
    _store_successes(tx, s, done)
    for w, reason in twice:
        subject = f"{_subject(w)}:twice"
        _open_letter(tx, s, w, msgspec.structs.replace(_letter(s, w, reason), subject=subject))
    for w, receipt in mine:
        if not receipt.outcome.succeeded:
            _store_failure(tx, s, w, receipt)


def _note_made(
    tx: Tx, s: Settlement, made: Sequence[tuple[OutboxWrite, str, str]]
) -> list[tuple[OutboxWrite, Reason]]:
    """Note what was created, as (write, reference, record id); returns what made a second one."""
    twice = []
    known = creations.made_as(tx, [reference for _, reference, _ in made])
    fresh: dict[str, str] = {}
    for w, reference, record_id in made:
        earlier = known.get(reference) or fresh.setdefault(reference, record_id)
        if earlier != record_id:
            reason = Reason(
                code="created_twice",
                message=f"{earlier} and {record_id} were both created as {reference}",
                fix="keep the one that is linked, archive the other and clear its reference",
            )
            twice.append((w, reason))
    creations.finish(tx, list(fresh.items()), s.at)
    return twice


def _refuse_strangers(
    tx: Tx, s: Settlement, done: Sequence[tuple[OutboxWrite, Receipt]]
) -> list[tuple[OutboxWrite, Receipt]]:
    """A created record that already belongs to another link is nobody's success."""
    ids = [r.record_id for w, r in done if w.kind is WriteKind.CREATE and r.record_id]
    owners = links.members_of(tx, s.side, [(s.entity, i) for i in ids])
    kept = []
    for w, r in done:
        owner = owners.get((s.entity, r.record_id or ""))
        if w.kind is WriteKind.CREATE and owner is not None and owner != w.link_id:
            bury(
                tx,
                s,
                w,
                Reason(
                    code="linked_elsewhere",
                    message=f"record {r.record_id} has our reference but belongs to link {owner}",
                    fix="see `interlock links show`, then undo the wrong link",
                ),
            )
        else:
            kept.append((w, r))
    return kept


def _store_successes(tx: Tx, s: Settlement, done: Sequence[tuple[OutboxWrite, Receipt]]) -> None:
    if not done:
        return
    bundles = links.bundles(tx, [w.link_id for w, _ in done])
    stored = _Stored()
    for w, receipt in done:
        _store_success(s, w, receipt, bundles[w.link_id], stored)
    assumed = {i for w, r in done if r.record is None and (i := r.record_id or w.record_id)}
    observations.save_page(
        tx,
        s.side,
        s.entity,
        stored.records,
        read_from=s.at,
        map_version=s.pair.map_version,
        own_write=True,
        assumed=assumed,
    )
    # a feed shows nothing of a write that the system quietly ignored: each is looked at
    observations.mark_refetch(tx, s.side, s.entity, sorted(assumed), s.at + s.caps.read_lag)
    # a field that was not taken changes nothing that is seen, but must be judged
    links.raise_revision(tx, stored.unsure)
    links.attach(tx, stored.attached)
    if stored.attached:
        outbox.wake(tx, s.at)
    links.save_bases(tx, stored.bases)
    history.add(tx, stored.events)
    dead_letters.close(tx, stored.subjects, why="done", now=s.at)
    outbox.finish(tx, [w for w, _ in done])


def _store_success(
    s: Settlement, w: OutboxWrite, receipt: Receipt, bundle: Bundle, stored: _Stored
) -> None:
    record_id = receipt.record_id or w.record_id
    assert record_id is not None
    seen = bundle.seen.get(s.side)
    shown = receipt.record.fields if receipt.record is not None else {}
    # of a field the answer leaves out, as a hidden one, nothing can be judged
    left_out = {f: v for f, v in w.fields.items() if receipt.record and f not in shown}
    if receipt.record is not None:
        record = msgspec.structs.replace(receipt.record, fields={**shown, **left_out})
    else:
        # without values in the answer the written ones are assumed, and stay unconfirmed
        record = Record(
            entity=w.entity,
            id=record_id,
            fields=w.fields,
            version=seen.version if seen is not None else None,
            modified=seen.modified if seen is not None else None,
            reference=(
                w.reference if w.kind is WriteKind.CREATE else seen.reference if seen else None
            ),
        )
    stored.records.append(record)
    facts = s.caps.fields
    confirmed = {
        f for f, v in w.fields.items() if f in shown and agree(shown[f], v, facts.get(f, ANYTHING))
    }
    unsure = frozenset(w.fields) - confirmed - left_out.keys()
    if unsure:
        stored.unsure.add(w.link_id)
    member = bundle.members.get(s.side)
    if member is None and w.kind is WriteKind.UPDATE:
        # the write of a process to a record that belongs to another link, or to none: the link
        # has no bases to keep, and its process looks at what is shown
        _note_success(s, w, receipt, record_id, w.expected, stored)
        return
    if member is None:
        stored.attached.append((w.link_id, s.side, w.entity, record_id))
        member = Member(
            side=s.side,
            entity=w.entity,
            id=record_id,
            base={},
            base_map_version="",
            unconfirmed=frozenset(),
            unconfirmed_since=None,
        )
    # what the map keeps from a create was left blank on purpose: no first link fills it
    omitted: Fields = dict.fromkeys(_omitted(s, w))
    base = {**_unless_based(omitted, member), **w.fields, **{f: shown[f] for f in confirmed}}
    # a value shown differently is judged at the next merge: base keeps what was written
    since = s.at if receipt.record is None else s.at - timedelta(microseconds=1)
    stored.bases.append(
        (
            w.link_id,
            msgspec.structs.replace(
                member.rebased(base, w.map_version),
                unconfirmed=(member.unconfirmed - confirmed - left_out.keys()) | unsure,
                unconfirmed_since=since if unsure else member.unconfirmed_since,
            ),
        )
    )
    source = bundle.members.get(s.side.other)
    if source is not None and (w.bases or omitted):
        stored.bases.append(
            (
                w.link_id,
                source.rebased({**_unless_based(omitted, source), **w.bases}, w.map_version),
            )
        )
    if member.older or (source is not None and source.older):
        # fields of a changed map were left out of this write: they are decided now
        stored.unsure.add(w.link_id)
    _note_success(s, w, receipt, record_id, member.base, stored)


def _note_success(
    s: Settlement, w: OutboxWrite, receipt: Receipt, record_id: str, base: Fields, stored: _Stored
) -> None:
    stored.events += _events(s, w, receipt, record_id, base)
    stored.subjects.append(_subject(w))
    name = (
        "created"
        if w.kind is WriteKind.CREATE
        else ("unchanged" if receipt.outcome is Outcome.UNCHANGED else "updated")
    )
    s.run.counts[name] += 1
    s.run.counts[f"{name}:{s.side.value}:{w.entity}"] += 1


def _unless_based(fields: Fields, member: Member) -> Fields:
    return {f: v for f, v in fields.items() if f not in member.base}


def _omitted(s: Settlement, w: OutboxWrite) -> list[str]:
    """The owner's fields a create leaves to the owner to fill (rule 2)."""
    rules = s.pair.rules(w.entity)
    if w.kind is not WriteKind.CREATE or rules is None:
        return []
    return [
        rule.field
        for rule in rules.merged()
        if rule.on_create is OnCreate.OMIT
        and rule.ownership.side is s.side
        and rule.field not in w.fields
    ]


def _events(
    s: Settlement,
    w: OutboxWrite,
    receipt: Receipt,
    record_id: str | None,
    base: Fields | None = None,
    *,
    sent: bool = False,
) -> list[Event]:
    """Tell of each field, of a create in one; ``sent``: nobody knows yet whether it arrived."""
    base = base or {}

    def _event(name: str, why: str, **more: object) -> Event:
        return msgspec.structs.replace(
            Event(
                at=s.at,
                event=name,
                entity=w.entity,
                why=why,
                link_id=w.link_id,
                side=s.side,
                record_id=record_id,
                map_version=w.map_version,
                write_id=w.id,
                request_id=receipt.request_id,
                run_id=s.run.id,
            ),
            **more,
        )

    if w.kind is WriteKind.CREATE:
        return [
            _event(
                "created",
                f"created as {w.reference}",
                fields={name: plain(value) for name, value in w.fields.items()},
                reasons=w.reasons,
            )
        ]
    events = []
    for name, value in w.fields.items():
        why = w.reasons.get(name, "")
        old = w.expected.get(name)
        # the target showed what neither side had agreed on: somebody's edit gave way
        overruled = old is not None and (name not in base or not agree(base[name], old))
        events.append(
            _event(
                "sent" if sent else "overruled" if overruled else "written",
                why,
                field=name,
                old=plain(old),
                new=plain(value),
            )
        )
    return events


def _store_failure(tx: Tx, s: Settlement, w: OutboxWrite, receipt: Receipt) -> None:
    patience = s.pair.patience
    s.run.counts[receipt.outcome.value] += 1
    s.run.counts[f"{receipt.outcome.value}:{s.side.value}:{w.entity}"] += 1
    if w.kind is WriteKind.CREATE and receipt.record_id is not None:
        outbox.begun(tx, w, receipt.record_id)
        w = msgspec.structs.replace(w, record_id=receipt.record_id)
    match receipt.outcome:
        case Outcome.REJECTED:
            bury(tx, s, w, receipt.reason or Reason(code="rejected", message="refused"))
        case Outcome.THROTTLED:
            until = receipt.until or s.at + patience.retry_base
            outbox.release(tx, w, state=WriteState.READY, due_at=until)
        case Outcome.UNKNOWN if w.kind is WriteKind.CREATE:
            _doubt(tx, w, s.at)
        case Outcome.UNKNOWN if s.at < _settled_at(s, w):
            # it may still arrive, and would then look like an edit by somebody there
            _doubt(tx, w, _settled_at(s, w))
        case Outcome.UNKNOWN:
            # observe and merge again: the write is decided anew from what is there; what it may
            # have replaced is noted now, since a merge that finds it done would not tell
            history.add(tx, _events(s, w, receipt, w.record_id, sent=True))
            _note_arrived(tx, s, w)
            if w.attempts >= patience.max_attempts:
                bury(tx, s, w, unanswered(w))
            else:
                due_at = s.at + patience.unanswered(w.attempts)
                outbox.release(tx, w, state=WriteState.READY, attempts=w.attempts, due_at=due_at)
            links.raise_revision(tx, [w.link_id])
        case _:
            _retry(tx, s, w, receipt)


def _note_arrived(tx: Tx, s: Settlement, w: OutboxWrite) -> None:
    """Take what is shown as it was sent for agreed on: it is our value, nobody's edit there."""
    bundle = links.bundles(tx, [w.link_id])[w.link_id]
    if len(bundle.members) < len(Side):
        return
    seen = bundle.seen[s.side]
    if w.sent_at is None or seen.instant <= w.sent_at:
        return
    facts = s.caps.fields
    arrived = {
        f: seen.known[f]
        for f, v in w.fields.items()
        if f in seen.known
        and (agree(seen.known[f], v, facts.get(f, ANYTHING)) or respelled(v, seen.known[f]))
    }
    agreed = {s.side: arrived, s.side.other: {f: v for f, v in w.bases.items() if f in arrived}}
    links.save_bases(
        tx,
        [
            (w.link_id, msgspec.structs.replace(m, base={**m.base, **agreed[side]}))
            for side, m in bundle.members.items()
        ],
    )


def _doubt(tx: Tx, w: OutboxWrite, due_at: datetime) -> None:
    outbox.release(
        tx, w, state=WriteState.IN_DOUBT, attempts=w.attempts, sent_at=w.sent_at, due_at=due_at
    )


def unanswered(w: OutboxWrite) -> Reason:
    """Tell why a write is given up that was sent again and again."""
    return Reason(
        code="exhausted",
        message=f"given up after {w.attempts} attempts: no answer came to any of them",
        fix="look at the record and at the system's own log, then retry",
    )


def _settled_at(s: Settlement, w: OutboxWrite) -> datetime:
    """From when on a write that was sent can no longer take effect."""
    return (w.sent_at or s.at) + s.caps.settle_time


def _retry(tx: Tx, s: Settlement, w: OutboxWrite, receipt: Receipt) -> None:
    """A conflict or a passing failure of this record alone: later, a limited number of times."""
    patience = s.pair.patience
    attempts = w.attempts + 1
    if attempts >= patience.max_attempts:
        reason = receipt.reason
        bury(
            tx,
            s,
            w,
            Reason(
                code="exhausted",
                field=reason.field if reason else None,
                message=f"given up after {attempts} attempts: "
                f"{reason.message if reason else 'the record keeps changing meanwhile'}",
                fix=(reason.fix if reason else "") or "look at the record, then retry",
            ),
        )
        return
    if receipt.outcome is Outcome.CONFLICT:
        links.raise_revision(tx, [w.link_id])
        # a read within the lag would show the same again, and use up its patience
        due = s.at + s.caps.read_lag
    else:
        delay = min(patience.retry_base * 2 ** (attempts - 1), patience.retry_cap)
        due = receipt.until or s.at + delay * (0.5 + s.pair.jitter())
    outbox.release(tx, w, state=WriteState.READY, attempts=attempts, due_at=due)


def bury(
    tx: Tx, s: Settlement, w: OutboxWrite, reason: Reason, *, state: WriteState = WriteState.DEAD
) -> None:
    """Make a dead letter of a write that failed for good, if it is still ours."""
    if outbox.release(tx, w, state=state):
        _open_letter(tx, s, w, _letter(s, w, reason))


def _letter(s: Settlement, w: OutboxWrite, reason: Reason) -> DeadLetter:
    if w.is_begun:
        reason = _incomplete(w, reason)
    return DeadLetter(
        subject=_subject(w),
        link_id=w.link_id,
        target=w.target,
        entity=w.entity,
        kind=w.kind,
        record_id=w.record_id,
        source_entity=w.source_entity,
        source_id=w.source_id,
        cause=reason.code,
        field=reason.field,
        message=reason.message,
        fix=reason.fix or "correct the record in the system it comes from, or edit and retry",
        fields=w.fields,
        digest=w.digest,
        at=s.at,
    )


def _incomplete(w: OutboxWrite, reason: Reason) -> Reason:
    """Name the record that a refused create left there, too."""
    system = w.target.value.upper()
    fix = reason.fix or "correct what it refuses"
    return msgspec.structs.replace(
        reason,
        message=f"{w.entity} {w.record_id} was begun in the {system} and is incomplete: "
        f"{reason.message}",
        fix=f"{fix}, then retry; to give it up, delete {w.entity} {w.record_id} there and discard",
    )


def _open_letter(tx: Tx, s: Settlement, w: OutboxWrite, letter: DeadLetter) -> None:
    if dead_letters.put(tx, letter):
        history.add(
            tx,
            [
                Event(
                    at=s.at,
                    event="dead",
                    entity=w.entity,
                    link_id=w.link_id,
                    side=s.side,
                    record_id=w.record_id,
                    field=letter.field,
                    why=letter.message,
                    write_id=w.id,
                    run_id=s.run.id,
                )
            ],
        )
    s.run.counts["dead"] += 1


def _subject(w: OutboxWrite) -> str:
    return dead_letters.subject_of(w.link_id, w.target, w.entity, w.source_id)
