"""Figures: what metrics, alerts and outgoing events are made of, added up by the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import func, or_, select

from interlock.governance.rules import Side
from interlock.store.database import Tx
from interlock.store.outbox import WriteState
from interlock.store.tables import dead_letter, history, hold_episode, outbox, run

__all__ = [
    "Creation", "Letters", "Placed", "creations", "holds_between", "last_event",
    "letters_by_cause", "runs_since", "to_approve", "undelivered",
]  # fmt: skip

_UNDER_WAY = (WriteState.READY, WriteState.WAITING, WriteState.SENDING, WriteState.IN_DOUBT)


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Open dead letters of one system and code."""

    side: Side
    code: str
    count: int
    since: datetime


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """A record that Interlock has made; ``row``: where the history tells of it."""

    row: int
    at: datetime
    side: Side
    entity: str
    record_id: str
    link_id: int | None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A credit hold, without anything people wrote."""

    id: int
    crm_id: str
    erp_id: str
    began_at: datetime
    ended_at: datetime | None


def letters_by_cause(tx: Tx) -> list[Letters]:
    """Count open dead letters by system and code."""
    query = (
        select(dead_letter.c.target, dead_letter.c.cause, func.count(), func.min(dead_letter.c.at))
        .where(dead_letter.c.closed_at.is_(None))
        .group_by(dead_letter.c.target, dead_letter.c.cause)
        .order_by(dead_letter.c.target, dead_letter.c.cause)
    )
    return [
        Letters(side=Side(side), code=code, count=count, since=since)
        for side, code, count, since in tx.conn.execute(query)
    ]


def undelivered(tx: Tx) -> dict[Side, tuple[int, datetime]]:
    """Count changes decided and not delivered, and tell since when the oldest waits.

    What waits for a person's approval, or is a dead letter, is told apart from these.
    """
    query = (
        select(outbox.c.target, func.count(), func.min(outbox.c.created_at))
        .where(outbox.c.state.in_([*_UNDER_WAY]), outbox.c.needs_approval.is_(False))
        .group_by(outbox.c.target)
    )
    return {Side(side): (count, since) for side, count, since in tx.conn.execute(query)}


def to_approve(tx: Tx) -> int:
    """Count changes that wait for an approval."""
    query = select(func.count()).select_from(outbox)
    wanted = outbox.c.needs_approval.is_(True), outbox.c.state != WriteState.DEAD
    return tx.conn.execute(query.where(*wanted)).scalar() or 0


def last_event(tx: Tx) -> int:
    """Give the number of the history's newest row."""
    return tx.conn.execute(select(func.max(history.c.id))).scalar() or 0


def creations(tx: Tx, after: int, limit: int = 1000) -> list[Creation]:
    """Read which records were made after a row of the history, in that order."""
    query = (
        select(
            history.c.id, history.c.at, history.c.side, history.c.entity, history.c.record_id,
            history.c.link_id,
        )
        .where(history.c.id > after, history.c.event == "created",
               history.c.record_id.is_not(None))
        .order_by(history.c.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Creation(row=i, at=at, side=Side(side), entity=entity, record_id=record, link_id=link)
        for i, at, side, entity, record, link in tx.conn.execute(query)
    ]


def holds_between(tx: Tx, since: datetime) -> list[Placed]:
    """Read credit holds that began or ended at or after an instant, oldest first."""
    query = (
        select(
            hold_episode.c.id, hold_episode.c.crm_id, hold_episode.c.erp_id,
            hold_episode.c.began_at, hold_episode.c.ended_at,
        )
        .where(or_(hold_episode.c.began_at >= since, hold_episode.c.ended_at >= since))
        .order_by(hold_episode.c.id)
    )  # fmt: skip
    return [Placed(**row._asdict()) for row in tx.conn.execute(query)]


def runs_since(tx: Tx, since: datetime) -> list[tuple[datetime, Mapping[str, int]]]:
    """Read when runs began, and what they counted, oldest first."""
    query = (
        select(run.c.started_at, run.c.counts)
        .where(run.c.started_at >= since, run.c.ended_at.is_not(None))
        .order_by(run.c.started_at)
    )
    return [
        (at, msgspec.msgpack.decode(counts) if counts else {})
        for at, counts in tx.conn.execute(query)
    ]
