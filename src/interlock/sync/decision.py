"""What should be written for a link: merge, cross-reference, create and processes' intents.  Pure.

Reads a bundle (link, members, observations) and gives writes, new bases and open fields; storing
them is ``reconcile``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from interlock.connectors.base import EntityCapabilities
from interlock.governance.limits import Kind, follows, kind_of
from interlock.governance.merge import (
    Action,
    Decision,
    MemberView,
    OpenKind,
    Outcome,
    merge,
    respelled,
)
from interlock.governance.resolution import Resolution
from interlock.governance.rules import CROSS_REFERENCE, EntityRules, OnCreate, Side
from interlock.model import FieldFacts, Fields, Presence, Ref, WriteKind, agree
from interlock.store.epochs import REBUILT
from interlock.store.history import Event
from interlock.store.links import FOLLOWED, Bundle, Member
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.store.undoing import UndoRequest
from interlock.sync.breaker import Brakes
from interlock.sync.identity import digest_of, reference_of
from interlock.sync.pair import PRIORITY, Pair
from interlock.sync.progress import Run
from interlock.sync.resolving import apply_resolutions
from interlock.sync.undoing import apply_undo

__all__ = ["HELD_BACK", "Decided", "Intent", "Translator", "decide", "intend"]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a process wants written for a link, beyond what the merge decides."""

    target: Side
    entity: str
    kind: WriteKind
    fields: Fields
    why: str
    revision: int = 1
    record_id: str | None = None
    completes: bool = False
    """Whether it is a later step of a create of ours, and was counted with that."""
    needs_approval: bool = False
    expected: Fields | None = None
    """What the write replaces; ``None``: what the link's own member shows of these fields."""
    source: tuple[str, str] | None = None
    """(entity, id) of the other side's record it comes of; ``None``: the link's own member."""


class Decided:
    """What a batch decided, collected for batched statements."""

    def __init__(
        self,
        known_open: Mapping[int, Mapping[str, tuple[str, str]]],
        brakes: Brakes,
        resolutions: Mapping[int, Mapping[str, Resolution]],
    ) -> None:
        self.known_open = known_open
        self.brakes = brakes
        self.resolutions = resolutions
        self.ended: list[tuple[int, str]] = []
        self.stale: list[tuple[int, str, Resolution]] = []
        self.quiet: dict[int, set[str]] = {}
        self.undo: Mapping[int, Sequence[UndoRequest]] = {}
        self.undone: list[UndoRequest] = []
        self.bases: list[tuple[int, Member]] = []
        self.writes: list[OutboxWrite] = []
        self.events: list[Event] = []
        self.open: dict[int, dict[str, tuple[str, str]]] = {}
        self.kept_open: dict[int, frozenset[str]] = {}


class Translator:
    """Turns references to records into references to links, where they are linked."""

    def __init__(self, known: Mapping[tuple[Side, str, str], int]) -> None:
        """``known``: (side, entity, record id) -> link id."""
        self.known = known

    def fields(self, side: Side, fields: Fields) -> Fields:
        """Translate; one to a record without a link is marked as foreign, its write waits."""
        if not any(isinstance(v, Ref) for v in fields.values()):
            return fields
        out: Fields = {}
        for name, value in fields.items():
            if isinstance(value, Ref) and not value.is_link:
                link_id = self.known.get((side, value.entity, value.id))
                out[name] = Ref(value.entity, f"~{value.id}" if link_id is None else f"@{link_id}")
            else:
                out[name] = value
        return out


def decide(
    pair: Pair,
    run: Run,
    bundle: Bundle,
    rules: EntityRules,
    translate: Translator,
    intents: Sequence[Intent],
    first_matched: Mapping[str, str | None],
    result: Decided,
) -> None:
    """Decide one link and add what was decided to ``result``.

    ``first_matched``: entity -> when its two lists were first matched.
    """
    link = bundle.link
    opened: dict[str, tuple[str, str]] = {}
    kept: frozenset[str] = frozenset()
    changes: dict[Side, dict[str, Outcome]] = {side: {} for side in Side}
    missing = [s for s in bundle.members if s not in bundle.seen or not bundle.seen[s].there]
    if missing:
        for side in missing:
            seen = bundle.seen.get(side)
            state = (
                "missing"
                if seen is None or seen.presence is Presence.PRESENT
                else seen.presence.value
            )
            why = f"the {side.value.upper()} record is {state}; nothing is written until you decide"
            opened[f"({side.value})"] = (state, why)
        # what was open before is no less so while a record is away
        kept = frozenset(f for f in result.known_open.get(link.id, ()) if not f.startswith("("))
    elif len(bundle.members) == 2:
        decision, rebased = _merge_bundle(pair, run, bundle, rules, translate, result)
        result.bases += [(link.id, m) for m in rebased]
        quiet = result.quiet.get(link.id, set())
        kept = _note(pair, run, bundle, rules, decision, opened, result) - quiet
        _note_silent(pair, bundle, rules, decision, opened, kept | quiet)
        for side in Side:
            changes[side] = {o.field: o for o in decision.writes(side)}
    asked = result.undo.get(link.id, ())
    if asked and not missing and len(bundle.members) == 2:
        result.undone += apply_undo(pair, bundle, asked, changes, opened, result.bases)
    if not missing:
        for side in bundle.members:
            outcome = _cross_reference(pair, bundle, side)
            if outcome is None:
                continue
            outcome = result.brakes.brake_one(bundle, side, outcome)
            if outcome.action is Action.WRITE:
                changes[side][CROSS_REFERENCE] = outcome
            else:
                opened[CROSS_REFERENCE] = (OpenKind.PARKED.value, outcome.why)
        result.writes += _updates(pair, bundle, changes, opened)
        result.writes += _create(pair, bundle, rules, translate, first_matched)
        result.writes += _intended(pair, bundle, intents)
    result.open[link.id], result.kept_open[link.id] = opened, kept


def intend(pair: Pair, bundle: Bundle, intents: Sequence[Intent], result: Decided) -> None:
    """Decide a link that is no pair of records, only the subject of a process's writes."""
    result.writes += _intended(pair, bundle, intents)


def _merge_bundle(
    pair: Pair,
    run: Run,
    bundle: Bundle,
    rules: EntityRules,
    translate: Translator,
    result: Decided,
) -> tuple[Decision, list[Member]]:
    """Merge both members, seen as the link's entity; returns the members with new bases."""
    views, shown = {}, {}
    for side, member in bundle.members.items():
        seen = bundle.seen[side]
        raw = shown[side] = _shown(pair, bundle, side)
        confirmed = member.unconfirmed_since is not None and seen.instant > member.unconfirmed_since
        views[side] = MemberView(
            fields=translate.fields(side, raw),
            base=translate.fields(side, member.agreed),
            facts=_facts(pair, side, member.entity, bundle.link.entity),
            unconfirmed=member.unconfirmed & raw.keys() if confirmed else frozenset(),
        )
    decision = result.brakes.brake(bundle, merge(rules, views[Side.CRM], views[Side.ERP]), views)
    decision = apply_resolutions(pair, run, bundle, rules, views, shown, decision, result)
    rebased = []
    for side, member in bundle.members.items():
        fields = {o.field: shown[side][o.field] for o in decision.outcomes if side in o.rebase}
        looked = views[side].unconfirmed
        if fields or looked:
            left = member.unconfirmed - looked
            rebased.append(
                msgspec.structs.replace(
                    member.rebased(fields, pair.map_version),
                    unconfirmed=left,
                    unconfirmed_since=member.unconfirmed_since if left else None,
                )
            )
    return decision, rebased


def _facts(
    pair: Pair, side: Side, member_entity: str, link_entity: str
) -> Mapping[str, FieldFacts]:
    caps = pair.side(side).entity(member_entity)
    if caps is None or member_entity != link_entity:
        return {}
    return caps.fields


def _note(
    pair: Pair,
    run: Run,
    bundle: Bundle,
    rules: EntityRules,
    decision: Decision,
    opened: dict[str, tuple[str, str]],
    result: Decided,
) -> frozenset[str]:
    """Note open fields and what was overruled; returns open fields to leave as they are."""
    now, link = pair.clock(), bundle.link
    known = result.known_open.get(link.id, {})
    for o in decision.outcomes:
        if o.action is Action.OPEN and o.kind is not None:
            opened[o.field] = (o.kind.value, o.why)
            # a flagged edit is decided on once: seen again, it is another one
            if known.get(o.field) == opened[o.field] and o.kind is not OpenKind.FLAGGED:
                continue
            result.events.append(
                Event(
                    at=now,
                    event="opened",
                    entity=link.entity,
                    link_id=link.id,
                    field=o.field,
                    why=o.why,
                    run_id=run.id,
                    **_foreign_edit(bundle, rules, o),
                )
            )
    if not known:
        return frozenset()
    # a field at rest that was flagged or not taken stays open until both sides agree again
    settled = {o.field for o in decision.outcomes}
    merged = {rule.field for rule in rules.merged()}
    return frozenset(_differing(pair, bundle, known.keys() & merged) - settled)


def _foreign_edit(bundle: Bundle, rules: EntityRules, o: Outcome) -> dict[str, Any]:
    """Where somebody edited what the other side owns, for the report of who does."""
    owner = rules.fields[o.field].ownership.side
    if o.kind is not OpenKind.FLAGGED or owner is None:
        return {}
    return {"side": owner.other, "record_id": bundle.members[owner.other].id}


def _note_silent(
    pair: Pair,
    bundle: Bundle,
    rules: EntityRules,
    decision: Decision,
    opened: dict[str, tuple[str, str]],
    kept: frozenset[str],
) -> None:
    """Note fields that differ at rest: somebody went back to what had been flagged before."""
    decided = {o.field for o in decision.outcomes} | kept
    resting = {r.field for r in rules.merged()} - decided
    shown = [_shown(pair, bundle, side) for side in Side]
    for field in sorted(_differing(pair, bundle, resting)):
        if not all(field in fields for fields in shown):
            continue  # what cannot be read is not known to differ
        crm, erp = (fields[field] for fields in shown)
        if not isinstance(crm, Ref) and not respelled(crm, erp):
            opened[field] = ("different", "the sides differ, and neither has changed since")


def _differing(pair: Pair, bundle: Bundle, fields: Iterable[str]) -> set[str]:
    crm, erp = (_shown(pair, bundle, side) for side in Side)
    facts = [_facts(pair, s, bundle.members[s].entity, bundle.link.entity) for s in Side]
    return {
        f
        for f in fields
        # what cannot be read now is as open as it was
        if f not in crm
        or f not in erp
        or not agree(crm[f], erp[f], *(x[f] for x in facts if f in x))
    }


def _shown(pair: Pair, bundle: Bundle, side: Side) -> Fields:
    """What a member shows, in the names of the link's entity."""
    seen = bundle.seen[side].known
    view = pair.views.get((bundle.link.entity, bundle.members[side].entity))
    return seen if view is None else view(seen)


def _cross_reference(pair: Pair, bundle: Bundle, side: Side) -> Outcome | None:
    """Each member shows the other's id; a member whose partner is not there yet shows none."""
    member, seen = bundle.members[side], bundle.seen[side]
    caps = pair.side(side).entity(member.entity)
    facts = caps.fields.get(CROSS_REFERENCE) if caps is not None and caps.update else None
    if facts is None or not facts.writable or CROSS_REFERENCE not in seen.fields:
        return None
    partner = bundle.members.get(side.other)
    wanted = partner.id if partner is not None else None
    shown = seen.fields[CROSS_REFERENCE]
    if shown == wanted:
        return None
    why = "cross-reference" if wanted else "copied cross-reference cleared"
    return Outcome(
        field=CROSS_REFERENCE,
        action=Action.WRITE,
        target=side,
        value=wanted,
        expected=shown,
        why=why,
    )


def _updates(
    pair: Pair,
    bundle: Bundle,
    changes: Mapping[Side, Mapping[str, Outcome]],
    opened: dict[str, tuple[str, str]],
) -> list[OutboxWrite]:
    link = bundle.link
    writes = []
    for side, outcomes in changes.items():
        member = bundle.members.get(side)
        if not outcomes or member is None:
            continue
        held = _held(bundle, outcomes)
        if held and len(held) < len(outcomes):
            # what the map's change does not concern goes out now; the rest once that is done
            outcomes = {f: o for f, o in outcomes.items() if f not in held}  # noqa: PLW2901
            # seen by a person, who may have to see to that write first
            opened |= dict.fromkeys(held, _BEHIND)
            held = set()
        fields: Fields = {f: o.value for f, o in outcomes.items()}
        expected = {f: o.expected for f, o in outcomes.items()}
        source = bundle.members.get(side.other)
        # what goes to both sides is not agreed on before the other one has it, too
        agreed = [f for f in fields if f not in changes[side.other]]
        # a record paired by matching is touched for the first time only from an approved plan
        needs = link.origin in ("match", "manual", FOLLOWED, REBUILT) and any(
            o.first_link or (f == CROSS_REFERENCE and o.expected is None)
            for f, o in outcomes.items()
        )
        needs = needs or bool(held)
        writes.append(
            _write(
                pair,
                bundle,
                side,
                member.entity,
                WriteKind.UPDATE,
                fields,
                record_id=member.id,
                expected=expected,
                bases=_source_values(pair, bundle, side.other, agreed),
                reasons={f: o.why for f, o in outcomes.items()},
                source=source,
                needs_approval=needs,
                limit_kind=None
                if needs
                else kind_of(
                    member.entity,
                    WriteKind.UPDATE,
                    fields,
                    expected,
                    _counted(outcomes),
                ),
            )
        )
    return writes


HELD_BACK = "held back"
"""Kind of an open field that waits behind another write of its record."""
_BEHIND = (
    HELD_BACK,
    "its rule changed: a plan asks about it once the rest of this record is written",
)


def _counted(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Fields that count under the blast limits: none that follow from what was counted."""
    return [f for f, o in outcomes.items() if not follows(f, o.value, first_link=o.first_link)]


def _held(bundle: Bundle, outcomes: Iterable[str]) -> set[str]:
    """Fields that a changed map concerns: written only from an approved plan (rule 15)."""
    return {f for f in outcomes if any(f in m.older for m in bundle.members.values())}


def _source_values(pair: Pair, bundle: Bundle, source: Side, fields: Iterable[str]) -> Fields:
    """What the source showed of the written fields: its base once the write is delivered."""
    if source not in bundle.members:
        return {}
    shown = _shown(pair, bundle, source)
    return {f: shown[f] for f in fields if f in shown and f != CROSS_REFERENCE}


def _create(
    pair: Pair,
    bundle: Bundle,
    rules: EntityRules,
    translate: Translator,
    first_matched: Mapping[str, str | None],
) -> list[OutboxWrite]:
    """Create the missing side of a record that was proven alone (rule 12)."""
    link = bundle.link
    if len(bundle.members) != 1 or link.origin != "alone":
        return []
    ((side, member),) = bundle.members.items()
    target = side.other
    caps = pair.side(target).entity(member.entity)
    if not rules.creates_from(side) or caps is None or not caps.create:
        return []
    seen = bundle.seen[side]
    shown = translate.fields(side, seen.fields)
    fields = _seeds(rules, caps, side, shown)
    # a default is not what the source shows, so nothing is agreed on yet
    agreed = {f for f, v in fields.items() if f in shown and shown[f] == v}
    fields.pop(CROSS_REFERENCE, None)
    if CROSS_REFERENCE in caps.fields and caps.fields[CROSS_REFERENCE].writable:
        fields[CROSS_REFERENCE] = member.id
    since = first_matched.get(link.entity)
    initial = since is None or seen.first_seen.isoformat() <= since
    return [
        _write(
            pair,
            bundle,
            target,
            member.entity,
            WriteKind.CREATE,
            fields,
            record_id=None,
            expected={},
            bases={f: seen.fields[f] for f in agreed - {CROSS_REFERENCE}},
            reasons=dict.fromkeys(fields, "created from the other side"),
            source=member,
            needs_approval=initial,
            limit_kind=None if initial else Kind.CREATE,
        )
    ]


def _seeds(rules: EntityRules, caps: EntityCapabilities, source: Side, shown: Fields) -> Fields:
    """What a create sends, field by field (rule 2)."""
    fields: Fields = {}
    for rule in rules.merged():
        facts = caps.fields.get(rule.field)
        if facts is None or not facts.writable:
            continue
        owner = rule.ownership.side
        if owner is not None and owner is not source:
            if rule.on_create is OnCreate.OMIT:
                continue
            if rule.on_create is OnCreate.DEFAULT:
                fields[rule.field] = rule.default
                continue
        value = shown.get(rule.field)
        if value is not None:
            fields[rule.field] = value
    return fields


def _intended(pair: Pair, bundle: Bundle, intents: Sequence[Intent]) -> list[OutboxWrite]:
    writes = []
    for intent in intents:
        source = bundle.members.get(intent.target.other)
        shown = bundle.seen[intent.target].fields if intent.target in bundle.members else {}
        expected = {f: v for f, v in shown.items() if f in intent.fields}
        if intent.expected is not None:
            expected = intent.expected
        writes.append(
            _write(
                pair,
                bundle,
                intent.target,
                intent.entity,
                intent.kind,
                intent.fields,
                record_id=intent.record_id,
                bases={},
                source=source,
                source_record=intent.source,
                needs_approval=intent.needs_approval,
                expected=expected,
                limit_kind=None
                if intent.completes or intent.needs_approval
                else kind_of(intent.entity, intent.kind, intent.fields, expected, intent.fields),
                reasons=dict.fromkeys(intent.fields, intent.why),
                revision=intent.revision,
            )
        )
    return writes


def _write(
    pair: Pair,
    bundle: Bundle,
    target: Side,
    entity: str,
    kind: WriteKind,
    fields: Fields,
    *,
    record_id: str | None,
    expected: Fields,
    bases: Fields,
    reasons: Mapping[str, str],
    source: Member | None,
    needs_approval: bool,
    limit_kind: Kind | None,
    revision: int = 1,
    source_record: tuple[str, str] | None = None,
) -> OutboxWrite:
    now = pair.clock()
    if source_record is None and source is not None:
        source_record = (source.entity, source.id)
    source_entity, source_id = source_record or (None, None)
    reference = None
    if kind is WriteKind.CREATE and source_record is not None:
        reference = reference_of(pair, target, *source_record, entity, revision)
    seen = bundle.seen.get(target)
    schema = pair.store.schema[entity]
    subject = record_id or f"{source_entity}:{source_id}:{revision}"
    return OutboxWrite(
        id=pair.new_id(),
        link_id=bundle.link.id,
        target=target,
        entity=entity,
        kind=kind,
        record_id=record_id,
        source_entity=source_entity,
        source_id=source_id,
        fields=fields,
        expected=expected,
        bases=bases,
        reasons=reasons,
        version=seen.version if seen is not None else None,
        reference=reference,
        revision=revision,
        rev=bundle.link.rev,
        map_version=pair.map_version,
        priority=PRIORITY.get(entity, 90),
        state=WriteState.READY,
        needs_approval=needs_approval,
        limit_kind=limit_kind,
        digest=digest_of(schema, target, entity, kind, subject, fields, expected),
        waits_for=None,
        attempts=0,
        due_at=now,
        created_at=now,
    )
