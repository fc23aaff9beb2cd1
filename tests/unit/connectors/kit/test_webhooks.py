"""Signature schemes as vendors document them; the expected texts were made with openssl."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from interlock.connectors.base import RefusalCode, Webhook
from interlock.connectors.kit.webhooks import OUR_SCHEME, Encoding, HmacScheme, TimeUnit

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BODY = b'{"events":[]}'
PLAIN = HmacScheme(header="intuit-signature", encoding=Encoding.BASE64)
HUBSPOT_LIKE = HmacScheme(
    header="x-signature-v3", encoding=Encoding.BASE64, time_header="x-timestamp",
    time_unit=TimeUnit.MILLISECONDS,
    signed=lambda hook, stamp: f"{hook.method}{hook.url}".encode() + hook.body + stamp.encode(),
)  # fmt: skip


def arrived(**headers: str) -> Webhook:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Webhook(url="https://example.org/hooks/crm", headers=named, body=BODY, at=NOW)


def code(scheme: HmacScheme, webhook: Webhook, secret: str = "k3y") -> RefusalCode | None:
    refused = scheme.refusal(webhook, secret)
    return None if refused is None else refused.code


def test_a_body_signed_in_base64_is_believed_at_any_time() -> None:
    good = arrived(intuit_signature="WBEuukoTu9SCd8qdVZu59/YrLIMtuW8E/HnRg8Ifh2s=")
    assert code(PLAIN, good) is None
    assert code(PLAIN, msgspec.structs.replace(good, at=NOW + timedelta(days=3))) is None
    assert code(PLAIN, msgspec.structs.replace(good, body=BODY + b"\n")) == "wrong_signature"


def test_method_address_body_and_milliseconds_are_signed_together() -> None:
    good = arrived(
        x_signature_v3="HRUSh+bPUOur/lkxq31i6flvkxaSau1GFft/Kh/P1tg=", x_timestamp="1767603600000"
    )
    assert code(HUBSPOT_LIKE, good) is None
    other = msgspec.structs.replace(good, url="https://example.org/hooks/erp")
    assert code(HUBSPOT_LIKE, other) == "wrong_signature"


def test_ours_is_the_time_a_dot_and_the_body() -> None:
    good = arrived(
        x_interlock_timestamp="1767603600",
        x_interlock_signature="v1=23ccc4a27689650ec98483faed082eda0cffaa071d26110733b21e0c5fbb2a08",
    )  # fmt: skip
    assert code(OUR_SCHEME, good) is None
    assert dict(OUR_SCHEME.headers(arrived(), "k3y")) == dict(good.headers)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(5, None), (-5, None), (6, "out_of_time"), (-6, "out_of_time")]
)
def test_the_replay_window_lies_on_both_sides(minutes: int, expected: str | None) -> None:
    headers = OUR_SCHEME.headers(arrived(), "k3y")
    later = Webhook(headers=headers, body=BODY, at=NOW + timedelta(minutes=minutes))
    assert code(OUR_SCHEME, later) == expected


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "9" * 30, "1767603600.5"])
def test_a_time_that_is_none_is_refused_even_when_signed(stamp: str) -> None:
    bare = arrived()
    signed = OUR_SCHEME.signature(bare, "k3y", stamp)
    refused = code(OUR_SCHEME, arrived(x_interlock_timestamp=stamp, x_interlock_signature=signed))
    assert refused == ("out_of_time" if stamp else "unsigned")


def test_without_a_secret_nothing_is_believed() -> None:
    signed_with_nothing = arrived(**{
        name.replace("-", "_"): text for name, text in OUR_SCHEME.headers(arrived(), "").items()
    })  # fmt: skip
    assert code(OUR_SCHEME, signed_with_nothing, secret="") == "not_set_up"
