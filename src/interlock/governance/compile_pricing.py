"""Compiles ``pricing.yaml``: every mistake named with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from interlock.governance.document import Document, Place, suggest
from interlock.governance.pricing import DEFAULT_VERDICTS, PriceRule, PricingRules, Verdict
from interlock.model import EntitySchema, Money

__all__ = ["MONEY", "PARTS", "PRICING_VERSION", "RULE_PARTS", "compile_pricing"]

PRICING_VERSION = 1

PARTS = ("schema_version", "customer_group", "roles", "default_role", "approvers", "verdicts",
         "rules")  # fmt: skip
_CONDITIONS = ("sku", "family", "group", "role", "from_quantity", "valid_from", "valid_until")
RULE_PARTS = ("name", *_CONDITIONS, "max_discount", "floor")
MONEY = re.compile(r"^(\d+(?:\.\d+)?) ([A-Z]{3})$")


def compile_pricing(document: Document, customer: EntitySchema) -> PricingRules:
    """Compile the parsed file; raises one ``ConfigurationError`` with all that is wrong.

    ``customer``: the fields a customer's group may be read from.
    """
    data = document.mapping((), document.data, "the pricing file")
    document.only((), data, PARTS, "part of pricing")
    default = PricingRules()
    group = data.get("customer_group", default.customer_group)
    if group not in customer or customer.types[group] is not str:
        texts = [f for f in customer.types if customer.types[f] is str]
        document.refuse(("customer_group",), f"a customer has no text {group!r}",
                        suggest(str(group), texts))  # fmt: skip
    roles = document.mapping(("roles",), data.get("roles") or {}, "roles")
    rules = PricingRules(
        customer_group=str(group),
        roles={str(r): _texts(document, ("roles", r), users) for r, users in roles.items()},
        default_role=str(data.get("default_role", default.default_role)),
        approvers=_texts(document, ("approvers",), data.get("approvers") or []),
        verdicts={**DEFAULT_VERDICTS, **_verdicts(document, data)},
        rules=_rules(document, data.get("rules") or []),
    )
    known = {*rules.roles, rules.default_role}
    for number, rule in enumerate(rules.rules):
        for role in rule.roles:
            if role not in known:
                document.refuse(("rules", number, "role"), f"nobody has the role {role!r}",
                                suggest(role, known))  # fmt: skip
    document.finish()
    return rules


def _verdicts(document: Document, data: Mapping[str, Any]) -> dict[str, Verdict]:
    stated = document.mapping(("verdicts",), data.get("verdicts") or {}, "verdicts")
    document.only(("verdicts",), stated, DEFAULT_VERDICTS, "finding")
    found = {}
    for name, word in stated.items():
        if word in list(Verdict):
            found[name] = Verdict(word)
        else:
            document.refuse(("verdicts", name), f"{word!r} is no verdict", "write ok, warn or stop")
    return found


def _rules(document: Document, stated: Any) -> list[PriceRule]:
    if not isinstance(stated, list):
        document.refuse(("rules",), "rules must be a list of `- name: ...`")
        return []
    found: list[PriceRule] = []
    for number, each in enumerate(stated):
        place: Place = ("rules", number)
        body = document.mapping(place, each, "a rule")
        document.only(place, body, RULE_PARTS, "part of a rule")
        rule = _rule(document, place, body)
        if rule is not None and any(rule.name == other.name for other in found):
            document.refuse((*place, "name"), f"two rules are called {rule.name!r}",
                            "a verdict names its rule: give each its own")  # fmt: skip
        if rule is not None:
            found.append(rule)
    return found


def _rule(document: Document, place: Place, body: Mapping[str, Any]) -> PriceRule | None:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        document.refuse(place, "a rule needs a name", "a verdict shows it: write `name: ...`")
        return None
    if "max_discount" not in body and "floor" not in body:
        document.refuse(place, f"rule {name!r} allows nothing and forbids nothing",
                        "state max_discount (percent) or floor (80 EUR)")  # fmt: skip
    discount = _number(document, (*place, "max_discount"), body.get("max_discount"))
    if discount is not None and discount > 100:
        document.refuse((*place, "max_discount"), "max_discount is a percentage up to 100")
    first = _day(document, (*place, "valid_from"), body.get("valid_from"))
    last = _day(document, (*place, "valid_until"), body.get("valid_until"))
    if first is not None and last is not None and last < first:
        document.refuse((*place, "valid_until"), f"rule {name!r} ends before it begins")
    return PriceRule(
        name=name,
        skus=_texts(document, (*place, "sku"), body.get("sku", [])),
        families=_texts(document, (*place, "family"), body.get("family", [])),
        groups=_texts(document, (*place, "group"), body.get("group", [])),
        roles=_texts(document, (*place, "role"), body.get("role", [])),
        from_quantity=_number(document, (*place, "from_quantity"), body.get("from_quantity")),
        valid_from=first,
        valid_until=last,
        max_discount=discount,
        floor=_money(document, (*place, "floor"), body.get("floor")),
    )


def _texts(document: Document, place: Place, value: Any) -> tuple[str, ...]:
    """Read one text or a list of them; a number was meant as text."""
    several = value if isinstance(value, list) else [value]
    if all(isinstance(v, str | int) and not isinstance(v, bool) and v != "" for v in several):
        return tuple(str(v) for v in several)
    document.refuse(place, f"{place[-1]} must be a text or a list of texts")
    return ()


def _number(document: Document, place: Place, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        document.refuse(place, f"{place[-1]} must be a number, 0 or more")
        return None
    return number


def _day(document: Document, place: Place, value: Any) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        document.refuse(place, f"{place[-1]} is no date", "write it as 2026-12-31")
        return None


def _money(document: Document, place: Place, value: Any) -> Money | None:
    if value is None:
        return None
    match = MONEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        document.refuse(place, "floor must be an amount with its currency", "such as 80.00 EUR")
        return None
    return Money(Decimal(match[1]), match[2])
