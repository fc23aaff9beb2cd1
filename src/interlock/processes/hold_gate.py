"""What keeps an order back while its customer is on credit hold (rule 26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.governance.rules import Side
from interlock.model import Ref
from interlock.processes.credit_hold import has_hold, seen_on_hold
from interlock.processes.hold_rules import HoldRules
from interlock.store import holds, links, observations
from interlock.store.database import Tx
from interlock.store.outbox import OutboxWrite
from interlock.sync.observe import fetch_now
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["HoldGate", "ON_HOLD", "why_held"]

ON_HOLD = "on_hold"
"""Code of the refusal of an order that waits for a hold's release."""


def why_held(tx: Tx, pair: Pair, rules: HoldRules, link_id: int, deal_id: str) -> str | None:
    """Say why a customer's deal is not ordered now; ``None`` when no hold stands against it.

    A hold lasts until its episode has ended, whatever the ERP shows meanwhile.
    """
    episode = holds.episodes_of(tx, [link_id]).get(link_id)
    if episode is not None:
        if (episode.id, deal_id) in holds.overrides(tx):
            return None
        return f"the customer is on credit hold since {episode.began_at:%Y-%m-%d}"
    bundle = links.bundles(tx, [link_id]).get(link_id)
    seen = None if bundle is None else bundle.seen.get(Side.ERP)
    if seen_on_hold(pair, rules, seen):
        return "the customer is on credit hold"
    return None


class HoldGate:
    """Reads the hold once more right before an order is made."""

    def __init__(self, rules: HoldRules) -> None:
        self.rules = rules

    async def __call__(
        self, pair: Pair, run: Run, creates: Sequence[OutboxWrite]
    ) -> Mapping[str, str]:
        """Say of orders whose customer is on hold why they are kept back, by write id."""
        if not (has_hold(pair) or self.rules.computes):
            return {}
        customers = {
            w.id: ref.id for w in creates if isinstance(ref := w.fields.get("customer"), Ref)
        }
        caps = pair.erp.entity("customer")
        assert caps is not None
        await fetch_now(pair, Side.ERP, "customer", sorted(set(customers.values())), run)
        return await pair.store.call(self._held, pair, creates, customers)

    def _held(
        self, tx: Tx, pair: Pair, creates: Sequence[OutboxWrite], customers: Mapping[str, str]
    ) -> dict[str, str]:
        seen = observations.load(tx, Side.ERP, "customer", list(customers.values()))
        found = {}
        for w in creates:
            shown = seen.get(customers.get(w.id, ""))
            if shown is None or shown.link_id is None or w.source_id is None:
                continue
            why = why_held(tx, pair, self.rules, shown.link_id, w.source_id)
            if why is not None:
                found[w.id] = why
        return found
