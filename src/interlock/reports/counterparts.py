"""Counterparts: currencies and payment terms that the other side does not know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

__all__ = ["Lonely", "lonely", "terms_key"]

_DAYS = re.compile(r"\d{1,3}")
_AT_ONCE = re.compile(
    r"\b(due (up)?on receipt|on receipt|immediate(ly)?|at once|cash|cod|prepaid|prepayment"
    r"|sofort|vorkasse|comptant)\b"
)
_DISCOUNT = re.compile(r"(\d{1,2}(?:[.,]\d+)?) ?%? ?(?:/|%) ?(\d{1,3})")
_END_OF_MONTH = re.compile(r"\b(eom|end of month|monatsende|fin de mois|fdm)\b")


class Lonely(msgspec.Struct, frozen=True, kw_only=True):
    """A value that some customers of one side have and that means nothing on the other."""

    side: str
    value: str
    customers: int


def terms_key(terms: str) -> str:
    """What payment terms mean, as far as their words tell: days, discount, end of month."""
    text = " ".join(terms[:80].casefold().replace("_", " ").replace("-", " ").split())
    if _AT_ONCE.search(text) and not _DAYS.search(text):
        return "0 days"
    discount = _DISCOUNT.search(text)
    rest = text.replace(discount[0], " ") if discount else text
    days = _DAYS.findall(rest)
    if not days:
        return text
    parts = [f"{max(map(int, days))} days"]
    if discount:
        parts.append(f"{discount[1].replace(',', '.')} % within {int(discount[2])}")
    if _END_OF_MONTH.search(text):
        parts.append("end of month")
    return ", ".join(parts)


def lonely(
    left: Mapping[str, int], right: Mapping[str, int], sides: tuple[str, str], *, terms: bool
) -> Sequence[Lonely]:
    """List values of each side without counterpart; nothing where a side has no values at all."""
    if not left or not right:
        return ()

    def key(value: str) -> str:
        return terms_key(value) if terms else value.strip().upper()

    keys = [{key(value) for value in side} for side in (left, right)]
    return [
        Lonely(side=name, value=value, customers=count)
        for name, values, others in ((sides[0], left, keys[1]), (sides[1], right, keys[0]))
        for value, count in values.items()
        if key(value) not in others
    ]
