"""How much is left of a product, as a rep sees it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interlock.governance.signals import StockRules, Thresholds
from interlock.model import StockLevel
from interlock.processes.catalogue import level_of, stock_of

RULES = StockRules(
    everywhere=Thresholds(low=Decimal(10)),
    families={"Screws": Thresholds(low=Decimal(500), out=Decimal(50))},
    products={"S-1": Thresholds(low=Decimal(2))},
)


@pytest.mark.parametrize(
    ("quantity", "level"),
    [("-1", "out"), ("0", "out"), ("0.5", "low"), ("10", "low"), ("10.01", "in")],
)
def test_thresholds_are_the_last_quantity_of_a_level(quantity: str, level: str) -> None:
    assert stock_of(Decimal(quantity), RULES.everywhere) == StockLevel(level)


@pytest.mark.parametrize(
    ("product", "level"),
    [
        ({"sku": "A-1", "family": "Chairs", "stock_quantity": Decimal(9)}, StockLevel.LOW),
        ({"sku": "S-9", "family": "Screws", "stock_quantity": Decimal(60)}, StockLevel.LOW),
        ({"sku": "S-9", "family": "Screws", "stock_quantity": Decimal(50)}, StockLevel.OUT),
        ({"sku": "S-1", "family": "Screws", "stock_quantity": Decimal(60)}, StockLevel.IN),
        ({"sku": "A-1", "stock_quantity": None}, None),
        ({"sku": "A-1"}, None),
    ],
)
def test_a_products_own_thresholds_come_before_its_familys(product, level) -> None:
    assert level_of(product, RULES) is level
