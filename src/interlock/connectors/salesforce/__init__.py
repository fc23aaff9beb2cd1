"""Salesforce Sales Cloud, a CRM with a REST API and SOQL."""

from interlock.connectors.base import ConnectorContext, Kind, Plugin
from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.connectors.salesforce.connector import SalesforceConnector

__all__ = ["plugin"]


def _connect(settings: SalesforceSettings, context: ConnectorContext) -> SalesforceConnector:
    return SalesforceConnector(settings, context)


plugin = Plugin(
    name="salesforce",
    title="Salesforce",
    kind=Kind.CRM,
    settings=SalesforceSettings,
    connect=_connect,
)
