"""Outreach: tells other tools of events and people of alarms, until they have been told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import aiohttp
import msgspec

from interlock.connectors.base import Webhook
from interlock.connectors.kit.webhooks import OUR_SCHEME
from interlock.errors import ConfigurationError
from interlock.project.load import Project
from interlock.project.outreach import AlertChannel, EventEndpoint, EventKind
from interlock.service import alerting, events
from interlock.service.alerting import Text, raise_alerts
from interlock.service.events import gather_events, gather_leaks
from interlock.store import outgoing
from interlock.store.database import Store, Tx
from interlock.store.outgoing import Outgoing

__all__ = ["Outreach", "Undelivered", "backoff", "notify", "post"]

LEASE = timedelta(minutes=2)
"""How long one process has for what it took; longer than any of its attempts lasts."""
GIVE_UP_AFTER = timedelta(days=3)
KEEP = timedelta(days=30)
_PATIENCE = aiohttp.ClientTimeout(total=15)


class Undelivered(Exception):  # noqa: N818  an answer, not an error of ours
    """It was not taken; the text says why without anything that was sent or answered."""


Post = Callable[[EventEndpoint, Outgoing, datetime], Awaitable[None]]
Notify = Callable[[AlertChannel, Text], Awaitable[None]]


def backoff(attempts: int) -> timedelta:
    """Wait half a minute, then twice as long each time, at most an hour."""
    return timedelta(seconds=min(30 << min(attempts, 10), 3600))


async def post(to: EventEndpoint, row: Outgoing, now: datetime) -> None:
    """Send an event, signed at this moment; redirects are not followed."""
    signed = OUR_SCHEME.headers(
        Webhook(url=to.url, headers={}, body=row.body, at=now), to.secret.get_secret_value()
    )
    headers = {
        **signed,
        "content-type": "application/json",
        "x-interlock-event": row.kind,
        "user-agent": "interlock",
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as client,
            client.post(to.url, data=row.body, headers=headers, allow_redirects=False) as answer,
        ):
            if not 200 <= answer.status < 300:
                raise Undelivered(f"answered with {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Undelivered(f"not reached ({type(error).__name__})") from None


async def notify(to: AlertChannel, text: Text) -> None:
    """Send a message through apprise."""
    taken = await asyncio.to_thread(_notify, to.url.get_secret_value(), text)
    if not taken:
        raise Undelivered("the channel did not take it; is its address right?")


def _notify(url: str, text: Text) -> bool:
    import apprise

    # it would log addresses with their passwords
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    channel = apprise.Apprise()
    if not channel.add(url):
        return False
    return bool(channel.notify(title=text.title, body=text.text))


class Outreach:
    """One round finds out what is to be told, and tells it."""

    def __init__(
        self,
        project: Project,
        store: Store,
        clock: Callable[[], datetime],
        *,
        post: Post = post,
        notify: Notify = notify,
    ) -> None:
        self.project = project
        self.store = store
        self.clock = clock
        self._post = post
        self._notify = notify
        self._counted_at: datetime | None = None
        self._endpoints = {f"{events.DESTINATION}{one.name}": one for one in project.events}
        self._channels = {
            f"{alerting.DESTINATION}{one.name}": one for one in project.alerts.channels
        }

    @property
    def wanted(self) -> bool:
        """Say whether anybody is to be told anything."""
        return bool(self._endpoints or self._channels)

    async def round(self) -> int:
        """Find out and tell; returns how much was delivered."""
        if not self.wanted:
            return 0
        await self.store.call(self._gather, self.clock())
        if self._endpoints:
            # before both systems have been read nothing can be said of leaks
            with suppress(ConfigurationError):
                await asyncio.to_thread(gather_leaks, self.project, self.store, self.clock())
        return await self._deliver()

    def _gather(self, tx: Tx, now: datetime) -> None:
        gather_events(tx, self.project, now)
        count_runs = self._counted_at is None or now >= self._counted_at + timedelta(hours=1)
        raise_alerts(tx, self.project, now, count_runs=count_runs)
        if count_runs:
            self._counted_at = now
            known = {*self._endpoints, *self._channels}
            outgoing.prune(tx, now - KEEP, known, lasting=[EventKind.LEAK_FOUND])

    async def _deliver(self) -> int:
        count = 0
        open_to = {*self._endpoints, *self._channels}
        while rows := await self.store.call(outgoing.claim, open_to, self.clock(), LEASE, 5):
            results = await asyncio.gather(*(self._tell(row) for row in rows))
            count += sum(results)
            # one that does not answer keeps neither the others nor the next round waiting
            open_to -= {r.destination for r, told in zip(rows, results, strict=True) if not told}
        return count

    async def _tell(self, row: Outgoing) -> bool:
        try:
            if row.destination in self._endpoints:
                await self._post(self._endpoints[row.destination], row, self.clock())
            else:
                text = msgspec.json.decode(row.body, type=Text)
                await self._notify(self._channels[row.destination], text)
        except Exception as failure:  # noqa: BLE001  a library's failure is one of this row alone
            why = str(failure) if isinstance(failure, Undelivered) else type(failure).__name__
            now = self.clock()
            again = now + backoff(row.attempts) if now < row.at + GIVE_UP_AFTER else None
            await self.store.call(outgoing.failed, row, again, why)
            return False
        await self.store.call(outgoing.delivered, row, self.clock())
        return True
