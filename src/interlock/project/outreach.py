"""The parts of ``interlock.yaml`` about the HTTP API, outgoing events and alerts."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from interlock.project.duration import Duration

__all__ = [
    "AlertChannel", "AlertSettings", "Cause", "EventEndpoint", "EventKind", "WebSettings",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _is_address(url: str) -> str:
    if url and re.match(r"https?://[^\s/]+", url) is None:
        raise ValueError("write an address such as https://sync.example.org")
    return url.rstrip("/")


class WebSettings(_Part):
    """The HTTP API and the addresses webhooks come in at."""

    public_url: Annotated[str, AfterValidator(_is_address)] = Field(
        default="",
        description="Where other systems reach this service; some sign the address they call. "
        "Empty: as the call names it.",
    )
    calls_per_minute: Annotated[int, Field(ge=1)] = Field(
        default=600, description="How many calls one token may make in a minute."
    )


class EventKind(StrEnum):
    """What other tools can be told."""

    ORDER_CREATED = "order.created"
    CUSTOMER_CREATED = "customer.created"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    LEAK_FOUND = "leak.found"


class EventEndpoint(_Part):
    """One tool that is told of events, by a signed POST."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,30}$", description="What it is called in messages."
    )
    url: Annotated[str, AfterValidator(_is_address), Field(min_length=1)] = Field(
        description="Where events are sent."
    )
    secret: SecretStr = Field(description="What events are signed with, as ${NAME}.")
    kinds: list[EventKind] = Field(
        default_factory=lambda: list(EventKind),
        min_length=1,
        description="Which events are sent. (default: all)",
    )


class Cause(StrEnum):
    """What people can be alerted to."""

    DEAD_LETTERS = "dead_letters"
    UNDELIVERED = "undelivered"
    DEVIATION = "deviation"
    CREDENTIALS = "credentials"
    UNREACHABLE = "unreachable"
    BREAKER = "breaker"
    LIMIT = "limit"
    HELD = "held"
    HOLD_PLACED = "hold_placed"
    EVENTS = "events"


class AlertChannel(_Part):
    """One way to reach people."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,30}$", description="What it is called in messages."
    )
    url: SecretStr = Field(
        description="An address of apprise (mailto://, slack://, msteams://, json://), as ${NAME}."
    )
    causes: list[Cause] = Field(
        default_factory=lambda: list(Cause),
        min_length=1,
        description="What is told here. (default: everything)",
    )


class AlertSettings(_Part):
    """Who is alerted to what: one message for each cause, one when it is over."""

    channels: list[AlertChannel] = Field(default_factory=list)
    window: Duration = Field(
        default=timedelta(hours=4),
        json_schema_extra={"default": "4h"},
        description="At most one message for a cause in this time; while it lasts, one in each.",
    )
    undelivered_after: Duration = Field(
        default=timedelta(minutes=30),
        json_schema_extra={"default": "30m"},
        description="A change that is not delivered for longer than this is told.",
    )
