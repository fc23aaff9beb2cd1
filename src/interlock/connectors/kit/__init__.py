"""Building blocks shared by connectors: HTTP, redaction, change windows, webhooks."""

from interlock.connectors.kit.http import Answer, HttpClient
from interlock.connectors.kit.redact import clean
from interlock.connectors.kit.webhooks import HmacScheme
from interlock.connectors.kit.windows import Window

__all__ = ["Answer", "HmacScheme", "HttpClient", "Window", "clean"]
