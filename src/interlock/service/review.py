"""Review: pairs that wait for a person, and what the person decides about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from interlock.errors import ConfigurationError, StaleStateError
from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.project.load import Project
from interlock.service.labels import known_entity, label_of
from interlock.service.linking import take_apart
from interlock.service.members import attach, attached_of, detach, is_further
from interlock.store import attached, history, links, observations, outbox, refusals, scores
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.observations import Observation
from interlock.store.scores import Score

__all__ = [
    "Decided",
    "Decision",
    "PairView",
    "Queue",
    "RecordView",
    "decide",
    "decide_in",
    "pair_records",
    "read_attached",
    "read_queue",
    "take_back",
]

Decision = Literal["accept", "attach", "reject"]
"""``attach``: as accept, but only as a further ERP customer of an account that has its own."""

_SHOWN = ("name", "website", "email", "phone", "tax_id", "billing_address", "sku", "customer")


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a pair; ``fields`` are plain data, those matching looks at."""

    system: str
    id: str
    label: str
    linked_with: str
    fields: Mapping[str, object]


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that may be one; ``score`` is missing where only a key is in common."""

    entity: str
    crm: RecordView
    erp: RecordView
    evidence: str
    score: Score | None
    since: datetime


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """The first pairs, the likeliest first, and how many there are in all."""

    pairs: Sequence[PairView]
    total: int


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pair.

    ``state``: "linked", "attached" (as a further record of the account's link), "refused", "apart",
    "detached" or "matched anew".

    ``changed``: False where it had been so before.
    """

    entity: str
    crm_id: str
    erp_id: str
    state: str
    link: int | None = None
    changed: bool = True


def read_queue(
    project: Project, store: Store, *, entity: str = "customer", limit: int | None = None
) -> Queue:
    """Read the pairs that wait for a person."""
    known_entity(entity)

    def _read(tx: Tx) -> Queue:
        waiting = scores.scored_suggestions(tx, entity, limit)
        left = _views(tx, project, Side.CRM, entity, [s.crm_id for s in waiting])
        right = _views(tx, project, Side.ERP, entity, [s.erp_id for s in waiting])
        return Queue(
            pairs=[
                PairView(
                    entity=entity,
                    crm=left[s.crm_id],
                    erp=right[s.erp_id],
                    evidence=s.evidence,
                    score=s.score,
                    since=s.at,
                )
                for s in waiting
                if s.crm_id in left and s.erp_id in right
            ],
            total=scores.count_suggestions(tx, entity),
        )

    return store.run(_read)


def read_attached(project: Project, store: Store) -> list[PairView]:
    """Read what people attached, with the accounts it belongs to."""

    def _read(tx: Tx) -> list[PairView]:
        pairs = attached.pairs(tx, "customer")
        crm = _views(tx, project, Side.CRM, "customer", [crm_id for crm_id, _ in pairs])
        erp = _views(tx, project, Side.ERP, "customer", [one.id for _, one in pairs])
        return [
            PairView(
                entity="customer",
                crm=crm[crm_id],
                erp=erp[one.id],
                evidence=one.evidence,
                score=None,
                since=one.at,
            )
            for crm_id, one in pairs
            if crm_id in crm and one.id in erp
        ]

    return store.run(_read)


def _views(
    tx: Tx, project: Project, side: Side, entity: str, ids: Sequence[str]
) -> dict[str, RecordView]:
    found = observations.load(tx, side, entity, sorted(set(ids)))
    partners = links.partners(tx, side, entity, sorted(found))
    name = project.connection(side).name
    return {
        i: RecordView(
            system=name,
            id=i,
            label=label_of(o.fields),
            linked_with=partners.get(i, ""),
            fields={f: history.plain(o.fields[f]) for f in _SHOWN if o.fields.get(f) is not None},
        )
        for i, o in found.items()
    }


def decide(
    project: Project,
    store: Store,
    crm_id: str,
    erp_id: str,
    decision: Decision,
    *,
    entity: str = "customer",
    by: str,
    now: datetime,
) -> Decided:
    """Link a pair, or note for good that it is not the same."""
    known_entity(entity)
    return store.run(
        lambda tx: decide_in(tx, project, entity, crm_id, erp_id, decision, by=by, now=now)
    )


def decide_in(
    tx: Tx,
    project: Project,
    entity: str,
    crm_id: str,
    erp_id: str,
    decision: Decision,
    *,
    by: str,
    now: datetime,
) -> Decided:
    """Decide within a transaction of the caller's."""
    seen = pair_records(tx, project, entity, crm_id, erp_id)
    if decision == "reject":
        return _reject(tx, entity, seen, by=by, now=now)
    return _accept(tx, project, entity, seen, by=by, now=now, further=decision == "attach")


def pair_records(
    tx: Tx, project: Project, entity: str, crm_id: str, erp_id: str
) -> dict[Side, Observation]:
    """Both records as last read; raises ``ConfigurationError`` for an unknown id."""
    seen = {}
    for side, record_id in ((Side.CRM, crm_id), (Side.ERP, erp_id)):
        found = observations.load(tx, side, entity, [record_id]).get(record_id)
        if found is None:
            raise ConfigurationError(
                f"Interlock has read no {entity} {record_id} in {project.connection(side).name}",
                fix="give the CRM's id first, then the ERP's; `interlock match run` reads what "
                "is new",
            )
        seen[side] = found
    return seen


def _accept(
    tx: Tx,
    project: Project,
    entity: str,
    seen: Mapping[Side, Observation],
    *,
    by: str,
    now: datetime,
    further: bool = False,
) -> Decided:
    crm_id, erp_id = seen[Side.CRM].id, seen[Side.ERP].id
    made = partial(Decided, entity=entity, crm_id=crm_id, erp_id=erp_id)
    joined = _joined(seen)
    if joined is not None:
        state = "attached" if attached_of(tx, seen[Side.ERP]) else "linked"
        return made(state=state, link=joined, changed=False)
    if is_further(tx, seen):
        _must_be_there(project, seen[Side.CRM])
        _must_be_free(tx, project, Side.ERP, seen[Side.ERP])
        link_id = attach(tx, project, seen, by=by, now=now)
        return made(state="attached", link=link_id)
    if further:
        raise ConfigurationError(
            f"{entity} {crm_id} has no ERP {entity} of its own yet",
            fix="link its main one first: `interlock match accept`",
        )
    for side, one in seen.items():
        _must_be_free(tx, project, side, one)
    told = scores.scored_suggestions(tx, entity, pair=(crm_id, erp_id))
    for one in seen.values():
        links.dissolve(tx, one.link_id, now, why="no longer needed: a person linked the record")
    refusals.remove(tx, entity, crm_id, erp_id)
    [link_id] = links.create_many(
        tx,
        entity,
        [([(side, entity, one.id) for side, one in seen.items()], f"({by})")],
        origin="manual",
        now=now,
        scores=[told[0].score if told else None],
    )
    # what waits for one of the two may go on at once
    outbox.wake(tx, now)
    _note(tx, "linked", entity, seen, f"linked by {by}", now, link_id)
    return made(state="linked", link=link_id)


def _joined(seen: Mapping[Side, Observation]) -> int | None:
    crm, erp = seen[Side.CRM].link_id, seen[Side.ERP].link_id
    return crm if crm is not None and crm == erp else None


def _must_be_there(project: Project, one: Observation) -> str:
    what = f"{one.entity} {one.id} in {project.connection(one.side).name}"
    if one.presence is not Presence.PRESENT:
        raise ConfigurationError(
            f"{what} is {one.presence.value}", fix="link a record that is there"
        )
    return what


def _must_be_free(tx: Tx, project: Project, side: Side, one: Observation) -> None:
    what = _must_be_there(project, one)
    if one.link_id is None:
        return
    if attached_of(tx, one):
        raise ConfigurationError(
            f"{what} is attached to link {one.link_id}",
            fix=f"`interlock links undo {one.entity} {one.id}` first, if that is wrong",
        )
    partner = links.partners(tx, side, one.entity, [one.id]).get(one.id)
    if partner is not None:
        other = project.connection(side.other).name
        twice = ""
        if side is Side.ERP:
            twice = f"; two accounts of one ERP {one.entity} are duplicates: merge them in {other}"
        raise ConfigurationError(
            f"{what} is linked with {partner} in {other}",
            fix=f"`interlock links undo {one.entity} {one.id}` first, if that is wrong{twice}",
        )
    if one.link_id not in links.alone(tx, [one.link_id], hold=True):
        raise StaleStateError(
            f"{what} is being created on the other side just now",
            fix="run `interlock sync --once`, then decide",
        )


def _reject(
    tx: Tx, entity: str, seen: Mapping[Side, Observation], *, by: str, now: datetime
) -> Decided:
    crm_id, erp_id = seen[Side.CRM].id, seen[Side.ERP].id
    if _joined(seen) is not None:
        named = erp_id if attached_of(tx, seen[Side.ERP]) else crm_id
        raise ConfigurationError(
            f"{entity} {crm_id} and {erp_id} are linked",
            fix=f"`interlock links undo {entity} {named}` takes them apart for good",
        )
    changed = (crm_id, erp_id) not in refusals.load(tx, entity)
    if changed:
        refusals.add(tx, entity, crm_id, erp_id, reason=f"{by}: not the same", now=now)
        _note(tx, "unlinked", entity, seen, f"not the same, says {by}", now, None)
    return Decided(entity=entity, crm_id=crm_id, erp_id=erp_id, state="refused", changed=changed)


def take_back(
    project: Project,
    store: Store,
    crm_id: str,
    erp_id: str,
    *,
    entity: str = "customer",
    by: str,
    now: datetime,
) -> Decided:
    """Take back what was decided about a pair.

    A link made by a person and a refusal go: the pair is matched anew.  A link that matching made
    would come back, so it is taken apart for good, as ``links undo`` does.  A further member is
    detached and matched anew.
    """
    known_entity(entity)

    def _undo(tx: Tx) -> Decided:
        seen = pair_records(tx, project, entity, crm_id, erp_id)
        joined = _joined(seen)
        member = attached_of(tx, seen[Side.ERP])
        if joined is not None and member is not None:
            detach(tx, member, by=by, reason="the decision was taken back", now=now)
            return Decided(entity=entity, crm_id=crm_id, erp_id=erp_id, state="detached")
        if joined is not None:
            bundle = links.bundles(tx, [joined])[joined]
            take_apart(tx, project, bundle, by=by, reason="the decision was taken back", now=now)
            if bundle.link.origin != "manual":
                return Decided(entity=entity, crm_id=crm_id, erp_id=erp_id, state="apart")
        if not refusals.remove(tx, entity, crm_id, erp_id):
            raise ConfigurationError(
                f"nothing was decided about {entity} {crm_id} and {erp_id}",
                fix="see `interlock match review`",
            )
        for side, one in seen.items():
            links.unpark(tx, side, entity, one.id)
        _note(tx, "unlinked", entity, seen, f"{by} took the decision back", now, None)
        return Decided(entity=entity, crm_id=crm_id, erp_id=erp_id, state="matched anew")

    return store.run(_undo)


def _note(
    tx: Tx,
    event: str,
    entity: str,
    seen: Mapping[Side, Observation],
    why: str,
    now: datetime,
    link_id: int | None,
) -> None:
    history.add(
        tx,
        [
            Event(
                at=now,
                event=event,
                entity=entity,
                why=why,
                link_id=link_id,
                side=side,
                record_id=one.id,
            )
            for side, one in seen.items()
        ],
    )
