"""A running installation moves from a file to PostgreSQL, and goes on there as if nothing were."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from interlock.errors import ConfigurationError, StoreError
from interlock.service.audit import verify
from interlock.service.moving import cancel_migration, migrate_to
from interlock.store import epochs, links
from interlock.store.occupancy import occupied
from interlock.store.tables import metadata, outbox
from interlock.sync.pair import Patience

from .company import Company
from .test_orders import Shop

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["postgres"])
def bare_store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database; a file is never moved to."""
    from .conftest import _administered, _make_database

    server = request.getfixturevalue("postgres_server")
    name = f"moved_{id(request)}"
    yield _make_database(server, name)
    with _administered(server) as run_sql:
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    root = tmp_path / "company"
    root.mkdir()
    company = Company(root)
    yield company
    company.close()


def rows(company: Company) -> dict[str, Counter[tuple[object, ...]]]:
    def _rows(tx):  # type: ignore[no-untyped-def]
        return {
            name: Counter(tuple(row) for row in tx.conn.execute(select(table)))
            for name, table in metadata.tables.items()
            if name != "meta"
        }

    return company.ask(_rows)  # type: ignore[no-any-return]


async def test_it_goes_on_where_it_was(company: Company, bare_store_url: str) -> None:
    shop = await Shop.open(company)
    for n in range(5):
        company.crm.add("customer", {"Name": f"Customer {n}"})
    shop.deal()
    company.advance(minutes=1)
    await company.rest()
    before, made = rows(company), dict(company.erp.written)
    company.close()
    moved = migrate_to(company.project(), bare_store_url, now=company.clock())
    assert moved.tables["link"][0] > 5
    with pytest.raises(ConfigurationError, match="was moved to"):
        await company.sync()
    company.write("interlock.yaml", {"store:": f"store: {bare_store_url}"})
    assert rows(company) == before
    with company.store() as store:
        assert verify(company.project(), store).holds
        assert store.run(epochs.hold_of) is None
    await company.rest()
    assert dict(company.erp.written) == made
    company.crm.add("customer", {"Name": "Afterwards"})
    deal = shop.deal()
    company.advance(minutes=1)
    await company.rest()
    assert [o["crm_id"] for o in shop.orders].count(deal) == 1
    assert "Afterwards" in {r["name"] for r in company.erp.all("customer").values()}


async def test_it_refuses_while_it_is_served(company: Company, bare_store_url: str) -> None:
    await company.go()
    project = company.project()
    for url, shared in ((project.store_url, False), (bare_store_url, True)):
        with occupied(url, shared=shared), pytest.raises(StoreError, match="another process"):
            migrate_to(project, bare_store_url, now=company.clock())


async def test_it_refuses_while_a_write_is_on_its_way(
    company: Company, bare_store_url: str
) -> None:
    company.crm.add("customer", {"Name": "One"})
    await company.plan()
    now = company.clock()
    until = now + Patience().retry_cap
    company.ask(lambda tx: tx.conn.execute(outbox.update().values(lease="x", lease_until=until)))
    with pytest.raises(StoreError, match="on its way"):
        migrate_to(company.project(), bare_store_url, now=now)
    assert migrate_to(company.project(), bare_store_url, now=until).rows


async def test_it_refuses_a_database_in_use(company: Company, bare_store_url: str) -> None:
    await company.go()
    migrate_to(company.project(), bare_store_url, now=company.clock())
    company.close()
    assert cancel_migration(company.project()).startswith("postgresql://")
    with pytest.raises(ConfigurationError, match="not empty"):
        migrate_to(company.project(), bare_store_url, now=company.clock())
    # nothing came of it: the file is in use as before
    await company.sync()


async def test_a_row_that_arrives_otherwise_is_noticed(
    company: Company, bare_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interlock.store import moving

    company.crm.add("customer", {"Name": "One"})
    await company.go()
    company.close()
    parts = moving._parts

    def _without_one(conn, table):  # type: ignore[no-untyped-def]
        for part in parts(conn, table):
            lossy = conn.dialect.name == "postgresql" and table.name == "link"
            yield part[1:] if lossy else part

    monkeypatch.setattr(moving, "_parts", _without_one)
    with pytest.raises(StoreError, match="link differs"):
        migrate_to(company.project(), bare_store_url, now=company.clock())
    monkeypatch.undo()
    # the new one is empty, the old one in use
    await company.sync()
    assert migrate_to(company.project(), bare_store_url, now=company.clock()).tables["link"][0]


async def test_nobody_writes_meanwhile(
    company: Company, bare_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interlock.store import moving

    await company.go()
    company.close()
    tried = []
    check = moving._refuse_busy

    def _write_beside(old, now):  # type: ignore[no-untyped-def]
        check(old, now)
        with sqlite3.connect(company.root / "interlock.db", timeout=0) as other:
            try:
                other.execute("INSERT INTO meta (key, value) VALUES ('beside', 'x')")
            except sqlite3.OperationalError as error:
                tried.append(str(error))

    monkeypatch.setattr(moving, "_refuse_busy", _write_beside)
    migrate_to(company.project(), bare_store_url, now=company.clock())
    assert tried == ["database is locked"]


async def test_numbers_go_on_after_the_last(company: Company, bare_store_url: str) -> None:
    for n in range(3):
        company.crm.add("customer", {"Name": f"Customer {n}"})
    await company.go()
    last = max(company.ask(lambda tx: list(links.bundles(tx, range(1, 100)))))
    company.close()
    migrate_to(company.project(), bare_store_url, now=company.clock())
    company.write("interlock.yaml", {"store:": f"store: {bare_store_url}"})
    company.crm.add("customer", {"Name": "Next"})
    await company.rest()
    assert max(company.ask(lambda tx: list(links.bundles(tx, range(1, 100))))) > last
