"""Faults on demand: what goes wrong between a program and a cloud system, by chance or on order."""

from __future__ import annotations

import random
import re
from enum import StrEnum

import msgspec

from interlock.twins.calls import Call

__all__ = ["Fault", "FaultKind", "Faults"]


class FaultKind(StrEnum):
    """What goes wrong."""

    LOST_ANSWER = "lost_answer"
    """The system does it and the connection breaks before the answer."""
    LOST_REQUEST = "lost_request"
    """The connection breaks; the system never hears of it."""
    LATE_COMMIT = "late_commit"
    """The connection breaks; what was asked becomes visible ``seconds`` later."""
    THROTTLED = "throttled"
    """Refused for too many calls, in the vendor's way."""
    UNAVAILABLE = "unavailable"
    """Refused for maintenance or overload: 503."""
    QUOTA_REACHED = "quota_reached"
    """Refused because the day's calls are used up, in the vendor's way."""
    SLOW = "slow"
    """The answer takes ``seconds`` longer."""
    ROW_LOCKED = "row_locked"
    """Another transaction holds the row to be written."""
    INDEX_LAG = "index_lag"
    """Searches show the rows as they were ``seconds`` ago."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault and the calls it befalls.

    ``rate``: share of the matching calls, by chance.  ``skip``: matching calls let through first.
    ``times``: how many it then befalls, ``None`` for all.  ``path``: regular expression searched in
    path and query.  ``status``, ``retry_after``, ``html``: how a refusal looks, in place of what is
    usual for the vendor; ``html`` puts markup where JSON is expected.
    """

    kind: FaultKind
    rate: float = 1.0
    times: int | None = None
    skip: int = 0
    method: str | None = None
    path: str | None = None
    body: str | None = None
    seconds: float = 20.0
    status: int | None = None
    retry_after: int | None = None
    html: bool = False

    def concerns(self, call: Call) -> bool:
        """Say whether a call is one it may befall."""
        target = call.path + "".join(f"&{k}={v}" for k, v in call.query.items())
        return (
            (self.method is None or self.method.upper() == call.method)
            and (self.path is None or re.search(self.path, target) is not None)
            and (self.body is None or self.body in call.text)
        )


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0


class Faults:
    """The armed faults of one twin; the same seed and the same calls make the same accidents."""

    def __init__(self, known: frozenset[FaultKind], seed: int = 1) -> None:
        """``known``: kinds that mean something for this vendor; others are refused."""
        self.known = known
        self._chance = random.Random(seed)  # noqa: S311
        self._armed: list[_Armed] = []

    def arm(self, fault: Fault) -> None:
        """Let a fault happen from now on; raises ``ValueError`` for a kind this vendor has not."""
        if fault.kind not in self.known:
            names = ", ".join(sorted(self.known))
            raise ValueError(f"this twin has no fault {fault.kind.value!r}; it has: {names}")
        if not 0 <= fault.rate <= 1:
            raise ValueError(f"a rate lies between 0 and 1, not at {fault.rate:g}")
        if fault.path is not None:
            _check_pattern(fault.path)
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._armed.clear()

    def listed(self) -> list[dict[str, object]]:
        """List what is armed and how often it has happened."""
        return [{**msgspec.to_builtins(a.fault), "struck": a.struck} for a in self._armed]

    def strike(self, call: Call) -> list[Fault]:
        """Decide which faults befall a call; locked rows and lag are asked for by themselves."""
        return [
            armed.fault
            for armed in self._armed
            if armed.fault.kind not in (FaultKind.ROW_LOCKED, FaultKind.INDEX_LAG)
            and armed.fault.concerns(call)
            and self._happens(armed)
        ]

    def locks_row(self) -> bool:
        """Decide whether the next row to be written is held by somebody else."""
        return any(
            self._happens(armed)
            for armed in self._armed
            if armed.fault.kind is FaultKind.ROW_LOCKED
        )

    def lag(self) -> float:
        """Tell by how many seconds searches are behind."""
        return max(
            (a.fault.seconds for a in self._armed if a.fault.kind is FaultKind.INDEX_LAG),
            default=0.0,
        )

    def _happens(self, armed: _Armed) -> bool:
        armed.seen += 1
        fault = armed.fault
        if armed.seen <= fault.skip or (fault.times is not None and armed.struck >= fault.times):
            return False
        if fault.rate < 1 and self._chance.random() >= fault.rate:
            return False
        armed.struck += 1
        return True


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"path {pattern!r} is not a regular expression: {error}") from error
