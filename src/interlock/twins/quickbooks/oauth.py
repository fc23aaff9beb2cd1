"""Signing in: the authorization code flow and refresh tokens that change."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from interlock.twins.calls import Answer, Call

__all__ = ["App", "DISCOVERY", "TOKEN"]

TOKEN: Final = "/oauth2/v1/tokens/bearer"  # noqa: S105  a path
REVOKE: Final = "/v2/oauth2/tokens/revoke"
AUTHORIZE: Final = "/connect/oauth2"
DISCOVERY: Final = "/.well-known/openid_sandbox_configuration"
_SCOPE: Final = "com.intuit.quickbooks.accounting"
_LIFE: Final = timedelta(hours=1)
_UNUSED: Final = timedelta(days=100)
_CODE_LIFE: Final = timedelta(minutes=5)


class App:
    """An app somebody has connected to the company.

    ``rotate_after``: age at which a refresh token is replaced when it is used.  A replaced one is
    of no use any more: the strictest reading of what Intuit says.
    """

    def __init__(self, clock: Callable[[], datetime], realm: str) -> None:
        self.clock = clock
        self.realm = realm
        self.client_id = f"AB{secrets.token_hex(24)}"
        self.client_secret = secrets.token_hex(20)
        self.rotate_after = timedelta(hours=24)
        self.refreshed = 0
        self._codes: dict[str, tuple[datetime, str]] = {}
        self._open: dict[str, datetime] = {}
        self.refresh_token = ""
        self._made = self._used = clock()
        self._connect()
        self.access_token = self._open_session()

    def knows(self, call: Call) -> bool:
        """Say whether a call carries an access token that is still good."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        until = self._open.get(token)
        return scheme.lower() == "bearer" and until is not None and self.clock() < until

    def end_sessions(self) -> None:
        """End all sessions; the refresh token stays good."""
        self._open.clear()

    def disconnect(self) -> None:
        """End the connection, as its owner does under *Apps*."""
        self.end_sessions()
        self.refresh_token = ""

    def handle(self, call: Call) -> Answer | None:
        """Answer a call of the sign-in service; ``None`` for any other."""
        path = call.path.rstrip("/")
        match call.method, path:
            case "GET", p if p == DISCOVERY:
                return self._discovery(call.base_url)
            case "GET", p if p == AUTHORIZE:
                return self._authorize(call)
            case "POST", p if p == TOKEN:
                return self._token(call)
            case "POST", p if p == REVOKE:
                return self._revoke(call)
        return None

    def _discovery(self, base: str) -> Answer:
        return Answer(200, {
            "issuer": "https://oauth.platform.intuit.com/op/v1",
            "authorization_endpoint": base + AUTHORIZE, "token_endpoint": base + TOKEN,
            "revocation_endpoint": base + REVOKE,
            "userinfo_endpoint": base + "/v1/openid_connect/userinfo",
            "jwks_uri": base + "/op/v1/jwks", "scopes_supported": [_SCOPE],
        })  # fmt: skip

    def _authorize(self, call: Call) -> Answer:
        """Stand for the page on which the company's owner presses *Connect*."""
        if call.query.get("client_id") != self.client_id or _SCOPE not in call.query.get(
            "scope", ""
        ):
            return Answer(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(30)
        self._codes[code] = self.clock() + _CODE_LIFE, call.query.get("redirect_uri", "")
        back = {"code": code, "state": call.query.get("state", ""), "realmId": self.realm}
        place = f"{call.query.get('redirect_uri', '')}?{urlencode(back)}"
        return Answer(302, None, {"Location": place})

    def _token(self, call: Call) -> Answer:
        if not self._is_app(call):
            return Answer(401, {"error": "invalid_client"})
        form = call.form()
        match form.get("grant_type"):
            case "authorization_code":
                until, place = self._codes.pop(form.get("code", ""), (self.clock(), ""))
                if self.clock() >= until or place != form.get("redirect_uri"):
                    return _invalid("Invalid authorization code")
                self._connect()
            case "refresh_token":
                given = form.get("refresh_token", "")
                if not given or not secrets.compare_digest(given, self.refresh_token):
                    return _invalid("Incorrect or invalid refresh token")
                if self.clock() - self._used > _UNUSED:
                    return _invalid("Refresh token expired")
                self._refresh()
            case _:
                return Answer(400, {"error": "unsupported_grant_type"})
        self._used = self.clock()
        left = int(_UNUSED.total_seconds())
        self.access_token = self._open_session()
        return Answer(200, {
            "token_type": "bearer", "expires_in": int(_LIFE.total_seconds()),
            "refresh_token": self.refresh_token, "x_refresh_token_expires_in": left,
            "access_token": self.access_token,
        })  # fmt: skip

    def _refresh(self) -> None:
        self.refreshed += 1
        if self.clock() - self._made >= self.rotate_after:
            self._connect()

    def _connect(self) -> None:
        self.refresh_token = f"RT1-{secrets.token_hex(20)}"
        self._made = self._used = self.clock()

    def _open_session(self) -> str:
        token = f"eyJ{secrets.token_urlsafe(60)}"
        self._open[token] = self.clock() + _LIFE
        return token

    def _revoke(self, call: Call) -> Answer:
        if not self._is_app(call):
            return Answer(401, {"error": "invalid_client"})
        self.disconnect()
        return Answer(200)

    def _is_app(self, call: Call) -> bool:
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        try:
            given, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (
            scheme.lower() == "basic"
            and given == self.client_id
            and secrets.compare_digest(secret.encode(), self.client_secret.encode())
        )


def _invalid(why: str) -> Answer:
    return Answer(400, {"error": "invalid_grant", "error_description": why})
