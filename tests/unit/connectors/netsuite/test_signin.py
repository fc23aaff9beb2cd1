"""Signatures, held against other people's libraries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from oauthlib.oauth1 import Client

from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.signin import TOKEN_PATH, signature, token_form
from interlock.errors import NeedsAuthError

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def pem(key: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def by_certificate(key: str) -> NetSuiteSettings:
    return NetSuiteSettings.model_validate({
        "account": "123_sb1", "currency": "EUR", "client_id": "client", "certificate_id": "cert",
        "private_key": key,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "PS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
    ],
    ids=["PS256", "ES256", "ES384", "ES512"],
)
@pytest.mark.parametrize("on_one_line", [False, True])
def test_assertions_are_read_by_pyjwt(key: Any, algorithm: str, on_one_line: bool) -> None:
    text = pem(key).replace("\n", "\\n") if on_one_line else pem(key)
    form = token_form(by_certificate(text), "erp", NOW)
    assert form["grant_type"] == "client_credentials"
    address = "https://123-sb1.suitetalk.api.netsuite.com" + TOKEN_PATH
    claims = jwt.decode(
        form["client_assertion"], key.public_key(), algorithms=[algorithm], audience=address,
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert (claims["iss"], claims["scope"]) == ("client", ["rest_webservices"])
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert jwt.get_unverified_header(form["client_assertion"]) == {
        "typ": "JWT", "alg": algorithm, "kid": "cert",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["rubbish", pem(ec.generate_private_key(ec.SECP256K1()))])
def test_a_key_that_will_not_do_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(NeedsAuthError) as caught:
        token_form(by_certificate(text), "erp", NOW)
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", ""), ("POST", "?limit=1000&offset=0"),
        ("PATCH", "?replaceSelectedFields=true&replace=item%2Cphone"),
        ("GET", "?q=companyName%20IS%20%22A%20%26%20B~%C3%A4%22"),
    ],
)  # fmt: skip
def test_requests_are_signed_as_oauthlib_signs_them(method: str, query: str) -> None:
    settings = NetSuiteSettings.model_validate({
        "account": "123_sb1", "currency": "EUR", "consumer_key": "ck", "consumer_secret": "c&s",
        "token_id": "ti", "token_secret": "t s",
    })  # fmt: skip
    url = f"https://123-sb1.suitetalk.api.netsuite.com/services/rest/record/v1/customer{query}"
    ours = signature(
        settings, method, url.partition("?")[0], dict(parse_qsl(urlsplit(url).query)), now=NOW,
        nonce="abc",
    )  # fmt: skip
    client = Client(
        "ck", client_secret="c&s", resource_owner_key="ti", resource_owner_secret="t s",
        realm="123_SB1", signature_method="HMAC-SHA256", nonce="abc",
        timestamp=str(int(NOW.timestamp())),
    )  # fmt: skip
    theirs = client.sign(url, http_method=method)[1]["Authorization"]
    assert _parts(ours) == _parts(theirs)


def _parts(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    return {"scheme": scheme, **{name: unquote(value.strip('"')) for name, _, value in pairs}}
