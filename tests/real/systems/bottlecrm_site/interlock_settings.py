"""Django settings of the loopback BottleCRM; runs inside the BottleCRM environment.

The package's own settings, less what a throw-away server on one machine does not have: PostgreSQL,
Redis, a mail server, and a sign-in page.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import crm.settings as base  # type: ignore[import-not-found]
from crm.settings import *  # noqa: F403

# PDFs need the system's Pango, and where that is missing the import fails in a way the package does
# not expect (OSError). No test renders one: say that the library is absent, which it handles.
sys.modules["weasyprint"] = None  # type: ignore[assignment]

_STATE = Path(os.environ["INTERLOCK_STATE"])

SECRET_KEY = os.environ["SECRET_KEY"]
# Unattended sign-in is impossible (Google or a mailed link), so the pair made at start must last.
SIMPLE_JWT = {
    **base.SIMPLE_JWT,
    "SIGNING_KEY": SECRET_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(_STATE / "crm.sqlite3"),
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        },
    }
}
CELERY_TASK_ALWAYS_EAGER = True  # no broker: tasks run inside the request
CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "cache+memory://"
MEDIA_ROOT = str(_STATE / "media")
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}


class _NoMigrations(dict[str, None]):
    """Say of every app that it has no migrations, so that tables are made from the models.

    Replaying the 221 migrations takes minutes. An empty database lacks nothing but back-fills.
    """

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> None:
        return None


MIGRATION_MODULES = _NoMigrations()

if os.environ.get("INTERLOCK_LOOPBACK_WEBHOOKS") == "1":
    # The server refuses webhook targets on private addresses and unusual ports: right in
    # production, and in the way of a receiver in the same test.
    import webhooks.ssrf as guard  # type: ignore[import-not-found]

    class _AnyPort:
        def __contains__(self, port: object) -> bool:
            return True

    guard.is_blocked = lambda address: not address.is_loopback
    guard._allowed_ports = _AnyPort
    guard._allowed_schemes = lambda: ("https", "http")
