"""Both ways of signing in to the NetSuite twin, with signatures made by other people's libraries."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from oauthlib.oauth1 import Client

from interlock.twins.calls import Call
from interlock.twins.netsuite import NetSuiteTwin, make
from interlock.twins.netsuite.oauth import TOKEN_PATH

from .netsuite_api import BASE, REST, Api, code_of, sign_in


@pytest.fixture
def twin() -> NetSuiteTwin:
    return make(seed="empty")


def claims(twin: NetSuiteTwin, **changes: Any) -> dict[str, Any]:
    now = int(twin.clock().timestamp())
    return {
        "iss": twin.door.client_id, "scope": ["rest_webservices"], "aud": BASE + TOKEN_PATH,
        "iat": now, "exp": now + 600, **changes,
    }  # fmt: skip


def assertion(twin: NetSuiteTwin, algorithm: str = "ES256", key: Any = None, kid: str = "",
              **changes: Any) -> str:  # fmt: skip
    signer = key or twin.door.key
    head = {"kid": kid or twin.door.certificate_id}
    return jwt.encode(claims(twin, **changes), signer, algorithm=algorithm, headers=head)


class TestOAuth2:
    def test_an_assertion_opens_a_session_that_ends(self, twin: NetSuiteTwin) -> None:
        from datetime import timedelta

        answer = sign_in(twin, assertion(twin))
        assert (answer.status, answer.body["expires_in"]) == (200, "3600")
        api = Api(twin)
        api.token = answer.body["access_token"]
        assert api.query("SELECT id FROM currency").status == 200
        twin.clock.advance(timedelta(minutes=61))
        assert code_of(api.query("SELECT id FROM currency"))[:2] == (401, "INVALID_LOGIN")

    @pytest.mark.parametrize("algorithm", ["PS256", "PS384", "PS512"])
    def test_rsa_keys_sign_with_pss(self, twin: NetSuiteTwin, algorithm: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kid = twin.door.upload(key.public_key())
        assert sign_in(twin, assertion(twin, algorithm, key, kid)).status == 200

    @pytest.mark.parametrize(
        ("algorithm", "curve"), [("ES384", ec.SECP384R1()), ("ES512", ec.SECP521R1())]
    )
    def test_other_curves(self, twin: NetSuiteTwin, algorithm: str, curve: Any) -> None:
        key = ec.generate_private_key(curve)
        kid = twin.door.upload(key.public_key())
        assert sign_in(twin, assertion(twin, algorithm, key, kid)).status == 200

    def test_pkcs1_signatures_are_not_taken(self, twin: NetSuiteTwin) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kid = twin.door.upload(key.public_key())
        assert sign_in(twin, assertion(twin, "RS256", key, kid)).status == 401

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "somebody"}, {"aud": "https://other.example"}, {"scope": ["restlets"]},
            {"exp": 1}, {"iat": 1}, {"scope": ["rest_webservices", "everything"]},
        ],
    )  # fmt: skip
    def test_wrong_claims_are_refused(self, twin: NetSuiteTwin, changes: dict[str, Any]) -> None:
        answer = sign_in(twin, assertion(twin, **changes))
        assert (answer.status, answer.body) == (400, {"error": "invalid_grant"})

    def test_an_assertion_may_last_an_hour_at_most(self, twin: NetSuiteTwin) -> None:
        now = int(twin.clock().timestamp())
        assert sign_in(twin, assertion(twin, iat=now, exp=now + 3601)).status == 400

    def test_a_certificate_nobody_mapped_is_refused(self, twin: NetSuiteTwin) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        assert sign_in(twin, assertion(twin, key=other)).status == 401
        assert sign_in(twin, assertion(twin, kid="other")).status == 401
        assert sign_in(twin, "rubbish").status == 401

    def test_a_refreshed_sandbox_has_lost_the_mapping(self, twin: NetSuiteTwin) -> None:
        assert sign_in(twin, assertion(twin)).status == 200
        twin.configure({"revoke_certificate": True})
        assert sign_in(twin, assertion(twin)).status == 401


class TestTokens:
    def send(self, twin: NetSuiteTwin, header: str, query: dict[str, str]) -> int:
        return twin.handle(Call(
            method="GET", path=f"{REST}/record/v1/customer", query=query, base_url=BASE,
            headers={"authorization": header},
        )).status  # fmt: skip

    def signed(self, twin: NetSuiteTwin, url: str, **changes: str) -> str:
        known = {"realm": twin.door.account, "client_secret": twin.door.consumer_secret, **changes}
        client = Client(
            twin.door.consumer_key, resource_owner_key=twin.door.token_id,
            resource_owner_secret=twin.door.token_secret,
            signature_method=known.pop("method", "HMAC-SHA256"), **known,
        )  # fmt: skip
        header: str = client.sign(url)[1]["Authorization"]
        return header

    def test_a_signed_request_comes_in_once(self, twin: NetSuiteTwin) -> None:
        header = self.signed(twin, f"{BASE}{REST}/record/v1/customer?limit=5&q=email%20EMPTY")
        query = {"limit": "5", "q": "email EMPTY"}
        assert self.send(twin, header, query) == 200
        assert self.send(twin, header, query) == 401, "a nonce is good for one request"

    @pytest.mark.parametrize(
        "changes",
        [{"client_secret": "other"}, {"realm": "OTHER"}, {"method": "HMAC-SHA1"},
         {"timestamp": "1700000000"}],
    )  # fmt: skip
    def test_wrong_ones_do_not(self, twin: NetSuiteTwin, changes: dict[str, str]) -> None:
        header = self.signed(twin, f"{BASE}{REST}/record/v1/customer", **changes)
        assert self.send(twin, header, {}) == 401

    def test_the_query_is_signed(self, twin: NetSuiteTwin) -> None:
        header = self.signed(twin, f"{BASE}{REST}/record/v1/customer?limit=5")
        assert self.send(twin, header, {"limit": "6"}) == 401

    def test_no_header_no_entry(self, twin: NetSuiteTwin) -> None:
        assert self.send(twin, "", {}) == 401
        assert self.send(twin, "OAuth rubbish", {}) == 401
