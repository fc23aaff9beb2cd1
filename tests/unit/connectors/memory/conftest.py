"""A CRM and an ERP on one virtual clock, and connections to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from interlock.connectors.base import Connector, ConnectorContext
from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.mapping.overrides import MappingOverrides
from interlock.testing.clock import VirtualClock

Connect = Callable[..., Connector]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def crm(clock: VirtualClock) -> MemorySystem:
    return MemorySystem("crm", clock=clock)


@pytest.fixture
def erp(clock: VirtualClock) -> MemorySystem:
    return MemorySystem("erp", clock=clock)


@pytest.fixture
def connect(clock: VirtualClock) -> Connect:
    def connect(
        system: MemorySystem,
        *,
        wanted: dict[str, frozenset[str]] | None = None,
        overrides: MappingOverrides | None = None,
        **settings: Any,
    ) -> Connector:
        plugin = crm_plugin if system.kind == "crm" else erp_plugin
        if "path" not in settings:
            settings["system"] = f"unit-{uuid4().hex}"
            register(settings["system"], system)
        context = ConnectorContext(
            connection="c", installation="4k2m9x", clock=clock, wanted=wanted or {},
            overrides=overrides or MappingOverrides(),
        )  # fmt: skip
        return plugin.connect(plugin.settings(**settings), context)

    return connect
