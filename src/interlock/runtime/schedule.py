"""Schedules: every so often, or by cron in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

import msgspec
from cronsim import CronSim

__all__ = ["Cron", "Every", "Schedule"]


class Schedule(Protocol):
    """Says when something is to happen again."""

    def next_after(self, at: datetime) -> datetime:
        """Give the first time after an instant."""
        ...


class Every(msgspec.Struct, frozen=True):
    """So long after the last time began."""

    period: timedelta

    def next_after(self, at: datetime) -> datetime:
        """Give the first time after an instant."""
        return at + self.period

    def __str__(self) -> str:
        """Say it as it is written in ``interlock.yaml``."""
        seconds = int(self.period.total_seconds())
        parts = []
        for letter, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
            count, seconds = divmod(seconds, size)
            if count:
                parts.append(f"{count}{letter}")
        return f"every {''.join(parts) or '0s'}"


class Cron(msgspec.Struct, frozen=True):
    """By five fields: minute, hour, day, month, weekday; ``zone`` is what they are meant in."""

    expression: str
    zone: tzinfo = UTC

    def next_after(self, at: datetime) -> datetime:
        """Give the first time after an instant; an hour the clock skips or repeats counts once."""
        return next(CronSim(self.expression, at.astimezone(self.zone))).astimezone(UTC)

    def __str__(self) -> str:
        """Say it as it is written in ``interlock.yaml``."""
        return f"{self.expression} ({self.zone})"
