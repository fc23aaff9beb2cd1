"""Conflicts: look at the fields that wait for a person, and decide on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args

import msgspec
from sqlalchemy import delete

from interlock.errors import ConfigurationError
from interlock.governance.document import suggest
from interlock.governance.resolution import Choice, Resolution, Standing
from interlock.governance.rules import FieldRule, Ownership, Side
from interlock.model import ANYTHING, Address, FieldFacts, Value, agree, project
from interlock.project.load import Project
from interlock.service.explaining import Moment, rule_in_words
from interlock.service.labels import known_entity, label_of_link
from interlock.service.letters import parse_value
from interlock.service.session import make_session
from interlock.service.status import shown_fields
from interlock.store import history, links, resolutions
from interlock.store.database import Store, Tx
from interlock.store.history import Event, plain
from interlock.store.links import Bundle
from interlock.store.resolutions import Asked, fingerprint
from interlock.store.tables import open_field
from interlock.sync.pair import Pair

__all__ = [
    "Answer", "Conflict", "ConflictStory", "Decided", "Filters", "Settled", "Version",
    "list_conflicts", "resolve_conflicts", "show_conflict",
]  # fmt: skip

KINDS = ("conflict", "flagged", "not taken", "read-only", "decided")
"""Why a field is open; "decided": it is no more, and what was decided is not done yet."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which conflicts; what is left out is any."""

    entity: str | None = None
    field: str | None = None
    kind: str | None = None
    link: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says: whose value, or one typed; of an address one text a part (city=Bonn)."""

    choice: Choice
    typed: Sequence[str] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision: "crm", "erp", "value" or "keep"; ``valid`` until a side moves."""

    choice: str
    value: object
    by: str
    reason: str
    at: datetime
    valid: bool


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs and waits for a person, or for what a person decided to be done.

    ``id`` is LINK:FIELD.  ``state``: "open", "decided" (to be written at the next sync) or "kept"
    (left different until a side changes).  ``values`` and ``base`` by system; ``base``: what it
    showed when both last agreed.  ``seen`` stands for both values as they are now.
    """

    id: str
    link: int
    entity: str
    label: str
    records: Mapping[str, str]
    field: str
    kind: str
    state: str
    why: str
    values: Mapping[str, object]
    base: Mapping[str, object]
    since: datetime
    seen: str
    decided: Decided | None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a record was when its value was read."""

    version: str | None
    modified: datetime | None
    read_at: datetime


class ConflictStory(msgspec.Struct, frozen=True, kw_only=True):
    """One conflict with all that helps to decide it.

    ``answers``: answer -> "" when it is possible, else why not.
    """

    conflict: Conflict
    owner: str
    rule: str
    versions: Mapping[str, Version]
    answers: Mapping[str, str]
    history: Sequence[Moment]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, or would be (``dry_run``); ``refused``: id -> why it was left open."""

    conflicts: Sequence[Conflict]
    refused: Mapping[str, str]
    dry_run: bool


# ── looking ──────────────────────────────────────────────────────────────────────────────────


def list_conflicts(
    project: Project, store: Store, filters: Filters | None = None, *, kept: bool = False
) -> list[Conflict]:
    """List what is open or decided and not done yet, or what was left different (``kept``)."""
    chosen = _checked(project, filters or Filters())

    def _list(tx: Tx) -> list[Conflict]:
        found = _conflicts(tx, project, _asked(tx, chosen))
        return [c for c in found if (c.state == "kept") is kept]

    return store.run(_list)


def show_conflict(project: Project, store: Store, conflict_id: str) -> ConflictStory:
    """Show one with its rule, versions, possible answers and history."""
    pair = make_session(project, store).pair

    def _show(tx: Tx) -> ConflictStory:
        one = _one(tx, conflict_id)
        (conflict,) = _conflicts(tx, project, [one])
        bundle = links.bundles(tx, [one.link_id])[one.link_id]
        rule = _rule(project, one)
        if rule is None:
            raise ConfigurationError(f"{conflict_id}: {_UNRULED}", fix="the next sync closes it")
        names = {side: project.connection(side).name for side in Side}
        owner = rule.ownership.side
        return ConflictStory(
            conflict=conflict,
            owner=rule.ownership.value if owner is None else names[owner],
            rule=rule_in_words(rule, names),
            versions={
                names[s]: Version(version=o.version, modified=o.modified, read_at=o.instant)
                for s, o in bundle.seen.items()
            },
            answers={
                choice.value: _why_not(pair, bundle, rule, choice, None, typed=False)
                for choice in Choice
            },
            history=[
                Moment(
                    at=e.at,
                    event=e.event,
                    why=e.why,
                    system=None if e.side is None else names[e.side],
                    field=e.field,
                    old=e.old,
                    new=e.new,
                    map_version=e.map_version,
                    run=e.run_id,
                )
                for told in history.about(tx, one.link_id, [])
                for e in history.changes(told)
                if e.field == one.field
            ],
        )

    return store.run(_show)


# ── deciding ─────────────────────────────────────────────────────────────────────────────────


def resolve_conflicts(
    project: Project,
    store: Store,
    chosen: Sequence[str] | Filters,
    answer: Answer,
    *,
    by: str,
    reason: str,
    now: datetime,
    seen: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Settled:
    """Decide conflicts, given by id or by filters; the next sync writes what was decided.

    A decision holds as long as both sides show what they show now.  ``seen``: id -> what the
    person was shown; one that has moved since is refused.
    """
    pair = make_session(project, store).pair
    filters = _checked(project, chosen) if isinstance(chosen, Filters) else None

    def _resolve(tx: Tx) -> Settled:
        if filters is not None:
            asked = _asked(tx, filters)
        else:
            assert not isinstance(chosen, Filters)
            asked = [_one(tx, i) for i in dict.fromkeys(chosen)]
        found = {c.id: c for c in _conflicts(tx, project, asked)}
        if filters is not None:
            # what was decided before stays as it was decided
            asked = [a for a in asked if found[_id(a)].state == "open"]
        bundles = links.bundles(tx, sorted({a.link_id for a in asked}))
        accepted: list[tuple[Asked, Resolution]] = []
        refused: dict[str, str] = {}
        for one in asked:
            shown = (seen or {}).get(_id(one))
            if shown is not None and shown != found[_id(one)].seen:
                refused[_id(one)] = "it has changed since it was shown: look again"
                continue
            rule, bundle = _rule(project, one), bundles[one.link_id]
            if rule is None:
                refused[_id(one)] = _UNRULED
                continue
            value = _typed(tx, one, answer) if answer.choice is Choice.VALUE else None
            why_not = _why_not(pair, bundle, rule, answer.choice, value)
            if why_not:
                refused[_id(one)] = why_not
                continue
            resolution = _resolution(tx, bundle, rule, answer.choice, value, by, reason, now)
            accepted.append((one, resolution))
        if not dry_run:
            _store(tx, accepted, bundles, now)
        return Settled(
            conflicts=[found[_id(one)] for one, _ in accepted], refused=refused, dry_run=dry_run
        )

    return store.run(_resolve)


def _resolution(
    tx: Tx,
    bundle: Bundle,
    rule: FieldRule,
    choice: Choice,
    value: Value | None,
    by: str,
    reason: str,
    now: datetime,
) -> Resolution:
    schema = tx.schema[bundle.link.entity]
    return Resolution(
        field=rule.field,
        choice=choice,
        value=value,
        seen={
            s: fingerprint(schema, rule.field, shown_fields(bundle, s)[rule.field]) for s in Side
        },
        ownership=rule.ownership,
        by=by,
        reason=reason,
        at=now,
    )


def _store(
    tx: Tx,
    accepted: Sequence[tuple[Asked, Resolution]],
    bundles: Mapping[int, Bundle],
    now: datetime,
) -> None:
    resolutions.put(tx, [(one.link_id, one.entity, r) for one, r in accepted])
    for one, r in accepted:
        if r.choice is Choice.KEEP:
            tx.conn.execute(
                delete(open_field).where(
                    open_field.c.link_id == one.link_id, open_field.c.field == one.field
                )
            )
    history.add(
        tx,
        [
            Event(
                at=now,
                event="decided",
                entity=one.entity,
                link_id=one.link_id,
                field=one.field,
                new=plain(_chosen(bundles[one.link_id], r)),
                why=f"{_WORDS[r.choice]}: {r.why}",
            )
            for one, r in accepted
        ],
    )
    links.raise_revision(tx, {one.link_id for one, _ in accepted})


_WORDS = {
    Choice.CRM: "the CRM's value",
    Choice.ERP: "the ERP's value",
    Choice.VALUE: "another value",
    Choice.KEEP: "left different",
}


def _chosen(bundle: Bundle, r: Resolution) -> Value | None:
    if r.choice in (Choice.CRM, Choice.ERP):
        return shown_fields(bundle, Side(r.choice.value)).get(r.field)
    return r.value


def _why_not(
    pair: Pair,
    bundle: Bundle,
    rule: FieldRule,
    choice: Choice,
    value: Value | None,
    *,
    typed: bool = True,
) -> str:
    """Say why an answer is not possible; "" when it is."""
    field = rule.field
    for side in Side:
        seen = bundle.seen.get(side)
        if side not in bundle.members or seen is None or not seen.there:
            return f"the {pair.side(side).name} record is not there: decide on that first"
        if field not in shown_fields(bundle, side):
            return f"{field} cannot be read in {pair.side(side).name} now"
    for side in Side:
        if choice in (Choice.KEEP, Choice(side.value)):
            continue
        wanted = value
        if choice is not Choice.VALUE:
            wanted = shown_fields(bundle, side.other)[field]
        elif typed and agree(shown_fields(bundle, side)[field], wanted):
            continue
        if problem := _cannot_hold(pair, bundle, side, rule, wanted, typed=typed):
            return problem
    return ""


def _cannot_hold(
    pair: Pair,
    bundle: Bundle,
    side: Side,
    rule: FieldRule,
    wanted: Value | None,
    *,
    typed: bool,
) -> str:
    """Say why a side cannot be made to show a value."""
    name, entity = pair.side(side).name, bundle.members[side].entity
    caps = pair.side(side).entity(entity)
    facts = ANYTHING if caps is None else caps.fields.get(rule.field, ANYTHING)
    if caps is None or not caps.update or not facts.writable:
        return f"{name} does not let us write {entity}.{rule.field}"
    if not typed:
        return ""
    if wanted is None:
        if facts.required:
            return f"{entity}.{rule.field} must be filled in {name}"
        if rule.ownership is Ownership.SHARED and not rule.may_blank:
            return f"the ownership map does not let a blank erase {rule.field} (may_blank)"
        return ""
    if facts.choices is not None and wanted not in facts.choices:
        return f"{name} accepts only {', '.join(facts.choices)}"
    held = project(wanted, FieldFacts(max_length=facts.max_length, decimals=facts.decimals))
    if held != project(wanted, ANYTHING):
        return f"{name} would cut it: it holds " + (
            f"{facts.max_length} characters"
            if facts.max_length is not None
            else f"{facts.decimals} decimals"
        )
    return ""


def _typed(tx: Tx, one: Asked, answer: Answer) -> Value | None:
    """Read what was typed; an address is typed whole, as its halves never mix."""
    of_type = tx.schema[one.entity].types[one.field]
    value: Value | None = None
    if Address in {of_type, *get_args(of_type)} and any(answer.typed):
        for text in answer.typed:
            part, equals, rest = text.partition("=")
            if not equals:
                part = ""
            value = parse_value(tx, one.entity, one.field, part.strip(), rest or text, value)
        return value
    if len(answer.typed) != 1:
        raise ConfigurationError(f"{one.entity}.{one.field} has one value", fix="give --value once")
    return parse_value(tx, one.entity, one.field, "", answer.typed[0], None)


# ── finding ──────────────────────────────────────────────────────────────────────────────────


def _checked(project: Project, filters: Filters) -> Filters:
    """Check the names in a filter, so that a typing error does not look like "none"."""
    known = project.ownership.entities
    if filters.entity is not None and known_entity(filters.entity) not in known:
        raise ConfigurationError(
            f"{filters.entity} is not synced", fix=suggest(filters.entity, known)
        )
    entities = [filters.entity] if filters.entity else list(known)
    fields = {f for e in entities for f in known[e].fields}
    if filters.field is not None and filters.field not in fields:
        raise ConfigurationError(
            f"no field is called {filters.field!r} in ownership.yaml",
            fix=suggest(filters.field, sorted(fields)),
        )
    if filters.kind is not None and filters.kind not in KINDS:
        raise ConfigurationError(
            f"{filters.kind!r} is no kind of conflict", fix=f"one of: {', '.join(KINDS)}"
        )
    return filters


def _asked(tx: Tx, filters: Filters) -> list[Asked]:
    return resolutions.asked(
        tx,
        entity=filters.entity,
        field=filters.field,
        kind=filters.kind,
        link_id=filters.link,
    )


def _id(one: Asked) -> str:
    return f"{one.link_id}:{one.field}"


def _one(tx: Tx, conflict_id: str) -> Asked:
    number, _, field = conflict_id.partition(":")
    if not number.isdecimal() or not field:
        raise ConfigurationError(
            f"{conflict_id!r} is not the id of a conflict", fix="it is LINK:FIELD, such as 12:phone"
        )
    # a longer number is no link's, and no database takes it
    found = resolutions.asked(tx, link_id=int(number), field=field) if len(number) < 10 else []
    if not found:
        raise ConfigurationError(
            f"{conflict_id} is not open",
            fix="see `interlock conflicts list`, or `interlock status` for records that are gone",
        )
    return found[0]


_UNRULED = "the ownership map no longer lets it be written; the next sync closes it"


def _rule(project: Project, one: Asked) -> FieldRule | None:
    rules = project.ownership.entities.get(one.entity)
    rule = None if rules is None else rules.fields.get(one.field)
    return None if rule is None or rule.ownership is Ownership.LOCAL else rule


def _conflicts(tx: Tx, project: Project, asked: Sequence[Asked]) -> list[Conflict]:
    bundles = links.bundles(tx, sorted({a.link_id for a in asked}))
    names = {side: project.connection(side).name for side in Side}
    found = []
    for one in asked:
        bundle, r = bundles[one.link_id], one.resolution
        shown = {s: shown_fields(bundle, s).get(one.field) for s in Side}
        valid = r is not None and r.standing is Standing.DECIDED
        state = "open"
        if r is not None and valid:
            state = "kept" if r.choice is Choice.KEEP else "decided"
        found.append(
            Conflict(
                id=_id(one),
                link=one.link_id,
                entity=one.entity,
                label=label_of_link(bundle),
                records={names[s]: m.id for s, m in bundle.members.items()},
                field=one.field,
                kind=one.kind,
                state=state,
                why=one.why,
                values={names[s]: plain(v) for s, v in shown.items()},
                base={
                    names[s]: plain(m.base[one.field])
                    for s, m in bundle.members.items()
                    if one.field in m.base
                },
                since=one.at,
                seen=_seen(tx, one, shown),
                decided=None
                if r is None
                else Decided(
                    choice=r.choice.value,
                    value=plain(_chosen(bundle, r)),
                    by=r.by,
                    reason=r.reason,
                    at=r.at,
                    valid=valid,
                ),
            )
        )
    return found


def _seen(tx: Tx, one: Asked, shown: Mapping[Side, Value | None]) -> str:
    schema = tx.schema[one.entity]
    both = "".join(fingerprint(schema, one.field, shown[s]) for s in Side)
    return hashlib.blake2b(both.encode(), digest_size=6).hexdigest()
