"""Keeps a memory system's rows in one SQLite file, so that several processes share a company.

Every process holds all rows in memory.  A change is made inside one file transaction that first
takes over what other processes have committed, so each sees the others' changes and none is lost.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Row", "RowFile", "State"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
    entity TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, cells TEXT NOT NULL,
    version INTEGER NOT NULL, modified TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL,
    merged_into TEXT, PRIMARY KEY (entity, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS row_seq ON row (seq);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class State(StrEnum):
    """What has become of a record."""

    LIVE = "live"
    ARCHIVED = "archived"
    MERGED = "merged"
    DELETED = "deleted"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record as the system keeps it; ``seq`` counts the changes of the whole company."""

    entity: str
    number: int
    id: str
    cells: dict[str, Any]
    version: int
    modified: datetime
    seq: int
    state: State = State.LIVE
    merged_into: str | None = None


class RowFile:
    """The file.  One writer at a time; every commit is on disk before it is answered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold the file for one change: all of it is kept, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def version(self) -> int:
        """Tell a number that differs once another process has committed."""
        with self._lock:
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def load(self, after: int) -> list[Row]:
        """Read the rows changed after this ``seq``, in the order of their changes."""
        with self._lock:
            found = self._db.execute(
                "SELECT entity, number, id, cells, version, modified, seq, state, merged_into "
                "FROM row WHERE seq > ? ORDER BY seq", (after,),
            ).fetchall()  # fmt: skip
        return [
            Row(entity=entity, number=number, id=record_id, cells=msgspec.json.decode(cells),
                version=version, modified=datetime.fromisoformat(modified), seq=seq,
                state=State(state), merged_into=into)
            for entity, number, record_id, cells, version, modified, seq, state, into in found
        ]  # fmt: skip

    def save(self, rows: Sequence[Row]) -> None:
        """Write rows; only inside ``change``."""
        self._db.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.entity, r.number, r.id, msgspec.json.encode(r.cells).decode(), r.version,
                 r.modified.isoformat(), r.seq, r.state.value, r.merged_into)
                for r in rows
            ],
        )  # fmt: skip

    def read_fact(self, name: str) -> str | None:
        """Read a fact about the company."""
        with self._lock:
            found = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def write_fact(self, name: str, value: str) -> None:
        """Keep a fact about the company; only inside ``change``."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
