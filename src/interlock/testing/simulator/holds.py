"""Credit holds in histories: people place and release them, move deals, let orders through."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory.invoicing import issue_invoice, register_payment
from interlock.connectors.memory.storage import Row, State
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.holds import override_hold
from interlock.store import cases, history, holds
from interlock.testing.simulator.plan import Step

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence
    from interlock.testing.simulator.systems import Change
    from interlock.testing.simulator.world import World

__all__ = [
    "DAYS", "WORKED_OUT", "act", "held_by_rule", "holds_kept", "is_held", "paused_stage",
    "with_holds",
]  # fmt: skip

_SHARE = 0.25
"""Histories with holds."""
_ACTS = ("place", "place", "release", "renewal", "renewal", "move", "unpause", "override", "win")
DAYS = 3
"""Where the ERP has no holds: longer overdue than this is a hold."""
WORKED_OUT = frozenset({"credit_hold", "hold_reason"})
_BY_RULE = 0.4
"""Of the histories with holds those in which the ERP has none of its own."""
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


def held_by_rule(seed: int) -> bool:
    """Say whether holds follow from what is overdue in this history."""
    return Random(f"holds {seed}").random() < _SHARE and (
        Random(f"hold rule {seed}").random() < _BY_RULE
    )


def paused_stage(seed: int) -> str:
    """The stage paused deals are moved to in this history; empty: they are only marked."""
    return Random(f"stage {seed}").choice(("", "On Hold"))


def act(world: World, step: Step) -> None:
    """Carry out one of these steps."""
    rng = Random(step.seed)
    crm = world.systems[Side.CRM]
    world.struck["holds by rule" if held_by_rule(world.history.seed) else "holds"] += 1
    match step.name:
        case "place" | "release" | "release_all":
            on = step.name == "place"
            rows = [r for r in _live(world, Side.ERP, "customer") if is_held(world, r) != on]
            chosen = rows if step.name == "release_all" else rng.sample(rows, min(len(rows), 1))
            for row in chosen:
                _set_hold(world, row, on=on)
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


def is_held(world: World, customer: Row) -> bool:
    """Say whether a customer of the ERP is on hold, as the ERP or its ledger says now."""
    if not held_by_rule(world.history.seed):
        return bool(customer.cells.get("on_hold"))
    today = world.clock().date()
    return any(
        _is_overdue(row, today)
        for row in _live(world, Side.ERP, "invoice")
        if row.cells["partner_id"] == customer.id
    )


def _is_overdue(invoice: Row, today: date) -> bool:
    if invoice.state is not State.LIVE or invoice.cells["state"] != "posted":
        return False
    due = date.fromisoformat(invoice.cells["due_date"] or invoice.cells["invoice_date"])
    return Decimal(invoice.cells["open"]["amt"]) > 0 and (today - due).days > DAYS


def _set_hold(world: World, customer: Row, *, on: bool) -> None:
    """Place or release a hold, by the ledger where the ERP has none of its own."""
    erp, today = world.systems[Side.ERP], world.clock().date()
    if not held_by_rule(world.history.seed):
        erp.edit("customer", customer.id, {"on_hold": on})
    elif on:
        issue_invoice(erp, customer.id, "10.00", due_on=today - timedelta(days=30))
    else:
        for row in _live(world, Side.ERP, "invoice"):
            if row.cells["partner_id"] == customer.id and _is_overdue(row, today):
                register_payment(erp, row.id)


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
    yield from _shown_by_rule(e)
    yield from _moves(e)
    yield from _orders(e)
    yield from _overrides(e)


def _on_hold(e: Evidence, link_id: int, primary: Row) -> bool:
    """Say whether any customer of an account is on hold, or is not known to be off."""
    if is_held(e.world, primary):
        return True
    for one in e.attached.get(link_id, ()) if e.world.project.holds.members == "any" else ():
        seen = e.seen.get((one.side, one.entity, one.id))
        row = e.row(one.side, one.entity, one.id)
        unknown = seen is None or not seen.there or "credit_hold" not in seen.known
        if not one.away and (unknown or (row is not None and is_held(e.world, row))):
            return True
    return False


def _shown_by_rule(e: Evidence) -> Iterator[str]:
    """A hold that follows from a rule stands on the CRM's account while it holds, and no longer."""
    if not held_by_rule(e.world.history.seed):
        return
    waiting = {w.link_id for w in e.outbox}
    for bundle, _ in e.healthy():
        if bundle.link.entity != "customer" or bundle.link.id in waiting:
            continue
        account = e.row(Side.CRM, "customer", bundle.members[Side.CRM].id)
        party = e.row(Side.ERP, "customer", bundle.members[Side.ERP].id)
        if account is None or party is None or e.open.get(bundle.link.id):
            continue
        if bundle.link.id in e.had_members:
            continue  # ``members_kept`` looks at these
        e.made += 1
        held, shown = is_held(e.world, party), bool(account.cells.get("CreditHold__c"))
        if held != shown:
            yield f"crm customer {account.id} shows hold {shown}, its ledger says {held}"


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
        if change.entity not in ("order", "project"):
            continue
        if not change.by_program or change.before is not None:
            continue
        deal, partner = str(change.after.cells.get("crm_id")), change.after.cells["partner_id"]
        placed = _placed(e, partner, change)
        e.made += 1
        if placed is None or change.late or change.at - placed < _UNSEEN or deal in given:
            continue
        what = f"{change.entity} {change.id}"
        yield f"{what} was made while customer {partner} was on hold since {placed}"


def _placed(e: Evidence, partner: str, order: Change) -> datetime | None:
    """Since when a customer had been on hold as an order was made; ``None``: it was not."""
    by_rule = held_by_rule(e.world.history.seed)
    entity = "invoice" if by_rule else "customer"
    since: list[datetime] = []
    for (side, kind, record_id), edits in e.by_record.items():
        if (side, kind) != (Side.ERP, entity) or (not by_rule and record_id != partner):
            continue
        placed = None
        for edit in edits:
            if edit.number > order.number:
                break
            mine = edit.after.cells.get("partner_id") == partner
            held = mine and _is_overdue(edit.after, order.at.date())
            if not (held if by_rule else edit.after.cells.get("on_hold")):
                placed = None
            elif placed is None:
                placed = edit.at
        since += [] if placed is None else [placed]
    return min(since, default=None)


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
