"""What is read back of a rehearsal: the evidence its verdict rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from interlock.model import FieldFacts, Fields
from interlock.reports.sold import SoldDeal

__all__ = ["Evidence", "Reading"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at both systems: record id -> fields.

    ``deals`` and ``accounts`` are the CRM's, ``orders`` and ``customers`` the ERP's; ``goods``:
    product of the ERP -> SKU.  Of orders that were there before only the ids are kept.
    """

    deals: Mapping[str, Fields]
    accounts: Mapping[str, Fields]
    orders: Mapping[str, Fields]
    customers: Mapping[str, Fields]
    goods: Mapping[str, str]

    def number_of(self, order: str) -> str:
        """The number people know an order by, else its id."""
        return str(self.orders.get(order, {}).get("number") or order)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All a verdict is found from.

    ``before``, ``after`` and ``again``: before anything was written, after the first run, and after
    the second.  ``facts``: "crm deal", "crm customer", "erp customer", "erp order" -> what the
    system can hold of each field.  ``compared``: customer fields both systems must agree on.
    ``second_run``: what the second run wrote, as ("erp order", id).  ``lost_order``: the order
    whose answer was lost after it was made.  ``confirms``: whether drafts are confirmed.
    """

    sold: Sequence[SoldDeal]
    before: Reading
    after: Reading
    again: Reading
    facts: Mapping[str, Mapping[str, FieldFacts]]
    compared: frozenset[str]
    tolerance: Decimal
    second_run: Sequence[tuple[str, str]]
    lost_order: str | None
    confirms: bool = True
