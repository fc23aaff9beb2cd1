"""What the check of quotes does right before an order is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.governance.pricing import BeforeOrder, Verdict
from interlock.model import Ref
from interlock.processes.quote_check import QuoteLine
from interlock.processes.quote_facts import Quotes, Wanted
from interlock.processes.quote_verdicts import keep
from interlock.store.outbox import OutboxWrite
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["QuoteGate"]


class QuoteGate:
    """Checks once more right before an order is made."""

    def __init__(self, quotes: Quotes) -> None:
        self.quotes = quotes

    async def __call__(
        self, pair: Pair, run: Run, creates: Sequence[OutboxWrite]
    ) -> Mapping[str, str]:
        """Show what the check says; under ``block`` a stop keeps the order back."""
        policy = self.quotes.settings.before_order
        withheld = {}
        for w in creates:
            wanted = _ordered(w)
            if policy is BeforeOrder.PASS or wanted is None:
                continue
            answer = await self.quotes.check(wanted)
            case = await pair.store.call(
                keep, self.quotes, "deal", wanted.deal, wanted, answer, run
            )
            if case.state != Verdict.STOP:
                continue
            blocked = policy is BeforeOrder.BLOCK
            run.problem(
                f"{pair.crm.name} deal {wanted.deal}",
                f"quote check before its order: {case.why}"
                + ("; the order waits" if blocked else ""),
                f"change the deal, or `interlock quote override deal:{wanted.deal} --reason TEXT`",
                "quote_check",
            )
            if blocked:
                withheld[w.id] = f"an approver: {case.why}"
        return withheld


def _ordered(w: OutboxWrite) -> Wanted | None:
    """See an order as the quote it comes of."""
    lines, customer = w.fields.get("lines"), w.fields.get("customer")
    currency = w.fields.get("currency")
    if w.source_id is None or not isinstance(lines, tuple) or not isinstance(currency, str):
        return None
    return Wanted(
        currency=currency,
        lines=[
            QuoteLine(
                key=line.key,
                quantity=line.quantity,
                unit_price=line.unit_price,
                sku=line.sku or "",
                product=line.product.id if line.product is not None else None,
            )
            for line in lines
        ],
        customer=customer.id if isinstance(customer, Ref) else None,
        deal=w.source_id,
    )
