"""The map changed in the middle of a history, and changed back before anybody approved it.

While it is changed nothing may be written to the field it concerns; afterwards the history goes
on under the former map, and everything the checks ask of it must hold as if nothing had been.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec

from interlock.governance.rules import OnCreate, Ownership, OwnershipMap, Side
from interlock.governance.versions import MapVersion
from interlock.project.load import Project
from interlock.testing.simulator.people import MAPS
from interlock.testing.simulator.systems import Change
from interlock.testing.simulator.world import World

__all__ = ["change_and_back"]

_FIELDS = (
    ("customer", "website"),
    ("customer", "email"),
    ("customer", "phone"),
    ("customer", "payment_terms"),
    ("contact", "email"),
)
_KEYS = {Side.CRM: "ErpId__c", Side.ERP: "crm_id"}
_SETTLED = 100.0
"""Seconds after which nothing sent before still takes effect."""


def change_and_back(world: World, rng: Random) -> None:
    """Change one field's rule, sync, and change it back; note what was written meanwhile."""
    entity, field = rng.choice(_FIELDS)
    former = world.project
    changed = _changed(former, entity, field, rng)
    if changed is None:
        return
    world.pass_time(_SETTLED)
    before = len(world.journal.changes)
    world.struck["map change"] += 1
    world.say(f"the map changes: {entity} {field}")
    _go_on_with(world, changed)
    for _ in range(rng.randint(1, 3)):
        world.sync(full=rng.random() < 0.3)
        world.pass_time(rng.choice((1.0, 60.0)))
    back = len(world.journal.changes)
    world.say("the map changes back")
    _go_on_with(world, former)
    for system in world.systems.values():
        system.mischief.on = False
    for _ in range(3):
        world.sync()
        world.pass_time(_SETTLED)
    for system in world.systems.values():
        system.mischief.on = True
    world.remapped.append((range(before, len(world.journal.changes)), entity, field))
    world.map_writes += _written(world, before, back, entity, field)


def _go_on_with(world: World, project: Project) -> None:
    world.project = project
    world.session = world.start()


def _changed(project: Project, entity: str, field: str, rng: Random) -> Project | None:
    rules = project.ownership.entities.get(entity)
    rule = rules.fields.get(field) if rules is not None else None
    if rules is None or rule is None or rule.ownership is Ownership.LOCAL:
        return None
    others = [o for o in (Ownership.CRM, Ownership.ERP, Ownership.SHARED) if o != rule.ownership]
    other = msgspec.structs.replace(
        rule, ownership=rng.choice(others), on_create=OnCreate.SEED, default=None
    )
    fields = {**rules.fields, field: other}
    entities = {
        **project.ownership.entities,
        entity: msgspec.structs.replace(rules, fields=fields),
    }
    version = f"{project.map_version[:6]}{rng.getrandbits(24):06x}"
    ownership = OwnershipMap(entities=entities, never=project.ownership.never, version=version)
    return replace(
        project,
        ownership=ownership,
        map_version=version,
        active_map=MapVersion.of(version, ownership, mapped={}, paths={}, texts={}),
    )


def _written(world: World, since: int, back: int, entity: str, field: str) -> list[str]:
    """Updates of ours to the field, made since, that only the changed map can explain.

    Records linked since know one map only.  Once the map is ``back``, an edit that has not
    travelled yet is sent under it as ever.  What both sides showed alike is agreed on under the
    changed map, which then says what becomes of an edit made later.
    """
    column = {
        side: next((f.path for f in MAPS[side][entity].fields if f.field == field), None)
        for side in Side
    }
    ours = [c for c in world.journal.changes[since:] if c.by_program and c.entity == entity]
    linked = {(c.side, c.id) for c in ours if _became_linked(c)}
    edited = {
        (c.side, c.id)
        for c in world.journal.changes[world.agreed_at :]
        if not c.by_program and c.entity == entity and _moved(c, column[c.side])
    }
    first_edit = {
        (c.side, c.id): c.number
        for c in reversed(world.journal.changes[since:])
        if not c.by_program and c.entity == entity and _moved(c, column[c.side])
    }
    return [
        f"{c.side} {entity} {c.id} {field} was written under a map nobody approved"
        for c in ours
        if c.before is not None
        and _moved(c, column[c.side])
        and (c.side, c.id) not in linked
        and not (c.number >= back and (c.side.other, c.after.cells.get(_KEYS[c.side])) in edited)
        and not any(first_edit.get(record, c.number) < c.number for record in _pair(c))
    ]


def _pair(change: Change) -> tuple[tuple[Side, str], ...]:
    """A record and its partner."""
    partner = change.after.cells.get(_KEYS[change.side]) or ""
    return ((change.side, change.id), (change.side.other, str(partner)))


def _moved(change: Change, column: str | None) -> bool:
    if column is None:
        return False
    before = None if change.before is None else change.before.cells.get(column)
    return bool(change.after.cells.get(column) != before)


def _became_linked(change: Change) -> bool:
    key = _KEYS[change.side]
    return bool(change.after.cells.get(key)) and (
        change.before is None or not change.before.cells.get(key)
    )
