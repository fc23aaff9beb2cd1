"""What passes between a program and a memory system, and what can go wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from interlock.connectors.memory.storage import Row
from interlock.connectors.memory.tables import Refused

__all__ = ["Answered", "ApiError", "Call", "ConnectionLost", "Faults", "NoFaults", "Op"]

T = TypeVar("T")


class ApiError(Exception):
    """An answer that is an error: status, the system's code and, for 429, seconds to wait."""

    def __init__(
        self, status: int, message: str, *, code: str = "", retry_after: int | None = None,
        html: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after
        self.html = html


class ConnectionLost(Exception):  # noqa: N818  named as it is seen, like ConnectionError
    """No answer came; the system may or may not have done what was asked."""


class Op(msgspec.Struct, kw_only=True):
    """One record of a batch: a new one without ``id``; ``version`` makes the update conditional."""

    cells: dict[str, Any]
    id: str | None = None
    version: int | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one record: the row as saved, or why it was refused."""

    row: Row | None = None
    refused: Refused | None = None
    changed: bool = True


@dataclass(slots=True)
class Call:
    """One call on its way; a fault may look at it and change its ``ops``."""

    operation: str
    """"time", "describe", "alter", "changed", "listed", "fetched", "searched" or "write"."""
    entity: str = ""
    columns: tuple[str, ...] = ()
    ops: list[Op] = field(default_factory=list)


class Faults(Protocol):
    """What goes wrong between a program and the system."""

    def around(self, call: Call, carry_out: Callable[[], T]) -> T:
        """Answer a call; ``carry_out`` makes the system do it, once for each time it is called."""
        ...


class NoFaults:
    """Nothing goes wrong."""

    def around(self, call: Call, carry_out: Callable[[], T]) -> T:  # noqa: ARG002
        """Do what was asked."""
        return carry_out()
