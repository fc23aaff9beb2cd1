"""Backups: one file with the whole store and a manifest, proven before and after it is used.

A zip of ``manifest.json`` and the content: a copy of the SQLite file, or the rows of all tables.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, delete, func, insert, select, text

from interlock.errors import StoreError
from interlock.store import epochs, feeds
from interlock.store.database import Store, Tx
from interlock.store.mark import Position, flush_folder
from interlock.store.tables import metadata

__all__ = [
    "Manifest",
    "read_manifest",
    "replace_file",
    "replace_tables",
    "set_sequences",
    "write_backup",
]

_MANIFEST, _FILE, _TABLES = "manifest.json", "store.db", "tables.msgpack"
_FORMAT = 1
_DAMAGE = (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error,
           NotImplementedError, RuntimeError, struct.error)  # fmt: skip
"""What reading an archive raises where one of its bytes is wrong: method, lengths, names, data."""
_CHUNK = 1 << 20
_ROWS = 500


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.  ``rows``: table -> how many; ``sha256``: of the content."""

    format: int
    installation: str
    at: datetime
    position: Position
    content: str
    schema: str
    sha256: str
    rows: dict[str, int]


# ── making one ───────────────────────────────────────────────────────────────────────────────


def write_backup(store: Store, file: Path, *, installation: str, at: datetime) -> Manifest:
    """Copy the store into ``file`` while it is in use, and prove the copy.

    Everything written before the call is in it, nothing half.
    """
    if not file.parent.is_dir():
        raise StoreError(f"{file.parent}: the folder does not exist", fix="create it first")
    sqlite = store.engine.dialect.name == "sqlite"
    name = _FILE if sqlite else _TABLES
    content, fresh = _beside(file, "content"), _beside(file, "part")
    try:
        content.touch(mode=0o600)
        (_copy_file if sqlite else _export)(store, content)
        facts = _facts_of_file(content) if sqlite else _facts_of_tables(content)
        manifest = Manifest(
            format=_FORMAT,
            installation=installation,
            at=at,
            content=name,
            sha256=_sha256_of(content),
            **facts,
        )
        fresh.touch(mode=0o600)
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            archive.write(content, name)
        fresh.replace(file)
        flush_folder(file.parent)
    finally:
        content.unlink(missing_ok=True)
        fresh.unlink(missing_ok=True)
    return manifest


def _copy_file(store: Store, target: Path) -> None:
    with store.engine.connect() as conn:
        raw = conn.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        conn.rollback()
        copy = sqlite3.connect(target)
        try:
            raw.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()


def _facts_of_file(file: Path) -> dict[str, Any]:
    """Prove a copy, and say what is in it."""
    raw = sqlite3.connect(file)
    try:
        found = [row[0] for row in raw.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    finally:
        raw.close()
    if found != ["ok"]:
        raise StoreError(
            f"{file.name}: the copy of the store is damaged ({found[0]})",
            fix="the store itself may be: restore it from an earlier backup",
        )
    engine = create_engine(f"sqlite:///{file}")
    try:
        with engine.connect() as conn:
            return _facts(conn)
    finally:
        engine.dispose()


def _facts(conn: Connection) -> dict[str, Any]:
    from interlock.model import Schema

    here = epochs.position(Tx(conn, Schema()))
    return {
        "position": here or Position(store="", epoch=0, sent=0, history=0),
        "schema": MigrationContext.configure(conn).get_current_revision() or "",
        "rows": {
            str(name): conn.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        },
    }


def _export(store: Store, target: Path) -> None:
    """Write all rows, as they stood at one moment; nobody waits for it."""
    engine = create_engine(store.engine.url, hide_parameters=True).execution_options(
        isolation_level="REPEATABLE READ"
    )
    try:
        with engine.connect() as conn, target.open("wb") as file:
            _frame(file, ["", _facts(conn)])
            for table in metadata.sorted_tables:
                names = [str(column.name) for column in table.columns]
                stream = {"stream_results": True, "max_row_buffer": _ROWS}
                with conn.execute(select(table), execution_options=stream) as rows:
                    for part in rows.partitions(_ROWS):
                        found = [dict(zip(names, row, strict=True)) for row in part]
                        _frame(file, [str(table.name), found])
    finally:
        engine.dispose()


def _frame(file: IO[bytes], content: object) -> None:
    data = msgspec.msgpack.encode(content)
    file.write(struct.pack(">I", len(data)) + data)


def _frames(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open("rb") as source:
        while head := source.read(4):
            (size,) = struct.unpack(">I", head)
            name, content = msgspec.msgpack.decode(source.read(size))
            yield name, content


def _facts_of_tables(file: Path) -> dict[str, Any]:
    counted = dict.fromkeys(metadata.tables, 0)
    facts: dict[str, Any] = {}
    for name, content in _frames(file):
        if name:
            counted[name] += len(content)
        else:
            facts = content
    if counted != facts["rows"]:
        raise StoreError("the export of the store is incomplete", fix="make the backup again")
    return facts | {"position": msgspec.convert(facts["position"], Position)}


def _sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while part := source.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f".{file.name}.{what}")


# ── using one ────────────────────────────────────────────────────────────────────────────────


def read_manifest(file: Path) -> Manifest:
    """Say what a backup holds; raises ``StoreError`` for what is none."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
    except FileNotFoundError:
        raise StoreError(f"{file}: there is no such file", fix="name a backup") from None
    except (*_DAMAGE, msgspec.DecodeError):
        raise StoreError(
            f"{file}: this is not a backup, or a damaged one",
            fix="name a file that `interlock backup` made",
        ) from None
    if manifest.format > _FORMAT or manifest.content not in (_FILE, _TABLES):
        raise StoreError(
            f"{file}: the backup was made by a newer version of Interlock",
            fix="install that version or a later one",
        )
    return manifest


def _extract(file: Path, manifest: Manifest, target: Path) -> None:
    """Unpack the content and prove it is what was packed."""
    damaged = StoreError(
        f"{file}: the backup is damaged; nothing was changed", fix="take an earlier one"
    )
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    try:
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(manifest.content) as source,
            target.open("wb") as out,
        ):
            while part := source.read(_CHUNK):
                out.write(part)
    except _DAMAGE:
        raise damaged from None
    if _sha256_of(target) != manifest.sha256:
        raise damaged


def replace_file(
    file: Path, manifest: Manifest, store: Path, *, now: datetime, schema: Any, why: str, after: int
) -> tuple[Position, Path | None]:
    """Put a backup in a store file's place; returns where it stands and what was kept aside.

    The new epoch begins in the copy, before the copy takes the store's name: whenever the process
    dies, the name stands for the old store or for one that writes nothing yet.
    """
    _right_content(manifest, _FILE)
    fresh = _beside(store, "restored")
    for leftover in (fresh, *_companions(fresh)):
        leftover.unlink(missing_ok=True)
    try:
        _extract(file, manifest, fresh)
        if _facts_of_file(fresh)["rows"] != manifest.rows:
            raise StoreError(f"{file}: the backup does not hold what it says")
        opened = Store.open(f"sqlite:///{fresh}", schema)
        try:
            reached = opened.run(_begin, now, why, after)
        finally:
            opened.close()
        _close_log(fresh)
        aside = _keep_aside(store, now)
        fresh.replace(store)
        flush_folder(store.parent)
    finally:
        for leftover in (fresh, *_companions(fresh)):
            leftover.unlink(missing_ok=True)
    return reached, aside


def _begin(tx: Tx, now: datetime, why: str, after: int) -> Position:
    if epochs.position(tx) is None:
        raise StoreError("the backup is of a store that was never used")
    epochs.begin(tx, why=why, now=now, after=after)
    reached = epochs.position(tx)
    assert reached is not None
    return reached


def _close_log(file: Path) -> bool:
    """Bring what stands in the log into the file; false when the file is no database any more."""
    raw = sqlite3.connect(file, timeout=1)
    try:
        raw.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError:
        raise StoreError(
            f"{file}: the store is in use",
            fix="stop every sync and service of this project, then restore",
        ) from None
    except sqlite3.DatabaseError:
        return False
    finally:
        raw.close()
    return True


def _keep_aside(store: Path, now: datetime) -> Path | None:
    """Give the replaced store a second name, so that it is there at every moment."""
    if not store.exists():
        return None
    sound = _close_log(store)
    aside = store.with_name(f"{store.name}.replaced-{now:%Y%m%dT%H%M%S}")
    aside.unlink(missing_ok=True)
    try:
        aside.hardlink_to(store)
    except OSError:
        # a file system without second names
        shutil.copy2(store, aside)
    for part in _companions(store):
        if part.exists() and not sound:
            part.replace(part.with_name(part.name.replace(store.name, aside.name)))
        # a log of the old file would be applied to the new one
        part.unlink(missing_ok=True)
    return aside


def _companions(store: Path) -> list[Path]:
    return [store.with_name(store.name + end) for end in ("-wal", "-shm")]


def replace_tables(
    file: Path, manifest: Manifest, store: Store, scratch: Path, *, now: datetime, why: str,
    after: int,
) -> Position:  # fmt: skip
    """Put a backup in a database's place, in one transaction."""
    _right_content(manifest, _TABLES)
    content = scratch / f".{file.name}.content"
    try:
        _extract(file, manifest, content)
        if _facts_of_tables(content)["rows"] != manifest.rows:
            raise StoreError(f"{file}: the backup does not hold what it says")
        return store.run(_load, content, manifest, now, why, after)
    finally:
        content.unlink(missing_ok=True)


def _load(
    tx: Tx, content: Path, manifest: Manifest, now: datetime, why: str, after: int
) -> Position:
    current = MigrationContext.configure(tx.conn).get_current_revision()
    if current != manifest.schema:
        raise StoreError(
            f"the backup has schema {manifest.schema}, this version of Interlock {current}",
            fix="restore it with the version that made it, then upgrade",
        )
    here = epochs.position(tx)
    after = max(after, here.epoch if here is not None else 0)
    database = here.database if here is not None else ""
    for table in reversed(metadata.sorted_tables):
        tx.conn.execute(delete(table))
    for name, rows in _frames(content):
        if name and rows:
            tx.conn.execute(insert(metadata.tables[name]), rows)
    set_sequences(tx)
    feeds.set_meta(tx, "database", database)
    reached = _begin(tx, now, why, after)
    tx.reached = reached
    return reached


def set_sequences(tx: Tx) -> None:
    """Let a database count on from the rows that were put in; a file does so by itself."""
    if tx.conn.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if table.autoincrement_column is not None:
            name = table.name
            tx.conn.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608  our names
                    f"(SELECT COALESCE(MAX(id), 0) + 1 FROM {name}), false)"
                )
            )


def _right_content(manifest: Manifest, wanted: str) -> None:
    if manifest.content != wanted:
        kind = "a SQLite file" if manifest.content == _FILE else "a PostgreSQL database"
        raise StoreError(
            f"the backup is of {kind}", fix="name a store of that kind under `store:` first"
        )
