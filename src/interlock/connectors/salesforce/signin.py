"""Signing in: client credentials, or an assertion signed with the app's private key."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.errors import NeedsAuthError

__all__ = ["TOKEN_PATH", "Session", "read_session", "token_form"]

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105  a path
_LIFE: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """An open session: the token, where calls go from now on, and whose it is."""

    token: str
    instance_url: str
    user_id: str


def token_form(
    settings: SalesforceSettings, system: str, now: Callable[[], datetime]
) -> dict[str, str]:
    """Make the form that asks for a session; raises ``NeedsAuthError`` for an unusable key."""
    if settings.client_secret is not None:
        return {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
        }
    assert settings.private_key is not None, "the settings have been validated"
    # a file of NAME=value lines holds a key on one line, its line ends written out
    pem = settings.private_key.get_secret_value().replace("\\n", "\n")
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NeedsAuthError(
            f"{system}: private_key is not an RSA private key in PEM without a passphrase",
            system=system, operation="sign in", code="bad_key",
            fix="put the private key of the app's certificate into the connection",
        )  # fmt: skip
    claims = {
        "iss": settings.client_id, "sub": settings.username, "aud": settings.audience,
        "exp": int((now() + _LIFE).timestamp()),
    }  # fmt: skip
    signed = f"{_part({'alg': 'RS256'})}.{_part(claims)}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": f"{signed}.{_encoded(signature)}",
    }


def read_session(data: Any) -> Session | None:
    """Read the token endpoint's answer; ``None`` when it is not one."""
    if not isinstance(data, Mapping) or not data.get("access_token"):
        return None
    return Session(
        token=str(data["access_token"]),
        instance_url=str(data["instance_url"]),
        user_id=str(data.get("id", "")).rpartition("/")[2],
    )


def _part(content: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
