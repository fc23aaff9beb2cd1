"""Codecs computed by a user's expression or function around a plain codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.mapping.codecs import Codec
from interlock.mapping.expressions import Expression, Plain, plain_input
from interlock.mapping.functions import Function
from interlock.model import FieldFacts, Value

__all__ = ["Computed", "Step"]

Step = Expression | Function


@dataclass(frozen=True, slots=True)
class Computed:
    """Reads through ``reads`` and writes through ``writes``; without ``writes`` it is read-only.

    Reading: vendor value -> ``reads`` -> ``codec`` makes the model value.  Writing: ``codec``
    makes the plain form of the model value -> ``writes`` -> vendor value.  A blank stays blank
    without being computed.  ``several``: ``reads`` takes a mapping of inputs; blank means that
    all of them are.
    """

    codec: Codec
    reads: Step | None
    writes: Step | None
    several: bool = False

    @property
    def facts(self) -> FieldFacts:
        """What the plain codec's field holds."""
        return self.codec.facts

    def decode(self, raw: Any) -> Value | None:
        """Compute the model value."""
        if _is_blank(raw):
            return None
        if self.reads is None:
            return self.codec.decode(raw)
        return self.codec.decode(_run(self.reads, raw, several=self.several))

    def encode(self, value: Value | None) -> Any:
        """Compute the vendor's value."""
        plain = self.codec.encode(value)
        return plain if plain is None or self.writes is None else _run(self.writes, plain)


def _is_blank(raw: Any) -> bool:
    if isinstance(raw, Mapping):
        return all(_is_blank(value) for value in raw.values())
    return raw is None or (isinstance(raw, str) and not raw.strip())


def _run(step: Step, value: Any, *, several: bool = False) -> Plain:
    if isinstance(step, Expression):
        return step(value if several else {"value": value})
    if several:
        return step({name: plain_input(part) for name, part in value.items()})
    return step(plain_input(value))
