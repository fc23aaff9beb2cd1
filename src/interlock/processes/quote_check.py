"""Quote check: what the ERP and the company's rules say of a quote's lines.  Pure.

Cost is neither an input nor an output: floors are the ERP's own or stated in ``pricing.yaml``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import msgspec

from interlock.governance.pricing import PriceRule, PricingRules, Verdict
from interlock.model import Money, Offer, StockLevel

__all__ = [
    "Answer",
    "Credit",
    "Finding",
    "LineAnswer",
    "Looked",
    "Question",
    "QuoteLine",
    "Sold",
    "check_quote",
    "reason_of",
]

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


class QuoteLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is quoted; ``unit_price``: net of discount and tax; without one, only facts are asked.

    ``product``: its id in the ERP, where it is known.
    """

    key: str
    quantity: Decimal
    unit_price: Decimal | None = None
    sku: str = ""
    product: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A quote to check; ``group``: the customer's, ``role``: that of whoever quotes."""

    currency: str
    lines: Sequence[QuoteLine]
    role: str
    on: date
    group: str | None = None
    known_customer: bool = True


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP says of one line's product; ``None``: it does not say."""

    sku: str
    family: str | None = None
    active: bool | None = None
    offer: Offer | None = None
    floor: Money | None = None
    quantity: Decimal | None = None
    """What can be shipped now: decides, and is not told."""
    level: StockLevel | None = None
    lead_time: Decimal | None = None


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer stands; ``None``: not known."""

    hold: bool | None = None
    hold_reason: str | None = None
    balance: Money | None = None
    overdue: Money | None = None
    days_overdue: Decimal | None = None
    limit: Money | None = None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """When the facts were read; not ``live``: they are the last observation, ``why`` says so.

    ``lists_only``: its price lists alone are, because it cannot be asked what a customer pays.
    """

    live: bool
    as_of: datetime
    lists_only: bool = False
    age: timedelta = timedelta(0)
    old: bool = False
    why: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a quote; ``rule``: the rule it follows from, ``line``: the line's key."""

    code: str
    verdict: Verdict
    text: str
    rule: str
    line: str | None = None


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one line.

    ``highest_discount``: percent off ``price``.  ``availability``: in, low, out or unknown.
    ``earliest``: when all of it can be shipped.
    """

    key: str
    sku: str
    quantity: Decimal
    unit_price: Decimal | None
    price: Decimal | None
    price_source: str
    floor: Decimal | None
    highest_discount: Decimal | None
    rule: str
    availability: str
    earliest: date | None
    discontinued: bool | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, why, and what it was made from.

    ``live``: all of it is the ERP's of now.  ``answered`` alone: but for its price lists, which are
    ``age_seconds`` old.  Else all of it is.  ``note`` says so in words.
    """

    verdict: Verdict
    reason: str
    findings: Sequence[Finding]
    currency: str
    lines: Sequence[LineAnswer]
    credit: Credit
    live: bool
    answered: bool
    as_of: datetime
    age_seconds: int
    note: str = ""


def check_quote(
    question: Question,
    sold: Mapping[str, Sold],
    credit: Credit,
    rules: PricingRules,
    looked: Looked,
) -> Answer:
    """Check a quote; ``sold``: line key -> what the ERP says, missing where it has no product."""
    findings: list[tuple[str, str, str, str | None]] = []
    if not question.known_customer:
        findings.append(
            ("unknown_customer", "the ERP does not know the customer yet", "credit", None)
        )
    findings += _credit(question, sold, credit)
    lines = []
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for line in question.lines:
        product = sold.get(line.key)
        if product is None:
            text = f"{line.sku or line.key}: the ERP has no such product"
            findings.append(("unknown_product", text, "catalogue", line.key))
            lines.append(_unknown(line))
            continue
        taken[line.product or product.sku] += line.quantity
        answer, found = _line(question, line, product, taken[line.product or product.sku], rules)
        lines.append(answer)
        findings += found
    if looked.old:
        text = f"the ERP's figures are {_age(looked.age)} old"
        findings.append(("stale", text, "time of the last look", None))
    told = [
        Finding(code=code, verdict=rules.verdicts[code], text=text, rule=rule, line=key)
        for code, text, rule, key in findings
    ]
    told.sort(key=lambda f: -f.verdict.gravity)
    verdict = max((f.verdict for f in told), key=lambda v: v.gravity, default=Verdict.OK)
    what = "its price lists " if looked.lists_only else ""
    note = "" if looked.live else f"{looked.why}: {what}as last seen {_age(looked.age)} ago"
    return Answer(
        verdict=verdict,
        reason=reason_of(told, note),
        findings=told,
        currency=question.currency,
        lines=lines,
        credit=credit,
        live=looked.live,
        answered=looked.live or looked.lists_only,
        as_of=looked.as_of,
        age_seconds=int(looked.age.total_seconds()),
        note=note,
    )


def reason_of(findings: Sequence[Finding], note: str) -> str:
    """Say it in one line for the quote, the gravest first."""
    texts = [f.text for f in findings if f.verdict is not Verdict.OK]
    texts = texts or ["prices, stock and credit are fine"]
    return "; ".join([*texts, *([note] if note else [])])


# ── one line ─────────────────────────────────────────────────────────────────────────────────


def _line(
    question: Question, line: QuoteLine, product: Sold, taken: Decimal, rules: PricingRules
) -> tuple[LineAnswer, list[tuple[str, str, str, str | None]]]:
    found: list[tuple[str, str, str, str | None]] = []
    price = product.offer.price.amount if product.offer is not None else None
    rule = next((r for r in rules.rules if _fits(r, question, line, product)), None)
    floor, why = _floor(question, product, rule)
    earliest, enough = _earliest(question, product, taken)
    if product.active is False:
        found.append(("discontinued", f"{product.sku} is discontinued", "catalogue", line.key))
    if price is None:
        text = f"{product.sku}: the ERP has no price in {question.currency}"
        found.append(("no_price", text, "ERP price", line.key))
    if line.unit_price is not None:
        found += _price(question, line, product, (price, floor, why))
    if not enough:
        when = f"all of it ships {earliest} at the earliest" if earliest else "no date is known"
        text = f"{product.sku}: not enough in stock for {_plain(line.quantity)}, {when}"
        found.append(("not_in_stock", text, "stock", line.key))
    answer = LineAnswer(
        key=line.key,
        sku=product.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        price=price,
        price_source=product.offer.source if product.offer is not None else "",
        floor=floor,
        highest_discount=_discount(price, floor, rule, why),
        rule=why,
        availability=product.level.value if product.level is not None else "unknown",
        earliest=earliest,
        discontinued=None if product.active is None else not product.active,
    )
    return answer, found


def _price(
    question: Question,
    line: QuoteLine,
    product: Sold,
    limits: tuple[Decimal | None, Decimal | None, str],
) -> list[tuple[str, str, str, str | None]]:
    price, floor, why = limits
    asked = line.unit_price
    assert asked is not None
    currency = question.currency
    if floor is not None and asked < floor:
        text = f"{product.sku} at {_plain(asked)} {currency} is below the lowest price"
        return [("below_floor", f"{text} of {_plain(floor)} ({why})", why, line.key)]
    if floor is None and price is not None and asked < price:
        off = ((1 - asked / price) * 100).quantize(_TENTH, ROUND_HALF_UP)
        source = product.offer.source if product.offer is not None else "ERP price"
        text = (
            f"{product.sku} is {_plain(off)} % under the ERP's {_plain(price)} {currency} "
            f"({source}); no rule says how low it may go"
        )
        return [("below_price", text, "ERP price", line.key)]
    return []


def _fits(rule: PriceRule, question: Question, line: QuoteLine, product: Sold) -> bool:
    folded = {sku.casefold() for sku in rule.skus}
    return (
        (not rule.skus or product.sku.casefold() in folded)
        and (not rule.families or product.family in rule.families)
        and (not rule.groups or question.group in rule.groups)
        and (not rule.roles or question.role in rule.roles)
        and (rule.from_quantity is None or line.quantity >= rule.from_quantity)
        and (rule.valid_from is None or rule.valid_from <= question.on)
        and (rule.valid_until is None or question.on <= rule.valid_until)
    )


def _floor(question: Question, product: Sold, rule: PriceRule | None) -> tuple[Decimal | None, str]:
    """The lowest price and whose it is; of several the highest counts."""
    limits: list[tuple[Decimal, str]] = []
    if product.floor is not None and product.floor.currency == question.currency:
        limits.append((product.floor.amount, "the ERP's lowest price"))
    if rule is not None:
        name = f"rule {rule.name}"
        if rule.floor is not None and rule.floor.currency == question.currency:
            limits.append((rule.floor.amount, name))
        if rule.max_discount is not None and product.offer is not None:
            price = product.offer.price.amount
            lowest = price * (100 - rule.max_discount) / 100
            # whichever way the CRM rounds a discounted price, it is not below
            limits.append((lowest.quantize(_step(price), ROUND_DOWN), name))
    return max(limits, key=lambda limit: limit[0], default=(None, ""))


def _step(price: Decimal) -> Decimal:
    digits = price.normalize().as_tuple().exponent
    finer = isinstance(digits, int) and digits < -2
    return Decimal(1).scaleb(int(digits)) if finer else _CENT


def _discount(
    price: Decimal | None, floor: Decimal | None, rule: PriceRule | None, why: str
) -> Decimal | None:
    if price is None or floor is None or price <= 0:
        return None
    highest = max(Decimal(0), (1 - floor / price) * 100)
    stated = rule.max_discount if rule is not None and why == f"rule {rule.name}" else None
    # the floor was rounded down to a price that can be quoted: the rule's own percentage is meant
    if stated is not None and abs(price * (100 - stated) / 100 - floor) < _CENT:
        return stated
    return highest.quantize(_TENTH, ROUND_DOWN)


def _earliest(question: Question, product: Sold, taken: Decimal) -> tuple[date | None, bool]:
    """When the line can ship, and whether stock is enough as far as anybody knows."""
    if product.quantity is not None and product.quantity >= taken:
        return question.on, True
    waits = product.lead_time
    when = None if waits is None else question.on + timedelta(days=int(waits))
    return when, product.quantity is None


def _unknown(line: QuoteLine) -> LineAnswer:
    return LineAnswer(
        key=line.key,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        price=None,
        price_source="",
        floor=None,
        highest_discount=None,
        rule="",
        availability="unknown",
        earliest=None,
        discontinued=None,
    )


# ── the customer ─────────────────────────────────────────────────────────────────────────────


def _credit(
    question: Question, sold: Mapping[str, Sold], credit: Credit
) -> list[tuple[str, str, str, str | None]]:
    found: list[tuple[str, str, str, str | None]] = []
    if credit.hold:
        why = f": {credit.hold_reason}" if credit.hold_reason else ""
        found.append(("on_hold", f"the customer is on credit hold{why}", "credit hold", None))
    if credit.overdue is not None and credit.overdue.amount > 0:
        days = f" for {_plain(credit.days_overdue)} days" if credit.days_overdue else ""
        text = f"{_money(credit.overdue)} is overdue{days}"
        found.append(("overdue", text, "arrears", None))
    limit, balance = credit.limit, credit.balance
    if limit is None or limit.currency != question.currency:
        return found
    owed = balance.amount if balance is not None and balance.currency == limit.currency else None
    total = sum((_value(line, sold.get(line.key)) for line in question.lines), Decimal(0))
    if owed is not None and owed + total > limit.amount:
        text = (
            f"with this quote the customer would owe {_plain(owed + total)} of "
            f"{_money(limit)} credit"
        )
        found.append(("over_limit", text, "credit limit", None))
    return found


def _value(line: QuoteLine, product: Sold | None) -> Decimal:
    price = line.unit_price
    if price is None and product is not None and product.offer is not None:
        price = product.offer.price.amount
    return ((price or Decimal(0)) * line.quantity).quantize(_CENT, ROUND_HALF_UP)


def _money(value: Money) -> str:
    return f"{_plain(value.amount)} {value.currency}"


def _plain(number: Decimal) -> str:
    """Write a number as people do: 12, 12.50, 0.0125."""
    text = format(number.normalize(), "f")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}" if part else whole


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (unit == "day" and seconds >= size):
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    if seconds == 0:
        return "a moment"
    return f"{seconds} second{'s' if seconds > 1 else ''}"
