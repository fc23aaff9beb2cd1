"""The catalogue of a Tryton running for real: stock, lead time, price lists, prices asked live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.base import Connector, ConnectorContext
from interlock.connectors.tryton import plugin
from interlock.connectors.tryton.config import TrytonSettings
from interlock.model import ENTITIES, Asked, Money, Record
from tests.real.erp import Erp
from tests.real.systems.tryton import TrytonServer

pytestmark = pytest.mark.real

ALL = {entity: frozenset(struct.__struct_fields__) for entity, struct in ENTITIES.items()}


def decimal(value: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": value}


@asynccontextmanager
async def connected(server: TrytonServer, **settings: Any) -> AsyncIterator[Connector]:
    """The least-privilege user's connection."""
    connector = plugin.connect(
        TrytonSettings.model_validate({
            "url": server.url, "database": server.database, "login": server.login,
            "password": server.password, "contacts": False, **settings,
        }),
        ConnectorContext(connection="erp", installation="test01",
                         clock=lambda: datetime.now(UTC), wanted=ALL),
    )  # fmt: skip
    async with connector:
        yield connector


async def swept(connector: Connector, entity: str) -> list[Record]:
    records: list[Record] = []
    cursor: str | None = None
    while True:
        page = await connector.sweep(entity, cursor)
        records += page.records
        cursor = page.cursor
        if not page.more:
            return records


def template_of(erp: Erp, sku: str) -> int:
    [row] = erp.rpc.model(
        "product.product", "read", [erp.ids["products"][sku]], ["template"]
    )  # fmt: skip
    return int(row["template"])


def change(erp: Erp, sku: str, values: Mapping[str, Any]) -> None:
    erp.rpc.model("product.template", "write", [template_of(erp, sku)], dict(values))


async def test_products_show_what_a_rep_looks_up_and_nothing_of_their_cost(own_tryton):
    erp = Erp(own_tryton)
    change(erp, "W-002", {"lead_time": {"__class__": "timedelta", "seconds": 5.5 * 86400}})
    change(erp, "W-003", {"salable": False})
    async with connected(own_tryton) as connector:
        found = {r.fields["sku"]: r for r in await swept(connector, "product")}
    first = found["W-001"].fields
    assert first["unit"] == "C62"
    assert first["stock_quantity"] == Decimal(100)
    assert isinstance(first["list_price"], Money)
    assert first["list_price"].currency == "USD"
    assert first["lead_time"] is None
    assert first["active"] is True
    assert found["W-002"].fields["lead_time"] == Decimal(6)
    assert found["W-003"].fields["active"] is False
    assert all(record.problems is None for record in found.values())
    assert not {"cost_price", "floor_price", "margin"} & set(first)


async def test_price_lists_are_read_product_by_product_with_their_quantities(own_tryton):
    erp = Erp(own_tryton)
    listed = own_tryton.ids["price_list"]
    [row] = erp.rpc.model("product.price_list", "read", [listed], ["lines"])
    erp.rpc.model("product.price_list", "write", [listed], {"lines": [
        ["delete", row["lines"]],
        ["create", [{"formula": "list_price * 0.8", "quantity": 50.0, "sequence": 1},
                    {"formula": "list_price * 0.9", "sequence": 2}]]]})  # fmt: skip
    async with connected(own_tryton, page_size=7) as connector:
        prices = await swept(connector, "price")
        products = {r.id: r.fields for r in await swept(connector, "product")}
        again = await connector.fetch("price", [prices[0].id, "0-0-0", "nonsense"])
    assert [record.id for record in again] == [prices[0].id]
    assert again[0].fields == prices[0].fields
    assert len(prices) == 2 * len(products)
    for record in prices:
        price, product = record.fields["unit_price"], record.fields["product"]
        before = products[product.id]["list_price"]
        part = Decimal("0.8") if record.fields["from_quantity"] else Decimal("0.9")
        assert price == Money((before.amount * part).quantize(Decimal("0.0001")), "USD")
        assert record.fields["price_list"] == "Partner 10% off"


async def test_a_price_changed_a_moment_ago_is_what_the_next_question_gets(own_tryton):
    erp = Erp(own_tryton)
    party = erp.add_customer(name="Partner Ltd", country="US")
    plain = erp.add_customer(name="Plain Ltd", country="US")
    erp.rpc.model(
        "party.party", "write", [party], {"sale_price_list": own_tryton.ids["price_list"]}
    )
    product = str(own_tryton.ids["products"]["W-001"])
    asked = [Asked(product, Decimal(3)), Asked("999999", Decimal(1))]
    async with connected(own_tryton) as connector:

        async def price(customer: int | None, currency: str = "USD") -> tuple[Decimal, str]:
            known, unknown = await connector.prices(
                None if customer is None else str(customer), asked, currency=currency,
                on=date.today(),  # noqa: DTZ011
            )  # fmt: skip
            assert known is not None
            assert unknown is None
            assert known.price.currency == currency
            return known.price.amount, known.source

        change(erp, "W-001", {"list_price": decimal("40.00")})
        assert await price(plain) == (Decimal("40.00"), "list price")
        assert await price(None) == (Decimal("40.00"), "list price")
        assert await price(party) == (Decimal("36.0000"), "price list Partner 10% off")
        change(erp, "W-001", {"list_price": decimal("44.00")})
        assert await price(party) == (Decimal("39.6000"), "price list Partner 10% off")
        assert (await price(party, "EUR"))[0] == Decimal("39.6000") * Decimal("0.9")
        nowhere = await connector.prices(None, asked, currency="XTS", on=date(2026, 3, 2))
        assert nowhere == [None, None]
        [shown] = await connector.fetch("customer", [str(party)])
    assert shown.fields["price_list"] == "Partner 10% off"


async def test_without_warehouses_stock_is_unknown_and_not_nothing(own_tryton):
    async with connected(own_tryton, warehouses=["Nowhere"]) as connector:
        found = await swept(connector, "product")
    assert found
    assert all("stock_quantity" not in record.fields for record in found)
