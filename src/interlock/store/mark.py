"""The high-water mark: how far the store once was, kept outside it (rule 28).

A store that is restored, copied or failed over to a lagging replica then lies behind its mark.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from interlock.errors import StoreError

if sys.platform != "win32":
    import fcntl

__all__ = ["Mark", "MarkFile", "Position"]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store stands.

    ``sent`` counts the transactions that let calls go out, ``history`` is the number of the latest
    row of history.  ``database`` identifies the database a server holds the store in.
    """

    store: str
    epoch: int
    sent: int
    history: int
    database: str = ""

    def is_ahead_of(self, other: Position) -> bool:
        """Say whether a store at ``other`` has lost something this one had."""
        if self.epoch != other.epoch:
            return self.epoch > other.epoch
        return self.sent > other.sent or self.history > other.history


class Mark(Protocol):
    """Keeps the furthest position a store was ever seen at."""

    def read(self) -> Position | None:
        """Read it; ``None`` when there is none yet."""
        ...

    def reach(self, position: Position) -> None:
        """Keep a position, unless the store has been further; returns once that is durable."""
        ...


class MarkFile:
    """The mark as a small file, replaced as a whole.

    Costs two flushes to the disk per batch of writes sent, and none where nothing is sent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._known: Position | None = None

    def read(self) -> Position | None:
        """Read it; raises ``StoreError`` for a file that is not a mark."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(text, type=Position)
        except msgspec.DecodeError:
            raise StoreError(
                f"{self.path}: this is not the mark of a store",
                fix="move it away: the next sync then reads everything again before it writes",
            ) from None

    def reach(self, position: Position) -> None:
        """Keep a position, unless another process has kept a further one."""
        with self._turn, self._locked():
            if position == self._known and self.path.exists():
                return
            kept = self.read()
            if kept is not None and kept.store == position.store:
                if kept.epoch > position.epoch:
                    return
                if kept.epoch == position.epoch:
                    position = msgspec.structs.replace(
                        position,
                        sent=max(kept.sent, position.sent),
                        history=max(kept.history, position.history),
                    )
            if kept != position:
                self._replace(position)
            self._known = position

    def _replace(self, position: Position) -> None:
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(position) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        flush_folder(self.path.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time compare and replace."""
        if sys.platform == "win32":
            yield
            return
        with self.path.with_name(self.path.name + ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def flush_folder(folder: Path) -> None:
    """Make a file's new name durable, where folders can be flushed."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
