"""Values of fields as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from interlock.cli.screen import shorten

__all__ = ["field_name", "how", "show_score", "show_value"]

_ADDRESS = ("street", "postcode", "city", "region", "country")
_WIDTH = 70


def show_value(value: Any, links: Mapping[int, str] | None = None, *, full: bool = False) -> str:
    """Show a plain value; ``links`` names the records that references point to."""
    text = _text(value, links or {})
    return text if full else shorten(text, _WIDTH)


_ORIGINS: Final = {
    "match": "matched by", "alone": "created from the other side", "process": "made from a",
    "manual": "linked by a person", "rebuilt": "found again after the store went back:",
    "merge": "taken over in a merge from", "reference": "found by Interlock's key",
}  # fmt: skip


class _Linked(Protocol):
    @property
    def origin(self) -> str: ...

    @property
    def evidence(self) -> str: ...


def how(link: _Linked, *, whole: bool = True) -> str:
    """Say how a link came to be; ``whole``: both records are there."""
    if not whole and link.origin == "alone":
        return "to be created on the other side"
    words = _ORIGINS.get(link.origin, link.origin)
    return words if link.origin == "alone" else f"{words} {link.evidence}".strip()


class _Scored(Protocol):
    @property
    def probability(self) -> float: ...

    @property
    def contributions(self) -> Mapping[str, float]: ...

    @property
    def weights(self) -> str: ...


def show_score(score: _Scored) -> str:
    """Show what each field contributed, their sum, and the probability that makes."""
    parts = " ".join(f"{field} {value:+.2f}" for field, value in score.contributions.items())
    total = sum(score.contributions.values())
    return f"{parts} = {total:+.2f}: probability {score.probability:.3f} (weights {score.weights})"


def field_name(field: str) -> str:
    """Show a field's name in words."""
    return field.removeprefix("custom.").replace("_", " ")


def _text(value: Any, links: Mapping[int, str]) -> str:
    match value:
        case None | "":
            return "(blank)"
        case bool():
            return "yes" if value else "no"
        case {"amount": amount, "currency": currency}:
            return f"{amount} {currency}"
        case {"entity": entity, "id": str(record)}:
            return _reference(entity, record, links)
        case {}:
            parts = [str(value[p]) for p in _ADDRESS if value.get(p)]
            return ", ".join(" ".join(part.split()) for part in parts) or "(blank)"
        case list() | tuple():
            return "; ".join(_line(line) for line in value) or "(none)"
    return str(value)


def _reference(entity: str, record: str, links: Mapping[int, str]) -> str:
    if record.startswith("@"):
        name = links.get(int(record[1:]), "")
        return f"{name} (link {record[1:]})" if name else f"{entity} of link {record[1:]}"
    if record.startswith("~"):
        return f"{entity} {record[1:]}, not linked yet"
    return f"{entity} {record}"


def _line(line: Any) -> str:
    if not isinstance(line, Mapping):
        return str(line)
    product = line.get("product") or {}
    what = line.get("sku") or line.get("description") or product.get("id") or line.get("key")
    return f"{_number(line.get('quantity'))} x {what} at {line.get('unit_price')}"


def _number(value: Any) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
