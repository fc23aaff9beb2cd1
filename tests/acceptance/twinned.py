"""Two twins, a project folder between them, and the people who work on both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interlock.twins.serving import Running
from interlock.twins.twin import Twin

from .shop import Ran, ran

__all__ = ["Pair", "founded"]


@dataclass(frozen=True)
class Pair:
    """A project between two running twins; what is asked of them is asked as a person would."""

    root: Path
    crm: Twin
    erp: Twin
    init: Ran

    def do(self, *arguments: object) -> Ran:
        """Run a command on this project."""
        return ran(*arguments, "--project", self.root)

    def sync(self, times: int = 1) -> Ran:
        """Sync; each time must end well."""
        for _ in range(times):
            result = self.do("sync", "--once")
            assert result.code == 0, result
        return result

    def rows(self, system: Twin, table: str, **wanted: Any) -> list[dict[str, Any]]:
        """Show rows of a table with these values."""
        return [
            dict(row) for row in system.shown(table)
            if all(row.get(name) == value for name, value in wanted.items())
        ]  # fmt: skip

    def row(self, system: Twin, table: str, **wanted: Any) -> dict[str, Any]:
        """Show the one row with these values."""
        found = self.rows(system, table, **wanted)
        assert len(found) == 1, (table, wanted, found)
        return found[0]


def founded(
    root: Path, crm: Running, erp: Running, settings: Mapping[str, str], more: Sequence[str] = ()
) -> Pair:
    """Begin a project by ``interlock init``; deals won from today on become orders."""
    stated = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    init = ran("init", "--project", root, "--crm", crm.twin.name, "--erp", erp.twin.name, *stated)
    config = root / "interlock.yaml"
    text = config.read_text(encoding="utf-8")
    today = datetime.now(UTC).date().isoformat()
    text = text.replace("go_live:", f"go_live: {today}T00:00:00Z")
    text = re.sub(r"  quiet_time: .*", "  quiet_time: 0s", text)
    config.write_text("\n".join([text, *more, ""]), encoding="utf-8")
    return Pair(root, crm.twin, erp.twin, init)
