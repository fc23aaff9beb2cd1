"""Webhooks: signature version 3, over the address HubSpot was told to call."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from interlock.connectors.base import Hint, Refusal, RefusalCode, Webhook
from interlock.connectors.hubspot.objects import SINGULAR
from interlock.connectors.kit.webhooks import Encoding, HmacScheme, TimeUnit

__all__ = ["SCHEME", "hints"]

_DECODED: Final = {
    code: bytes.fromhex(code[1:]).decode()
    for code in ("%3A", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29", "%2A", "%2C", "%3B")
}
"""What HubSpot decodes in an address before it signs it; nothing else."""
_TYPE_IDS: Final = {
    "0-1": "contact", "0-2": "company", "0-3": "deal", "0-7": "product", "0-8": "line_item",
    "0-14": "quote", "0-27": "task",
}  # fmt: skip
_IDS: Final = ("objectId", "primaryObjectId", "newObjectId")


def _signed(webhook: Webhook, stamp: str) -> bytes:
    url = re.sub("%[0-9A-F]{2}", lambda found: _DECODED.get(found[0], found[0]), webhook.url)
    return (
        webhook.method.encode()
        + url.encode("utf-8", "replace")
        + webhook.body
        + stamp.encode("utf-8", "replace")
    )


SCHEME: Final = HmacScheme(
    header="x-hubspot-signature-v3",
    encoding=Encoding.BASE64,
    time_header="x-hubspot-request-timestamp",
    time_unit=TimeUnit.MILLISECONDS,
    signed=_signed,
)


def hints(webhook: Webhook, secret: str, entities: Collection[str]) -> Sequence[Hint] | Refusal:
    """Prove a webhook and read which records its events are about."""
    refusal = SCHEME.refusal(webhook, secret)
    if refusal is not None:
        return refusal
    try:
        events = msgspec.json.decode(webhook.body, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Refusal(RefusalCode.UNREADABLE, "the body is no list of events")
    return list(dict.fromkeys(hint for event in events for hint in _hints(event, entities)))


def _hints(event: Mapping[str, Any], entities: Collection[str]) -> list[Hint]:
    """Name an event's records; a line item is part of a deal the event does not name."""
    kind = str(event.get("subscriptionType") or event.get("eventType") or "").partition(".")[0]
    if kind == "object":
        kind = _TYPE_IDS.get(str(event.get("objectTypeId")), "")
    if kind == "line_item":
        return [Hint("deal")] if "deal" in entities else []
    entity = next((name for name, word in SINGULAR.items() if word == kind), None)
    if entity is None or entity not in entities:
        return []
    merged = event.get("mergedObjectIds")
    keys = [event.get(name) for name in _IDS] + (list(merged) if isinstance(merged, list) else [])
    return [Hint(entity, str(key)) for key in keys if isinstance(key, int | str)]
