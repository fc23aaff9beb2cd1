"""The demo's bad customer: a bill nobody pays, the hold it brings, and the money at last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from interlock.connectors.memory.invoicing import issue_invoice, register_payment
from interlock.demo.stage import Stage
from interlock.demo.story import some_pair, sync

__all__ = ["Arrears", "Shown", "fall_behind"]

Cells = Mapping[str, Any]
_LATE = timedelta(days=34)
_OWNER = "005SALES"
_KINDS = ("Renewal", "Upsell", "New Business")
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """What the CRM shows: the account, its open deals by kind, its tasks."""

    account: Cells
    deals: Mapping[str, Cells]
    tasks: Sequence[Cells]

    @property
    def paused(self) -> list[str]:
        """Kinds of the deals that wait."""
        return [kind for kind, cells in self.deals.items() if cells.get("HoldPaused__c")]


@dataclass(frozen=True, slots=True)
class Arrears:
    """The CRM after each step, and the ERP's invoice at the end."""

    overdue: Shown
    held: Shown
    released: Shown
    invoice: Cells


async def fall_behind(stage: Stage) -> Arrears:
    """Let a bill fall due, finance place a hold, and the customer pay."""
    account, partner = some_pair(stage, 2)
    crm, erp = stage.company.crm, stage.company.erp
    crm.edit("customer", account, {"OwnerId": _OWNER})
    deals = {
        kind: crm.add("deal", {
            "Name": f"{kind} of next year", "AccountId": account, "StageName": "Proposal",
            "Type": kind, "Amount": {"Amount": "900.00", "CurrencyIsoCode": "EUR"}, "Lines": []})
        for kind in _KINDS
    }  # fmt: skip

    def shown() -> Shown:
        tasks = [t for t in crm.all("task").values() if t["AccountId"] == account]
        every = crm.all("deal")
        return Shown(crm.all("customer")[account], {k: every[i] for k, i in deals.items()}, tasks)

    invoice = issue_invoice(erp, partner, "1250.00", due_on=stage.clock().date() - _LATE)
    await _settle(stage)
    overdue = shown()
    erp.edit("customer", partner, {"on_hold": True, "hold_note": "a reminder was not answered"})
    await _settle(stage)
    held = shown()
    register_payment(erp, invoice)
    erp.edit("customer", partner, {"on_hold": False, "hold_note": None})
    await _settle(stage)
    await _settle(stage)  # that it stayed off is seen by the look after the first one
    return Arrears(overdue, held, shown(), erp.all("invoice")[invoice])


async def _settle(stage: Stage) -> None:
    for _ in range(_ROUNDS):
        if (await sync(stage)).report.writes == 0:
            return
