"""The QuickBooks connector against the twin of QuickBooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.twins.quickbooks import QuickBooksTwin, make
from interlock.twins.serving import running
from tests.conformance.quickbooks_harness import QuickBooksHarness


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[QuickBooksTwin]:
    """One twin for the whole module, without a limit to its calls."""
    twin = make(seed="empty")
    twin.configure({"per_minute": 10_000_000, "batches_per_minute": 10_000_000})
    with running(twin) as QuickBooksHarness.running:
        yield twin


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestQuickBooks{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": QuickBooksHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class
