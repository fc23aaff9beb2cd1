"""Keyed matching: contacts and products are one when they share a key that nobody else has.

A product's key is its SKU, a contact's its e-mail address at the linked customer, a price's what it
is for.  Any weaker sign
in common makes a suggestion, which keeps both from being created anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal

import msgspec

from interlock.matching.normalise import email_key, name_key
from interlock.model import Fields, Money

__all__ = [
    "Candidate",
    "Matches",
    "Signs",
    "contact_signs",
    "match_keyed",
    "price_signs",
    "product_signs",
]

FREQUENT = 50
"""A weak sign that more records share than this says nothing."""


class Signs(msgspec.Struct, frozen=True):
    """What a record is recognised by: (evidence in words, key) pairs, strong ones and weak ones."""

    strong: tuple[tuple[str, str], ...]
    weak: tuple[tuple[str, str], ...]


class Candidate(msgspec.Struct, frozen=True):
    """A record to be matched; ``taken`` when it already has a link."""

    id: str
    signs: Signs
    taken: bool = False


class Matches(msgspec.Struct, frozen=True, kw_only=True):
    """What matching found; every free record is in exactly one of these."""

    links: Sequence[tuple[str, str, str]]
    suggestions: Sequence[tuple[str, str, str]]
    alone_crm: Sequence[str]
    alone_erp: Sequence[str]


def contact_signs(fields: Fields, customer: str) -> Signs:
    """Signs of a contact; ``customer`` is the link of its customer, "" when there is none."""
    name, email = name_key(_text(fields, "name")), email_key(_text(fields, "email"))
    strong = (
        [("same e-mail at the same customer", f"{customer}|{email}")] if customer and email else []
    )
    weak = [("same name at the same customer", f"n:{customer}|{name}")] if name else []
    weak += [("same e-mail", f"e:{email}")] if email else []
    return Signs(tuple(strong), tuple(weak))


def product_signs(fields: Fields) -> Signs:
    """Signs of a product: its SKU."""
    sku = (_text(fields, "sku") or "").strip().casefold()
    return Signs((("same SKU", sku),) if sku else (), ())


def price_signs(fields: Fields, product: str, customer: str) -> Signs:
    """Signs of a price: what it is for; ``product``, ``customer``: links, "" when there is none."""
    if not product or (fields.get("customer") is not None and not customer):
        return Signs((), ())
    price, least = fields.get("unit_price"), fields.get("from_quantity")
    parts = (
        product,
        customer,
        (_text(fields, "price_list") or "").strip().casefold(),
        price.currency if isinstance(price, Money) else "",
        format(least.normalize(), "f") if isinstance(least, Decimal) and least else "0",
        str(fields.get("valid_from") or ""),
    )
    return Signs((("same product, price list and quantity", "|".join(parts)),), ())


def _text(fields: Fields, field: str) -> str | None:
    value = fields.get(field)
    return value if isinstance(value, str) else None


def match_keyed(
    crm: Sequence[Candidate],
    erp: Sequence[Candidate],
    refused: AbstractSet[tuple[str, str]] = frozenset(),
) -> Matches:
    """Pair records that share a strong sign nobody else shares; suggest on any other sign.

    A pair whose two strong signs point to different records is suggested, not linked.
    """
    pairs: dict[tuple[str, str], str] = {}
    suggested: dict[tuple[str, str], str] = {}
    left, right = _index(crm, _strong), _index(erp, _strong)
    for key, (why, ours) in left.items():
        theirs = right.get(key, ("", []))[1]
        for one in ours:
            for two in theirs:
                if (one.id, two.id) in refused or (one.taken and two.taken):
                    continue
                unique = len(ours) == 1 and len(theirs) == 1
                if unique and not one.taken and not two.taken:
                    pairs.setdefault((one.id, two.id), why)
                elif len(ours) * len(theirs) <= FREQUENT * FREQUENT:
                    suggested.setdefault((one.id, two.id), f"{why}, but shared by others")
    links = _unambiguous(pairs, suggested)
    linked_crm, linked_erp = {c for c, _, _ in links}, {e for _, e, _ in links}
    _suggest_weak(crm, erp, refused, suggested)
    # a suggestion matters only while one of its records is free
    free_crm = {c.id for c in crm if not c.taken} - linked_crm
    free_erp = {e.id for e in erp if not e.taken} - linked_erp
    suggestions = [
        (c, e, why) for (c, e), why in suggested.items() if c in free_crm or e in free_erp
    ]
    busy_crm = {c for c, _, _ in suggestions}
    busy_erp = {e for _, e, _ in suggestions}
    return Matches(
        links=links,
        suggestions=sorted(suggestions),
        alone_crm=[c for c in sorted(free_crm) if c not in busy_crm],
        alone_erp=[e for e in sorted(free_erp) if e not in busy_erp],
    )


def _unambiguous(
    pairs: Mapping[tuple[str, str], str], suggested: dict[tuple[str, str], str]
) -> list[tuple[str, str, str]]:
    """Keep pairs whose records occur in one pair only; the others become suggestions."""
    seen_crm: dict[str, int] = defaultdict(int)
    seen_erp: dict[str, int] = defaultdict(int)
    for crm_id, erp_id in pairs:
        seen_crm[crm_id] += 1
        seen_erp[erp_id] += 1
    links = []
    for (crm_id, erp_id), why in pairs.items():
        if seen_crm[crm_id] == 1 and seen_erp[erp_id] == 1:
            links.append((crm_id, erp_id, why))
        else:
            suggested.setdefault((crm_id, erp_id), f"{why}, but others match as well")
    return sorted(links)


def _suggest_weak(
    crm: Sequence[Candidate],
    erp: Sequence[Candidate],
    refused: AbstractSet[tuple[str, str]],
    suggested: dict[tuple[str, str], str],
) -> None:
    left, right = _index(crm, _weak), _index(erp, _weak)
    for key, (why, ours) in left.items():
        theirs = right.get(key, ("", []))[1]
        if len(ours) > FREQUENT or len(theirs) > FREQUENT:
            continue
        for one in ours:
            for two in theirs:
                if (one.id, two.id) not in refused and not (one.taken and two.taken):
                    suggested.setdefault((one.id, two.id), why)


def _strong(candidate: Candidate) -> Iterable[tuple[str, str]]:
    return candidate.signs.strong


def _weak(candidate: Candidate) -> Iterable[tuple[str, str]]:
    return candidate.signs.weak


def _index(
    candidates: Sequence[Candidate],
    signs: Callable[[Candidate], Iterable[tuple[str, str]]],
) -> dict[str, tuple[str, list[Candidate]]]:
    index: dict[str, tuple[str, list[Candidate]]] = {}
    for candidate in candidates:
        for why, key in signs(candidate):
            index.setdefault(key, (why, []))[1].append(candidate)
    return index
