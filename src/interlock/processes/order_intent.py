"""What should be written for a decided order: the create, then the confirmation of its draft.

Decides from case and observations alone, as often as it is asked (rules 20, 24, 25).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from interlock.governance.rules import Side
from interlock.model import OrderStatus, WriteKind
from interlock.model.currencies import in_coins
from interlock.processes.lost_orders import may_have_been_ordered
from interlock.processes.sold import Sold, difference, unpack
from interlock.store import dead_letters
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair

__all__ = ["OrderSettings", "intent_of", "subject_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """``go_live``: deals won before are never ordered; without it none is.

    ``quiet_time``: how long a deal must not change before its order is made.  ``tolerance``: how
    far net totals may differ, in the deal's currency.  ``confirm``: whether a draft whose total is
    right is confirmed.
    """

    go_live: datetime | None
    quiet_time: timedelta = timedelta(minutes=2)
    tolerance: Decimal = Decimal("0.01")
    confirm: bool = True


def subject_of(deal_id: str) -> str:
    """Name the order of a deal in dead letters."""
    return dead_letters.subject_of(None, Side.ERP, "order", deal_id)


def intent_of(
    tx: Tx, pair: Pair, settings: OrderSettings, bundle: Bundle, case: Case
) -> Intent | None:
    """Create the order where there is none; confirm a draft that is what the deal says."""
    assert case.snapshot is not None
    sold = unpack(case.snapshot)
    caps = pair.erp.entity("order")
    assert caps is not None
    deal = bundle.seen.get(Side.CRM)
    if Side.ERP not in bundle.members:
        if deal is None or difference(tx, sold, deal.fields) is not None:
            # nothing of it was made yet: it is taken back, and the deal is looked at anew
            return None
        fields = tx.schema["order"].decode(sold.fields)
        if "other_id" in caps.fields and caps.fields["other_id"].writable:
            fields["other_id"] = case.source_id
        return Intent(
            target=Side.ERP,
            entity="order",
            kind=WriteKind.CREATE,
            fields=fields,
            why="won deal",
            revision=case.revision,
            needs_approval=may_have_been_ordered(tx, deal),
        )
    order = bundle.seen.get(Side.ERP)
    if order is None or not caps.drafts:
        return None
    subject, now = subject_of(case.source_id), pair.clock()
    if order.fields.get("status") != OrderStatus.DRAFT:
        dead_letters.close(tx, [subject], now=now, why="the order is no longer a draft")
        return None
    total = order.fields.get("net_total")
    if not isinstance(total, Decimal):
        return None
    tolerance = in_coins(settings.tolerance, _currency(tx, sold))
    obstacle = _obstacle(tx, sold, deal, total, tolerance)
    if obstacle is not None:
        _ask(tx, bundle, case, obstacle, now)
        return None
    dead_letters.close(tx, [subject], why="the draft is what the deal says now", now=now)
    if not settings.confirm:
        return None
    return Intent(
        target=Side.ERP,
        entity="order",
        kind=WriteKind.UPDATE,
        record_id=order.id,
        fields={"status": OrderStatus.OPEN.value},
        why=f"the ERP's net total {total} is the deal's",
        completes=True,
    )


def _currency(tx: Tx, sold: Sold) -> str | None:
    currency = tx.schema["order"].decode(sold.fields).get("currency")
    return currency if isinstance(currency, str) else None


@dataclass(frozen=True, slots=True)
class _Obstacle:
    cause: str
    field: str | None
    message: str
    fix: str
    digest: str


def _obstacle(
    tx: Tx, sold: Sold, deal: Observation | None, total: Decimal, tolerance: Decimal
) -> _Obstacle | None:
    """Say what keeps a draft from being confirmed."""
    changed = (
        "the deal is not shown any more"
        if deal is None or not deal.there
        else difference(tx, sold, deal.fields)
    )
    if changed is not None:
        return _Obstacle(
            "deal_changed",
            None,
            f"{changed} before its order was confirmed; the order was left as a draft",
            "confirm or cancel the draft in the ERP, or bring the deal back to what was ordered",
            changed,
        )
    expected = Decimal(sold.net_total)
    if abs(total - expected) > tolerance:
        return _Obstacle(
            "wrong_total",
            "net_total",
            f"the ERP computes a net total of {total} instead of {expected}; "
            f"the order was left as a draft",
            "correct prices or discounts of the draft in the ERP",
            str(total),
        )
    return None


def _ask(tx: Tx, bundle: Bundle, case: Case, obstacle: _Obstacle, now: datetime) -> None:
    """Open a dead letter about a draft, unless a person gave this very one up."""
    subject = subject_of(case.source_id)
    if dead_letters.discarded(tx, subject, obstacle.digest) is not None:
        return
    dead_letters.put(
        tx,
        DeadLetter(
            subject=subject,
            link_id=bundle.link.id,
            target=Side.ERP,
            entity="order",
            kind=WriteKind.UPDATE,
            record_id=bundle.seen[Side.ERP].id,
            source_entity="deal",
            source_id=case.source_id,
            cause=obstacle.cause,
            field=obstacle.field,
            message=obstacle.message,
            fix=obstacle.fix,
            fields={},
            digest=obstacle.digest,
            at=now,
        ),
    )
