"""Codecs for what HubSpot stores in its own way; all its values are text."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import CodecError, Instant, Number, Text
from interlock.model import FieldFacts, Line, Money, Ref, StageKind, Value

__all__ = [
    "AsText", "DealAmount", "Due", "Flag", "Lines", "Outcome", "PersonName", "TaskDone", "TaskText",
    "WonAt",
]  # fmt: skip

_READ_ONLY = FieldFacts(writable=False)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name in two properties; the last word is the last name."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Join the two."""
        parts = (Text().decode(raw.get(key)) for key in ("firstname", "lastname"))
        return " ".join(part for part in parts if part) or None

    def encode(self, value: Value | None) -> Any:
        """Split before the last word."""
        first, _, last = " ".join(str(value or "").split()).rpartition(" ")
        return {"firstname": first or None, "lastname": last or None}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false, as text."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool | None:
        """Read the word."""
        if raw is None or raw == "":
            return None
        if raw not in ("true", "false"):
            raise CodecError("the value is neither true nor false")
        return bool(raw == "true")

    def encode(self, value: Value | None) -> Any:
        """Write the word."""
        return None if value is None else "true" if value else "false"


@dataclass(frozen=True, slots=True)
class AsText:
    """A codec whose numbers travel as text."""

    codec: Any

    @property
    def facts(self) -> FieldFacts:
        """The inner codec's."""
        held: FieldFacts = self.codec.facts
        return held

    def decode(self, raw: Any) -> Any:
        """Read as the inner codec does."""
        return self.codec.decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Write plain digits."""
        number = self.codec.encode(value)
        return format(number, "f") if isinstance(number, Decimal) else number


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deal's stage means, from the stage's probability, never from its label or id."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> str | None:
        """Pass through what was worked out of the pipelines."""
        return None if raw is None else str(StageKind(raw))

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("what a stage means follows from the stage")


@dataclass(frozen=True, slots=True)
class WonAt:
    """When a won deal was won: its close date, which people may type."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> datetime | None:
        """Give the close date of a won deal."""
        return Instant().decode(raw.get("closes")) if raw.get("outcome") == "won" else None

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("a deal is won by its stage")


@dataclass(frozen=True, slots=True)
class DealAmount:
    """An amount with the deal's currency; without one in the company's."""

    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2, writable=False))

    def decode(self, raw: Any) -> Money | None:
        """Put the two together."""
        number = Number().decode(raw.get("amount"))
        currency = str(raw.get("currency") or self.currency)
        return None if number is None else Money(number, currency)

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("the amount is the sales people's")


@dataclass(frozen=True, slots=True)
class Lines:
    """Line items, read only; the unit price is net of the line's discount."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2, writable=False))

    def decode(self, raw: Any) -> tuple[Line, ...]:
        """Read the lines in the order of their ids."""
        return tuple(_line(row) for row in raw or ())

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse: lines are the sales people's."""
        raise CodecError("lines are not written to HubSpot")


def _line(row: Mapping[str, Any]) -> Line:
    quantity, price = Number().decode(row.get("quantity")), Number().decode(row.get("price"))
    if quantity is None or price is None:
        raise CodecError("a line has no quantity or no price")
    net = Number().decode(row.get("amount"))
    if net is None:
        net = quantity * price
    if quantity and quantity * price != net:
        price = (net / quantity).quantize(Decimal("0.000001"))
    product = row.get("hs_product_id")
    return Line(
        key=str(row["id"]),
        product=Ref("product", str(product)) if product else None,
        sku=Text().decode(row.get("hs_sku")),
        quantity=quantity,
        unit_price=price,
        net=net,
    )


@dataclass(frozen=True, slots=True)
class Due:
    """The day a task is due; HubSpot wants an instant: noon, UTC, is that day nearly everywhere."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(required=True))

    def decode(self, raw: Any) -> date | None:
        """Give the day in UTC."""
        moment = Instant().decode(raw)
        return None if moment is None else moment.date()

    def encode(self, value: Value | None) -> Any:
        """Write noon."""
        return f"{value.isoformat()}T12:00:00Z" if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class TaskText:
    """The body of a task, which is HTML."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Take the line breaks back."""
        text = str(raw or "").replace("<br>", "\n")
        return Text().decode(html.unescape(text))

    def encode(self, value: Value | None) -> Any:
        """Let no character become markup."""
        return None if value is None else html.escape(str(value)).replace("\n", "<br>")


@dataclass(frozen=True, slots=True)
class TaskDone:
    """Whether a task is done."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool:
        """Compare with the one status that means it."""
        return bool(raw == "COMPLETED")

    def encode(self, value: Value | None) -> Any:
        """Give the status."""
        return "COMPLETED" if value else "NOT_STARTED"
