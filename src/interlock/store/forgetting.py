"""Forgetting: every copy of a record is destroyed, whatever the systems still show of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from interlock.governance.rules import Side
from interlock.model import Ref
from interlock.store import alerts, attached, cases, holds, links, sealing
from interlock.store.database import Tx, chunks
from interlock.store.forgotten import DOCUMENTS, Key, add_identities, impersonal
from interlock.store.history import Event
from interlock.store.outbox import WriteState
from interlock.store.tables import (
    case,
    dead_letter,
    figure_note,
    history,
    member,
    outbox,
    record,
    record_key,
    refused_pair,
    resolution,
    suggestion,
    undo,
)

__all__ = ["Document", "documents_of", "forget", "links_of", "links_of_documents"]

_GONE = "forgotten"


class Document(msgspec.Struct, frozen=True):
    """A deal, quote or order that names a record to be forgotten."""

    side: Side
    entity: str
    id: str
    link_id: int | None


def forget(tx: Tx, keys: Sequence[Key], *, by: str, now: datetime) -> None:
    """Destroy every copy of these records, and put them on the list.

    The records' links are dissolved and the records parked; nothing of them may be on its way.
    """
    touched = links_of(tx, keys)
    documents = documents_of(tx, keys)
    naming = [(d.side, d.entity, d.id) for d in documents]
    told_in = {key: _history_links(tx, key) for key in (*keys, *naming)}
    for key in keys:
        one = attached.find(tx, *key)
        if one is not None and one.link_id not in touched:
            # forgotten by itself: what is told of the account stays
            attached.remove(tx, one, parked=True)
            told_in[key] = [i for i in told_in[key] if i != one.link_id]
    add_identities(tx, [tx.vault.identity(*key) for key in keys], now)
    for key, told in told_in.items():
        _forget_history(tx, key, {*told, *touched} if key in keys else set(told))
    for side, entity, record_id in keys:
        _forget_pairs(tx, side, entity, record_id)
    _forget_writes(tx, keys, touched, now)
    _forget_documents(tx, documents, now)
    # a hold itself ends as that of any customer without a link
    holds.erase(tx, touched, word=_GONE)
    for side, entity, record_id in keys:
        if (side, entity) == (Side.CRM, "customer"):
            done = alerts.end_of_customer(tx, record_id, why=_GONE, now=now)
            _drop_unsent(tx, done)
    for link_id in touched:
        links.forget_link(tx, link_id, reason=_GONE, now=now)
    through = _last_row(tx)
    for key, told in told_in.items():
        if key in keys:
            _empty(tx, key)
        side, entity, record_id = key
        why = f"by {by}" if key in keys else f"by {by}, with the customer it names"
        sealing.note_removal(
            tx,
            Event(at=now, event=_GONE, entity=entity, side=side, record_id=record_id, why=why),
            {
                "record": [side.value, entity, record_id],
                "links": sorted({*told, *touched} if key in keys else told),
                "through": through,
            },
        )


def links_of(tx: Tx, keys: Sequence[Key]) -> list[int]:
    """The links these records are primary members of."""
    found: set[int] = set()
    for side, entity, record_id in keys:
        found |= set(links.members_of(tx, side, [(entity, record_id)]).values())
    mine = set(keys)
    return [
        b.link.id
        for b in sorted(links.bundles(tx, sorted(found)).values(), key=lambda b: b.link.id)
        if any((side, m.entity, m.id) in mine for side, m in b.members.items())
    ]


def documents_of(tx: Tx, keys: Sequence[Key]) -> list[Document]:
    """The deals, quotes and orders that name one of these records."""
    named = {(side, Ref(entity, record_id)) for side, entity, record_id in keys}
    found = []
    for row in tx.conn.execute(
        select(record.c.side, record.c.entity, record.c.id, record.c.fields, record.c.link_id)
        .where(record.c.entity.in_(DOCUMENTS))
        .order_by(record.c.side, record.c.entity, record.c.id)
    ):
        side = Side(row.side)
        values = tx.schema[row.entity].decode(row.fields).values()
        if any(isinstance(v, Ref) and (side, v) in named for v in values):
            found.append(Document(side, row.entity, row.id, row.link_id))
    return found


def links_of_documents(tx: Tx, documents: Sequence[Document]) -> list[int]:
    """Links of these documents, and of what is made or to be made of the deals among them."""
    found = {d.link_id for d in documents if d.link_id is not None}
    for part in chunks([d.id for d in documents if d.entity == "deal"]):
        where = (case.c.source_id.in_(part), case.c.link_id.is_not(None))
        found |= set(tx.conn.execute(select(case.c.link_id).where(*where)).scalars())
    return sorted(found)


def _drop_unsent(tx: Tx, link_ids: Sequence[int]) -> None:
    """Have what these errands want written decided anew: its words may be of what is forgotten."""
    sent = (WriteState.SENDING, WriteState.IN_DOUBT, WriteState.UNCERTAIN)
    for part in chunks(sorted(link_ids)):
        tx.conn.execute(
            delete(outbox).where(outbox.c.link_id.in_(part), outbox.c.state.not_in(sent))
        )
    links.raise_revision(tx, link_ids)


def _history_links(tx: Tx, key: Key) -> list[int]:
    """Links the record was a member of, by what the history tells."""
    side, entity, record_id = key
    return sorted(
        tx.conn.execute(
            select(history.c.link_id)
            .distinct()
            .where(
                history.c.side == side,
                history.c.entity == entity,
                history.c.record_id == record_id,
                history.c.link_id.is_not(None),
            )
        ).scalars()
    )


def _last_row(tx: Tx) -> int:
    return int(tx.conn.execute(select(func.coalesce(func.max(history.c.id), 0))).scalar_one())


def _forget_history(tx: Tx, key: Key, link_ids: Collection[int]) -> None:
    """Destroy the keys, and the bodies with them; what is left of a row still proves itself."""
    side, entity, record_id = key
    mine = [
        and_(
            history.c.side == side,
            history.c.entity == entity,
            history.c.record_id == record_id,
        )
    ]
    if link_ids:
        mine.append(history.c.link_id.in_(sorted(link_ids)))
    rows = tx.conn.execute(
        select(history.c.id).where(
            or_(*mine), history.c.body.is_not(None), history.c.event.not_in((_GONE, "barred"))
        )
    )
    for row_id in rows.scalars().all():
        sealing.erase(tx, row_id)
    tx.conn.execute(
        delete(record_key).where(
            record_key.c.side == side,
            record_key.c.entity == entity,
            record_key.c.record_id == record_id,
        )
    )
    for part in chunks([str(i) for i in sorted(link_ids)]):
        tx.conn.execute(
            delete(record_key).where(record_key.c.side == "link", record_key.c.record_id.in_(part))
        )


def _forget_pairs(tx: Tx, side: Side, entity: str, record_id: str) -> None:
    for table in (suggestion, refused_pair):
        column = table.c.crm_id if side is Side.CRM else table.c.erp_id
        where = (table.c.entity == entity, column == record_id)
        if table is suggestion:
            tx.conn.execute(delete(table).where(*where))
        else:
            tx.conn.execute(update(table).where(*where).values(reason=_GONE))


def _forget_writes(tx: Tx, keys: Sequence[Key], link_ids: Sequence[int], now: datetime) -> None:
    for part in chunks(list(link_ids)):
        for table in (outbox, resolution, undo):
            tx.conn.execute(delete(table).where(table.c.link_id.in_(part)))
    _forget_letters(tx, keys, link_ids, now)


def _forget_letters(tx: Tx, keys: Sequence[Key], link_ids: Sequence[int], now: datetime) -> None:
    letter = dead_letter.c
    mine: list[ColumnElement[bool]] = [letter.link_id.in_(list(link_ids))] if link_ids else []
    for side, entity, record_id in keys:
        mine.append(
            and_(letter.target == side, letter.entity == entity, letter.record_id == record_id)
        )
        mine.append(
            and_(
                letter.target == side.other,
                letter.source_entity == entity,
                letter.source_id == record_id,
            )
        )
    if not mine:
        return
    for row in tx.conn.execute(
        select(letter.id, letter.entity, letter.closed_at).where(or_(*mine))
    ).all():
        tx.conn.execute(
            update(dead_letter)
            .where(letter.id == row.id)
            .values(
                fields=tx.schema[row.entity].encode({}),
                override=None,
                override_reason=None,
                message=_GONE,
                fix="",
                closed_at=row.closed_at or now,
                closed_why=_GONE,
            )
        )


def _forget_documents(tx: Tx, documents: Sequence[Document], now: datetime) -> None:
    """Take what is personal out of the documents; the rest is business, not a person."""
    link_ids = links_of_documents(tx, documents)
    for document in documents:
        schema = tx.schema[document.entity]
        mine = (document.side, document.entity, document.id)
        for table, column in ((record, record.c.fields), (member, member.c.base)):
            where = (table.c.side == mine[0], table.c.entity == mine[1], table.c.id == mine[2])
            for packed in tx.conn.execute(select(column).where(*where)).scalars().all():
                fields = impersonal(schema.decode(packed), schema.personal)
                values = {column.name: schema.encode(fields)}
                if table is record:
                    # the next look counts as a change: nothing confirms what is left
                    values["hash"] = b""
                tx.conn.execute(update(table).where(*where).values(**values))
        if document.entity == "deal":
            tx.conn.execute(
                update(case).where(case.c.source_id == document.id).values(snapshot=None)
            )
    _forget_verdicts(tx, [f"{d.entity}:{d.id}" for d in documents])
    for part in chunks(link_ids):
        tx.conn.execute(
            delete(outbox).where(outbox.c.link_id.in_(part), outbox.c.state == WriteState.DEAD)
        )
    _forget_letters(tx, [(d.side, d.entity, d.id) for d in documents], link_ids, now)


def _forget_verdicts(tx: Tx, subjects: Sequence[str]) -> None:
    """Drop what checks of quotes said, and the words of those who overrode them."""
    known = cases.load(tx, "quote_check", subjects)
    cases.drop(tx, "quote_approval", [c.seen_hash.hex() for c in known.values() if c.seen_hash])
    cases.drop(tx, "quote_check", list(known))
    _drop_unsent(tx, [c.link_id for c in known.values() if c.link_id is not None])


def _empty(tx: Tx, key: Key) -> None:
    side, entity, record_id = key
    if (side, entity) == (Side.ERP, "customer"):
        tx.conn.execute(delete(figure_note).where(figure_note.c.customer_id == record_id))
    tx.conn.execute(
        update(record)
        .where(record.c.side == side, record.c.entity == entity, record.c.id == record_id)
        .values(
            fields=tx.schema[entity].encode({}),
            hash=b"",
            problems=None,
            signals=None,
            signals_at=None,
            version=None,
            modified=None,
            link_id=None,
            unlinked="parked",
        )
    )
