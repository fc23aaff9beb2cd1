"""HubSpot, a CRM with a REST API: companies, contacts, deals, products, quotes, tasks."""

from interlock.connectors.base import ConnectorContext, Kind, Plugin
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.connector import HubSpotConnector

__all__ = ["plugin"]


def _connect(settings: HubSpotSettings, context: ConnectorContext) -> HubSpotConnector:
    return HubSpotConnector(settings, context)


plugin = Plugin(
    name="hubspot",
    title="HubSpot",
    kind=Kind.CRM,
    settings=HubSpotSettings,
    connect=_connect,
)
