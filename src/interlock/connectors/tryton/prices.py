"""Prices: what Tryton's price lists come to, product by product, and what a customer pays now.

A list's lines are formulas, so a price is never stored: Tryton works it out for a product and a
quantity, and we ask for the quantities its lines name.  Formulas may use the cost price; neither
they nor it are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from interlock.connectors.base import Page
from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.directory import Directory
from interlock.errors import NotPermittedError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Asked, Money, Offer, Record

__all__ = ["PriceDesk"]

_SOLD = [["template.salable", "=", True], ["active", "=", True]]


@dataclass(frozen=True, slots=True)
class _PriceList:
    id: int
    name: str
    quantities: tuple[Decimal, ...]
    """From which on another price may hold, the first is 0."""


class PriceDesk:
    """Asks one company's Tryton for prices."""

    def __init__(
        self,
        client: TrytonClient,
        directory: Directory,
        settings: TrytonSettings,
        prices: ObjectMap,
    ) -> None:
        self._client = client
        self._directory = directory
        self._settings = settings
        self._map = prices

    async def offered(self) -> bool:
        """Say whether Tryton has price lists for sales (module ``sale_price_list``)."""
        return "sale_price_list" in await self._directory.fields("party.party")

    # ── what the lists come to ───────────────────────────────────────────────────────────────

    async def sweep(self, cursor: str | None) -> Page:
        """Read list after list, a page of products at a time."""
        at, after = (int(part) for part in (cursor or "0:0").split(":"))
        lists = [each for each in await self._lists() if each.id >= at]
        if not lists:
            return Page(records=[], cursor="", more=False)
        here, size = lists[0], self._settings.page_size
        after = after if here.id == at else 0
        domain = [*_SOLD, ["id", ">", after]]
        rows = await self._client.rows(
            "product.product", domain, ["id"], limit=size, order=[["id", "ASC"]]
        )
        ids = [int(row["id"]) for row in rows]
        records = await self._records(here, ids)
        if len(ids) == size:
            return Page(records=records, cursor=f"{here.id}:{ids[-1]}", more=True)
        more = len(lists) > 1
        return Page(records=records, cursor=f"{lists[1].id}:0" if more else "", more=more)

    async def fetch(self, ids: Sequence[str]) -> list[Record]:
        """Read prices by list, product and quantity."""
        asked: dict[str, list[int]] = {}
        for each in ids:
            list_id, product, _ = (each + "--").split("-", 2)
            if list_id.isdecimal() and product.isdecimal():
                asked.setdefault(list_id, []).append(int(product))
        lists = {str(each.id): each for each in await self._lists()} if asked else {}
        found = [
            record
            for list_id, products in asked.items()
            if list_id in lists
            for record in await self._records(lists[list_id], sorted(set(products)))
        ]
        return [record for record in found if record.id in set(ids)]

    async def _lists(self) -> list[_PriceList]:
        if not await self.offered():
            return []
        company = await self._directory.company()
        # prices with tax in them are not what a line of an order is made of
        domain = [["company", "=", company.id], ["tax_included", "=", False]]
        columns = ["name", "lines.quantity"]
        rows = await self._client.rows(
            "product.price_list", domain, columns, order=[["id", "ASC"]],
            language=self._settings.language,
        )  # fmt: skip
        return [_PriceList(int(row["id"]), row["name"], _quantities(row)) for row in rows]

    async def _records(self, named: _PriceList, products: Sequence[int]) -> list[Record]:
        company = await self._directory.company()
        before: dict[int, Decimal] = {}
        records = []
        for quantity in named.quantities:
            prices = await self._read(products, price_list=named.id, quantity=float(quantity))
            for product, price in prices.items():
                if price is None or before.get(product) == price:
                    continue  # from this quantity on nothing changes
                before[product] = price
                raw = {
                    "product": product,
                    "price_list": {"name": named.name},
                    "price": {"amount": price, "currency": company.currency},
                    "quantity": quantity,
                }
                records.append(
                    Record(
                        entity="price",
                        id=f"{named.id}-{product}-{quantity.normalize():f}",
                        fields=self._map.decode(raw),
                    )
                )
        return records

    # ── what a customer pays now ─────────────────────────────────────────────────────────────

    async def offers(
        self, customer: str | None, asked: Sequence[Asked], currency: str, on: date
    ) -> list[Offer | None]:
        """Ask Tryton for the price of each, as its own sales forms do."""
        listed, codes = await asyncio.gather(
            self._list_of(customer),
            self._directory.ids("currency.currency", [currency], "code"),
        )
        if currency not in codes:
            return [None] * len(asked)
        context: dict[str, Any] = {"currency": codes[currency], "sale_date": on}
        if customer is not None and customer.isdecimal():
            context["customer"] = int(customer)
        if listed is not None:
            context["price_list"] = listed["id"]
        source = "list price" if listed is None else f"price list {listed['name']}"
        groups: dict[Decimal, list[int]] = {}
        for each in asked:
            if each.product.isdecimal():
                groups.setdefault(each.quantity, []).append(int(each.product))
        answers = await asyncio.gather(
            *(
                self._read(sorted(set(ids)), quantity=float(quantity), **context)
                for quantity, ids in groups.items()
            )
        )
        found = {
            (str(product), quantity): price
            for quantity, prices in zip(groups, answers, strict=True)
            for product, price in prices.items()
        }
        prices = [found.get((each.product, each.quantity)) for each in asked]
        return [
            None if price is None else Offer(price=Money(price, currency), source=source)
            for price in prices
        ]

    async def _list_of(self, customer: str | None) -> Row | None:
        """The price list of a customer, else the company's own; ``None``: list prices hold."""
        if not await self.offered():
            return None
        columns = ["sale_price_list.name", "sale_price_list.tax_included"]
        if customer is not None and customer.isdecimal():
            rows = await self._client.rows(
                "party.party", [["id", "=", int(customer)]], columns, active_test=False,
                language=self._settings.language,
            )  # fmt: skip
            if rows and (found := rows[0].get("sale_price_list.")):
                return None if found["tax_included"] else dict(found)
        try:
            [row] = await self._client.call(
                "sale.configuration", "read", [1], columns, language=self._settings.language
            )
        except NotPermittedError:
            return None
        found = row.get("sale_price_list.")
        return dict(found) if found and not found["tax_included"] else None

    async def _read(self, products: Sequence[int], **context: Any) -> dict[int, Decimal | None]:
        if not products:
            return {}
        rows = await self._client.rows(
            "product.product", [["id", "in", list(products)]], ["sale_price_uom"],
            active_test=False, **context,
        )  # fmt: skip
        return {int(row["id"]): row["sale_price_uom"] for row in rows}


def _quantities(row: Row) -> tuple[Decimal, ...]:
    stated = {Decimal(str(line["quantity"] or 0)) for line in row.get("lines.") or ()}
    return tuple(sorted(stated | {Decimal(0)}))
