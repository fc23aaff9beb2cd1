"""What a run has done so far: counts, problems, and a hook for progress bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from interlock.governance.rules import Side

__all__ = ["Problem", "Run"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept a part of the run from working; the rest went on."""

    subject: str
    message: str
    fix: str = ""
    code: str = ""


@dataclass(slots=True)
class Run:
    """One pass of the engine.

    ``tick`` is told (stage, side or None, entity, records so far).  ``paused`` sides were
    unreachable, throttled or refused the credentials: nothing more is sent to them in this run.
    ``paused_entities``: a person paused them; they are neither read nor written.  ``spent``: calls
    of this purpose have to wait, others are still made.  ``until``: reading in full stops at the
    next page after this instant, to go on in another run; ``unfinished`` says where it did.
    """

    id: str
    tick: Callable[[str, Side | None, str, int], None] = lambda *_: None
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    paused: set[Side] = field(default_factory=set)
    paused_entities: set[str] = field(default_factory=set)
    spent: set[tuple[Side, str]] = field(default_factory=set)
    until: datetime | None = None
    unfinished: set[tuple[Side, str]] = field(default_factory=set)

    def problem(self, subject: str, message: str, fix: str = "", code: str = "") -> None:
        """Note a problem once."""
        found = Problem(subject, message, fix, code)
        if found not in self.problems:
            self.problems.append(found)

    @property
    def writes(self) -> int:
        """How many records were written in both systems."""
        return self.counts["created"] + self.counts["updated"]
