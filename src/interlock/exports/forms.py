"""Amounts and dates as people's programs write them; an open cell is settled by its column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

import msgspec

__all__ = [
    "DateOrder",
    "DecimalMark",
    "Doubt",
    "date_order",
    "decimal_mark",
    "read_amount",
    "read_date",
]


class DateOrder(StrEnum):
    """What comes first in a date written in numbers, the year not being in front."""

    DMY = "dmy"
    MDY = "mdy"


class DecimalMark(StrEnum):
    """What stands before the cents."""

    POINT = "point"
    COMMA = "comma"


class Doubt(msgspec.Struct, frozen=True):
    """A column that can be read in two ways, or in none; ``line`` of a cell that shows it."""

    line: int
    both: bool
    """Some cells prove the one reading and some the other; else no cell proves any."""


Cells = Iterable[tuple[int, str]]
"""Lines and cells of a column."""

_LONGEST = 60
_SPACES = re.compile("[\\s'\u2019\u00a0\u202f]+")
_NUMBER = re.compile(r"\d[\d.,]*")
_NUMERIC = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_WORDED = re.compile(r"(\d{1,2})[. -]+([^\W\d_]{3,12})[., -]+(\d{4})(?!\d)")
_WORD_FIRST = re.compile(r"([^\W\d_]{3,12})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januar janvier enero gennaio januari",
            "feb februar fev fevrier février febrero febbraio februari",
            "mar mär mrz märz mars marzo maart march",
            "apr avr avril abril aprile april",
            "may mai mayo maggio mei maj",
            "jun juin junio giugno juni june",
            "jul juil juillet julio luglio juli july",
            "aug aou août agosto augustus august augusti",
            "sep sept septembre septiembre settembre september",
            "oct okt oktober octobre octubre ottobre october",
            "nov novembre noviembre november",
            "dec dez dezember décembre diciembre dicembre december",
        ),
        start=1,
    )
    for name in names.split()
}


def decimal_mark(cells: Cells) -> DecimalMark | Doubt | None:
    """Find what stands before the cents in a column; ``None``: no cell has cents.

    "1.234" and "1,234" alone are thousands: amounts of three decimals are next to unheard of.
    """
    proofs: dict[DecimalMark, int] = {}
    for line, text in cells:
        found = _NUMBER.search(_SPACES.sub("", text[:_LONGEST]))
        proof = _proven(found[0]) if found else None
        if proof is not None:
            proofs.setdefault(proof, line)
    if len(proofs) == 2:
        return Doubt(max(proofs.values()), both=True)
    return next(iter(proofs), None)


def _proven(number: str) -> DecimalMark | None:
    point, comma = number.rfind("."), number.rfind(",")
    if point >= 0 and comma >= 0:
        return DecimalMark.POINT if point > comma else DecimalMark.COMMA
    place = max(point, comma)
    if place < 0:
        return None
    mark, other = (
        (DecimalMark.POINT, DecimalMark.COMMA)
        if point >= 0
        else (DecimalMark.COMMA, DecimalMark.POINT)
    )
    if number.count(number[place]) > 1:
        return other
    return None if len(number) - place - 1 == 3 and 1 <= place <= 3 else mark


def read_amount(text: str, mark: DecimalMark | None) -> Decimal | None:
    """Read an amount; ``None`` when it is none.  ``mark``: what :func:`decimal_mark` found."""
    bare = _SPACES.sub("", text[:_LONGEST])
    found = _NUMBER.search(bare)
    if not found or len(text) > _LONGEST:
        return None
    rest = bare[: found.start()] + bare[found.end() :]
    if any(c.isdigit() for c in rest) or sum(map(str.isalpha, rest)) > 4:
        return None
    number = found[0].rstrip(".,")
    if mark is DecimalMark.COMMA:
        number = number.replace(".", "").replace(",", ".")
    elif mark is DecimalMark.POINT:
        number = number.replace(",", "")
    else:
        number = number.replace(",", "").replace(".", "")
    try:
        value = Decimal(number)
    except InvalidOperation:
        return None
    negative = rest.startswith(("-", "\u2212", "(")) or rest.endswith(("-", ")")) or "-" in rest
    return -value if negative else value


def date_order(cells: Cells) -> DateOrder | Doubt | None:
    """Find what comes first in a column's dates; ``None``: no cell needs it.

    Dates with points are day first wherever they are used.
    """
    proofs: dict[DateOrder, int] = {}
    open_at = 0
    for line, text in cells:
        found = _NUMERIC.match(text.strip()[:_LONGEST])
        if not found or len(found[1]) > 2 or found[2] == ".":
            continue
        first, second = int(found[1]), int(found[3])
        if first > 12 >= second:
            proofs.setdefault(DateOrder.DMY, line)
        elif second > 12 >= first:
            proofs.setdefault(DateOrder.MDY, line)
        elif first != second:
            open_at = open_at or line
    if len(proofs) == 2:
        return Doubt(max(proofs.values()), both=True)
    if proofs:
        return next(iter(proofs))
    return Doubt(open_at, both=False) if open_at else None


def read_date(text: str, order: DateOrder | None) -> date | None:
    """Read the day of a date, its time passed over; ``None`` when it is none."""
    text = text.strip()[:_LONGEST]
    parts = _numeric_parts(text, order) or _worded_parts(text.lower())
    if parts is None:
        return None
    year, month, day = parts
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None


def _numeric_parts(text: str, order: DateOrder | None) -> Sequence[int] | None:
    found = _COMPACT.match(text)
    if found:
        return [int(part) for part in found.groups()]
    found = _NUMERIC.match(text)
    if not found:
        return None
    first, mark, second, third = found.groups()
    if len(first) == 4:
        return (int(first), int(second), int(third)) if len(third) <= 2 else None
    if len(first) > 2 or len(third) not in (2, 4):
        return None
    if order is DateOrder.MDY and mark != ".":
        return int(third), int(first), int(second)
    return int(third), int(second), int(first)


def _worded_parts(text: str) -> Sequence[int] | None:
    found = _WORDED.match(text)
    if found and found[2] in _MONTHS:
        return int(found[3]), _MONTHS[found[2]], int(found[1])
    found = _WORD_FIRST.match(text)
    if found and found[1] in _MONTHS:
        return int(found[3]), _MONTHS[found[1]], int(found[2])
    return None
