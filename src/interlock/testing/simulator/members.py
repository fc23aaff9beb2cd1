"""Attached members in histories: branches open in the ERP, and a person attaches them."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory.invoicing import issue_invoice
from interlock.errors import InterlockError
from interlock.governance.rules import Side
from interlock.processes.hold_rules import Members
from interlock.service.review import decide, take_back
from interlock.store import attached, links, observations
from interlock.store.database import Tx
from interlock.testing.simulator.holds import is_held
from interlock.testing.simulator.plan import Step

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence
    from interlock.testing.simulator.world import World

__all__ = ["act", "members_kept", "whose_hold", "with_members"]

_SHARE = 0.2
"""Histories in which accounts have several customers in the ERP."""
_ACTS = ("branch", "attach", "attach", "attach", "detach", "bill", "hold", "merge")


def with_members(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Let branches open in some histories, drawn apart so that the others stay as they are."""
    rng = Random(f"offices {seed}")
    if rng.random() >= _SHARE:
        return tuple(steps)
    out = list(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest") + 1
    drawn = [Step("member", name, rng.getrandbits(32)) for name in ("branch", "attach")]
    for name in rng.choices(_ACTS, k=rng.randint(2, 7)):
        drawn.append(Step("member", name, rng.getrandbits(32)))
        if rng.random() < 0.4:
            drawn.append(Step("sync", "", rng.getrandbits(32)))
    at = sorted(rng.randint(begin, len(steps)) for _ in drawn)
    for offset, (place, step) in enumerate(zip(at, drawn, strict=True)):
        out.insert(place + offset, step)
    return tuple(out)


def whose_hold(seed: int) -> str:
    """Whose hold counts in this history."""
    return Random(f"whose hold {seed}").choice(("any", "any", "primary"))


def act(world: World, step: Step) -> None:
    """Carry out one of these steps."""
    rng = Random(step.seed)
    world.struck["members"] += 1
    match step.name:
        case "branch":
            world.people.rng = rng
            fields = world.people.some("customer", Side.ERP, 0.3)
            world.people.add(Side.ERP, "customer", fields)
            world.say(world.people.said)
            world.sync()
        case "attach":
            _attach(world, rng)
        case _:
            _on_a_member(world, rng, step.name)
    world.pass_time(rng.choice((0.0, 5.0, 400.0)))


def _attach(world: World, rng: Random) -> None:
    accounts, free = world.store.run(_choices)
    if not accounts or not free:
        return
    account, branch = rng.choice(accounts), rng.choice(free)
    try:
        made = decide(
            world.project, world.store, account, branch, "attach", by="person", now=world.clock()
        )
    except InterlockError as refused:
        world.say(f"a person cannot attach {branch} to {account}: {refused.message}")
        return
    world.say(f"a person attaches erp customer {branch} to {account} ({made.state})")


def _choices(tx: Tx) -> tuple[list[str], list[str]]:
    """Accounts with a customer of their own in the ERP, and customers there without an account."""
    seen = observations.present(tx, Side.CRM, "customer")
    accounts = sorted(links.partners(tx, Side.CRM, "customer", [o.id for o in seen]))
    theirs = [o.id for o in observations.present(tx, Side.ERP, "customer")]
    taken = links.partners(tx, Side.ERP, "customer", theirs)
    return accounts, [i for i in theirs if i not in taken]


def _on_a_member(world: World, rng: Random, name: str) -> None:
    found = world.store.run(lambda tx: attached.pairs(tx, "customer"))
    erp = world.systems[Side.ERP]
    here = [(a, one) for a, one in found if world.people.alive(Side.ERP, "customer", one.id)]
    if not here:
        return
    account, one = rng.choice(here)
    world.say(f"{name} erp customer {one.id}, attached to {account}")
    match name:
        case "detach":
            take_back(world.project, world.store, account, one.id, by="person", now=world.clock())
        case "bill":
            issue_invoice(erp, one.id, "50.00")
        case "hold":
            row = erp.shelf("customer").row(one.id)
            assert row is not None
            erp.edit("customer", one.id, {"on_hold": not row.cells.get("on_hold")})
        case "merge":
            primary = world.store.run(
                lambda tx: links.partners(tx, Side.CRM, "customer", [account])
            )
            winner = primary.get(account, "")
            if not world.people.alive(Side.ERP, "customer", winner):
                return
            loser, winner = (one.id, winner) if rng.random() < 0.5 else (winner, one.id)
            erp.merge("customer", loser, winner)
            world.people.merged[Side.ERP, "customer", loser] = winner


def members_kept(e: Evidence) -> Iterator[str]:
    """ADR 0014: an attached member is never made in the CRM, and nobody's partner."""
    for members in e.attached.values():
        for one in members:
            key = (one.side, one.entity, one.id)
            e.made += 1
            if key in e.partner:
                yield f"erp customer {one.id} is attached to link {one.link_id}, and linked"
            seen = e.seen.get(key)
            if seen is None or seen.link_id != one.link_id:
                yield f"erp customer {one.id} is attached to link {one.link_id}, but not its own"
            for change in e.world.journal.changes:
                made = change.by_program and change.before is None and change.side is Side.CRM
                mine = change.entity == "customer" and change.after.cells.get("ErpId__c") == one.id
                if made and mine and change.at > one.at:
                    yield f"crm customer {change.id} was made from attached {one.id}"
    yield from _holds(e)


def _holds(e: Evidence) -> Iterator[str]:
    """The account shows the hold of all that count."""
    whose = Members(e.world.project.holds.members)
    for bundle, shown in e.healthy():
        beside = e.attached.get(bundle.link.id, [])
        if not beside or e.waits(bundle, "credit_hold"):
            continue
        ids = [bundle.members[Side.ERP].id]
        ids += [one.id for one in beside if not one.away] if whose is Members.ANY else []
        rows = [e.row(Side.ERP, "customer", i) for i in ids]
        observed = [e.seen.get((Side.ERP, "customer", i)) for i in ids]
        if not all(o is not None and o.there and "credit_hold" in o.known for o in observed):
            continue
        e.made += 1
        held = any(row is not None and is_held(e.world, row) for row in rows)
        if bool(shown[Side.CRM].get("credit_hold")) is not held:
            yield (
                f"crm customer {bundle.members[Side.CRM].id} shows a hold of "
                f"{shown[Side.CRM].get('credit_hold')}, but {held} is true of {', '.join(ids)}"
            )
