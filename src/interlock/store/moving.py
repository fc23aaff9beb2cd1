"""Moving a store to another database: every row copied, counted and hashed on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from interlock.errors import ConfigurationError, StoreError
from interlock.store import epochs, feeds
from interlock.store.backup import set_sequences
from interlock.store.database import Store, Tx
from interlock.store.mark import Position
from interlock.store.tables import meta, metadata, outbox

__all__ = ["Moved", "move", "moved_to", "stay"]

_MOVED = "moved"
"""Under this name a store that was moved says where to; it is not used any more."""
_ROWS = 500
_OWN = ("vault", _MOVED, "database")
"""Facts that a store has of its own."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved.  ``rows``: table -> how many; ``digests``: table -> of all its rows."""

    rows: dict[str, int]
    digests: dict[str, str]


def moved_to(tx: Tx) -> str | None:
    """Where the store was moved to; ``None`` for one in use."""
    return feeds.get_meta(tx, _MOVED) or None


def stay(tx: Tx) -> None:
    """Use a store again that was moved."""
    tx.conn.execute(delete(meta).where(meta.c.key == _MOVED))


def move(source: Store, target: Store, *, now: datetime, where: str) -> Moved:
    """Copy all state into an empty store, prove it equal, and retire the old one.

    Nobody can write to the old store meanwhile.  Whatever goes wrong leaves it in use and the new
    one empty.
    """
    try:
        with source.engine.begin() as old:
            _refuse_busy(old, now)
            with target.begin() as tx:
                moved = _copy(old, tx)
            old.execute(insert(meta).values(key=_MOVED, value=f"{where} at {now.isoformat()}"))
    except (DataError, IntegrityError) as error:
        raise StoreError(
            f"the new store refuses a row ({type(error.orig).__name__}); nothing was moved",
            fix="this is a bug in Interlock: report it with the kinds of both databases",
        ) from None
    return moved


def _refuse_busy(old: Connection, now: datetime) -> None:
    until = old.execute(select(func.max(outbox.c.lease_until))).scalar()
    if until is not None and until > now:
        raise StoreError(
            "a write is on its way, or its process died a moment ago",
            fix=f"stop every sync, and try again after {until:%H:%M:%S} UTC",
        )


def _copy(old: Connection, tx: Tx) -> Moved:
    new = tx.conn
    full = [
        str(table.name)
        for table in metadata.sorted_tables
        if table is not meta and new.execute(select(func.count()).select_from(table)).scalar_one()
    ]
    if full or epochs.position(tx) is not None:
        raise ConfigurationError(
            "the new store is in use: it is not empty", fix="name an empty database"
        )
    new.execute(delete(meta).where(meta.c.key != "vault"))
    rows, digests = {}, {}
    for table in metadata.sorted_tables:
        for part in _parts(old, table):
            new.execute(insert(table), part)
        mine, theirs = _digest(old, table), _digest(new, table)
        if mine != theirs:
            raise StoreError(
                f"{table.name} differs after it was copied ({mine[0]:,} rows here, {theirs[0]:,} "
                "there); nothing was moved",
                fix="this is a bug in Interlock: report it with the kinds of both databases",
            )
        rows[str(table.name)], digests[str(table.name)] = mine
    set_sequences(tx)
    epochs.settle_in(tx)
    reached: Position | None = epochs.position(tx)
    tx.reached = reached
    return Moved(rows=rows, digests=digests)


def _parts(conn: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    """All rows of a table, a part at a time; of ``meta`` what is not the store's own."""
    query = select(table)
    if table is meta:
        query = query.where(meta.c.key.not_in(_OWN))
    names = [str(column.name) for column in table.columns]
    stream = {"stream_results": True, "max_row_buffer": _ROWS}
    with conn.execute(query, execution_options=stream) as found:
        for part in found.partitions(_ROWS):
            yield [dict(zip(names, row, strict=True)) for row in part]


def _digest(conn: Connection, table: Table) -> tuple[int, str]:
    """Count rows and hash them, in whatever order a database gives them."""
    count = total = 0
    for part in _parts(conn, table):
        for row in part:
            data = msgspec.msgpack.encode(list(row.values()))
            total += int.from_bytes(hashlib.sha256(data).digest(), "big")
            count += 1
    return count, f"{total % (1 << 256):064x}"
