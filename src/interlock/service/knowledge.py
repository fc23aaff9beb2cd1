"""What the engine knows of each deal: its order, or what keeps the order from being made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from interlock.governance.rules import Side
from interlock.model import Ref
from interlock.processes.order_kinds import KINDS, noted
from interlock.project.load import Project
from interlock.reports.pairing import Cause, Known
from interlock.service.observed import Seen
from interlock.store import dead_letters, links, outbox
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.outbox import OutboxWrite

__all__ = ["knowledge"]

_MADE = {kind.entity for kind in KINDS}


def knowledge(tx: Tx, project: Project, seen: Seen) -> Mapping[str, Known]:
    """Say of every deal what became of its order, as links, dead letters and cases tell."""
    here = {order.id for order in seen.orders}
    letters: dict[str, DeadLetter] = {}
    for letter in dead_letters.opened(tx):
        if letter.entity in _MADE and letter.source_entity == "deal" and letter.source_id:
            letters[letter.source_id] = letter
    known = noted(tx)
    linked = links.members_of(tx, Side.CRM, [("deal", deal.id) for deal in seen.won])
    writes = {w.link_id: w for w in outbox.pending(tx) if w.target is Side.ERP}
    told: dict[str, Known] = {}
    for deal in (*seen.won, *seen.others):
        order = seen.ordered.get(deal.id)
        if order in here and order is not None:
            told[deal.id] = Known(orders=(order,))
        elif order is not None:
            told[deal.id] = Known(cause=Cause.CANCELLED, why="its order is no longer in the ERP")
        else:
            write = writes.get(linked.get(("deal", deal.id), -1))
            told[deal.id] = _unordered(
                project, seen, deal.id, letters.get(deal.id), known.get(deal.id), write
            )
    return told


def _unordered(  # noqa: PLR0911  one line a reason
    project: Project,
    seen: Seen,
    deal_id: str,
    letter: DeadLetter | None,
    case: Case | None,
    write: OutboxWrite | None,
) -> Known:
    """Say why a deal has no order yet."""
    fields = seen.fields[deal_id]
    if letter is not None:
        return Known(cause=Cause.DEAD_LETTER, why=f"{letter.message} (dead letter {letter.id})")
    if case is not None and case.state == "held":
        return Known(cause=Cause.ON_HOLD, why=case.why)
    if write is not None:
        if write.needs_approval:
            return Known(cause=Cause.WAITING, why="its order waits for `interlock approve`")
        if write.state == "uncertain":
            return Known(cause=Cause.WAITING, why="nobody knows whether its order was made")
        if write.waits_for:
            return Known(cause=Cause.WAITING, why=write.waits_for)
        return Known(under_way=True)
    if case is not None and case.state in ("settling", "ordered"):
        return Known(under_way=True)
    won_at = fields.get("won_at")
    if project.go_live is None:
        return Known(cause=Cause.BEFORE_GO_LIVE, why="no go-live instant is set: orders are off")
    if isinstance(won_at, datetime) and won_at < project.go_live:
        return Known(cause=Cause.BEFORE_GO_LIVE)
    customer = fields.get("customer")
    if not isinstance(customer, Ref):
        return Known()
    if customer.id not in seen.partners:
        return Known(cause=Cause.NOT_LINKED)
    if case is not None and case.why:
        # a person gave it up, unlinked it, or it cannot be ordered as it is
        return Known(cause=Cause.WAITING, why=case.why)
    return Known()
