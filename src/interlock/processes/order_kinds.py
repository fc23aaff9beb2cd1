"""What won deals become in the ERP, and how each kind of it is kept: orders and projects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlock.governance.targets import OrderTargets, Targets, Unclear
from interlock.model import Fields
from interlock.processes.sold import unpack
from interlock.store import cases, links
from interlock.store.cases import Case
from interlock.store.database import Tx

__all__ = ["KINDS", "ORDER", "PROJECT", "OrderKind", "made", "noted", "targets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKind:
    """One kind.

    ``entity``: in the ERP.  ``process``: whose cases the deals are.  ``links``: entity of its
    links.  ``number``, ``status``: where the deal shows them.  ``unmade``: members a link has
    before the ERP's record is made.
    """

    entity: str
    process: str
    links: str
    number: str
    status: str
    unmade: int

    def is_wanted(self, targets: Targets) -> bool:
        """Say whether a deal with these targets becomes one."""
        return targets.project if self is PROJECT else targets.order is not None


ORDER = OrderKind(
    entity="order",
    process="quote_to_order",
    links="deal",
    number="order_number",
    status="order_status",
    unmade=1,
)
PROJECT = OrderKind(
    entity="project",
    process="quote_to_project",
    links="deal_project",
    number="project_number",
    status="project_status",
    unmade=0,
)
"""Its links hold the project alone: a deal's own link is the order's."""

KINDS = (ORDER, PROJECT)


def targets_of(
    rules: OrderTargets, others: Iterable[Case | None], deal: Fields
) -> Targets | Unclear:
    """Say what becomes of a deal; ``others``: what was made of it, or sent, as another kind."""
    for case in others:
        if case is not None and case.snapshot is not None:
            decided = unpack(case.snapshot).targets
            if decided is not None:
                return decided
    return rules.of(deal)


def made(tx: Tx, kind: OrderKind, ids: Sequence[str] | None = None) -> dict[str, Case]:
    """Cases of deals of which one of the kind was made, or is on its way.

    What is only decided settles nothing for the other kinds: each would uphold the other.
    """
    known = cases.load(tx, kind.process, ids)
    decided = {i: c for i, c in known.items() if c.snapshot is not None and c.link_id is not None}
    unmade = links.alone(tx, [c.link_id for c in decided.values() if c.link_id is not None],
                         members=kind.unmade)  # fmt: skip
    return {i: c for i, c in decided.items() if c.link_id not in unmade}


def noted(tx: Tx, ids: Sequence[str] | None = None) -> dict[str, Case]:
    """One case per deal: its order's, or that of the project it becomes instead."""
    found: dict[str, Case] = {}
    for kind in KINDS:
        for deal_id, case in cases.load(tx, kind.process, ids).items():
            if deal_id not in found or found[deal_id].state == "ignored":
                found[deal_id] = case
    return found
