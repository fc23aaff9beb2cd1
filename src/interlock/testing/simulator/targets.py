"""Histories in which deals become projects: beside their orders, or in their place."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory.storage import Row, State
from interlock.governance.rules import Side
from interlock.governance.targets import OrderTargets, TargetRule, Targets
from interlock.model import WriteKind
from interlock.processes.order_kinds import PROJECT
from interlock.store import cases
from interlock.store.outbox import WriteState
from interlock.testing.simulator.plan import Step

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence
    from interlock.testing.simulator.systems import Change
    from interlock.testing.simulator.world import World

__all__ = [
    "act", "deal_shows_project", "projects_at_all", "projects_finished", "projects_once",
    "targets_of", "with_projects",
]  # fmt: skip

_SHARE = 0.3
"""Histories in which deals become projects."""
_ACTS = ("drop", "close", "delete", "resize", "retouch")
_TOLD = (WriteState.DEAD, WriteState.WAITING, WriteState.UNCERTAIN)


def targets_of(seed: int) -> OrderTargets:
    """Draw what becomes of the deals of a history, apart from all else."""
    rng = Random(f"targets {seed}")
    if rng.random() >= _SHARE:
        return OrderTargets()
    if rng.random() < 0.7:
        return OrderTargets([TargetRule(targets=Targets(project=True))])
    return OrderTargets([TargetRule(targets=Targets(order=None, project=True))])


def with_projects(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Let people work on projects in histories that have some."""
    if not targets_of(seed).projects:
        return tuple(steps)
    rng, found = Random(f"projects {seed}"), list(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest")
    for name in rng.choices(_ACTS, k=rng.randint(0, 3)):
        found.insert(rng.randint(begin + 1, len(found)), Step("project", name, rng.getrandbits(32)))
    return tuple(found)


def act(world: World, step: Step) -> None:
    """Do something with a project, or with the number a deal shows of it."""
    rng, erp = Random(step.seed), world.systems[Side.ERP]
    rows = [r for r in erp.shelf("project").living() if r.state is State.LIVE]
    if not rows:
        return
    row = rng.choice(rows)
    running = row.cells["state"] in ("planned", "running")
    match step.name:
        case "drop" if running:
            erp.edit("project", row.id, {"state": "dropped"})
        case "close" if row.cells["state"] == "running":
            erp.edit("project", row.id, {"state": "closed"})
        case "delete":
            erp.delete("project", row.id)
        case "resize" if running:
            erp.edit("project", row.id, {"sold_for": f"{rng.randint(1, 9)}.00"})
        case "retouch":
            deal = world.systems[Side.CRM].shelf("deal").row(str(row.cells.get("crm_id")))
            if deal is not None and deal.state is State.LIVE:
                world.systems[Side.CRM].edit("deal", deal.id, {"ProjectNumber__c": "PR-MINE"})
    world.struck[f"project: {step.name}"] += 1
    world.say(f"erp: {step.name} project {row.id}")


# ── what must hold ───────────────────────────────────────────────────────────────────────────


def projects_once(e: Evidence) -> Iterator[str]:
    """Rules 24 and 25: at most one project a deal, from a moment at which the deal was right."""
    made: dict[str, list[Change]] = defaultdict(list)
    for change in e.world.journal.changes:
        if change.entity == "project" and change.by_program and change.before is None:
            made[str(change.after.cells.get("crm_id"))].append(change)
    for deal_id, projects in made.items():
        e.made += 1
        if (number := sum(not e.gone_unseen(c) for c in projects)) > 1:
            yield f"deal {deal_id} has {number} projects"
        first = projects[0]
        moments = [
            c.after
            for c in e.by_record.get((Side.CRM, "deal", deal_id), ())
            if c.number < first.number
        ]
        if not any(_said(e, deal, first.after) for deal in moments):
            yield f"project {first.id} was never what deal {deal_id} said"
        if not e.world.history.go_live or not e.world.project.targets.projects:
            yield f"project {first.id} was made although none are"


def _said(e: Evidence, deal: Row, project: Row) -> bool:
    if deal.cells.get("StageKind") != "won":
        return False
    lines = e.fields(Side.CRM, deal).get("lines")
    if not isinstance(lines, tuple):
        return False
    total = sum((line.quantity * line.unit_price for line in lines), Decimal(0))
    # a total that was dropped on the way is looked at by ``projects_finished``
    sold_for = project.cells.get("sold_for")
    return sold_for is None or Decimal(sold_for) == total


def projects_at_all(e: Evidence) -> Iterator[str]:
    """A won deal has its project, or a person can see why not; and its order where it has one."""
    if not e.world.project.targets.projects:
        return
    made = {
        str(c.after.cells.get("crm_id"))
        for c in e.world.journal.changes
        if c.entity == "project" and c.by_program and c.before is None
    }
    noted = e.world.store.run(lambda tx: cases.load(tx, PROJECT.process))
    for row in e.alive(Side.CRM, "deal"):
        e.made += 1
        if row.state is not State.LIVE or row.cells.get("StageKind") != "won" or row.id in made:
            continue
        case, order = noted.get(row.id), e.cases.get(row.id)
        if case is None and order is not None and order.state not in ("ordered", "changed"):
            continue  # what is wrong with the deal was told once
        if case is None or case.state == "settling":
            yield f"deal {row.id} is won and has no project, and no case tells why"
        elif case.state == "ordered" and not any(
            w.entity == "project" and w.source_id == row.id and w.state in _TOLD for w in e.outbox
        ):
            yield f"deal {row.id} is said to have a project but has none"


def projects_finished(e: Evidence) -> Iterator[str]:
    """A project of ours is a draft only where a person is asked; no order stands in for it."""
    targets = e.world.project.targets.of({})
    only = isinstance(targets, Targets) and targets.order is None
    for change in e.world.journal.changes:
        if not change.by_program or change.before is not None:
            continue
        if change.entity == "order" and only:
            yield f"order {change.id} was made of a deal that becomes a project"
        row = e.row(Side.ERP, "project", change.id) if change.entity == "project" else None
        if row is None or row.state is not State.LIVE:
            continue
        e.made += 1
        told = any(
            x.entity == "project" and x.source_id == row.cells.get("crm_id") for x in e.dead
        ) or any(w.entity == "project" and w.record_id == row.id for w in e.outbox)
        if row.cells["state"] == "planned" and e.world.history.confirm and not told:
            yield f"project {row.id} is still a draft and nobody is told"


def deal_shows_project(e: Evidence) -> Iterator[str]:
    """The deal shows the number and state of its project."""
    states = {"planned": "draft", "running": "open", "closed": "fulfilled", "dropped": "cancelled"}
    for link_id, bundle in e.links.items():
        member = bundle.members.get(Side.ERP)
        if bundle.link.entity != PROJECT.links or member is None:
            continue
        project = e.row(Side.ERP, "project", member.id)
        deal = e.row(Side.CRM, "deal", bundle.link.evidence)
        if project is None or deal is None:
            continue
        if project.state is not State.LIVE or deal.state is not State.LIVE:
            continue
        e.made += 1
        wanted = (project.cells["number"], states[project.cells["state"]])
        shown = (deal.cells.get("ProjectNumber__c"), deal.cells.get("ProjectStatus__c"))
        if shown != wanted and not any(
            w.link_id == link_id and w.target is Side.CRM and w.kind is WriteKind.UPDATE
            for w in e.outbox
        ):
            yield f"deal {deal.id} shows project {shown}, it is {wanted}"
