"""A file of the project folder, already parsed: plain data, and the line each part stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from interlock.errors import ConfigurationError

__all__ = ["Document", "Place", "suggest"]

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: the keys and list positions that lead to it."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known name is near, or which there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}"


class Document:
    """Parsed data with its lines; collects all that is wrong before anything is refused."""

    def __init__(self, file: str, data: Any, lines: Mapping[Place, int] | None = None) -> None:
        self.file = file
        self.data = data
        self.problems: list[ConfigurationError] = []
        self._lines = lines or {}

    def line(self, path: Place) -> int | None:
        """Find the line of a part, or of the nearest part around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return None

    def refuse(self, path: Place, message: str, fix: str | None = None) -> None:
        """Note what is wrong with a part."""
        self.problems.append(
            ConfigurationError(message, file=self.file, line=self.line(path), fix=fix)
        )

    def mapping(self, path: Place, value: Any, what: str) -> Mapping[str, Any]:
        """Take a part that must be a mapping; anything else is noted and read as empty."""
        if isinstance(value, Mapping):
            return value
        self.refuse(path, f"{what} must be a list of `name: value` lines")
        return {}

    def only(self, path: Place, value: Mapping[str, Any], known: Iterable[str], what: str) -> None:
        """Note every key that is not known."""
        names = set(known)
        for key in value:
            if key not in names:
                self.refuse((*path, key), f"unknown {what} {key!r}", suggest(str(key), names))

    def finish(self) -> None:
        """Raise all that was noted; do nothing when the document is fine."""
        if self.problems:
            raise ConfigurationError.combined(self.problems)
