"""Which messages people get: one for each cause in a time, one when it is over.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

__all__ = ["Alarm", "Decision", "Message", "Told", "decide", "deviation"]

FEWEST_DAYS = 5
"""Days without which nothing can be said about what is usual."""
FACTOR = 3
LEAST = 50
"""Counts nearer to each other than this are never told."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A cause that stands now, with all its records together.

    ``cause``: names it alike each time.  ``lasting``: it goes on until it is over; else it is
    something that happened since people were last told.  ``looked``: without, nobody looked now
    whether it still stands, so it is neither told again nor over.
    """

    cause: str
    kind: str
    title: str
    text: str
    lasting: bool = True
    looked: bool = True


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A cause people were told of: since when it stands, when last; ``closed_at``: it is over."""

    cause: str
    kind: str
    since: datetime
    told_at: datetime
    closed_at: datetime | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message; ``over``: the closing one."""

    cause: str
    kind: str
    title: str
    text: str
    over: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, what to remember, and which causes to forget."""

    messages: Sequence[Message]
    keep: Sequence[Told]
    drop: Sequence[str]


def decide(
    alarms: Sequence[Alarm], told: Mapping[str, Told], now: datetime, window: timedelta
) -> Decision:
    """Hold what stands now against what was told.

    A cause that comes and goes is told at most once in a window; while it lasts it is told once in
    each.  Its end is told if people were told that it stands.
    """
    messages: list[Message] = []
    keep: list[Told] = []
    drop: list[str] = []
    for alarm in alarms:
        before = told.get(alarm.cause)
        if not alarm.looked or (before is not None and now < before.told_at + window):
            continue
        going_on = before is not None and before.closed_at is None
        since = before.since if before is not None and going_on else now
        again = f" (since {since:%Y-%m-%d %H:%M} UTC)" if going_on else ""
        messages.append(
            Message(cause=alarm.cause, kind=alarm.kind, title=alarm.title + again, text=alarm.text)
        )
        closed = None if alarm.lasting else now
        keep.append(
            Told(cause=alarm.cause, kind=alarm.kind, since=since, told_at=now, closed_at=closed)
        )
    standing = {alarm.cause for alarm in alarms}
    for cause, one in told.items():
        if cause in standing:
            continue
        if one.closed_at is None:
            messages.append(
                Message(
                    cause=cause, kind=one.kind, over=True, title=f"Over: {cause}",
                    text=f"It stood since {one.since:%Y-%m-%d %H:%M} UTC. Nothing is to be done.",
                )
            )  # fmt: skip
            keep.append(msgspec.structs.replace(one, closed_at=now))
        elif now >= one.told_at + window:
            drop.append(cause)
    return Decision(messages=messages, keep=keep, drop=drop)


def deviation(days: Sequence[int]) -> str:
    """Say how the last day's count differs from all days before; empty when it does not.

    Far more is above three times the greatest of them, far less below a third of the smallest: a
    quiet weekend is usual where there was one.
    """
    *former, last = days or [0]
    if len(former) < FEWEST_DAYS:
        return ""
    least, most = min(former), max(former)
    if last > FACTOR * most and last - most >= LEAST:
        return f"{last:,} in a day, where {most:,} was the most in {len(former)} days"
    if last * FACTOR < least and least - last >= LEAST:
        return f"{last:,} in a day, where {least:,} was the least in {len(former)} days"
    return ""
