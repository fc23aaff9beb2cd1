"""Alerts: what somebody in the company should know, once per subject and role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, bindparam, select, update

from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import alert

__all__ = [
    "Alert",
    "attach",
    "end",
    "end_of_customer",
    "of_links",
    "opened",
    "raise_alerts",
    "without_task",
]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to one role.

    ``subject``: what it is about, so that it is raised once (``hold:7``).  ``message`` names no
    person and no company: it may end up in a log.  ``link_id``: of its task in the CRM, 0 where
    there is to be one and is none yet, ``None`` where there is to be none.
    """

    kind: str
    subject: str
    role: str
    user: str
    customer_id: str
    message: str
    at: datetime
    link_id: int | None = None
    ended_at: datetime | None = None
    ended_why: str = ""
    id: int = 0


_OPEN = fixed(select(alert).where(alert.c.ended_at.is_(None)).order_by(alert.c.id))
_OF_LINKS = fixed(select(alert).where(alert.c.link_id.in_(bindparam("b_links", expanding=True))))
_NO_TASK = fixed(select(alert).where(alert.c.link_id == 0, alert.c.ended_at.is_(None)))


def raise_alerts(tx: Tx, alerts: Sequence[Alert]) -> None:
    """Raise alerts that have not been raised before."""
    tx.insert_new(
        alert,
        [{f: v for f, v in msgspec.structs.asdict(a).items() if f != "id"} for a in alerts],
    )


def opened(tx: Tx) -> list[Alert]:
    """Alerts that have not ended, oldest first."""
    return [Alert(**row._asdict()) for row in tx.conn.execute(_OPEN)]


def without_task(tx: Tx) -> list[Alert]:
    """Open alerts that are to become a task and have none yet."""
    return [Alert(**row._asdict()) for row in tx.conn.execute(_NO_TASK)]


def of_links(tx: Tx, links: Iterable[int]) -> dict[int, Alert]:
    """Alerts by the link of their task."""
    return {
        row.link_id: Alert(**row._asdict())
        for part in chunks(sorted(set(links)))
        for row in tx.conn.execute(_OF_LINKS, {"b_links": part})
    }


def attach(tx: Tx, alert_id: int, link_id: int) -> None:
    """Note which link holds an alert's task."""
    tx.conn.execute(update(alert).where(alert.c.id == alert_id).values(link_id=link_id))


def end(tx: Tx, subject: str, *, why: str, now: datetime) -> list[int]:
    """End all alerts about something; returns the links of their tasks."""
    return _end(tx, alert.c.subject == subject, why, now)


def end_of_customer(tx: Tx, customer_id: str, *, why: str, now: datetime) -> list[int]:
    """End all alerts about a customer of the CRM; returns the links of their tasks."""
    return _end(tx, alert.c.customer_id == customer_id, why, now)


def _end(tx: Tx, which: ColumnElement[bool], why: str, now: datetime) -> list[int]:
    mine = (which, alert.c.ended_at.is_(None))
    links = list(tx.conn.execute(select(alert.c.link_id).where(*mine)).scalars())
    tx.conn.execute(update(alert).where(*mine).values(ended_at=now, ended_why=why))
    return [n for n in links if n]
