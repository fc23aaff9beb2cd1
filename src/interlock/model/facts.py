"""What a system can hold of a value, and when two values are the same to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from interlock.model.values import Address, Line, Money, Value

__all__ = ["ANYTHING", "FieldFacts", "agree", "project"]


class FieldFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a system stores one field; values are compared as both systems can hold them.

    ``decimals``: digits after the point kept.  ``resolution``: smallest time step kept.
    ``choices``: the only values accepted.  ``collapses_space``: runs of white space become one.
    ``ignores_punctuation``: only letters and digits tell values apart (tax ids).
    ``ignores_scheme``: http://, https:// and a slash at the end tell no web addresses apart.
    ``half_even``: a line's net is rounded half to even there, not half up.
    ``cut_mark``: what ends a text that was cut, so that people see it; part of ``max_length``.
    """

    readable: bool = True
    writable: bool = True
    required: bool = False
    unique: bool = False
    max_length: int | None = None
    decimals: int | None = None
    choices: tuple[str, ...] | None = None
    ignores_case: bool = False
    collapses_space: bool = True
    ignores_punctuation: bool = False
    ignores_scheme: bool = False
    half_even: bool = False
    cut_mark: str = ""
    resolution: timedelta | None = None
    address_parts: tuple[str, ...] | None = None


ANYTHING = FieldFacts()

_SCHEME = re.compile(r"\A(?:https?://\s*)+", re.IGNORECASE)
_SLASHES = re.compile(r"[/\s]+\Z")


def _text(value: str, facts: FieldFacts) -> str | None:
    if facts.ignores_case:
        # before the cut: folding may lengthen a text (ß becomes ss)
        value = value.casefold()
    if facts.collapses_space:
        value = "\n".join(" ".join(line.split()) for line in value.strip().splitlines())
    if facts.ignores_scheme:
        value = _SCHEME.sub("", value)
    if facts.ignores_punctuation:
        value = "".join(c for c in value if c.isalnum())
    if facts.max_length is not None:
        mark = facts.cut_mark if len(value) > facts.max_length else ""
        value = value[: facts.max_length - len(mark)].rstrip() + mark
    if facts.ignores_scheme:
        value = _SLASHES.sub("", value)
    return value or None


def _decimal(value: Decimal, facts: FieldFacts) -> Decimal:
    if facts.decimals is not None:
        value = value.quantize(Decimal(1).scaleb(-facts.decimals), rounding=ROUND_HALF_EVEN)
    # 1.50 and 1.5 are one number; normalize() would turn 100 into 1E+2
    return value.normalize() if value else Decimal(0)


def _address(value: Address, facts: FieldFacts) -> Address | None:
    parts: dict[str, Any] = {}
    for part in facts.address_parts or Address.__struct_fields__:
        text = getattr(value, part)
        if text is not None:
            parts[part] = _text(text, facts)
    return Address(**parts) or None


def _line(line: Line, facts: FieldFacts) -> Line:
    return msgspec.structs.replace(
        line,
        quantity=_decimal(line.quantity, ANYTHING),
        unit_price=_decimal(line.unit_price, facts),
        net=None,
        description=None,
    )


def project(value: Value | None, facts: FieldFacts) -> Value | None:
    """Reduce a value to what a system with these facts can tell apart; blank text is ``None``."""
    match value:
        case None | bool():
            return value
        case str():
            return _text(value, facts)
        case Decimal():
            return _decimal(value, facts)
        case Money():
            return Money(_decimal(value.amount, facts), value.currency)
        case Address():
            return _address(value, facts)
        case datetime() if facts.resolution:
            step = facts.resolution
            start = datetime(1970, 1, 1, tzinfo=value.tzinfo)
            return start + ((value - start) // step) * step
        case tuple():
            return tuple(_line(line, facts) for line in value)
        case _:
            return value


def agree(left: Value | None, right: Value | None, *facts: FieldFacts) -> bool:
    """Say whether two values are the same as far as every given system can tell."""
    if left is right or left == right:
        return True
    for held in facts or (ANYTHING,):
        left, right = project(left, held), project(right, held)
    return left == right


FactsByField = Mapping[str, FieldFacts]
