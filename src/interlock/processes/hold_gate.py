"""What keeps an order back while its customer is on credit hold (rule 26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.governance.rules import Side
from interlock.model import Ref
from interlock.processes.credit_hold import read_customers, shown_holds
from interlock.processes.hold_rules import Members
from interlock.processes.order_to_cash import OrderToCash
from interlock.store import holds, links, observations
from interlock.store.database import Tx
from interlock.store.outbox import OutboxWrite
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["HoldGate", "ON_HOLD", "why_held"]

ON_HOLD = "on_hold"
"""Code of the refusal of an order that waits for a hold's release."""


def why_held(tx: Tx, link_id: int, deal_id: str, members: Members = Members.PRIMARY) -> str | None:
    """Say why a customer's deal is not ordered now; ``None`` when no hold stands against it.

    A hold lasts until its episode has ended, whatever the ERP shows meanwhile.  ``members``: whose
    hold counts while there is no episode yet.
    """
    episode = holds.episodes_of(tx, [link_id]).get(link_id)
    if episode is not None:
        if (episode.id, deal_id) in holds.overrides(tx):
            return None
        return f"the customer is on credit hold since {episode.began_at:%Y-%m-%d}"
    bundle = links.bundles(tx, [link_id]).get(link_id)
    if bundle is not None and shown_holds(tx, [bundle], members)[link_id]:
        return "the customer is on credit hold"
    return None


class HoldGate:
    """Reads the hold once more right before an order is made."""

    def __init__(self, cash: OrderToCash) -> None:
        self.cash = cash

    async def __call__(
        self, pair: Pair, run: Run, creates: Sequence[OutboxWrite]
    ) -> Mapping[str, str]:
        """Say of orders whose customer is on hold why they are kept back, by write id."""
        if not (self.cash.erp_has_holds or self.cash.works_out_holds):
            return {}
        customers = {
            w.id: ref.id for w in creates if isinstance(ref := w.fields.get("customer"), Ref)
        }
        await read_customers(pair, self.cash, customers.values(), run)
        return await pair.store.call(self._held, creates, customers)

    def _held(
        self, tx: Tx, creates: Sequence[OutboxWrite], customers: Mapping[str, str]
    ) -> dict[str, str]:
        seen = observations.load(tx, Side.ERP, "customer", list(customers.values()))
        found = {}
        for w in creates:
            shown = seen.get(customers.get(w.id, ""))
            if shown is None or shown.link_id is None or w.source_id is None:
                continue
            why = why_held(tx, shown.link_id, w.source_id, self.cash.holds.members)
            if why is not None:
                found[w.id] = why
        return found
