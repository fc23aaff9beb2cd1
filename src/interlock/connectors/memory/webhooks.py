"""Webhooks in a memory system's name: ``{"events": [{"entity": ..., "id": ...}]}``, signed."""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec

from interlock.connectors.base import Hint, Refusal, RefusalCode, Webhook
from interlock.connectors.kit.webhooks import OUR_SCHEME

__all__ = ["hints"]


class _Event(msgspec.Struct):
    entity: str
    id: str


class _Body(msgspec.Struct):
    events: list[_Event]


def hints(webhook: Webhook, secret: str, entities: Container[str]) -> Sequence[Hint] | Refusal:
    """Prove a webhook and read its events."""
    refusal = OUR_SCHEME.refusal(webhook, secret)
    if refusal is not None:
        return refusal
    try:
        body = msgspec.json.decode(webhook.body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Refusal(RefusalCode.UNREADABLE, "the body is no list of events")
    return list(dict.fromkeys(
        Hint(event.entity, event.id) for event in body.events if event.entity in entities
    ))  # fmt: skip
