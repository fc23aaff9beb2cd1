"""Catalogue: products as the ERP sells them, with how much is left as in, low or out.

Everything else of a product, and price lists, the merge carries like any field the ERP owns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from interlock.governance.rules import Side
from interlock.governance.signals import StockRules, Thresholds
from interlock.model import Fields, StockLevel
from interlock.store import feeds, observations, signals
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Catalogue", "level_of", "stock_of"]

_LOOKED = "catalogue"


def stock_of(quantity: Decimal, thresholds: Thresholds) -> StockLevel:
    """Say how much that is."""
    if quantity <= thresholds.out:
        return StockLevel.OUT
    return StockLevel.LOW if quantity <= thresholds.low else StockLevel.IN


def level_of(product: Fields, rules: StockRules) -> StockLevel | None:
    """Say how much is left of a product; ``None`` where the ERP counts none."""
    quantity = product.get("stock_quantity")
    if not isinstance(quantity, Decimal):
        return None
    sku, family = product.get("sku"), product.get("family")
    thresholds = rules.of(
        sku if isinstance(sku, str) else None, family if isinstance(family, str) else None
    )
    return stock_of(quantity, thresholds)


class Catalogue:
    """The process.  It writes nothing by itself: the level is a field the ERP owns."""

    entity = "product"

    def __init__(self, pair: Pair, rules: StockRules) -> None:
        self.pair = pair
        self.rules = rules

    def intents(self, _tx: Tx, _bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Want nothing beyond what the merge decides."""
        return {}

    async def prepare(self, run: Run) -> None:
        """Bring the levels up to date, where products were seen anew."""
        rules = self.pair.rules("product")
        if rules is None or "stock" not in rules.fields or Side.ERP in run.paused:
            return
        if "product" in self.pair.observed(Side.ERP):
            await self.pair.store.call(self._look, run)

    def _look(self, tx: Tx, run: Run) -> None:
        state = msgspec.json.encode(self.rules, order="sorted").decode()
        state += observations.state_of(tx, Side.ERP, "product")
        if feeds.get_meta(tx, _LOOKED) == state:
            return
        found: dict[str, tuple[int | None, Fields]] = {}
        for row in signals.shown(tx, "product"):
            level = level_of(row.fields, self.rules)
            public: Fields = {} if level is None else {"stock": level.value}
            if public != (row.signals or {}):
                found[row.id] = (row.link_id, public)
        signals.publish(tx, "product", found, self.pair.clock())
        run.counts["signals"] += len(found)
        feeds.set_meta(tx, _LOOKED, state)
