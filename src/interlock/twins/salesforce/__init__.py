"""A twin of Salesforce Sales Cloud's REST API.

What it is written from, and what of it is not verified, stands in docs/connectors/salesforce.md.
"""

from __future__ import annotations

from interlock.twins.clock import TwinClock
from interlock.twins.company import SEEDS, invent
from interlock.twins.salesforce.seed import settle
from interlock.twins.salesforce.twin import SalesforceTwin

__all__ = ["SalesforceTwin", "make"]


def make(
    *, seed: str = "small", random_seed: int = 1, clock: TwinClock | None = None
) -> SalesforceTwin:
    """Make an org filled with one of the sets of seed data."""
    twin = SalesforceTwin(clock=clock, random_seed=random_seed)
    settle(twin.org, invent(SEEDS[seed], twin.clock().date()))
    return twin
