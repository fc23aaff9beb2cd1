"""Approvals: the writes a person let go, by what they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select, update

from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import approval, outbox

__all__ = ["approve", "approved", "forget_all"]

_IDS: BindParameter[Any] = bindparam("b_ids", expanding=True)
_APPROVED = fixed(select(approval.c.digest).where(approval.c.digest.in_(_IDS)))


def approve(tx: Tx, digests: Sequence[str], *, plan_id: str, by: str, now: datetime) -> int:
    """Approve writes by digest; returns how many waiting writes that lets go."""
    tx.insert_new(
        approval,
        [{"digest": d, "plan_id": plan_id, "by": by, "at": now} for d in sorted(set(digests))],
    )
    released = 0
    for part in chunks(sorted(set(digests))):
        released += tx.conn.execute(
            update(outbox)
            .where(
                outbox.c.digest.in_(part),
                outbox.c.needs_approval.is_(True),
            )
            .values(needs_approval=False, limit_kind=None)
        ).rowcount
    return released


def approved(tx: Tx, digests: Sequence[str]) -> set[str]:
    """Those of the digests that a person approved."""
    found: set[str] = set()
    for part in chunks(list(digests)):
        found |= set(tx.conn.execute(_APPROVED, {"b_ids": part}).scalars())
    return found


def forget_all(tx: Tx) -> None:
    """Let no approval of before count for what is decided from now on."""
    tx.conn.execute(delete(approval))
