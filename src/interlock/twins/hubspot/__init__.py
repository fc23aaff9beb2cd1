"""A twin of HubSpot's CRM API.

What it is written from, and what of it is not verified, stands in docs/connectors/hubspot.md.
"""

from __future__ import annotations

from interlock.twins.clock import TwinClock
from interlock.twins.company import SEEDS, invent
from interlock.twins.hubspot.seed import settle
from interlock.twins.hubspot.twin import HubSpotTwin

__all__ = ["HubSpotTwin", "make"]


def make(
    *, seed: str = "small", random_seed: int = 1, clock: TwinClock | None = None
) -> HubSpotTwin:
    """Make a portal filled with one of the sets of seed data."""
    twin = HubSpotTwin(clock=clock, random_seed=random_seed)
    settle(twin.portal, invent(SEEDS[seed], twin.clock().date()))
    return twin
