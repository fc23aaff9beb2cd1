"""The connector conformance suite: one base class a behaviour, driven by a ``Harness``.

A connector's test file subclasses every one of ``BEHAVIOURS``::

    class _Acme:
        harness_class = AcmeHarness

    class TestConnection(_Acme, BaseConnection): ...
    class TestSweep(_Acme, BaseSweep): ...

It needs pytest, pytest-asyncio and hypothesis.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in (
        "suite", "connection", "reading", "writing", "values", "boundary", "honesty", "orders",
        "webhooks",
        "prices",
        "projects",
    ))
)  # fmt: skip

from interlock.testing.conformance.boundary import BaseBoundary, BaseRedaction  # noqa: E402
from interlock.testing.conformance.connection import BaseConnection  # noqa: E402
from interlock.testing.conformance.harness import CannotInject, Harness, Wrong  # noqa: E402
from interlock.testing.conformance.honesty import BaseHonesty  # noqa: E402
from interlock.testing.conformance.orders import BaseOrders  # noqa: E402
from interlock.testing.conformance.prices import BasePrices  # noqa: E402
from interlock.testing.conformance.projects import BaseProjects  # noqa: E402
from interlock.testing.conformance.reading import (  # noqa: E402
    BaseChanges,
    BasePresence,
    BaseSweep,
)
from interlock.testing.conformance.suite import REASON_CODES, Conformance  # noqa: E402
from interlock.testing.conformance.values import BaseRoundTrip, BaseValues  # noqa: E402
from interlock.testing.conformance.webhooks import BaseWebhooks  # noqa: E402
from interlock.testing.conformance.writing import (  # noqa: E402
    BaseBatch,
    BaseCreate,
    BaseThrottling,
    BaseUpdate,
)

BEHAVIOURS: tuple[type[Conformance], ...] = (
    BaseConnection, BaseSweep, BaseChanges, BasePresence, BaseCreate, BaseUpdate, BaseBatch,
    BaseThrottling, BaseValues, BaseRoundTrip, BaseBoundary, BaseRedaction, BaseHonesty, BaseOrders,
    BaseWebhooks,
    BasePrices,
    BaseProjects,
)  # fmt: skip
"""Every behaviour; a connector is conformant when it passes all of them."""

__all__ = [
    "BEHAVIOURS", "REASON_CODES", "CannotInject", "Conformance", "Harness", "Wrong",
    "BaseBatch", "BaseBoundary", "BaseChanges", "BaseConnection", "BaseCreate", "BaseHonesty",
    "BaseOrders", "BasePresence", "BasePrices", "BaseProjects", "BaseRedaction", "BaseRoundTrip",
    "BaseSweep", "BaseThrottling", "BaseUpdate", "BaseValues", "BaseWebhooks",
]  # fmt: skip
