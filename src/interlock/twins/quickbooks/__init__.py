"""A twin of the Accounting API of QuickBooks Online.

What it is written from, and what of it is not verified, stands in docs/connectors/quickbooks.md.
"""

from __future__ import annotations

from interlock.twins.clock import TwinClock
from interlock.twins.company import SEEDS, invent
from interlock.twins.quickbooks.seed import settle
from interlock.twins.quickbooks.twin import QuickBooksTwin

__all__ = ["QuickBooksTwin", "make"]


def make(
    *, seed: str = "small", random_seed: int = 1, clock: TwinClock | None = None
) -> QuickBooksTwin:
    """Make a company filled with one of the sets of seed data."""
    twin = QuickBooksTwin(clock=clock, random_seed=random_seed)
    settle(twin.books, invent(SEEDS[seed], twin.clock().date()))
    return twin
