"""Plan against an older map: what changed, and which writes that would cause, record by record."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.merge import Action, Decision, MemberView, Outcome, merge
from interlock.governance.rules import Side
from interlock.governance.versions import MapVersion, describe
from interlock.model import Fields, Record
from interlock.project.load import CONFIG_FILE, OWNERSHIP_FILE, Project, open_project
from interlock.service.labels import label_of
from interlock.service.session import Session, make_session
from interlock.store import links, maps
from interlock.store.database import Store, Tx
from interlock.store.history import plain
from interlock.store.links import Bundle
from interlock.sync.decision import Translator
from interlock.sync.mapchange import maps_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Against", "ChangedField", "ChangedWrite", "plan_against"]

BATCH = 200
KEPT = 1000
"""Records kept for the report; all are counted."""


class ChangedField(msgspec.Struct, frozen=True, kw_only=True):
    """A field that the two maps treat differently; ``writes``: system -> records written anew."""

    entity: str
    field: str
    what: str
    writes: Mapping[str, int]
    left_open: int
    unreadable: int


class ChangedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one record the new map would write otherwise than the old one.

    ``system`` would get ``new`` in place of ``now``; ``before``: what the old map would write to
    ``before_system``, nothing where that is empty.
    """

    entity: str
    field: str
    label: str
    records: Mapping[str, str]
    system: str
    now: object
    new: object
    why: str
    before_system: str
    before: object


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """What the project's map changes against an older one.  Nothing was written or activated.

    ``creates``: entity -> how its rule of what is created changes, with what waits for that.
    """

    old: str
    old_at: datetime | None
    new: str
    compared: int
    fields: Sequence[ChangedField]
    creates: Mapping[str, str]
    total: int
    writes: Sequence[ChangedWrite]


async def plan_against(session: Session, old: str, run: Run) -> Against:
    """Compare with ``previous``, a version the store knows by its beginning, or a folder."""
    async with AsyncExitStack() as stack:
        project, at = _open_old(session.project, session.store, old, stack)
        before = make_session(project, session.store, clock=session.pair.clock,
                              new_id=session.pair.new_id)  # fmt: skip
        for side in Side:
            await stack.enter_async_context(before.pair.side(side).connector)
        return await _Comparison(before.pair, session.pair, run).made(at)


def _open_old(
    project: Project, store: Store, old: str, stack: AsyncExitStack
) -> tuple[Project, datetime | None]:
    folder = Path(old)
    if (folder / CONFIG_FILE).is_file():
        return open_project(folder), None
    found = store.run(_find, project.map_version, old)
    return _open_text(project.root, found, stack), found.at


def _find(tx: Tx, current: str, old: str) -> MapVersion:
    if old == "previous":
        active = maps.all_versions(tx)
        earlier = next((m for m in active if m.version != current), None)
        if earlier is None:
            raise ConfigurationError(
                "there is no earlier map: this one is the first", fix="name a project's folder"
            )
        return earlier
    known = maps.find(tx, old)
    if len(known) != 1:
        listed = ", ".join(m.version for m in (known or maps.all_versions(tx)))
        what = "is the beginning of several maps" if known else "is neither a folder nor a map"
        raise ConfigurationError(f"{old!r} {what}", fix=f"known are: previous, {listed}")
    return known[0]


def _open_text(root: Path, old: MapVersion, stack: AsyncExitStack) -> Project:
    """Lay the kept files out beside everything else of the project."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-")))
    for entry in root.iterdir():
        if entry.name not in (OWNERSHIP_FILE, "mappings"):
            (folder / entry.name).symlink_to(entry)
    (folder / "mappings").mkdir()
    for name, text in old.texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return open_project(folder)


class _Comparison:
    def __init__(self, old: Pair, new: Pair, run: Run) -> None:
        self.old, self.new, self.run = old, new, run
        self.changed = new.active_map.changed(old.active_map)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.kept: list[ChangedWrite] = []
        self.total = 0

    async def made(self, at: datetime | None) -> Against:
        compared = 0
        for entity in self.new.merged():
            names = frozenset(
                n.partition(".")[2] for n in self.changed if n.startswith(f"{entity}.")
            )
            if names:
                compared += await self._compare(entity, names)
        states = await self.new.store.call(links.counts)
        return Against(
            old=self.old.map_version,
            old_at=at,
            new=self.new.map_version,
            compared=compared,
            fields=[self._field(name) for name in self.changed],
            creates=self._creates(states),
            total=self.total,
            writes=self.kept,
        )

    def _field(self, name: str) -> ChangedField:
        entity, _, field = name.partition(".")
        return ChangedField(
            entity=entity,
            field=field,
            what=describe(self.old.active_map, self.new.active_map, name),
            writes={
                system.name: n
                for s in Side
                if (n := self.counts[name, (system := self.new.side(s)).name])
            },
            left_open=self.counts[name, "open"],
            unreadable=self.counts[name, "unreadable"],
        )

    def _creates(self, states: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
        before, after = self.old.active_map.creates, self.new.active_map.creates
        told = {}
        for entity in sorted(before.keys() & after.keys()):
            if before[entity] != after[entity]:
                sides = [s for s in Side if after[entity] in (s.value, "both")]
                counts = states.get(entity, {})
                waiting = sum(
                    counts.get(f"{side.value}:{state}", 0)
                    for side in sides
                    for state in ("born here", "ignored")
                )
                told[entity] = (
                    f"create: {before[entity]} -> {after[entity]}; {waiting} records there have no "
                    "counterpart, and are created once a plan that shows them is approved"
                )
        return told

    async def _compare(self, entity: str, names: frozenset[str]) -> int:
        after = count = 0
        while batch := await self.new.store.call(links.after, entity, after, BATCH):
            after, count = batch[-1].link.id, count + len(batch)
            whole = [b for b in batch if len(b.members) == len(Side)]
            now = await self._live(self.new, entity, whole)
            remapped = any(
                self.old.active_map.fields[n].mapped != self.new.active_map.fields[n].mapped
                for f in names
                if (n := f"{entity}.{f}") in self.old.active_map.fields
                and n in self.new.active_map.fields
            )
            removed = any(f"{entity}.{f}" not in self.new.active_map.fields for f in names)
            was = await self._live(self.old, entity, whole) if remapped or removed else now
            for bundle, old, new in await self.new.store.call(
                self._decide, entity, names, whole, was, now
            ):
                self._note(bundle, old, new, now, names)
            self.run.tick("compare", None, entity, len(batch))
        return count

    async def _live(
        self, pair: Pair, entity: str, batch: Sequence[Bundle]
    ) -> dict[Side, dict[str, Record]]:
        """Fetch the members of links as a map has them."""
        found: dict[Side, dict[str, Record]] = {side: {} for side in Side}
        for side in Side:
            member = pair.member_entity(entity, side)
            caps = pair.side(side).entity(member)
            size = caps.page_size if caps is not None else BATCH
            ids = [b.members[side].id for b in batch]
            for start in range(0, len(ids), size):
                part = ids[start : start + size]
                for record in await pair.side(side).connector.fetch(member, part):
                    found[side][record.id] = record
                self.run.tick("observe", side, member, len(part))
        return found

    def _decide(
        self,
        tx: Tx,
        entity: str,
        names: frozenset[str],
        batch: Sequence[Bundle],
        was: Mapping[Side, Mapping[str, Record]],
        now: Mapping[Side, Mapping[str, Record]],
    ) -> list[tuple[Bundle, Decision, Decision]]:
        decided = []
        sides = (
            (self.old, maps_of(tx, self.old, batch), was),
            (self.new, maps_of(tx, self.new, batch), now),
        )
        for bundle in batch:
            both = []
            for pair, known, live in sides:
                rules = pair.rules(entity)
                views = {
                    s: _view(tx, pair, bundle, s, live[s], known.agreed(bundle, s)) for s in Side
                }
                both.append(
                    Decision(())
                    if rules is None
                    else merge(rules, views[Side.CRM], views[Side.ERP], names)
                )
            decided.append((bundle, both[0], both[1]))
        return decided

    def _note(
        self,
        bundle: Bundle,
        old: Decision,
        new: Decision,
        now: Mapping[Side, Mapping[str, Record]],
        names: frozenset[str],
    ) -> None:
        entity = bundle.link.entity
        before = {o.field: o for o in old.outcomes if o.action is Action.WRITE}
        shown = {s: now[s].get(m.id) for s, m in bundle.members.items()}
        for field in names:
            if any(r is not None and field in (r.problems or {}) for r in shown.values()):
                self.counts[f"{entity}.{field}", "unreadable"] += 1
        for outcome in new.outcomes:
            name = f"{entity}.{outcome.field}"
            if outcome.action is Action.OPEN:
                self.counts[name, "open"] += 1
            if outcome.action is not Action.WRITE or outcome.target is None:
                continue
            same = before.get(outcome.field)
            if same is not None and (same.target, same.value) == (outcome.target, outcome.value):
                continue
            system = self.new.side(outcome.target).name
            self.counts[name, system] += 1
            self.total += 1
            if len(self.kept) < KEPT:
                self.kept.append(self._write(bundle, outcome, same, shown))

    def _write(
        self,
        bundle: Bundle,
        outcome: Outcome,
        before: Outcome | None,
        shown: Mapping[Side, Record | None],
    ) -> ChangedWrite:
        assert outcome.target is not None
        labels = (label_of(dict(r.fields)) for r in shown.values() if r is not None)
        target = None if before is None else before.target
        return ChangedWrite(
            entity=bundle.link.entity,
            field=outcome.field,
            label=next((text for text in labels if text), ""),
            records={self.new.side(s).name: m.id for s, m in bundle.members.items()},
            system=self.new.side(outcome.target).name,
            now=plain(outcome.expected),
            new=plain(outcome.value),
            why=outcome.why,
            before_system="" if target is None else self.old.side(target).name,
            before=None if before is None else plain(before.value),
        )


def _view(
    tx: Tx, pair: Pair, bundle: Bundle, side: Side, live: Mapping[str, Record], base: Fields
) -> MemberView:
    """See one member as a map has it now; one that is not shown has no known field."""
    member, entity = bundle.members[side], bundle.link.entity
    record = live.get(member.id)
    shown: Fields = dict(record.fields) if record is not None else {}
    view = pair.views.get((entity, member.entity))
    if view is not None:
        shown = view(shown)
    translate = Translator(links.of_references(tx, side, (shown, base)))
    caps = pair.side(side).entity(member.entity)
    return MemberView(
        fields=translate.fields(side, shown),
        base=translate.fields(side, base),
        facts=caps.fields if caps is not None and member.entity == entity else {},
    )
