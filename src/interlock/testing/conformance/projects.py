"""Projects: created once, with what they were sold for, confirmed and cancelled repeatably."""

from __future__ import annotations

import pytest

from interlock.connectors.base import Connector, Outcome
from interlock.model import OrderStatus, Record
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import (
    Conformance,
    creating,
    declared,
    fetch_one,
    need,
    reference_for,
    updating,
    writable,
    write_one,
)

__all__ = ["BaseProjects"]


class BaseProjects(Conformance):
    """What relies on projects where a deal becomes one."""

    async def test_a_draft_shows_what_it_was_sold_for(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Before it is confirmed, equal to the cent; and it has a number for the deal to show."""
        wanted, project = await self._draft(harness, connector)
        assert project.fields["status"] == OrderStatus.DRAFT
        assert project.fields["number"]
        for name in {"net_total", "currency"} & wanted.keys():
            assert project.fields[name] == wanted[name]

    async def test_confirming_a_project_may_be_repeated(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The second time nothing more happens."""
        _, draft = await self._draft(harness, connector)
        before = await harness.ids("project")
        for _ in range(2):
            opened = updating("project", draft.id, {"status": OrderStatus.OPEN.value})
            receipt = await write_one(connector, opened)
            assert receipt.outcome.succeeded, receipt.reason
            project = await fetch_one(connector, "project", draft.id)
            assert project.fields["status"] == OrderStatus.OPEN
            assert project.fields.get("net_total") == draft.fields.get("net_total")
        assert await harness.ids("project") == before

    async def test_cancelling_a_project_may_be_repeated_where_it_is_declared(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The second time nothing more happens."""
        _, draft = await self._draft(harness, connector)
        if OrderStatus.DRAFT not in declared(connector, "project").cancels:
            pytest.skip("cancels: declared without draft for project")
        for _ in range(2):
            cancel = updating("project", draft.id, {"status": OrderStatus.CANCELLED.value})
            receipt = await write_one(connector, cancel)
            assert receipt.outcome.succeeded, receipt.reason
            project = await fetch_one(connector, "project", draft.id)
            assert project.fields["status"] == OrderStatus.CANCELLED

    async def _draft(
        self, harness: Harness, connector: Connector
    ) -> tuple[dict[str, object], Record]:
        if "project" not in connector.capabilities.entities:
            pytest.skip("projects: unsupported by the system")
        able = declared(connector, "project")
        need(able.create, "create project")
        if not able.drafts:
            pytest.skip("drafts: declared false for project")
        fields = writable(connector, "project", await harness.sample("project"))
        receipt = await write_one(connector, creating("project", fields, reference_for(harness)))
        assert receipt.outcome is Outcome.CREATED, receipt.reason
        assert receipt.record_id is not None
        return dict(fields), await fetch_one(connector, "project", receipt.record_id)
