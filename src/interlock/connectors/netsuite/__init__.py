"""Oracle NetSuite, an ERP with a REST record API and SuiteQL."""

from interlock.connectors.base import ConnectorContext, Kind, Plugin
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.connector import NetSuiteConnector

__all__ = ["plugin"]


def _connect(settings: NetSuiteSettings, context: ConnectorContext) -> NetSuiteConnector:
    return NetSuiteConnector(settings, context)


plugin = Plugin(
    name="netsuite",
    title="Oracle NetSuite",
    kind=Kind.ERP,
    settings=NetSuiteSettings,
    connect=_connect,
)
