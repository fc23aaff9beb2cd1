"""Reconcile: from states to the writes that should happen now, one per link and side.

Reads links whose revision moved, decides them, and in one transaction stores the new bases, the
open fields, the outbox and the reconciled revision (rules 11, 16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from interlock.governance.rules import Side
from interlock.model import Fields, Ref, WriteKind
from interlock.store import (
    approvals,
    dead_letters,
    history,
    links,
    open_fields,
    outbox,
    resolutions,
    undoing,
)
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync import breaker, copies, limits
from interlock.sync.decision import Decided, Intent, Translator, decide, intend
from interlock.sync.identity import digest_of
from interlock.sync.linking import matched_at
from interlock.sync.mapchange import creates_since, maps_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run
from interlock.sync.resolving import store_resolutions

__all__ = ["Intents", "reconcile"]

BATCH = 500


class Intents(Protocol):
    """A process's pure decision on one of its links."""

    entity: str

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Say per link what should be written; level-triggered, so repeat it until it is so."""
        ...


async def reconcile(pair: Pair, run: Run, processes: Sequence[Intents] = ()) -> int:
    """Reconcile all due links; returns how many there were."""
    done = after = 0
    while True:
        size, after = await pair.store.call(_batch, pair, run, processes, after)
        done += size
        run.tick("reconcile", None, "", size)
        if size < BATCH:
            await pair.store.call(limits.review, pair, run)
            return done


def _batch(
    tx: Tx, pair: Pair, run: Run, processes: Sequence[Intents], after: int
) -> tuple[int, int]:
    due = links.due(tx, None, after, BATCH)
    if due:
        _reconcile_links(tx, pair, run, processes, due)
        after = due[-1].link.id
    return len(due), after


def _reconcile_links(
    tx: Tx, pair: Pair, run: Run, processes: Sequence[Intents], due: Sequence[Bundle]
) -> None:
    translate = Translator(_links_of_refs(tx, due))
    maps = maps_of(tx, pair, due)
    existing = outbox.of_links(tx, [b.link.id for b in due])
    wanted: dict[int, list[Intent]] = {}
    for process in processes:
        mine = [b for b in due if b.link.entity == process.entity]
        if mine:
            for link_id, intents in process.intents(tx, mine).items():
                wanted.setdefault(link_id, []).extend(intents)
    entities = {b.link.entity for b in due}
    first_matched = {e: creates_since(tx, e, matched_at(tx, e)) for e in entities}
    ids = [b.link.id for b in due]
    known_open = open_fields.load(tx, ids)
    brakes = breaker.load(tx, due, known_open, pair.clock())
    result = Decided(known_open, brakes, resolutions.of_links(tx, ids))
    result.undo = undoing.of_links(tx, ids)
    for found in due:
        bundle = maps.bring_up(found)
        result.bases += [
            (found.link.id, m) for s, m in bundle.members.items() if m is not found.members[s]
        ]
        rules = pair.rules(bundle.link.entity)
        if rules is not None:
            intents_of_link = wanted.get(bundle.link.id, [])
            decide(pair, run, bundle, rules, translate, intents_of_link, first_matched, result)
        else:
            intend(pair, bundle, wanted.get(bundle.link.id, []), result)
    _store(tx, pair, run, due, existing, result)


def _links_of_refs(tx: Tx, due: Sequence[Bundle]) -> dict[tuple[Side, str, str], int]:
    """(side, entity, record id) -> link id, of all records these links refer to."""
    known: dict[tuple[Side, str, str], int] = {}
    for side in Side:
        refs = {
            (value.entity, value.id)
            for bundle in due
            for fields in _fields_of(bundle, side)
            for value in fields.values()
            if isinstance(value, Ref) and not value.is_link
        }
        for (entity, record_id), link_id in links.members_of(tx, side, refs).items():
            known[side, entity, record_id] = link_id
    return known


def _fields_of(bundle: Bundle, side: Side) -> list[Fields]:
    found = []
    if side in bundle.seen:
        found.append(bundle.seen[side].fields)
    if side in bundle.members:
        found.append(bundle.members[side].base)
    return found


def _store(
    tx: Tx,
    pair: Pair,
    run: Run,
    due: Sequence[Bundle],
    existing: Mapping[tuple[int, Side], OutboxWrite],
    result: Decided,
) -> None:
    now = pair.clock()
    # what was approved stays so when a person then mends a refused value
    decided_on = _approved(tx, result.writes)
    writes = _approved(tx, _with_overrides(tx, decided_on))
    decided = {(w.link_id, w.target) for w in writes}
    put, closed = [], []
    joined = {(b.link.id, side) for b in due for side in b.members}
    for w in writes:
        old = existing.get((w.link_id, w.target))
        if old is not None and old.is_begun and w.kind is WriteKind.CREATE:
            w = msgspec.structs.replace(w, record_id=old.record_id)  # noqa: PLW2901
        if old is not None and old.digest == w.digest:
            # the same decision again: patience, leases and dead letters go on counting
            w = msgspec.structs.replace(  # noqa: PLW2901
                w,
                id=old.id,
                state=old.state,
                attempts=old.attempts,
                due_at=old.due_at,
                created_at=old.created_at,
                waits_for=old.waits_for,
                sent_at=old.sent_at,
                # under another map it is another decision, though it writes the same
                needs_approval=w.needs_approval
                and (old.needs_approval or old.map_version != w.map_version),
            )
        elif old is not None and old.state is WriteState.DEAD:
            closed.append(_subject(old))
        put.append(w)
    gone = [
        w
        for key, w in existing.items()
        # what a create has begun is finished or asked about, whatever is decided now
        if key not in decided and (not w.is_begun or key in joined)
    ]
    closed += [_subject(w) for w in gone]
    outbox.remove(tx, [w.id for w in gone])
    dead_letters.close(tx, closed, why="no longer needed: the records have changed", now=now)
    outbox.put(tx, put)
    links.save_bases(tx, result.bases)
    undoing.drop(tx, result.undone)
    _save_open(tx, pair, result)
    breaker.save(tx, pair, run, result.brakes)
    store_resolutions(tx, result)
    history.add(tx, result.events)
    links.set_reconciled(tx, [(b.link.id, b.link.rev) for b in due])
    wanted = {w.link_id for w in writes}
    done = [b.link.id for b in due if b.link.origin == copies.COPY and b.link.id not in wanted]
    copies.dissolve(tx, done, now)
    run.counts["reconciled"] += len(due)


def _subject(w: OutboxWrite) -> str:
    return dead_letters.subject_of(w.link_id, w.target, w.entity, w.source_id)


def _approved(tx: Tx, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
    """Let writes go whose digest a person approved."""
    asked = [w.digest for w in writes if w.needs_approval or w.limit_kind is not None]
    digests = approvals.approved(tx, asked)
    return [
        msgspec.structs.replace(w, needs_approval=False, limit_kind=None)
        if w.digest in digests
        else w
        for w in writes
    ]


def _with_overrides(tx: Tx, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
    """Apply what a person set in a dead letter; the write then is another one.

    An override replaces the very value that was refused: once the source shows another, that one
    goes out.
    """
    subjects = {_subject(w) for w in writes}
    found = dead_letters.overrides(tx, sorted(subjects)) if subjects else {}
    out = []
    for w in writes:
        fields, reasons = dict(w.fields), dict(w.reasons)
        for o in found.get(_subject(w), ()):
            mended = {
                f: v
                for f, v in o.fields.items()
                if (f in fields or w.kind is WriteKind.CREATE)
                and fields.get(f) == o.instead_of.get(f)
            }
            fields |= mended
            reasons |= dict.fromkeys(mended, o.why)
        if fields != w.fields:
            schema = tx.schema[w.entity]
            subject = w.record_id or f"{w.source_entity}:{w.source_id}:override"
            w = msgspec.structs.replace(  # noqa: PLW2901
                w,
                fields=fields,
                reasons=reasons,
                digest=digest_of(schema, w.target, w.entity, w.kind, subject, fields, w.expected),
            )
        out.append(w)
    return out


def _save_open(tx: Tx, pair: Pair, result: Decided) -> None:
    now = pair.clock()
    for link_id, opened in result.open.items():
        if opened or link_id in result.known_open:
            open_fields.save(tx, link_id, opened, result.kept_open.get(link_id, frozenset()), now)
