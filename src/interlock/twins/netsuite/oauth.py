"""Signing in: OAuth 2 client credentials with a signed assertion, and tokens of OAuth 1 (TBA)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from interlock.twins.calls import Answer, Call

__all__ = ["TOKEN_PATH", "Door"]

TOKEN_PATH: Final = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  a path
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPES: Final = frozenset({"restlets", "rest_webservices", "suite_analytics"})
_HASHES: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final = {"256": "secp256r1", "384": "secp384r1", "512": "secp521r1"}
_LONGEST: Final = 3600
"""Seconds from ``iat`` to ``exp`` of an assertion."""
_DRIFT: Final = 300
"""Seconds a signed request's clock may be off."""
_LIFE: Final = 3600
"""Seconds a bearer token is good for."""
_PAIR: Final = re.compile(r'\s*([A-Za-z_]+)="([^"]*)"\s*')

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Door:
    """Who may come in: one integration record with its certificate, and one access token."""

    def __init__(self, clock: Callable[[], datetime], account: str) -> None:
        self.clock = clock
        self.account = account
        self.client_id = secrets.token_hex(32)
        self.certificate_id = secrets.token_urlsafe(32)
        self.consumer_key = secrets.token_hex(32)
        self.consumer_secret = secrets.token_hex(32)
        self.token_id = secrets.token_hex(32)
        self.token_secret = secrets.token_hex(32)
        self.certificate_revoked = False
        self._certificates: dict[str, PublicKey] = {}
        self._sessions: dict[str, float] = {}
        self._nonces: set[str] = set()

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Give the private key whose certificate is uploaded."""
        made = ec.generate_private_key(ec.SECP256R1())
        self._certificates[self.certificate_id] = made.public_key()
        return made

    @property
    def private_key(self) -> str:
        """Give the private key as PEM."""
        return self.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()  # fmt: skip

    def upload(self, public: PublicKey) -> str:
        """Map a further certificate to the integration, as an administrator would; its id."""
        made = secrets.token_urlsafe(32)
        self._certificates[made] = public
        return made

    def end_sessions(self) -> None:
        """End all sessions."""
        self._sessions.clear()

    def knows(self, call: Call) -> bool:
        """Say whether a call carries an open session, or a signature of the access token."""
        scheme, _, rest = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._sessions.get(rest, 0.0) > self.clock().timestamp()
        return scheme.lower() == "oauth" and self._signed(call, rest)

    # ── OAuth 2 ──────────────────────────────────────────────────────────────────────────────

    def token(self, call: Call) -> Answer:
        """Answer a call of the token endpoint."""
        form = call.form()
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type")
        if form.get("client_assertion_type") != _ASSERTION:
            return _refused("invalid_request")
        try:
            head, claims = self._verified(form.get("client_assertion", ""))
        except (ValueError, InvalidSignature, AttributeError):
            return _refused("invalid_client", 401)
        if head.get("typ") != "JWT" or not self._fits(claims, call.base_url + TOKEN_PATH):
            return _refused("invalid_grant")
        token = secrets.token_urlsafe(96)
        self._sessions[token] = self.clock().timestamp() + _LIFE
        body = {"access_token": token, "expires_in": str(_LIFE), "token_type": "bearer"}
        return Answer(200, body)

    def _fits(self, claims: Mapping[str, Any], address: str) -> bool:
        scope = claims.get("scope")
        names = scope if isinstance(scope, list) else str(scope or "").split(",")
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return False
        now = self.clock().timestamp()
        return (
            claims.get("iss") == self.client_id
            and claims.get("aud") == address
            and "rest_webservices" in names
            and _SCOPES.issuperset(names)
            and expires - issued <= _LONGEST
            and issued - _DRIFT <= now < expires
        )

    def _verified(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        parts = assertion.split(".")
        if len(parts) != 3:
            raise ValueError("an assertion has three parts")
        head, claims = (json.loads(_decoded(part)) for part in parts[:2])
        _ = self.key  # its certificate is there from the first
        public = self._certificates.get(str(head.get("kid")))
        algorithm, size = str(head.get("alg"))[:2], str(head.get("alg"))[2:]
        if public is None or self.certificate_revoked or size not in _HASHES:
            raise ValueError("the certificate is not known")
        signed, signature = ".".join(parts[:2]).encode(), _decoded(parts[2])
        digest = _HASHES[size]
        if algorithm == "PS" and isinstance(public, rsa.RSAPublicKey):
            salted = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            public.verify(signature, signed, salted, digest)
        elif algorithm == "ES" and isinstance(public, ec.EllipticCurvePublicKey):
            if public.curve.name != _CURVES[size]:
                raise ValueError("the key is on another curve")
            half = len(signature) // 2
            pair = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(digest))
        else:
            raise ValueError("only PS and ES signatures are taken")
        return head, claims

    # ── OAuth 1 ──────────────────────────────────────────────────────────────────────────────

    def _signed(self, call: Call, header: str) -> bool:
        given: dict[str, str] = {}
        for part in header.split(","):
            found = _PAIR.fullmatch(part)
            if found is None:
                return False
            given[found[1]] = unquote(found[2])
        realm, signature = given.pop("realm", ""), given.pop("oauth_signature", "")
        moment, nonce = given.get("oauth_timestamp", ""), given.get("oauth_nonce", "")
        if not (
            realm == self.account
            and given.get("oauth_consumer_key") == self.consumer_key
            and given.get("oauth_token") == self.token_id
            and given.get("oauth_signature_method") == "HMAC-SHA256"
            and given.get("oauth_version", "1.0") == "1.0"
            and moment.isdigit()
            and abs(self.clock().timestamp() - int(moment)) <= _DRIFT
            and nonce
            and nonce not in self._nonces
        ):
            return False
        base = _base_string(call, given)
        key = f"{_escaped(self.consumer_secret)}&{_escaped(self.token_secret)}"
        wanted = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(wanted).decode(), signature):
            return False
        self._nonces.add(nonce)
        return True


def _base_string(call: Call, oauth: Mapping[str, str]) -> str:
    pairs = [*call.query.items(), *oauth.items()]
    if "application/x-www-form-urlencoded" in call.headers.get("content-type", ""):
        pairs += parse_qsl(call.text, keep_blank_values=True)
    ordered = sorted((_escaped(name), _escaped(value)) for name, value in pairs)
    parameters = "&".join(f"{name}={value}" for name, value in ordered)
    scheme, _, host = call.base_url.partition("://")
    usual = {"http": ":80", "https": ":443"}[scheme.lower()]
    address = f"{scheme.lower()}://{host.lower().removesuffix(usual)}{call.path}"
    return "&".join(_escaped(part) for part in (call.method.upper(), address, parameters))


def _escaped(text: str) -> str:
    return quote(text, safe="~")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refused(error: str, status: int = 400) -> Answer:
    return Answer(status, {"error": error})
