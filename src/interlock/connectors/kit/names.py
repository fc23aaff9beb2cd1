"""Names of people that a system keeps in two fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from interlock.mapping.codecs import CodecError, Text
from interlock.model import FieldFacts, Value

__all__ = ["TwoNames"]


@dataclass(frozen=True, slots=True)
class TwoNames:
    """A person's name in two fields; the last one gets the last word.

    ``first``, ``last``: the system's names of the fields; the numbers are what they hold.
    """

    first: str
    last: str
    first_length: int
    last_length: int
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Join the two."""
        parts = (Text().decode(raw.get(key)) for key in (self.first, self.last))
        return " ".join(part for part in parts if part) or None

    def encode(self, value: Value | None) -> Any:
        """Split before the last word; part of a name is nobody's."""
        first, _, last = " ".join(str(value or "").split()).rpartition(" ")
        if len(first) > self.first_length or len(last) > self.last_length:
            raise CodecError(
                f"more than {self.first_length} characters before the last word, "
                f"or {self.last_length} in it"
            )
        return {self.first: first or None, self.last: last or None}
