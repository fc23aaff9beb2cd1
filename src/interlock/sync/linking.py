"""Linking: pair records once both lists are known, and decide what may be created (rule 12)."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import bindparam, select, update

from interlock.governance.rules import CreatePolicy, Side
from interlock.matching.exact import (
    Candidate,
    Matches,
    Signs,
    contact_signs,
    customer_signs,
    match_exact,
    product_signs,
)
from interlock.model import Fields, Ref
from interlock.store import feeds, history, links, observations, outbox
from interlock.store.database import Tx, chunks
from interlock.store.history import Event
from interlock.store.observations import Observation
from interlock.store.sqlite import fixed
from interlock.store.tables import record
from interlock.sync import copies
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["link_records", "matched_at"]

MATCHED = ("product", "customer", "contact")
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
_MARK = fixed(
    update(record)
    .where(
        record.c.side == bindparam("b_side"),
        record.c.entity == bindparam("b_entity"),
        record.c.id.in_(bindparam("b_ids", expanding=True)),
        record.c.link_id.is_(None),
        record.c.unlinked.is_distinct_from("parked"),
    )
    .values(unlinked=bindparam("b_state"))
)


async def link_records(pair: Pair, run: Run) -> None:
    """Match the free records of every entity whose two lists have been read in full."""
    merged = pair.merged()
    free = await pair.store.call(_unsettled)
    for entity in MATCHED:
        if entity in merged and entity in free:
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
        matches = match_exact(
            _candidates(tx, entity, Side.CRM, half),
            _candidates(tx, entity, Side.ERP, half),
            links.refused(tx, entity),
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
    if entity == "customer":
        return customer_signs
    if entity == "product":
        return product_signs
    owners = [f for o in seen if isinstance(f := o.fields.get("customer"), Ref)]
    linked = links.members_of(tx, side, [(ref.entity, ref.id) for ref in owners])

    def _contact(fields: Fields) -> Signs:
        ref = fields.get("customer")
        link_id = linked.get((ref.entity, ref.id)) if isinstance(ref, Ref) else None
        return contact_signs(fields, "" if link_id is None else str(link_id))

    return _contact


def _apply(
    tx: Tx, pair: Pair, entity: str, matches: Matches, half: dict[tuple[Side, str], int], run: Run
) -> None:
    now = pair.clock()
    for crm_id, erp_id, _ in matches.links:
        links.dissolve(tx, half.get((Side.CRM, crm_id)), now)
        links.dissolve(tx, half.get((Side.ERP, erp_id)), now)
    made = links.create_many(
        tx,
        entity,
        [
            ([(Side.CRM, entity, crm_id), (Side.ERP, entity, erp_id)], why)
            for crm_id, erp_id, why in matches.links
        ],
        origin="match",
        now=now,
    )
    events = [
        Event(at=now, event="linked", entity=entity, link_id=link_id, why=why, run_id=run.id)
        for link_id, (_, _, why) in zip(made, matches.links, strict=True)
    ]
    run.counts["linked"] += len(matches.links)
    if matches.links:
        outbox.wake(tx, now)
    links.suggest(tx, entity, matches.suggestions, now)
    for crm_id, erp_id, _ in matches.suggestions:
        # what may have a counterpart is no longer alone: its create must not go out
        links.dissolve(tx, half.get((Side.CRM, crm_id)), now)
        links.dissolve(tx, half.get((Side.ERP, erp_id)), now)
    _mark(tx, Side.CRM, entity, sorted({c for c, _, _ in matches.suggestions}), "suggested")
    _mark(tx, Side.ERP, entity, sorted({e for _, e, _ in matches.suggestions}), "suggested")
    rules = pair.rules(entity)
    policy = rules.create if rules is not None else CreatePolicy.NONE
    for side, alone in ((Side.CRM, matches.alone_crm), (Side.ERP, matches.alone_erp)):
        fresh = [i for i in alone if (side, i) not in half]
        if policy.value == side.value:
            caps = pair.side(side.other).entity(entity)
            if caps is not None and caps.create:
                alone_links = links.create_many(
                    tx,
                    entity,
                    [([(side, entity, i)], "no counterpart") for i in fresh],
                    origin="alone",
                    now=now,
                )
                events += [
                    Event(
                        at=now,
                        event="alone",
                        entity=entity,
                        link_id=link_id,
                        side=side,
                        record_id=record_id,
                        run_id=run.id,
                        why=f"no counterpart in the {side.other.value.upper()}",
                    )
                    for link_id, record_id in zip(alone_links, fresh, strict=True)
                ]
                continue
        _mark(tx, side, entity, fresh, "born here")
    history.add(tx, events)


def _mark(tx: Tx, side: Side, entity: str, ids: list[str], state: str) -> None:
    for part in chunks(ids):
        marked = {"b_side": side, "b_entity": entity, "b_ids": part, "b_state": state}
        tx.conn.execute(_MARK, marked)
