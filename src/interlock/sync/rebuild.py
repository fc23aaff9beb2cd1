"""Rebuild: the guard against a store that went back, and links found again in the systems.

Rules 13, 28: what both records name of each other, then our references, then what one names alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update

from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.model import Presence
from interlock.store import attached, cases, epochs, feeds, history, links, observations, refusals
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.epochs import Hold, Stage
from interlock.store.history import Event
from interlock.store.observations import Observation
from interlock.store.tables import creation, plan, record
from interlock.sync.attached import attach_again
from interlock.sync.identity import prefix_of, reference_of
from interlock.sync.pair import Pair
from interlock.sync.progress import Run
from interlock.sync.rebuild_projects import find_projects, note_created

__all__ = ["find_links", "guard", "longest_settle_time"]

REVISIONS = 5
"""Creates of one source record that are looked for by their reference."""

ORDERS = "quote_to_order"


async def guard(pair: Pair) -> Hold | None:
    """Notice a store that went back, before anything is read or decided."""
    return await pair.store.call(epochs.check, now=pair.clock(), new_id=pair.new_id())


async def find_links(pair: Pair, run: Run, *, last: bool = True) -> bool:
    """Find links again if the store went back; false while that cannot be done yet.

    To be called after observing.  A reference nobody issued here is a sign of its own.  ``last``:
    say in the run's problems what keeps it from being done.
    """
    return await pair.store.call(_find_links, pair, run, last=last)


def longest_settle_time(pair: Pair) -> timedelta:
    """Until then a call of the time before may still take effect."""
    return max(
        (caps.settle_time for side in Side
         for caps in pair.side(side).capabilities.entities.values()),
        default=timedelta(0),
    )  # fmt: skip


def _find_links(tx: Tx, pair: Pair, run: Run, *, last: bool) -> bool:
    hold = epochs.hold_of(tx)
    if strange := epochs.strangers(tx, prefix_of(pair)):
        if hold is None:
            why = f"{strange[0]} stands in a system, but this store never issued it"
            epochs.begin(tx, why=why, now=pair.clock())
            tx.reached = epochs.position(tx)
        else:
            epochs.set_stage(tx, Stage.REBUILD)
        hold = epochs.hold_of(tx)
    if hold is None or hold.stage is not Stage.REBUILD:
        return True
    unread = [
        f"{pair.side(side).name} {entity}"
        for side in Side
        for entity in pair.observed(side)
        if feeds.get(tx, side, entity).complete_at is None
    ]
    if unread:
        if last:
            run.problem(
                "store",
                f"{hold.why}; not read in full yet: {', '.join(unread)}",
                "let `interlock plan` run to its end; nothing is written until then",
                "held",
            )
        return False
    for entity in pair.merged():
        _Finder(tx, pair, run, entity).find()
    if "project" in pair.observed(Side.ERP):
        deals, projects = _there(tx, Side.CRM, "deal"), _there(tx, Side.ERP, "project")
        find_projects(tx, pair, run, deals, projects, REVISIONS)
    _know_strangers(tx, pair)
    # what was shown before links were found again releases nothing
    tx.conn.execute(delete(plan))
    epochs.set_stage(tx, Stage.APPROVAL)
    return True


def _know_strangers(tx: Tx, pair: Pair) -> None:
    """Take references nobody can explain as issued, so that they are reported once."""
    now = pair.clock()
    while strange := epochs.strangers(tx, prefix_of(pair)):
        tx.insert_new(
            creation,
            [
                {
                    "reference": reference,
                    "target": "",
                    "entity": "",
                    "source_entity": "",
                    "source_id": reference,
                    "revision": 1,
                    "issued_at": now,
                }
                for reference in sorted(set(strange))
            ],
        )


class _Claim(NamedTuple):
    crm: str
    erp: str
    why: str


class _Made(NamedTuple):
    """A record that carries a reference: what it was made from."""

    target: Side
    record_id: str
    source_id: str
    revision: int
    reference: str


class _Finder:
    """Finds the links of one entity."""

    def __init__(self, tx: Tx, pair: Pair, run: Run, entity: str) -> None:
        self.tx, self.pair, self.run, self.entity = tx, pair, run, entity
        self.now = pair.clock()
        self.members = {side: pair.member_entity(entity, side) for side in Side}
        self.seen = {side: _there(tx, side, self.members[side]) for side in Side}
        self.refused = refusals.load(tx, entity)
        known = links.partners(tx, Side.CRM, self.members[Side.CRM], list(self.seen[Side.CRM]))
        # by the account: its link may be another one by the end
        self.attached = attached.pairs(tx, entity)
        self.partner: dict[tuple[Side, str], str] = {}
        for crm_id, erp_id in known.items():
            self._pair(crm_id, erp_id)

    def _pair(self, crm_id: str, erp_id: str) -> None:
        self.partner[Side.CRM, crm_id] = erp_id
        self.partner[Side.ERP, erp_id] = crm_id

    def find(self) -> None:
        """Link what is found, and note what was created and from what."""
        made = list(self._made())
        by_record = {(m.target, m.record_id): m for m in made}
        mutual = list(self._mutual())
        self._part(mutual)
        found: list[_Claim] = []
        for claims in (mutual, self._referenced(made), self._named()):
            for claim in _unequivocal(claims):
                taken = (Side.CRM, claim.crm) in self.partner or (
                    Side.ERP, claim.erp) in self.partner  # fmt: skip
                if not taken and (claim.crm, claim.erp) not in self.refused:
                    self._pair(claim.crm, claim.erp)
                    found.append(claim)
        self._link(found)
        attach_again(self.tx, self.attached)
        self._note_made(made)
        if self.members[Side.CRM] == self.members[Side.ERP]:
            self._park()
        else:
            self._note_cases(by_record)

    # ── signs ────────────────────────────────────────────────────────────────────────────────

    def _names(self, side: Side, record_id: str) -> str | None:
        """The id a record gives for its partner."""
        shown = self.seen[side][record_id].fields.get(CROSS_REFERENCE)
        return shown if isinstance(shown, str) and shown else None

    def _mutual(self) -> Iterator[_Claim]:
        for crm_id in self.seen[Side.CRM]:
            erp_id = self._names(Side.CRM, crm_id)
            if erp_id in self.seen[Side.ERP] and self._names(Side.ERP, erp_id) == crm_id:
                yield _Claim(crm_id, erp_id, "both name each other")

    def _named(self) -> Iterator[_Claim]:
        """Where only one record names the other, and that one names nobody."""
        for side in Side:
            for record_id in self.seen[side]:
                other = self._names(side, record_id)
                if other in self.seen[side.other] and self._names(side.other, other) is None:
                    one, two = (record_id, other) if side is Side.CRM else (other, record_id)
                    yield _Claim(one, two, f"named in the {side.value.upper()}")

    def _made(self) -> Iterator[_Made]:
        """Compute the references that all records here would have, and see who carries one."""
        for target in Side:
            carried = [
                (o.id, o.reference)
                for o in self.seen[target].values()
                if o.reference and o.reference.startswith(prefix_of(self.pair))
            ]
            if not carried:
                continue
            sources = self._references(target)
            for record_id, reference in carried:
                if reference in sources:
                    source_id, revision = sources[reference]
                    yield _Made(target, record_id, source_id, revision, reference)

    def _references(self, target: Side) -> Mapping[str, tuple[str, int]]:
        source = target.other
        return {
            reference_of(
                self.pair, target, self.members[source], source_id, self.members[target], revision
            ): (source_id, revision)
            for source_id in self.seen[source]
            for revision in range(1, REVISIONS + 1)
        }

    def _referenced(self, made: Sequence[_Made]) -> Iterator[_Claim]:
        latest: dict[tuple[Side, str], int] = {}
        for m in made:
            key = (m.target, m.source_id)
            latest[key] = max(latest.get(key, 0), m.revision)
        for m in made:
            if m.revision == latest[m.target, m.source_id]:
                one, two = m.source_id, m.record_id
                if m.target is Side.CRM:
                    one, two = two, one
                yield _Claim(one, two, f"reference {m.reference}")

    # ── effects ──────────────────────────────────────────────────────────────────────────────

    def _part(self, mutual: Sequence[_Claim]) -> None:
        """Take links of the old store apart whose records have been linked otherwise since."""
        wrong = {
            (side, record_id)
            for claim in mutual
            for side, record_id, other in (
                (Side.CRM, claim.crm, claim.erp),
                (Side.ERP, claim.erp, claim.crm),
            )
            if self.partner.get((side, record_id), other) != other
        }
        for side, record_id in sorted(wrong):
            other = self.partner.pop((side, record_id), None)
            if other is None:
                continue
            self.partner.pop((side.other, other), None)
            self._dissolve(side, record_id)

    def _dissolve(self, side: Side, record_id: str) -> None:
        key = (self.members[side], record_id)
        link_id = links.members_of(self.tx, side, [key])[key]
        history.add(
            self.tx,
            [self._event("unlinked", "both records name others now", link_id=link_id)],
        )
        attached.work_out_anew(self.tx, link_id)
        links.dissolve(self.tx, link_id, self.now)

    def _link(self, found: Sequence[_Claim]) -> None:
        claimed = {claim.erp for claim in found}
        for _, one in self.attached:
            if one.id in claimed and attached.find(self.tx, one.side, one.entity, one.id):
                # both records name each other: it is another account's own by now
                attached.remove(self.tx, one)
        made = links.create_many(
            self.tx,
            self.entity,
            [
                (
                    [
                        (Side.CRM, self.members[Side.CRM], claim.crm),
                        (Side.ERP, self.members[Side.ERP], claim.erp),
                    ],
                    claim.why,
                )
                for claim in found
            ],
            origin=epochs.REBUILT,
            now=self.now,
        )
        history.add(
            self.tx,
            [
                self._event("linked", f"found again: {claim.why}", link_id=link_id)
                for link_id, claim in zip(made, found, strict=True)
            ],
        )
        self.run.counts["linked"] += len(found)
        self.run.counts["rebuilt"] += len(found)

    def _note_made(self, made: Sequence[_Made]) -> None:
        """What exists was created: it never is again (rule 24)."""
        rows = [
            {
                "reference": m.reference,
                "target": m.target,
                "entity": self.members[m.target],
                "source_entity": self.members[m.target.other],
                "source_id": m.source_id,
                "revision": m.revision,
                "issued_at": self.now,
                "record_id": m.record_id,
                "done_at": self.now,
            }
            for m in made
        ]
        note_created(self.tx, rows)

    def _park(self) -> None:
        """Leave alone what names a record that is not there: it had a partner (rule 10)."""
        lost = [
            (side, o)
            for side in Side
            for o in self.seen[side].values()
            if (side, o.id) not in self.partner
            and o.unlinked != "parked"
            and (other := self._names(side, o.id)) is not None
            and other not in self.seen[side.other]
        ]
        for side, o in lost:
            self.tx.conn.execute(
                update(record)
                .where(
                    record.c.side == side,
                    record.c.entity == o.entity,
                    record.c.id == o.id,
                    record.c.link_id.is_(None),
                )
                .values(unlinked="parked")
            )
            why = f"it names {self._names(side, o.id)}, which is not there any more"
            history.add(self.tx, [self._event("parked", why, side=side, record_id=o.id)])
        self.run.counts["parked"] += len(lost)

    def _note_cases(self, by_record: Mapping[tuple[Side, str], _Made]) -> None:
        """A deal whose order was found is ordered; what was sold is not known any more."""
        known = cases.load(self.tx, ORDERS)
        deals = links.members_of(
            self.tx,
            Side.CRM,
            [(self.members[Side.CRM], i) for side, i in self.partner if side is Side.CRM],
        )
        noted = []
        for (_, deal_id), link_id in sorted(deals.items()):
            case = known.get(deal_id)
            if case is not None and case.link_id == link_id:
                continue
            erp_id = self.partner[Side.CRM, deal_id]
            made = by_record.get((Side.ERP, erp_id))
            noted.append(
                Case(
                    process=ORDERS,
                    source_id=deal_id,
                    state="ordered",
                    why="its order was found again",
                    at=self.now,
                    revision=made.revision if made is not None else 1,
                    link_id=link_id,
                )
            )
        cases.put(self.tx, noted)

    def _event(
        self,
        event: str,
        why: str,
        *,
        link_id: int | None = None,
        side: Side | None = None,
        record_id: str | None = None,
    ) -> Event:
        return Event(
            at=self.now,
            event=event,
            entity=self.entity,
            why=why,
            link_id=link_id,
            side=side,
            record_id=record_id,
            run_id=self.run.id,
        )


def _there(tx: Tx, side: Side, entity: str) -> dict[str, Observation]:
    """What was seen since the store went back; a record only seen before may be gone."""
    since: datetime | None = epochs.began(tx)
    rows = tx.conn.execute(
        select(record)
        .where(
            record.c.side == side,
            record.c.entity == entity,
            record.c.presence != Presence.GONE,
            record.c.absent_since.is_(None),
            record.c.instant >= since,
        )
        .order_by(record.c.id)
    )
    return {row.id: observations.from_row(tx, row) for row in rows}


def _unequivocal(claims: Iterator[_Claim] | Sequence[_Claim]) -> list[_Claim]:
    """Leave out claims of which two compete for one record: one of them is a copy's (rule 13)."""
    claimed: dict[tuple[Side, str], set[_Claim]] = {}
    distinct = {(c.crm, c.erp): c for c in claims}
    for claim in distinct.values():
        claimed.setdefault((Side.CRM, claim.crm), set()).add(claim)
        claimed.setdefault((Side.ERP, claim.erp), set()).add(claim)
    return [
        c
        for c in distinct.values()
        if len(claimed[Side.CRM, c.crm]) == 1 and len(claimed[Side.ERP, c.erp]) == 1
    ]
