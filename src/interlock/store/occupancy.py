"""Occupancy: which processes serve a store, known to all of them and released by the system.

A lock of the operating system, or of the database server, ends with the process that holds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from interlock.errors import StoreError

if sys.platform != "win32":
    import fcntl

__all__ = ["occupied"]

_SERVED = 0x696E746D
"""Key of the lock that processes serving a store on PostgreSQL share."""


@contextmanager
def occupied(url: str, *, shared: bool) -> Iterator[None]:
    """Hold a store for as long as it is served; alone unless ``shared``.

    Raises ``StoreError`` when others hold it in a way that excludes this.
    """
    prefix = "sqlite:///"
    if url.startswith(prefix):
        with _file(Path(url.removeprefix(prefix)), shared=shared):
            yield
    else:
        with _server(url, shared=shared):
            yield


@contextmanager
def _file(store: Path, *, shared: bool) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    try:
        file = store.with_name(store.name + ".serving").open("a")
    except OSError as error:
        raise StoreError(
            f"{store}: cannot be served ({error.strerror})", fix="correct `store:` or its rights"
        ) from None
    with file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            raise _busy(
                str(store),
                "stop that one first; for several workers at once keep the store on PostgreSQL",
            ) from None
        yield


@contextmanager
def _server(url: str, *, shared: bool) -> Iterator[None]:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
    )
    lock = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    try:
        with engine.connect() as connection:
            if not connection.execute(text(f"SELECT {lock}({_SERVED})")).scalar_one():
                shown = parsed.set(drivername="postgresql").render_as_string()
                raise _busy(shown, "stop `serve` and all workers first")
            yield
    finally:
        engine.dispose()


def _busy(where: str, fix: str) -> StoreError:
    return StoreError(f"{where} is being served by another process", fix=fix)
