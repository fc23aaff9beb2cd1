"""Progress of a round: moving bars on a terminal, one line a step elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from interlock.cli.screen import amount, note, terminal

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["Progress"]


class Progress:
    """Shows what a round is at, on stderr; use as a context manager.

    ``names``: side -> what the system is called.  ``quiet``: show nothing.
    """

    def __init__(self, names: Mapping[str, str], *, quiet: bool = False) -> None:
        self._names = names
        self._quiet = quiet
        self._counts: dict[tuple[str, str], int] = {}
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        console = None if quiet else terminal()
        if console is not None:
            from rich.progress import Progress as Bars
            from rich.progress import SpinnerColumn, TextColumn

            self._bars = Bars(
                SpinnerColumn(finished_text=" "), TextColumn("{task.description}"),
                console=console, transient=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._bars is not None:
            self._bars.stop()
        elif not self._quiet:
            for (name, entity), count in self._counts.items():
                if count:
                    note(f"read {amount(count, entity)} from {name}")

    def tick(self, stage: str, side: object, entity: str, count: int) -> None:
        """Take note of records done in a step of the round."""
        if self._quiet:
            return
        name = self._names.get(str(side), str(side))
        if stage == "wait":
            until = datetime.fromisoformat(entity).astimezone()
            self._show(stage, f"waiting until {until:%H:%M:%S} for an answer that was lost")
        elif stage == "observe":
            known = self._counts.get((name, entity), 0) + count
            self._counts[name, entity] = known
            self._show(f"read {name} {entity}", f"reading {amount(known, entity)} from {name}")
        elif stage == "deliver":
            # the count is of attempts; what was written is for the report to say
            self._show(f"write {name}", f"writing {entity}s to {name}")

    def _show(self, key: str, text: str) -> None:
        if self._bars is None:
            return
        if key in self._tasks:
            self._bars.update(self._tasks[key], description=text)
        else:
            self._tasks[key] = self._bars.add_task(text, total=None)
