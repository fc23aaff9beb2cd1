"""Explain: for a record in either system, where each value came from, when and by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.document import suggest
from interlock.governance.resolution import Choice
from interlock.governance.rules import (
    CROSS_REFERENCE,
    ConflictRule,
    FieldRule,
    OnForeignEdit,
    Ownership,
    Side,
)
from interlock.model import Presence, agree
from interlock.project.load import Project
from interlock.service.labels import known_entity, label_of
from interlock.service.status import shown_fields
from interlock.store import (
    attached,
    dead_letters,
    forgotten,
    history,
    links,
    observations,
    open_fields,
    outbox,
    resolutions,
    scores,
)
from interlock.store.database import Store, Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.store.scores import Score

__all__ = [
    "Candidate", "Explanation", "FieldStory", "LinkStory", "Moment", "RecordStory", "Shown",
    "explain", "rule_in_words",
]  # fmt: skip

_VALUES = ("written", "overruled")
"""Events that tell where a value came from."""


_OF_RECORD = ("dead", "retried", "discarded")
"""Events that concern the whole record although they name the field at fault."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.  ``system``: where, ``old`` and ``new``: plain values.

    ``event`` "overruled": ``old`` was somebody's edit that gave way, to what ``overruled_by``
    shows.  ``request``: the system's own id of the call, where it gives one.
    """

    at: datetime
    event: str
    why: str
    system: str | None
    field: str | None
    old: object
    new: object
    map_version: str | None
    run: str | None
    request: str | None = None
    write: str | None = None
    overruled_by: str | None = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A field in one system.

    ``known``: whether it could be read; ``value``: as last read.  ``agreed``: what it showed when
    both systems last agreed, if they ever did.  ``came_from``: the write of ours that left the
    value there; ``None`` when somebody entered it in that system.
    """

    known: bool
    value: object
    has_agreed: bool
    agreed: object
    came_from: Moment | None


class FieldStory(msgspec.Struct, frozen=True, kw_only=True):
    """One field in both systems.

    ``state``: "agrees", "to be written", "unknown", "differs", "one system only" or, when it waits
    for a person, "conflict", "flagged", "not taken", "read-only", "parked", "different", "held
    back", or "left different" once a person has decided so; ``why`` explains it.
    """

    field: str
    owner: str
    rule: str
    state: str
    why: str
    systems: Mapping[str, Shown]
    history: Sequence[Moment]


class RecordStory(msgspec.Struct, frozen=True, kw_only=True):
    """A record as last read.  ``made_by``: our reference when Interlock created it."""

    system: str
    entity: str
    id: str
    label: str
    presence: str
    read_at: datetime
    modified: datetime | None
    reference: str | None


class LinkStory(msgspec.Struct, frozen=True, kw_only=True):
    """How the records came to be one."""

    id: int
    origin: str
    evidence: str
    since: datetime
    score: Score | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the other system that may be the same; a person decides."""

    system: str
    id: str
    label: str
    evidence: str
    score: Score | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of a record; ``unlinked`` says why it has no counterpart.

    ``dead_letters``: open ones, as (id, message, fix).
    """

    entity: str
    records: Sequence[RecordStory]
    link: LinkStory | None
    unlinked: str
    fields: Sequence[FieldStory]
    moments: Sequence[Moment]
    dead_letters: Sequence[tuple[int, str, str]]
    candidates: Sequence[Candidate] = ()


def explain(
    project: Project,
    store: Store,
    entity: str,
    record_id: str,
    *,
    field: str | None = None,
    system: str | None = None,
) -> Explanation:
    """Explain a record given by its id in either system, or one field of it.

    ``system``: which one's id it is; needed only when both have a record with that id.
    """
    known_entity(entity)
    if entity not in project.ownership.entities:
        raise ConfigurationError(
            f"{entity} is not synced", fix=suggest(entity, project.ownership.entities)
        )
    known = [*project.ownership.entities[entity].fields, CROSS_REFERENCE]
    if field is not None and field not in known:
        raise ConfigurationError(
            f"{entity} has no field {field!r} in ownership.yaml", fix=suggest(field, known)
        )
    return store.run(_explain, project, entity, record_id, field, _side(project, system))


def _side(project: Project, system: str | None) -> Side | None:
    if system is None:
        return None
    names = {project.connection(s).name: s for s in Side} | {s.value: s for s in Side}
    if system not in names:
        raise ConfigurationError(f"no system is called {system!r}", fix=suggest(system, names))
    return names[system]


def _explain(
    tx: Tx, project: Project, entity: str, record_id: str, field: str | None, side: Side | None
) -> Explanation:
    found = _find(tx, project, entity, record_id, side)
    # what is attached takes no part in its link's fields
    link_id = None if attached.find(tx, found.side, entity, found.id) else found.link_id
    bundle = None if link_id is None else links.bundles(tx, [link_id])[link_id]
    seen = _seen(found, bundle)
    events = history.about(tx, link_id, [(o.side, o.entity, o.id) for o in seen.values()])
    told = [change for event in events for change in history.changes(event)]
    teller = _Teller(tx, project, entity, found, bundle, told)
    names = [field] if field is not None else teller.fields()
    letters = [] if bundle is None else _letters(tx, bundle)
    return Explanation(
        entity=entity,
        records=[teller.record(o) for o in seen.values()],
        link=None
        if bundle is None
        else LinkStory(
            id=bundle.link.id,
            origin=bundle.link.origin,
            evidence=bundle.link.evidence,
            since=bundle.link.created_at,
            score=bundle.link.score,
        ),
        unlinked="" if bundle is not None else _why_unlinked(tx, found),
        fields=[teller.story(name) for name in names],
        moments=[teller.moment(e) for e in events if e.field is None or e.event in _OF_RECORD],
        dead_letters=[(d.id, d.message, d.fix) for d in letters],
        candidates=_candidates(tx, project, found),
    )


def _candidates(tx: Tx, project: Project, found: Observation) -> list[Candidate]:
    side = found.side
    waiting = scores.scored_suggestions(tx, found.entity, of=(side, found.id))
    ids = [s.erp_id if side is Side.CRM else s.crm_id for s in waiting]
    seen = observations.load(tx, side.other, found.entity, ids)
    return [
        Candidate(
            system=project.connection(side.other).name,
            id=i,
            label=label_of(seen[i].fields) if i in seen else "",
            evidence=s.evidence,
            score=s.score,
        )
        for i, s in zip(ids, waiting, strict=True)
    ]


def _find(tx: Tx, project: Project, entity: str, record_id: str, only: Side | None) -> Observation:
    found = [
        o
        for side in Side
        if only in (None, side)
        and (o := observations.load(tx, side, entity, [record_id]).get(record_id)) is not None
    ]
    systems = " or ".join(project.connection(s).name for s in Side if only in (None, s))
    if not found:
        raise ConfigurationError(
            f"Interlock has read no {entity} {record_id} in {systems}",
            fix="check the id; `interlock plan` reads what is new",
        )
    if len(found) > 1 and found[0].link_id != found[1].link_id:
        raise ConfigurationError(
            f"both systems have a {entity} {record_id}, and they are not the same one",
            fix="say whose id it is: --system "
            + " or --system ".join(project.connection(s).name for s in Side),
        )
    return found[0]


def _seen(found: Observation, bundle: Bundle | None) -> Mapping[Side, Observation]:
    if bundle is None:
        return {found.side: found}
    return {side: bundle.seen[side] for side in Side if side in bundle.seen}


def _letters(tx: Tx, bundle: Bundle) -> list[DeadLetter]:
    subjects = [
        dead_letters.subject_of(link_id, side, entity, source)
        for side, member in bundle.members.items()
        for link_id, entity, source in (
            (bundle.link.id, member.entity, None),
            (bundle.link.id, "order" if bundle.link.entity == "deal" else bundle.link.entity, None),
            (None, "order", member.id),
        )
        for side in Side
    ]
    return dead_letters.opened(tx, sorted(set(subjects)))


def _why_unlinked(tx: Tx, found: Observation) -> str:
    one = attached.find(tx, found.side, found.entity, found.id)
    if one is not None:
        away = f"; it is {one.away}, and does not count" if one.away else ""
        return (
            f"it is attached to link {one.link_id} by {one.by}: read, and rolled up with it{away}"
        )
    if tx.vault.identity(found.side, found.entity, found.id) in forgotten.identities(tx):
        return "it was forgotten: Interlock keeps its id alone"
    if found.presence is not Presence.PRESENT:
        return f"the record is {found.presence.value}"
    return {
        "suggested": "it has something in common with a record of the other system, but not "
        "enough to link them",
        "born here": "it has no counterpart, and the ownership map creates none",
        "ignored": "it has no counterpart, and the ownership map ignores records born there",
        "parked": "its link was undone by a person",
    }.get(found.unlinked or "", "it has not been matched yet")


def rule_in_words(rule: FieldRule, names: Mapping[Side, str]) -> str:
    """Say in a sentence who may change a field."""
    owner = rule.ownership.side
    if owner is not None:
        other = names[owner.other]
        if rule.on_foreign_edit is OnForeignEdit.FLAG:
            return f"{names[owner]} owns it; an edit in {other} is shown to a person"
        return f"{names[owner]} owns it; an edit in {other} is put back"
    if rule.ownership is Ownership.LOCAL:
        return "only read for Interlock's own decisions, never written to the other system"
    if rule.conflict is ConflictRule.MANUAL:
        return "either system may change it; if both did, a person decides"
    if rule.conflict is ConflictRule.NEWEST:
        return "either system may change it; if both did, the later change wins"
    return f"either system may change it; if both did, {names[Side(rule.conflict.value)]} wins"


class _Teller:
    """Tells the story of one record's fields."""

    def __init__(
        self,
        tx: Tx,
        project: Project,
        entity: str,
        found: Observation,
        bundle: Bundle | None,
        events: Sequence[Event],
    ) -> None:
        # an order is told with its own fields, although its link is the deal's
        alone = bundle is None or bundle.link.entity != entity
        self.names = {side: project.connection(side).name for side in Side}
        self.rules = project.ownership.entities[entity].fields
        self.sides = [found.side] if alone else [s for s in Side if s in bundle.members]  # type: ignore[union-attr]
        self.found, self.bundle, self.alone, self.events = found, bundle, alone, events
        self.tx = tx
        self.opened: Mapping[str, tuple[str, str]] = {}
        self.kept: Mapping[str, str] = {}
        self.pending: Iterable[OutboxWrite] = ()
        if bundle is not None:
            self.opened = open_fields.load(tx, [bundle.link.id]).get(bundle.link.id, {})
            decided = resolutions.of_links(tx, [bundle.link.id]).get(bundle.link.id, {})
            self.kept = {f: r.why for f, r in decided.items() if r.choice is Choice.KEEP}
            self.pending = [
                w
                for w in outbox.of_links(tx, [bundle.link.id]).values()
                if alone is (w.target is found.side and w.entity == entity) or not alone
            ]

    def fields(self) -> list[str]:
        """Name the fields that are known on some side, in the order of the ownership map."""
        known = {f for side in self.sides for f in self._values(side)}
        return [f for f in (*self.rules, CROSS_REFERENCE) if f in known]

    def record(self, o: Observation) -> RecordStory:
        """Tell what is known of one record."""
        return RecordStory(
            system=self.names[o.side],
            entity=o.entity,
            id=o.id,
            label=label_of(o.fields),
            presence="not found" if o.absent_since is not None else o.presence.value,
            read_at=o.instant,
            modified=o.modified,
            reference=o.reference,
        )

    def moment(self, event: Event) -> Moment:
        """Tell one event."""
        return Moment(
            at=event.at,
            event=event.event,
            why=event.why,
            system=None if event.side is None else self.names[event.side],
            field=event.field,
            old=event.old,
            new=event.new,
            map_version=event.map_version,
            run=event.run_id,
            request=event.request_id,
            write=event.write_id,
            overruled_by=self.names[event.side.other]
            if event.event == "overruled" and event.side is not None
            else None,
        )

    def story(self, field: str) -> FieldStory:
        """Tell one field."""
        rule = self.rules.get(field)
        events = [e for e in self.events if e.field == field]
        state, why = self._state(field)
        return FieldStory(
            field=field,
            owner="Interlock" if rule is None else self._owner(rule),
            rule="the other system's id, kept right by Interlock"
            if rule is None
            else rule_in_words(rule, self.names),
            state=state,
            why=why,
            systems={self.names[s]: self._shown(field, s, events) for s in self.sides},
            history=[self.moment(e) for e in events],
        )

    def _owner(self, rule: FieldRule) -> str:
        owner = rule.ownership.side
        return rule.ownership.value if owner is None else self.names[owner]

    def _values(self, side: Side) -> Mapping[str, object]:
        if self.alone or self.bundle is None:
            return self.found.known
        return shown_fields(self.bundle, side)

    def _base(self, side: Side) -> Mapping[str, object]:
        if self.bundle is None or side not in self.bundle.members:
            return {}
        return self.bundle.members[side].base

    def _shown(self, field: str, side: Side, events: Sequence[Event]) -> Shown:
        values, base = self._values(side), self._base(side)
        value = history.plain(values.get(field))  # type: ignore[arg-type]
        written = next((e for e in events if e.side is side and e.event in _VALUES), None)
        ours = written is not None and written.new == value
        return Shown(
            known=field in values,
            value=value,
            has_agreed=field in base,
            agreed=history.plain(base.get(field)),  # type: ignore[arg-type]
            came_from=self.moment(written) if written is not None and ours else None,
        )

    def _state(self, field: str) -> tuple[str, str]:
        if field in self.opened:
            return self.opened[field]
        if field in self.kept:
            return "left different", self.kept[field]
        for w in self.pending:
            if field in w.fields:
                return self._on_its_way(w, field)
        if len(self.sides) < len(Side):
            return "one system only", ""
        crm, erp = (self._values(side) for side in Side)
        unknown = [self.names[s] for s in Side if field not in self._values(s)]
        if unknown:
            return "unknown", f"cannot be read in {' and '.join(unknown)}: left alone"
        at_rest = all(
            field in self._base(s) and self._base(s)[field] == self._values(s)[field] for s in Side
        )
        if at_rest or agree(crm[field], erp[field]):  # type: ignore[arg-type]
            return "agrees", ""
        if field in self.rules and self.rules[field].ownership is Ownership.LOCAL:
            return "one system only", ""
        return "differs", "not decided yet: the next sync looks at it"

    def _on_its_way(self, w: OutboxWrite, field: str) -> tuple[str, str]:
        target, why = self.names[w.target], w.reasons.get(field, "")
        if w.state is WriteState.DEAD:
            subject = dead_letters.subject_of(w.link_id, w.target, w.entity, w.source_id)
            given_up = dead_letters.discarded(self.tx, subject, w.digest)
            refused = f"{target} refused it; see `interlock dead-letters list`"
            return "not written", given_up or refused
        if w.needs_approval:
            return "to be written", f"to {target} once approved: {why}"
        if w.waits_for:
            return "to be written", f"to {target}: {w.waits_for}"
        return "to be written", f"to {target} at the next sync: {why}"
