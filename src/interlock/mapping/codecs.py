"""Codecs: one vendor value to one model value and back.

``decode(encode(x)) == project(x, facts)`` holds for every codec; a codec that cannot represent a
value raises ``CodecError`` with the field and what would be accepted, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from msgspec.structs import replace

from interlock.errors import InterlockError
from interlock.model import FieldFacts, Value, project

__all__ = [
    "Boolean",
    "Choice",
    "Codec",
    "CodecError",
    "Date",
    "Instant",
    "Narrowed",
    "Number",
    "Text",
    "ValueMap",
]


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class CodecError(InterlockError):
    """A value has no form on the other side; ``field`` is set by the object map."""

    field: str | None = None


class Codec(Protocol):
    """Turns a vendor's value into a model value and back; blank is ``None`` on the model side."""

    @property
    def facts(self) -> FieldFacts:
        """What the vendor's field can hold."""
        ...

    def decode(self, raw: Any) -> Value | None:
        """Read the vendor's value."""
        ...

    def encode(self, value: Value | None) -> Any:
        """Make the vendor's value."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text; empty or white space is blank.  Too long is cut to ``facts.max_length``."""

    facts: FieldFacts = field(default_factory=FieldFacts)
    blank: Any = None
    """What the vendor wants for a blank: ``None`` or ``""``."""

    def decode(self, raw: Any) -> str | None:
        """Strip; NUL and other control characters but line ends and tabs never pass."""
        if raw is None:
            return None
        text = str(raw)
        if not text.isprintable():
            # wide spaces and the joiners inside emoji and Persian words are not printable either
            text = _CONTROL.sub("", text.replace("\r\n", "\n"))
        return text.strip() or None

    def encode(self, value: Value | None) -> Any:
        """Cut to what the field holds."""
        if value is None:
            return self.blank
        text = str(value)
        if self.facts.max_length is not None and len(text) > self.facts.max_length:
            # white space goes first, as in ``project``: both must cut off the same
            text = str(project(text, replace(self.facts, ignores_case=False)) or "")
        return text


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number; ``as_text`` sends it as text, else as a JSON number via ``Decimal``."""

    facts: FieldFacts = field(default_factory=FieldFacts)
    as_text: bool = True

    def decode(self, raw: Any) -> Decimal | None:
        """Read text, int, float (by its shortest repr) or Decimal."""
        if raw is None or raw == "":
            return None
        try:
            number = raw if isinstance(raw, Decimal) else Decimal(str(raw))
        except InvalidOperation as error:
            raise CodecError("the value is not a number") from error
        if not number.is_finite():
            raise CodecError("the value is not a finite number")
        return number

    def encode(self, value: Value | None) -> Any:
        """Round to the field's decimals, half to even."""
        if value is None:
            return None
        if not isinstance(value, Decimal | int):
            raise CodecError("the value is not a number")
        number = Decimal(value)
        if self.facts.decimals is not None:
            number = number.quantize(Decimal(1).scaleb(-self.facts.decimals))
        return format(number, "f") if self.as_text else float(number)


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool | None:
        """Read a JSON boolean or the words true, false, yes, no, 1, 0."""
        if raw is None or isinstance(raw, bool):
            return raw
        word = str(raw).strip().lower()
        if word in {"true", "yes", "1"}:
            return True
        if word in {"false", "no", "0"}:
            return False
        if not word:
            return None
        raise CodecError("the value is neither true nor false")

    def encode(self, value: Value | None) -> Any:
        """Pass through."""
        return value


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date, ISO 8601 text on the vendor's side."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> date | None:
        """Read YYYY-MM-DD, with or without a time part."""
        if raw is None or raw == "":
            return None
        try:
            return date.fromisoformat(str(raw)[:10])
        except ValueError as error:
            raise CodecError("the value is not a date") from error

    def encode(self, value: Value | None) -> Any:
        """Write YYYY-MM-DD."""
        return value.isoformat() if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time, ISO 8601 text; naive text is read as UTC."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> datetime | None:
        """Read an instant as aware UTC."""
        if raw is None or raw == "":
            return None
        try:
            instant = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
        except ValueError as error:
            raise CodecError("the value is not a point in time") from error
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)

    def encode(self, value: Value | None) -> Any:
        """Write ISO 8601 with offset."""
        return value.isoformat() if isinstance(value, datetime) else None


@dataclass(frozen=True, slots=True)
class Choice:
    """A value map: the vendor's codes to the model's words.

    ``values``: vendor code -> model value.  Several codes may mean the same; the first one is
    written.  An unlisted code is kept as it is when ``open_ended``, else refused.
    """

    values: Mapping[str, str]
    open_ended: bool = False
    ignores_case: bool = True
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Translate a code."""
        if raw is None or str(raw).strip() == "":
            return None
        code = str(raw).strip()
        if code in self.values:
            return self.values[code]
        for key, value in self.values.items():
            if self.ignores_case and key.casefold() == code.casefold():
                return value
        if self.open_ended:
            return code
        raise CodecError(
            f"{code!r} is not one of {', '.join(self.values)}",
            fix="add it to the field's values in the mapping file",
        )

    def encode(self, value: Value | None) -> Any:
        """Translate back."""
        if value is None:
            return None
        for key, meaning in self.values.items():
            if meaning == value:
                return key
        if self.open_ended:
            return value
        raise CodecError(
            f"{value!r} has no counterpart; known are "
            f"{', '.join(sorted(set(self.values.values())))}",
            fix="add it to the field's values in the mapping file",
        )


@dataclass(frozen=True, slots=True)
class ValueMap:
    """A user's value map: vendor values and model values in pairs, of any scalar type.

    Several vendor values may mean the same; the first pair is written.  An unlisted value is
    refused, so that a new code in one system cannot reach the other unnoticed.
    """

    pairs: tuple[tuple[str | int | bool, str | bool | Decimal], ...]
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Value | None:
        """Translate; text is compared exactly, then ignoring case and outer white space."""
        if raw is None or str(raw).strip() == "":
            return None
        for theirs, ours in self.pairs:
            if type(theirs) is type(raw) and theirs == raw:
                return ours
        wanted = _as_code(raw)
        for theirs, ours in self.pairs:
            if _as_code(theirs) == wanted:
                return ours
        raise CodecError(
            f"{raw!r} is not among the field's values",
            fix="add it to the field's values in the mapping file",
        )

    def encode(self, value: Value | None) -> Any:
        """Translate back, in the type the mapping file gives the vendor's value."""
        if value is None:
            return None
        for theirs, ours in self.pairs:
            if ours == value and isinstance(ours, bool) is isinstance(value, bool):
                return theirs
        raise CodecError(
            f"{value!r} is not among the field's values",
            fix="add it to the field's values in the mapping file",
        )


def _as_code(value: object) -> str:
    return str(value).strip().casefold()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A codec whose field holds less than the codec says: shorter text, fewer decimals."""

    codec: Codec
    max_length: int | None = None
    decimals: int | None = None

    @property
    def facts(self) -> FieldFacts:
        """The inner codec's facts, with the smaller limits."""
        held = self.codec.facts
        return replace(
            held,
            max_length=_smaller(held.max_length, self.max_length),
            decimals=_smaller(held.decimals, self.decimals),
        )

    def decode(self, raw: Any) -> Value | None:
        """Read as the inner codec does."""
        return self.codec.decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Cut and round before the inner codec writes."""
        limits = FieldFacts(
            max_length=self.max_length,
            decimals=self.decimals,
            collapses_space=False,
            cut_mark=self.codec.facts.cut_mark,
        )
        return self.codec.encode(project(value, limits))


def _smaller(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
