"""Credit holds in histories: people place and release them, move deals, let orders through."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory.storage import Row, State
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.holds import override_hold
from interlock.store import cases, history, holds
from interlock.testing.simulator.plan import Step

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence
    from interlock.testing.simulator.world import World

__all__ = ["act", "holds_kept", "paused_stage", "with_holds"]

_SHARE = 0.25
"""Histories with holds."""
_ACTS = ("place", "place", "release", "renewal", "renewal", "move", "unpause", "override", "win")
_UNSEEN = timedelta(seconds=150)
"""A hold placed so shortly before an order's create may not have been seen by the last look."""


def with_holds(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Put holds into some histories, drawn apart so that the others stay as they are."""
    rng = Random(f"holds {seed}")
    if rng.random() >= _SHARE:
        return tuple(steps)
    out = list(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest") + 1
    for name in ("renewal", "place", *rng.choices(_ACTS, k=rng.randint(3, 9))):
        out.insert(rng.randint(begin, len(out)), Step("hold", name, rng.getrandbits(32)))
    if rng.random() < 0.5:
        out.append(Step("hold", "release_all", rng.getrandbits(32)))
    return tuple(out)


def paused_stage(seed: int) -> str:
    """The stage paused deals are moved to in this history; empty: they are only marked."""
    return Random(f"stage {seed}").choice(("", "On Hold"))


def act(world: World, step: Step) -> None:
    """Carry out one of these steps."""
    rng = Random(step.seed)
    crm, erp = world.systems[Side.CRM], world.systems[Side.ERP]
    world.struck["holds"] += 1
    match step.name:
        case "place" | "release" | "release_all":
            on = step.name == "place"
            rows = [r for r in _live(world, Side.ERP, "customer") if r.cells.get("on_hold") != on]
            chosen = rows if step.name == "release_all" else rng.sample(rows, min(len(rows), 1))
            for row in chosen:
                erp.edit("customer", row.id, {"on_hold": on})
                world.say(f"erp: {step.name} hold of customer {row.id}")
        case "renewal":
            linked = [r for r in _live(world, Side.CRM, "customer") if r.cells.get("ErpId__c")]
            if linked:
                cells = {
                    "Name": "LOCAL-ONLY-renewal",
                    "AccountId": rng.choice(linked).id,
                    "StageName": "Proposal",
                    "Type": rng.choice(("Renewal", "Upsell", "New Business")),
                }
                world.say(f"crm adds a deal {crm.add('deal', cells)} {cells['Type']}")
        case "override":
            _override(world, rng)
        case _:
            _move(world, rng, step.name)
    world.pass_time(rng.choice((0.0, 5.0, 400.0)))


def _live(world: World, side: Side, entity: str) -> list[Row]:
    return [r for r in world.systems[side].shelf(entity).living() if r.state is State.LIVE]


def _move(world: World, rng: Random, name: str) -> None:
    rows = [r for r in _live(world, Side.CRM, "deal") if r.cells.get("StageKind") == "open"]
    paused = [r for r in rows if r.cells.get("HoldPaused__c")]
    rows = paused or rows
    if not rows:
        return
    cells: dict[str, object] = {"StageName": "Closed Won" if name == "win" else "Negotiation"}
    if name == "unpause":
        cells["HoldPaused__c"] = False
    row = rng.choice(rows)
    world.systems[Side.CRM].edit("deal", row.id, cells)
    world.say(f"crm: {name} deal {row.id}")


def _override(world: World, rng: Random) -> None:
    known = world.store.run(lambda tx: cases.load(tx, "quote_to_order"))
    held = [i for i, c in sorted(known.items()) if c.state == "held"]
    if not held:
        return
    deal = rng.choice(held)
    try:
        override_hold(world.store, deal, by="person", reason="agreed", now=world.clock())
    except ConfigurationError:
        return
    world.say(f"a person lets deal {deal} be ordered")


def holds_kept(e: Evidence) -> Iterator[str]:
    """Rule 26: no deal paused after its hold's end, none moved that a person moved, no order."""
    kept = e.world.store.run(lambda tx: holds.pauses(tx, states=holds.LIVE))
    standing = {x.id: x for x in e.world.store.run(holds.open_episodes)}
    live = {p.deal_id: standing.get(p.episode_id) for p in kept}
    for deal in _live(e.world, Side.CRM, "deal"):
        if not deal.cells.get("HoldPaused__c") or not deal.cells.get("HoldStage__c"):
            continue
        e.made += 1
        episode = live.get(deal.id)
        if any(w.record_id == deal.id or w.record_id is None for w in e.outbox):
            continue
        if episode is None:
            yield f"deal {deal.id} is paused and no hold stands"
            continue
        row = e.row(Side.ERP, "customer", episode.erp_id)
        seen = e.seen.get((Side.ERP, "customer", episode.erp_id))
        readable = row is not None and seen is not None and seen.there
        if readable and row is not None and not _on_hold(e, episode.link_id, row):
            yield f"deal {deal.id} is paused though its customer is not on hold"
    yield from _moves(e)
    yield from _orders(e)
    yield from _overrides(e)


def _on_hold(e: Evidence, link_id: int, primary: Row) -> bool:
    """Say whether any customer of an account is on hold, or is not known to be off."""
    if primary.cells.get("on_hold"):
        return True
    for one in e.attached.get(link_id, ()) if e.world.project.holds.members == "any" else ():
        seen = e.seen.get((one.side, one.entity, one.id))
        row = e.row(one.side, one.entity, one.id)
        unknown = seen is None or not seen.there or "credit_hold" not in seen.known
        if not one.away and (unknown or (row is not None and row.cells.get("on_hold"))):
            return True
    return False


def _moves(e: Evidence) -> Iterator[str]:
    for change in e.world.journal.changes:
        if not change.by_program or change.entity != "deal" or change.before is None:
            continue
        before, after = change.before.cells, change.after.cells
        if change.bent or change.late or before.get("StageName") == after.get("StageName"):
            continue
        e.made += 1
        pausing = not before.get("HoldPaused__c") and after.get("HoldPaused__c")
        stage = before.get("StageName")
        if pausing and after.get("HoldStage__c") == stage:
            continue
        if stage != "On Hold" or after.get("StageName") != before.get("HoldStage__c"):
            yield f"deal {change.id} was moved from {stage} to {after.get('StageName')}"


def _orders(e: Evidence) -> Iterator[str]:
    given = {deal for _, deal in e.world.store.run(holds.overrides)}
    for change in e.world.journal.changes:
        if change.entity != "order" or not change.by_program or change.before is not None:
            continue
        deal, partner = str(change.after.cells.get("crm_id")), change.after.cells["partner_id"]
        placed = None
        for edit in e.by_record[Side.ERP, "customer", partner]:
            if edit.number > change.number:
                break
            if not edit.after.cells.get("on_hold"):
                placed = None
            elif placed is None:
                placed = edit.at
        e.made += 1
        if placed is None or change.late or change.at - placed < _UNSEEN or deal in given:
            continue
        yield f"order {change.id} was made while customer {partner} was on hold since {placed}"


def _overrides(e: Evidence) -> Iterator[str]:
    given = e.world.store.run(holds.overrides)
    told = {
        x.record_id
        for x in e.world.store.run(lambda tx: list(history.everything(tx)))
        if x.event == "hold overridden"
    }
    for _, deal in given:
        e.made += 1
        if deal not in told:
            yield f"the override of deal {deal} is not in the history"
