"""Suggestions found by a key: pairs for a person to decide on.  Scored ones are in ``scores``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from interlock.store.database import Tx
from interlock.store.sqlite import fixed
from interlock.store.tables import suggestion

__all__ = ["load", "replace"]

_NO_SUGGESTIONS = fixed(delete(suggestion).where(suggestion.c.entity == bindparam("b_entity")))


def replace(tx: Tx, entity: str, pairs: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Replace the suggestions of an entity by (crm id, erp id, evidence)."""
    tx.conn.execute(_NO_SUGGESTIONS, {"b_entity": entity})
    tx.insert_new(
        suggestion,
        [
            {"entity": entity, "crm_id": c, "erp_id": e, "evidence": why, "at": now}
            for c, e, why in pairs
        ],
    )


def load(tx: Tx, entity: str) -> list[tuple[str, str, str]]:
    """Suggested pairs as (crm id, erp id, evidence)."""
    rows = tx.conn.execute(
        select(suggestion)
        .where(suggestion.c.entity == entity)
        .order_by(suggestion.c.crm_id, suggestion.c.erp_id)
    )
    return [(row.crm_id, row.erp_id, row.evidence) for row in rows]
