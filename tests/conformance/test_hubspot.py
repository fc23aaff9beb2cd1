"""The HubSpot connector against the twin of HubSpot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.twins.hubspot import HubSpotTwin, make
from interlock.twins.serving import running
from tests.conformance.hubspot_harness import FIELDS, HubSpotHarness


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[HubSpotTwin]:
    """One twin with the custom properties, for the whole module."""
    twin = make(seed="empty")
    twin.configure({
        "properties": FIELDS, "calls_in_10_seconds": 10_000_000, "searches_a_second": 10_000_000,
    })  # fmt: skip
    twin.quota.limit = 10_000_000
    with running(twin) as HubSpotHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestHubSpot{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": HubSpotHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: HubSpotTwin) -> AsyncIterator[HubSpotHarness]:
    async with HubSpotHarness() as harness:
        yield harness
