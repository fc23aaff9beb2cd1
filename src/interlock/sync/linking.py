"""Linking: pair records once both lists are known, and decide what may be created (rule 12).

Customers are matched by score (:mod:`interlock.sync.customers`), all else by key.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.matching.keyed import (
    Candidate,
    Matches,
    Signs,
    contact_signs,
    match_keyed,
    price_signs,
    product_signs,
)
from interlock.model import Fields, Ref
from interlock.store import feeds, links, observations, refusals, suggestions
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.store.scores import SCORED
from interlock.store.sqlite import fixed
from interlock.store.tables import record
from interlock.sync import copies
from interlock.sync.customers import link_customers
from interlock.sync.pair import Pair
from interlock.sync.pairing import Couple, couple, leave_alone, mark
from interlock.sync.progress import Run
from interlock.sync.survivors import follow_merges

__all__ = ["link_records", "matched_at"]

MATCHED = ("product", "customer", "price", "contact")
"""Entities whose records are paired by what they are; deals become orders by a process."""


def matched_at(tx: Tx, entity: str) -> str | None:
    """When the two lists of an entity were first matched; ``None`` before that."""
    return feeds.get_meta(tx, f"matched:{entity}")


_FREE = fixed(
    select(record.c.entity)
    .distinct()
    .where(
        record.c.link_id.is_(None),
        record.c.presence == "present",
        record.c.unlinked.is_distinct_from("parked"),
    )
)


async def link_records(pair: Pair, run: Run) -> None:
    """Match the free records of every entity whose two lists have been read in full."""
    merged = pair.merged()
    await pair.store.call(follow_merges, pair, run)
    for entity in MATCHED:
        if entity not in merged:
            continue
        if entity in SCORED:
            await pair.store.call(link_customers, pair, run)
        elif entity in await pair.store.call(_unsettled):
            await pair.store.call(_link_entity, pair, entity, run)


def _unsettled(tx: Tx) -> set[str]:
    """Entities with free records, or whose lists were never matched."""
    rows = tx.conn.execute(_FREE)
    matched = feeds.all_meta(tx)
    return set(rows.scalars()) | {e for e in MATCHED if f"matched:{e}" not in matched}


def _link_entity(tx: Tx, pair: Pair, entity: str, run: Run) -> None:
    if not feeds.all_complete(tx, entity):
        return
    now = pair.clock()
    free = {
        side: [o for o in observations.unlinked(tx, side, entity) if o.unlinked != "parked"]
        for side in Side
    }
    first = matched_at(tx, entity) is None
    if free[Side.CRM] or free[Side.ERP]:
        half = links.half(tx, entity)
        matches = match_keyed(
            _candidates(tx, entity, Side.CRM, half),
            _candidates(tx, entity, Side.ERP, half),
            refusals.load(tx, entity),
        )
        _apply(tx, pair, entity, matches, half, run)
        for side in Side:
            copies.mark(tx, pair, side, free[side], run)
    if first:
        feeds.set_meta(tx, f"matched:{entity}", now.isoformat())


def _candidates(
    tx: Tx, entity: str, side: Side, half: dict[tuple[Side, str], int]
) -> list[Candidate]:
    """All present records, linked ones too: a new record may double one that has a partner.

    A record whose link still lacks the other side is free.
    """
    seen = observations.present(tx, side, entity)
    signs = _signs_of(tx, entity, side, seen)
    return [
        Candidate(
            o.id,
            signs(o.fields),
            taken=o.unlinked == "parked" or (o.link_id is not None and (side, o.id) not in half),
        )
        for o in seen
    ]


def _signs_of(
    tx: Tx, entity: str, side: Side, seen: list[Observation]
) -> Callable[[Fields], Signs]:
    if entity == "product":
        return product_signs
    named = [f for o in seen for f in o.fields.values() if isinstance(f, Ref)]
    linked = links.members_of(tx, side, [(ref.entity, ref.id) for ref in named])

    def _link(fields: Fields, field: str) -> str:
        ref = fields.get(field)
        link_id = linked.get((ref.entity, ref.id)) if isinstance(ref, Ref) else None
        return "" if link_id is None else str(link_id)

    def _price(fields: Fields) -> Signs:
        return price_signs(fields, _link(fields, "product"), _link(fields, "customer"))

    def _contact(fields: Fields) -> Signs:
        return contact_signs(fields, _link(fields, "customer"))

    return _price if entity == "price" else _contact


def _apply(
    tx: Tx, pair: Pair, entity: str, matches: Matches, half: dict[tuple[Side, str], int], run: Run
) -> None:
    now = pair.clock()
    found = [Couple(crm_id=c, erp_id=e, evidence=why) for c, e, why in matches.links]
    couple(tx, pair, entity, found, half, run)
    suggestions.replace(tx, entity, matches.suggestions, now)
    for crm_id, erp_id, _ in matches.suggestions:
        # what may have a counterpart is no longer alone: its create must not go out
        links.dissolve(tx, half.get((Side.CRM, crm_id)), now)
        links.dissolve(tx, half.get((Side.ERP, erp_id)), now)
    mark(tx, Side.CRM, entity, sorted({c for c, _, _ in matches.suggestions}), "suggested")
    mark(tx, Side.ERP, entity, sorted({e for _, e, _ in matches.suggestions}), "suggested")
    for side, alone in ((Side.CRM, matches.alone_crm), (Side.ERP, matches.alone_erp)):
        leave_alone(tx, pair, entity, side, [i for i in alone if (side, i) not in half], run)
