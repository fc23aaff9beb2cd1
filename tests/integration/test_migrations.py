"""The store's tables: made by migrations, the same on both databases, refused when not ours."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from interlock.errors import ConfigurationError, StoreError
from interlock.model import Schema
from interlock.store.database import Store
from interlock.store.tables import metadata


def open_store(url: str) -> Store:
    return Store.open(url, Schema())


def test_migrations_make_exactly_the_tables_the_code_knows(bare_store_url: str) -> None:
    store = open_store(bare_store_url)
    try:
        with store.engine.connect() as connection:
            # SQLite shows defaults in a spelling of its own
            defaults = store.engine.dialect.name == "postgresql"
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": defaults}
            )
            differences = compare_metadata(context, metadata)
    finally:
        store.close()
    assert differences == []


def test_opening_again_changes_nothing(bare_store_url: str) -> None:
    for _ in range(2):
        store = open_store(bare_store_url)
        store.run(lambda tx: tx.conn.execute(text("SELECT count(*) FROM link")))
        store.close()


def test_two_threads_may_open_a_new_store_at_once(bare_store_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        for store in threads.map(open_store, [bare_store_url] * 2):
            store.close()


def test_two_processes_may_too(bare_store_url: str) -> None:
    code = (
        "import sys; from interlock.model import Schema; from interlock.store.database import Store;"
        "Store.open(sys.argv[1], Schema()).close()"
    )
    call = [sys.executable, "-c", code, bare_store_url]
    both = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in both:
            _, said = process.communicate(timeout=60)
            assert process.returncode == 0, said
    finally:
        for process in both:
            process.kill()
            process.communicate()


def test_a_failing_statement_does_not_show_what_it_was_to_store(bare_store_url: str) -> None:
    store = open_store(bare_store_url)
    try:
        with pytest.raises(IntegrityError) as caught, store.begin() as tx:
            for _ in range(2):
                tx.conn.execute(text("INSERT INTO meta VALUES ('k', :v)"), {"v": "jo@acme.com"})
    finally:
        store.close()
    assert "jo@acme.com" not in str(caught.value)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(bare_store_url: str) -> None:
    store = open_store(bare_store_url)
    with store.begin() as tx:
        tx.conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="newer version") as caught:
            open_store(bare_store_url)
        assert "nothing was changed" in (caught.value.fix or "")


class TestFiles:
    def test_a_file_cut_short(self, tmp_path: Path) -> None:
        file = tmp_path / "store.db"
        open_store(f"sqlite:///{file}").close()
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StoreError, match="cut short") as caught:
            open_store(f"sqlite:///{file}")
        assert "backup" in (caught.value.fix or "")
        assert file.read_bytes() == whole[: len(whole) // 2], "the evidence is kept"

    @pytest.mark.parametrize("content", [b"not a store", b"\x00" * 4096, b"PK\x03\x04"])
    def test_another_file(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "store.db"
        file.write_bytes(content)
        with pytest.raises(StoreError, match="not an Interlock store"):
            open_store(f"sqlite:///{file}")
        assert file.read_bytes() == content

    def test_a_file_with_damaged_pages(self, tmp_path: Path) -> None:
        file = tmp_path / "store.db"
        open_store(f"sqlite:///{file}").close()
        whole = bytearray(file.read_bytes())
        whole[100:8192] = b"\xff" * (8192 - 100)
        file.write_bytes(whole)
        with pytest.raises(StoreError, match="damaged"):
            open_store(f"sqlite:///{file}")

    def test_an_empty_file_is_a_new_store(self, tmp_path: Path) -> None:
        file = tmp_path / "store.db"
        file.touch()
        open_store(f"sqlite:///{file}").close()
        assert file.stat().st_size > 0

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="folder does not exist"):
            open_store(f"sqlite:///{tmp_path}/no/store.db")

    def test_damage_found_later_says_what_to_do(self, tmp_path: Path) -> None:
        file = tmp_path / "store.db"
        store = open_store(f"sqlite:///{file}")
        store.engine.dispose()
        whole = bytearray(file.read_bytes())
        whole[100:] = b"\xff" * (len(whole) - 100)
        file.write_bytes(whole)
        try:
            with pytest.raises(StoreError, match="damaged"):
                store.run(lambda tx: tx.conn.execute(text("SELECT * FROM link")).all())
        finally:
            store.close()


class TestAddresses:
    def test_other_databases_are_not_supported(self) -> None:
        with pytest.raises(ConfigurationError, match="not supported"):
            open_store("mysql://localhost/x")

    def test_a_server_that_is_not_there_says_so_without_the_password(self) -> None:
        pytest.importorskip("psycopg")
        with pytest.raises(StoreError) as caught:
            open_store("postgresql://joe:s3cret@127.0.0.1:9/none")
        shown = f"{caught.value} {caught.value.fix}"
        assert "cannot open the store" in shown
        assert "s3cret" not in shown
