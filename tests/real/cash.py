"""From a won deal to the money between a real BottleCRM and a real Tryton, and what is checked.

Each step lets people do something in one of the systems, syncs, and asks both systems through
their own APIs whether what Interlock promises of it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from interlock.service.holds import list_holds
from tests.real.finance import Billed, Finance, today
from tests.real.main_job import Check, Job

__all__ = ["Cash"]

LATE = 40
"""Days after which the dunning procedure's second level has stopped the credit."""


@dataclass
class Cash:
    """The way of one customer's deal; ``bystander``: a customer who pays.

    ``on_hold_stage``: where paused deals wait; empty: they keep their stage.
    """

    job: Job
    account: str
    bystander: str
    on_hold_stage: str = ""
    deals: dict[str, str] = field(default_factory=dict)
    """What a deal is for in this story -> its id."""

    def __post_init__(self) -> None:
        self.finance = Finance(self.job.erp)
        self._invoice: Billed | None = None

    # ── what there is ────────────────────────────────────────────────────────────────────────

    def open_deals(self) -> None:
        """Type in the deals of the story, all of them open."""
        users = [self.job.crm.server.profile_id]
        for account in (self.account, self.bystander):
            self.job.crm.edit_account(account, assigned_to=users)
        for name, kind, stage, account in (
            ("sold", "NEW_BUSINESS", "PROPOSAL", self.account),
            ("renewal", "RENEWAL", "PROPOSAL", self.account),
            ("upsell", "UPSELL", "QUALIFICATION", self.account),
            ("moved", "RENEWAL", "QUALIFICATION", self.account),
            ("new business", "NEW_BUSINESS", "PROPOSAL", self.account),
            ("other customer", "RENEWAL", "PROPOSAL", self.bystander),
        ):
            product = next(i for i, p in self.job.crm.products().items() if p["sku"] == "W-002")
            line = {"product_id": product, "quantity": "3", "unit_price": "19.99"}
            self.deals[name] = self.job.crm.add_deal(
                f"Cash {name}", account, [line], opportunity_type=kind, stage=stage,
                currency="USD")  # fmt: skip

    @property
    def party(self) -> int:
        """The customer in Tryton, as the CRM names it."""
        return int(self._account()["erp_customer_id"])

    @property
    def invoice(self) -> Billed:
        """The customer's invoice as it is now."""
        assert self._invoice is not None, "nothing was billed"
        return self.finance.invoices([self._invoice.id])[0]

    def _account(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.job.crm.account(self.account)["custom_fields"]
        return fields

    def _deal(self, name: str) -> dict[str, Any]:
        return self.job.crm.deal(self.deals[name])

    def _mark(self, name: str) -> tuple[bool, str | None, str]:
        """Whether a deal shows the pause, the stage it remembers, and the one it is in."""
        shown = self._deal(name)
        custom = shown["custom_fields"]
        return bool(custom.get("paused")), custom.get("paused_stage"), shown["stage"]

    async def _settle(self) -> None:
        for _ in range(4):
            if (await self.job.sync()).writes == 0:
                return
        raise AssertionError("the sync goes on writing")

    # ── the steps ────────────────────────────────────────────────────────────────────────────

    async def order(self) -> list[Check]:
        """A rep wins the deal."""
        self.job.crm.win(self.deals["sold"])
        await self._settle()
        sales = self.finance.sales_of(self.deals["sold"])
        [sale] = sales[:1] or [None]
        number = self._deal("sold")["custom_fields"].get("erp_order_number")
        return [_check("a won deal is one order of its customer, confirmed", {
            "one order": len(sales) == 1,
            "its customer, net and state": sale is not None and (
                sale.party, sale.net, sale.state) == (self.party, Decimal("59.97"), "processing"),
            "its number is on the deal": sale is not None and number == sale.number,
        })]  # fmt: skip

    async def bill(self) -> list[Check]:
        """The warehouse ships, finance bills."""
        [sale] = self.finance.sales_of(self.deals["sold"])
        shipped = self.finance.ship(sale.id)
        [self._invoice] = self.finance.post(sale.id)
        await self._settle()
        bill, deal, account = self.invoice, self._deal("sold")["custom_fields"], self._account()
        return [
            _check("the deal shows its invoice", {
                "it was shipped": shipped == "done",
                "number": deal.get("invoice_numbers") == bill.number,
                "total": _money(deal, "invoice_total") == (bill.total, bill.currency),
                "due date": deal.get("invoice_due_on") == str(bill.due),
                "payment": deal.get("payment_status") == "open"}),
            _check("the account shows what Tryton's books say", {
                "balance": _money(account, "balance") == (
                    self.finance.receivable(self.party), bill.currency),
                "revenue": _money(account, "lifetime_revenue") == (bill.net, bill.currency),
                "nothing is overdue": _number(account, "overdue") == 0,
                "no hold": account.get("credit_hold") is not True,
                "health": _number(account, "health_score") == 100}),
        ]  # fmt: skip

    async def fall_due(self) -> list[Check]:
        """Finance has to move the due date; nobody wants to wait forty days for it."""
        self.finance.make_due(self.invoice.id, today() - timedelta(days=LATE))
        await self._settle()
        deal, account = self._deal("sold")["custom_fields"], self._account()
        return [_check("the CRM shows that the invoice is overdue, and since when", {
            "payment": deal.get("payment_status") == "overdue",
            "amount": _money(account, "overdue") == (self.invoice.total, self.invoice.currency),
            "days": _number(account, "days_overdue") == LATE,
            "since": account.get("oldest_due_on") == str(today() - timedelta(days=LATE)),
            "health": _number(account, "health_score") == 70,
            "and why": f"overdue since {LATE} days" in str(account.get("health_reasons")),
            "no hold yet": account.get("credit_hold") is not True,
            "no deal is paused": not any(self._mark(name)[0] for name in self.deals),
        })]  # fmt: skip

    async def hold(self) -> list[Check]:
        """Finance duns twice; the second level stops the credit."""
        self.finance.dun_by(self.party)
        before = {name: self._mark(name) for name in self.deals}
        self.finance.dun()
        await self._settle()
        reminded = self._account().get("credit_hold") is True
        self.finance.dun()
        await self._settle()
        account, tasks = self._account(), self.job.crm.tasks_of(self.account)
        paused = ("renewal", "upsell", "moved")
        return [
            _check("the account shows the hold Tryton has", {
                "Tryton has one": self.finance.holding(self.party) == 1,
                "not from a first reminder": not reminded,
                "flag": account.get("credit_hold") is True,
                "reason": str(self.invoice.total) in str(account.get("hold_reason")),
                "health": _number(account, "health_score") == 40}),
            _check("open renewals and upsells are paused, their stage remembered", {
                name: self._mark(name) == (
                    True, before[name][2], self.on_hold_stage or before[name][2])
                for name in paused}),
            _check("no other deal is", {
                name: self._mark(name) == before[name]
                for name in self.deals if name not in paused}),
            _check("the account's owner has one task, with amount and age", {
                "one": len(tasks) == 1,
                **{f"task {t['title']}": (
                    t["status"] == "New" and f"{LATE} days" in t["description"]
                    and str(self.invoice.total) in t["description"] and bool(t["due_date"])
                    and [u["id"] for u in t["assigned_to"]] == [self.job.crm.server.profile_id])
                   for t in tasks}}),
        ]  # fmt: skip

    async def win_meanwhile(self) -> list[Check]:
        """A rep wins another deal and moves a paused one on."""
        self.job.crm.win(self.deals["new business"])
        self.job.crm.edit_deal(self.deals["moved"], stage="NEGOTIATION")
        await self._settle()
        async with self.job.session() as session:
            listed = list_holds(session.project, session.store)
        held = {d.deal: d.state for hold in listed for d in hold.deals}
        return [_check("a deal won meanwhile waits, visibly", {
            "there is no order": not self.finance.sales_of(self.deals["new business"]),
            "it is listed": held.get(self.deals["new business"]) == "held",
        })]  # fmt: skip

    async def release(self) -> list[Check]:
        """The customer pays."""
        self.finance.pay(self.invoice.id, self.invoice.total)
        paid = self.invoice
        await self._settle()
        await self._settle()  # off for a while is seen by the look after the one that saw it off
        deal, account = self._deal("sold")["custom_fields"], self._account()
        tasks = self.job.crm.tasks_of(self.account)
        return [
            _check("the money is in both systems", {
                "Tryton": (paid.state, self.finance.receivable(self.party)) == ("paid", 0),
                "deal": deal.get("payment_status") == "paid",
                "balance": _number(account, "balance") == 0,
                "overdue": _number(account, "overdue") == 0,
                "last payment": account.get("last_payment_on") == str(today()),
                "health": _number(account, "health_score") == 100}),
            _check("the hold is released and its task done", {
                "Tryton": self.finance.holding(self.party) == 0,
                "flag": account.get("credit_hold") is False,
                "reason": not account.get("hold_reason"),
                "task": [t["status"] for t in tasks] == ["Completed"]}),
            _check("exactly the paused deals are reopened; the one somebody moved stays there", {
                "renewal": self._mark("renewal") == (False, None, "PROPOSAL"),
                "upsell": self._mark("upsell") == (False, None, "QUALIFICATION"),
                "moved": self._mark("moved") == (False, None, "NEGOTIATION"),
                "other customer": self._mark("other customer") == (False, None, "PROPOSAL")}),
            _check("the deal that waited is ordered, once", {
                "orders": len(self.finance.sales_of(self.deals["new business"])) == 1}),
        ]  # fmt: skip

    async def sync_again(self) -> list[Check]:
        """Nobody does anything."""
        before = self.job.snapshot()
        report = await self.job.sync()
        return [_check("a second sync writes nothing", {
            "reported": report.writes == 0, "seen": before == self.job.snapshot()})]  # fmt: skip


def _check(promise: str, cases: Mapping[str, bool]) -> Check:
    return Check(promise, len(cases), [case for case, good in cases.items() if not good])


def _number(cells: Mapping[str, Any], key: str) -> Decimal | None:
    value = cells.get(key)
    return None if value is None else Decimal(str(value))


def _money(cells: Mapping[str, Any], key: str) -> tuple[Decimal | None, str | None]:
    return _number(cells, key), cells.get(f"{key}_currency")
