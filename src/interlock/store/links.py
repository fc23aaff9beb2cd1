"""Links: which record of one system is which record of the other, and what both agreed on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BindParameter, and_, bindparam, delete, func, or_, select, union_all, update

from interlock.governance.rules import Side
from interlock.model import Fields, Ref, WriteKind
from interlock.store import refusals
from interlock.store.database import Tx, chunks
from interlock.store.observations import Observation, from_row, raise_revision
from interlock.store.scores import (
    Score,
    clear_suggestions,
    columns_of,
    look_again,
    partners_of,
    score_of,
)
from interlock.store.sqlite import fixed
from interlock.store.tables import (
    ERRANDS,
    attached,
    dead_letter,
    link,
    member,
    open_field,
    outbox,
    record,
    resolution,
    suggestion,
)

__all__ = [
    "Bundle",
    "FOLLOWED",
    "LinkInfo",
    "Member",
    "after",
    "alone",
    "attach",
    "bundles",
    "counts",
    "create",
    "create_many",
    "dissolve",
    "distrust",
    "due",
    "forget_link",
    "half",
    "halves",
    "live_members",
    "members_of",
    "of_references",
    "partners",
    "raise_entity",
    "raise_revision",
    "repoint",
    "save_bases",
    "set_reconciled",
    "some",
    "unpark",
]


_IDS: BindParameter[Any] = bindparam("b_ids", expanding=True)
_LINKS = fixed(select(link).where(link.c.id.in_(_IDS)))
_MEMBERS = fixed(select(member).where(member.c.link_id.in_(_IDS)))
_SEEN = fixed(select(record).where(record.c.link_id.in_(_IDS)))
_DUE = fixed(
    select(link)
    .where(
        link.c.rev > link.c.reconciled_rev,
        link.c.id > bindparam("b_after"),
        link.c.id.not_in(
            select(outbox.c.link_id).where(outbox.c.state.in_(("sending", "in doubt", "uncertain")))
        ),
    )
    .order_by(link.c.id)
    .limit(bindparam("b_limit"))
)
_MEMBERS_OF = fixed(
    union_all(
        *(
            select(table.c.id, table.c.link_id).where(
                table.c.side == bindparam("b_side"),
                table.c.entity == bindparam("b_entity"),
                table.c.id.in_(_IDS),
            )
            for table in (member, attached)
        )
    )
)
_CREATE = fixed(link.insert().returning(link.c.id, sort_by_parameter_order=True))
_ATTACH = fixed(member.insert())
_ATTACHED = fixed(
    update(record)
    .where(
        record.c.side == bindparam("m_side"),
        record.c.entity == bindparam("m_entity"),
        record.c.id == bindparam("m_id"),
    )
    .values(link_id=bindparam("m_link"), unlinked=None)
)
_SETTLED = {
    side: fixed(
        delete(suggestion).where(
            suggestion.c.entity == bindparam("s_entity"), column == bindparam("s_id")
        )
    )
    for side, column in ((Side.CRM, suggestion.c.crm_id), (Side.ERP, suggestion.c.erp_id))
}
_BASES = fixed(
    update(member).where(
        member.c.link_id == bindparam("m_link"), member.c.side == bindparam("m_side")
    )
)
_RECONCILED = fixed(
    update(link)
    .where(link.c.id == bindparam("l_id"), link.c.reconciled_rev < bindparam("l_rev"))
    .values(reconciled_rev=bindparam("l_rev"))
)
_HALF = fixed(
    select(member.c.side, member.c.id, member.c.link_id)
    .join(link, link.c.id == member.c.link_id)
    .where(
        link.c.entity == bindparam("b_entity"),
        member.c.link_id.not_in(
            select(member.c.link_id).group_by(member.c.link_id).having(func.count() > 1)
        ),
        member.c.link_id.not_in(
            select(outbox.c.link_id).where(outbox.c.state.in_(("sending", "in doubt")))
        ),
    )
)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a link.

    ``unconfirmed``: fields written without values in the answer; ``unconfirmed_since``: when.
    ``older``: fields that were not agreed on under ``base_map_version`` but, if at all, under an
    earlier map: field -> its version.  Their base does not count (rule 15), but for those in
    ``counting``, whose map is the active one again; writes to either wait for an approved plan.
    """

    side: Side
    entity: str
    id: str
    base: Fields
    base_map_version: str
    unconfirmed: frozenset[str]
    unconfirmed_since: datetime | None
    older: Mapping[str, str] = {}
    counting: frozenset[str] = frozenset()

    @property
    def agreed(self) -> Fields:
        """The base as far as it counts under the present map."""
        return {f: v for f, v in self.base.items() if f not in self.older or f in self.counting}

    def rebased(self, fields: Fields, map_version: str) -> Member:
        """Take values as agreed on under a map."""
        older = {f: v for f, v in self.older.items() if f not in fields}
        if self.base_map_version and map_version != self.base_map_version:
            older |= dict.fromkeys(fields, map_version)
        return msgspec.structs.replace(
            self,
            base={**self.base, **fields},
            base_map_version=self.base_map_version or map_version,
            older=older,
        )


class LinkInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A link without its members."""

    id: int
    entity: str
    rev: int
    reconciled_rev: int
    origin: str
    evidence: str
    created_at: datetime
    score: Score | None = None


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A link with its members and their observations, as reconcile reads it."""

    link: LinkInfo
    members: Mapping[Side, Member]
    seen: Mapping[Side, Observation]


def _info(row: Any) -> LinkInfo:
    return LinkInfo(
        id=row.id,
        entity=row.entity,
        rev=row.rev,
        reconciled_rev=row.reconciled_rev,
        origin=row.origin,
        evidence=row.evidence,
        created_at=row.created_at,
        score=score_of(row),
    )


def _member(tx: Tx, row: Any) -> Member:
    return Member(
        side=Side(row.side),
        entity=row.entity,
        id=row.id,
        base=tx.schema[row.entity].decode(row.base),
        base_map_version=row.base_map_version,
        unconfirmed=frozenset(msgspec.msgpack.decode(row.unconfirmed))
        if row.unconfirmed
        else frozenset(),
        unconfirmed_since=row.unconfirmed_since,
        older=msgspec.msgpack.decode(row.older) if row.older else {},
    )


def create(
    tx: Tx,
    entity: str,
    members: Sequence[tuple[Side, str, str]],
    *,
    origin: str,
    evidence: str,
    now: datetime,
) -> int:
    """Make a link of one or two records given as (side, entity, id); due for reconciling."""
    return create_many(tx, entity, [(members, evidence)], origin=origin, now=now)[0]


def create_many(
    tx: Tx,
    entity: str,
    links: Sequence[tuple[Sequence[tuple[Side, str, str]], str]],
    *,
    origin: str,
    now: datetime,
    scores: Sequence[Score | None] | None = None,
) -> list[int]:
    """Make many links, given as (members, evidence); returns their ids in order.

    ``scores``: what matching found of each.
    """
    if not links:
        return []
    rows = [
        {
            "entity": entity,
            "rev": 1,
            "reconciled_rev": 0,
            "origin": origin,
            "evidence": evidence,
            "created_at": now,
        }
        | columns_of(score)
        for (_, evidence), score in zip(links, scores or [None] * len(links), strict=True)
    ]
    ids = list(tx.conn.execute(_CREATE, rows).scalars())
    attach(
        tx,
        [
            (link_id, *one)
            for link_id, (members, _) in zip(ids, links, strict=True)
            for one in members
        ],
    )
    return ids


def attach(tx: Tx, members: Sequence[tuple[int, Side, str, str]]) -> None:
    """Add records, given as (link id, side, entity, id), to links and raise their revisions."""
    if not members:
        return
    tx.conn.execute(
        _ATTACH,
        [
            {
                "link_id": link_id,
                "side": side,
                "entity": entity,
                "id": record_id,
                "base": tx.schema[entity].encode({}),
                "base_map_version": "",
            }
            for link_id, side, entity, record_id in members
        ],
    )
    tx.conn.execute(
        _ATTACHED,
        [
            {"m_side": side, "m_entity": entity, "m_id": record_id, "m_link": link_id}
            for link_id, side, entity, record_id in members
        ],
    )
    raise_revision(tx, {m[0] for m in members})
    for entity in {m[2] for m in members}:
        joined = {side: [i for _, s, e, i in members if s is side and e == entity] for side in Side}
        # whoever may have been one of these is one of somebody else's now, or alone
        for side, others in partners_of(tx, entity, joined).items():
            look_again(tx, entity, side, others)
        clear_suggestions(tx, entity, joined)


def due(tx: Tx, entity: str | None, after: int, limit: int) -> list[Bundle]:
    """Links whose revision moved since they were reconciled, in id order.

    A link with a write in ``sending``, or whose outcome is not known yet, is left out (rule 11).
    """
    query = _DUE if entity is None else _DUE.where(link.c.entity == entity)
    wanted = {"b_after": after, "b_limit": limit}
    return _bundle(tx, [_info(row) for row in tx.conn.execute(query, wanted)])


def bundles(tx: Tx, ids: Sequence[int]) -> dict[int, Bundle]:
    """Load links by id."""
    infos = [
        _info(row) for part in chunks(list(ids)) for row in tx.conn.execute(_LINKS, {"b_ids": part})
    ]
    return {b.link.id: b for b in _bundle(tx, infos)}


def errands(tx: Tx, entity: str, evidence: Sequence[str]) -> list[int]:
    """Links that are no pair of records, found by what they were made for."""
    query = select(link.c.id).where(link.c.entity == entity, link.c.evidence.in_(evidence))
    return list(tx.conn.execute(query).scalars())


def _bundle(tx: Tx, infos: list[LinkInfo]) -> list[Bundle]:
    members: dict[int, dict[Side, Member]] = {i.id: {} for i in infos}
    seen: dict[int, dict[Side, Observation]] = {i.id: {} for i in infos}
    for part in chunks([i.id for i in infos]):
        for row in tx.conn.execute(_MEMBERS, {"b_ids": part}):
            members[row.link_id][Side(row.side)] = _member(tx, row)
        for row in tx.conn.execute(_SEEN, {"b_ids": part}):
            primary = members[row.link_id].get(Side(row.side))
            # an attached record belongs to the link, and is not what is merged
            if primary is not None and primary.id == row.id:
                seen[row.link_id][Side(row.side)] = from_row(tx, row)
    return [Bundle(link=i, members=members[i.id], seen=seen[i.id]) for i in infos]


def after(tx: Tx, entity: str, link_id: int, limit: int) -> list[Bundle]:
    """Load the links of an entity that follow a link, in order."""
    rows = tx.conn.execute(
        select(link)
        .where(link.c.entity == entity, link.c.id > link_id)
        .order_by(link.c.id)
        .limit(limit)
    )
    return _bundle(tx, [_info(row) for row in rows])


def distrust(tx: Tx, fields: Iterable[tuple[int, str]], mark: str) -> None:
    """Let the bases of fields, given as (link id, field), not count any more."""
    by_link: dict[int, set[str]] = {}
    for link_id, field in fields:
        by_link.setdefault(link_id, set()).add(field)
    rows = [
        (b.link.id, msgspec.structs.replace(m, older={**m.older, **dict.fromkeys(names, mark)}))
        for b in bundles(tx, sorted(by_link)).values()
        for names in [by_link[b.link.id]]
        for m in b.members.values()
    ]
    save_bases(tx, rows)
    raise_revision(tx, by_link)


def members_of(tx: Tx, side: Side, refs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """(entity, record id) -> link id, for the records that are linked, attached ones too."""
    named: dict[str, list[str]] = {}
    for entity, record_id in refs:
        named.setdefault(entity, []).append(record_id)
    found = {}
    for entity, ids in named.items():
        for part in chunks(sorted(set(ids))):
            wanted = {"b_side": side, "b_entity": entity, "b_ids": part}
            for row in tx.conn.execute(_MEMBERS_OF, wanted):
                found[entity, row.id] = row.link_id
    return found


def of_references(tx: Tx, side: Side, shown: Iterable[Fields]) -> dict[tuple[Side, str, str], int]:
    """(side, entity, record id) -> link id, of all records that fields of one side refer to."""
    refs = {
        (value.entity, value.id)
        for fields in shown
        for value in fields.values()
        if isinstance(value, Ref) and not value.is_link
    }
    return {(side, entity, i): found for (entity, i), found in members_of(tx, side, refs).items()}


def live_members(tx: Tx, side: Side, links: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Link id -> (entity, record id) of the member on one side, where it is present."""
    found = {}
    for part in chunks(sorted(set(links))):
        for row in tx.conn.execute(
            select(member.c.link_id, member.c.entity, member.c.id)
            .join(
                record,
                and_(
                    record.c.side == member.c.side,
                    record.c.entity == member.c.entity,
                    record.c.id == member.c.id,
                ),
            )
            .where(
                member.c.link_id.in_(part),
                member.c.side == side,
                record.c.presence == "present",
                record.c.absent_since.is_(None),
            )
        ):
            found[row.link_id] = (row.entity, row.id)
    return found


def partners(tx: Tx, side: Side, entity: str, ids: Sequence[str]) -> dict[str, str]:
    """Record id on one side -> record id of its partner on the other side."""
    other = member.alias()
    found = {}
    for part in chunks(list(ids)):
        for row in tx.conn.execute(
            select(member.c.id, other.c.id.label("partner"))
            .join(other, and_(other.c.link_id == member.c.link_id, other.c.side != member.c.side))
            .where(member.c.side == side, member.c.entity == entity, member.c.id.in_(part))
        ):
            found[row.id] = row.partner
    return found


def save_bases(tx: Tx, rows: Sequence[tuple[int, Member]]) -> None:
    """Replace the base and the unconfirmed fields of members."""
    if rows:
        tx.conn.execute(
            _BASES,
            [
                {
                    "m_link": link_id,
                    "m_side": m.side,
                    "base": tx.schema[m.entity].encode(m.base),
                    "base_map_version": m.base_map_version,
                    "older": msgspec.msgpack.encode(m.older, order="sorted") if m.older else None,
                    "unconfirmed": msgspec.msgpack.encode(sorted(m.unconfirmed))
                    if m.unconfirmed
                    else None,
                    "unconfirmed_since": m.unconfirmed_since,
                }
                for link_id, m in rows
            ],
        )


def set_reconciled(tx: Tx, revs: Sequence[tuple[int, int]]) -> None:
    """Note the revision reconcile read, unless a later one was noted (compare-and-set)."""
    if revs:
        tx.conn.execute(
            _RECONCILED,
            [{"l_id": link_id, "l_rev": rev} for link_id, rev in revs],
        )


def forget_link(tx: Tx, link_id: int, *, reason: str, now: datetime) -> None:
    """Undo a link: its records are parked, the pair is never linked again by itself."""
    bundle = bundles(tx, [link_id])[link_id]
    if len(bundle.members) == 2:
        refusals.add(
            tx,
            bundle.link.entity,
            bundle.members[Side.CRM].id,
            bundle.members[Side.ERP].id,
            reason=reason,
            now=now,
        )
    mine = {side: [m.id] for side, m in bundle.members.items()}
    for side, others in partners_of(tx, bundle.link.entity, mine).items():
        look_again(tx, bundle.link.entity, side, others)
    tx.conn.execute(delete(outbox).where(outbox.c.link_id == link_id))
    tx.conn.execute(delete(open_field).where(open_field.c.link_id == link_id))
    tx.conn.execute(delete(resolution).where(resolution.c.link_id == link_id))
    tx.conn.execute(
        update(record).where(record.c.link_id == link_id).values(link_id=None, unlinked="parked")
    )
    tx.conn.execute(delete(member).where(member.c.link_id == link_id))
    tx.conn.execute(delete(attached).where(attached.c.link_id == link_id))
    tx.conn.execute(delete(link).where(link.c.id == link_id))


def halves(tx: Tx, entity: str, ids: Mapping[Side, Iterable[str]]) -> dict[tuple[Side, str], int]:
    """Like :func:`half`, of these records only, by side."""
    found: dict[int, tuple[Side, str]] = {}
    whole: set[int] = set()
    for side, some in ids.items():
        for part in chunks(sorted(some)):
            here = and_(member.c.side == side, member.c.entity == entity, member.c.id.in_(part))
            mine = select(member.c.link_id).where(here)
            for row in tx.conn.execute(select(member.c.link_id, member.c.id).where(here)):
                found[row.link_id] = side, row.id
            whole |= set(
                tx.conn.execute(
                    select(member.c.link_id)
                    .where(member.c.link_id.in_(mine))
                    .group_by(member.c.link_id)
                    .having(func.count() > 1)
                ).scalars()
            )
            whole |= set(
                tx.conn.execute(
                    select(outbox.c.link_id).where(
                        outbox.c.link_id.in_(mine), outbox.c.state.in_(("sending", "in doubt"))
                    )
                ).scalars()
            )
    return {of: link_id for link_id, of in found.items() if link_id not in whole}


FOLLOWED = "merge"
"""Origin of a link that a merge within a system left to the survivor."""


def repoint(tx: Tx, link_id: int, side: Side, entity: str, old: str, new: str) -> None:
    """Put another record of a system in the place of a link's member.

    The two never agreed on anything: both bases are emptied (rule 2), and as after matching
    nothing is written to either before a plan is approved.
    """
    tx.conn.execute(update(link).where(link.c.id == link_id).values(origin=FOLLOWED, evidence=old))
    tx.conn.execute(delete(outbox).where(outbox.c.link_id == link_id))
    tx.conn.execute(
        delete(member).where(member.c.link_id == link_id, member.c.side == side, member.c.id == old)
    )
    tx.conn.execute(
        update(member)
        .where(member.c.link_id == link_id)
        .values(base=tx.schema[entity].encode({}), unconfirmed=None, unconfirmed_since=None)
    )
    tx.conn.execute(
        update(record)
        .where(record.c.side == side, record.c.entity == entity, record.c.id == old)
        .values(link_id=None, unlinked=None)
    )
    tx.conn.execute(
        delete(attached).where(
            attached.c.side == side, attached.c.entity == entity, attached.c.id == new
        )
    )
    attach(tx, [(link_id, side, entity, new)])


def half(tx: Tx, entity: str) -> dict[tuple[Side, str], int]:
    """(side, record id) -> link id of links whose other side is not there and not on its way.

    One that is uncertain is no longer on its way: what it may have made is there to be matched.
    """
    rows = tx.conn.execute(_HALF, {"b_entity": entity})
    return {(Side(row.side), row.id): row.link_id for row in rows}


def raise_all(tx: Tx, entities: Iterable[str] | None = None) -> None:
    """Mark every link, or every link of some entities, to be reconciled again."""
    query = update(link).values(rev=link.c.rev + 1)
    if entities is not None:
        query = query.where(link.c.entity.in_(sorted(entities)))
    tx.conn.execute(query)


def raise_entity(tx: Tx, entity: str) -> None:
    """Mark every link of an entity to be reconciled again."""
    tx.conn.execute(update(link).where(link.c.entity == entity).values(rev=link.c.rev + 1))


def alone(tx: Tx, ids: Sequence[int], *, hold: bool = False, members: int = 1) -> set[int]:
    """Those of the links that have one member only and nothing on its way.

    ``hold``: nothing of them is sent before the transaction ends.  ``members``: how many they have.
    """
    found: set[int] = set()
    for part in chunks(sorted(ids)):
        columns = (outbox.c.link_id, outbox.c.state, outbox.c.kind, outbox.c.record_id)
        query = select(*columns).where(outbox.c.link_id.in_(part))
        writes = tx.conn.execute(query.with_for_update() if hold else query).all()
        sent = {
            w.link_id
            for w in writes
            if w.state in ("sending", "in doubt", "uncertain")
            # or a create left a record there, incomplete
            or (w.kind == WriteKind.CREATE and w.record_id is not None)
        }
        single = (
            select(link.c.id)
            .outerjoin(member, member.c.link_id == link.c.id)
            .where(link.c.id.in_(part))
            .group_by(link.c.id)
            .having(func.count(member.c.link_id) == members)
        )
        found |= set(tx.conn.execute(single).scalars()) - sent
    return found


def dissolve(
    tx: Tx,
    link_id: int | None,
    now: datetime,
    *,
    why: str = "no longer needed: the record is not alone any more",
) -> None:
    """Take a link apart that has one member only and nothing on its way."""
    if link_id is None:
        return
    tx.conn.execute(
        update(dead_letter)
        .where(dead_letter.c.link_id == link_id, dead_letter.c.closed_at.is_(None))
        .values(closed_at=now, closed_why=why)
    )
    tx.conn.execute(delete(outbox).where(outbox.c.link_id == link_id))
    tx.conn.execute(delete(open_field).where(open_field.c.link_id == link_id))
    tx.conn.execute(delete(resolution).where(resolution.c.link_id == link_id))
    for row in tx.conn.execute(select(member).where(member.c.link_id == link_id)).all():
        look_again(tx, row.entity, Side(row.side), [row.id])
    tx.conn.execute(
        update(record).where(record.c.link_id == link_id).values(link_id=None, unlinked=None)
    )
    tx.conn.execute(delete(member).where(member.c.link_id == link_id))
    tx.conn.execute(delete(attached).where(attached.c.link_id == link_id))
    tx.conn.execute(delete(link).where(link.c.id == link_id))


def unpark(tx: Tx, side: Side, entity: str, record_id: str) -> None:
    """Let a record whose link was undone be matched again."""
    tx.conn.execute(
        update(record)
        .where(
            record.c.side == side,
            record.c.entity == entity,
            record.c.id == record_id,
            record.c.link_id.is_(None),
        )
        .values(unlinked=None)
    )
    look_again(tx, entity, side, [record_id])


def some(tx: Tx, entity: str | None, limit: int | None) -> tuple[list[Bundle], int]:
    """The first links, in id order, and how many there are in all."""
    pairs = link.c.entity.not_in(ERRANDS)
    query = select(link).where(pairs).order_by(link.c.id)
    total = select(func.count()).select_from(link).where(pairs)
    if entity is not None:
        query, total = query.where(link.c.entity == entity), total.where(link.c.entity == entity)
    infos = [_info(row) for row in tx.conn.execute(query.limit(limit))]
    return _bundle(tx, infos), int(tx.conn.execute(total).scalar_one())


def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """Per entity: links, those with one member only, unlinked records per side and state."""
    out: dict[str, dict[str, int]] = {}
    sides = select(member.c.link_id, func.count().label("n")).group_by(member.c.link_id).subquery()
    for row in tx.conn.execute(
        select(link.c.entity, sides.c.n, func.count())
        .join(sides, sides.c.link_id == link.c.id)
        .group_by(link.c.entity, sides.c.n)
    ):
        name = "linked" if row[1] == 2 else "half"
        out.setdefault(row[0], {})[name] = row[2]
    for row in tx.conn.execute(
        select(record.c.entity, record.c.side, record.c.unlinked, func.count())
        .where(record.c.link_id.is_(None), or_(record.c.presence == "present"))
        .group_by(record.c.entity, record.c.side, record.c.unlinked)
    ):
        out.setdefault(row[0], {})[f"{row[1]}:{row[2] or 'new'}"] = row[3]
    return out
