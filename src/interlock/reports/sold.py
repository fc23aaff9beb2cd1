"""Won deals a rehearsal can be made of, and the choice of the most different ones.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.model import Address, Line, Money, Record, StageKind
from interlock.model.currencies import in_coins, round_money

__all__ = [
    "FEWEST", "MOST", "SoldDeal", "Trait", "choose", "lines_of", "net_of", "sku_key", "traits_of",
    "unfit",
]  # fmt: skip

FEWEST = 10
"""Deals that must become orders; fewer prove nothing."""
MOST = 20
_MOST_UNRESOLVED = 2
"""Deals that cannot be ordered show only that they are held back: a few of them suffice."""
_MANY_LINES = 20


class Trait(StrEnum):
    """What makes a deal different from others to an ERP.

    A hold of the customer is to stand here once customers carry one.
    """

    NEW_CUSTOMER = "new customer"
    EXISTING_CUSTOMER = "existing customer"
    DISCOUNT = "discount"
    SHIP_TO = "ship-to other than bill-to"
    UNRESOLVED = "unresolved SKU"
    ZERO_PRICE = "zero-price line"
    MANY_LINES = "many lines"
    ONE_LINE = "one line"
    QUOTE = "accepted quote"
    FRACTION = "part of a unit"
    FINE_PRICE = "price below the smallest coin"
    NO_TAX_ID = "no tax id"


class SoldDeal(msgspec.Struct, frozen=True, kw_only=True):
    """A won deal with what its order is made of, as the CRM shows it.

    ``skus``: product of the CRM -> SKU.  ``known_as``: the ERP's customers that look like the
    account.  ``unresolved``: SKUs, or lines, the ERP has no product in use for.
    """

    deal: Record
    account: Record
    quote: Record | None = None
    skus: Mapping[str, str] = msgspec.field(default_factory=dict)
    known_as: Sequence[Record] = ()
    unresolved: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What people call the deal."""
        return str(self.deal.fields.get("name") or self.deal.id)

    @property
    def currency(self) -> str | None:
        """The deal's currency."""
        amount = self.deal.fields.get("amount")
        return amount.currency if isinstance(amount, Money) else None

    @property
    def lines(self) -> tuple[Line, ...]:
        """What was sold."""
        return lines_of(self.deal.fields, None if self.quote is None else self.quote.fields)

    def sku_of(self, line: Line) -> str | None:
        """The SKU of a line: its own, else its product's."""
        return line.sku or (self.skus.get(line.product.id) if line.product is not None else None)


def sku_key(sku: str) -> str:
    """Fold a SKU: systems do not agree on capitals."""
    return sku.strip().casefold()


def lines_of(deal: Mapping[str, object], quote: Mapping[str, object] | None) -> tuple[Line, ...]:
    """What was sold: the accepted quote's lines, else the deal's."""
    lines = (deal if quote is None else quote).get("lines")
    return lines if isinstance(lines, tuple) else ()


def net_of(line: Line, currency: str | None) -> Decimal:
    """What a line comes to: as given, else quantity times price in the currency's coins."""
    return round_money(line.quantity * line.unit_price, currency) if line.net is None else line.net


def unfit(sold: SoldDeal, tolerance: Decimal) -> str | None:
    """Say why a deal cannot be rehearsed: nothing could become of it but a refusal."""
    fields = sold.deal.fields
    amount, lines = fields.get("amount"), sold.lines
    if fields.get("stage_kind") != StageKind.WON or not isinstance(fields.get("won_at"), datetime):
        return "not won, or nobody knows when"
    if fields.get("order_number") or fields.get("other_id"):
        return "has an order already"
    if not isinstance(amount, Money):
        return "no amount"
    if not lines:
        return "no lines"
    if any(line.quantity <= 0 for line in lines):
        return "a line without a quantity"
    offered = sum(net_of(line, amount.currency) for line in lines)
    if abs(offered - amount.amount) > in_coins(tolerance, amount.currency):
        return "lines and amount differ"
    if len(sold.known_as) > 1:
        return "several customers in the ERP could be its customer"
    return None


def traits_of(sold: SoldDeal) -> frozenset[str]:
    """Name what is special about a deal; its currency, country and terms count, too."""
    lines = sold.lines
    account, currency = sold.account.fields, sold.currency
    bill, ship = account.get("billing_address"), account.get("shipping_address")
    exact = [line.quantity * line.unit_price for line in lines]
    found = {
        Trait.EXISTING_CUSTOMER: bool(sold.known_as),
        Trait.NEW_CUSTOMER: not sold.known_as,
        Trait.DISCOUNT: any(
            line.net is not None and line.net < round_money(full, currency)
            for line, full in zip(lines, exact, strict=True)
        ),
        Trait.SHIP_TO: isinstance(ship, Address) and ship != bill,
        Trait.UNRESOLVED: bool(sold.unresolved),
        Trait.ZERO_PRICE: any(not net_of(line, currency) for line in lines),
        Trait.MANY_LINES: len(lines) >= _MANY_LINES,
        Trait.ONE_LINE: len(lines) == 1,
        Trait.QUOTE: sold.quote is not None,
        Trait.FRACTION: any(line.quantity % 1 for line in lines),
        Trait.FINE_PRICE: any(
            line.unit_price != round_money(line.unit_price, currency) for line in lines
        ),
        Trait.NO_TAX_ID: not account.get("tax_id"),
    }
    traits = {str(trait) for trait, present in found.items() if present}
    traits.add(f"in {currency}")
    if isinstance(bill, Address) and bill.country:
        traits.add(f"billed to {bill.country}")
    if account.get("payment_terms"):
        traits.add(f"terms {account['payment_terms']}")
    return frozenset(traits)


def choose(deals: Sequence[SoldDeal], most: int = MOST) -> tuple[SoldDeal, ...]:
    """Choose the deals that differ most from each other; the same ones whenever asked.

    One by one, the deal is taken whose traits have been seen least so far: a trait seen n times
    counts 1 / (1 + 10 n), so that new ones come first.  Among equals the newest comes first, then
    the id.
    """
    oldest = datetime.min.replace(tzinfo=UTC)

    def won_at(sold: SoldDeal) -> datetime:
        at = sold.deal.fields.get("won_at")
        return at if isinstance(at, datetime) else oldest

    left = sorted(deals, key=lambda s: s.deal.id)
    left.sort(key=won_at, reverse=True)
    traits = {sold.deal.id: traits_of(sold) for sold in left}
    seen: Counter[str] = Counter()
    chosen: list[SoldDeal] = []
    unresolved = 0
    while left and len(chosen) < most:
        # the first of equals is taken: max keeps the order
        best = max(
            left, key=lambda s: sum(1 / (1 + seen[t] * 10) for t in sorted(traits[s.deal.id]))
        )
        left.remove(best)
        if best.unresolved and unresolved == _MOST_UNRESOLVED:
            continue
        unresolved += bool(best.unresolved)
        seen.update(traits[best.deal.id])
        chosen.append(best)
    return tuple(chosen)
