"""A CRM and an ERP in memory that hold the deals of a rehearsal, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.objects import CRM_MAPS, ERP_MAPS
from interlock.governance.rules import Side
from interlock.mapping.codecs import Text
from interlock.mapping.objectmap import ObjectMap
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import Line, Money, Record
from interlock.project.config import Environment
from interlock.project.load import ConnectionConfig, Project
from interlock.reports.sold import SoldDeal, sku_key
from interlock.service.rehearsal import Found, Rehearsal, rehearse

__all__ = ["MemoryPair", "load_deals", "rehearse_in_memory"]

_FREE = FieldOverride(codec=Text())
_OVERRIDES = MappingOverrides(
    fields={
        "customer": {"payment_terms": _FREE},
        "order": {"payment_terms": _FREE, "currency": _FREE},
    }
)
"""A company has terms and currencies of its own, which the memory systems' lists do not know."""
_LOADED = (
    "name", "website", "email", "phone", "tax_id", "billing_address", "shipping_address",
    "payment_terms",
)  # fmt: skip


class MemoryPair(msgspec.Struct, frozen=True):
    """Both systems."""

    crm: Any
    erp: Any

    def system(self, side: Side) -> MemorySystem:
        """The system of one side."""
        found: MemorySystem = self.crm if side is Side.CRM else self.erp
        return found


async def rehearse_in_memory(
    project: Project,
    folder: Path,
    found: Found,
    *,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    pair: MemoryPair | None = None,
) -> Rehearsal:
    """Rehearse chosen deals by the project's rules, on systems in memory.

    What is proven are the deals, the ownership map and the processes; the project's own systems and
    mappings take no part.  ``pair``: loaded systems to use instead of new ones.
    """
    pair = pair or load_deals(found.chosen, clock)
    names = f"rehearsal-{new_id()}"
    trial = replace(
        project,
        crm=_connection(project, Side.CRM, f"{names}-crm", pair),
        erp=_connection(project, Side.ERP, f"{names}-erp", pair),
        overrides={side.value: _OVERRIDES for side in Side},
    )
    done = await rehearse(trial, folder, clock=clock, new_id=new_id, where="memory")
    return msgspec.structs.replace(done, considered=found.considered, unfit=found.unfit)


def _connection(project: Project, side: Side, name: str, pair: MemoryPair) -> ConnectionConfig:
    register(name, pair.system(side))
    return ConnectionConfig(
        id=project.connection(side).id,
        name=side.value,
        side=side,
        plugin=crm_plugin if side is Side.CRM else erp_plugin,
        settings=MemorySettings(system=name, settle_time=0),
        environment=Environment.STAGING,
    )


def load_deals(sold: Sequence[SoldDeal], clock: Callable[[], datetime]) -> MemoryPair:
    """Fill two new systems with the deals, their customers and products, as people would."""
    crm = MemorySystem("crm", clock=clock, any_terms=True)
    erp = MemorySystem("erp", clock=clock, any_terms=True)
    accounts = _load_customers(crm, CRM_MAPS["customer"], (deal.account for deal in sold))
    _load_customers(erp, ERP_MAPS["customer"], (r for deal in sold for r in deal.known_as))
    products = _load_products(crm, erp, sold)
    for deal in sold:
        _load_deal(crm, deal, accounts[deal.account.id], products)
    return MemoryPair(crm, erp)


def _load_customers(
    system: MemorySystem, item: ObjectMap, records: Iterable[Record]
) -> dict[str, str]:
    """Make each customer once; its id there -> the id here."""
    item = item.with_overrides(_OVERRIDES)
    made: dict[str, str] = {}
    for record in records:
        if record.id not in made:
            fields = {f: v for f in _LOADED if (v := record.fields.get(f)) is not None}
            made[record.id] = system.add("customer", item.encode(fields))
    return made


def _load_products(
    crm: MemorySystem, erp: MemorySystem, sold: Sequence[SoldDeal]
) -> Mapping[str, str]:
    """Make each SKU's product in both systems, unless the ERP has none; SKU -> the CRM's id."""
    made: dict[str, str] = {}
    for deal in sold:
        missing = {sku_key(sku) for sku in deal.unresolved}
        for line in _lines(deal):
            sku = deal.sku_of(line)
            if sku is None or sku_key(sku) in made:
                continue
            title = (line.description or sku)[:100]
            made[sku_key(sku)] = crm.add("product", {"ProductCode": sku, "Name": title})
            if sku_key(sku) not in missing:
                erp.add("product", {"sku": sku, "title": title})
    return made


def _load_deal(
    crm: MemorySystem, sold: SoldDeal, account: str, products: Mapping[str, str]
) -> None:
    fields, won_at = sold.deal.fields, sold.deal.fields.get("won_at")
    amount = fields.get("amount")
    cells: dict[str, Any] = {
        "Name": sold.name[:120],
        "AccountId": account,
        "StageName": "Closed Won",
        "PoNumber": fields.get("po_number"),
        "Lines": _rows(fields.get("lines"), sold, products),
    }
    if isinstance(won_at, datetime):
        cells["WonAt"] = won_at.isoformat()
    if isinstance(amount, Money):
        cells["Amount"] = {
            "Amount": format(amount.amount, "f"),
            "CurrencyIsoCode": amount.currency,
        }
    deal = crm.add("deal", cells)
    if sold.quote is not None:
        quote = sold.quote.fields
        crm.add(
            "quote",
            {
                "OpportunityId": deal,
                "QuoteNumber": quote.get("number") or sold.quote.id,
                "IsAccepted": True,
                "CurrencyIsoCode": quote.get("currency"),
                "Lines": _rows(quote.get("lines"), sold, products),
            },
        )


def _rows(lines: object, sold: SoldDeal, products: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = []
    for line in lines if isinstance(lines, tuple) else ():
        sku = sold.sku_of(line)
        rows.append(
            {
                "Id": line.key,
                "Product2Id": None if sku is None else products.get(sku_key(sku)),
                "ProductCode": sku,
                "Description": line.description,
                "Quantity": format(line.quantity, "f"),
                "UnitPrice": format(line.unit_price, "f"),
                "TotalPrice": None if line.net is None else format(line.net, "f"),
            }
        )
    return rows


def _lines(sold: SoldDeal) -> list[Line]:
    both = [sold.deal.fields.get("lines"), sold.quote.fields.get("lines") if sold.quote else None]
    return [line for lines in both if isinstance(lines, tuple) for line in lines]
