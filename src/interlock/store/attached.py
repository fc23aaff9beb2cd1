"""Attached members: further records of a link's one side, by a person's decision (ADR 0014).

A link's primary member alone takes part in fields, creates and references.  An attached one belongs
to the link (``record.link_id``), so that nobody matches or creates it, and is rolled up with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, or_, select, update

from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.store.database import Tx, chunks
from interlock.store.observations import raise_revision
from interlock.store.scores import clear_suggestions, look_again, partners_of
from interlock.store.sqlite import fixed
from interlock.store.tables import SUMMED, attached, member, record

__all__ = [
    "AWAY",
    "Attached",
    "accounts",
    "add",
    "find",
    "moved",
    "note_away",
    "of_links",
    "pairs",
    "remove",
    "with_members",
    "work_out_anew",
]

_OF_LINKS = fixed(
    select(attached)
    .where(attached.c.link_id.in_(bindparam("b_ids", expanding=True)))
    .order_by(attached.c.link_id, attached.c.side, attached.c.id)
)
AWAY = (Presence.ARCHIVED, Presence.MERGED, Presence.GONE)
"""What a record is that does not count any more; one that is hidden is merely not known."""


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A further record of a link.

    ``by``: who attached it; ``away``: why it does not count now, empty: it counts.
    """

    link_id: int
    side: Side
    entity: str
    id: str
    by: str
    evidence: str
    at: datetime
    away: str = ""


def _from_row(row: Any) -> Attached:
    return Attached(
        link_id=row.link_id,
        side=Side(row.side),
        entity=row.entity,
        id=row.id,
        by=row.by,
        evidence=row.evidence,
        at=row.at,
        away=row.away,
    )


def add(tx: Tx, one: Attached) -> None:
    """Attach a record that has no link: what was suggested of it is settled."""
    tx.conn.execute(attached.insert().values(**msgspec.structs.asdict(one)))
    _own(tx, one, one.link_id)
    mine = {one.side: [one.id]}
    for side, others in partners_of(tx, one.entity, mine).items():
        look_again(tx, one.entity, side, others)
    clear_suggestions(tx, one.entity, mine)
    _changed(tx, one)


def remove(tx: Tx, one: Attached, *, parked: bool = False) -> None:
    """Detach a record; ``parked``: it is not matched again by itself."""
    _changed(tx, one)
    tx.conn.execute(delete(attached).where(*_this(one)))
    _own(tx, one, None, "parked" if parked else None)
    look_again(tx, one.entity, one.side, [one.id])


def _own(tx: Tx, one: Attached, link_id: int | None, unlinked: str | None = None) -> None:
    tx.conn.execute(
        update(record)
        .where(record.c.side == one.side, record.c.entity == one.entity, record.c.id == one.id)
        .values(link_id=link_id, unlinked=unlinked)
    )


def _this(one: Attached) -> tuple[Any, Any, Any]:
    here = attached.c
    return here.side == one.side, here.entity == one.entity, here.id == one.id


def _changed(tx: Tx, one: Attached) -> None:
    """Have the link decided anew, and the figures of its records worked out anew."""
    raise_revision(tx, {one.link_id})
    work_out_anew(tx, one.link_id)


def work_out_anew(tx: Tx, link_id: int) -> None:
    """Have the figures of a link's records in the ERP worked out anew."""
    mine = (record.c.link_id == link_id, record.c.side == Side.ERP, record.c.entity.in_(SUMMED))
    tx.conn.execute(update(record).where(*mine).values(to_sum=True))


def note_away(tx: Tx, one: Attached, away: str) -> None:
    """Note why a record does not count now, or, with an empty text, that it counts again."""
    tx.conn.execute(update(attached).where(*_this(one)).values(away=away))
    _changed(tx, one)


def of_links(tx: Tx, links: Iterable[int]) -> dict[int, list[Attached]]:
    """Attached records by link, those that do not count now among them."""
    found: dict[int, list[Attached]] = {}
    for part in chunks(sorted(set(links))):
        for row in tx.conn.execute(_OF_LINKS, {"b_ids": part}):
            found.setdefault(row.link_id, []).append(_from_row(row))
    return found


def find(tx: Tx, side: Side, entity: str, record_id: str) -> Attached | None:
    """Find how a record is attached, if it is."""
    row = tx.conn.execute(
        select(attached).where(
            attached.c.side == side, attached.c.entity == entity, attached.c.id == record_id
        )
    ).first()
    return None if row is None else _from_row(row)


def accounts(tx: Tx, entity: str, *, away: bool = False) -> dict[str, list[str]]:
    """Id of a primary member in the ERP -> ids of those attached beside it.

    ``away``: those that do not count now, too.
    """
    query = (
        select(member.c.id.label("primary_id"), attached.c.id)
        .join(
            member,
            and_(member.c.link_id == attached.c.link_id, member.c.side == attached.c.side),
        )
        .where(attached.c.side == Side.ERP, attached.c.entity == entity)
        .order_by(member.c.id, attached.c.id)
    )
    found: dict[str, list[str]] = {}
    for row in tx.conn.execute(query if away else query.where(attached.c.away == "")):
        found.setdefault(row.primary_id, []).append(row.id)
    return found


def pairs(tx: Tx, entity: str) -> list[tuple[str, Attached]]:
    """Id of an account in the CRM, and what is attached to it in the ERP."""
    rows = tx.conn.execute(
        select(attached, member.c.id.label("account"))
        .join(member, and_(member.c.link_id == attached.c.link_id, member.c.side == Side.CRM))
        .where(attached.c.side == Side.ERP, attached.c.entity == entity)
        .order_by(member.c.id, attached.c.id)
    )
    return [(row.account, _from_row(row)) for row in rows]


def with_members(tx: Tx, entity: str, ids: Iterable[str]) -> set[str]:
    """Records of the ERP with all that are rolled up together with them."""
    wanted = set(ids)
    for primary, others in accounts(tx, entity).items():
        if wanted & {primary, *others}:
            wanted |= {primary, *others}
    return wanted


def moved(tx: Tx) -> list[tuple[Attached, Presence]]:
    """Attached records that are away, and those that came back, with what they are now."""
    rows = tx.conn.execute(
        select(attached, record.c.presence)
        .join(
            record,
            and_(
                record.c.side == attached.c.side,
                record.c.entity == attached.c.entity,
                record.c.id == attached.c.id,
            ),
        )
        .where(or_(attached.c.away != "", record.c.presence.in_(AWAY)))
        .order_by(attached.c.side, attached.c.entity, attached.c.id)
    )
    return [(_from_row(row), Presence(row.presence)) for row in rows]
