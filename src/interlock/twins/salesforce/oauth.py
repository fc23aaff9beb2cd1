"""Signing in: the JWT bearer and client credentials flows of an external client app."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from interlock.twins.calls import Answer, Call

__all__ = ["ClientApp"]

_JWT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")


class ClientApp:
    """An external client app an administrator has set up, with its certificate and its user."""

    def __init__(self, clock: Callable[[], datetime], username: str, org_id: str) -> None:
        self.clock = clock
        self.username = username
        self.org_id = org_id
        self.user_id = ""
        self.client_id = f"3MVG9{secrets.token_urlsafe(48)}"
        self.client_secret = secrets.token_hex(32).upper()
        self._sessions: set[str] = set()
        self.access_token = self._open_session()
        """A session that is there from the start, for clients that only take one."""

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """Give the private key whose certificate the app knows."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def private_key(self) -> str:
        """Give the private key as PEM."""
        text = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return text.decode()

    def knows(self, call: Call) -> bool:
        """Say whether a call carries a session that is open."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        return scheme.lower() in ("bearer", "oauth") and token in self._sessions

    def end_sessions(self) -> None:
        """End all sessions, as the org's session setting does after some time."""
        self._sessions.clear()

    def token(self, call: Call) -> Answer:
        """Answer ``POST /services/oauth2/token``."""
        form = call.form()
        match form.get("grant_type"):
            case "client_credentials":
                error = self._check_secret(call, form)
            case kind if kind == _JWT:
                error = self._check_assertion(form.get("assertion", ""), call.base_url)
            case _:
                error = ("unsupported_grant_type", "grant type not supported")
        if error is not None:
            return Answer(400, {"error": error[0], "error_description": error[1]})
        return Answer(200, {
            "access_token": self._open_session(),
            "scope": "api",
            "instance_url": call.base_url,
            "id": f"{call.base_url}/id/{self.org_id}/{self.user_id}",
            "token_type": "Bearer",
        })  # fmt: skip

    def _open_session(self) -> str:
        token = f"{self.org_id[:15]}!{secrets.token_urlsafe(60)}"
        self._sessions.add(token)
        return token

    def _check_secret(self, call: Call, form: Mapping[str, str]) -> tuple[str, str] | None:
        given, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given, _, secret = base64.b64decode(encoded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "invalid_client", "invalid client credentials"
        if given != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        if not secrets.compare_digest(secret.encode(), self.client_secret.encode()):
            return "invalid_client", "invalid client credentials"
        return None

    def _check_assertion(self, assertion: str, base_url: str) -> tuple[str, str] | None:
        try:
            head, claims = self._verified(assertion)
        except (ValueError, InvalidSignature):
            return "invalid_grant", "invalid assertion"
        if head.get("alg") != "RS256":
            return "invalid_grant", "invalid assertion"
        if claims.get("iss") != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        if claims.get("sub") != self.username:
            return "invalid_grant", "user hasn't approved this consumer"
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if not any(str(a).rstrip("/") in (*_AUDIENCES, base_url) for a in audiences):
            return "invalid_grant", "audience is invalid"
        try:
            # some clients send the number as text
            expires = float(str(claims.get("exp")))
        except ValueError:
            return "invalid_grant", "invalid assertion"
        if expires <= self.clock().timestamp():
            return "invalid_grant", "expired authorization code"
        return None

    def _verified(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        parts = assertion.split(".")
        if len(parts) != 3:
            raise ValueError("an assertion has three parts")
        signed = ".".join(parts[:2]).encode()
        public = self.key.public_key()
        public.verify(_decoded(parts[2]), signed, padding.PKCS1v15(), SHA256())
        head, claims = (json.loads(_decoded(part)) for part in parts[:2])
        return head, claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
