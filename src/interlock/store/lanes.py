"""Lanes of the service: when each last ran, and when it is to run apart from its schedule."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update

from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import lane

__all__ = ["LaneRow", "begin", "call", "end", "everything"]

_ALL = fixed(select(lane))
_BEGIN = fixed(
    update(lane)
    .where(lane.c.name == bindparam("b_name"))
    .values(started_at=bindparam("b_at"), due_at=None)
)
_END = fixed(
    update(lane)
    .where(lane.c.name == bindparam("b_name"))
    .values(ended_at=bindparam("b_at"), problem=bindparam("b_problem"))
)


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One lane.  ``due_at``: asked for apart from its schedule; ``problem``: of its last run."""

    name: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    problem: str = ""


def everything(tx: Tx) -> dict[str, LaneRow]:
    """All lanes that ever ran or were asked for, by name."""
    return {row.name: LaneRow(**row._asdict()) for row in tx.conn.execute(_ALL)}


def begin(tx: Tx, name: str, at: datetime) -> None:
    """Note that a lane runs now; what was asked for so far is done by this run."""
    tx.insert_new(lane, [{"name": name, "problem": ""}])
    tx.conn.execute(_BEGIN, {"b_name": name, "b_at": at})


def end(tx: Tx, name: str, at: datetime, problem: str = "") -> None:
    """Note that a run of a lane ended."""
    tx.conn.execute(_END, {"b_name": name, "b_at": at, "b_problem": problem})


def call(tx: Tx, name: str, at: datetime) -> None:
    """Ask for a run at an instant; the earlier of two wins."""
    tx.insert_new(lane, [{"name": name, "problem": ""}])
    tx.conn.execute(
        update(lane)
        .where(lane.c.name == name, lane.c.due_at.is_(None) | (lane.c.due_at > at))
        .values(due_at=at)
    )
