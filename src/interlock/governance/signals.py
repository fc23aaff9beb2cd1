"""Rules of the signals: the company's currency and rates, bands, health score, tiers, stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

__all__ = ["Falling", "HealthRules", "Late", "SignalRules", "StockRules", "Thresholds", "Tier"]


class Late(msgspec.Struct, frozen=True):
    """``points`` off once the oldest invoice is overdue by that many days."""

    from_days: int
    points: int


class Falling(msgspec.Struct, frozen=True):
    """``points`` off once revenue has fallen by that many percent."""

    by_percent: Decimal
    points: int


class HealthRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken off the 100 points a customer has; of several steps the gravest counts.

    ``bands``: a score that goes over or under one of these is told at once.
    """

    overdue: Sequence[Late] = (Late(1, 15), Late(31, 30), Late(61, 45), Late(91, 60))
    hold: int = 30
    dispute: int = 10
    falling_revenue: Sequence[Falling] = (Falling(Decimal(20), 10), Falling(Decimal(50), 20))
    bands: Sequence[int] = (40, 70)


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier and what a customer must reach for it; the first that fits is the customer's."""

    name: str
    revenue_12m: Decimal | None = None
    lifetime_revenue: Decimal | None = None
    health_score: Decimal | None = None


class Thresholds(msgspec.Struct, frozen=True):
    """A product is low when no more than ``low`` is left of it, and out at ``out``."""

    low: Decimal = Decimal(0)
    out: Decimal = Decimal(0)


class StockRules(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds of products by SKU, else by family, else for all."""

    everywhere: Thresholds = Thresholds()
    families: Mapping[str, Thresholds] = {}
    products: Mapping[str, Thresholds] = {}

    def of(self, sku: str | None, family: str | None) -> Thresholds:
        """Give the thresholds of one product."""
        return self.products.get(sku or "") or self.families.get(family or "") or self.everywhere


class SignalRules(msgspec.Struct, frozen=True, kw_only=True):
    """What ``rules.yaml`` says of signals; without it what stands here.

    ``currency``: the company's own; empty: the one all invoices are in.  ``rates``: what one unit
    of another currency is worth in it; ``source`` names whose rates these are.  ``time_zone``:
    where the company's day begins.  ``overdue_bands``: days overdue at which a customer comes into
    the next band.
    """

    currency: str = ""
    time_zone: str = "UTC"
    source: str = ""
    rates: Mapping[str, Decimal] = {}
    overdue_bands: Sequence[int] = (1, 31, 61, 91)
    health: HealthRules = HealthRules()
    tiers: Sequence[Tier] = ()
    stock: StockRules = StockRules()
