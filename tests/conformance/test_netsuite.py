"""The NetSuite connector against the twin of NetSuite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.twins.netsuite import NetSuiteTwin, make
from interlock.twins.serving import running
from tests.conformance.netsuite_harness import FIELDS, NetSuiteHarness


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[NetSuiteTwin]:
    """One twin with the custom fields, for the whole module."""
    twin = make(seed="empty")
    twin.configure({"fields": FIELDS})
    with running(twin) as NetSuiteHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestNetSuite{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": NetSuiteHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: NetSuiteTwin) -> AsyncIterator[NetSuiteHarness]:
    async with NetSuiteHarness() as harness:
        yield harness
