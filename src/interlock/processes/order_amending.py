"""Amending: an order that stands is to follow its deal, once the deal stands still (rule 25)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec

from interlock.governance.rules import Side
from interlock.model import Record
from interlock.processes.amendments import Policy, of_order
from interlock.processes.order_cases import note, put, settling, tell
from interlock.processes.order_intent import OrderSettings, may_amend, subject_of
from interlock.processes.order_kinds import OrderKind
from interlock.processes.snapshot import Draft, Refusal
from interlock.processes.sold import Sold, difference, repack, unpack
from interlock.store import cases, dead_letters, links
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Amending"]


class Amending:
    """What becomes of the orders of deals that changed afterwards."""

    def __init__(self, pair: Pair, settings: OrderSettings, kind: OrderKind) -> None:
        self.pair = pair
        self.settings = settings
        self.kind = kind

    def due(self, tx: Tx, ordered: Sequence[tuple[Observation, int]]) -> list[str]:
        """Those of the deals, each with its link, whose order is to follow them, as it may."""
        if self.settings.after_won.deal_changed is not Policy.AMEND_IF_OPEN:
            return []
        known = cases.load(tx, self.kind.process, [d.id for d, _ in ordered])
        sold = {
            d.id: unpack(c.snapshot)
            for d, _ in ordered
            if (c := known.get(d.id)) is not None and c.state == "changed" and c.snapshot
        }
        changed = {link_id: d for d, link_id in ordered if d.id in sold}
        found = links.bundles(tx, list(changed))
        caps = self.pair.erp.entity(self.kind.entity)
        if caps is None:
            return []
        return [
            deal.id
            for link_id, deal in changed.items()
            if link_id in found
            and (order := found[link_id].seen.get(Side.ERP)) is not None
            and order.there
            and may_amend(
                self.settings.after_won,
                caps,
                order.fields,
                tx.schema["deal"].decode(sold[deal.id].deal),
                deal,
            )
        ]

    def amend(
        self,
        tx: Tx,
        link_id: int,
        case: Case,
        seen: bytes,
        outcome: Draft | Refusal,
        deal: Record,
        quote: Record | None,
        run: Run,
    ) -> None:
        """Decide what an order is to become."""
        if case.state != "changed" or case.snapshot is None or case.link_id != link_id:
            return
        sold = unpack(case.snapshot)
        changed = difference(tx, sold, dict(deal.fields))
        if changed is None:
            return
        now = self.pair.clock()
        case, rest = settling(case, seen, deal, quote, self.settings.quiet_time, now)
        if rest > timedelta(0):
            put(tx, case)
        elif isinstance(outcome, Refusal):
            self._refuse(tx, case, seen, outcome, changed, deal)
        else:
            if self._shows_former(tx, link_id, sold):
                # the last amendment never reached it
                assert sold.former is not None
                assert sold.former_total is not None
                sold = msgspec.structs.replace(
                    sold, fields=sold.former, net_total=sold.former_total
                )
            amended = repack(tx, self.kind.entity, sold, outcome, dict(deal.fields))
            put(tx, case, snapshot=amended, state="ordered", why="ordered", fix="",
                at=self.pair.clock())  # fmt: skip
            links.raise_revision(tx, [link_id])
            why = f"the deal changed after its {self.kind.entity}"
            note(tx, "amended", deal.id, link_id, why, run=run, now=self.pair.clock())

    def _refuse(
        self, tx: Tx, case: Case, seen: bytes, refusal: Refusal, changed: str, deal: Record
    ) -> None:
        now, what = self.pair.clock(), self.kind.entity
        cannot = f"its {what} cannot be amended: {refusal.message}"
        why = f"{changed} after its {what} was made; {cannot}"
        put(tx, case, why=why, fix=refusal.fix, at=now)
        subject = subject_of(self.kind, deal.id)
        if not refusal.waits and not dead_letters.discarded(tx, subject, seen.hex()):
            tell(tx, self.kind, deal, case, refusal, cannot, now)

    def _shows_former(self, tx: Tx, link_id: int, sold: Sold) -> bool:
        order = links.bundles(tx, [link_id])[link_id].seen.get(Side.ERP)
        if order is None or sold.former is None or sold.former_total is None:
            return False
        caps = self.pair.erp.entity(self.kind.entity)
        assert caps is not None
        versions = [(sold.former, sold.former_total), (sold.fields, sold.net_total)]
        former, now = (
            of_order(
                tx.schema[self.kind.entity].decode(fields),
                Decimal(total),
                order.fields,
                caps.fields,
                self.settings.tolerance,
            )
            for fields, total in versions
        )
        return former is None and now is not None
