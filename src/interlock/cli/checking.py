"""``interlock check``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interlock.cli.failures import DONE, FAILED, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.screen import amount, heading, print_json, say

if TYPE_CHECKING:
    from interlock.connectors.base import Finding
    from interlock.service.checking import CheckResult

__all__ = ["check"]

_MARKS: Final = {"ok": ("ok", "green"), "warning": ("! ", "yellow"), "error": ("X ", "red")}


def check(project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """Look for what keeps the project from working: addresses, rights, fields, the map."""
    result = asyncio.run(_check(project))
    if as_json:
        print_json(result)
    else:
        _show(result)
    finish(DONE if result.ok else FAILED)


async def _check(folder: Path) -> CheckResult:
    from interlock.service.checking import check as look
    from interlock.service.session import connect

    async with connect(load(folder)) as session:
        return await look(session)


def _show(result: CheckResult) -> None:
    for system in result.systems:
        about = " ".join(filter(None, (system.title, system.version)))
        heading(f"{system.name} ({about})")
        _findings(system.findings)
    heading("This project")
    _findings(result.project)
    say()
    findings = [f for s in result.systems for f in s.findings] + list(result.project)
    errors = sum(f.severity == "error" for f in findings)
    if errors:
        say(f"{amount(errors, 'thing')} to mend.", style="red")
    else:
        say("Everything that is needed is there.", style="green")


def _findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        mark, style = _MARKS[finding.severity.value]
        say(f"{finding.subject}: {finding.message}", lead=f"  {mark} ", style=style)
        if finding.fix:
            say(f"-> {finding.fix}", lead="     ")
