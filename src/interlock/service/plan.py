"""Plan and approve: what would be written where, field by field, before anything is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.model import WriteKind
from interlock.processes.order_kinds import noted
from interlock.runtime.cycle import run_cycle
from interlock.service.labels import label_of
from interlock.service.session import Session
from interlock.service.stops import (
    Chosen,
    StopView,
    choose,
    end_stops,
    held,
    read_stops,
    release_stop,
)
from interlock.store import (
    approvals,
    dead_letters,
    epochs,
    history,
    links,
    observations,
    open_fields,
    outbox,
    plans,
    stops,
)
from interlock.store.database import Store, Tx
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.pair import Pair
from interlock.sync.progress import Problem, Run

__all__ = [
    "Approval",
    "ApprovedGroup",
    "Chosen",
    "FieldChange",
    "Plan",
    "PlanView",
    "PlannedWrite",
    "Waiting",
    "approve",
    "list_plans",
    "make_plan",
]


EVERYTHING = Chosen()
SAMPLES = 3
"""Writes of a group that are shown when it is approved."""

_MAKE_ALIKE = {
    "customer": "decide: interlock match review",
    "contact": "make the e-mail address the same on both sides",
    "product": "make the SKU the same on both sides",
}


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a planned write, as plain data."""

    field: str
    old: object
    new: object
    why: str
    note: str = ""
    """What becomes of the value on its way, where it does not fit."""


class PlannedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One record that would be written."""

    system: str
    entity: str
    kind: WriteKind
    record: str
    label: str
    fields: Sequence[FieldChange]
    needs_approval: bool
    waits_for: str | None
    state: WriteState
    limit_kind: str | None = None
    """Which blast limit holds it, where one does."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A group of records nothing is planned for, why, and what a person can do."""

    subject: str
    count: int
    why: str
    fix: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the next sync would do.

    ``calls``: system -> estimated API calls for the writes.  ``stops``: what was too much at once.
    """

    id: str
    at: datetime
    writes: Sequence[PlannedWrite]
    calls: Mapping[str, int]
    linked: Mapping[str, int]
    waiting: Sequence[Waiting]
    problems: Sequence[Problem]
    stops: Sequence[StopView] = ()

    @property
    def to_approve(self) -> int:
        """How many writes wait for an approval."""
        return sum(w.needs_approval for w in self.writes)


class ApprovedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What was let go of one system, entity and kind; ``limit``: the one it was held by."""

    system: str
    entity: str
    kind: str
    count: int
    limit: int | None
    calls: int
    samples: Sequence[PlannedWrite]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What approving a plan, or a part of it, let go.

    ``stale``: writes of the plan that have changed or gone since it was shown.  ``beyond``: writes
    that wait but were not part of it.  ``field``: the field that was released instead of writes.
    """

    plan_id: str
    released: int
    stale: int
    beyond: int = 0
    field: str | None = None
    groups: Sequence[ApprovedGroup] = ()


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was shown; ``to_approve``: how many of its writes needed an approval."""

    id: str
    at: datetime
    to_approve: int
    approved_at: datetime | None


def list_plans(store: Store, *, limit: int = 20) -> list[PlanView]:
    """List the plans that were shown, the latest first."""
    return [
        PlanView(id=row.id, at=row.at, to_approve=len(row.digests), approved_at=row.approved_at)
        for row in store.run(plans.recent_plans, limit)
    ]


async def make_plan(session: Session, run: Run, *, observe: bool = True) -> Plan:
    """Read both systems, decide, and show; nothing is written to either."""
    if observe:
        await run_cycle(session.pair, session.processes, run, write=False)
    return await session.store.call(_make, session.pair, run)


def _make(tx: Tx, pair: Pair, run: Run) -> Plan:
    now = pair.clock()
    pending = [w for w in outbox.pending(tx) if w.state is not WriteState.DEAD]
    plan_id = pair.new_id()[:12]
    plans.save_plan(tx, plan_id, [w.digest for w in pending if w.needs_approval], now)
    counts = links.counts(tx)
    return Plan(
        id=plan_id,
        at=now,
        writes=_shown(tx, pair, pending),
        calls=_calls(pair, pending),
        linked={e: c["linked"] for e, c in counts.items() if c.get("linked")},
        waiting=_waiting(tx, pair, counts),
        # what is stopped stands below, with how to let it go
        problems=tuple(p for p in run.problems if p.code != "limit"),
        stops=read_stops(tx, {side: pair.side(side).name for side in Side}),
    )


def _cut(pair: Pair, write: OutboxWrite, field: str, value: object) -> str:
    """Say that a text will be cut to what the target holds, where it then shows a mark."""
    caps = pair.side(write.target).entity(write.entity)
    held = caps.fields.get(field) if caps is not None else None
    if held is None or not held.cut_mark or held.max_length is None or not isinstance(value, str):
        return ""
    if len(value) <= held.max_length:
        return ""
    return (
        f"cut to {held.max_length} of its {len(value)} characters there, ending in {held.cut_mark}"
    )


def _shown(tx: Tx, pair: Pair, pending: Sequence[OutboxWrite]) -> list[PlannedWrite]:
    bundles = links.bundles(tx, [w.link_id for w in pending])
    shown = []
    for w in pending:
        bundle = bundles[w.link_id]
        label = next(
            (
                text
                for side in Side
                if side in bundle.seen and (text := label_of(bundle.seen[side].fields))
            ),
            "",
        )
        shown.append(
            PlannedWrite(
                system=pair.side(w.target).name,
                entity=w.entity,
                kind=w.kind,
                record=w.record_id or f"for {pair.side(w.target.other).name} {w.source_id}",
                label=label,
                needs_approval=w.needs_approval,
                waits_for=w.waits_for,
                state=w.state,
                limit_kind=w.limit_kind if w.needs_approval else None,
                fields=[
                    FieldChange(
                        field=f,
                        old=history.plain(w.expected.get(f)),
                        new=history.plain(v),
                        why=w.reasons.get(f, ""),
                        note=_cut(pair, w, f, v),
                    )
                    for f, v in sorted(w.fields.items())
                ],
            )
        )
    return shown


def _calls(pair: Pair, pending: Sequence[OutboxWrite]) -> dict[str, int]:
    """Estimate calls: batches of writes, the look-ups before creates, the reads before updates."""
    groups = Counter((w.target, w.entity, w.kind) for w in pending)
    calls: Counter[str] = Counter()
    for (side, entity, kind), count in groups.items():
        connection = pair.side(side)
        caps = connection.entity(entity)
        if caps is None:
            continue
        batches = -(-count // caps.batch_size)
        calls[connection.name] += batches
        if kind is WriteKind.CREATE:
            calls[connection.name] += batches * bool(caps.find) + count * bool(caps.lookup)
        elif not caps.version_check:
            calls[connection.name] += -(-count // caps.page_size)
    return dict(calls)


def _waiting(tx: Tx, pair: Pair, counts: Mapping[str, Mapping[str, int]]) -> list[Waiting]:
    found = []
    for entity in pair.merged():
        if entity == "deal":
            continue
        states = counts.get(entity, {})
        if not all(
            observations.count(tx, side, entity) or _complete(tx, side, entity) for side in Side
        ):
            found.append(
                Waiting(
                    subject=entity,
                    count=sum(v for k, v in states.items() if ":" in k),
                    why="both lists must be read in full before anything is matched or created",
                    fix="let a sync run to its end",
                )
            )
            continue
        for side in Side:
            name = pair.side(side).name
            if n := states.get(f"{side.value}:suggested"):
                found.append(
                    Waiting(
                        subject=f"{name} {entity}",
                        count=n,
                        why="unmatched: something in common with a record of the other side, "
                        "but not enough to link them",
                        fix=_MAKE_ALIKE[entity],
                    )
                )
            if n := states.get(f"{side.value}:born here"):
                found.append(
                    Waiting(
                        subject=f"{name} {entity}",
                        count=n,
                        why=f"only in {name}, and not created on the other side",
                        fix="nothing, or set `create` or `born_elsewhere` in ownership.yaml",
                    )
                )
            if n := states.get(f"{side.value}:parked"):
                found.append(
                    Waiting(
                        subject=f"{name} {entity}",
                        count=n,
                        why="its link was undone",
                        fix="nothing",
                    )
                )
    found += _deals(tx)
    if dead := dead_letters.count_open(tx):
        found.append(
            Waiting(
                subject="dead letters",
                count=dead,
                why="could not be done",
                fix="interlock dead-letters list",
            )
        )
    if unlike := sum(len(f) for f in open_fields.load(tx).values()):
        found.append(
            Waiting(
                subject="fields",
                count=unlike,
                why="open: shown, not written",
                fix="interlock status",
            )
        )
    return found


def _complete(tx: Tx, side: Side, entity: str) -> bool:
    from interlock.store import feeds

    return feeds.get(tx, side, entity).complete_at is not None


def _deals(tx: Tx) -> list[Waiting]:
    groups: Counter[tuple[str, str, str]] = Counter()
    for case in noted(tx).values():
        if case.state in ("ignored", "waiting", "settling", "changed"):
            groups[case.state, case.why, case.fix] += 1
    return [
        Waiting(subject="won deals", count=n, why=why, fix=fix or "nothing")
        for (_, why, fix), n in sorted(groups.items())
    ]


def approve(
    store: Store,
    plan_id: str | None,
    *,
    by: str,
    now: datetime,
    chosen: Chosen = EVERYTHING,
    pair: Pair | None = None,
) -> Approval:
    """Let the writes of a plan go, or a part of them, that have not changed since it was shown.

    ``pair``: to show what is let go, and what it costs.
    """

    def _approve(tx: Tx) -> Approval:
        if chosen.stop is not None:
            stop = release_stop(tx, chosen.stop, by=by, now=now)
            if stop is not None:
                return Approval(plan_id="", released=0, stale=0, field=stop.field)
        row = plans.get_plan(tx, plan_id)
        if row is None:
            raise ConfigurationError(
                f"there is no plan {plan_id}" if plan_id else "there is no plan yet",
                fix="run `interlock plan` and look at it first",
            )
        hold = epochs.hold_of(tx)
        if hold is not None and hold.stage is epochs.Stage.REBUILD:
            raise ConfigurationError(
                f"{hold.why}: both systems are to be read in full first",
                fix="run `interlock plan` to its end, look at it, then approve it",
            )
        if hold is not None and not chosen:
            epochs.release(tx, by=by, now=now)
        shown = set(row.digests)
        waiting = held(tx)
        meant = choose(tx, chosen, waiting)
        mine = [w for w in meant if w.digest in shown]
        digests = [w.digest for w in mine] if chosen else list(row.digests)
        new = shown - approvals.approved(tx, row.digests)
        groups = [] if pair is None else _groups(tx, pair, mine)
        released = approvals.approve(tx, digests, plan_id=row.id, by=by, now=now)
        if not chosen:
            plans.mark_approved(tx, row.id, now)
        end_stops(tx)
        return Approval(
            plan_id=row.id,
            released=released,
            stale=0 if chosen else max(len(new) - released, 0),
            beyond=len(meant) - len(mine),
            groups=groups,
        )

    return store.run(_approve)


def _groups(tx: Tx, pair: Pair, writes: Sequence[OutboxWrite]) -> list[ApprovedGroup]:
    most = {(s.side, s.entity, s.kind): s.most for s in stops.active(tx)}
    groups: dict[tuple[Side, str, str], list[OutboxWrite]] = {}
    for w in writes:
        kind = w.limit_kind or ("create" if w.kind is WriteKind.CREATE else "change")
        groups.setdefault((w.target, w.entity, kind), []).append(w)
    return [
        ApprovedGroup(
            system=pair.side(side).name,
            entity=entity,
            kind=kind,
            count=len(mine),
            limit=most.get((side, entity, kind)) if mine[0].limit_kind else None,
            calls=sum(_calls(pair, mine).values()),
            samples=_shown(tx, pair, mine[:SAMPLES]),
        )
        for (side, entity, kind), mine in groups.items()
    ]
