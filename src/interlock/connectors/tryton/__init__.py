"""Tryton 8.2 as the ERP, over JSON-RPC."""

from interlock.connectors.base import Kind, Plugin
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.connector import TrytonConnector

__all__ = ["plugin"]

plugin = Plugin(
    name="tryton",
    title="Tryton",
    kind=Kind.ERP,
    settings=TrytonSettings,
    connect=TrytonConnector,
)
