"""Scores: what matching found, as stored with links and suggestions, and what it must look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, select, update

from interlock.governance.rules import Side
from interlock.store.database import Tx, chunks
from interlock.store.tables import record, suggestion

__all__ = [
    "SCORED",
    "Score",
    "Suggestion",
    "add_suggestions",
    "clear_suggestions",
    "columns_of",
    "count_suggestions",
    "looked_at",
    "look_again",
    "partners_of",
    "score_of",
    "scored_suggestions",
    "to_match",
]

SCORED = frozenset({"customer"})
"""Entities matched by score: their records remember whether matching has looked at them."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Why two records were held to be one: ``contributions`` add up to the log-odds.

    ``weights``: the version of the weights they were scored with.
    """

    probability: float
    contributions: Mapping[str, float]
    reasons: Sequence[str]
    weights: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A pair a person decides on; ``score`` is missing where a key was in common."""

    crm_id: str
    erp_id: str
    evidence: str
    score: Score | None
    at: datetime


def columns_of(score: Score | None) -> dict[str, Any]:
    """Pack a score into its columns."""
    if score is None:
        return {"probability": None, "explanation": None, "weights": None}
    return {
        "probability": score.probability,
        "explanation": msgspec.msgpack.encode((score.contributions, score.reasons)),
        "weights": score.weights,
    }


def score_of(row: Any) -> Score | None:
    """Unpack the score of a row of ``link`` or ``suggestion``."""
    if row.explanation is None:
        return None
    contributions, reasons = msgspec.msgpack.decode(row.explanation)
    return Score(
        probability=row.probability,
        contributions=contributions,
        reasons=tuple(reasons),
        weights=row.weights,
    )


# ── suggestions ──────────────────────────────────────────────────────────────────────────────


def add_suggestions(tx: Tx, entity: str, found: Sequence[Suggestion]) -> None:
    """Add pairs for a person to decide on."""
    for part in chunks(list(found)):
        tx.insert_new(
            suggestion,
            [
                {
                    "entity": entity,
                    "crm_id": s.crm_id,
                    "erp_id": s.erp_id,
                    "evidence": s.evidence,
                    "at": s.at,
                }
                | columns_of(s.score)
                for s in part
            ],
        )


def scored_suggestions(
    tx: Tx,
    entity: str,
    limit: int | None = None,
    *,
    pair: tuple[str, str] | None = None,
    of: tuple[Side, str] | None = None,
) -> list[Suggestion]:
    """Pairs for a person to decide on, the likeliest first.

    ``pair``: only this one; ``of``: only those of one record.
    """
    query = (
        select(suggestion)
        .where(suggestion.c.entity == entity)
        .order_by(suggestion.c.probability.desc(), suggestion.c.crm_id, suggestion.c.erp_id)
        .limit(limit)
    )
    if pair is not None:
        query = query.where(suggestion.c.crm_id == pair[0], suggestion.c.erp_id == pair[1])
    if of is not None:
        query = query.where(_columns(of[0])[0] == of[1])
    return [
        Suggestion(
            crm_id=row.crm_id,
            erp_id=row.erp_id,
            evidence=row.evidence,
            score=score_of(row),
            at=row.at,
        )
        for row in tx.conn.execute(query)
    ]


def count_suggestions(tx: Tx, entity: str) -> int:
    """How many pairs wait for a person."""
    rows = tx.conn.execute(select(suggestion.c.crm_id).where(suggestion.c.entity == entity))
    return len(rows.all())


def partners_of(tx: Tx, entity: str, ids: Mapping[Side, Collection[str]]) -> dict[Side, set[str]]:
    """The other records of the suggestions these are in, by side."""
    found: dict[Side, set[str]] = {side: set() for side in Side}
    for side, mine in ids.items():
        here, there = _columns(side)
        for part in chunks(sorted(mine)):
            rows = tx.conn.execute(
                select(there).where(suggestion.c.entity == entity, here.in_(part))
            )
            found[side.other] |= set(rows.scalars())
    return found


def clear_suggestions(tx: Tx, entity: str, ids: Mapping[Side, Collection[str]]) -> None:
    """Remove every suggestion these records are in."""
    for side, mine in ids.items():
        here, _ = _columns(side)
        for part in chunks(sorted(mine)):
            tx.conn.execute(delete(suggestion).where(suggestion.c.entity == entity, here.in_(part)))


def _columns(side: Side) -> tuple[Any, Any]:
    pair = suggestion.c.crm_id, suggestion.c.erp_id
    return pair if side is Side.CRM else pair[::-1]


# ── what matching must look at ───────────────────────────────────────────────────────────────


def to_match(tx: Tx, entity: str) -> dict[Side, list[str]]:
    """Records matching has not looked at since they changed."""
    rows = tx.conn.execute(
        select(record.c.side, record.c.id)
        .where(record.c.to_match.is_not(None), record.c.entity == entity)
        .order_by(record.c.side, record.c.id)
    )
    found: dict[Side, list[str]] = defaultdict(list)
    for row in rows:
        found[Side(row.side)].append(row.id)
    return dict(found)


def look_again(tx: Tx, entity: str, side: Side, ids: Collection[str]) -> None:
    """Have matching look at records again."""
    _flag(tx, entity, side, ids, flag=True)


def looked_at(tx: Tx, entity: str, ids: Mapping[Side, Collection[str]]) -> None:
    """Note that matching has looked at records."""
    for side, some in ids.items():
        _flag(tx, entity, side, some, flag=False)


def _flag(tx: Tx, entity: str, side: Side, ids: Collection[str], *, flag: bool) -> None:
    if entity not in SCORED:
        return
    for part in chunks(sorted(ids)):
        tx.conn.execute(
            update(record)
            .where(
                record.c.side == side,
                record.c.entity == entity,
                record.c.id.in_(part),
                record.c.to_match.is_(None) if flag else record.c.to_match.is_not(None),
            )
            .values(to_match=flag or None)
        )
