"""Reconcile: from states to the writes that should happen now, one per link and side.

Reads links whose revision moved, decides them, and in one transaction stores the new bases, the
open fields, the outbox and the reconciled revision (rules 11, 16).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from interlock.governance.rules import Side
from interlock.model import Fields, Ref, WriteKind
from interlock.store import dead_letters, history, links, outbox, undoing
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.decision import Decided, Intent, Translator, decide
from interlock.sync.identity import digest_of
from interlock.sync.linking import matched_at
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Intents", "reconcile"]

BATCH = 500
BLANK_LIMIT = 20
"""Values of one field that may be erased on one side within ``BLANK_WINDOW`` unasked."""
BLANK_WINDOW = timedelta(hours=1)


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
    existing = outbox.of_links(tx, [b.link.id for b in due])
    wanted: dict[int, list[Intent]] = {}
    for process in processes:
        mine = [b for b in due if b.link.entity == process.entity]
        if mine:
            for link_id, intents in process.intents(tx, mine).items():
                wanted.setdefault(link_id, []).extend(intents)
    first_matched = {e: matched_at(tx, e) for e in {b.link.entity for b in due}}
    result = Decided(links.open_fields(tx, [b.link.id for b in due]))
    result.undo = undoing.of_links(tx, [b.link.id for b in due])
    for bundle in due:
        rules = pair.rules(bundle.link.entity)
        if rules is not None:
            intents_of_link = wanted.get(bundle.link.id, [])
            decide(pair, run, bundle, rules, translate, intents_of_link, first_matched, result)
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
    writes = _hold_blanks(tx, run, writes, now)
    decided = {(w.link_id, w.target) for w in writes}
    put, closed = [], []
    for w in writes:
        old = existing.get((w.link_id, w.target))
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
                needs_approval=w.needs_approval and old.needs_approval,
            )
        elif old is not None and old.state is WriteState.DEAD:
            closed.append(_subject(old))
        put.append(w)
    gone = [w for key, w in existing.items() if key not in decided]
    closed += [_subject(w) for w in gone]
    outbox.remove(tx, [w.id for w in gone])
    dead_letters.close(tx, closed, why="no longer needed: the records have changed", now=now)
    outbox.put(tx, put)
    links.save_bases(tx, result.bases)
    undoing.drop(tx, result.undone)
    _save_open(tx, pair, result)
    history.add(tx, result.events)
    links.set_reconciled(tx, [(b.link.id, b.link.rev) for b in due])
    run.counts["reconciled"] += len(due)


def _hold_blanks(
    tx: Tx, run: Run, writes: Sequence[OutboxWrite], now: datetime
) -> list[OutboxWrite]:
    """Hold blanks that would replace values once there are too many of one field (rule 1).

    A column emptied by an import, or hidden by a permission, looks like many people erasing one
    value each.  Counted are the blanks decided now, those waiting, and those of the last hour.
    """
    blanks = Counter((w.target, w.entity, f) for w in writes for f in _blanks(w))
    if not blanks:
        return list(writes)
    mine = {w.link_id for w in writes}
    for (target, entity, field), count in blanks.items():
        waiting = outbox.waiting_blanks(tx, target, entity, field, but=mine)
        sent = history.blanked(tx, target, entity, field, since=now - BLANK_WINDOW)
        blanks[target, entity, field] = count + waiting + sent
    too_many = {key for key, count in blanks.items() if count > BLANK_LIMIT}
    for target, entity, field in sorted(too_many):
        run.problem(
            f"{entity} {field}",
            f"more than {BLANK_LIMIT} values would be erased in the {target.value.upper()}",
            "look at `interlock plan`; if they are meant to be empty, approve it",
            "blanks",
        )
    return [
        msgspec.structs.replace(w, needs_approval=True)
        if any((w.target, w.entity, f) in too_many for f in _blanks(w))
        and not outbox.approved(tx, [w.digest])
        else w
        for w in writes
    ]


def _blanks(w: OutboxWrite) -> list[str]:
    """Fields of an update that would erase a value."""
    if w.kind is WriteKind.CREATE:
        return []
    return [f for f, v in w.fields.items() if v is None and w.expected.get(f) is not None]


def _subject(w: OutboxWrite) -> str:
    return dead_letters.subject_of(w.link_id, w.target, w.entity, w.source_id)


def _approved(tx: Tx, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
    """Let writes go whose digest a person approved."""
    digests = outbox.approved(tx, [w.digest for w in writes if w.needs_approval])
    return [
        msgspec.structs.replace(w, needs_approval=False) if w.digest in digests else w
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
            links.save_open(tx, link_id, opened, result.kept_open.get(link_id, frozenset()), now)
