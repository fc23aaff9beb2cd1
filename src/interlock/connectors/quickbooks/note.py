"""Our words in a note of QuickBooks, which has no field for other systems' keys.

They stand in one pair of brackets behind what people wrote: ``[interlock il-4k2m9x-7 po:4711]``.
Nothing else of a note is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

__all__ = ["LONGEST", "Note", "read_note"]

LONGEST: Final = 4000
_OURS: Final = re.compile(r"\s*\[interlock(?P<words>(?: [^\s\]]+)*)\]")
_NAMES: Final = ("po", "quote", "lines")
_ENCODED: Final = re.compile(r"[%\s\]|\x00-\x1f\x7f-\x9f]")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note; ``lines`` are the keys of the lines in their order, ``rest`` is what others wrote."""

    reference: str | None = None
    po: str | None = None
    quote: str | None = None
    lines: tuple[str, ...] = ()
    rest: str = ""

    def text(self) -> str:
        """Make the note's text."""
        words = [_encoded(self.reference)] if self.reference else []
        words += [f"{n}:{_encoded(v)}" for n in ("po", "quote") if (v := getattr(self, n))]
        if self.lines:
            words.append("lines:" + "|".join(_encoded(key) for key in self.lines))
        ours = f"[interlock {' '.join(words)}]" if words else ""
        return "\n".join(part for part in (self.rest, ours) if part)

    def raw(self) -> dict[str, Any]:
        """Show it as the object map reads it."""
        return {"po": self.po, "quote": self.quote, "lines": self.lines}

    def changed(self, changes: Mapping[str, Any]) -> Note:
        """Give it with other words."""
        return msgspec.structs.replace(self, **changes)


def read_note(text: Any) -> Note:
    """Find our words; those of the first pair of brackets count."""
    given = str(text or "")
    found = _OURS.search(given)
    if found is None:
        return Note(rest=given.strip())
    known: dict[str, Any] = {}
    for word in found["words"].split():
        name, sign, value = word.partition(":")
        if sign and name in _NAMES:
            known.setdefault(name, value)
        elif not sign:
            known.setdefault("reference", word)
    lines = known.pop("lines", "")
    return Note(
        rest="\n".join(
            filter(None, (given[: found.start()].strip(), given[found.end() :].strip()))
        ),
        lines=tuple(unquote(key) for key in lines.split("|")) if lines else (),
        **{name: unquote(value) for name, value in known.items()},
    )


def _encoded(text: str) -> str:
    return _ENCODED.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), text)
