"""Customers: match those that are new or changed against both lists (rule 12).

Matching looks at a record once for each of its states.  The first time, and when the map or the
weights have changed, both lists are matched whole; afterwards only the neighbourhood of what
changed: the records that may be the same as one of these, and their rivals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.matching.proposal import Pairing, Proposal, propose
from interlock.matching.rarity import Rarity
from interlock.matching.register import Register
from interlock.matching.score import Weights
from interlock.matching.table import Table
from interlock.store import feeds, links, observations, refusals, scores
from interlock.store.database import Tx, chunks
from interlock.store.scores import Score, Suggestion
from interlock.store.tables import record
from interlock.sync import copies
from interlock.sync.lists import TOKEN, Ids, present
from interlock.sync.pair import Pair
from interlock.sync.pairing import Couple, Halves, couple, leave_alone, mark
from interlock.sync.progress import Run

__all__ = ["kept_score", "link_customers"]

_ENTITY = "customer"
_WHOLE = 20
"""From one record in so many on, whole lists are matched: the neighbourhood is most of them."""
_ROUNDS = 5
"""What is decided about one record may concern others; they are looked at in the next round."""
_BASIS = f"matched_with:{_ENTITY}"


def kept_score(pairing: Pairing) -> Score:
    """What is kept of a scored pair."""
    why = pairing.explanation
    return Score(
        probability=round(pairing.probability, 6),
        contributions=why.contributions,
        reasons=tuple(why.reasons),
        weights=why.weights,
    )


# ── matching ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Standing:
    """Which records may be linked: free ones, and those whose link has no other side yet."""

    free: dict[Side, set[str]]
    taken: dict[Side, set[str]]
    half: Halves


def link_customers(tx: Tx, pair: Pair, run: Run) -> None:
    """Match what is new or changed; nothing before both lists have been read in full."""
    if not feeds.all_complete(tx, _ENTITY):
        return
    first = feeds.get_meta(tx, f"matched:{_ENTITY}") is None
    changed = scores.to_match(tx, _ENTITY)
    basis = f"{pair.map_version} {pair.weights.version}"
    if first or feeds.get_meta(tx, _BASIS) != basis:
        _match_afresh(tx, pair, run)
        feeds.set_meta(tx, _BASIS, basis)
    for _ in range(_ROUNDS):
        flagged = scores.to_match(tx, _ENTITY)
        if not flagged:
            break
        _match_changed(tx, pair, flagged, run)
    for side, ids in changed.items():
        known = observations.load(tx, side, _ENTITY, ids).values()
        free = [o for o in known if o.link_id is None and o.there and o.unlinked != "parked"]
        copies.mark(tx, pair, side, free, run)
    if first:
        feeds.set_meta(tx, f"matched:{_ENTITY}", pair.clock().isoformat())


def _match_afresh(tx: Tx, pair: Pair, run: Run) -> None:
    flagged = scores.to_match(tx, _ENTITY)
    registers = pair.lists.current(tx, flagged)
    _seen(tx, pair, flagged)
    everyone = {side: set(pair.lists.digests[side]) for side in Side}
    tables = {side: registers[side].chosen(everyone[side]) for side in Side}
    _judge(tx, pair, everyone, tables, registers[Side.CRM].rarity, run)


def _match_changed(tx: Tx, pair: Pair, flagged: Ids, run: Run) -> None:
    others = scores.partners_of(tx, _ENTITY, flagged)
    standing = _standing(tx, {s: {*flagged.get(s, ()), *others[s]} for s in Side})
    # of what is no longer there, or has its partner, nothing is to be decided any more
    scores.clear_suggestions(tx, _ENTITY, flagged)
    judged = standing.free
    if not any(judged.values()):
        # edits of linked records, most days: the lists are not even read for them
        if pair.lists.registers:
            pair.lists.current(tx, flagged)
        _seen(tx, pair, flagged)
        return
    registers = pair.lists.current(tx, flagged)
    _seen(tx, pair, {s: {*flagged.get(s, ()), *judged[s]} for s in Side})
    known = sum(map(len, pair.lists.digests.values()))
    if sum(map(len, judged.values())) * _WHOLE > known:
        around: Ids = pair.lists.digests
    else:
        around = _neighbourhood(registers, judged, pair.weights)
    tables = {side: registers[side].chosen(around[side]) for side in Side}
    _judge(tx, pair, judged, tables, registers[Side.CRM].rarity, run)


def _seen(tx: Tx, pair: Pair, ids: Ids) -> None:
    """Note that matching has looked at these; lists elsewhere must look what changed."""
    scores.looked_at(tx, _ENTITY, ids)
    token = pair.new_id()
    feeds.set_meta(tx, TOKEN, token)
    if pair.lists.registers:
        pair.lists.token = token


def _neighbourhood(
    registers: Mapping[Side, Register], judged: Ids, weights: Weights
) -> dict[Side, set[str]]:
    """The records that may be one of these, and whoever else may be one of those."""
    around = {side: set(judged[side]) for side in Side}
    for _ in range(2):
        asked = {side: registers[side].chosen(around[side]) for side in Side}
        for side in Side:
            around[side] |= registers[side].near(asked[side.other], weights)
    return around


def _standing(tx: Tx, ids: Ids) -> _Standing:
    free: dict[Side, set[str]] = {}
    taken: dict[Side, set[str]] = {}
    half = links.halves(tx, _ENTITY, ids)
    for side in Side:
        free[side], taken[side] = set(), set()
        for part in chunks(sorted(ids[side])):
            rows = tx.conn.execute(
                select(record.c.id, record.c.link_id, record.c.unlinked).where(
                    present(side), record.c.id.in_(part)
                )
            )
            for row in rows:
                at_large = row.unlinked != "parked" and (
                    row.link_id is None or (side, row.id) in half
                )
                (free if at_large else taken)[side].add(row.id)
    return _Standing(free, taken, half)


def _judge(
    tx: Tx, pair: Pair, judged: Ids, tables: Mapping[Side, Table], rarity: Rarity, run: Run
) -> None:
    """Decide on every pair that has one of the judged records, and on those that have no pair."""
    standing = _standing(tx, {side: set(tables[side].ids.tolist()) for side in Side})
    found = propose(
        tables[Side.CRM],
        tables[Side.ERP],
        pair.weights,
        rarity=rarity,
        taken=(standing.taken[Side.CRM], standing.taken[Side.ERP]),
        refused=refusals.load(tx, _ENTITY),
    )
    scores.clear_suggestions(tx, _ENTITY, judged)
    coupled = _couple(tx, pair, judged, found, standing, run)
    suggested = _suggest(tx, pair, judged, found, standing, coupled)
    for side in Side:
        alone = standing.free[side] & set(judged[side])
        alone -= coupled[side] | suggested[side]
        fresh = sorted(i for i in alone if (side, i) not in standing.half)
        leave_alone(tx, pair, _ENTITY, side, fresh, run)


def _concerns(pairing: Pairing, judged: Ids) -> bool:
    return pairing.left in judged[Side.CRM] or pairing.right in judged[Side.ERP]


def _couple(
    tx: Tx, pair: Pair, judged: Ids, found: Proposal, standing: _Standing, run: Run
) -> dict[Side, set[str]]:
    new = [
        Couple(crm_id=p.left, erp_id=p.right, evidence=_evidence(p), score=kept_score(p))
        for p in found.pairings(linked=True)
        if _concerns(p, judged)
    ]
    couple(tx, pair, _ENTITY, new, standing.half, run)
    return {Side.CRM: {c.crm_id for c in new}, Side.ERP: {c.erp_id for c in new}}


def _suggest(
    tx: Tx,
    pair: Pair,
    judged: Ids,
    found: Proposal,
    standing: _Standing,
    coupled: Mapping[Side, set[str]],
) -> dict[Side, set[str]]:
    """Keep for a person whatever else may be one; a create that waits for it does not go out."""
    now = pair.clock()
    free = {side: standing.free[side] - coupled[side] for side in Side}
    suggested: dict[Side, set[str]] = {side: set() for side in Side}
    pairs = []
    for p in found.pairings(linked=False):
        at_large = {Side.CRM: p.left} if p.left in free[Side.CRM] else {}
        at_large |= {Side.ERP: p.right} if p.right in free[Side.ERP] else {}
        if not at_large or not _concerns(p, judged):
            continue
        for side, record_id in at_large.items():
            suggested[side].add(record_id)
        evidence = _evidence(p, coupled)
        pairs.append(
            Suggestion(
                crm_id=p.left, erp_id=p.right, evidence=evidence, score=kept_score(p), at=now
            )
        )
    scores.add_suggestions(tx, _ENTITY, pairs)
    for side in Side:
        for record_id in sorted(suggested[side]):
            if link_id := standing.half.get((side, record_id)):
                links.dissolve(tx, link_id, now)
        mark(tx, side, _ENTITY, sorted(suggested[side]), "suggested")
    return suggested


def _evidence(p: Pairing, coupled: Mapping[Side, set[str]] | None = None) -> str:
    why = p.why
    if coupled is not None and not why.startswith("another"):
        if p.right in coupled[Side.ERP]:
            why = "the right record is linked with another one"
        elif p.left in coupled[Side.CRM]:
            why = "the left record is linked with another one"
    text = ", ".join(p.explanation.reasons) or "little in common"
    why = why.replace("left record", "CRM record").replace("left list", "CRM")
    why = why.replace("right record", "ERP record")
    return f"{text}; {why}" if why else text
