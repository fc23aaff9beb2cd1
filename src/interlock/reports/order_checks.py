"""One order held against the deal it was made from, check by check.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.model import Address, FieldFacts, Fields, Line, Money, Ref, Value, agree
from interlock.model.currencies import in_coins, minor_unit, round_money
from interlock.reports.rehearsed import Evidence
from interlock.reports.sold import SoldDeal, net_of, sku_key

__all__ = ["Check", "Finding", "Verdict", "check_order", "failed", "passed"]


class Check(StrEnum):
    """What is looked at."""

    ONE_ORDER = "one order"
    CUSTOMER = "customer"
    LINES = "lines"
    PRICES = "prices"
    TAXES = "taxes"
    TOTALS = "totals"
    TERMS = "terms"
    CURRENCY = "currency"
    NUMBER = "number back"
    SECOND_RUN = "second run"
    LOST_ANSWER = "lost answer"


class Verdict(StrEnum):
    """What came of a check; ``not shown``: the system has no place for it."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SHOWN = "not shown"
    NOT_TRIED = "not tried"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check of one deal, with what was seen."""

    check: Check
    verdict: Verdict
    why: str = ""


def passed(check: Check, why: str = "") -> Finding:
    """A check without a fault."""
    return Finding(check=check, verdict=Verdict.PASSED, why=why)


def failed(check: Check, why: str) -> Finding:
    """A check that found a fault."""
    return Finding(check=check, verdict=Verdict.FAILED, why=why)


def _hidden(check: Check, why: str) -> Finding:
    return Finding(check=check, verdict=Verdict.NOT_SHOWN, why=why)


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it must stand in the order; ``price`` is exact, before the ERP rounds it.

    It is the deal's ``own_price`` unless that does not come to the net, as with a discount.
    """

    sku: str
    label: str
    quantity: Decimal
    price: Decimal
    own_price: Decimal
    net: Decimal


def check_order(
    evidence: Evidence, sold: SoldDeal, order: str | None, claims: set[str]
) -> list[Finding]:
    """Judge one order; ``claims``: the ERP's customers that are the deal's customer."""
    if order is None:
        left = (c for c in Check if c not in (Check.ONE_ORDER, Check.SECOND_RUN, Check.LOST_ANSWER))
        return [Finding(check=c, verdict=Verdict.NOT_TRIED, why="there is no order") for c in left]
    fields = evidence.again.orders[order]
    wanted, shown = _wanted(sold), _sorted(fields.get("lines"), evidence.again.goods)
    lines = _lines(wanted, shown)
    if lines.verdict is Verdict.PASSED:
        facts = evidence.facts["erp order"].get("lines", FieldFacts())
        prices = _prices(wanted, shown, facts, sold.currency)
    else:
        prices = Finding(
            check=Check.PRICES, verdict=Verdict.NOT_TRIED, why="the lines are not those of the deal"
        )
    return [
        _customer(evidence, sold, fields, claims),
        lines,
        prices,
        _taxes(sold, fields, [line for _, line in shown]),
        _totals(evidence, sold, fields, wanted),
        _terms(evidence, sold, fields),
        _currency(sold, fields),
        _number(evidence, sold, fields),
    ]


# ── customer ─────────────────────────────────────────────────────────────────────────────────


def _customer(evidence: Evidence, sold: SoldDeal, order: Fields, claims: set[str]) -> Finding:
    customer = order.get("customer")
    if not isinstance(customer, Ref):
        return failed(Check.CUSTOMER, "the order shows no customer")
    final = evidence.again
    own = {c for c in claims if final.customers.get(c, {}).get("other_id") == sold.account.id}
    if own and customer.id not in own:
        return failed(
            Check.CUSTOMER, f"the order is booked on {customer.id}, the account is {min(own)}"
        )
    if len(claims) > 1:
        return failed(
            Check.CUSTOMER, f"{len(claims)} times in the ERP: {', '.join(sorted(claims))}"
        )
    existing = {record.id for record in sold.known_as}
    if existing and customer.id not in existing:
        return failed(
            Check.CUSTOMER,
            f"customer {customer.id} was made, though it was there as {min(existing)}",
        )
    erp, crm = final.customers.get(customer.id, {}), final.accounts.get(sold.account.id, {})
    if erp.get("other_id") not in (None, sold.account.id):
        return failed(
            Check.CUSTOMER, f"customer {customer.id} belongs to another account of the CRM"
        )
    wrong = [
        f"{name} is {_said(crm[name])} in the CRM, {_said(erp[name])} in the ERP"
        for name in sorted(evidence.compared & crm.keys() & erp.keys())
        if not agree(crm[name], erp[name], *_facts(evidence, name))
    ]
    wrong += _addresses(order, erp, crm, evidence)
    if wrong:
        return failed(Check.CUSTOMER, "; ".join(wrong))
    return passed(Check.CUSTOMER, f"once, as {customer.id}")


def _facts(evidence: Evidence, name: str) -> list[FieldFacts]:
    sides = (evidence.facts["crm customer"], evidence.facts["erp customer"])
    return [facts[name] for facts in sides if name in facts]


def _addresses(order: Fields, erp: Fields, crm: Fields, evidence: Evidence) -> Iterator[str]:
    """The order's own addresses must be the customer's."""
    facts = evidence.facts["erp order"]
    for name in ("billing_address", "shipping_address"):
        wanted = erp.get(name) or crm.get(name)
        if wanted and order.get(name) and name in facts:
            both = (facts[name], *_facts(evidence, name))
            if not agree(wanted, order[name], *both):
                yield (
                    f"{name} of the order is {_said(order[name])}, "
                    f"the customer's is {_said(wanted)}"
                )


def _said(value: Value | None) -> str:
    if isinstance(value, Address):
        parts = (value.street, value.postcode, value.city, value.region, value.country)
        return ", ".join(part for part in parts if part)
    return "blank" if value is None else str(value)


# ── lines and money ──────────────────────────────────────────────────────────────────────────


def _wanted(sold: SoldDeal) -> list[_Wanted]:
    currency, wanted = sold.currency, []
    for line in sold.lines:
        net, price, label = net_of(line, currency), line.unit_price, sold.sku_of(line) or ""
        if round_money(line.quantity * price, currency) != net:
            price = net / line.quantity
        wanted.append(
            _Wanted(
                sku=sku_key(label),
                label=label or "(no SKU)",
                quantity=line.quantity,
                price=price,
                own_price=line.unit_price,
                net=net,
            )
        )
    return sorted(wanted, key=lambda w: (w.sku, w.quantity, w.price))


def _sorted(lines: Value | None, skus: Mapping[str, str]) -> list[tuple[str, Line]]:
    """Lines with their SKU, in an order of their own: systems may keep another one."""
    found = [(_sku(line, skus), line) for line in (lines if isinstance(lines, tuple) else ())]
    return sorted(found, key=lambda pair: (sku_key(pair[0]), pair[1].quantity, pair[1].unit_price))


def _sku(line: Line, skus: Mapping[str, str]) -> str:
    return line.sku or (skus.get(line.product.id, "") if line.product is not None else "")


def _lines(wanted: Sequence[_Wanted], shown: Sequence[tuple[str, Line]]) -> Finding:
    if len(wanted) != len(shown):
        return failed(Check.LINES, f"{len(shown)} lines instead of {len(wanted)}")
    wrong = [
        f"{sku or '(no SKU)'} x {line.quantity.normalize():f} instead of "
        f"{want.label} x {want.quantity.normalize():f}"
        for want, (sku, line) in zip(wanted, shown, strict=True)
        if (want.sku, want.quantity) != (sku_key(sku), line.quantity)
    ]
    if wrong:
        return failed(Check.LINES, "; ".join(wrong))
    return passed(Check.LINES, f"{len(shown)}")


def _prices(
    wanted: Sequence[_Wanted],
    shown: Sequence[tuple[str, Line]],
    facts: FieldFacts,
    currency: str | None,
) -> Finding:
    wrong = [
        f"{want.label} costs {line.unit_price} instead of {want.price}"
        for want, (_, line) in zip(wanted, shown, strict=True)
        if not _same_price(want, line, facts, currency)
    ]
    if wrong:
        return failed(Check.PRICES, "; ".join(wrong))
    return passed(Check.PRICES)


def _same_price(want: _Wanted, line: Line, facts: FieldFacts, currency: str | None) -> bool:
    """Whichever way the ERP rounds, a right price is at most half of its last digit away.

    One digit more from the deal's own price is right only if it takes that to come to the net.
    """
    digit = Decimal(0) if facts.decimals is None else Decimal(1).scaleb(-facts.decimals)
    if abs(line.unit_price - want.price) <= digit / 2:
        return True
    net = round_money(line.quantity * line.unit_price, currency, half_even=facts.half_even)
    return net == want.net and abs(line.unit_price - want.own_price) <= digit * 3 / 2


def _taxes(sold: SoldDeal, order: Fields, lines: Sequence[Line]) -> Finding:
    """The ERP must take our prices as net ones: tax is its own business, its basis is not."""
    unit = minor_unit(sold.currency)
    exact = [line.quantity * line.unit_price for line in lines]
    total = order.get("net_total")
    known = [(line, full) for line, full in zip(lines, exact, strict=True) if line.net is not None]
    wrong = [
        f"{line.sku or line.key}: price times quantity is {full}, but the ERP taxes {line.net}"
        for line, full in known
        if line.net is not None and abs(line.net - full) > unit
    ]
    if not wrong and isinstance(total, Decimal) and abs(total - sum(exact)) > unit * len(lines):
        wrong.append(f"the lines come to {sum(exact)}, but the ERP taxes {total}")
    if wrong:
        return failed(Check.TAXES, "; ".join(wrong))
    if not known and not isinstance(total, Decimal):
        return _hidden(Check.TAXES, "the ERP shows no net amounts")
    return passed(Check.TAXES, "the ERP taxes what was sold; how much is its own business")


def _totals(
    evidence: Evidence, sold: SoldDeal, order: Fields, wanted: Sequence[_Wanted]
) -> Finding:
    total, amount = order.get("net_total"), sold.deal.fields.get("amount")
    if not isinstance(total, Decimal):
        return _hidden(Check.TOTALS, "the ERP shows no net total")
    expected = sum((want.net for want in wanted), Decimal(0))
    if total != expected:
        return failed(Check.TOTALS, f"the order comes to {total}, what was sold to {expected}")
    tolerance = in_coins(evidence.tolerance, sold.currency)
    if isinstance(amount, Money) and abs(total - amount.amount) > tolerance:
        return failed(
            Check.TOTALS, f"the order comes to {total}, the deal's amount is {amount.amount}"
        )
    return passed(Check.TOTALS, f"{total} {sold.currency or ''}".strip())


# ── header ───────────────────────────────────────────────────────────────────────────────────


def _terms(evidence: Evidence, sold: SoldDeal, order: Fields) -> Finding:
    if "payment_terms" not in order:
        return _hidden(Check.TERMS, "the ERP shows no terms on an order")
    customer = order.get("customer")
    erp = evidence.again.customers.get(customer.id, {}) if isinstance(customer, Ref) else {}
    crm = evidence.again.accounts.get(sold.account.id, {})
    wanted = erp.get("payment_terms") or crm.get("payment_terms")
    if wanted is None:
        return passed(Check.TERMS, "the customer has none; the ERP's own hold")
    facts = evidence.facts["erp order"].get("payment_terms", FieldFacts())
    if not agree(wanted, order["payment_terms"], facts, *_facts(evidence, "payment_terms")):
        return failed(
            Check.TERMS, f"{_said(order['payment_terms'])}, agreed with the customer is {wanted}"
        )
    return passed(Check.TERMS, str(wanted))


def _currency(sold: SoldDeal, order: Fields) -> Finding:
    if "currency" not in order:
        return _hidden(Check.CURRENCY, "the ERP shows no currency on an order")
    if order["currency"] != sold.currency:
        return failed(Check.CURRENCY, f"{_said(order['currency'])} instead of {sold.currency}")
    return passed(Check.CURRENCY, str(sold.currency))


def _number(evidence: Evidence, sold: SoldDeal, order: Fields) -> Finding:
    deal = evidence.again.deals.get(sold.deal.id, {})
    if "order_number" not in evidence.facts["crm deal"] or "order_number" not in deal:
        return _hidden(Check.NUMBER, "the CRM has no place for it, or it is not mapped")
    number, shown = order.get("number"), deal.get("order_number")
    if number is None and not evidence.confirms:
        return _hidden(Check.NUMBER, "the ERP numbers an order when it is confirmed")
    if shown is None or shown != number:
        return failed(Check.NUMBER, f"the order is {_said(number)}, the deal shows {_said(shown)}")
    return passed(Check.NUMBER, str(number))
