"""A small company whose CRM and ERP live in files, worked on as a user does: by the command."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.cli import run
from interlock.connectors.memory import MemorySystem

__all__ = ["Ran", "Shop", "ran"]


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document it printed."""
        return json.loads(self.out)

    @property
    def flat(self) -> str:
        """Both outputs with single spaces, so that wrapping and alignment do not matter."""
        return " ".join((self.out + " " + self.err).split())


def ran(*arguments: object) -> Ran:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(a) for a in arguments])
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return Ran(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Shop:
    """The project folder; both systems and the state are files in it."""

    root: Path

    @classmethod
    def founded(cls, root: Path) -> Shop:
        """Found it by ``interlock init``: empty systems, orders from deals won since long ago."""
        made = ran(
            "init", "--project", root, "--crm", "memory_crm", "--erp", "memory_erp",
            "--set", f"crm.path={root / 'crm.db'}", "--set", f"erp.path={root / 'erp.db'}",
        )  # fmt: skip
        assert made.code == 0, made
        shop = cls(root)
        shop.write("go_live:", "go_live: 2020-01-01T00:00:00Z")
        shop.write("  quiet_time:", "  quiet_time: 0s")
        return shop

    def copied(self, root: Path) -> Shop:
        """Copy all of it, so that many tests can start from one beginning."""
        shutil.copytree(self.root, root)
        file = root / "interlock.yaml"
        file.write_text(file.read_text().replace(str(self.root), str(root)))
        return Shop(root)

    def do(self, *arguments: object) -> Ran:
        """Run a command on this project."""
        return ran(*arguments, "--project", self.root)

    def go(self) -> Ran:
        """Plan, approve, sync."""
        self.do("plan")
        self.do("approve")
        return self.do("sync", "--once")

    def write(self, beginning: str, line: str, file: str = "interlock.yaml") -> None:
        """Replace the line that begins with these words."""
        path = self.root / file
        lines = path.read_text().splitlines()
        assert any(one.startswith(beginning) for one in lines), beginning
        path.write_text(
            "\n".join(line if one.startswith(beginning) else one for one in lines) + "\n"
        )

    @contextmanager
    def crm(self) -> Iterator[MemorySystem]:
        """Work in the CRM."""
        with self._system("crm") as system:
            yield system

    @contextmanager
    def erp(self) -> Iterator[MemorySystem]:
        """Work in the ERP."""
        with self._system("erp") as system:
            yield system

    @contextmanager
    def _system(self, kind: str) -> Iterator[MemorySystem]:
        system = MemorySystem(kind, path=self.root / f"{kind}.db")
        try:
            yield system
        finally:
            system.close()

    def erp_customer(self, name: str) -> tuple[str, dict[str, Any]]:
        """The ERP's customer of that name."""
        with self.erp() as erp:
            return next((i, c) for i, c in erp.all("customer").items() if c["name"] == name)
