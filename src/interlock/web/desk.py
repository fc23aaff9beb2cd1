"""What the API works with: one open session, and hooks of whoever runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Depends, Request

from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.outreach import Outreach
from interlock.service.session import Session
from interlock.service.tokens import Caller
from interlock.service.webhooks import Inbox
from interlock.store.database import Store

__all__ = ["AtDesk", "By", "Check", "Desk"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be well before calls make sense."""

    name: str
    ok: bool
    message: str = ""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What endpoints are given.

    ``wake`` is told of which side and entity something was heard.  ``ready`` adds checks of whoever
    runs the app.  ``session`` is the app's own: a plan looks at the systems beside a sync, as two
    workers do.
    """

    session: Session
    inbox: Inbox
    outreach: Outreach
    wake: Callable[[Side, str], None]
    ready: Callable[[], Sequence[Check]]
    planning: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def project(self) -> Project:
        """The project served."""
        return self.session.project

    @property
    def store(self) -> Store:
        """The project's store."""
        return self.session.store

    def now(self) -> datetime:
        """The time."""
        return self.session.pair.clock()


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _actor(request: Request) -> str:
    """Name who decides in the history: the token."""
    caller: Caller = request.state.caller
    return f"token {caller.name}"


AtDesk = Annotated[Desk, Depends(_desk)]
By = Annotated[str, Depends(_actor)]
