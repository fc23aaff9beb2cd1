"""HubSpot's signature, version 3, held against its published example and its own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.connectors.base import Hint, Refusal, RefusalCode, Webhook
from interlock.connectors.hubspot.webhooks import SCHEME, hints
from interlock.twins.hubspot.webhooks import signature

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
STAMP = "1693657560000"
AT = datetime.fromtimestamp(int(STAMP) / 1000, UTC)
EXAMPLE = b"{'example_field':'example_value'}"


def _webhook(url: str, body: bytes, *, at: datetime = AT, **headers: str) -> Webhook:
    return Webhook(url=url, body=body, at=at, headers=headers)


def test_the_published_example() -> None:
    webhook = _webhook("https://www.example.com/webhook_uri", EXAMPLE)
    expected = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
    assert SCHEME.signature(webhook, SECRET, STAMP) == expected
    assert signature(SECRET, "POST", webhook.url, EXAMPLE, STAMP) == expected


@pytest.mark.parametrize("body", [b"[]", '[{"text":"Zoë 株"}]'.encode()])
def test_it_is_what_hubspots_own_client_makes(body: bytes) -> None:
    client = pytest.importorskip("hubspot.utils.signature").Signature
    webhook = _webhook("https://a.example/w?x=1", body)
    made = client.get_signature(
        SECRET, body.decode(), "v3", http_uri=webhook.url, http_method="POST", timestamp=STAMP
    )
    assert SCHEME.signature(webhook, SECRET, STAMP) == made


def test_of_what_is_encoded_in_the_address_only_some_is_decoded() -> None:
    plain = _webhook("https://a.example/w?to=crm:erp/x&n=%20%41", b"[]")
    coded = _webhook("https://a.example/w?to=crm%3Aerp%2Fx&n=%20%41", b"[]")
    other = _webhook("https://a.example/w?to=crm%3Aerp%2Fx&n= A", b"[]")
    made = SCHEME.signature(plain, SECRET, STAMP)
    assert SCHEME.signature(coded, SECRET, STAMP) == made
    assert SCHEME.signature(other, SECRET, STAMP) != made
    assert signature(SECRET, "POST", coded.url, b"[]", STAMP) == made


def test_a_recorded_one_is_refused_after_five_minutes_and_one_from_the_future_too() -> None:
    body = b'[{"subscriptionType":"company.creation","objectId":5}]'
    signed = {
        "x-hubspot-request-timestamp": STAMP,
        "x-hubspot-signature-v3": signature(SECRET, "POST", "https://a.example/w", body, STAMP),
    }
    good = _webhook("https://a.example/w", body, **signed)
    assert hints(good, SECRET, {"customer"}) == [Hint("customer", "5")]
    for late in (timedelta(seconds=301), timedelta(seconds=-301)):
        refused = hints(_webhook("https://a.example/w", body, at=AT + late, **signed), SECRET,
                        {"customer"})  # fmt: skip
        assert isinstance(refused, Refusal)
        assert refused.code is RefusalCode.OUT_OF_TIME


def test_the_older_signatures_are_not_taken() -> None:
    client = pytest.importorskip("hubspot.utils.signature").Signature
    for version in ("v1", "v2"):
        made = client.get_signature(SECRET, "[]", version, http_uri="https://a.example/w")
        webhook = _webhook("https://a.example/w", b"[]", **{
            "x-hubspot-signature": made, "x-hubspot-signature-v3": made,
            "x-hubspot-request-timestamp": STAMP,
        })  # fmt: skip
        assert isinstance(hints(webhook, SECRET, {"customer"}), Refusal)
