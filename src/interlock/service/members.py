"""Members: further ERP customers of one CRM account, attached to its link by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.labels import label_of
from interlock.store import attached, history, links, observations, outbox, refusals, scores
from interlock.store.attached import Attached
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.observations import Observation

__all__ = ["AttachedView", "attach", "attached_of", "detach", "is_further", "views_of"]


class AttachedView(msgspec.Struct, frozen=True, kw_only=True):
    """A further record of a link; ``away``: why it does not count now, empty: it counts."""

    system: str
    entity: str
    id: str
    label: str
    by: str
    since: datetime
    evidence: str
    away: str


def is_further(tx: Tx, seen: Mapping[Side, Observation]) -> bool:
    """Say whether the ERP's record of a pair would be a further one: the account has its own."""
    crm, erp = seen[Side.CRM], seen[Side.ERP]
    if crm.entity != "customer" or crm.link_id is None or crm.link_id == erp.link_id:
        return False
    return bool(links.partners(tx, Side.CRM, crm.entity, [crm.id]))


def attach(
    tx: Tx, project: Project, seen: Mapping[Side, Observation], *, by: str, now: datetime
) -> int:
    """Attach the ERP's record of a pair to the account's link, whose number is returned.

    Both are there, and the ERP's has no partner of its own: the caller has made sure.
    """
    crm, erp = seen[Side.CRM], seen[Side.ERP]
    assert crm.link_id is not None
    told = scores.scored_suggestions(tx, erp.entity, pair=(crm.id, erp.id))
    links.dissolve(tx, erp.link_id, now, why="no longer needed: a person attached the record")
    refusals.remove(tx, erp.entity, crm.id, erp.id)
    one = Attached(
        link_id=crm.link_id,
        side=Side.ERP,
        entity=erp.entity,
        id=erp.id,
        by=by,
        evidence=told[0].evidence if told else "",
        at=now,
    )
    attached.add(tx, one)
    # what waits for a customer of the ERP may go on at once
    outbox.wake(tx, now)
    primary = links.partners(tx, Side.CRM, crm.entity, [crm.id])[crm.id]
    name = project.connection(Side.CRM).name
    why = f"a further one of {name} {crm.id}, beside {primary}, says {by}"
    _tell(tx, "attached", one, why, now)
    return crm.link_id


def attached_of(tx: Tx, seen: Observation) -> Attached | None:
    """Say how a record is attached, if it is."""
    return attached.find(tx, seen.side, seen.entity, seen.id)


def detach(
    tx: Tx,
    one: Attached,
    *,
    by: str,
    reason: str,
    now: datetime,
    lasting: bool = False,
    parked: bool = False,
) -> None:
    """Take a record off its link.

    ``parked``: it is not matched again by itself; ``lasting``: besides, it is "not the same".
    """
    if lasting:
        account = links.bundles(tx, [one.link_id])[one.link_id].members[Side.CRM].id
        refusals.add(tx, one.entity, account, one.id, reason=f"{by}: {reason}", now=now)
    attached.remove(tx, one, parked=lasting or parked)
    _tell(tx, "detached", one, f"undone by {by}: {reason}", now)


def views_of(tx: Tx, project: Project, ids: Sequence[int]) -> dict[int, list[AttachedView]]:
    """What is attached to links."""
    found = attached.of_links(tx, ids)
    return {
        link_id: [_view(tx, project, one) for one in members] for link_id, members in found.items()
    }


def _view(tx: Tx, project: Project, one: Attached) -> AttachedView:
    seen = observations.load(tx, one.side, one.entity, [one.id]).get(one.id)
    return AttachedView(
        system=project.connection(one.side).name,
        entity=one.entity,
        id=one.id,
        label="" if seen is None else label_of(seen.fields),
        by=one.by,
        since=one.at,
        evidence=one.evidence,
        away=one.away,
    )


def _tell(tx: Tx, event: str, one: Attached, why: str, now: datetime) -> None:
    told = Event(
        at=now,
        event=event,
        entity=one.entity,
        link_id=one.link_id,
        side=one.side,
        record_id=one.id,
        why=why,
    )
    history.add(tx, [told])
