"""Opening the database, checking it, migrating it, and running transactions on it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import (
    Connection,
    Engine,
    Insert,
    Table,
    create_engine,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from interlock.errors import ConfigurationError, StoreError
from interlock.model import Schema
from interlock.store.clock import StoreClock
from interlock.store.mark import Mark, Position
from interlock.store.sqlite import SqliteConnection, fixed, wrapped
from interlock.store.tables import meta, metadata
from interlock.store.vault import KEY_VARIABLE, Vault

__all__ = ["Store", "Tx"]

T = TypeVar("T")

_TURN = 0x696E746C
"""Key of the lock that transactions on PostgreSQL take in turn."""

_DURABLE = (
    "set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') "
    "IN ('off', 'local') THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)
"""What is committed before a call must outlast a crash of the server right after it."""

_KEY = "vault"
"""Under this name the store keeps which master key it belongs to."""

_migrating = threading.Lock()
"""Alembic keeps what it works on in module variables: one thread at a time."""

CHUNK = 400
"""Ids in one ``IN`` list; SQLite allows many more, but plans are cached per length."""


class Tx:
    """An open transaction: the connection, the schema that packs fields, and the vault."""

    __slots__ = ("_vault", "conn", "mark", "reached", "schema")

    def __init__(
        self,
        conn: Connection,
        schema: Schema,
        mark: Mark | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.conn = conn
        self.schema = schema
        self.mark = mark
        self.reached: Position | None = None
        """Where the store will stand; its mark follows once the transaction is durable."""
        self._vault = vault

    @property
    def vault(self) -> Vault:
        """What personal values of the history are encrypted with."""
        if self._vault is None:
            raise StoreError(
                "the store was opened without its key", fix=f"set {KEY_VARIABLE}, see SECURITY.md"
            )
        return self._vault

    def upsert(
        self, table: Table, rows: list[dict[str, Any]], *, keep: tuple[str, ...] = ()
    ) -> None:
        """Insert rows, or replace the columns given (but ``keep``) where the key exists."""
        if not rows:
            return
        self.conn.execute(_upsert(self.conn.dialect.name, table, tuple(rows[0]), keep), rows)

    def insert_new(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows whose key is not there yet."""
        if rows:
            self.conn.execute(_insert_new(self.conn.dialect.name, table), rows)


@cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], keep: tuple[str, ...]) -> Insert:
    keys = [c.name for c in table.primary_key]
    statement = _insert(dialect, table)
    update = {c: statement.excluded[c] for c in columns if c not in keys and c not in keep}
    if update:
        return fixed(statement.on_conflict_do_update(index_elements=keys, set_=update))
    return fixed(statement.on_conflict_do_nothing(index_elements=keys))


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    return fixed(_insert(dialect, table).on_conflict_do_nothing())


def _insert(dialect: str, table: Table) -> sqlite.Insert:
    """Make an insert of the dialect in use; both dialects' inserts are used alike."""
    if dialect == "postgresql":
        return cast("sqlite.Insert", postgresql.insert(table))
    return sqlite.insert(table)


def chunks(items: list[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut a list into pieces."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Store:
    """The durable state.  ``run`` is synchronous; ``call`` runs in the store's own thread."""

    mark: Mark | None = None
    """How far the store once was, kept outside it; without it going back is not noticed."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        *,
        where: str,
        vault: Vault | None = None,
        inline: bool = False,
    ) -> None:
        """``inline``: transactions run in the caller's thread, so that a run can be repeated."""
        self.engine = engine
        self.schema = schema
        self.vault = vault
        self.where = where
        self.clock = StoreClock()
        self._own: sqlite3.Connection | None = None
        self._thread = (
            None
            if inline
            else ThreadPoolExecutor(max_workers=1, thread_name_prefix="interlock-store")
        )

    @classmethod
    def open(
        cls,
        url: str,
        schema: Schema,
        *,
        vault: Vault | None = None,
        migrate: bool = True,
        mark: Mark | None = None,
    ) -> Store:
        """Open the database at ``url`` and bring it up to date.

        Raises ``StoreError`` when the file is damaged, of a newer version or not ours, and when
        the vault has another key than the one the store was begun with.
        """
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        where = (
            parsed.database if parsed.drivername.startswith("sqlite") else parsed.render_as_string()
        )
        where = where or "memory"
        if parsed.drivername.startswith("sqlite"):
            _check_file(parsed.database)
        elif not parsed.drivername.startswith("postgresql"):
            raise ConfigurationError(
                f"store: {parsed.drivername} is not supported",
                fix="use sqlite:///FILE or postgresql://…",
            )
        try:
            clock = StoreClock()
            engine = _engine(parsed, clock)
        except ImportError as error:
            raise ConfigurationError(
                "store: PostgreSQL needs the psycopg library",
                fix="pip install 'interlock[postgres]'",
            ) from error
        try:
            if migrate:
                with _migrating:
                    _migrate(engine, where)
        except OperationalError as error:
            engine.dispose()
            raise StoreError(
                f"{where}: cannot open the store: {_plain(error)}",
                fix="check that the path or server exists and can be written",
            ) from None
        except DatabaseError as error:
            engine.dispose()
            raise StoreError(
                f"{where}: the store is damaged ({_plain(error)})",
                fix="restore it from a backup; keep the damaged file until that is done",
            ) from None
        except BaseException:
            engine.dispose()
            raise
        store = cls(engine, schema, where=where, vault=vault)
        store.mark, store.clock = mark, clock
        try:
            if vault is not None:
                store.run(_check_key)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def in_memory(cls, schema: Schema) -> Self:
        """Make an empty store in this process's memory, with transactions run inline."""
        engine = _engine(make_url("sqlite://"), StoreClock())
        metadata.create_all(engine)
        store = cls(engine, schema, where="memory", vault=Vault.passing(), inline=True)
        # there is only this one, and nobody else to take it
        store._own = cast("sqlite3.Connection", engine.raw_connection().driver_connection)
        return store

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """Open a transaction in this thread."""
        opened = self._begin_sqlite if self.engine.dialect.name == "sqlite" else self.engine.begin
        try:
            with opened() as conn:
                tx = Tx(conn, self.schema, self.mark, self.vault)
                yield tx
            if tx.reached is not None and self.mark is not None:
                self.mark.reach(tx.reached)
        except DatabaseError as error:
            if isinstance(error.orig, sqlite3.DatabaseError) and _is_damage(error.orig):
                raise StoreError(
                    f"{self.where}: the store is damaged ({_plain(error)})",
                    fix="stop, and restore it from a backup; keep the damaged file",
                ) from None
            raise

    @contextmanager
    def _begin_sqlite(self) -> Iterator[Connection]:
        pooled, driver = None, self._own
        try:
            if driver is None:
                pooled = self.engine.raw_connection()
                driver = cast("sqlite3.Connection", pooled.driver_connection)
            # a deferred transaction that turns into a write may fail half-way; the lock comes first
            driver.execute("BEGIN IMMEDIATE")
            yield cast("Connection", SqliteConnection(driver, self.engine.dialect))
            driver.execute("COMMIT")
        except sqlite3.Error as error:
            raise wrapped(error, "", self.engine.dialect) from error
        finally:
            if driver is not None and driver.in_transaction:
                driver.rollback()
            if pooled is not None:
                pooled.close()

    def run(self, work: Callable[..., T], *args: Any, **kw: Any) -> T:
        """Run ``work(tx, …)`` in one transaction, in this thread."""
        with self.begin() as tx:
            return work(tx, *args, **kw)

    async def call(self, work: Callable[..., T], *args: Any, **kw: Any) -> T:
        """Run ``work(tx, …)`` in one transaction, in the store's thread.

        One whose caller is cancelled is carried out all the same: half of one never stands.
        """
        if self._thread is None:
            return self.run(work, *args, **kw)
        loop = asyncio.get_running_loop()
        return await asyncio.shield(
            loop.run_in_executor(self._thread, lambda: self.run(work, *args, **kw))
        )

    def compact(self) -> bool:
        """Rewrite the database, so that nothing deleted lies in it; false when it is in use.

        PostgreSQL reuses the room of what was deleted, but does not wipe it at once.
        """
        try:
            if self.engine.dialect.name == "sqlite":
                raw = self.engine.raw_connection()
                try:
                    raw.cursor().execute("VACUUM")
                    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    raw.close()
            else:
                with self.engine.connect() as conn:
                    conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
        except (DatabaseError, sqlite3.OperationalError):
            return False
        return True

    def close(self) -> None:
        """End the thread and the connections."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self.engine.dispose()


def _check_key(tx: Tx) -> None:
    """Refuse a key that is not the store's: what it would encrypt could not be read later."""
    mine = tx.vault.fingerprint
    known = tx.conn.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar()
    if known is None:
        tx.insert_new(meta, [{"key": _KEY, "value": mine}])
    elif known != mine:
        raise ConfigurationError(
            f"{KEY_VARIABLE} is not the key this store was begun with",
            fix=f"put the earlier {KEY_VARIABLE} back into .env or the environment; if store: was "
            "changed, each store needs its own key",
        )


def _engine(url: Any, clock: StoreClock) -> Engine:
    if not url.drivername.startswith("sqlite"):
        engine = create_engine(
            url,
            pool_size=4,
            max_overflow=4,
            pool_pre_ping=True,
            insertmanyvalues_page_size=500,
            hide_parameters=True,
        )

        @event.listens_for(engine, "begin")
        def _take_turns(connection: Connection) -> None:
            # one transaction at a time, as on SQLite: workers that observe or reconcile the same
            # records decide from what the others have stored, never from an older look
            turn = connection.exec_driver_sql(
                f"SELECT pg_advisory_xact_lock({_TURN}), {_DURABLE}, clock_timestamp()"
            ).one()
            clock.hear(turn[2])

        return engine
    memory = {"poolclass": StaticPool} if url.database in (None, "", ":memory:") else {}
    engine = create_engine(
        url,
        connect_args={"timeout": 30, "check_same_thread": False, "cached_statements": 512},
        hide_parameters=True,
        **memory,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a deferred transaction that turns into a write may fail half-way; ask for the lock first
        connection.connection.dbapi_connection.execute(  # type: ignore[union-attr]
            "BEGIN IMMEDIATE"
        )

    return engine


def _check_file(name: str | None) -> None:
    """Tell a truncated or foreign file before SQLite stumbles over it in the middle of a run."""
    if not name or name == ":memory:":
        return
    path = Path(name)
    if not path.parent.is_dir():
        raise StoreError(f"{name}: the folder does not exist", fix="create it or correct `store:`")
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        head = file.read(100)
    if not head.startswith(b"SQLite format 3\0"):
        raise StoreError(
            f"{name}: this is not an Interlock store",
            fix="correct `store:` in interlock.yaml, or restore the file from a backup",
        )
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    expected = (65536 if page == 1 else page) * pages
    # pages still in the write-ahead log make the file shorter than its header says only if
    # the log is there
    wal = path.with_name(path.name + "-wal")
    if path.stat().st_size < expected and not (wal.exists() and wal.stat().st_size):
        raise StoreError(
            f"{name}: the store is cut short ({path.stat().st_size:,} of {expected:,} bytes)",
            fix="restore it from a backup; keep the damaged file until that is done",
        )


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def _migrate(engine: Engine, where: str) -> None:
    config = _config(engine)
    script = ScriptDirectory.from_config(config)
    with engine.connect() as conn:
        current = MigrationContext.configure(conn).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None:
        try:
            known = script.get_revision(current)
        except CommandError:
            known = None
        if known is None:
            raise StoreError(
                f"{where}: the store was written by a newer version of Interlock",
                fix="install that version or a later one; nothing was changed",
            )
    # a worker that starts at the same moment has its turn later, and finds nothing left to do
    command.upgrade(config, "head")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    message = str(error).lower()
    return any(word in message for word in ("malformed", "not a database", "disk image"))


def _plain(error: DatabaseError) -> str:
    return str(error.orig).splitlines()[0] if error.orig else "unknown error"
