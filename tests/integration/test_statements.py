"""Statements on SQLite go straight to the driver; what comes back is as SQLAlchemy gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from interlock.model import Schema
from interlock.store.database import Store
from interlock.store.sqlite import fixed
from interlock.store.tables import link, meta

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_KEYS = fixed(select(meta.c.key).where(meta.c.key.in_(bindparam("keys", expanding=True))))


@pytest.fixture
def store() -> Store:
    return Store.in_memory(Schema({}))


def _put(store: Store, *keys: str) -> None:
    rows = [{"key": key, "value": key.upper()} for key in keys]
    store.run(lambda tx: tx.conn.execute(meta.insert(), rows))


def _link(number: int) -> dict[str, Any]:
    return {
        "entity": f"e{number}", "rev": 1, "reconciled_rev": 0, "origin": "match", "evidence": "",
        "created_at": NOW + timedelta(seconds=number),
    }  # fmt: skip


class TestLists:
    @pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 8, 9])
    def test_of_any_length(self, store: Store, length: int) -> None:
        keys = [f"k{n}" for n in range(9)]
        _put(store, *keys)
        wanted = keys[:length]
        found = store.run(lambda tx: tx.conn.execute(_KEYS, {"keys": wanted}).scalars().all())
        assert sorted(found) == wanted

    @pytest.mark.parametrize("length", [0, 1, 3])
    def test_of_what_is_left_out(self, store: Store, length: int) -> None:
        _put(store, "a", "b", "c")
        query = select(meta.c.key).where(meta.c.key.not_in(["a", "b", "c"][:length]))
        found = store.run(lambda tx: set(tx.conn.execute(query).scalars()))
        assert found == {"a", "b", "c"} - set(["a", "b", "c"][:length])

    def test_the_same_statement_with_other_values(self, store: Store) -> None:
        _put(store, "a", "b")
        for key in ("a", "b", "c"):
            query = select(meta).where(meta.c.key == key).limit(1)
            row = store.run(lambda tx, q=query: tx.conn.execute(q).first())
            assert (row is None) is (key == "c")
            if row is not None:
                assert (row.key, row.value, row[1]) == (key, key.upper(), key.upper())


class TestRows:
    def test_ids_of_new_rows_come_in_the_order_of_the_rows(self, store: Store) -> None:
        made = link.insert().returning(link.c.id, sort_by_parameter_order=True)
        rows = [_link(n) for n in range(5)]
        ids = store.run(lambda tx: tx.conn.execute(made, rows).scalars().all())
        kept = store.run(lambda tx: tx.conn.execute(select(link).order_by(link.c.id)).all())
        assert [(r.id, r.entity) for r in kept] == list(
            zip(ids, map("e{}".format, range(5)), strict=True)
        )
        assert kept[1].created_at == NOW + timedelta(seconds=1)

    def test_changed_rows_are_counted(self, store: Store) -> None:
        _put(store, "a", "b")
        changed = update(meta).where(meta.c.key == "a").values(value="new")
        assert store.run(lambda tx: tx.conn.execute(changed).rowcount) == 1
        assert store.run(lambda tx: tx.conn.execute(delete(meta)).rowcount) == 2
        assert (
            store.run(lambda tx: tx.conn.execute(select(func.count(meta.c.key))).scalar_one()) == 0
        )


class TestFailures:
    def test_they_are_sqlalchemys_and_quote_no_value(self, store: Store) -> None:
        _put(store, "secret-key")
        with pytest.raises(IntegrityError) as failure:
            _put(store, "secret-key")
        assert "secret-key" not in str(failure.value)

    def test_nothing_of_a_failed_transaction_stays(self, store: Store) -> None:
        def _work(tx: Any) -> None:
            tx.conn.execute(meta.insert(), [{"key": "a", "value": "1"}])
            tx.conn.exec_driver_sql("no sql")

        with pytest.raises(OperationalError):
            store.run(_work)
        assert store.run(lambda tx: tx.conn.execute(select(meta)).all()) == []
