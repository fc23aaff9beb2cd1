"""A complete CRM and ERP in memory or in one file, and their connector."""

from __future__ import annotations

from functools import partial

from interlock.connectors.base import Kind, Plugin
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.connector import MemoryConnector
from interlock.connectors.memory.system import MemorySystem, find_system, register
from interlock.connectors.memory.tables import Refused

__all__ = ["MemorySystem", "Refused", "crm_plugin", "erp_plugin", "find_system", "register"]

crm_plugin = Plugin(
    name="memory_crm",
    title="CRM in memory",
    kind=Kind.CRM,
    settings=MemorySettings,
    connect=partial(MemoryConnector, "crm"),
)
erp_plugin = Plugin(
    name="memory_erp",
    title="ERP in memory",
    kind=Kind.ERP,
    settings=MemorySettings,
    connect=partial(MemoryConnector, "erp"),
)
