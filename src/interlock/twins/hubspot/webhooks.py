"""Webhooks as HubSpot sends them: a list of events, signed (version 3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from interlock.twins.hubspot.schema import ObjectType

__all__ = ["body_of", "changed_events", "merge_event", "signature", "signed_headers"]

_DECODED: Final = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_PLAIN: Final = ("COMPANY", "CONTACT", "DEAL", "PRODUCT", "LINE_ITEM")
"""Types with subscriptions named after them; the others come as ``object.*``."""


def changed_events(one: ObjectType, ids: Sequence[str], at: datetime) -> list[dict[str, Any]]:
    """Make the events of a change of a property of these records."""
    plain = one.singular in _PLAIN
    named = one.singular.lower() if plain else "object"
    return [
        {
            "eventId": 1000 + number, "subscriptionId": 7, "portalId": 4242, "appId": 99,
            "occurredAt": _milliseconds(at), "subscriptionType": f"{named}.propertyChange",
            "attemptNumber": 0, "objectId": int(key), "propertyName": "name",
            "propertyValue": "x", "changeSource": "CRM_UI",
            **({} if plain else {"objectTypeId": one.id}),
        }
        for number, key in enumerate(ids)
    ]  # fmt: skip


def merge_event(
    one: ObjectType, primary: str, merged: Sequence[str], new: str, at: datetime
) -> dict[str, Any]:
    """Make the event of a merge."""
    return {
        "eventId": 2000, "subscriptionId": 8, "portalId": 4242, "appId": 99,
        "occurredAt": _milliseconds(at), "subscriptionType": f"{one.singular.lower()}.merge",
        "attemptNumber": 0, "objectId": int(primary), "primaryObjectId": int(primary),
        "mergedObjectIds": [int(key) for key in merged], "newObjectId": int(new),
        "numberOfPropertiesMoved": 1,
    }  # fmt: skip


def signature(secret: str, method: str, url: str, body: bytes, stamp: str) -> str:
    """Sign a call: method, address, body and time in one, without anything between them."""
    address = re.sub("%[0-9A-F]{2}", lambda found: _DECODED.get(found[0], found[0]), url)
    text = method.encode() + address.encode() + body + stamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def signed_headers(secret: str, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    """Give the headers of a signed webhook."""
    stamp = str(_milliseconds(at))
    return {
        "content-type": "application/json",
        "x-hubspot-request-timestamp": stamp,
        "x-hubspot-signature-v3": signature(secret, "POST", url, body, stamp),
    }


def body_of(events: Sequence[Mapping[str, Any]]) -> bytes:
    """Give the body of a webhook."""
    return json.dumps(list(events)).encode()


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
