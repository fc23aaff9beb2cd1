"""What the check of quotes does right before an order or a project is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.governance.pricing import BeforeOrder, Verdict
from interlock.governance.rules import Side
from interlock.model import Fields, Line, Ref, Value
from interlock.processes.order_drafts import accepted
from interlock.processes.order_kinds import ORDER
from interlock.processes.quote_check import QuoteLine
from interlock.processes.quote_facts import Quotes, Wanted
from interlock.processes.quote_verdicts import keep
from interlock.processes.sold import unpack
from interlock.store import cases, links, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.store.outbox import OutboxWrite
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["QuoteGate"]


class QuoteGate:
    """Checks once more right before an order or a project is made."""

    def __init__(self, quotes: Quotes) -> None:
        self.quotes = quotes

    async def __call__(
        self, pair: Pair, run: Run, creates: Sequence[OutboxWrite]
    ) -> Mapping[str, str]:
        """Show what the check says; under ``block`` a stop keeps the order back."""
        policy = self.quotes.settings.before_order
        if policy is BeforeOrder.PASS:
            return {}
        withheld = {}
        asked = await pair.store.call(self._asked, creates)
        for w in creates:
            wanted = asked.get(w.id)
            if wanted is None:
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
                f"quote check before its {w.entity}: {case.why}"
                + (f"; the {w.entity} waits" if blocked else ""),
                f"change the deal, or `interlock quote override deal:{wanted.deal} --reason TEXT`",
                "quote_check",
            )
            if blocked:
                withheld[w.id] = f"an approver: {case.why}"
        return withheld

    def _asked(self, tx: Tx, creates: Sequence[OutboxWrite]) -> dict[str, Wanted]:
        """What is asked about each of them, by write id."""
        found = {}
        ids = [w.source_id for w in creates if w.source_id is not None]
        deals = observations.load(tx, Side.CRM, "deal", ids)
        without = {w.source_id for w in creates if "lines" not in w.fields}
        sold = self._sold(tx, {i: deal for i, deal in deals.items() if i in without})
        for w in creates:
            lines = sold.get(w.source_id or "") or _lines_of(w.fields.get("lines"))
            currency, customer = w.fields.get("currency"), w.fields.get("customer")
            if w.source_id is None or not lines or not isinstance(currency, str):
                continue
            owner = deals[w.source_id].fields.get("owner") if w.source_id in deals else None
            found[w.id] = Wanted(
                currency=currency,
                lines=lines,
                customer=customer.id if isinstance(customer, Ref) else None,
                user=owner if isinstance(owner, str) else None,
                deal=w.source_id,
            )
        return found

    def _sold(self, tx: Tx, deals: Mapping[str, Observation]) -> dict[str, Sequence[QuoteLine]]:
        """The lines of deals that the ERP gets without any.

        Where an order is made of a deal, too, they are that order's to the last digit: two verdicts
        about one deal would take turns on it.
        """
        if not deals:
            return {}
        ordered = cases.load(tx, ORDER.process, list(deals))
        quotes: dict[str, list[Observation]] = {}
        for quote in observations.present(tx, Side.CRM, "quote"):
            ref = quote.fields.get("deal")
            if isinstance(ref, Ref):
                quotes.setdefault(ref.id, []).append(quote)
        found = {}
        for deal_id, deal in deals.items():
            case = ordered.get(deal_id)
            if case is not None and case.snapshot is not None:
                fields = tx.schema[ORDER.entity].decode(unpack(case.snapshot).fields)
                found[deal_id] = _lines_of(fields.get("lines"))
                continue
            offered = accepted(quotes.get(deal_id, ()), deal_id)
            found[deal_id] = self._resolved(tx, (deal if offered is None else offered).fields)
        return found

    def _resolved(self, tx: Tx, fields: Fields) -> Sequence[QuoteLine]:
        lines = fields.get("lines")
        if not isinstance(lines, tuple):
            return ()
        named = sorted({line.product.id for line in lines if line.product is not None})
        return self.quotes.resolve(tx, lines, links.partners(tx, Side.CRM, "product", named))


def _lines_of(lines: Value | None) -> Sequence[QuoteLine]:
    """See the lines of an order as those of the quote it comes of."""
    return [_as_quoted(line) for line in lines] if isinstance(lines, tuple) else ()


def _as_quoted(line: Line) -> QuoteLine:
    return QuoteLine(
        key=line.key,
        quantity=line.quantity,
        unit_price=line.unit_price,
        sku=line.sku or "",
        product=line.product.id if line.product is not None else None,
    )
