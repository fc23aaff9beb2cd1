"""Pauses: systems and entities nothing is done with, by a person's word or after a failure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from interlock.governance.rules import Side
from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import paused

__all__ = ["ITSELF", "Pause", "active", "everything", "put", "remove", "subjects"]

ITSELF = "interlock"
"""Who pauses a system that refused or did not answer; a person's word is never overruled by it."""

_ALL = fixed(select(paused).order_by(paused.c.subject))


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One pause.

    ``subject``: a side or an entity.  ``until``: it ends by itself then; without, a person ends it.
    ``tries``: of a pause after a failure, how many there were in a row;
    ``code``: what kind of failure the last one was.
    """

    subject: str
    by: str
    reason: str
    at: datetime
    until: datetime | None = None
    tries: int = 0
    code: str = ""

    @property
    def is_own(self) -> bool:
        """Whether nobody asked for it: the system failed."""
        return self.tries > 0

    def holds(self, now: datetime) -> bool:
        """Say whether it has not ended yet."""
        return self.until is None or now < self.until


def everything(tx: Tx) -> list[Pause]:
    """All pauses, those that ended by themselves among them."""
    return [Pause(**row._asdict()) for row in tx.conn.execute(_ALL)]


def active(tx: Tx, now: datetime) -> list[Pause]:
    """Pauses that hold now."""
    return [p for p in everything(tx) if p.holds(now)]


def subjects(tx: Tx, now: datetime) -> tuple[set[Side], set[str]]:
    """Sides and entities a person has paused."""
    names = {p.subject for p in active(tx, now) if not p.is_own}
    sides = {side for side in Side if side.value in names}
    return sides, names - {side.value for side in sides}


def put(tx: Tx, pause: Pause) -> None:
    """Pause something, or pause it anew."""
    tx.upsert(paused, [msgspec.structs.asdict(pause)])


def remove(tx: Tx, names: Iterable[str]) -> None:
    """End pauses."""
    tx.conn.execute(delete(paused).where(paused.c.subject.in_(list(names))))
