"""Sealing: the history in batches chained by hashes, and whether what is stored is what was sealed.

What is removed on purpose is told in the history itself, by an event only the holder of the master
key can make: ``forgotten`` (bodies of a record erased), ``barred`` (bodies that tell of fields put
behind the boundary erased), ``thinned`` (unimportant rows dropped), ``pruned`` (old batches
dropped).  Anything else that is missing or different was altered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, delete, func, or_, select, update

from interlock.governance.rules import CROSS_REFERENCE
from interlock.model import SIGNALS
from interlock.store import history as events
from interlock.store.database import Tx, chunks
from interlock.store.history import Event
from interlock.store.tables import history, record_key, seal

__all__ = [
    "Finding", "Head", "Thinned", "Verdict", "bar", "holds", "newest", "note_removal", "prune",
    "seal_batches", "thin", "verify",
]  # fmt: skip

BATCH = 1_000
_GENESIS = hashlib.sha256(b"interlock history").digest()
_UNIMPORTANT = ("opened", "alone", "retried")
"""Events that changed nobody's value; together with written cross-references they are thinned."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest seal: enough to prove everything before it."""

    sequence: int
    hash: str
    at: datetime


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was sealed.  ``batch``: ``None`` for the chain as a whole."""

    batch: int | None
    message: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying found.

    ``rows`` were proven unaltered, ``erased`` of them without their values.  ``unsealed`` rows are
    too new to be proven.  ``pruned_through``: the newest batch that was pruned, 0 for none.
    """

    batches: int
    rows: int
    erased: int
    thinned: int
    pruned_through: int
    unsealed: int
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        """Say whether nothing was altered."""
        return not self.findings


class Thinned(msgspec.Struct, frozen=True, kw_only=True):
    """How much was removed for its age."""

    rows: int = 0
    batches: int = 0


# ── sealing ──────────────────────────────────────────────────────────────────────────────────


def newest(tx: Tx) -> Head | None:
    """The newest seal, if there is one."""
    row = tx.conn.execute(select(seal).order_by(seal.c.sequence.desc()).limit(1)).first()
    return None if row is None else _head(row)


def holds(tx: Tx, head: Head) -> bool:
    """Say whether a published head is one of this store's seals, or older than all it kept."""
    row = tx.conn.execute(select(seal).where(seal.c.sequence == head.sequence)).first()
    if row is not None:
        return bool(row.hash.hex() == head.hash)
    oldest = tx.conn.execute(select(func.min(seal.c.sequence))).scalar()
    return oldest is not None and head.sequence < oldest


def _head(row: Any) -> Head:
    return Head(sequence=row.sequence, hash=row.hash.hex(), at=row.at)


def seal_batches(tx: Tx, now: datetime) -> Head | None:
    """Seal all rows that are not sealed yet; returns the newest seal."""
    last = tx.conn.execute(select(seal).order_by(seal.c.sequence.desc()).limit(1)).first()
    sequence, last_id, chained = (
        (0, 0, _GENESIS) if last is None else (last.sequence, last.last_id, last.hash)
    )
    head = None if last is None else _head(last)
    while True:
        rows = tx.conn.execute(
            select(history.c.id, history.c.at, history.c.digest)
            .where(history.c.id > last_id)
            .order_by(history.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return head
        sequence, last_id = sequence + 1, rows[-1].id
        chained = _chain(chained, sequence, [(row.id, row.digest) for row in rows])
        tx.conn.execute(
            seal.insert().values(
                sequence=sequence,
                last_id=last_id,
                rows=len(rows),
                at=now,
                newest_at=max(row.at for row in rows),
                hash=chained,
                pruned=False,
            )
        )
        head = Head(sequence=sequence, hash=chained.hex(), at=now)


def _chain(before: bytes, sequence: int, rows: Sequence[tuple[int, bytes]]) -> bytes:
    link = hashlib.sha256(before + sequence.to_bytes(8, "big"))
    for row_id, digest in rows:
        link.update(row_id.to_bytes(8, "big") + digest)
    return link.digest()


# ── removing on purpose ──────────────────────────────────────────────────────────────────────


def note_removal(tx: Tx, event: Event, removed: Mapping[str, object]) -> None:
    """Tell in the history what is removed from it, so that it is no alteration."""
    statement = _statement(event.event, removed)
    body = {**removed, "proof": tx.vault.prove(statement)}
    events.add(tx, [msgspec.structs.replace(event, new=body)])


def _statement(event: str, removed: Mapping[str, object]) -> str:
    return event + msgspec.json.encode(removed, order="deterministic").decode()


def _proven(tx: Tx) -> Iterator[Event]:
    """The removals that were told by somebody who held the master key."""
    for event in events.told(tx, ("forgotten", "barred", "thinned", "pruned")):
        if not isinstance(event.new, dict):
            continue
        removed = {k: v for k, v in event.new.items() if k != "proof"}
        if tx.vault.prove(_statement(event.event, removed)) == event.new.get("proof"):
            yield msgspec.structs.replace(event, new=removed)


def bar(tx: Tx, entity: str, fields: Collection[str], now: datetime) -> None:
    """Erase what the history tells of fields that were put behind the boundary.

    Of a create that wrote one of them nothing but the fact is left.
    """
    through = 0
    for event in events.everything(tx, entity=entity):
        through = event.id
        if not event.erased and (
            event.field in fields or not set(fields).isdisjoint(event.fields or ())
        ):
            erase(tx, event.id)
    note_removal(
        tx,
        Event(at=now, event="barred", entity=entity, why="put behind the boundary"),
        {"entity": entity, "fields": sorted(fields), "through": through},
    )


def erase(tx: Tx, row_id: int) -> None:
    """Destroy what a row tells; what is left of it still proves itself."""
    body = tx.conn.execute(select(history.c.body).where(history.c.id == row_id)).scalar_one()
    tx.conn.execute(
        update(history)
        .where(history.c.id == row_id)
        .values(body=None, body_digest=events.body_digest(body))
    )


def thin(tx: Tx, before: datetime, now: datetime) -> Thinned:
    """Drop unimportant rows of batches older than ``before``; their digests stay in the seal."""
    due = tx.conn.execute(
        select(seal)
        .where(seal.c.newest_at < before, seal.c.thinned.is_(None), seal.c.pruned.is_(False))
        .order_by(seal.c.sequence)
    ).all()
    dropped: dict[str, str] = {}
    count = 0
    for part in due:
        rows = tx.conn.execute(
            select(history.c.id, history.c.digest)
            .where(
                *_within(tx, part),
                or_(
                    # an opened one with a side is an edit that the report of overruled ones counts
                    and_(
                        history.c.event.in_(_UNIMPORTANT),
                        or_(history.c.event != "opened", history.c.side.is_(None)),
                    ),
                    and_(
                        history.c.event == "written",
                        or_(
                            history.c.field == CROSS_REFERENCE,
                            # a signal's next value tells all that counts of the one before
                            *(
                                and_(history.c.entity == entity, history.c.field.in_(names))
                                for entity, names in SIGNALS.items()
                            ),
                        ),
                    ),
                ),
            )
            .order_by(history.c.id)
        ).all()
        kept = b"".join(row.id.to_bytes(8, "big") + row.digest for row in rows)
        tx.conn.execute(update(seal).where(seal.c.sequence == part.sequence).values(thinned=kept))
        if rows:
            dropped[str(part.sequence)] = hashlib.sha256(kept).hexdigest()
            count += len(rows)
            for ids in chunks([row.id for row in rows]):
                tx.conn.execute(delete(history).where(history.c.id.in_(ids)))
    if dropped:
        note_removal(
            tx,
            Event(at=now, event="thinned", entity="", why=f"{count} rows, for their age"),
            {"batches": dropped},
        )
    return Thinned(rows=count, batches=len(dropped))


def prune(tx: Tx, before: datetime, now: datetime) -> Thinned:
    """Drop all batches older than ``before`` but the newest seal; the last one's seal stays."""
    newer = tx.conn.execute(
        select(func.min(seal.c.sequence)).where(seal.c.newest_at >= before)
    ).scalar()
    last = tx.conn.execute(select(func.max(seal.c.sequence))).scalar()
    limit = min(n for n in (newer, last) if n is not None) if last is not None else 0
    due = tx.conn.execute(
        select(seal)
        .where(seal.c.sequence < limit, seal.c.pruned.is_(False))
        .order_by(seal.c.sequence)
    ).all()
    if not due:
        return Thinned()
    end = due[-1]
    rows = tx.conn.execute(delete(history).where(history.c.id <= end.last_id)).rowcount
    tx.conn.execute(delete(seal).where(seal.c.sequence < end.sequence))
    tx.conn.execute(
        update(seal).where(seal.c.sequence == end.sequence).values(pruned=True, thinned=None)
    )
    used = select(history.c.key_id).where(history.c.key_id.is_not(None))
    tx.conn.execute(delete(record_key).where(record_key.c.id.not_in(used)))
    note_removal(
        tx,
        Event(at=now, event="pruned", entity="", why=f"{rows} rows, for their age"),
        {"through": end.sequence, "hash": end.hash.hex()},
    )
    return Thinned(rows=rows, batches=len(due))


def _within(tx: Tx, part: Any) -> tuple[Any, Any]:
    before = tx.conn.execute(
        select(func.max(seal.c.last_id)).where(seal.c.sequence < part.sequence)
    ).scalar()
    return history.c.id > (before or 0), history.c.id <= part.last_id


# ── verifying ────────────────────────────────────────────────────────────────────────────────


class _Removals:
    """What was removed on purpose, as the history tells it."""

    def __init__(self, tx: Tx) -> None:
        self.records: dict[tuple[str, str, str], int] = {}
        self.links: dict[int, int] = {}
        self.barred: dict[tuple[str, str], int] = {}
        self.thinned: dict[int, str] = {}
        self.pruned: set[tuple[int, str]] = set()
        for event in _proven(tx):
            told: Any = event.new
            if event.event == "thinned":
                self.thinned |= {int(n): digest for n, digest in told["batches"].items()}
            elif event.event == "pruned":
                self.pruned.add((told["through"], told["hash"]))
            elif event.event == "barred":
                fields = [(told["entity"], field) for field in told["fields"]]
                self.barred |= dict.fromkeys(fields, told["through"])
                # what was told of a whole record named the field among others
                self.barred[told["entity"], ""] = told["through"]
            else:
                side, entity, record_id = told["record"]
                self.records[side, entity, record_id] = told["through"]
                self.links |= dict.fromkeys(told["links"], told["through"])

    def cover(self, row: Any) -> bool:
        """Say whether a row's body may be missing."""
        key = (row.side, row.entity, row.record_id)
        field = (row.entity, row.field or "")
        through = (
            self.records.get(key, 0),
            self.links.get(row.link_id, 0),
            self.barred.get(field, 0),
        )
        return bool(row.id <= max(through))


def verify(tx: Tx) -> Verdict:
    """Compare every row with its seal, and every seal with the one before it."""
    removals = _Removals(tx)
    seals = tx.conn.execute(select(seal).order_by(seal.c.sequence)).all()
    findings: list[Finding] = []
    rows = erased = thinned = pruned_through = 0
    sequence, last_id, chained = 0, 0, _GENESIS
    for part in seals:
        if part.pruned and sequence == 0:
            if (part.sequence, part.hash.hex()) not in removals.pruned:
                message = "earlier batches are missing, and nothing tells that they were pruned"
                findings.append(Finding(batch=part.sequence, message=message))
            pruned_through = part.sequence
            sequence, last_id, chained = part.sequence, part.last_id, part.hash
            continue
        if part.sequence != sequence + 1:
            missing = f"batch {sequence + 1} is missing from the chain"
            findings.append(Finding(batch=sequence + 1, message=missing))
        batch = _Batch(part, removals, tx.conn.execute(
            select(history)
            .where(history.c.id > last_id, history.c.id <= part.last_id)
            .order_by(history.c.id)
        ).all())  # fmt: skip
        findings += batch.findings(chained)
        rows, erased = rows + len(batch.rows), erased + batch.erased
        thinned += len(batch.dropped)
        sequence, last_id, chained = part.sequence, part.last_id, part.hash
    unsealed = tx.conn.execute(
        select(func.count()).select_from(history).where(history.c.id > last_id)
    ).scalar_one()
    findings += _keys_gone(tx)
    return Verdict(
        batches=len([p for p in seals if not p.pruned]),
        rows=rows,
        erased=erased,
        thinned=thinned,
        pruned_through=pruned_through,
        unsealed=unsealed,
        findings=findings,
    )


class _Batch:
    """The rows of one seal as they are now."""

    def __init__(self, part: Any, removals: _Removals, rows: Sequence[Any]) -> None:
        self.part, self.removals, self.rows = part, removals, rows
        kept: bytes = part.thinned or b""
        self.dropped = [
            (int.from_bytes(kept[i : i + 8], "big"), kept[i + 8 : i + 40])
            for i in range(0, len(kept), 40)
        ]
        self.erased = sum(row.body is None for row in rows)

    def findings(self, before: bytes) -> list[Finding]:
        found = [f"row {row.id} {what}" for row in self.rows if (what := self._judge(row))]
        told = hashlib.sha256(self.part.thinned or b"").hexdigest()
        if self.dropped and self.removals.thinned.get(self.part.sequence) != told:
            found.append("rows are missing, and nothing tells that they were thinned out")
        items = sorted([*((row.id, row.digest) for row in self.rows), *self.dropped])
        if _chain(before, self.part.sequence, items) != self.part.hash:
            gone = self.part.rows - len(items)
            found.append(
                f"{gone} of {self.part.rows} rows are missing" if gone > 0
                else f"{-gone} rows were added" if gone < 0
                else "its rows, or a batch before it, are not those that were sealed"
            )  # fmt: skip
        return [Finding(batch=self.part.sequence, message=message) for message in found]

    def _judge(self, row: Any) -> str:
        if row.body is None and row.body_digest is None:
            return "has lost what it told"
        if row.body is None and not self.removals.cover(row):
            return "was erased, and nothing tells that its record was forgotten"
        body = row.body_digest if row.body is None else events.body_digest(row.body)
        if events.digest_of(row._asdict(), body) != row.digest:
            return "was altered"
        return ""


def _keys_gone(tx: Tx) -> list[Finding]:
    """Find values whose keys are gone although nobody forgot the record."""
    known = {
        row.id
        for row in tx.conn.execute(select(record_key.c.id, record_key.c.wrapped))
        if tx.vault.unwrap(row.id, row.wrapped) is not None
    }
    needed = tx.conn.execute(
        select(history.c.key_id)
        .distinct()
        .where(history.c.key_id.is_not(None), history.c.body.is_not(None))
    ).scalars()
    gone = sum(key_id not in known for key_id in needed)
    if not gone:
        return []
    return [Finding(batch=None, message=f"the keys of {gone} records are missing or altered")]
