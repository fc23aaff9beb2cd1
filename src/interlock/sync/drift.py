"""Drift: both systems read in full and compared, each difference with what explains it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import StrEnum

import msgspec

from interlock.governance.merge import OpenKind, respelled
from interlock.governance.rules import EntityRules, FieldRule, Side
from interlock.model import (
    ANYTHING,
    HOLD_FIELDS,
    SIGNALS,
    FieldFacts,
    Fields,
    Presence,
    Record,
    Value,
    agree,
)
from interlock.store import attached, links, observations, open_fields, outbox
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.decision import HELD_BACK, Translator
from interlock.sync.linking import MATCHED
from interlock.sync.mapchange import maps_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run
from interlock.sync.spool import Shown, Spool

__all__ = ["Cause", "Difference", "compare"]

BATCH = 200


class Cause(StrEnum):
    """What explains that both systems show different things."""

    NOT_OBSERVED = "not observed"
    PENDING = "pending"
    DEAD_LETTER = "dead letter"
    OPEN = "open"
    NOT_TAKEN = "not taken"
    NOT_PUT_BACK = "not put back"
    UNLINKED = "unlinked"
    GONE = "gone"
    UNEXPLAINED = "unexplained"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one pair, or one record (``field`` is ""), and why it differs.

    ``records`` and ``values`` by side; a value that is not there is missing.
    """

    entity: str
    field: str
    cause: Cause
    why: str
    link: int | None
    records: Mapping[Side, str]
    values: Mapping[Side, Value | None] = {}


Found = Callable[[Sequence[Difference]], Awaitable[None]]


async def compare(pair: Pair, run: Run, found: Found, entities: Sequence[str] = ()) -> int:
    """Compare entities (default: all), hand over differences in parts; returns links compared.

    Both systems are read page by page.  What differs then is fetched once more by id, so that an
    edit between the two reads is no difference.  Raises what a connector raises: half a comparison
    says nothing.
    """
    compared = 0
    with Spool() as spool:
        for entity in pair.merged():
            rules = pair.rules(entity)
            if rules is None or (entities and entity not in entities):
                continue
            spool.clear()
            one = _Entity(pair, run, spool, entity, rules)
            for side in Side:
                await one.read(side)
            compared += await one.compare_links(found)
            if entity in MATCHED:
                for side in Side:
                    await one.tell_unlinked(side, found)
    return compared


class _Entity:
    """Comparing one entity."""

    def __init__(self, pair: Pair, run: Run, spool: Spool, entity: str, rules: EntityRules) -> None:
        self.pair, self.run, self.spool, self.entity, self.rules = pair, run, spool, entity, rules
        # of signals the CRM shows what was made public last, not what the ERP says this minute
        moving = SIGNALS.get(entity, frozenset())
        self.fields = {r.field: r for r in rules.merged() if r.field not in moving}
        self.facts = {side: self._facts(side) for side in Side}

    def _facts(self, side: Side) -> Mapping[str, FieldFacts]:
        member = self.pair.member_entity(self.entity, side)
        caps = self.pair.side(side).entity(member)
        return caps.fields if caps is not None and member == self.entity else {}

    def _held(self, field: str) -> list[FieldFacts]:
        """What both systems can hold of a field: what is cut off at best is no drift (rule 4)."""
        return [self.facts[side].get(field, ANYTHING) for side in Side]

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def read(self, side: Side) -> None:
        """Read one side in full into the spool."""
        member = self.pair.member_entity(self.entity, side)
        cursor: str | None = None
        while True:
            page = await self.pair.side(side).connector.sweep(member, cursor)
            linked, shown = await self.pair.store.call(self._shown, side, page.records)
            self.spool.add(
                side,
                [
                    (
                        r.id,
                        r.id in linked,
                        Shown(
                            r.presence is Presence.PRESENT,
                            {f: self.spool.digest(v, self._held(f)) for f, v in fields.items()},
                        ),
                    )
                    for r, fields in zip(page.records, shown, strict=True)
                ],
            )
            self.run.tick("observe", side, member, len(page.records))
            cursor = page.cursor
            if not page.more:
                return

    def _shown(
        self, tx: Tx, side: Side, records: Sequence[Record]
    ) -> tuple[set[str], list[Fields]]:
        """Which of the records are linked, and the merged fields each shows, in common terms."""
        member = self.pair.member_entity(self.entity, side)
        view = self.pair.views.get((self.entity, member))
        raw = [dict(r.fields) if view is None else view(dict(r.fields)) for r in records]
        kept = [{f: v for f, v in one.items() if f in self.fields} for one in raw]
        translate = Translator(links.of_references(tx, side, kept))
        mine = links.members_of(tx, side, [(member, r.id) for r in records])
        return {i for _, i in mine}, [translate.fields(side, one) for one in kept]

    # ── comparing ────────────────────────────────────────────────────────────────────────────

    async def compare_links(self, found: Found) -> int:
        """Compare the members of every link."""
        after = count = 0
        while True:
            batch = await self.pair.store.call(links.after, self.entity, after, BATCH)
            if not batch:
                return count
            after, count = batch[-1].link.id, count + len(batch)
            shown = self._spooled(batch)
            suspects = [b for b in batch if self._differs(b, shown)]
            differences = await self._confirm(suspects)
            if differences:
                await found(differences)
            self.run.tick("compare", None, self.entity, len(batch))

    def _spooled(self, batch: Sequence[Bundle]) -> dict[Side, dict[str, Shown]]:
        return {
            side: self.spool.get(side, [b.members[side].id for b in batch if side in b.members])
            for side in Side
        }

    def _differs(self, bundle: Bundle, shown: Mapping[Side, Mapping[str, Shown]]) -> bool:
        seen = {s: shown[s].get(m.id) for s, m in bundle.members.items()}
        there = [s for s in seen.values() if s is not None and s.present]
        if len(bundle.members) < len(Side):
            return bool(there)
        if len(there) < len(Side):
            return bool(there)
        one, two = (s.digests for s in there)
        return any(one[f] != two[f] for f in one.keys() & two.keys())

    async def _confirm(self, suspects: Sequence[Bundle]) -> list[Difference]:
        """Look once more at what seems to differ."""
        if not suspects:
            return []
        live = {side: await self._fetch(side, suspects) for side in Side}
        return await self.pair.store.call(self._differences, [b.link.id for b in suspects], live)

    async def _fetch(self, side: Side, suspects: Sequence[Bundle]) -> dict[str, Record]:
        member = self.pair.member_entity(self.entity, side)
        connection = self.pair.side(side)
        caps = connection.entity(member)
        ids = [b.members[side].id for b in suspects if side in b.members]
        size = caps.page_size if caps is not None else BATCH
        found = {}
        for start in range(0, len(ids), size):
            for record in await connection.connector.fetch(member, ids[start : start + size]):
                found[record.id] = record
        return found

    def _differences(
        self, tx: Tx, ids: Sequence[int], live: Mapping[Side, Mapping[str, Record]]
    ) -> list[Difference]:
        bundles = links.bundles(tx, ids)
        maps = maps_of(tx, self.pair, list(bundles.values()))
        writes = outbox.of_links(tx, ids)
        opened = open_fields.load(tx, ids)
        together = attached.of_links(tx, ids)
        shown: dict[Side, dict[str, Fields]] = {}
        for side, records in live.items():
            _, fields = self._shown(tx, side, list(records.values()))
            shown[side] = dict(zip(records, fields, strict=True))
        found: list[Difference] = []
        for link_id in ids:
            if link_id in bundles:
                bundle = maps.bring_up(bundles[link_id])
                mine = {s: w for s in Side if (w := writes.get((link_id, s))) is not None}
                now = {s: live[s].get(m.id) for s, m in bundle.members.items()}
                case = _Case(bundle, now, mine, opened.get(link_id, {}))
                # a hold is shown of all ERP customers of an account together
                rolled_up = HOLD_FIELDS if link_id in together else ()
                found += case.of_record() or self._of_fields(tx, case, shown, rolled_up)
        return found

    def _of_fields(
        self,
        tx: Tx,
        case: _Case,
        shown: Mapping[Side, Mapping[str, Fields]],
        but: Collection[str],
    ) -> list[Difference]:
        values = {s: shown[s][m.id] for s, m in case.bundle.members.items()}
        crm, erp = values[Side.CRM], values[Side.ERP]
        seen = {s: self._seen(tx, case.bundle, s) for s in Side}
        found = []
        for field, rule in self.fields.items():
            if field not in crm or field not in erp or field in but:
                continue
            if agree(crm[field], erp[field], *self._held(field)):
                continue
            pair = {s: values[s][field] for s in Side}
            looked = {
                s: field in seen[s]
                and agree(seen[s][field], pair[s], self.facts[s].get(field, ANYTHING))
                for s in Side
            }
            cause, why = case.of_field(rule, pair, looked)
            found.append(case.difference(field, cause, why, pair))
        return found

    def _seen(self, tx: Tx, bundle: Bundle, side: Side) -> Fields:
        seen = bundle.seen[side]
        record = Record(entity=seen.entity, id=seen.id, fields=seen.known)
        return self._shown(tx, side, [record])[1][0]

    # ── records without a link ───────────────────────────────────────────────────────────────

    async def tell_unlinked(self, side: Side, found: Found) -> None:
        """Tell of records that have no counterpart."""
        for ids in self.spool.unlinked(side):
            known = await self.pair.store.call(observations.load, side, self.entity, ids)
            differences = []
            for record_id in ids:
                seen = known.get(record_id)
                cause, why = _unlinked(seen)
                differences.append(
                    Difference(
                        entity=self.entity,
                        field="",
                        cause=cause,
                        why=why,
                        link=None,
                        records={side: record_id},
                    )
                )
            if differences:
                await found(differences)


class _Case:
    """A link whose members differ: what the store knows that may explain it."""

    def __init__(
        self,
        bundle: Bundle,
        records: Mapping[Side, Record | None],
        writes: Mapping[Side, OutboxWrite],
        opened: Mapping[str, tuple[str, str]],
    ) -> None:
        self.bundle, self.records, self.writes, self.opened = bundle, records, writes, opened

    def difference(
        self, field: str, cause: Cause, why: str, values: Mapping[Side, Value | None]
    ) -> Difference:
        return Difference(
            entity=self.bundle.link.entity,
            field=field,
            cause=cause,
            why=why,
            link=self.bundle.link.id,
            records={s: m.id for s, m in self.bundle.members.items()},
            values=values,
        )

    def of_record(self) -> list[Difference]:
        """Tell that a whole record has no counterpart; nothing when both are there."""
        there = [s for s, r in self.records.items() if r is not None and _there(r)]
        if len(there) == len(Side) or not there:
            return []
        if len(self.bundle.members) == len(Side):
            (gone,) = (s for s in Side if s not in there)
            record = self.records[gone]
            state = "not shown" if record is None else record.presence.value
            why = f"the {gone.value.upper()} record is {state}"
            return [self.difference("", Cause.GONE, why, {})]
        write = next(iter(self.writes.values()), None)
        if write is None:
            return [self.difference("", Cause.UNLINKED, "its counterpart is not there", {})]
        return [self.difference("", *_of_write(write), {})]

    def of_field(
        self, rule: FieldRule, values: Mapping[Side, Value | None], looked: Mapping[Side, bool]
    ) -> tuple[Cause, str]:
        """Say what explains that a field differs; ``looked``: sides we last saw as they are."""
        for write in self.writes.values():
            if rule.field in write.fields:
                return _of_write(write)
        if rule.field in self.opened:
            kind, why = self.opened[rule.field]
            if kind == HELD_BACK:
                return Cause.PENDING, why
            return (Cause.NOT_TAKEN if kind == OpenKind.NOT_TAKEN else Cause.OPEN), why
        unseen = [s.value.upper() for s in Side if not looked[s]]
        if unseen:
            return (
                Cause.NOT_OBSERVED,
                f"changed in the {' and the '.join(unseen)} since the last look",
            )
        members = self.bundle.members
        if self.bundle.link.rev > self.bundle.link.reconciled_rev:
            return Cause.PENDING, "seen, and decided at the next sync"
        bases = {s: m.agreed.get(rule.field) for s, m in members.items()}
        if all(values[s] == bases[s] for s in Side) and respelled(*values.values()):
            return Cause.NOT_TAKEN, "the same but for its spelling"
        owner = rule.ownership.side
        if owner is not None and not agree(values[owner.other], bases[owner.other]):
            return (
                Cause.NOT_PUT_BACK,
                f"edited in the {owner.other.value.upper()}, but {owner.value.upper()} owns it",
            )
        return Cause.UNEXPLAINED, "differs although nothing is pending"


def _there(record: Record) -> bool:
    return record.presence is Presence.PRESENT


def _of_write(write: OutboxWrite) -> tuple[Cause, str]:
    match write.state:
        case WriteState.DEAD | WriteState.UNCERTAIN:
            return Cause.DEAD_LETTER, "could not be written"
        case WriteState.WAITING:
            return Cause.PENDING, write.waits_for or "waits"
        case _ if write.needs_approval:
            return Cause.PENDING, "waits for an approval"
        case _:
            return Cause.PENDING, "waits to be written"


_UNLINKED = {
    "suggested": (Cause.UNLINKED, "like a record of the other side, but not linked"),
    "ignored": (Cause.UNLINKED, "only here, and ignored by the ownership map"),
    "born here": (Cause.UNLINKED, "only here, and not created on the other side"),
    "parked": (Cause.OPEN, "its link was undone by a person"),
}


def _unlinked(seen: observations.Observation | None) -> tuple[Cause, str]:
    if seen is None:
        return Cause.NOT_OBSERVED, "never seen before"
    if seen.link_id is not None:
        return Cause.PENDING, "linked a moment ago"
    return _UNLINKED.get(seen.unlinked or "", (Cause.UNLINKED, "not matched yet"))
