"""QuickBooks Online, an accounting system with a REST API: no orders, no credit hold."""

from interlock.connectors.base import ConnectorContext, Kind, Plugin
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.connectors.quickbooks.connector import QuickBooksConnector

__all__ = ["plugin"]


def _connect(settings: QuickBooksSettings, context: ConnectorContext) -> QuickBooksConnector:
    return QuickBooksConnector(settings, context)


plugin = Plugin(
    name="quickbooks",
    title="QuickBooks Online",
    kind=Kind.ERP,
    settings=QuickBooksSettings,
    connect=_connect,
)
