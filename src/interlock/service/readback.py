"""What a rehearsal reads of both systems: the won deals there are, and what became of them.

Only the connectors are asked, never the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from interlock.connectors.base import Connector
from interlock.matching.normalise import name_key, tax_key
from interlock.model import Fields, Presence, Record, Ref, StageKind
from interlock.reports.rehearsed import Reading
from interlock.reports.sold import SoldDeal, lines_of, sku_key
from interlock.sync.pair import Pair

__all__ = ["LOOKED_AT", "read_back", "read_sold"]

LOOKED_AT = 500
"""Won deals that are looked at, the newest first: enough to choose from."""


async def read_sold(pair: Pair, *, again: bool = False) -> list[SoldDeal]:
    """Read the newest won deals with accounts, accepted quotes, products and the ERP's customers.

    ``again``: deals that were ordered may be rehearsed as if they were not, as they are rehearsed
    elsewhere.
    """
    crm, erp = pair.crm.connector, pair.erp.connector
    won = [r async for r in _all(crm, "deal") if r.fields.get("stage_kind") == StageKind.WON]
    won = sorted(won, key=lambda r: (_won_at(r), r.id), reverse=True)[:LOOKED_AT]
    if again:
        won = [_unordered(record) for record in won]
    quotes = await _accepted_quotes(crm, {deal.id for deal in won})
    wanted = {deal.id: a.id for deal in won if isinstance(a := deal.fields.get("customer"), Ref)}
    accounts = await _by_id(crm, "customer", set(wanted.values()))
    lines = {d.id: lines_of(d.fields, quotes[d.id].fields if d.id in quotes else None) for d in won}
    named = {ln.product.id for each in lines.values() for ln in each if ln.product is not None}
    products = await _by_id(crm, "product", named) if "product" in _entities(crm) else {}
    skus = {i: sku for i, r in products.items() if isinstance(sku := r.fields.get("sku"), str)}
    goods = {sku_key(sku) for sku in (await _goods(erp)).values()}
    kin = [r async for r in _all(erp, "customer") if _looks_like(r, _keys(accounts))]
    found = []
    for deal in won:
        account = accounts.get(wanted.get(deal.id, ""))
        if account is None:
            continue
        quote = quotes.get(deal.id)
        mine = _keys({account.id: account})
        unresolved = []
        for number, line in enumerate(lines[deal.id], 1):
            sku = line.sku or (skus.get(line.product.id) if line.product is not None else None)
            if sku is None or sku_key(sku) not in goods:
                unresolved.append(sku or f"line {number}")
        found.append(
            SoldDeal(
                deal=deal,
                account=account,
                quote=quote,
                skus=skus,
                known_as=tuple(r for r in kin if _looks_like(r, mine)),
                unresolved=tuple(unresolved),
            )
        )
    return found


async def read_back(pair: Pair, sold: Sequence[SoldDeal], before: Reading | None) -> Reading:
    """Read what both systems show of the deals now; of orders that were there only the ids."""
    crm, erp = pair.crm.connector, pair.erp.connector
    accounts = {deal.account.id: deal.account for deal in sold}
    deals = await _by_id(crm, "deal", {deal.deal.id for deal in sold})
    shown = await _by_id(crm, "customer", set(accounts))
    orders: dict[str, Fields] = {}
    async for record in _all(erp, "order"):
        if before is None or record.id in before.orders:
            orders[record.id] = {}
        else:
            orders[record.id] = dict(record.fields)
    keys = _keys(accounts)
    customers = {r.id: r async for r in _all(erp, "customer") if _looks_like(r, keys)}
    booked = {c.id for fields in orders.values() if isinstance(c := fields.get("customer"), Ref)}
    customers |= await _by_id(erp, "customer", booked - set(customers))
    return Reading(
        deals=_fields(deals),
        accounts=_fields(shown),
        orders=orders,
        customers=_fields(customers),
        goods=await _goods(erp),
    )


def _fields(records: Mapping[str, Record]) -> dict[str, Fields]:
    return {record_id: dict(record.fields) for record_id, record in records.items()}


def _entities(connector: Connector) -> Collection[str]:
    return connector.capabilities.entities


async def _all(connector: Connector, entity: str) -> AsyncIterator[Record]:
    """Read every record in use; an entity the system lacks has none."""
    cursor: str | None = None
    more = entity in _entities(connector)
    while more:
        page = await connector.sweep(entity, cursor)
        for record in page.records:
            if record.presence is Presence.PRESENT:
                yield record
        cursor, more = page.cursor, page.more


async def _by_id(connector: Connector, entity: str, ids: Collection[str]) -> dict[str, Record]:
    size = connector.capabilities.entities[entity].page_size
    ordered, found = sorted(ids), {}
    for start in range(0, len(ordered), size):
        for record in await connector.fetch(entity, ordered[start : start + size]):
            if record.presence in (Presence.PRESENT, Presence.ARCHIVED):
                found[record.id] = record
    return found


async def _accepted_quotes(crm: Connector, deals: Collection[str]) -> dict[str, Record]:
    """Deal -> its accepted quote; the latest of several."""
    found: dict[str, Record] = {}
    oldest = datetime.min.replace(tzinfo=UTC)
    async for quote in _all(crm, "quote"):
        deal = quote.fields.get("deal")
        if quote.fields.get("accepted") is True and isinstance(deal, Ref) and deal.id in deals:
            known = found.get(deal.id)
            if known is None or (known.modified or oldest) <= (quote.modified or oldest):
                found[deal.id] = quote
    return found


async def _goods(erp: Connector) -> dict[str, str]:
    """Product in use -> SKU."""
    return {
        record.id: sku
        async for record in _all(erp, "product")
        if record.fields.get("active") is not False
        and isinstance(sku := record.fields.get("sku"), str)
    }


def _won_at(record: Record) -> datetime:
    at = record.fields.get("won_at")
    return at if isinstance(at, datetime) else datetime.min.replace(tzinfo=UTC)


def _unordered(record: Record) -> Record:
    blank = {f: None for f in ("order_number", "order_status", "other_id") if f in record.fields}
    return msgspec.structs.replace(record, fields={**record.fields, **blank})


class _Keys(msgspec.Struct, frozen=True):
    ids: frozenset[str]
    names: frozenset[str]
    tax_ids: frozenset[str]


def _keys(accounts: Mapping[str, Record]) -> _Keys:
    names = {_name(record) for record in accounts.values()}
    tax_ids = {_tax_id(record) for record in accounts.values()}
    return _Keys(frozenset(accounts), frozenset(names - {""}), frozenset(tax_ids - {""}))


def _looks_like(record: Record, keys: _Keys) -> bool:
    other = record.fields.get("other_id")
    return other in keys.ids or _name(record) in keys.names or _tax_id(record) in keys.tax_ids


def _name(record: Record) -> str:
    return name_key(str(record.fields.get("name") or ""))


def _tax_id(record: Record) -> str:
    return tax_key(str(record.fields.get("tax_id") or ""))[0]
