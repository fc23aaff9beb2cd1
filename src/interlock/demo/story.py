"""The demo's steps: each does one thing at the company and returns what the systems then show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.connectors.memory import MemorySystem
from interlock.demo.desk import TERMS
from interlock.demo.stage import Stage, Tally, tally
from interlock.demo.survey import Mess, records, survey
from interlock.service.explaining import Moment, explain
from interlock.service.letters import LetterView, list_letters
from interlock.service.plan import Approval, Plan, approve, make_plan
from interlock.service.status import DealsWaiting, read_status
from interlock.service.syncing import SyncReport, sync_once
from interlock.sync.progress import Run

__all__ = [
    "BothEdited", "Found", "OneEdit", "Ordered", "Planned", "PutBack", "Refusals", "Won", "Written",
    "approve_plan", "change_phone", "edit_both_sides", "edit_terms", "look_around", "orders_made",
    "plan", "refusals", "some_pair", "sync", "win_deal",
]  # fmt: skip

WHO = "demo"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the two systems: records by entity, and the mess among them."""

    crm: Mapping[str, int]
    erp: Mapping[str, int]
    mess: Sequence[Mess]


def look_around(stage: Stage) -> Found:
    """Count what is there and what is wrong with it."""
    company = stage.company
    return Found(records(company.crm), records(company.erp), survey(company, stage.go_live))


# ── the first sync ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan; ``saved``: what the systems saved while it was made, which must be nothing.

    ``groups``: (system, entity, create or update) -> records.  ``ready``: writes that wait for
    no other record.
    """

    plan: Plan
    groups: Mapping[tuple[str, str, str], int]
    ready: int
    saved: Tally


async def plan(stage: Stage) -> Planned:
    """Read both systems and show what would be written."""
    before = tally(stage.company)
    made = await make_plan(stage.session, Run(id=stage.session.pair.new_id()))
    return Planned(
        plan=made, groups=Counter((w.system, w.entity, w.kind.value) for w in made.writes),
        ready=sum(w.waits_for is None for w in made.writes),
        saved=tally(stage.company).since(before),
    )  # fmt: skip


def approve_plan(stage: Stage, shown: Plan) -> Approval:
    """Let the plan's writes go."""
    return approve(stage.session.store, shown.id, by=WHO, now=stage.clock())


@dataclass(frozen=True, slots=True)
class Written:
    """One sync; ``saved``: what the systems say was saved in them meanwhile."""

    report: SyncReport
    saved: Tally


async def sync(stage: Stage) -> Written:
    """Run one sync."""
    before = tally(stage.company)
    report = await sync_once(stage.session)
    return Written(report, tally(stage.company).since(before))


@dataclass(frozen=True, slots=True)
class Ordered:
    """The ERP's orders that belong to a deal, and that deal's cells: (deal id, deal, order)."""

    orders: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]]
    older: int
    """Deals won before go-live."""
    older_ordered: int
    """Of these, with an order by Interlock."""


def orders_made(stage: Stage) -> Ordered:
    """Look in the ERP for the orders of the CRM's deals."""
    deals = stage.company.crm.all("deal")
    orders = [o for o in stage.company.erp.all("order").values() if o["crm_id"]]
    old = {i for i, d in deals.items()
           if d["WonAt"] and datetime.fromisoformat(d["WonAt"]) < stage.go_live}  # fmt: skip
    return Ordered(
        orders=[(o["crm_id"], deals[o["crm_id"]], o) for o in orders],
        older=len(old), older_ordered=sum(o["crm_id"] in old for o in orders),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusals:
    """Won deals without an order, by reason, and what else could not be done."""

    deals: Sequence[DealsWaiting]
    letters: Sequence[LetterView]


def refusals(stage: Stage) -> Refusals:
    """Ask Interlock what it did not do, and why."""
    status = read_status(stage.session.project, stage.session.store)
    letters = list_letters(stage.session.project, stage.session.store)
    return Refusals(status.deals, letters)


# ── daily life ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OneEdit:
    """Something one person changed, the sync that followed, and the value on the other side."""

    who: str
    old: str
    new: str
    other_side: str
    written: Written


async def change_phone(stage: Stage) -> OneEdit:
    """A rep corrects one phone number."""
    account, partner = some_pair(stage)
    crm, erp = stage.company.crm, stage.company.erp
    name, old = _cells(crm, account)["Name"], _cells(crm, account)["Phone"]
    new = f"{old}-77"
    crm.edit("customer", account, {"Phone": new})
    written = await sync(stage)
    return OneEdit(name, old, new, _cells(erp, partner)["tel"], written)


@dataclass(frozen=True, slots=True)
class PutBack:
    """A value changed by the side that does not own it, and what Interlock remembers of it."""

    who: str
    record: str
    own: str
    typed: str
    shown: str
    """What the CRM shows after the sync."""
    moments: Sequence[Moment]
    written: Written


async def edit_terms(stage: Stage) -> PutBack:
    """A rep gives a customer other payment terms, which are finance's to give."""
    account, partner = some_pair(stage)
    crm, erp = stage.company.crm, stage.company.erp
    own = next(words for words, code in TERMS.items() if code == _cells(erp, partner)["terms"])
    typed = next(words for words in TERMS if words != own)
    crm.edit("customer", account, {"PaymentTerms": typed})
    written = await sync(stage)

    session = stage.session
    told = explain(
        session.project, session.store, "customer", account, field="payment_terms", system="crm"
    )
    return PutBack(
        who=_cells(crm, account)["Name"], record=account, own=own, typed=typed,
        shown=_cells(crm, account)["PaymentTerms"], written=written,
        moments=[moment for field in told.fields for moment in field.history],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BothEdited:
    """Two people changed the same customer in different systems; what both then show."""

    who: str
    mail: tuple[str, str]
    phone: tuple[str, str]
    written: Written


async def edit_both_sides(stage: Stage) -> BothEdited:
    """Sales changes the e-mail address while finance changes the phone number."""
    account, partner = some_pair(stage, 1)
    crm, erp = stage.company.crm, stage.company.erp
    crm.edit("customer", account, {"Email": f"accounts@{account}.example"})
    erp.edit("customer", partner, {"tel": "+44 20 7946 0999"})
    written = await sync(stage)
    ours, theirs = _cells(crm, account), _cells(erp, partner)
    return BothEdited(ours["Name"], (ours["Email"], theirs["mail"]),
                      (ours["Phone"], theirs["tel"]), written)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Won:
    """A deal won just now: the deal and the ERP's orders for it."""

    deal: Mapping[str, Any]
    orders: Sequence[Mapping[str, Any]]
    written: Written


async def win_deal(stage: Stage) -> Won:
    """A rep wins a deal."""
    crm, erp = stage.company.crm, stage.company.erp
    accounts = crm.all("customer")
    deal = next(i for i, d in crm.all("deal").items()
                if d["StageKind"] == "open" and accounts[d["AccountId"]]["ErpId__c"])  # fmt: skip
    crm.edit("deal", deal, {"StageName": "Closed Won"})
    written = await sync(stage)
    cells = crm.get("deal", deal)
    assert cells is not None
    return Won(cells, [o for o in erp.all("order").values() if o["crm_id"] == deal], written)


def some_pair(stage: Stage, which: int = 0) -> tuple[str, str]:
    """Pick a customer both systems know, with phone and terms filled on both sides."""
    partners = stage.company.erp.all("customer")
    pairs = [
        (i, c["ErpId__c"])
        for i, c in stage.company.crm.all("customer").items()
        if c["ErpId__c"] in partners and c["Phone"] and partners[c["ErpId__c"]]["terms"]
    ]
    return pairs[which]


def _cells(system: MemorySystem, record_id: str) -> dict[str, Any]:
    cells = system.get("customer", record_id)
    assert cells is not None
    return cells
