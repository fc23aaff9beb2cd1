"""Prices: what a customer pays now, asked of the system and never worked out from another."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from interlock.connectors.base import Connector
from interlock.model import Asked, Money, Offer
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import Conformance, bring_about, need

__all__ = ["BasePrices"]


class BasePrices(Conformance):
    """What the quote check relies on."""

    async def test_answers_come_in_the_order_asked(
        self, harness: Harness, connector: Connector
    ) -> None:
        """One answer per question, the same product asked twice included; each says whose it is."""
        priced = await self._priced(harness, connector, 3)
        asked = [priced[i] for i in (2, 0, 1, 0)]
        for customer in (None, await harness.seed_sample("customer")):
            offers = await self._ask(harness, connector, customer, [each for each, _ in asked])
            assert [offer.price if offer else None for offer in offers] == [p for _, p in asked]
            assert all(offer and offer.source for offer in offers)
            assert {type(offer.price.amount) for offer in offers if offer} == {Decimal}

    async def test_product_nobody_knows_has_no_price(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Its answer is ``None``, in its place; the others have theirs."""
        (first, cheap), (last, dear) = await self._priced(harness, connector, 2)
        gone = await harness.seed_sample("product")
        await bring_about(harness.remove, "product", gone)
        offers = await self._ask(harness, connector, None, [first, gone, last])
        assert [offer and offer.price for offer in offers] == [cheap, None, dear]

    async def test_another_currency_is_not_converted(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Nor is a price given in a currency that was not asked for."""
        [(product, price)] = await self._priced(harness, connector, 1)
        assert price.currency != harness.foreign_currency
        asked = [Asked(product, Decimal(1))]
        offers = await connector.prices(
            None, asked, currency=harness.foreign_currency, on=harness.now().date()
        )
        assert list(offers) == [None]

    async def test_nothing_asked_is_answered_with_nothing(
        self, harness: Harness, connector: Connector
    ) -> None:
        """A quote may have no line whose product is known."""
        await self._priced(harness, connector, 1)
        assert list(await self._ask(harness, connector, None, [])) == []

    async def test_never_fields_are_nowhere(self, harness: Harness, connector: Connector) -> None:
        """Cost and margin are neither told nor asked for."""
        [(product, _)] = await self._priced(harness, connector, 1)
        texts = await bring_about(harness.plant, "product", product)
        await bring_about(harness.requested, "product")
        offers = await self._ask(harness, connector, None, [product])
        asked = await bring_about(harness.requested, "product")
        assert not [text for text in texts if text in repr(offers)]
        assert not asked & set(connector.capabilities.never)

    async def test_undeclared_prices_refuse(self, harness: Harness, connector: Connector) -> None:
        """With NotImplementedError, before the system is touched."""
        if connector.capabilities.prices:
            pytest.skip("prices: declared")
        with pytest.raises(NotImplementedError):
            await self._ask(harness, connector, None, [harness.example_ids[0]])

    async def _priced(
        self, harness: Harness, connector: Connector, number: int
    ) -> list[tuple[str, Money]]:
        need(connector.capabilities.prices, "prices")
        found = [await bring_about(harness.price) for _ in range(number)]
        assert len({price.amount for _, price in found}) == number, "the prices are to differ"
        assert {price.currency for _, price in found} == {harness.currencies[0]}
        return found

    async def _ask(
        self, harness: Harness, connector: Connector, customer: str | None, products: Sequence[str]
    ) -> Sequence[Offer | None]:
        asked = [Asked(product, Decimal(1)) for product in products]
        return await connector.prices(
            customer, asked, currency=harness.currencies[0], on=harness.now().date()
        )
