"""History: append-only rows of what changed, why, and by which rule.

What a row tells in words and values is its body.  Where the values are somebody's, the body is
encrypted under the key of the record it tells of (or of its link, as long as there is no record);
the digest of a row covers the body as it is stored, so a row can be verified without any key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from interlock.governance.rules import Side
from interlock.model import Value
from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import history, record_key
from interlock.store.vault import decrypt, encrypt

__all__ = [
    "Event", "about", "add", "body_digest", "changes", "digest_of", "everything",
    "last_written", "of_run", "plain", "told",
]  # fmt: skip

_ADD = fixed(history.insert())
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.decode

_WORDED = frozenset({
    "asked again", "dead", "decided", "discarded", "edited", "hold overridden", "hold placed",
    "quote_checked", "quote_overridden", "released", "resolved", "retried", "unlinked",
})  # fmt: skip
"""Events in which a person or a system had a say: their words may be about a person."""

_PAGE = 2_000

ERASED = "erased by `interlock forget`"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a field, a record or a link.

    ``event``: linked, unlinked, created, written, overruled, settled, opened, refused, dead, …
    ``old`` and ``new`` are plain data (money and addresses as mappings).  ``fields``: all that a
    create wrote, and ``reasons`` the rule for each.  ``erased``: the record was forgotten, and what
    this told with it.  ``id``: 0 until it is stored.
    """

    at: datetime
    event: str
    entity: str
    why: str
    link_id: int | None = None
    side: Side | None = None
    record_id: str | None = None
    field: str | None = None
    old: object = None
    new: object = None
    fields: Mapping[str, object] | None = None
    reasons: Mapping[str, str] | None = None
    map_version: str | None = None
    write_id: str | None = None
    request_id: str | None = None
    run_id: str | None = None
    erased: bool = False
    id: int = 0


Subject = tuple[str, str, str]
"""Whose key it is: (side, entity, record id), or ("link", "", link id)."""


def plain(value: Value | None) -> object:
    """Reduce a value to data that packs without its type."""
    return msgspec.to_builtins(value)


def changes(event: Event) -> list[Event]:
    """Take a create apart into one event for each field; any other event is its own."""
    if event.fields is None:
        return [event]
    reasons = event.reasons or {}
    return [
        msgspec.structs.replace(
            event,
            event="written",
            field=name,
            new=value,
            why=reasons.get(name, event.why),
            fields=None,
            reasons=None,
        )
        for name, value in event.fields.items()
    ]


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def add(tx: Tx, events: Sequence[Event]) -> None:
    """Append events; they are sealed later, in batches."""
    if not events:
        return
    subjects = [_subject(tx, e) for e in events]
    keys = _keys_for(tx, {s for s in subjects if s is not None})
    rows = []
    for e, subject in zip(events, subjects, strict=True):
        key_id, key = (None, None) if subject is None else keys[subject]
        body = _pack(e)
        row: dict[str, Any] = {
            "at": e.at.astimezone(UTC),
            "link_id": e.link_id,
            "side": None if e.side is None else e.side.value,
            "entity": e.entity,
            "record_id": e.record_id,
            "event": e.event,
            "field": e.field,
            "body": body if key is None else encrypt(key, body),
            "key_id": key_id,
            "map_version": e.map_version,
            "write_id": e.write_id,
            "request_id": e.request_id,
            "run_id": e.run_id,
        }
        row["digest"] = digest_of(row, body_digest(row["body"]))
        rows.append(row)
    tx.conn.execute(_ADD, rows)


def _pack(e: Event) -> bytes:
    if e.fields is None:
        return _encode([e.why, e.old, e.new])
    grouped: dict[str, list[str]] = {}
    for name, why in (e.reasons or {}).items():
        grouped.setdefault(why, []).append(name)
    return _encode([e.why, None, None, e.fields, grouped])


def _subject(tx: Tx, e: Event) -> Subject | None:
    """Say with whose key an event is encrypted; ``None``: it tells nothing personal."""
    personal = tx.schema[e.entity].personal if e.entity in tx.schema else frozenset()
    if not personal or not (e.fields or e.field in personal or e.event in _WORDED):
        return None
    if e.side is not None and e.record_id is not None:
        return (e.side.value, e.entity, e.record_id)
    return ("link", "", str(e.link_id or 0))


def _keys_for(tx: Tx, subjects: Collection[Subject]) -> dict[Subject, tuple[int, AESGCM]]:
    found: dict[Subject, tuple[int, AESGCM]] = {}
    if not subjects:
        return found
    wanted: dict[tuple[str, str], list[str]] = {}
    for side, entity, record_id in sorted(subjects):
        wanted.setdefault((side, entity), []).append(record_id)
    for (side, entity), ids in wanted.items():
        for part in chunks(ids):
            for row in tx.conn.execute(
                select(record_key.c.id, record_key.c.record_id, record_key.c.wrapped).where(
                    record_key.c.side == side,
                    record_key.c.entity == entity,
                    record_key.c.record_id.in_(part),
                )
            ):
                key = tx.vault.unwrap(row.id, row.wrapped)
                if key is not None:
                    found[side, entity, row.record_id] = (row.id, key)
    fresh = []
    for subject in sorted(set(subjects) - found.keys()):
        key_id, wrapped, key = tx.vault.new_key()
        side, entity, record_id = subject
        found[subject] = (key_id, key)
        fresh.append(
            {
                "id": key_id,
                "side": side,
                "entity": entity,
                "record_id": record_id,
                "wrapped": wrapped,
            }
        )
    if fresh:
        tx.conn.execute(record_key.insert(), fresh)
    return found


_DIGESTED = (
    "link_id", "side", "entity", "record_id", "event", "field", "key_id", "map_version",
    "write_id", "request_id", "run_id",
)  # fmt: skip


def body_digest(body: bytes) -> bytes:
    """Digest a body as it is stored."""
    return hashlib.sha256(body).digest()


def digest_of(row: Mapping[str, Any], body: bytes) -> bytes:
    """Digest a row whose body has this digest."""
    content = [row["at"].isoformat(), body, *[row[name] for name in _DIGESTED]]
    return hashlib.sha256(_encode(content)).digest()


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def about(
    tx: Tx, link_id: int | None, records: Sequence[tuple[Side, str, str]], limit: int = 2000
) -> list[Event]:
    """Events of a link and of its records given as (side, entity, id), newest first."""
    same: list[ColumnElement[bool]] = [
        and_(history.c.side == side, history.c.entity == entity, history.c.record_id == i)
        for side, entity, i in records
    ]
    if link_id is not None:
        same.append(history.c.link_id == link_id)
    if not same:
        return []
    return _read(tx, select(history).where(or_(*same)).order_by(history.c.id.desc()).limit(limit))


def of_run(tx: Tx, run_id: str, link_id: int | None = None) -> list[Event]:
    """What a run did, or did to one link, in the order in which it happened."""
    query = select(history).where(history.c.run_id == run_id).order_by(history.c.id)
    if link_id is not None:
        query = query.where(history.c.link_id == link_id)
    return _read(tx, query)


def told(tx: Tx, names: Sequence[str]) -> list[Event]:
    """Events of these names, oldest first."""
    return _read(tx, select(history).where(history.c.event.in_(names)).order_by(history.c.id))


def everything(
    tx: Tx,
    *,
    since: datetime | None = None,
    entity: str | None = None,
    names: Sequence[str] = (),
    records: Sequence[tuple[Side, str, str]] | None = None,
    links: Sequence[int] = (),
) -> Iterator[Event]:
    """All events, oldest first, a page at a time; only of the names, records and links given."""
    query = select(history).order_by(history.c.id)
    if names:
        query = query.where(history.c.event.in_(list(names)))
    if since is not None:
        query = query.where(history.c.at >= since)
    if entity is not None and records is None:
        query = query.where(history.c.entity == entity)
    if records is not None:
        mine: list[ColumnElement[bool]] = [
            and_(history.c.side == side, history.c.entity == e, history.c.record_id == i)
            for side, e, i in records
        ]
        query = query.where(or_(history.c.link_id.in_(list(links)), *mine))
    after = 0
    while True:
        page = _read(tx, query.where(history.c.id > after).limit(_PAGE))
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _read(tx: Tx, query: Select[Any]) -> list[Event]:
    rows = tx.conn.execute(query).all()
    keys = _keys_of(tx, {row.key_id for row in rows if row.key_id is not None})
    return [_event(row, keys) for row in rows]


def _keys_of(tx: Tx, ids: Collection[int]) -> dict[int, AESGCM]:
    found = {}
    for part in chunks(sorted(ids)):
        for row in tx.conn.execute(
            select(record_key.c.id, record_key.c.wrapped).where(record_key.c.id.in_(part))
        ):
            key = tx.vault.unwrap(row.id, row.wrapped)
            if key is not None:
                found[row.id] = key
    return found


def _event(row: Any, keys: Mapping[int, AESGCM]) -> Event:
    body: bytes | None = row.body
    if body is not None and row.key_id is not None:
        key = keys.get(row.key_id)
        body = None if key is None else decrypt(key, body)
    told: list[Any] = [ERASED, None, None] if body is None else _decode(body)
    why, old, new, *more = told
    fields, grouped = more or (None, {})
    return Event(
        id=row.id,
        at=row.at,
        event=row.event,
        entity=row.entity,
        why=why,
        link_id=row.link_id,
        side=Side(row.side) if row.side else None,
        record_id=row.record_id,
        field=row.field,
        old=old,
        new=new,
        fields=fields,
        reasons={f: reason for reason, names in grouped.items() for f in names} or None,
        map_version=row.map_version,
        write_id=row.write_id,
        request_id=row.request_id,
        run_id=row.run_id,
        erased=body is None,
    )


def last_written(
    tx: Tx, links: Sequence[int], since: datetime
) -> dict[int, dict[tuple[Side, str], datetime]]:
    """Link id -> (side, field) -> when we last wrote it, or tried to, since an instant."""
    found: dict[int, dict[tuple[Side, str], datetime]] = {}
    for part in chunks(list(links)):
        rows = tx.conn.execute(
            select(history.c.link_id, history.c.side, history.c.field, func.max(history.c.at))
            .where(
                history.c.link_id.in_(part),
                history.c.field.is_not(None),
                history.c.event.in_(("written", "overruled", "sent")),
                history.c.at >= since,
            )
            .group_by(history.c.link_id, history.c.side, history.c.field)
        )
        for link_id, side, field, at in rows:
            found.setdefault(link_id, {})[Side(side), field] = at
    return found
