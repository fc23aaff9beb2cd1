"""A twin of NetSuite's REST record API and SuiteQL.

What it is written from, and what of it is not verified, stands in docs/connectors/netsuite.md.
"""

from __future__ import annotations

from interlock.twins.clock import TwinClock
from interlock.twins.company import SEEDS, invent
from interlock.twins.netsuite.seed import settle
from interlock.twins.netsuite.twin import NetSuiteTwin

__all__ = ["NetSuiteTwin", "make"]


def make(
    *, seed: str = "small", random_seed: int = 1, clock: TwinClock | None = None
) -> NetSuiteTwin:
    """Make an account filled with one of the sets of seed data."""
    twin = NetSuiteTwin(clock=clock, random_seed=random_seed)
    settle(twin.account, invent(SEEDS[seed], twin.clock().date()))
    return twin
