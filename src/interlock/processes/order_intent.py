"""What should be written for a decided order or project: create, confirmation, amendment.

Decides from case and observations alone, as often as it is asked (rules 20, 24, 25).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from interlock.connectors.base import EntityCapabilities
from interlock.governance.rules import Side
from interlock.governance.targets import OrderTargets
from interlock.model import (
    ANYTHING,
    FieldFacts,
    Fields,
    Money,
    OrderDocument,
    OrderStatus,
    Value,
    WriteKind,
    agree,
)
from interlock.model.currencies import in_coins
from interlock.processes import amendments
from interlock.processes.amendments import AfterWon, Amendment, Kind, Policy
from interlock.processes.lost_orders import may_have_been_ordered
from interlock.processes.order_kinds import OrderKind
from interlock.processes.sold import Sold, difference, unpack
from interlock.store import dead_letters
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair

__all__ = ["AMENDED", "OrderSettings", "intent_of", "may_amend", "subject_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """``go_live``: deals won before are never ordered; without it none is.

    ``quiet_time``: how long a deal must not change before its order is made.  ``tolerance``: how
    far net totals may differ, in the deal's currency.  ``confirm``: whether a draft whose total is
    right is confirmed.  ``after_won``: what is done when deal and order come apart afterwards.
    ``targets``: what becomes of which deal.
    """

    go_live: datetime | None
    quiet_time: timedelta = timedelta(minutes=2)
    tolerance: Decimal = Decimal("0.01")
    confirm: bool = True
    after_won: AfterWon = field(default_factory=AfterWon)
    targets: OrderTargets = field(default_factory=OrderTargets)


def subject_of(kind: OrderKind, deal_id: str) -> str:
    """Name the order or project of a deal in dead letters."""
    return dead_letters.subject_of(None, Side.ERP, kind.entity, deal_id)


def intent_of(
    tx: Tx, pair: Pair, settings: OrderSettings, kind: OrderKind, bundle: Bundle, case: Case
) -> Intent | None:
    """Create the order where there is none; confirm or amend one as the deal says.

    ``bundle``: with the deal as it was seen, whether or not it is a member.
    """
    assert case.snapshot is not None
    sold = unpack(case.snapshot)
    caps = pair.erp.entity(kind.entity)
    if caps is None:
        return None
    deal = bundle.seen.get(Side.CRM)
    if Side.ERP not in bundle.members:
        if deal is None or difference(tx, sold, deal.fields) is not None:
            # nothing of it was made yet: it is taken back, and the deal is looked at anew
            return None
        fields = tx.schema[kind.entity].decode(sold.fields)
        if "other_id" in caps.fields and caps.fields["other_id"].writable:
            fields["other_id"] = case.source_id
        return Intent(
            target=Side.ERP,
            entity=kind.entity,
            kind=WriteKind.CREATE,
            fields=fields,
            why="won deal",
            source=("deal", case.source_id),
            revision=case.revision,
            needs_approval=may_have_been_ordered(tx, deal),
        )
    order = bundle.seen.get(Side.ERP)
    if order is None or not order.there:
        return None
    look = _Look(tx, settings, kind, caps, sold, deal, order)
    act = look.amend() or look.cancel()
    if act is None and look.is_being_amended():
        return None
    if act is None:
        obstacles = look.obstacles()
        subject, now = subject_of(kind, case.source_id), pair.clock()
        if obstacles:
            _ask(tx, kind, bundle, case, obstacles, now)
            return None
        dead_letters.close(tx, [subject], why=f"{kind.entity} and deal are at one", now=now)
        act = look.confirm()
    if act is None:
        return None
    fields, why, completes = act
    return Intent(
        target=Side.ERP,
        entity=kind.entity,
        kind=WriteKind.UPDATE,
        record_id=order.id,
        fields=fields,
        why=why,
        completes=completes,
    )


def may_amend(
    after_won: AfterWon,
    caps: EntityCapabilities,
    order: Fields,
    sold_deal: Fields,
    deal: Observation,
) -> bool:
    """Say whether an order may follow its changed deal: not to another customer or currency."""
    if after_won.deal_changed is not Policy.AMEND_IF_OPEN or order.get("status") not in caps.amends:
        return False
    before, now = sold_deal.get("amount"), deal.fields.get("amount")
    same_currency = (
        isinstance(before, Money) and isinstance(now, Money) and before.currency == now.currency
    )
    same_customer = agree(sold_deal.get("customer"), deal.fields.get("customer"))
    return same_currency and same_customer


_Act = tuple[Fields, str, bool]
"""Fields to write, why, and whether that completes the order's making."""


@dataclass(frozen=True, slots=True)
class _Obstacle:
    cause: str
    message: str
    fix: str
    field: str | None = None


class _Look:
    """A deal and its order, looked at together."""

    def __init__(
        self,
        tx: Tx,
        settings: OrderSettings,
        kind: OrderKind,
        caps: EntityCapabilities,
        sold: Sold,
        deal: Observation | None,
        order: Observation,
    ) -> None:
        self.settings, self.caps, self.sold, self.deal = settings, caps, sold, deal
        self.called = kind.entity
        self.shown = order.fields
        self.status = order.fields.get("status")
        self.made = tx.schema[kind.entity].decode(sold.fields)
        currency = self.made.get("currency")
        self.tolerance = in_coins(
            settings.tolerance, currency if isinstance(currency, str) else None
        )
        self.former = None if sold.former is None else tx.schema[kind.entity].decode(sold.former)
        self.shows_deal = deal is not None and deal.there
        self.sold_deal = tx.schema["deal"].decode(sold.deal)
        self.deal_amended = (
            amendments.of_deal(self.sold_deal, deal.fields)
            if deal is not None and deal.there
            else None
        )

    @property
    def is_draft(self) -> bool:
        return self.caps.drafts and self.status == OrderStatus.DRAFT

    def amend(self) -> _Act | None:
        """Bring an order nobody touched to what the deal says now, once that is decided."""
        if self.former is None or self.status not in self.caps.amends or not self.untouched():
            return None
        wanted = {
            f: v
            for f, v in self.made.items()
            if f in AMENDED
            and not agree(v, self.former.get(f), self._facts(f))
            and not self._shows(f, v)
        }
        return (
            (wanted, f"the deal changed; its {self.called} is still open", False)
            if wanted
            else None
        )

    def _shows(self, name: str, value: Value | None) -> bool:
        """Say whether the order shows a value already, as far as people would tell."""
        if name != "lines":
            return agree(value, self.shown.get(name), self._facts(name))
        total = self.shown.get("net_total")
        as_shown = total if isinstance(total, Decimal) else Decimal(0)
        return self._order_amended({"lines": value}, as_shown) is None

    def is_being_amended(self) -> bool:
        """Say whether the order is to follow the deal once the deal stands still."""
        amended = self.deal_amended
        if amended is None or amended.kind is not Kind.DEAL_CHANGED or self.deal is None:
            return False
        return may_amend(self.settings.after_won, self.caps, self.shown, self.sold_deal, self.deal)

    def untouched(self) -> bool:
        """Say whether the order shows what it was made as, before the deal changed."""
        assert self.former is not None and self.sold.former_total is not None
        total = Decimal(self.sold.former_total)
        return self._order_amended(self.former, total) is None and (
            self._order_amended(self.made, Decimal(self.sold.net_total)) is not None
            or not agree(self.shown.get("po_number"), self.made.get("po_number"))
        )

    def cancel(self) -> _Act | None:
        """Cancel an order nobody touched whose deal was lost, where that is the policy."""
        lost = self.deal_amended is not None and self.deal_amended.kind is Kind.DEAL_LOST
        wanted = self.settings.after_won.deal_lost is Policy.AMEND_IF_OPEN
        if not lost or not wanted or self.status not in self.caps.cancels:
            return None
        if self._order_amended(self.made, Decimal(self.sold.net_total)) is not None:
            return None
        return {"status": OrderStatus.CANCELLED.value}, "the deal was lost", False

    def obstacles(self) -> list[_Obstacle]:
        """Say what a person is to decide on."""
        if self.is_draft and not self.shows_deal:
            fix = _DRAFT_FIX.format(order=self.called)
            return [_Obstacle("deal_changed", "the deal is not shown any more", fix)]
        found = [
            _Obstacle(a.kind.value, a.what, self._fix(a.kind))
            for a in self._amendments()
            if self.settings.after_won.of(a.kind) is not Policy.IGNORE
        ]
        total, expected = self.shown.get("net_total"), Decimal(self.sold.net_total)
        if found or not self.is_draft or not isinstance(total, Decimal):
            return found
        if abs(total - expected) > self.tolerance:
            what = f"the ERP computes a net total of {total} instead of {expected}"
            fix = "correct prices or discounts of the draft in the ERP"
            found.append(_Obstacle("wrong_total", what, fix, field="net_total"))
        return found

    def confirm(self) -> _Act | None:
        """Confirm a draft that is what the deal says."""
        total = self.shown.get("net_total")
        if not self.settings.confirm or not self.is_draft or not isinstance(total, Decimal):
            return None
        if self.made.get("document") == OrderDocument.INVOICE:
            return None  # posting an invoice is the accountants' business
        why = f"the ERP's net total {total} is the deal's"
        return {"status": OrderStatus.OPEN.value}, why, True

    def _amendments(self) -> list[Amendment]:
        if self.status == OrderStatus.CANCELLED:
            # a deal that was lost, too, or is not shown, agrees with that
            lost = self.deal_amended is not None and self.deal_amended.kind is not Kind.DEAL_CHANGED
            cancelled = self._order_amended(self.made, Decimal(0))
            return [] if lost or not self.shows_deal or cancelled is None else [cancelled]
        found = [] if self.deal_amended is None else [self.deal_amended]
        if not self.is_draft:
            changed = self._order_amended(self.made, Decimal(self.sold.net_total))
            found += [] if changed is None else [changed]
        return found

    def _order_amended(self, made: Fields, total: Decimal) -> Amendment | None:
        return amendments.of_order(
            made, total, self.shown, self.caps.fields, self.tolerance, called=self.called
        )

    def _fix(self, kind: Kind) -> str:
        return (_DRAFT_FIX if self.is_draft else _FIX[kind]).format(order=self.called)

    def _facts(self, name: str) -> FieldFacts:
        return self.caps.fields.get(name, ANYTHING)


AMENDED = ("lines", "net_total", "po_number")
"""What of an order follows its deal; a total only where it was written."""

_DRAFT_FIX = "confirm or cancel the draft in the ERP, or bring the deal back to what was sold"
_FIX = {
    Kind.DEAL_CHANGED: "amend the {order} in the ERP, bring the deal back, or discard this to "
    "leave both as they are",
    Kind.DEAL_LOST: "cancel the {order} in the ERP, or discard this to let it stand",
    Kind.DEAL_REOPENED: "cancel the {order} in the ERP, or discard this to let it stand",
    Kind.ORDER_CHANGED: "correct the deal or the {order}, or discard this to leave both as they "
    "are",
    Kind.ORDER_CANCELLED: "reopen or lose the deal, or discard this; no other {order} is made "
    "of it",
}


def _ask(
    tx: Tx,
    kind: OrderKind,
    bundle: Bundle,
    case: Case,
    obstacles: Sequence[_Obstacle],
    now: datetime,
) -> None:
    """Open a dead letter about an order, unless a person gave this very one up."""
    subject = subject_of(kind, case.source_id)
    message = "; ".join(o.message for o in obstacles)
    digest = hashlib.blake2b(message.encode(), digest_size=16).hexdigest()
    if dead_letters.discarded(tx, subject, digest) is not None:
        return
    order = bundle.seen[Side.ERP]
    asked = dead_letters.opened(tx, [subject])
    dead_letters.put(
        tx,
        DeadLetter(
            subject=subject,
            link_id=bundle.link.id,
            target=Side.ERP,
            entity=kind.entity,
            kind=WriteKind.UPDATE,
            record_id=order.id,
            source_entity="deal",
            source_id=case.source_id,
            cause=obstacles[0].cause,
            field=obstacles[0].field,
            message=f"{kind.entity} {order.fields.get('number') or order.id}: {message}",
            fix=obstacles[0].fix,
            fields={},
            digest=digest,
            at=now,
        ),
    )
    wrong = bool(asked) and asked[0].cause == "wrong_total"
    if wrong and [o.cause for o in obstacles] == [Kind.ORDER_CHANGED.value]:
        # whoever confirmed the draft had been asked about its total, and answered by that
        why = dead_letters.discarded_why("the ERP", "a person confirmed the draft as it was")
        dead_letters.close(tx, [subject], why=why, now=now)
