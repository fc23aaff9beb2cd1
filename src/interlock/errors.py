"""Every error Interlock raises on purpose.

InterlockError
├── ConfigurationError      the project folder, a file or a flag is wrong: a person edits it
├── StoreError              the state file or database cannot be used as it is
├── StaleStateError         a record moved while a person decided on it: look again
└── ConnectorError          a system did not do what was asked; what the engine does next:
    ├── TransientError      try again later, uses up no patience of the record
    │   └── ThrottledError  try again at ``until``
    │       └── BudgetSpentError  our own budget says so, for what these calls serve
    ├── NeedsAuthError      pause the connection until a person renews the credentials
    ├── NotPermittedError   the right for one object is missing: name it, go on with the rest
    ├── UnknownOutcomeError the write may have happened: look it up before anything else
    └── RejectedError       the system refuses this record: a person mends it
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

__all__ = [
    "BudgetSpentError",
    "ConfigurationError",
    "ConnectorError",
    "InterlockError",
    "NeedsAuthError",
    "NotPermittedError",
    "RejectedError",
    "StaleStateError",
    "StoreError",
    "ThrottledError",
    "TransientError",
    "UnknownOutcomeError",
]


class InterlockError(Exception):
    """Root of every deliberate error; the message says what, which record and what to do."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class ConfigurationError(InterlockError):
    """A file, flag or environment variable is wrong; names the file and, if known, the line.

    ``problems``: every single finding when several were made at once, else the error itself.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        fix: str | None = None,
    ) -> None:
        where = "" if file is None else file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {message}" if where else message, fix=fix)
        self.file = file
        self.line = line
        self.problems: tuple[ConfigurationError, ...] = (self,)

    @classmethod
    def combined(cls, problems: Sequence[ConfigurationError]) -> ConfigurationError:
        """Make one error of one or more, so that a person sees all there is to mend."""
        if len(problems) == 1:
            return problems[0]
        lines = [f"{p.message} ({p.fix})" if p.fix else p.message for p in problems]
        error = cls(f"{len(problems)} problems:\n  " + "\n  ".join(lines))
        error.problems = tuple(problems)
        return error


class StoreError(InterlockError):
    """The state file or database is damaged, of a newer version, or somebody else's."""


class StaleStateError(InterlockError):
    """What a person decided on has changed since it was shown."""


class ConnectorError(InterlockError):
    """A system's answer, classified; never carries a body, a secret or a personal value."""

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        operation: str = "",
        code: str | None = None,
        field: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.system = system
        self.operation = operation
        self.code = code
        self.field = field


class TransientError(ConnectorError):
    """The system is unreachable or overloaded; nothing was written."""


class ThrottledError(TransientError):
    """The system asks to slow down; nothing was written."""

    def __init__(self, message: str, *, until: datetime | None = None, **kw: str | None) -> None:
        super().__init__(
            message,
            system=kw.get("system") or "",
            operation=kw.get("operation") or "",
            code=kw.get("code"),
            field=kw.get("field"),
            fix=kw.get("fix"),
        )
        self.until = until


class BudgetSpentError(ThrottledError):
    """Calls for one purpose have to wait; nothing was sent.  More urgent ones may still be made."""

    def __init__(self, message: str, *, purpose: str, until: datetime, system: str) -> None:
        super().__init__(message, until=until, system=system, code="budget")
        self.purpose = purpose


class NeedsAuthError(ConnectorError):
    """Credentials are missing, wrong, expired or revoked."""


class NotPermittedError(ConnectorError):
    """The credentials are valid but lack the right for this object or field."""


class UnknownOutcomeError(ConnectorError):
    """The request went out and no trustworthy answer came back."""


class RejectedError(ConnectorError):
    """The system refuses this record for good; ``code`` and ``field`` say why."""
