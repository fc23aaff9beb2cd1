"""Signatures of webhooks: proven on the raw body, in constant time, within a replay window.

The scheme is that of most vendors: an HMAC of the body, or of the body with the time it was
signed at, in a header.  What differs between them is data of ``HmacScheme``.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from interlock.connectors.base import Refusal, RefusalCode, Webhook

__all__ = ["MOST_BYTES", "OUR_SCHEME", "Encoding", "HmacScheme", "TimeUnit"]

MOST_BYTES = 1 << 20
"""A larger body is refused unread; vendors bundle some hundred events in far less."""

WINDOW = timedelta(minutes=5)
"""How far the time of signing may lie from ours, unless the vendor says otherwise."""


class Encoding(StrEnum):
    """How the bytes of a signature are spelt."""

    HEX = "hex"
    BASE64 = "base64"


class TimeUnit(StrEnum):
    """What the header with the time of signing counts since 1970."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


def _body(webhook: Webhook, _stamp: str) -> bytes:
    return webhook.body


def _stamped(webhook: Webhook, stamp: str) -> bytes:
    return stamp.encode("utf-8", "replace") + b"." + webhook.body


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """How a vendor signs its webhooks.

    ``header``, ``time_header``: lower case.  ``prefix``: what stands before the signature in its
    header (``sha256=``).  ``signed``: gives the bytes the signature is made of, from the webhook
    and the text of ``time_header``.  Without ``time_header`` nothing shows when it was signed, so
    ``window`` counts for nothing and an old one is believed: it is a hint, and does no harm.
    """

    header: str
    prefix: str = ""
    digest: str = "sha256"
    encoding: Encoding = Encoding.HEX
    time_header: str = ""
    time_unit: TimeUnit = TimeUnit.SECONDS
    window: timedelta = WINDOW
    most_bytes: int = MOST_BYTES
    signed: Callable[[Webhook, str], bytes] = _body

    def refusal(self, webhook: Webhook, secret: str) -> Refusal | None:
        """Say why a webhook is not believed; ``None`` when it is proven."""
        if not secret:
            return Refusal(RefusalCode.NOT_SET_UP, "the connection has no secret for webhooks")
        if len(webhook.body) > self.most_bytes:
            most = self.most_bytes
            return Refusal(RefusalCode.TOO_LARGE, f"the body is larger than {most} bytes")
        given = webhook.headers.get(self.header, "")
        stamp = webhook.headers.get(self.time_header, "") if self.time_header else ""
        for name, text in ((self.header, given), (self.time_header, stamp)):
            if name and not text:
                return Refusal(RefusalCode.UNSIGNED, f"the header {name} is missing")
        expected = self.signature(webhook, secret, stamp)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            return Refusal(RefusalCode.WRONG_SIGNATURE, "the signature is not right")
        if self.time_header and not self._in_time(stamp, webhook.at):
            return Refusal(RefusalCode.OUT_OF_TIME, "it was not signed just now")
        return None

    def signature(self, webhook: Webhook, secret: str, stamp: str = "") -> str:
        """Sign as the vendor does: the text of the signature header."""
        made = hmac.new(secret.encode(), self.signed(webhook, stamp), self.digest).digest()
        text = made.hex() if self.encoding is Encoding.HEX else base64.b64encode(made).decode()
        return self.prefix + text

    def headers(self, webhook: Webhook, secret: str) -> Mapping[str, str]:
        """Give the headers that sign a webhook at its own time."""
        count = webhook.at.timestamp()
        if self.time_unit is TimeUnit.MILLISECONDS:
            count *= 1000
        stamp = str(int(count)) if self.time_header else ""
        signed = {self.header: self.signature(webhook, secret, stamp)}
        return signed | ({self.time_header: stamp} if stamp else {})

    def _in_time(self, stamp: str, at: datetime) -> bool:
        try:
            count = int(stamp)
            if self.time_unit is TimeUnit.MILLISECONDS:
                count //= 1000
            signed_at = datetime.fromtimestamp(count, UTC)
        except (ValueError, OverflowError, OSError):
            return False
        return abs(at - signed_at) <= self.window


OUR_SCHEME = HmacScheme(
    header="x-interlock-signature",
    prefix="v1=",
    time_header="x-interlock-timestamp",
    signed=_stamped,
)
"""Interlock's own: of its outgoing events, and of the memory systems."""
