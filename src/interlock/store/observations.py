"""Observations: what was last seen of every record, and which newer look replaces it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, update

from interlock.governance.rules import Side
from interlock.model import HOLD_FIELDS, SIGNALS, EntitySchema, Fields, Presence, Record
from interlock.store.database import Tx, chunks
from interlock.store.forgotten import without_forgotten
from interlock.store.scores import SCORED
from interlock.store.sqlite import fixed
from interlock.store.tables import SUMMED, link, record

__all__ = [
    "Observation",
    "PageResult",
    "absent",
    "content_hash",
    "count",
    "due_refetch",
    "every",
    "load",
    "mark_refetch",
    "note_absent",
    "present",
    "raise_revision",
    "refetch_due",
    "save_page",
    "some_present",
    "state_of",
    "unknown",
    "unlinked",
]


_OF_ENTITY = (record.c.side == bindparam("b_side"), record.c.entity == bindparam("b_entity"))
_NAMED = (*_OF_ENTITY, record.c.id.in_(bindparam("b_ids", expanding=True)))
_THERE = record.c.presence.in_((Presence.PRESENT, Presence.ARCHIVED))
_LOAD = fixed(select(record).where(*_NAMED))
_UPDATE = fixed(update(record).where(*_OF_ENTITY, record.c.id == bindparam("b_id")))
_SEEN = fixed(
    update(record)
    .where(*_NAMED, record.c.instant < bindparam("b_instant"))
    .values(instant=bindparam("b_instant"))
)
_SHOWN = fixed(update(record).where(*_NAMED).values(absent_since=None))
_SHOWN_NOW = fixed(
    update(record).where(*_NAMED).values(absent_since=None, refetch_at=None, refetch_tries=0)
)
_SWEPT = fixed(update(record).where(*_NAMED).values(absent_since=None, sweep=bindparam("b_sweep")))
_SWEPT_NOW = fixed(
    update(record)
    .where(*_NAMED)
    .values(absent_since=None, refetch_at=None, refetch_tries=0, sweep=bindparam("b_sweep"))
)
_RAISE = fixed(
    update(link).where(link.c.id.in_(bindparam("b_ids", expanding=True))).values(rev=link.c.rev + 1)
)
_REFETCH = fixed(update(record).where(*_NAMED).values(refetch_at=bindparam("b_at")))
_DUE = fixed(
    select(record.c.id)
    .where(*_OF_ENTITY, record.c.refetch_at <= bindparam("b_now"))
    .order_by(record.c.refetch_at)
    .limit(bindparam("b_limit"))
)
_DUE_ENTITIES = fixed(
    select(record.c.entity)
    .distinct()
    .where(record.c.side == bindparam("b_side"), record.c.refetch_at <= bindparam("b_now"))
)
_ABSENT = fixed(
    select(record.c.id).where(
        *_OF_ENTITY,
        record.c.sweep < bindparam("b_sweep"),
        record.c.first_seen < bindparam("b_started"),
        record.c.instant < bindparam("b_started"),
        _THERE,
    )
)
_UNLINKED = fixed(
    select(record)
    .where(*_OF_ENTITY, record.c.link_id.is_(None), record.c.presence == Presence.PRESENT)
    .order_by(record.c.id)
)
_PRESENT = fixed(
    select(record).where(*_OF_ENTITY, record.c.presence == Presence.PRESENT).order_by(record.c.id)
)
_STATE = fixed(
    select(func.count(), func.count(record.c.link_id), func.max(record.c.instant)).where(
        *_OF_ENTITY, record.c.presence == Presence.PRESENT
    )
)
_COUNT = fixed(select(func.count()).select_from(record).where(*_OF_ENTITY, _THERE))


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A record as the store remembers it; ``instant`` is when the read that saw it began."""

    side: Side
    entity: str
    id: str
    fields: Fields
    version: str | None
    modified: datetime | None
    instant: datetime
    presence: Presence
    merged_into: str | None
    reference: str | None
    map_version: str
    first_seen: datetime
    absent_since: datetime | None
    link_id: int | None
    unlinked: str | None
    problems: Mapping[str, str]

    @property
    def known(self) -> Fields:
        """What the last look showed; ``fields`` also keeps what was seen of unknown ones before."""
        if not self.problems:
            return self.fields
        return {f: v for f, v in self.fields.items() if f not in self.problems}

    @property
    def there(self) -> bool:
        """Say whether the record is present and not doubted."""
        return self.presence is Presence.PRESENT and self.absent_since is None


class PageResult(msgspec.Struct, frozen=True, kw_only=True):
    """What saving a page found: ids that are new, changed, the same, or older than what we hold."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: int = 0
    dropped: tuple[str, ...] = ()
    lost: Mapping[str, Sequence[str]] = {}
    """Field -> ids of linked records of which it could be read before, and cannot be now."""


_ASSUMED = b""
"""In place of a content hash: no look has confirmed the content yet."""


def content_hash(fields: bytes, presence: str, reference: str | None, merged: str | None) -> bytes:
    """Digest what a change of which must be noticed."""
    digest = hashlib.blake2b(fields, digest_size=16)
    digest.update(f"\0{presence}\0{reference or ''}\0{merged or ''}".encode())
    return digest.digest()


_NOT_SHOWN = "the system no longer shows it"


def save_page(
    tx: Tx,
    side: Side,
    entity: str,
    records: Sequence[Record],
    *,
    read_from: datetime,
    map_version: str,
    sweep: int = 0,
    read_lag: timedelta = timedelta(0),
    comparable_versions: bool = False,
    own_write: bool = False,
    assumed: Collection[str] = (),
) -> PageResult:
    """Store what a read saw, newer only (rule 7), and raise the revision of links it concerns.

    ``sweep`` numbers the sweep the page belongs to; 0 for other reads.  ``own_write``: the records
    come from the answer to a write of ours, which is newer than any read before it.  ``assumed``:
    ids of those whose answer carried no values; the next look at them counts as a change.
    """
    schema = tx.schema[entity]
    records, forgotten = without_forgotten(tx, side, entity, records)
    by_id = {r.id: r for r in records}
    known = {
        row.id: row
        for part in chunks(list(by_id))
        for row in tx.conn.execute(_LOAD, _named(side, entity, part))
    }
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    same: list[str] = []
    dropped: list[str] = []
    links: set[int | None] = set()
    lost: dict[str, list[str]] = {}
    for item in by_id.values():
        old = known.get(item.id)
        values = _values(schema, item, old, own_write=own_write)
        values |= {"instant": read_from, "map_version": map_version}
        if own_write and old is not None:
            # what the answer leaves out is as an earlier look, under an earlier map, showed it
            values["map_version"] = old.map_version
        if item.id in assumed:
            values["hash"] = _ASSUMED
        if old is None:
            inserts.append(
                values
                | {
                    "side": side,
                    "entity": entity,
                    "id": item.id,
                    "sweep": sweep,
                    "first_seen": read_from,
                    "unlinked": "parked" if item.id in forgotten else None,
                    "to_match": (entity in SCORED) or None,
                    "to_sum": (side is Side.ERP and entity in SUMMED) or None,
                }
            )
            continue
        # of two writes answered without values the later one counts
        unchanged = values["hash"] == old.hash != _ASSUMED and old.absent_since is None
        if unchanged and old.version == item.version and old.problems == values["problems"]:
            same.append(item.id)
        elif not (own_write or _is_newer(old, item, read_from, read_lag, comparable_versions)):
            dropped += () if unchanged else (item.id,)
            continue
        else:
            look = entity in SCORED and (old.to_match or values["hash"] != old.hash)
            sums = side is Side.ERP and entity in SUMMED
            updates.append(
                values
                | {
                    "b_id": item.id,
                    "sweep": max(sweep, old.sweep),
                    "to_match": look or None,
                    "to_sum": (sums and (old.to_sum or values["hash"] != old.hash)) or None,
                }
            )
            if old.problems != values["problems"] and old.link_id is not None and not own_write:
                for field in _problems(values["problems"]) - _problems(old.problems):
                    lost.setdefault(field, []).append(item.id)
        # a field that turns unknown, or can be read again, changes what may be written; and what
        # was seen under an earlier map may have said nothing
        noticed = ("problems", "map_version")
        if not unchanged or any(getattr(old, name) != values[name] for name in noticed):
            links.add(old.link_id)
    _write(tx, side, entity, inserts, updates)
    _touch(tx, side, entity, same, read_from, sweep)
    for part in chunks([i for i in same if known[i].map_version != map_version]):
        tx.conn.execute(
            update(record)
            .where(record.c.side == side, record.c.entity == entity, record.c.id.in_(part))
            .values(map_version=map_version)
        )
    if dropped:
        if sweep:
            _touch(tx, side, entity, dropped, None, sweep)
        mark_refetch(tx, side, entity, dropped, read_from + read_lag)
    raise_revision(tx, {i for i in links if i is not None})
    changed = tuple(u["b_id"] for u in updates if known[u["b_id"]].hash != u["hash"])
    return PageResult(
        new=tuple(i["id"] for i in inserts),
        changed=changed,
        same=len(same) + len(updates) - len(changed),
        dropped=tuple(dropped),
        lost=lost,
    )


def _problems(packed: bytes | None) -> set[str]:
    return set(msgspec.msgpack.decode(packed)) if packed else set()


def _values(schema: EntitySchema, item: Record, old: Any, *, own_write: bool) -> dict[str, Any]:
    fields = dict(item.fields)
    problems = dict(item.problems or {})
    if old is not None and item.presence is not Presence.GONE:
        # an unknown field keeps what was seen of it earlier (rule 1)
        earlier = None
        for_all = schema.types.keys() - fields.keys()
        if for_all:
            earlier = schema.decode(old.fields)
            if own_write and old.problems:
                before = msgspec.msgpack.decode(old.problems)
                problems |= {f: why for f, why in before.items() if f not in fields}
            elif not own_write and old.link_id is not None:
                problems = dict.fromkeys(earlier.keys() - fields.keys(), _NOT_SHOWN) | problems
            fields = earlier | fields
    packed = schema.encode(fields)
    merged = item.merged_into
    return {
        "fields": packed,
        "hash": content_hash(packed, item.presence.value, item.reference, merged),
        "version": item.version,
        "modified": item.modified,
        "presence": item.presence.value,
        "merged_into": merged,
        "reference": item.reference,
        "absent_since": None,
        "refetch_at": None,
        "refetch_tries": 0,
        "problems": msgspec.msgpack.encode(problems, order="sorted") if problems else None,
    }


def _is_newer(
    old: Any, item: Record, read_from: datetime, lag: timedelta, comparable: bool
) -> bool:
    if (
        comparable
        and old.version is not None
        and item.version is not None
        and old.version != item.version
    ):
        return bool(item.version > old.version)
    return bool(read_from > old.instant + lag)


def _write(
    tx: Tx, side: Side, entity: str, inserts: list[dict[str, Any]], updates: list[dict[str, Any]]
) -> None:
    if inserts:
        tx.conn.execute(record.insert(), inserts)
    if updates:
        named = {"b_side": side, "b_entity": entity}
        tx.conn.execute(_UPDATE, [named | values for values in updates])


def _touch(
    tx: Tx, side: Side, entity: str, ids: list[str], instant: datetime | None, sweep: int
) -> None:
    if instant is None:
        shown = _SWEPT if sweep else _SHOWN
    else:
        shown = _SWEPT_NOW if sweep else _SHOWN_NOW
    for part in chunks(ids):
        named = _named(side, entity, part)
        tx.conn.execute(shown, named | {"b_sweep": sweep} if sweep else named)
        if instant is not None:
            tx.conn.execute(_SEEN, named | {"b_instant": instant})


def raise_revision(tx: Tx, links: Iterable[int]) -> None:
    """Mark links to be reconciled again (rule 11)."""
    for part in chunks(sorted(links)):
        tx.conn.execute(_RAISE, {"b_ids": part})


def mark_refetch(tx: Tx, side: Side, entity: str, ids: Sequence[str], at: datetime) -> None:
    """Ask for records to be fetched by id from ``at`` on."""
    for part in chunks(list(ids)):
        tx.conn.execute(_REFETCH, _named(side, entity, part) | {"b_at": at})


def due_refetch(tx: Tx, side: Side, entity: str, now: datetime, limit: int) -> list[str]:
    """Ids due to be fetched."""
    wanted = {"b_side": side, "b_entity": entity, "b_now": now, "b_limit": limit}
    return list(tx.conn.execute(_DUE, wanted).scalars())


def refetch_due(tx: Tx, side: Side, now: datetime) -> set[str]:
    """Entities of which something is due to be fetched."""
    return set(tx.conn.execute(_DUE_ENTITIES, {"b_side": side, "b_now": now}).scalars())


def absent(tx: Tx, side: Side, entity: str, sweep: int, started: datetime) -> list[str]:
    """Ids a finished sweep did not show although they were there when it started."""
    wanted = {"b_side": side, "b_entity": entity, "b_sweep": sweep, "b_started": started}
    return list(tx.conn.execute(_ABSENT, wanted).scalars())


def note_absent(
    tx: Tx,
    side: Side,
    entity: str,
    ids: Sequence[str],
    now: datetime,
    *,
    rights_proven: bool,
    patience: timedelta,
) -> list[str]:
    """Note that a fetch by id did not show these; return those that are now held to be gone.

    Gone needs two such fetches at least ``patience`` apart, the later one with rights proven on
    another record (rule 10).
    """
    gone: list[str] = []
    links: set[int] = set()
    for part in chunks(list(ids)):
        for row in tx.conn.execute(_LOAD, _named(side, entity, part)).all():
            where = (record.c.side == side, record.c.entity == entity, record.c.id == row.id)
            if row.absent_since is None:
                tx.conn.execute(
                    update(record).where(*where).values(absent_since=now, refetch_at=now + patience)
                )
            elif rights_proven and now >= row.absent_since + patience:
                tx.conn.execute(
                    update(record)
                    .where(*where)
                    .values(
                        presence=Presence.GONE,
                        refetch_at=None,
                        to_match=(entity in SCORED) or None,
                        to_sum=(side is Side.ERP and entity in SUMMED) or None,
                        hash=content_hash(
                            row.fields, Presence.GONE, row.reference, row.merged_into
                        ),
                    )
                )
                gone.append(row.id)
            else:
                tx.conn.execute(update(record).where(*where).values(refetch_at=now + patience))
                continue
            if row.link_id is not None:
                links.add(row.link_id)
    raise_revision(tx, links)
    return gone


def load(tx: Tx, side: Side, entity: str, ids: Sequence[str]) -> dict[str, Observation]:
    """Observations by record id."""
    found = {}
    for part in chunks(list(ids)):
        for row in tx.conn.execute(_LOAD, _named(side, entity, part)):
            found[row.id] = from_row(tx, row)
    return found


def unlinked(tx: Tx, side: Side, entity: str) -> list[Observation]:
    """Present records without a link."""
    rows = tx.conn.execute(_UNLINKED, {"b_side": side, "b_entity": entity})
    return [from_row(tx, row) for row in rows]


def present(tx: Tx, side: Side, entity: str) -> list[Observation]:
    """All present records, in the order of their ids."""
    rows = tx.conn.execute(_PRESENT, {"b_side": side, "b_entity": entity})
    return [from_row(tx, row) for row in rows]


def every(tx: Tx, side: Side, entity: str) -> Iterator[Observation]:
    """All records of an entity, whatever became of them, by id."""
    for row in tx.conn.execute(
        select(record).where(record.c.side == side, record.c.entity == entity).order_by(record.c.id)
    ):
        yield from_row(tx, row)


def state_of(tx: Tx, side: Side, entity: str) -> str:
    """Describe what is seen of an entity: another text once there was a newer look."""
    found = tx.conn.execute(_STATE, {"b_side": side, "b_entity": entity})
    return str(tuple(found.one()))


def count(tx: Tx, side: Side, entity: str) -> int:
    """How many records are known and not gone."""
    found = tx.conn.execute(_COUNT, {"b_side": side, "b_entity": entity})
    return int(found.scalar_one())


def _named(side: Side, entity: str, ids: Sequence[str]) -> dict[str, Any]:
    return {"b_side": side, "b_entity": entity, "b_ids": ids}


def unknown(tx: Tx, side: Side, entity: str, field: str) -> int:
    """Of how many linked records a field can not be read now."""
    packed = tx.conn.execute(
        select(record.c.problems).where(
            record.c.side == side,
            record.c.entity == entity,
            record.c.problems.is_not(None),
            record.c.link_id.is_not(None),
            record.c.presence == Presence.PRESENT,
        )
    ).scalars()
    return sum(field in _problems(problems) for problems in packed)


def from_row(tx: Tx, row: Any) -> Observation:
    """Unpack a row of ``record``."""
    return Observation(
        side=Side(row.side),
        entity=row.entity,
        id=row.id,
        fields=_with_signals(tx, row),
        version=row.version,
        modified=row.modified,
        instant=row.instant,
        presence=Presence(row.presence),
        merged_into=row.merged_into,
        reference=row.reference,
        map_version=row.map_version,
        first_seen=row.first_seen,
        absent_since=row.absent_since,
        link_id=row.link_id,
        unlinked=row.unlinked,
        problems=msgspec.msgpack.decode(row.problems) if row.problems else {},
    )


def _with_signals(tx: Tx, row: Any) -> Fields:
    """What a record shows; of the ERP's signals, what was last made public (rule 27).

    A hold that is worked out is made public, too, and so is one of a further ERP customer of the
    account; a customer that shows a hold of its own is on hold all the same.
    """
    schema = tx.schema[row.entity]
    own = schema.decode(row.fields)
    if row.side != Side.ERP or row.entity not in SIGNALS:
        return own
    fields = {f: v for f, v in own.items() if f not in SIGNALS[row.entity]}
    if row.signals:
        public = schema.decode(row.signals)
        fields = public | fields
        if public.get("credit_hold") and not own.get("credit_hold"):
            fields |= {f: public.get(f) for f in HOLD_FIELDS}
    return fields


def some_present(tx: Tx, side: Side, entity: str, but: Sequence[str]) -> str | None:
    """The id of a record that was there at the last look, other than the given ones."""
    rows = tx.conn.execute(
        select(record.c.id)
        .where(
            record.c.side == side,
            record.c.entity == entity,
            record.c.presence == Presence.PRESENT,
            record.c.absent_since.is_(None),
        )
        .limit(len(but) + 1)
    ).scalars()
    return next((i for i in rows if i not in but), None)
