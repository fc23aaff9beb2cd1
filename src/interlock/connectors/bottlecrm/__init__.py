"""BottleCRM 1.35, a CRM with a REST API and personal access tokens."""

from interlock.connectors.base import ConnectorContext, Kind, Plugin
from interlock.connectors.bottlecrm.config import BottleCrmSettings
from interlock.connectors.bottlecrm.connector import BottleCrmConnector

__all__ = ["plugin"]


def _connect(settings: BottleCrmSettings, context: ConnectorContext) -> BottleCrmConnector:
    return BottleCrmConnector(settings, context)


plugin = Plugin(
    name="bottlecrm",
    title="BottleCRM",
    kind=Kind.CRM,
    settings=BottleCrmSettings,
    connect=_connect,
)
