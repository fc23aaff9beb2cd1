"""Webhooks of QuickBooks, in the old form and as CloudEvents: which records they are about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from interlock.connectors.base import Hint, Refusal, RefusalCode, Webhook
from interlock.connectors.kit.webhooks import Encoding, HmacScheme

__all__ = ["SCHEME", "read_hints"]

SCHEME: Final = HmacScheme(header="intuit-signature", encoding=Encoding.BASE64)

_UNREADABLE: Final = Refusal(RefusalCode.UNREADABLE, "the body is of no known form")


def read_hints(webhook: Webhook, realm: str, order_as: str) -> Sequence[Hint] | Refusal:
    """Read a proven webhook; events of another company or another object are left out."""
    try:
        events = list(_events(json.loads(webhook.body), realm))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _UNREADABLE
    hints: dict[Hint, None] = {}
    for name, key in events:
        for hint in _hints(name.lower(), key, order_as):
            hints[hint] = None
    return list(hints)


def _events(body: Any, realm: str) -> Iterator[tuple[str, str]]:
    if isinstance(body, list):
        for event in body:
            # qbo.invoice.updated.v1
            name = str(event["type"]).split(".")[1:2]
            if str(event["intuitaccountid"]) == realm and name:
                yield name[0], str(event["intuitentityid"])
        return
    if not isinstance(body, Mapping):
        raise TypeError("neither a list of events nor notifications")
    for notification in body["eventNotifications"]:
        if str(notification["realmId"]) != realm:
            continue
        for entity in notification["dataChangeEvent"]["entities"]:
            yield str(entity["name"]), str(entity["id"])


def _hints(name: str, key: str, order_as: str) -> list[Hint]:
    found = []
    if name == order_as:
        found.append(Hint("order", key))
    match name:
        case "customer":
            found.append(Hint("customer", key))
        case "item":
            found.append(Hint("product", key))
        case "invoice":
            found.append(Hint("invoice", key))
        case "creditmemo":
            found.append(Hint("invoice", f"CM{key}"))
        case "payment":
            # it names no invoice: those it settles have changed with it
            found.append(Hint("invoice"))
    return found
