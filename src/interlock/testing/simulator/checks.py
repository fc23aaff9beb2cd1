"""The contract, checked once faults have stopped and the engine has come to rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import select

from interlock.connectors.memory.storage import Row, State
from interlock.governance.breaker import ROUNDS, WINDOW
from interlock.governance.merge import respelled
from interlock.governance.rules import CreatePolicy, FieldRule, OnForeignEdit, Ownership, Side
from interlock.governance.targets import Targets
from interlock.model import (
    ANYTHING,
    HOLD_FIELDS,
    SIGNALS,
    FieldFacts,
    Fields,
    Presence,
    Ref,
    Value,
    WriteKind,
    agree,
)
from interlock.processes.hold_rules import PAUSE_FIELDS
from interlock.processes.publishing import band_of, today_of
from interlock.processes.receivables import figures_of
from interlock.store import (
    attached,
    cases,
    dead_letters,
    history,
    links,
    observations,
    open_fields,
    outbox,
)
from interlock.store.database import Tx
from interlock.store.history import plain
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.store.tables import link as link_table
from interlock.store.tables import record as record_table
from interlock.sync.identity import reference_of
from interlock.testing.simulator.holds import WORKED_OUT, held_by_rule, holds_kept
from interlock.testing.simulator.members import members_kept
from interlock.testing.simulator.people import MAPS, PRIVATE, SECRET
from interlock.testing.simulator.quotes import verdicts_shown
from interlock.testing.simulator.systems import Change
from interlock.testing.simulator.targets import (
    deal_shows_project,
    projects_at_all,
    projects_finished,
    projects_once,
)
from interlock.testing.simulator.world import World

__all__ = ["CHECKS", "Evidence"]

_EXCUSED_AFTER = timedelta(seconds=1)
Key = tuple[Side, str, str]


class Evidence:
    """What the checks look at, read once: the store, both systems and the journal."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = 0
        """How many single comparisons were made."""
        self._decoded: dict[tuple[Side, str, str, int], Fields] = {}
        world.store.run(self._read)

    def _read(self, tx: Tx) -> None:
        ids = list(tx.conn.execute(select(link_table.c.id)).scalars())
        self.links: dict[int, Bundle] = links.bundles(tx, ids)
        self.open = open_fields.load(tx)
        self.attached = attached.of_links(tx, ids)
        """What is attached to each link now."""
        self.had_members = {e.link_id for e in history.everything(tx) if e.event == "attached"}
        """Links to which something is or was attached: their holds have a check of their own."""
        self.outbox: list[OutboxWrite] = outbox.pending(tx)
        self.dead = dead_letters.opened(tx)
        self.cases = cases.load(tx, "quote_to_order")
        self.seen: dict[Key, Observation] = {}
        for row in tx.conn.execute(select(record_table)):
            seen = observations.from_row(tx, row)
            self.seen[seen.side, seen.entity, seen.id] = seen
        self.written: dict[tuple[str, str, str, str], list[object]] = defaultdict(list)
        for event in history.everything(tx):
            if event.field is not None:
                self.written[
                    event.side or "", event.entity, event.record_id or "", event.field
                ].append(event.old)

    # ── the systems ──────────────────────────────────────────────────────────────────────────

    def wanted(self, entity: str) -> frozenset[str]:
        """Fields the engine may read."""
        wanted = self.world.project.ownership.wanted().get(entity, frozenset())
        # where holds follow from a rule the ERP shows none: ``holds_kept`` looks at the CRM's
        return wanted - WORKED_OUT if held_by_rule(self.world.history.seed) else wanted

    def fields(self, side: Side, row: Row) -> Fields:
        """Decode a row, whatever was asked for."""
        key = (side, row.entity, row.id, row.seq)
        if key not in self._decoded:
            alive = row.state in (State.LIVE, State.ARCHIVED)
            shown = MAPS[side][row.entity].decode(row.cells, {}) if alive else {}
            if side is Side.ERP:
                # of signals counts what was made public; they have a check of their own
                moving = SIGNALS.get(row.entity, frozenset())
                shown = {f: v for f, v in shown.items() if f not in moving}
            self._decoded[key] = shown
        return self._decoded[key]

    def row(self, side: Side, entity: str, record_id: str) -> Row | None:
        """A record as it now is."""
        return self.world.systems[side].shelf(entity).row(record_id)

    def alive(self, side: Side, entity: str) -> Iterator[Row]:
        """All live and archived records."""
        return self.world.systems[side].shelf(entity).living()

    @cached_property
    def by_record(self) -> Mapping[Key, list[Change]]:
        """The journal by record."""
        found: dict[Key, list[Change]] = defaultdict(list)
        for change in self.world.journal.changes:
            found[change.side, change.entity, change.id].append(change)
        return found

    @cached_property
    def partner(self) -> Mapping[Key, Key]:
        """Who is linked to whom."""
        found: dict[Key, Key] = {}
        for bundle in self.links.values():
            members = list(bundle.members.values())
            if len(members) == 2:
                one, two = ((m.side, m.entity, m.id) for m in members)
                found[one], found[two] = two, one
        return found

    @cached_property
    def absorbed(self) -> Mapping[Key, list[Key]]:
        """Record -> the records that were merged into it, one after the other."""
        found: dict[Key, list[Key]] = defaultdict(list)
        for (side, entity, loser), winner in self.world.people.merged.items():
            last = winner
            while True:
                found[side, entity, last].append((side, entity, loser))
                if (side, entity, last) not in self.world.people.merged:
                    break
                last = self.world.people.merged[side, entity, last]
        return found

    @cached_property
    def link_of(self) -> Mapping[Key, int]:
        """Record -> link."""
        primary = {
            (m.side, m.entity, m.id): i for i, b in self.links.items() for m in b.members.values()
        }
        further = {
            (one.side, one.entity, one.id): i
            for i, members in self.attached.items()
            for one in members
        }
        return further | primary

    def healthy(self) -> Iterator[tuple[Bundle, dict[Side, Fields]]]:
        """Links with both members live, with what both now show."""
        for bundle in self.links.values():
            if len(bundle.members) != 2:
                continue
            shown = {}
            for side, member in bundle.members.items():
                row = self.row(side, member.entity, member.id)
                if row is not None and row.state is State.LIVE:
                    shown[side] = self.fields(side, row)
            if len(shown) == 2:
                yield bundle, shown

    def rules(self, bundle: Bundle) -> Sequence[FieldRule]:
        """Merged fields of a link between two records of one entity."""
        if bundle.link.entity == "deal":
            return ()
        merged = self.world.project.ownership.entities[bundle.link.entity].merged()
        moving = SIGNALS.get(bundle.link.entity, frozenset())
        if bundle.link.id in self.had_members:
            moving |= set(HOLD_FIELDS)
        known = self.wanted(bundle.link.entity)
        return [r for r in merged if r.field not in moving and r.field in known]

    def worked_out(self, key: Key) -> frozenset[str]:
        """Fields of a record that stand in no record of the other system by themselves."""
        moving = SIGNALS.get(key[1], frozenset())
        link_id = self.link_of.get(_survivor(self, key))
        return moving | set(HOLD_FIELDS) if link_id in self.had_members else moving

    def facts(self, side: Side, entity: str, name: str) -> FieldFacts:
        """What a side can hold."""
        caps = self.world.session.pair.side(side).entity(entity)
        return ANYTHING if caps is None else caps.fields.get(name, ANYTHING)

    def same(self, bundle: Bundle, name: str, crm: Any, erp: Any) -> bool:
        """Compare values of both sides as both can hold them, references by their links."""
        if isinstance(crm, Ref) and isinstance(erp, Ref):
            return self.link_of.get((Side.CRM, crm.entity, crm.id), -1) == self.link_of.get(
                (Side.ERP, erp.entity, erp.id), -2
            )
        entity = bundle.link.entity
        return agree(
            crm, erp, self.facts(Side.CRM, entity, name), self.facts(Side.ERP, entity, name)
        ) or (self.bent(bundle, name) and respelled(crm, erp))

    def bent(self, bundle: Bundle, name: str) -> bool:
        """Say whether the system, or a program that looks like it, may have spelt it its way."""
        return any(r.capitals and r.name == name for r in self.world.rivals) or any(
            c.bent for m in bundle.members.values() for c in self.by_record[m.side, m.entity, m.id]
        )

    def waits(self, bundle: Bundle, name: str) -> bool:
        """Say whether a person can see that this field, or its link, is not at rest."""
        opened = self.open.get(bundle.link.id, {})
        if name in opened or "(crm)" in opened or "(erp)" in opened:
            return True
        return any(
            w.link_id == bundle.link.id
            and name in w.fields
            and (w.state in (WriteState.DEAD, WriteState.WAITING, WriteState.UNCERTAIN))
            for w in self.outbox
        )

    def gone_unseen(self, created: Change) -> bool:
        """Say whether a person deleted a record before the engine learnt that it was there."""
        return _gone_unseen(self, created)

    def edits(self, key: Key, name: str, since: int = 0) -> list[tuple[Change, Any, Any]]:
        """Changes of one field of one record: (change, value before, value after)."""
        side, entity, _ = key
        found = []
        facts = self.facts(side, entity, name)
        for change in self.by_record.get(key, ()):
            if change.number < since or change.after.state not in (State.LIVE, State.ARCHIVED):
                continue
            before = None if change.before is None else self.fields(side, change.before).get(name)
            after = self.fields(side, change.after).get(name)
            if not agree(before, after, facts) or (change.before is None and after is not None):
                found.append((change, before, after))
        return found


# ── observe ──────────────────────────────────────────────────────────────────────────────────


def observed(e: Evidence) -> Iterator[str]:
    """Rules 1, 7 to 10: the store shows every record as it is."""
    pair = e.world.session.pair
    for side in Side:
        for entity in pair.observed(side):
            wanted = e.wanted(entity)
            for row in e.alive(side, entity):
                e.made += 1
                seen = e.seen.get((side, entity, row.id))
                if seen is None:
                    yield f"{side} {entity} {row.id} was never observed"
                    continue
                state = Presence.ARCHIVED if row.state is State.ARCHIVED else Presence.PRESENT
                if seen.presence is not state or seen.absent_since is not None:
                    yield f"{side} {entity} {row.id} is {state} but seen as {seen.presence}"
                shown = e.fields(side, row)
                link_id = e.link_of.get((side, entity, row.id))
                rolled_up = set(HOLD_FIELDS) if link_id in e.had_members else set()
                for name in (wanted & shown.keys()) - rolled_up:
                    if seen.fields.get(name, "unknown") != shown[name]:
                        yield (
                            f"{side} {entity} {row.id} {name} is {shown[name]!r} but seen as "
                            f"{seen.fields.get(name, 'unknown')!r}"
                        )


def absent_is_not_gone(e: Evidence) -> Iterator[str]:
    """Rule 10: gone are only records that were deleted, at the end and after each sync."""
    yield from e.world.wrongly_gone
    for (side, entity, record_id), seen in e.seen.items():
        e.made += 1
        row = e.row(side, entity, record_id)
        if (
            seen.presence is Presence.GONE
            and row is not None
            and row.state is not State.DELETED
            and row.state is not State.MERGED
        ):
            yield f"{side} {entity} {record_id} is held to be gone but is {row.state}"


# ── decide ───────────────────────────────────────────────────────────────────────────────────


def converged(e: Evidence) -> Iterator[str]:
    """Both sides show the same, or the field is in a state a person can see."""
    for bundle, shown in e.healthy():
        for rule in e.rules(bundle):
            name = rule.field
            crm, erp = shown[Side.CRM].get(name), shown[Side.ERP].get(name)
            e.made += 1
            if e.same(bundle, name, crm, erp):
                continue
            if _never_flagged(e, bundle, name):
                yield f"link {bundle.link.id} {name}: crm {crm!r}, erp {erp!r} from the start"
            if e.waits(bundle, name):
                continue
            if isinstance(crm, Ref) and (Side.CRM, crm.entity, crm.id) not in e.partner:
                continue
            yield f"link {bundle.link.id} {name}: crm {crm!r}, erp {erp!r}, and nobody is told"


def _never_flagged(e: Evidence, bundle: Bundle, name: str) -> bool:
    """Say whether a field is held to be different at rest although nobody ever edited it."""
    kind, _ = e.open.get(bundle.link.id, {}).get(name, ("", ""))
    edited = (
        c.bent or (c.before is not None and not c.by_program)
        for m in bundle.members.values()
        for c, _, _ in e.edits((m.side, m.entity, m.id), name)
    )
    return kind == "different" and not any(edited) and not e.bent(bundle, name)


def edits_survive(e: Evidence) -> Iterator[str]:
    """What one side alone changed stands on both in the end, as the ownership map says."""
    since = e.world.agreed_at
    for bundle, shown in e.healthy():
        for rule in e.rules(bundle):
            yield from _survives(e, bundle, rule, shown, since)


def _survives(
    e: Evidence, bundle: Bundle, rule: FieldRule, shown: Mapping[Side, Fields], since: int
) -> Iterator[str]:
    name, entity = rule.field, bundle.link.entity
    if bundle.link.created_at > e.world.clock.time or e.waits(bundle, name):
        return
    if bundle.link.origin == links.FOLLOWED:
        return  # the survivor of a merge is another record: a first link decides
    keys = {s: (s, m.entity, m.id) for s, m in bundle.members.items()}
    if any(e.by_record[k][0].number >= since for k in keys.values() if e.by_record.get(k)):
        return
    by_people = {
        s: [x for x in e.edits(k, name, since) if not x[0].by_program] for s, k in keys.items()
    }
    sides = [s for s in Side if by_people[s]]
    owner = rule.ownership.side
    if owner is not None:
        if owner not in sides or rule.on_foreign_edit is OnForeignEdit.FLAG:
            return
        sides = [owner]
    if len(sides) != 1:
        return
    (side,) = sides
    change, _, value = by_people[side][-1]
    if e.world.under_another_map(change, name):
        return  # decided by that one, where both sides had been agreed on under it
    e.made += 1
    if value is None and owner is None and not rule.may_blank:
        if shown[side].get(name) is None and shown[side.other].get(name) is not None:
            yield f"link {bundle.link.id} {name}: a blank in the {side} was not filled again"
        return
    if _excused(e, keys[side], change):
        return
    kept = agree(shown[side].get(name), value, e.facts(side, entity, name))
    if not kept or not e.same(bundle, name, shown[Side.CRM].get(name), shown[Side.ERP].get(name)):
        yield (
            f"link {bundle.link.id} {entity} {name}: {side} alone set {value!r}, but the crm shows "
            f"{shown[Side.CRM].get(name)!r} and the erp {shown[Side.ERP].get(name)!r}"
        )


def nothing_lost(e: Evidence) -> Iterator[str]:
    """No value a person gave is overwritten by the engine without a history row."""
    for key, changes in e.by_record.items():
        side, entity, record_id = key
        if entity not in ("customer", "contact", "product"):
            continue
        names = {
            n for c in changes if c.by_program and c.before is not None for n in e.wanted(entity)
        } - {"other_id"}
        for name in sorted(names):
            person: tuple[Change, Any] | None = None
            for change, _, after in e.edits(key, name):
                if change.by_program and person is not None and person[1] is not None:
                    e.made += 1
                    rows = e.written.get((side.value, entity, record_id, name), ())
                    if not any(_recorded(old, person[1]) for old in rows) and not _excused(
                        e, key, person[0]
                    ):
                        yield (
                            f"{side} {entity} {record_id} {name}: {person[1]!r} was replaced "
                            f"by {after!r} and no history tells"
                        )
                person = None if change.by_program else (change, after)


def _recorded(old: object, value: Value) -> bool:
    if isinstance(value, Ref):
        return isinstance(old, dict)  # told by the link, not by this system's id
    return bool(old == msgspec.msgpack.decode(msgspec.msgpack.encode(plain(value))))


def _excused(e: Evidence, key: Key, edit: Change) -> bool:
    """Without a version check nobody can tell an edit made after the last look.

    The look may be as old as the system's read lag and the call that followed it.
    """
    system = e.world.systems[key[0]]
    if system.settings.version_check:
        return False
    late = timedelta(seconds=system.settings.read_lag + system.settings.settle_time)
    return any(
        c.by_program and c.number > edit.number and c.at - edit.at <= late + _EXCUSED_AFTER
        for c in e.by_record[key]
    )


def no_invented_blanks(e: Evidence) -> Iterator[str]:
    """The engine writes a blank only where a person blanked the other side and may do so."""
    for key, changes in e.by_record.items():
        side, entity, record_id = key
        if entity not in ("customer", "contact", "product"):
            continue
        if not any(c.by_program and c.before is not None and not c.bent for c in changes):
            continue
        rules = e.world.project.ownership.entities[entity].fields
        # of signals a blank says something too (nothing is overdue); they have a check of their own
        moving = e.worked_out(key)
        for name in sorted(e.wanted(entity) - {"other_id"} - moving):
            rule = rules[name]
            travels = rule.ownership is not Ownership.SHARED or rule.may_blank
            for change, before, after in e.edits(key, name):
                if not change.by_program or change.bent or after is not None or before is None:
                    continue
                e.made += 1
                other = e.partner.get(_survivor(e, key))
                if (
                    other is None
                    or not travels
                    or not any(
                        v is None
                        and was is not None
                        and not c.by_program
                        and c.number < change.number
                        for c, was, v in e.edits(other, name)
                    )
                ):
                    yield f"{side} {entity} {record_id} {name}: the engine erased {before!r}"


def _survivor(e: Evidence, key: Key) -> Key:
    """The record a record was merged into, which took over its link."""
    side, entity, record_id = key
    row = e.row(side, entity, record_id)
    while row is not None and row.merged_into is not None:
        record_id = row.merged_into
        row = e.row(side, entity, record_id)
    return side, entity, record_id


def owners_are_obeyed(e: Evidence) -> Iterator[str]:
    """The engine never replaces an owner's value on the owner's side."""
    for key, changes in e.by_record.items():
        side, entity, record_id = key
        rules = e.world.project.ownership.entities.get(entity)
        if rules is None or entity not in ("customer", "contact", "product"):
            continue
        if not any(c.by_program and c.before is not None for c in changes):
            continue
        for rule in rules.merged():
            if rule.ownership.side is not side:
                continue
            for change, before, after in e.edits(key, rule.field):
                e.made += 1
                if e.world.under_another_map(change, rule.field):
                    continue
                if change.by_program and before is not None and not change.bent:
                    yield (
                        f"{side} owns {entity}.{rule.field}, but the engine replaced "
                        f"{before!r} by {after!r} on {record_id}"
                    )


def values_have_a_source(e: Evidence) -> Iterator[str]:
    """No echo: what the engine writes to one side stood on the other before."""
    for key, changes in e.by_record.items():
        side, entity, record_id = key
        rules = e.world.project.ownership.entities.get(entity)
        if rules is None or entity not in ("customer", "contact", "product"):
            continue
        other = e.partner.get(key)
        if other is None or not any(c.by_program for c in changes):
            continue
        told = e.wanted(entity) - e.worked_out(key)
        for rule in (r for r in rules.merged() if r.field in told):
            defaults = (rule.default,) if rule.default is not None else ()
            for change, _, after in e.edits(key, rule.field):
                if not change.by_program or change.bent or after is None or isinstance(after, Ref):
                    continue
                e.made += 1
                facts = (e.facts(side, entity, rule.field),)
                stood = [
                    v
                    for k in (other, *e.absorbed.get(other, ()))
                    for c, _, v in e.edits(k, rule.field)
                    if c.number < change.number
                ]
                if not any(
                    agree(after, v, *facts) or respelled(after, v) for v in (*stood, *defaults)
                ):
                    yield (
                        f"{side} {entity} {record_id} {rule.field}: {after!r} was written but "
                        f"never stood in the {side.other}"
                    )


def never_goes_back(e: Evidence) -> Iterator[str]:
    """Rule 7: once a newer value went across, an older one of the same record does not follow."""
    for key, changes in e.by_record.items():
        side, entity, record_id = key
        rules = e.world.project.ownership.entities.get(entity)
        other = e.partner.get(key)
        if rules is None or other is None or entity not in ("customer", "contact", "product"):
            continue
        if sum(c.by_program for c in changes) < 2:
            continue
        moving = e.worked_out(key)
        for rule in (r for r in rules.merged() if r.field not in moving):
            facts = e.facts(side, entity, rule.field)
            given = [(c.number, v) for c, _, v in e.edits(other, rule.field) if not c.by_program]
            newest = -1
            for change, _, after in e.edits(key, rule.field):
                if not change.by_program or change.late or change.bent or isinstance(after, Ref):
                    continue
                e.made += 1
                stood = [n for n, v in given if n < change.number and agree(after, v, facts)]
                if not stood:
                    continue
                if stood[-1] < newest:
                    yield (
                        f"{side} {entity} {record_id} {rule.field}: {after!r} was written after "
                        "a newer value had been"
                    )
                newest = max(newest, stood[-1])


# ── the boundary ─────────────────────────────────────────────────────────────────────────────


def boundary_kept(e: Evidence) -> Iterator[str]:
    """Nothing of ``never`` is in the store or on the other side, nothing ``local`` crosses."""
    image = e.world.store_image()
    e.made += 2
    if SECRET.encode() in image:
        yield "a value nobody may read is in the store"
    for side in Side:
        for entity in e.world.systems[side].tables:
            for row in e.alive(side, entity):
                text = repr({c: v for c, v in row.cells.items() if not _is_secret(side, c)})
                e.made += 1
                if SECRET in text:
                    yield f"{side} {entity} {row.id} shows a value nobody may read"
                if PRIVATE in text and side is Side.ERP:
                    yield f"{side} {entity} {row.id} shows a value of the CRM's own"


def _is_secret(side: Side, column: str) -> bool:
    return (
        column
        in {
            Side.CRM: ("email_log", "call_notes", "qualification"),
            Side.ERP: ("cost_price", "margin", "supplier_price"),
        }[side]
    )


# ── create ───────────────────────────────────────────────────────────────────────────────────


def created_once(e: Evidence) -> Iterator[str]:
    """Rule 19: no source has two records made from it, none a record that a person made too."""
    sources: dict[tuple[Side, str, str], list[str]] = defaultdict(list)
    for change in e.world.journal.changes:
        if change.by_program and change.before is None:
            column = "ext_ref" if change.side is Side.ERP else "InterlockRef__c"
            reference = change.after.cells.get(column)
            e.made += 1
            if not reference:
                yield f"{change.side} {change.entity} {change.id} was created without our key"
            if _gone_unseen(e, change):
                continue
            sources[change.side, change.entity, str(reference)].append(change.id)
            other = change.after.cells.get("crm_id" if change.side is Side.ERP else "ErpId__c")
            if other:
                sources[change.side, change.entity, f"for {other}"].append(change.id)
    for (side, entity, source), ids in sources.items():
        if len(ids) > 1:
            yield f"{source}: {', '.join(ids)} were all created as {side} {entity}"


def _gone_unseen(e: Evidence, created: Change) -> bool:
    """Say whether a person deleted a record before the engine learnt that it was there.

    After a call without an answer this cannot be told from a record that was never made.
    """
    key = (created.side, created.entity, created.id)
    deleted = next((c for c in e.by_record[key] if c.after.state is State.DELETED), None)
    if deleted is None:
        return False
    seen = e.seen.get(key)
    return seen is None or seen.first_seen >= deleted.at


def keys_rebuildable(e: Evidence) -> Iterator[str]:
    """Rule 19: our key follows from the source record alone, so a rebuilt store finds it."""
    pair = e.world.session.pair
    for change in e.world.journal.changes:
        # a task belongs to an episode: a store that was lost begins another one
        if not change.by_program or change.before is not None or change.entity == "task":
            continue
        source = "deal" if change.entity in ("order", "project") else change.entity
        ids = {
            c.id
            for c in e.world.journal.changes
            if c.side is change.side.other and c.entity == source
        }
        e.made += 1
        mine = change.after.cells.get("ext_ref" if change.side is Side.ERP else "InterlockRef__c")
        if mine not in {reference_of(pair, change.side, source, i, change.entity, 1) for i in ids}:
            yield f"the key of {change.side} {change.entity} {change.id} names no source record"


def local_stays(e: Evidence) -> Iterator[str]:
    """What is ``local`` is never written."""
    for change in e.world.journal.changes:
        rules = e.world.project.ownership.entities.get(change.entity)
        if rules is None or not change.by_program or change.entity in ("order", "project"):
            continue
        before = e.fields(change.side, change.before) if change.before is not None else {}
        after = e.fields(change.side, change.after)
        for rule in rules.fields.values():
            e.made += 1
            held = change.entity == "deal" and rule.field in PAUSE_FIELDS
            if held or rule.ownership is not Ownership.LOCAL:
                # a credit hold pauses deals on their own side: ``holds_kept`` looks at that
                continue
            if before.get(rule.field) != after.get(rule.field):
                yield f"{change.side} {change.entity} {change.id} {rule.field} is local"


def created_at_all(e: Evidence) -> Iterator[str]:
    """Rule 12: what must exist on the other side does, or a person can see why not."""
    for entity, rules in e.world.project.ownership.entities.items():
        if rules.create is CreatePolicy.NONE:
            continue
        side = Side(rules.create.value)
        for row in e.alive(side, entity):
            key = (side, entity, row.id)
            e.made += 1
            if row.state is not State.LIVE or key in e.partner:
                continue
            if any(key == (one.side, one.entity, one.id) for m in e.attached.values() for one in m):
                continue
            seen = e.seen.get(key)
            link_id = e.link_of.get(key)
            told = any(
                w.link_id == link_id
                and w.state in (WriteState.DEAD, WriteState.WAITING, WriteState.UNCERTAIN)
                for w in e.outbox
            )
            told |= seen is not None and seen.unlinked == "suggested" and _may_be_known(e, key, row)
            if not told:
                state = seen.unlinked if seen is not None else "unseen"
                yield f"{side} {entity} {row.id} has no counterpart ({state}) and nobody is told"


def _may_be_known(e: Evidence, key: Key, row: Row) -> bool:
    """Say whether another record has a value, or the first word of the name, of this one.

    One that is missed, but not proven to be gone, still counts.
    """
    side, entity, _ = key
    others = [e.fields(side.other, other) for other in e.alive(side.other, entity)]
    others += [
        o.fields
        for (at, of, _), o in e.seen.items()
        if (at, of) == (side.other, entity) and o.absent_since and o.presence is Presence.PRESENT
    ]
    ours = _signs(e.fields(side, row))
    return any(ours & _signs(fields) for fields in others)


def _signs(fields: Fields) -> set[str]:
    names = ("name", "website", "email", "phone", "tax_id", "sku")
    signs = {str(fields[f]).casefold() for f in names if fields.get(f) is not None}
    return signs | set(str(fields.get("name") or "").casefold().split()[:1])


def linked_rightly(e: Evidence) -> Iterator[str]:
    """Rules 12 and 13: a link joins one thing in both systems, never a copy.

    A record stands for what it was made for, and for all that was merged into it.
    """
    identity = e.world.people.identity
    for bundle in e.links.values():
        keys = [(m.side, m.entity, m.id) for m in bundle.members.values()]
        known = [{identity.get(k) for k in (key, *e.absorbed.get(key, ()))} for key in keys]
        e.made += 1
        if len(known) == 2 and not any(None in k for k in known) and not known[0] & known[1]:
            ids = ", ".join(m.id for m in bundle.members.values())
            yield f"link {bundle.link.id} joins two different things: {ids}"


# ── orders ───────────────────────────────────────────────────────────────────────────────────


def ordered_once(e: Evidence) -> Iterator[str]:
    """Rules 24 and 25: at most one order a deal, from a moment at which the deal was right."""
    made: dict[str, list[Change]] = defaultdict(list)
    for change in e.world.journal.changes:
        if change.entity == "order" and change.by_program and change.before is None:
            made[str(change.after.cells.get("crm_id"))].append(change)
    for deal_id, orders in made.items():
        e.made += 1
        if (number := sum(not _gone_unseen(e, c) for c in orders)) > 1:
            yield f"deal {deal_id} has {number} orders"
        # an order that is torn on creation or follows its deal gets its lines by a later write
        last = _last_lines(e, orders[0]) or orders[0]
        moments = [
            c for c in e.by_record.get((Side.CRM, "deal", deal_id), ()) if c.number < last.number
        ]
        if not moments:
            yield f"order {orders[0].id} is for no deal ({deal_id})"
        elif not any(_matches(e, c.after, orders[0]) for c in moments):
            yield f"order {orders[0].id} was never what deal {deal_id} said"
        if not e.world.history.go_live:
            yield f"order {orders[0].id} was made although orders are off"


def _matches(e: Evidence, deal: Row, created: Change) -> bool:
    fields = e.fields(Side.CRM, deal)
    if fields.get("stage_kind") != "won":
        return False
    won = fields.get("won_at")
    go_live = e.world.project.go_live
    if go_live is None or won is None or won < go_live:  # type: ignore[operator]
        return False
    lines = fields.get("lines")
    amount = fields.get("amount")
    if not isinstance(lines, tuple) or amount is None:
        return False
    total = sum((line.quantity * line.unit_price for line in lines), Decimal(0))
    if total != amount.amount:  # type: ignore[union-attr]
        return False
    written = _last_lines(e, created)
    if written is None:
        return _stays_torn(e, deal, created)
    rows = written.after.cells["rows"]
    return [(r["line_ref"], Decimal(r["qty"]), Decimal(r["price"])) for r in rows] == [
        (line.key, line.quantity, line.unit_price) for line in lines
    ]


def _last_lines(e: Evidence, created: Change) -> Change | None:
    """The last write of the engine that gave an order its lines."""
    rows, last = None, None
    for c in e.by_record[Side.ERP, "order", created.id]:
        if c.by_program and c.after.cells.get("rows") and c.after.cells["rows"] != rows:
            last = c
        rows = c.after.cells.get("rows")
    return last


def _stays_torn(e: Evidence, deal: Row, created: Change) -> bool:
    """Say whether an order without lines is one a person is asked about or has deleted."""
    row = e.row(Side.ERP, "order", created.id)
    return (row is None or row.state is not State.LIVE) or any(
        w.kind is WriteKind.CREATE and w.entity == "order" and w.source_id == deal.id
        for w in e.outbox
    )


def ordered_at_all(e: Evidence) -> Iterator[str]:
    """Row 4 of the product: a won deal has its order, or a person can see why not."""
    by_deal = {
        str(c.after.cells.get("crm_id"))
        for c in e.world.journal.changes
        if c.entity == "order" and c.by_program and c.before is None
    }
    targets = e.world.project.targets.of({})
    if isinstance(targets, Targets) and targets.order is None:
        return
    for row in e.alive(Side.CRM, "deal"):
        e.made += 1
        if row.state is not State.LIVE or row.cells.get("StageKind") != "won" or row.id in by_deal:
            continue
        case = e.cases.get(row.id)
        if case is None or case.state == "settling":
            yield f"deal {row.id} is won and has no order, and no case tells why"
        elif (
            case.state == "ordered"
            and not any(
                w.entity == "order"
                and w.source_id == row.id
                and w.state in (WriteState.DEAD, WriteState.WAITING, WriteState.UNCERTAIN)
                for w in e.outbox
            )
            and not e.open.get(case.link_id or 0)
        ):
            yield f"deal {row.id} is said to be ordered but has no order"


def touched_orders_stay(e: Evidence) -> Iterator[str]:
    """Rule 25: the engine replaces or cancels nothing that a person changed on an order."""
    for key, changes in e.by_record.items():
        if key[:2] != (Side.ERP, "order"):
            continue
        touched: Change | None = None
        for c in changes:
            rows = None if c.before is None else c.before.cells.get("rows")
            anew = rows and rows != c.after.cells.get("rows")
            if not c.by_program:
                touched = c if anew else touched
            elif touched is not None and (anew or c.after.cells["state"] == "canceled"):
                e.made += 1
                if not _excused(e, key, touched):
                    yield f"order {key[2]}: what a person made of it was replaced by the engine"


def orders_finished(e: Evidence) -> Iterator[str]:
    """An order of ours is complete, and a draft only where a person is asked."""
    for change in e.world.journal.changes:
        if change.entity != "order" or not change.by_program or change.before is not None:
            continue
        row = e.row(Side.ERP, "order", change.id)
        e.made += 1
        if row is None or row.state is not State.LIVE:
            continue
        told = any(x.record_id == row.id or x.source_id == row.cells.get("crm_id") for x in e.dead)
        deal_id = str(row.cells.get("crm_id"))
        link_id = e.link_of.get((Side.CRM, "deal", deal_id), 0)
        told |= bool(e.open.get(link_id))
        told |= any(w.link_id == link_id and w.state is WriteState.DEAD for w in e.outbox)
        case = e.cases.get(deal_id)
        told |= case is not None and "cannot be amended" in case.why
        if not row.cells.get("rows") and not told:
            yield f"order {row.id} has no lines and nobody is told"
        if row.cells["state"] == "quotation" and e.world.history.confirm and not told:
            yield f"order {row.id} is still a draft and nobody is told"


def deal_shows_order(e: Evidence) -> Iterator[str]:
    """The deal shows the number and state of its order."""
    for bundle, shown in e.healthy():
        if bundle.link.entity != "deal":
            continue
        for name, source in (("order_number", "number"), ("order_status", "status")):
            e.made += 1
            if not e.same(
                bundle, name, shown[Side.CRM].get(name), shown[Side.ERP].get(source)
            ) and not e.waits(bundle, name):
                yield (
                    f"deal {bundle.members[Side.CRM].id} shows {name} "
                    f"{shown[Side.CRM].get(name)!r}, its order {shown[Side.ERP].get(source)!r}"
                )


# ── the outbox ───────────────────────────────────────────────────────────────────────────────


def outbox_at_rest(e: Evidence) -> Iterator[str]:
    """Rules 11, 16 and 22: nothing is unresolved but what waits for a person."""
    e.made += 2 + len(e.links)
    if len(e.outbox) > 2 * len(e.links):
        yield f"{len(e.outbox)} writes in the outbox for {len(e.links)} links"
    for w in e.outbox:
        named = w.state in (WriteState.DEAD, WriteState.WAITING, WriteState.UNCERTAIN)
        if not named or (
            w.state is WriteState.DEAD and not any(d.link_id == w.link_id for d in e.dead)
        ):
            yield (
                f"write {w.kind} {w.target} {w.entity} of link {w.link_id} is {w.state}"
                f"{', needs approval' if w.needs_approval else ''}"
            )
        if w.state is WriteState.WAITING and not w.waits_for:
            yield f"write of link {w.link_id} waits for nothing"
    busy = {w.link_id for w in e.outbox if w.state is WriteState.UNCERTAIN}
    for bundle in e.links.values():
        if bundle.link.rev != bundle.link.reconciled_rev and bundle.link.id not in busy:
            yield f"link {bundle.link.id} was not reconciled"


def writes_bounded(e: Evidence) -> Iterator[str]:
    """A change causes few writes, however much goes wrong."""
    changes = e.world.journal.changes
    by_people = sum(not c.by_program for c in changes)
    by_engine = len(changes) - by_people
    faults = sum(e.world.all_struck().values())
    e.made += 1
    if by_engine > 4 * by_people + 3 * faults + 10:
        yield f"{by_engine} writes for {by_people} changes by people and {faults} faults"


def fights_bounded(e: Evidence) -> Iterator[str]:
    """Rule 14: a field that is rewritten after each write of ours is soon left alone."""
    for rival in e.world.rivals:
        for record_id in sorted({c.id for c in e.world.journal.changes if c.side is rival.side}):
            key = (rival.side, "customer", record_id)
            written: list[datetime] = []
            stays = True
            for change, _, _ in e.edits(key, rival.name):
                e.made += 1
                if change.by_program and not stays:
                    written = [at for at in written if change.at - at < WINDOW]
                    written.append(change.at)
                    if len(written) > ROUNDS + 1:
                        yield (
                            f"{rival.side} customer {record_id} {rival.name} was written "
                            f"{len(written)} times within a day, each time over another program"
                        )
                        break
                stays = change.by_program


def nothing_before_approval(e: Evidence) -> Iterator[str]:
    """Rule 2: before a plan is approved nothing is written to what was matched."""
    for change in e.world.journal.changes[: e.world.first_plan]:
        e.made += 1
        if change.by_program and change.entity in ("customer", "contact", "product"):
            yield (
                f"{change.side} {change.entity} {change.id} was written before any plan was "
                "approved"
            )


def map_change_waits(e: Evidence) -> Iterator[str]:
    """What a changed map concerns is not written before a plan is approved (rule 15)."""
    e.made += e.world.struck["map change"]
    yield from e.world.map_writes


def signals_shown(e: Evidence) -> Iterator[str]:
    """Rule 27: the CRM shows what was made public last, in the band of what the ledger says."""
    rules, pair = e.world.project.signals, e.world.session.pair
    today = today_of(pair.clock(), rules)
    billed: dict[str, list[Fields]] = defaultdict(list)
    for row in e.alive(Side.ERP, "invoice"):
        fields = e.fields(Side.ERP, row)
        if row.state is State.LIVE and isinstance(ref := fields.get("customer"), Ref):
            billed[ref.id].append(fields)
    wanted = SIGNALS["customer"] & e.wanted("customer")
    waiting = {w.link_id for w in e.outbox}
    for bundle, shown in e.healthy():
        if bundle.link.entity != "customer" or not billed:
            continue
        party = bundle.members[Side.ERP].id
        public = {f: v for f, v in bundle.seen[Side.ERP].fields.items() if f in wanted}
        beside = [one.id for one in e.attached.get(bundle.link.id, ()) if not one.away]
        due = [i for key in (party, *beside) for i in billed[key]]
        truth = figures_of(due, today, "EUR", rules).fields
        ours = {f: v for f, v in public.items() if f in truth}
        e.made += 1
        if band_of(ours, rules) != band_of({f: truth[f] for f in ours}, rules) or not ours:
            yield f"erp customer {party} has {truth}, but {ours} was made public"
        if bundle.link.id in waiting:
            continue
        opened = e.open.get(bundle.link.id, {})
        for name in sorted(public.keys() - opened.keys()):
            e.made += 1
            if not agree(
                public[name], shown[Side.CRM].get(name), e.facts(Side.CRM, "customer", name)
            ):
                yield (
                    f"crm customer {bundle.members[Side.CRM].id} {name} shows "
                    f"{shown[Side.CRM].get(name)!r} instead of {public[name]!r}"
                )


CHECKS: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    f.__name__: f
    for f in (
        observed,
        absent_is_not_gone,
        converged,
        edits_survive,
        nothing_lost,
        no_invented_blanks,
        owners_are_obeyed,
        values_have_a_source,
        never_goes_back,
        boundary_kept,
        created_once,
        created_at_all,
        keys_rebuildable,
        local_stays,
        linked_rightly,
        ordered_once,
        ordered_at_all,
        touched_orders_stay,
        orders_finished,
        deal_shows_order,
        projects_once,
        projects_at_all,
        projects_finished,
        deal_shows_project,
        outbox_at_rest,
        writes_bounded,
        fights_bounded,
        nothing_before_approval,
        map_change_waits,
        signals_shown,
        holds_kept,
        members_kept,
        verdicts_shown,
    )
}
"""All checks by name; each yields what is wrong."""
