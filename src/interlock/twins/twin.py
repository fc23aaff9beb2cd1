"""What every twin is made of, whatever vendor it speaks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind, Faults
from interlock.twins.requestlog import Quota, RequestLog
from interlock.twins.slots import Slots
from interlock.twins.storage import Row, Storage

__all__ = ["Twin", "UserError"]


class UserError(Exception):
    """What was asked at ``/_twin/`` or on the command line cannot be done; the text says why."""


class Twin(ABC):
    """One system of one vendor: state, time, faults and the vendor's API.

    ``handle`` answers a call of the vendor's API.  The other methods are what a person at the
    vendor's own screens could do; they raise ``UserError``.
    """

    name: ClassVar[str]
    known_faults: ClassVar[frozenset[FaultKind]]
    daily_calls: ClassVar[int]

    def __init__(self, *, clock: TwinClock | None = None, random_seed: int = 1) -> None:
        self.clock = clock or TwinClock()
        self.storage = Storage(self.clock)
        self.faults = Faults(self.known_faults, random_seed)
        self.log = RequestLog()
        self.quota = Quota(self.clock, self.daily_calls)
        self.slots: Slots | None = None
        """Where the vendor limits how many calls are under way at once."""

    # ── the vendor's API ─────────────────────────────────────────────────────────────────────

    @abstractmethod
    def handle(self, call: Call) -> Answer:
        """Answer a call of the vendor's API; never raises."""

    @abstractmethod
    def refuse(self, fault: Fault) -> Answer:
        """Answer as the vendor does when it is throttling, overloaded or out of quota."""

    @abstractmethod
    def counts(self, call: Call) -> bool:
        """Say whether a call is counted against the day's quota."""

    @abstractmethod
    def finish(self, answer: Answer) -> Answer:
        """Add what every answer carries, such as headers that report the quota."""

    def is_secret(self, call: Call) -> bool:
        """Say whether a call's body holds credentials and is not to be kept."""
        return "oauth" in call.path or "token" in call.path

    @abstractmethod
    def kind(self, call: Call) -> str:
        """Name what a call is counted as: method and path, without ids and version."""

    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Give valid credentials, named as the vendor names them."""

    # ── a person at the vendor's screens ─────────────────────────────────────────────────────

    @abstractmethod
    def insert(self, table: str, values: Row) -> str:
        """Make a row as a user would; returns its id."""

    @abstractmethod
    def update(self, table: str, key: str, values: Row) -> None:
        """Change a row as a user would."""

    @abstractmethod
    def delete(self, table: str, key: str) -> None:
        """Delete a row as a user would."""

    @abstractmethod
    def merge(self, table: str, winner: str, losers: Sequence[str]) -> None:
        """Merge rows into one as a user would."""

    @abstractmethod
    def shown(self, table: str) -> Sequence[Mapping[str, Any]]:
        """List a table's rows, deleted ones too, as JSON can hold them."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Tell what an administrator has switched on."""

    @abstractmethod
    def configure(self, changes: Mapping[str, Any]) -> None:
        """Switch things as an administrator would."""
