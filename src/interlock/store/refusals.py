"""Refused pairs: records that a person said are not the same."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from interlock.governance.rules import Side
from interlock.store.database import Tx
from interlock.store.scores import look_again
from interlock.store.sqlite import fixed
from interlock.store.tables import refused_pair, suggestion

__all__ = ["add", "load", "remove"]

_REFUSED = fixed(
    select(refused_pair.c.crm_id, refused_pair.c.erp_id).where(
        refused_pair.c.entity == bindparam("b_entity")
    )
)


def add(tx: Tx, entity: str, crm_id: str, erp_id: str, *, reason: str, now: datetime) -> None:
    """Store a lasting "not the same"."""
    tx.upsert(
        refused_pair,
        [{"entity": entity, "crm_id": crm_id, "erp_id": erp_id, "at": now, "reason": reason}],
    )
    tx.conn.execute(
        delete(suggestion).where(
            suggestion.c.entity == entity,
            suggestion.c.crm_id == crm_id,
            suggestion.c.erp_id == erp_id,
        )
    )
    look_again(tx, entity, Side.CRM, [crm_id])
    look_again(tx, entity, Side.ERP, [erp_id])


def remove(tx: Tx, entity: str, crm_id: str, erp_id: str) -> bool:
    """Take back a "not the same"; says whether there was one."""
    result = tx.conn.execute(
        delete(refused_pair).where(
            refused_pair.c.entity == entity,
            refused_pair.c.crm_id == crm_id,
            refused_pair.c.erp_id == erp_id,
        )
    )
    return bool(result.rowcount)


def load(tx: Tx, entity: str) -> set[tuple[str, str]]:
    """All (crm id, erp id) that were said not to be the same."""
    rows = tx.conn.execute(_REFUSED, {"b_entity": entity})
    return {(row.crm_id, row.erp_id) for row in rows}
