"""The mark outside the store, and that what it stands for is durable."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event

from interlock.errors import StoreError
from interlock.model import Schema
from interlock.store import epochs
from interlock.store.database import Store, Tx
from interlock.store.mark import MarkFile, Position


def at(sent: int, *, epoch: int = 1, history: int = 0, store: str = "s") -> Position:
    return Position(store=store, epoch=epoch, sent=sent, history=history)


class TestMark:
    def test_it_keeps_the_furthest_of_two_workers(self, tmp_path: Path) -> None:
        one, two = MarkFile(tmp_path / "m"), MarkFile(tmp_path / "m")
        two.reach(at(6, history=3))
        one.reach(at(5, history=9))
        assert one.read() == at(6, history=9)

    def test_a_new_epoch_begins_lower_and_an_old_one_is_not_taken_up_again(
        self, tmp_path: Path
    ) -> None:
        mark = MarkFile(tmp_path / "m")
        mark.reach(at(100))
        mark.reach(at(3, epoch=2))
        mark.reach(at(101))
        assert mark.read() == at(3, epoch=2)

    def test_a_file_that_is_no_mark_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m").write_text("{}")
        with pytest.raises(StoreError, match="not the mark"):
            MarkFile(tmp_path / "m").read()

    def test_nothing_is_left_beside_it_but_its_lock(self, tmp_path: Path) -> None:
        MarkFile(tmp_path / "m").reach(at(1))
        assert {f.name for f in tmp_path.iterdir()} == {"m", "m.lock"}


class TestTheStore:
    def test_the_mark_moves_after_the_transaction_and_only_if_it_stands(
        self, store_url: str, tmp_path: Path
    ) -> None:
        mark = MarkFile(tmp_path / "m")
        store = Store.open(store_url, Schema(), mark=mark)
        store.run(epochs.check, now=datetime(2026, 3, 2, tzinfo=UTC), new_id="s")
        store.run(epochs.advance)
        reached = mark.read()
        assert reached is not None
        assert reached.sent == 1

        def _fails(tx: Tx) -> None:
            epochs.advance(tx)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.run(_fails)
        assert mark.read() == reached
        store.close()

    def test_what_is_committed_is_on_the_disk_before_the_call(self, store_url: str) -> None:
        store = Store.open(store_url, Schema())
        if store.engine.dialect.name == "sqlite":
            with store.begin() as tx:
                assert tx.conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
                assert tx.conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        else:

            @event.listens_for(store.engine, "connect")
            def _careless(connection: object, _: object) -> None:
                connection.execute("SET synchronous_commit = off")  # type: ignore[attr-defined]
                connection.commit()  # type: ignore[attr-defined]

            store.engine.dispose()
            with store.begin() as tx:
                assert tx.conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        store.close()
