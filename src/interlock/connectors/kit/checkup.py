"""What every connector's ``check`` collects, whatever it looks at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from interlock.connectors.base import CheckReport, Finding, Severity
from interlock.errors import InterlockError, TransientError

__all__ = ["Checkup"]

_SKEW: Final = timedelta(minutes=2)
"""A clock further off than this is worth a warning; the engine measures and allows for it."""


class Checkup:
    """The findings of one run of ``check``: collects, never raises for what it can report."""

    def __init__(self) -> None:
        self.version = ""
        self.findings: list[Finding] = []
        self.unreadable: dict[str, frozenset[str]] = {}
        self.unwritable: dict[str, frozenset[str]] = {}
        self.skew: timedelta | None = None

    def add(self, severity: Severity, subject: str, message: str, fix: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(severity=severity, subject=subject, message=message, fix=fix))

    def ok(self, subject: str, message: str) -> None:
        """Note what is as it should be."""
        self.add(Severity.OK, subject, message)

    def warn(self, subject: str, message: str, fix: str = "") -> None:
        """Note what does not stop the work."""
        self.add(Severity.WARNING, subject, message, fix)

    def fail(self, subject: str, message: str, fix: str = "") -> None:
        """Note what stops the work."""
        self.add(Severity.ERROR, subject, message, fix)

    def failed(
        self, subject: str, error: InterlockError, severity: Severity = Severity.ERROR
    ) -> None:
        """Note an error."""
        self.add(severity, subject, error.message, error.fix or "")

    def hidden(
        self,
        entity: str,
        error: InterlockError,
        fields: Iterable[str],
        severity: Severity = Severity.WARNING,
    ) -> None:
        """Note that an entity cannot be read; a system that is away says nothing about rights."""
        self.failed(entity, error, severity)
        if not isinstance(error, TransientError):
            self.unreadable[entity] = frozenset(fields)

    def clock(self, server_time: datetime | None, sent_at: datetime) -> None:
        """Compare the server's clock, as a ``Date`` header tells it, with ours."""
        if server_time is None:
            return
        # the header has whole seconds: half of one is the fairer guess
        self.skew = server_time + timedelta(seconds=0.5) - sent_at
        if abs(self.skew) > _SKEW:
            self.warn("clock", f"the server's clock is {self.skew} off ours",
                      "synchronise our clock")  # fmt: skip

    def report(self) -> CheckReport:
        """Give what was found."""
        return CheckReport(
            findings=self.findings,
            system_version=self.version,
            clock_skew=self.skew,
            unreadable=self.unreadable,
            unwritable=self.unwritable,
        )
