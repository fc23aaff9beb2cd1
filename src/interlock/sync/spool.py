"""A spool: what a full read showed, on disk, as digests only, so that memory stays flat."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from types import TracebackType
from typing import Self

import msgspec

from interlock.governance.rules import Side
from interlock.model import FieldFacts, Value, project

__all__ = ["Shown", "Spool"]

_PART = 400


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """A record as a full read showed it: whether it is there, and its values' digests."""

    present: bool
    digests: Mapping[str, bytes]


class Spool:
    """A file that is deleted when it is closed; use as a context manager.

    No value is in it: digests are made with a key that is never written.
    """

    def __init__(self) -> None:
        self._key = token_bytes(32)
        self._folder = tempfile.TemporaryDirectory(prefix="interlock-")
        self._db = sqlite3.connect(Path(self._folder.name) / "spool.db", check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-4096;"
            "CREATE TABLE shown (side TEXT, id TEXT, linked INT, body BLOB, "
            "PRIMARY KEY (side, id)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._db.close()
        self._folder.cleanup()

    def digest(self, value: Value | None, facts: Sequence[FieldFacts]) -> bytes:
        """Digest a value as far as every given system can tell it from others."""
        for held in facts:
            value = project(value, held)
        packed = msgspec.msgpack.encode([type(value).__name__, msgspec.to_builtins(value)])
        return blake2b(packed, digest_size=8, key=self._key).digest()

    def clear(self) -> None:
        """Empty it for the next entity."""
        self._db.execute("DELETE FROM shown")

    def add(self, side: Side, rows: Sequence[tuple[str, bool, Shown]]) -> None:
        """Keep what one page showed, given as (id, whether linked, what)."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO shown VALUES (?, ?, ?, ?)",
                [(side.value, i, linked, msgspec.msgpack.encode(s)) for i, linked, s in rows],
            )

    def get(self, side: Side, ids: Sequence[str]) -> dict[str, Shown]:
        """What was shown of these records; one that was not shown is missing."""
        found = {}
        for start in range(0, len(ids), _PART):
            part = ids[start : start + _PART]
            marks = ", ".join("?" * len(part))
            query = f"SELECT id, body FROM shown WHERE side = ? AND id IN ({marks})"  # noqa: S608
            for record_id, body in self._db.execute(query, (side.value, *part)):
                found[record_id] = msgspec.msgpack.decode(body, type=Shown)
        return found

    def unlinked(self, side: Side) -> Iterator[list[str]]:
        """Ids of present records without a link, a part at a time."""
        last = ""
        while True:
            rows = self._db.execute(
                "SELECT id, body FROM shown WHERE side = ? AND linked = 0 AND id > ? "
                "ORDER BY id LIMIT ?",
                (side.value, last, _PART),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [i for i, body in rows if msgspec.msgpack.decode(body, type=Shown).present]
