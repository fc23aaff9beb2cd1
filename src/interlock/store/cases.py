"""Cases: what a process has decided about a source record, where it waits and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, select

from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import case

__all__ = ["Case", "drop", "load", "put"]


_ALL = fixed(select(case).where(case.c.process == bindparam("process")))
_LOAD = fixed(_ALL.where(case.c.source_id.in_(bindparam("ids", expanding=True))))


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One source record in one process.

    ``state``: ignored, settling, waiting, held, refused, ordered, changed.  ``seen_hash`` and
    ``stable_since``: what the snapshot looked like and since when it has not changed.
    """

    process: str
    source_id: str
    state: str
    why: str
    at: datetime
    fix: str = ""
    seen_hash: bytes | None = None
    stable_since: datetime | None = None
    snapshot: bytes | None = None
    revision: int = 1
    link_id: int | None = None


def load(tx: Tx, process: str, ids: Sequence[str] | None = None) -> dict[str, Case]:
    """Cases by source id."""
    parts = [None] if ids is None else list(chunks(list(ids)))
    found = {}
    for part in parts:
        rows = (
            tx.conn.execute(_ALL, {"process": process})
            if part is None
            else tx.conn.execute(_LOAD, {"process": process, "ids": part})
        )
        for row in rows:
            found[row.source_id] = Case(**row._asdict())
    return found


def put(tx: Tx, cases: Sequence[Case]) -> None:
    """Save cases."""
    tx.upsert(case, [msgspec.structs.asdict(c) for c in cases])


def drop(tx: Tx, process: str, ids: Sequence[str]) -> None:
    """Delete cases: what they know of is to be looked at anew."""
    for part in chunks(list(ids)):
        tx.conn.execute(delete(case).where(case.c.process == process, case.c.source_id.in_(part)))
