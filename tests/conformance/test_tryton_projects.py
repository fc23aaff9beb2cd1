"""Projects of a Tryton 8.2 running for real: number, status, keys, and a Tryton without them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import pytest
import pytest_asyncio

from interlock.connectors.base import Connector, Outcome
from interlock.model import Fields, Ref
from interlock.testing.conformance.suite import creating, fetch_one, updating, write_one
from tests.conformance.tryton_harness import TrytonHarness
from tests.real.systems.tryton import TrytonServer, start_tryton

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """One Tryton for the module; the user is the seeded one."""
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    TrytonHarness.server, TrytonHarness.admin = server, server.rpc(admin=True)
    TrytonHarness.user = (server.login, server.password)
    yield server
    server.stop()


@pytest_asyncio.fixture
async def harness(server: TrytonServer) -> AsyncIterator[TrytonHarness]:
    async with TrytonHarness() as harness:
        yield harness


@pytest_asyncio.fixture
async def connector(harness: TrytonHarness) -> AsyncIterator[Connector]:
    async with harness.connect() as connector:
        yield connector


async def wanted(harness: TrytonHarness) -> Fields:
    customer = Ref("customer", await harness.seed_sample("customer"))
    return {"customer": customer, "name": "Roll-out", "currency": "USD", "quote_number": "Q 7",
            "other_id": "006/x"}  # fmt: skip


async def made(harness: TrytonHarness, connector: Connector, reference: str) -> str:
    receipt = await write_one(connector, creating("project", await wanted(harness), reference))
    assert receipt.outcome is Outcome.CREATED, receipt.reason
    return str(receipt.record_id)


async def test_a_project_has_its_number_from_tryton_and_all_it_was_given(
    harness: TrytonHarness, connector: Connector
) -> None:
    fields = await wanted(harness)
    receipt = await write_one(connector, creating("project", fields, "il-all"))
    assert receipt.outcome is Outcome.CREATED, receipt.reason
    project = await fetch_one(connector, "project", str(receipt.record_id))
    number = harness.one("project.work", project.id, "number")["number"]
    assert number
    assert project.fields == {**fields, "number": number, "status": "open"}
    assert project.reference == "il-all"


async def test_a_project_that_is_done_in_tryton_is_fulfilled(
    harness: TrytonHarness, connector: Connector
) -> None:
    project = await made(harness, connector, "il-done")
    [done] = harness.call("project.work.status", "search", [["progress", "=", 1.0]])
    harness.call("project.work", "write", [int(project)], {"status": done, "progress": 1.0})
    assert (await fetch_one(connector, "project", project)).fields["status"] == "fulfilled"


async def test_what_people_write_in_the_comment_stays_line_by_line(
    harness: TrytonHarness, connector: Connector
) -> None:
    project = await made(harness, connector, "il-comment")
    comment = harness.one("project.work", project, "comment")["comment"]
    theirs = f"Kick-off  on Monday\n\n{comment}\n- bring cake"
    harness.call("project.work", "write", [int(project)], {"comment": theirs})
    receipt = await write_one(connector, updating("project", project, {"quote_number": "Q-8"}))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    assert harness.one("project.work", project, "comment")["comment"].splitlines() == [
        "Kick-off  on Monday", "", "- bring cake", "interlock:il-comment other:006/x quote:Q-8",
    ]  # fmt: skip
    assert [
        f.record.id for f in (await connector.find("project", ["il-comment"]))["il-comment"]
    ] == [project]


async def test_a_task_is_no_project(harness: TrytonHarness, connector: Connector) -> None:
    project = await made(harness, connector, "il-task")
    [task] = harness.call("project.work", "create", [{
        "name": "Task", "type": "task", "parent": int(project),
        "status": harness.one("project.work", project, "status")["status"],
        "company": harness.server.ids["company"], "comment": "interlock:il-task"}])  # fmt: skip
    assert await connector.fetch("project", [str(task)]) == []
    assert len((await connector.find("project", ["il-task"]))["il-task"]) == 1


async def test_another_currency_than_the_companys_is_refused(
    harness: TrytonHarness, connector: Connector
) -> None:
    fields = {**await wanted(harness), "currency": "EUR"}
    receipt = await write_one(connector, creating("project", fields, "il-euro"))
    assert (receipt.outcome, receipt.reason and receipt.reason.field) == (
        Outcome.REJECTED, "currency",
    )  # fmt: skip
    assert await connector.find("project", ["il-euro"]) == {}


async def test_without_the_setting_there_are_no_projects(harness: TrytonHarness) -> None:
    harness.options = MappingProxyType({"projects": False})
    async with harness.connect() as connector:
        assert "project" not in connector.capabilities.entities


async def test_check_names_the_module_where_it_is_not_activated(harness: TrytonHarness) -> None:
    mark_module(harness.server, "not activated")
    try:
        async with harness.connect() as connector:
            told = [f.message for f in (await connector.check()).findings]
    finally:
        mark_module(harness.server, "activated")
    assert any("the module project is not activated" in message for message in told)


def mark_module(server: TrytonServer, state: str) -> None:
    """Set what Tryton says of the module; its own API offers that to nobody."""
    path = Path(server.state) / f"{server.database}.sqlite"
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute("UPDATE ir_module SET state = ? WHERE name = 'project'", (state,))
