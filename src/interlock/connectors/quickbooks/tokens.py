"""Tokens: a short access token, and a refresh token that Intuit replaces when it likes.

The newest refresh token is saved before the access token that came with it is used: were it lost,
somebody would have to connect the company again.  One refresh at a time, over all processes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.connectors.base import Secrets
from interlock.connectors.kit import Answer, HttpClient, clean
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.errors import NeedsAuthError, TransientError

__all__ = ["Tokens"]

_PATH: Final = "/oauth2/v1/tokens/bearer"
_NAME: Final = "refresh_token"
_MARGIN: Final = timedelta(minutes=5)


class Tokens:
    """Gives access tokens; keeps the refresh token behind them."""

    def __init__(
        self, system: str, settings: QuickBooksSettings, secrets: Secrets | None,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._system = system
        self._settings = settings
        self._secrets = secrets
        self._now = now
        self._door = HttpClient(
            system, settings.sign_in_url, timeout=settings.timeout, now=now,
            secrets=(settings.client_secret.get_secret_value(),),
        )  # fmt: skip
        self._lock = asyncio.Lock()
        self._kept: str | None = None
        self._access = ""
        self._until: datetime | None = None

    @property
    def durable(self) -> bool:
        """Say whether a new refresh token survives the end of the process."""
        return self._secrets is not None

    async def close(self) -> None:
        """Close the sockets."""
        await self._door.close()

    async def access(self, *, instead_of: str = "") -> str:
        """Give an access token, another one than ``instead_of``."""
        async with self._lock:
            fresh = self._until is not None and self._now() < self._until
            if not self._access or not fresh or self._access == instead_of:
                alone: AbstractAsyncContextManager[None] = nullcontext()
                if self._secrets is not None:
                    alone = self._secrets.alone(_NAME)
                async with alone:
                    await self._refresh()
            return self._access

    async def _refresh(self) -> None:
        known = self._newest()
        pair = f"{self._settings.client_id}:{self._settings.client_secret.get_secret_value()}"
        self._door.secrets = (self._settings.client_secret.get_secret_value(), known)
        answer = await self._door.request(
            "POST", _PATH, operation="sign in",
            form={"grant_type": "refresh_token", "refresh_token": known},
            headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
        )  # fmt: skip
        data = answer.data if isinstance(answer.data, Mapping) else {}
        if not answer.ok or not data.get("access_token"):
            raise self._refused(answer, data)
        newest = str(data.get("refresh_token") or known)
        if newest != known:
            self._keep(newest)
        self._access = str(data["access_token"])
        life = timedelta(seconds=int(data.get("expires_in") or 3600))
        self._until = self._now() + max(life - _MARGIN, timedelta(0))

    def _refused(self, answer: Answer, data: Mapping[str, Any]) -> Exception:
        if answer.status in (400, 401) and answer.is_json:
            why = clean(f"{data.get('error', '')} {data.get('error_description', '')}".strip())
            return NeedsAuthError(
                f"{self._system}: QuickBooks does not let us in ({why})",
                system=self._system, operation="sign in", code=str(data.get("error", "refused")),
                fix="check client_id and client_secret; with invalid_grant connect the company "
                "again and put the new refresh token into the connection",
            )  # fmt: skip
        return TransientError(
            f"{self._system}: the sign-in service answered {answer.status}",
            system=self._system, operation="sign in", code="server_error",
        )  # fmt: skip

    # ── the refresh token ────────────────────────────────────────────────────────────────────

    def _newest(self) -> str:
        """Give the last token that was kept, unless a person has put in another one since."""
        stored = self._kept if self._secrets is None else self._secrets.load(_NAME)
        stated = self._settings.refresh_token.get_secret_value()
        if stored is None:
            return stated
        try:
            found = json.loads(stored)
            return str(found["token"]) if found["since"] == _digest(stated) else stated
        except (ValueError, KeyError, TypeError):
            return stated

    def _keep(self, token: str) -> None:
        stated = self._settings.refresh_token.get_secret_value()
        text = json.dumps({"since": _digest(stated), "token": token})
        if self._secrets is None:
            self._kept = text
        else:
            self._secrets.save(_NAME, text)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
