"""Expressions in mapping files: one value in, one value out, in CEL (Common Expression Language).

An expression cannot loop without end, reach a file or the network, or see anything but what it
is given: text, whole numbers, true or false, blank, and lists of these.  Numbers with a decimal
point arrive as text and must leave as text, because CEL only has binary floating point and money
would lose cents in it.  CEL's own limits (10,000 iterations, nesting of 32) come on top of these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from interlock.mapping.codecs import CodecError

__all__ = ["MAX_ITEMS", "MAX_LENGTH", "MAX_TEXT", "Expression", "Plain", "plain_input"]

MAX_LENGTH = 1_000
"""Longest expression, in characters."""
MAX_TEXT = 4_000
"""Longest text an expression is given or may return; longer ones are refused, never cut."""
MAX_ITEMS = 100
"""Longest list an expression is given."""
_INT64 = 2**63

Plain: TypeAlias = str | int | bool | None
"""What an expression or a mapping function returns."""

_SAFE_DETAILS = ("divide by zero", "cannot convert", "conversion failed", "No matching overloads")
_UNFIT = ("DOUBLE", "TIMESTAMP", "DURATION", "BYTES", "LIST", "MAP", "TYPE")


def plain_input(value: object, *, depth: int = 0) -> object:
    """Make a value fit for an expression; raises ``CodecError`` for what it must not see.

    An object with fields of its own is refused: it could carry what the boundary bars.
    """
    match value:
        case None | bool():
            return value
        case str():
            if len(value) > MAX_TEXT:
                raise CodecError(f"the text is longer than {MAX_TEXT} characters")
            # CEL's binding ends a text at NUL without a word
            return value.replace("\0", "")
        case int():
            return value if -_INT64 <= value < _INT64 else str(value)
        case Decimal():
            return format(value, "f")
        case float():
            return repr(value)
        case datetime() | date():
            return value.isoformat()
        case list() | tuple() if depth == 0:
            if len(value) > MAX_ITEMS:
                raise CodecError(f"the list is longer than {MAX_ITEMS} items")
            return [plain_input(item, depth=1) for item in value]
        case _:
            raise CodecError(
                "an expression reads single values, not a whole object",
                fix="let `path` lead to one field of it",
            )


def _detail(text: str) -> str:
    """Keep what says nothing of the data: CEL quotes keys and values in other messages."""
    reason = text.partition(":")[2].strip()
    return reason if any(words in reason for words in _SAFE_DETAILS) else "it has no value here"


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled expression; ``label`` names it in errors, ``names`` are all it can see."""

    source: str
    label: str
    names: frozenset[str]
    _program: Any

    @classmethod
    def compile(cls, source: str, label: str, names: Collection[str] = ("value",)) -> Expression:
        """Compile once; raises ``CodecError`` that names the expression and what is wrong."""
        if len(source) > MAX_LENGTH:
            raise CodecError(f"{label}: the expression is longer than {MAX_LENGTH} characters")
        environment = cel.NewEnv(
            variables=dict.fromkeys(names, cel.Type.DYN), extensions=[ext_strings.ExtStrings()]
        )
        try:
            program = environment.compile(source)
        except RuntimeError as error:
            raise CodecError(f"{label}: {_compile_problem(str(error), names)}") from None
        kind = program.return_type().name()
        if kind.startswith(_UNFIT):
            raise CodecError(
                f"{label}: the expression gives {kind.lower()}",
                fix="let it give text, a whole number, true or false, or null; "
                "a number with a decimal point is given as text",
            )
        return cls(source, label, frozenset(names), program)

    def __call__(self, inputs: Mapping[str, object]) -> Plain:
        """Evaluate; ``inputs`` other than the declared names do not reach the expression."""
        try:
            given = {name: plain_input(inputs.get(name)) for name in self.names}
        except CodecError as error:
            raise CodecError(f"{self.label}: {error.message}", fix=error.fix) from None
        try:
            outcome = self._program.eval(data=given)
        except RuntimeError as error:
            budget = "budget" in str(error)
            reason = "it takes too many steps" if budget else "it cannot be evaluated"
            raise CodecError(f"{self.label}: {reason}") from None
        value = outcome.plain_value()
        if outcome.type() == cel.Type.ERROR:
            raise CodecError(f"{self.label}: {_detail(str(value))}")
        return checked(value, self.label)


def checked(value: object, label: str) -> Plain:
    """Let through what a mapping may give; floats and structures are refused."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise CodecError(f"{label}: the result is longer than {MAX_TEXT} characters")
        return value
    raise CodecError(
        f"{label}: the result is of type {type(value).__name__}",
        fix="give text, a whole number, true or false, or nothing; "
        "a number with a decimal point is given as text",
    )


def _compile_problem(text: str, names: Collection[str]) -> str:
    first = text.partition("ERROR: ")[2].splitlines() or [text]
    place, _, reason = first[0].partition(": ")
    column = place.rpartition(":")[2]
    hint = f"; it sees only {', '.join(sorted(names))}" if "undeclared reference" in reason else ""
    if "recursion limit" in text:
        return "the expression is nested too deeply"
    return f"{reason.removesuffix(' [INVALID_ARGUMENT]')} (column {column}){hint}"
