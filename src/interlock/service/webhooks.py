"""Webhooks in: proven, taken down, answered; the work comes later (rule 6)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from interlock.connectors.base import Refusal, RefusalCode, Webhook
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.session import Session
from interlock.store import counters, hints
from interlock.store.counters import Count
from interlock.store.database import Tx

__all__ = ["COUNTER", "Inbox", "WebhookCounts", "read_webhooks"]

COUNTER = "webhooks"
RECEIVED = "received"

Wake = Callable[[Side, str], None]


class WebhookCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks of one system; ``refused``: reason -> how many."""

    received: int
    refused: Mapping[str, int]
    last_at: datetime | None


class Inbox:
    """What webhooks said, until it is in the store.

    It lies in memory for a moment only.  What a crash takes, or what does not fit, is found by
    polling.
    """

    def __init__(self, session: Session, *, room: int = 50_000) -> None:
        self._session = session
        self._room = room
        self._hints: dict[Side, dict[tuple[str, str], None]] = {side: {} for side in Side}
        self._counts: Counter[str] = Counter()
        self._feeds: set[tuple[Side, str]] = set()
        self.filled = asyncio.Event()

    def take(self, name: str, webhook: Webhook) -> Refusal | None:
        """Take a webhook of the connection with this name, or refuse it.

        Raises ``ConfigurationError`` when there is no such connection, or it has no webhooks.
        """
        side = next((s for s in Side if self._session.pair.side(s).name == name), None)
        if side is None:
            raise ConfigurationError("no connection has this name", fix="see interlock.yaml")
        connection = self._session.pair.side(side)
        if not connection.connector.capabilities.webhooks:
            raise ConfigurationError(
                "this connection takes no webhooks",
                fix=connection.connector.capabilities.webhooks.note or "it is polled instead",
            )
        said = connection.connector.hints(webhook)
        if isinstance(said, Refusal):
            self._count(name, said.code)
            return said
        known = set(self._session.pair.observed(side))
        for one in said:
            if one.entity not in known:
                continue
            self._feeds.add((side, one.entity))
            if one.record_id and len(one.record_id) <= 255 and self._has_room():
                self._hints[side][one.entity, one.record_id] = None
        self._count(name, RECEIVED)
        return None

    def refuse(self, name: str, code: RefusalCode) -> None:
        """Count a webhook that was refused unread."""
        if any(self._session.pair.side(side).name == name for side in Side):
            self._count(name, code)

    def _count(self, name: str, what: str) -> None:
        self._counts[f"{name}:{what}"] += 1
        self.filled.set()

    def _has_room(self) -> bool:
        return sum(len(found) for found in self._hints.values()) < self._room

    async def flush(self, wake: Wake) -> int:
        """Put what was heard into the store and wake whoever follows it; returns how many hints."""
        self.filled.clear()
        heard = {side: list(found) for side, found in self._hints.items() if found}
        counts, feeds = dict(self._counts), sorted(self._feeds)
        for found in self._hints.values():
            found.clear()
        self._counts.clear()
        self._feeds.clear()
        if not counts:
            return 0
        now = self._session.pair.clock()

        def _keep(tx: Tx) -> int:
            counters.add(tx, COUNTER, counts, now)
            return sum(hints.add(tx, side, found, now) for side, found in heard.items())

        kept = await self._session.store.call(_keep)
        for side, entity in feeds:
            wake(side, entity)
        return kept


def read_webhooks(tx: Tx, names: Mapping[Side, str]) -> dict[str, WebhookCounts]:
    """Read what came in, by system; a system that never called is missing."""
    found: dict[str, dict[str, Count]] = {}
    for label, count in counters.read(tx, COUNTER).items():
        name, _, what = label.partition(":")
        found.setdefault(name, {})[what] = count
    return {
        name: WebhookCounts(
            received=counts[RECEIVED].value if RECEIVED in counts else 0,
            refused={w: c.value for w, c in counts.items() if w != RECEIVED},
            last_at=counts[RECEIVED].at if RECEIVED in counts else None,
        )
        for name, counts in found.items()
        if name in names.values()
    }
