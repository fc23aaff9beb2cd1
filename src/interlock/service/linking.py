"""Links: show which records are the same, and undo a link that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError, StaleStateError
from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.labels import known_entity, label_of
from interlock.service.members import AttachedView, detach, views_of
from interlock.store import attached, dead_letters, history, links, open_fields, outbox
from interlock.store.attached import Attached
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.outbox import WriteState
from interlock.store.scores import Score

__all__ = [
    "LinkList",
    "LinkView",
    "MemberView",
    "Undone",
    "list_links",
    "show_link",
    "take_apart",
    "undo_link",
]

_ON_ITS_WAY = (WriteState.SENDING, WriteState.IN_DOUBT)


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a link; ``presence`` "unknown" when it has not been read yet."""

    entity: str
    id: str
    label: str
    presence: str


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """One link; ``members`` by system.  ``pending``: writes decided and not delivered yet.

    ``attached``: further records of the ERP that belong to it.  ``score``: what matching found,
    where a score made it.
    """

    id: int
    entity: str
    origin: str
    evidence: str
    since: datetime
    members: Mapping[str, MemberView]
    open_fields: Mapping[str, str]
    pending: int
    score: Score | None = None
    attached: Sequence[AttachedView] = ()


class LinkList(msgspec.Struct, frozen=True, kw_only=True):
    """The first links, and how many there are in all."""

    links: Sequence[LinkView]
    total: int


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """A link that is no more; ``members``: system -> record id.

    ``attached``: what was attached to it, and is parked.  ``detached``: only this record was taken
    off the link, which lasts.
    """

    link: int
    entity: str
    members: Mapping[str, str]
    dropped_writes: int
    closed_letters: int
    attached: Sequence[str] = ()
    detached: str = ""


def list_links(
    project: Project, store: Store, *, entity: str | None = None, limit: int | None = None
) -> LinkList:
    """List links in the order in which they were made."""
    if entity is not None:
        known_entity(entity)

    def _list(tx: Tx) -> LinkList:
        found, total = links.some(tx, entity, limit)
        return LinkList(links=_views(tx, project, found), total=total)

    return store.run(_list)


def show_link(project: Project, store: Store, *, key: Sequence[str]) -> LinkView:
    """Show a link given by its number, or by entity and a record's id in either system."""
    return store.run(lambda tx: _views(tx, project, [_find(tx, key)])[0])


def undo_link(
    project: Project, store: Store, key: Sequence[str], *, by: str, reason: str, now: datetime
) -> Undone:
    """Take a link apart; the two records are never linked again by themselves.

    Refused while a write of the link is under way: its record would be nobody's.  Where an attached
    member is named, it alone is taken off the link.
    """

    def _undo(tx: Tx) -> Undone:
        bundle = _find(tx, key)
        member = _attached(tx, key, bundle)
        if member is None:
            return take_apart(tx, project, bundle, by=by, reason=reason, now=now)
        detach(tx, member, by=by, reason=reason, now=now, lasting=True)
        return Undone(
            link=bundle.link.id,
            entity=bundle.link.entity,
            members={project.connection(s).name: m.id for s, m in bundle.members.items()},
            dropped_writes=0,
            closed_letters=0,
            detached=member.id,
        )

    return store.run(_undo)


def _attached(tx: Tx, key: Sequence[str], bundle: Bundle) -> Attached | None:
    """The attached member a person named by its id, unless a primary member has that id."""
    if len(key) == 1 or any(m.id == key[1] for m in bundle.members.values()):
        return None
    members = attached.of_links(tx, [bundle.link.id]).get(bundle.link.id, [])
    return next((one for one in members if one.id == key[1]), None)


def take_apart(
    tx: Tx, project: Project, bundle: Bundle, *, by: str, reason: str, now: datetime
) -> Undone:
    """Undo a link within a transaction of the caller's."""
    link = bundle.link
    writes = list(outbox.of_links(tx, [link.id]).values())
    if any(w.state in _ON_ITS_WAY for w in writes):
        raise StaleStateError(
            f"link {link.id} has a write under way",
            fix="run `interlock sync --once`, then undo the link",
        )
    closed = dead_letters.close_of_link(tx, link.id, why="the link was undone", now=now)
    further = attached.of_links(tx, [link.id]).get(link.id, [])
    for one in further:
        detach(tx, one, by=by, reason=f"its link was undone: {reason}", now=now, parked=True)
    history.add(
        tx,
        [
            Event(
                at=now,
                event="unlinked",
                entity=member.entity,
                why=f"undone by {by}: {reason}",
                link_id=link.id,
                side=side,
                record_id=member.id,
            )
            for side, member in bundle.members.items()
        ],
    )
    links.forget_link(tx, link.id, reason=f"{by}: {reason}", now=now)
    return Undone(
        link=link.id,
        entity=link.entity,
        members={project.connection(s).name: m.id for s, m in bundle.members.items()},
        dropped_writes=sum(w.state is not WriteState.DEAD for w in writes),
        closed_letters=closed,
        attached=[one.id for one in further],
    )


def _find(tx: Tx, key: Sequence[str]) -> Bundle:
    link_id = _link_id(tx, key)
    bundle = links.bundles(tx, [link_id]).get(link_id)
    if bundle is None:
        raise ConfigurationError(f"there is no link {link_id}", fix="see `interlock links list`")
    return bundle


def _link_id(tx: Tx, key: Sequence[str]) -> int:
    if len(key) == 1:
        if not key[0].isdigit():
            raise ConfigurationError(
                f"{key[0]!r} is not the number of a link",
                fix="give a link's number, or an entity and a record's id: customer 42",
            )
        return int(key[0])
    entity, record_id = key
    known_entity(entity)
    found = {i for side in Side for i in links.members_of(tx, side, [(entity, record_id)]).values()}
    if not found:
        raise ConfigurationError(
            f"{entity} {record_id} has no link",
            fix=f"`interlock explain {entity} {record_id}` says why",
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"both systems have a {entity} {record_id}, in different links",
            fix=f"give the link's number: {' or '.join(str(i) for i in sorted(found))}",
        )
    return found.pop()


def _views(tx: Tx, project: Project, bundles: Sequence[Bundle]) -> list[LinkView]:
    ids = [b.link.id for b in bundles]
    opened = open_fields.load(tx, ids)
    further = views_of(tx, project, ids)
    pending = [link_id for link_id, _ in outbox.of_links(tx, ids)]
    return [
        LinkView(
            id=b.link.id,
            entity=b.link.entity,
            origin=b.link.origin,
            evidence=b.link.evidence,
            since=b.link.created_at,
            members={project.connection(s).name: _member(b, s) for s in Side if s in b.members},
            open_fields={f: why for f, (_, why) in opened.get(b.link.id, {}).items()},
            pending=pending.count(b.link.id),
            score=b.link.score,
            attached=further.get(b.link.id, ()),
        )
        for b in bundles
    ]


def _member(bundle: Bundle, side: Side) -> MemberView:
    member, seen = bundle.members[side], bundle.seen.get(side)
    presence = "unknown" if seen is None else seen.presence.value
    if seen is not None and seen.absent_since is not None:
        presence = "not found"
    return MemberView(
        entity=member.entity,
        id=member.id,
        label="" if seen is None else label_of(seen.fields),
        presence=presence,
    )
