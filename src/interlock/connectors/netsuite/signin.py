"""Signing in: an assertion signed with the certificate's key, or each request with a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.errors import NeedsAuthError

__all__ = ["TOKEN_PATH", "signature", "token_form"]

TOKEN_PATH: Final = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  a path
_LIFE: Final = timedelta(minutes=5)
_CURVES: Final[Mapping[str, tuple[str, hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}


def token_form(settings: NetSuiteSettings, system: str, now: datetime) -> dict[str, str]:
    """Make the form that asks for a session; raises ``NeedsAuthError`` for an unusable key."""
    assert settings.private_key is not None, "the settings have been validated"
    # a file of NAME=value lines holds a key on one line, its line ends written out
    pem = settings.private_key.get_secret_value().replace("\\n", "\n")
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    claims = {
        "iss": settings.client_id, "scope": ["rest_webservices"],
        "aud": settings.address + TOKEN_PATH, "iat": int(now.timestamp()),
        "exp": int((now + _LIFE).timestamp()),
    }  # fmt: skip
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": _signed(key, str(settings.certificate_id), claims, system),
    }


def _signed(key: Any, certificate: str, claims: Mapping[str, Any], system: str) -> str:
    curve = _CURVES.get(key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else None
    if not isinstance(key, rsa.RSAPrivateKey) and curve is None:
        raise NeedsAuthError(
            f"{system}: private_key is neither an RSA key nor one on P-256, P-384 or P-521, "
            "in PEM without a passphrase",
            system=system, operation="sign in", code="bad_key",
            fix="put the private key of the mapped certificate into the connection",
        )  # fmt: skip
    algorithm = curve[0] if curve else "PS256"
    head = {"typ": "JWT", "alg": algorithm, "kid": certificate}
    content = f"{_part(head)}.{_part(claims)}"
    if isinstance(key, rsa.RSAPrivateKey):
        digest = hashes.SHA256()
        salted = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
        return f"{content}.{_encoded(key.sign(content.encode(), salted, digest))}"
    assert curve is not None, "anything else has been refused"
    r, s = decode_dss_signature(key.sign(content.encode(), ec.ECDSA(curve[1])))
    size = (key.curve.key_size + 7) // 8
    return f"{content}.{_encoded(r.to_bytes(size) + s.to_bytes(size))}"


def signature(
    settings: NetSuiteSettings, method: str, address: str, params: Mapping[str, str], *,
    now: datetime, nonce: str,
) -> str:  # fmt: skip
    """Make the ``Authorization`` header of one request (OAuth 1.0, RFC 5849, HMAC-SHA256).

    ``address``: without the query; ``params``: the query.  The body is not signed, for it is JSON.
    """
    assert settings.consumer_secret is not None, "the settings have been validated"
    assert settings.token_secret is not None, "the settings have been validated"
    oauth = {
        "oauth_consumer_key": str(settings.consumer_key), "oauth_token": str(settings.token_id),
        "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": str(int(now.timestamp())),
        "oauth_nonce": nonce, "oauth_version": "1.0",
    }  # fmt: skip
    pairs = sorted((_escaped(k), _escaped(v)) for k, v in [*params.items(), *oauth.items()])
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(_escaped(part) for part in (method.upper(), address, joined))
    secrets = (settings.consumer_secret, settings.token_secret)
    key = "&".join(_escaped(secret.get_secret_value()) for secret in secrets)
    signed = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    oauth["oauth_signature"] = base64.b64encode(signed).decode()
    named = ", ".join(f'{name}="{_escaped(value)}"' for name, value in oauth.items())
    return f'OAuth realm="{settings.realm}", {named}'


def _escaped(text: str) -> str:
    return quote(text, safe="~")


def _part(content: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
