"""Codecs for what several vendors store in the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import CodecError, Number, Text
from interlock.model import Address, FieldFacts, Money, Ref, Value
from interlock.model.countries import COUNTRIES, country_code

__all__ = ["AddressParts", "Exact", "FixedCurrency", "Reference", "StatusIs"]


@dataclass(frozen=True, slots=True)
class Exact:
    """Text that means something else when cut, such as a SKU or an e-mail address."""

    facts: FieldFacts

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Refuse what is too long."""
        limit = self.facts.max_length
        if value is not None and limit is not None and len(str(value)) > limit:
            raise CodecError(f"more than {limit} characters")
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of another record of the same system."""

    entity: str
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Ref | None:
        """Point to the record."""
        return Ref(self.entity, str(raw)) if raw else None

    def encode(self, value: Value | None) -> Any:
        """Give the bare id."""
        if value is None:
            return None
        if not isinstance(value, Ref) or value.is_link:
            raise CodecError(f"not the id of a {self.entity} in this system")
        return value.id


@dataclass(frozen=True, slots=True)
class AddressParts:
    """An address spread over fields; ``keys``: part of our address -> the system's field."""

    keys: Mapping[str, str]
    lengths: Mapping[str, int] = field(default_factory=dict)
    """How many characters a part may have."""
    names_countries: bool = False
    """The system holds the English name of a country, not its ISO 3166 code."""
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Address | None:
        """Collect the parts; a country nobody would know is an error."""
        parts = {part: Text().decode(raw.get(key)) for part, key in self.keys.items()}
        if parts.get("country") is not None:
            parts["country"] = self._code(str(parts["country"]))
        return Address(**parts) or None

    def _code(self, country: str) -> str:
        if self.names_countries:
            code = country_code(country)
            if code is None:
                raise CodecError("the country is neither a name nor a code of ISO 3166")
            return code
        if not re.fullmatch(r"[A-Za-z]{2}", country):
            raise CodecError("the country is not a two-letter ISO 3166 code")
        return country.upper()

    def encode(self, value: Value | None) -> Any:
        """Give all parts, blank ones too, so that halves of two addresses never mix."""
        if value is not None and not isinstance(value, Address):
            raise CodecError("not an address")
        out: dict[str, str | None] = {}
        for part, key in self.keys.items():
            text = getattr(value, part) if value is not None else None
            if text is not None and part == "country" and self.names_countries:
                text = COUNTRIES.get(text, text)
            if text is not None and len(text) > self.lengths.get(part, len(text)):
                raise CodecError(f"the {part} has more than {self.lengths[part]} characters")
            out[key] = text
        return out


@dataclass(frozen=True, slots=True)
class FixedCurrency:
    """Money in a field without a currency of its own: the system's one."""

    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Add the currency."""
        number = Number().decode(raw)
        return None if number is None else Money(number, self.currency)

    def encode(self, value: Value | None) -> Any:
        """Round to the field's decimals; another currency has no place."""
        if value is None:
            return None
        if not isinstance(value, Money):
            raise CodecError("not an amount of money")
        if value.currency != self.currency:
            raise CodecError(f"the system holds amounts in {self.currency} only")
        return value.amount.quantize(Decimal(1).scaleb(-(self.facts.decimals or 0)))


@dataclass(frozen=True, slots=True)
class StatusIs:
    """Whether a status is the one that means yes; what the status follows from is not ours."""

    status: str
    refusal: str
    """Why it cannot be written, for the person who tried."""
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(writable=False))

    def decode(self, raw: Any) -> bool | None:
        """Compare with the one status."""
        return None if raw is None else bool(raw == self.status)

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError(self.refusal)
