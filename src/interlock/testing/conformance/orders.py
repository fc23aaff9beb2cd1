"""Orders: created once as a draft, added up by the ERP, confirmed by a repeatable step."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from interlock.connectors.base import Connector, Outcome, WriteRequest
from interlock.model import Line, OrderStatus, Record
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import (
    Conformance,
    bring_about,
    creating,
    declared,
    fetch_one,
    need,
    reference_for,
    updating,
    writable,
    write_one,
)

__all__ = ["BaseOrders"]


class BaseOrders(Conformance):
    """What quote-to-order relies on."""

    async def test_draft_shows_the_systems_own_net_total(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Before anything is confirmed; without tax, equal to the lines to the cent."""
        write, order = await self._draft(harness, connector)
        lines = write.fields["lines"]
        assert isinstance(lines, tuple)
        assert order.fields["status"] == OrderStatus.DRAFT
        assert order.fields["net_total"] == _net(lines)
        assert order.fields["currency"] == write.fields["currency"]

    async def test_confirming_opens_and_may_be_repeated(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The second time nothing more happens; lines and total stay."""
        _, draft = await self._draft(harness, connector)
        before = await harness.ids("order")
        for _ in range(2):
            receipt = await write_one(connector, self._confirm(draft.id))
            assert receipt.outcome.succeeded, receipt.reason
            order = await fetch_one(connector, "order", draft.id)
            assert order.fields["status"] == OrderStatus.OPEN
            assert order.fields["net_total"] == draft.fields["net_total"]
            assert order.fields["lines"] == draft.fields["lines"]
        assert await harness.ids("order") == before

    async def test_lost_answer_to_confirming_is_repeated_safely(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Unknown first, open in the end, still one order."""
        _, draft = await self._draft(harness, connector)
        before = await harness.ids("order")
        await bring_about(harness.lose_next_answer, "order")
        receipt = await write_one(connector, self._confirm(draft.id))
        assert receipt.outcome in (Outcome.UNKNOWN, Outcome.UPDATED)
        assert (await write_one(connector, self._confirm(draft.id))).outcome.succeeded
        order = await fetch_one(connector, "order", draft.id)
        assert order.fields["status"] == OrderStatus.OPEN
        assert await harness.ids("order") == before

    async def test_lines_of_an_order_are_replaced_where_that_is_declared(
        self, harness: Harness, connector: Connector
    ) -> None:
        """None of the former ones stays, and the total is that of the new ones."""
        _, draft = await self._draft(harness, connector)
        if draft.fields["status"] not in declared(connector, "order").amends:
            pytest.skip("amends: declared without draft for order")
        lines = draft.fields["lines"]
        assert isinstance(lines, tuple)
        fewer = tuple(msgspec.structs.replace(x, quantity=x.quantity + 1) for x in lines[:1])
        receipt = await write_one(connector, updating("order", draft.id, {"lines": fewer}))
        assert receipt.outcome.succeeded, receipt.reason
        order = await fetch_one(connector, "order", draft.id)
        shown = order.fields["lines"]
        assert isinstance(shown, tuple)
        assert [(x.key, x.quantity, x.unit_price) for x in shown] == [
            (x.key, x.quantity, x.unit_price) for x in fewer
        ]
        assert order.fields["net_total"] == _net(fewer)

    @pytest.mark.parametrize("status", [OrderStatus.DRAFT, OrderStatus.OPEN])
    async def test_cancelling_may_be_repeated_where_it_is_declared(
        self, harness: Harness, connector: Connector, status: OrderStatus
    ) -> None:
        """The second time nothing more happens."""
        _, draft = await self._draft(harness, connector)
        if status not in declared(connector, "order").cancels:
            pytest.skip(f"cancels: declared without {status} for order")
        if status is OrderStatus.OPEN:
            assert (await write_one(connector, self._confirm(draft.id))).outcome.succeeded
        for _ in range(2):
            cancel = updating("order", draft.id, {"status": OrderStatus.CANCELLED.value})
            receipt = await write_one(connector, cancel)
            assert receipt.outcome.succeeded, receipt.reason
            order = await fetch_one(connector, "order", draft.id)
            assert order.fields["status"] == OrderStatus.CANCELLED

    async def test_header_without_lines_is_found_incomplete_and_resumed(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The missing lines are added to the same order."""
        write = await self._write(harness, connector)
        before = await harness.ids("order")
        await bring_about(harness.tear_next_create, "order")
        assert (await write_one(connector, write)).outcome is Outcome.UNKNOWN
        assert write.reference is not None
        [torn] = (await connector.find("order", [write.reference]))[write.reference]
        assert not torn.complete
        receipt = await connector.resume("order", write, torn)
        assert receipt.outcome.succeeded
        [whole] = (await connector.find("order", [write.reference]))[write.reference]
        assert whole.complete
        assert await harness.ids("order") - before == {whole.record.id}
        lines = write.fields["lines"]
        assert isinstance(lines, tuple)
        assert whole.record.fields["net_total"] == _net(lines)

    async def _write(self, harness: Harness, connector: Connector) -> WriteRequest:
        if "order" not in connector.capabilities.entities:
            pytest.skip("orders: unsupported by the system")
        able = declared(connector, "order")
        need(able.create, "create order")
        if not able.drafts:
            pytest.skip("drafts: declared false for order")
        fields = writable(connector, "order", await harness.sample("order"))
        return creating("order", fields, reference_for(harness))

    async def _draft(self, harness: Harness, connector: Connector) -> tuple[WriteRequest, Record]:
        write = await self._write(harness, connector)
        receipt = await write_one(connector, write)
        assert receipt.outcome is Outcome.CREATED, receipt.reason
        assert receipt.record_id is not None
        return write, await fetch_one(connector, "order", receipt.record_id)

    def _confirm(self, record_id: str) -> WriteRequest:
        return updating("order", record_id, {"status": OrderStatus.OPEN.value})


def _net(lines: tuple[Line, ...]) -> Decimal:
    return sum((line.quantity * line.unit_price for line in lines), Decimal(0))
