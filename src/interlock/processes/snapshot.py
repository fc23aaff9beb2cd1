"""The snapshot an order is made from, and everything that can be wrong with it (rule 25).  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from interlock.model import FieldFacts, Fields, Line, Money, Ref, StageKind, Value, project
from interlock.model.currencies import in_coins, round_money

__all__ = ["Draft", "Refusal", "draft_order", "net_of", "order_total"]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why no order is made of a deal.

    ``waits``: it may mend itself when the deal or another record changes.  Otherwise a person
    must act, and it becomes a dead letter.
    """

    code: str
    message: str
    fix: str = ""
    field: str | None = None
    waits: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The order to create, and the net total it must come to."""

    fields: Fields
    net_total: Decimal
    currency: str


def net_of(line: Line, currency: str | None) -> Decimal:
    """A line's net amount: as given, else quantity times unit price in the currency's coins."""
    if line.net is not None:
        return line.net
    return round_money(line.quantity * line.unit_price, currency)


def order_total(lines: Sequence[Line], currency: str | None, *, half_even: bool = False) -> Decimal:
    """The net total the target will come to: each line rounded as it does, then summed."""
    return sum((_amount(line, currency, half_even=half_even) for line in lines), Decimal(0))


def _amount(line: Line, currency: str | None, *, half_even: bool) -> Decimal:
    return round_money(line.quantity * line.unit_price, currency, half_even=half_even)


def draft_order(  # noqa: PLR0911
    deal: Fields,
    quote: Fields | None,
    *,
    products: Mapping[str, str],
    by_sku: Mapping[str, Sequence[str]],
    customer: Ref | None,
    customer_fields: Fields,
    facts: Mapping[str, FieldFacts],
    tolerance: Decimal,
    by_lines: bool = True,
) -> Draft | Refusal:
    """Make the order of a won deal, or say why not.

    ``products``: record id in the CRM -> record id in the ERP; ``by_sku``: folded SKU -> record ids
    in the ERP.  ``customer``: reference to the customer's link.  ``facts``: what the ERP's order
    can hold.  ``tolerance``: how far net totals may differ, in the deal's currency; where it has
    three decimals, a tenth of that.  ``by_lines``: whether it is sold there by lines; else for
    what they come to.
    """
    if deal.get("stage_kind") != StageKind.WON:
        return Refusal(code="not_won", message="the deal is not won", waits=True)
    if customer is None:
        return Refusal(
            code="no_customer",
            field="customer",
            waits=True,
            message="the deal's customer is not linked yet",
            fix="see `interlock plan` for what the customer waits for",
        )
    lines = (quote or deal).get("lines")
    source = "accepted quote" if quote is not None else "deal"
    if not isinstance(lines, tuple) or not lines:
        return Refusal(
            code="no_lines",
            field="lines",
            message=f"the {source} has no lines",
            fix="add the products sold to the deal",
        )
    amount = deal.get("amount")
    if not isinstance(amount, Money):
        return Refusal(
            code="no_amount",
            field="amount",
            message="the deal has no amount",
            fix="fill in amount and currency of the deal",
        )
    currency = (quote or {}).get("currency") or amount.currency
    if currency != amount.currency:
        return Refusal(
            code="currency",
            field="amount",
            message=f"the quote is in {currency}, the deal in {amount.currency}",
            fix="bring quote and deal to one currency",
        )
    code = amount.currency
    tolerance = in_coins(tolerance, code)
    offered = sum((net_of(line, code) for line in lines), Decimal(0))
    if abs(offered - amount.amount) > tolerance:
        return Refusal(
            code="torn",
            field="amount",
            waits=True,
            message=f"the lines of the {source} add up to {offered}, the deal says {amount.amount}",
            fix="correct the lines or the amount of the deal",
        )
    held = facts.get("lines", FieldFacts())
    ordered: list[Line] = []
    for number, line in enumerate(lines if by_lines else (), 1):
        resolved = _resolve(number, line, products, by_sku)
        if isinstance(resolved, Refusal):
            return resolved
        ordered.append(_projected(resolved, code, held))
    total = order_total(ordered, code, half_even=held.half_even)
    if not by_lines:
        total = round_money(_held(offered, facts.get("net_total", FieldFacts())), code)
    if abs(total - offered) > tolerance:
        return Refusal(
            code="rounding",
            field="lines",
            message=f"with the ERP's decimals the lines come to {total} instead of {offered}",
            fix="change quantities or unit prices so that they can be held exactly",
        )
    fields: Fields = {
        "customer": customer,
        "currency": currency,
        **({"lines": tuple(ordered)} if by_lines else {}),
        **_optional(deal, quote, customer_fields, facts),
    }
    if not by_lines and "net_total" in facts and facts["net_total"].writable:
        fields["net_total"] = total
    return Draft(fields=fields, net_total=total, currency=str(currency))


def _resolve(
    number: int, line: Line, products: Mapping[str, str], by_sku: Mapping[str, Sequence[str]]
) -> Line | Refusal:
    erp_id = products.get(line.product.id) if line.product is not None else None
    if erp_id is None and line.sku:
        same = by_sku.get(line.sku.strip().casefold(), ())
        if len(same) > 1:
            return Refusal(
                code="ambiguous_product",
                field="lines",
                message=f"line {number} ({line.sku}): {len(same)} products in the ERP have its SKU",
                fix="give each product there a SKU of its own, or take all but one out of use",
            )
        erp_id = same[0] if same else None
    if erp_id is None:
        name = line.sku or line.description or line.key
        return Refusal(
            code="unknown_product",
            field="lines",
            message=f"line {number} ({name}) has no product in the ERP",
            fix="create the product there with the same SKU, or correct the line",
        )
    if line.quantity <= 0:
        return Refusal(
            code="quantity",
            field="lines",
            message=f"line {number} ({line.sku or line.key}) has quantity {line.quantity}",
            fix="correct the quantity",
        )
    return msgspec.structs.replace(line, product=Ref("product", erp_id))


def _projected(line: Line, currency: str, held: FieldFacts) -> Line:
    """Bring a line to the decimals the ERP holds, at a price that gives the net there.

    The line's own price comes first, then its neighbours in the ERP's last digit (the ERP may
    round a half the other way), then the price derived from the net.
    """
    net = net_of(line, currency)
    own = _held(line.unit_price, held)
    prices = [own]
    if held.decimals is not None:
        step = Decimal(1).scaleb(-held.decimals)
        prices += [own + step, own - step]
    derived = _held(net / line.quantity, held)
    for price in (*prices, derived):
        priced = msgspec.structs.replace(line, unit_price=price, net=None)
        if price >= 0 and _amount(priced, currency, half_even=held.half_even) == net:
            return priced
    given = derived if line.net is not None else own
    return msgspec.structs.replace(line, unit_price=given, net=None)


def _held(price: Decimal, held: FieldFacts) -> Decimal:
    rounded = project(price, held)
    assert isinstance(rounded, Decimal)
    return rounded


def _optional(
    deal: Fields, quote: Fields | None, customer: Fields, facts: Mapping[str, FieldFacts]
) -> Fields:
    """Header fields the ERP can hold and somebody filled."""
    found: dict[str, Value | None] = {
        "name": deal.get("name"),
        "po_number": deal.get("po_number"),
        "quote_number": (quote or {}).get("number"),
        "payment_terms": customer.get("payment_terms"),
        "billing_address": customer.get("billing_address"),
        "shipping_address": customer.get("shipping_address"),
    }
    return {f: v for f, v in found.items() if v is not None and f in facts and facts[f].writable}
