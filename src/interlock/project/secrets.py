"""References to secrets: ``${NAME}`` stands for a variable of the environment or of ``.env``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.errors import ConfigurationError
from interlock.governance.document import Document, Place, suggest

__all__ = ["SHORTEST_HIDDEN", "Secrets", "dotted", "read_env_file"]

_REFERENCE = re.compile(r"\$\$|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHORTEST_HIDDEN = 4
"""Values shorter than this are not blanked out in messages: it would garble every word."""


def read_env_file(file: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; comments, ``export`` and quotes as usual; no file is empty."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("the file cannot be read as UTF-8 text", file=file.name) from None
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().removeprefix("export ").strip()
        if not entry or entry.startswith("#"):
            continue
        name, equals, value = entry.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise ConfigurationError(
                "this line is not NAME=value", file=file.name, line=number,
                fix="comments start with #",
            )  # fmt: skip
        values[name.strip()] = _unquote(value.strip())
    return values


def _unquote(value: str) -> str:
    for quote in "\"'":
        if len(value) > 1 and value.startswith(quote):
            end = value.find(quote, 1)
            if end > 0:
                return value[1:end]
    return value.split(" #", 1)[0].rstrip()


class Secrets:
    """Resolves references and keeps the values out of messages."""

    def __init__(self, environment: Mapping[str, str], env_file: Mapping[str, str]) -> None:
        # the environment wins, so that a deployment can overrule the file
        self._known = {**env_file, **environment}
        self._local = env_file
        self._used: dict[str, str] = {}
        self.missing: set[Place] = set()
        """Where a reference could not be resolved."""

    def resolve(self, document: Document, place: Place, value: Any) -> Any:
        """Replace every ``${NAME}`` in a value and its parts; a missing one is noted."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda m: self._replace(document, place, m), value)
        if isinstance(value, Mapping):
            return {k: self.resolve(document, (*place, k), v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(document, (*place, i), v) for i, v in enumerate(value)]
        return value

    def _replace(self, document: Document, place: Place, match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        name = match.group(1)
        if not _NAME.fullmatch(name):
            self.missing.add(place)
            document.refuse(
                place, f"{match.group()} is no reference",
                "write ${NAME} with letters, digits and _; for a plain $ write $$",
            )  # fmt: skip
            return ""
        if not self._known.get(name):
            self.missing.add(place)
            near = suggest(name, self._local) if self._local else ""
            document.refuse(
                place, f"{dotted(place)}: the variable {name} is {self._state(name)}",
                f"put {name}=... into .env in the project folder, or set it in the environment"
                + (f"; {near}" if near.startswith("did") else ""),
            )  # fmt: skip
            return ""
        self._used[name] = self._known[name]
        return self._known[name]

    def _state(self, name: str) -> str:
        return "empty" if name in self._known else "not set"

    def value(self, name: str) -> str | None:
        """Give the value of a variable, which from now on is kept out of messages."""
        value = self._known.get(name) or None
        if value is not None:
            self._used[name] = value
        return value

    def hide(self, text: str) -> str:
        """Put the references back where a message quotes their values."""
        for name, value in sorted(self._used.items(), key=lambda item: -len(item[1])):
            if len(value) >= SHORTEST_HIDDEN:
                text = text.replace(value, f"${{{name}}}")
        return text


def dotted(place: Place) -> str:
    """Write a place as people read it."""
    return ".".join(str(step) for step in place)
