"""What shipping and finance do in Tryton, and what its own books say: RPC, no connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.real.erp import Erp, Sale
from tests.real.systems.tryton_rpc import TrytonFault

__all__ = ["Billed", "Finance", "today"]

_SHIPPING = ("assign_try", "pick", "pack", "do")


@dataclass(frozen=True)
class Billed:
    """An invoice as its form shows it; ``due``: of the line that is to be paid."""

    id: int
    number: str
    state: str
    currency: str
    net: Decimal
    total: Decimal
    due: date | None


@dataclass(frozen=True)
class Finance:
    """The people who ship, bill, dun and bank."""

    erp: Erp

    # ── what they do ─────────────────────────────────────────────────────────────────────────

    def ship(self, sale: int) -> str:
        """Pick, pack and send what was ordered: the state of the shipment."""
        [row] = self._read("sale.sale", [sale], "shipments")
        for step in _SHIPPING:
            self._press("stock.shipment.out", step, row["shipments"])
        [shipment] = self._read("stock.shipment.out", row["shipments"], "state")
        return str(shipment["state"])

    def post(self, sale: int) -> list[Billed]:
        """Post the invoices of an order."""
        [row] = self._read("sale.sale", [sale], "invoices")
        try:
            self._press("account.invoice", "post", row["invoices"])
        except TrytonFault:
            # Tryton repeats a call that met a lock, also one that was done by then
            if any(bill.state != "posted" for bill in self.invoices(row["invoices"])):
                raise
        return self.invoices(row["invoices"])

    def make_due(self, invoice: int, on: date) -> None:
        """Move the day an open invoice is to be paid, as an accountant may."""
        [row] = self._read("account.invoice", [invoice], "lines_to_pay")
        self.erp.rpc.model("account.move.line", "write", row["lines_to_pay"],
                           {"maturity_date": _day(on)})  # fmt: skip

    def dun_by(self, party: int) -> None:
        """Put a customer under the company's dunning procedure."""
        self.erp.rpc.model("party.party", "write", [party],
                           {"dunning_procedure": self.erp.ids["dunning_procedure"]})  # fmt: skip

    def dun(self) -> None:
        """Remind everybody who is late, at the level after the last one."""
        self._wizard("account.dunning.create", "create_", {"start": {
            "date": _day(today()), "companies": [self.erp.ids["company"]]}})  # fmt: skip
        drafts = self.erp.rpc.model("account.dunning", "search", [["state", "=", "draft"]])
        if drafts:
            self._wizard("account.dunning.process", "process", {}, "account.dunning", drafts)

    def pay(self, invoice: int, amount: Decimal, *, in_part: bool = False) -> None:
        """Bank a payment of today."""
        wizard = "wizard.account.invoice.pay"
        context = self._about("account.invoice", [invoice])
        session, start, _end = self.erp.rpc.call(f"{wizard}.create", context)
        shown = self.erp.rpc.call(f"{wizard}.execute", session, {}, start, context)
        form = {**_filled(shown), "amount": _decimal(amount), "date": _day(today()),
                "payment_method": self.erp.ids["payment_method"]}  # fmt: skip
        shown = self.erp.rpc.call(f"{wizard}.execute", session, {"start": form}, "choice", context)
        if in_part:
            ask = {**_filled(shown), "type": "partial"}
            self.erp.rpc.call(
                f"{wizard}.execute", session, {"start": form, "ask": ask}, "pay", context
            )
        self.erp.rpc.call(f"{wizard}.delete", session, context)

    # ── what they see ────────────────────────────────────────────────────────────────────────

    def sales_of(self, deal: str) -> list[Sale]:
        """Orders made from a deal."""
        return [s for s in self.erp.sales().values() if deal in s.description]

    def invoices(self, ids: Sequence[int]) -> list[Billed]:
        rows = self._read("account.invoice", ids, "number", "state", "currency.code",
                          "untaxed_amount", "total_amount", "lines_to_pay.maturity_date")  # fmt: skip
        return [
            Billed(
                id=row["id"], number=row["number"], state=row["state"],
                currency=row["currency."]["code"], net=_amount(row["untaxed_amount"]),
                total=_amount(row["total_amount"]),
                due=next((_date(x["maturity_date"]) for x in row["lines_to_pay."]), None),
            )
            for row in rows
        ]  # fmt: skip

    def receivable(self, party: int) -> Decimal:
        """What the books say a customer owes."""
        [row] = self._read("party.party", [party], "receivable")
        return _amount(row["receivable"])

    def holding(self, party: int) -> int:
        """How many dunnings stop a customer's credit, by Tryton's own rule."""
        found: list[int] = self.erp.rpc.model("account.dunning", "search", [
            ["party", "=", party], ["level.credit_limit", "=", True], ["blocked", "!=", True]])  # fmt: skip
        return len(found)

    # ── calls ────────────────────────────────────────────────────────────────────────────────

    def _read(self, model: str, ids: Sequence[int], *columns: str) -> list[dict[str, Any]]:
        return list(self.erp.rpc.model(model, "read", list(ids), list(columns)))

    def _press(self, model: str, button: str, ids: Sequence[int]) -> None:
        """Press a button; say yes to what it asks."""
        for _ in range(5):
            try:
                self.erp.rpc.model(model, button, list(ids))
            except TrytonFault as fault:
                if fault.error[0] != "UserWarning":
                    raise
                self.erp.rpc.model("res.user.warning", "skip", fault.error[1][0], False)
            else:
                return
        raise AssertionError(f"{button} goes on asking")

    def _about(self, model: str, ids: Sequence[int]) -> dict[str, Any]:
        return {**self.erp.rpc.context, "active_model": model, "active_id": ids[0],
                "active_ids": list(ids)}  # fmt: skip

    def _wizard(
        self, name: str, state: str, data: Mapping[str, Any], model: str = "",
        ids: Sequence[int] = (),
    ) -> None:  # fmt: skip
        context = self._about(model, ids) if ids else dict(self.erp.rpc.context)
        session, *_ = self.erp.rpc.call(f"wizard.{name}.create", context)
        self.erp.rpc.call(f"wizard.{name}.execute", session, data, state, context)
        self.erp.rpc.call(f"wizard.{name}.delete", session, context)


def today() -> date:
    """The day both servers think it is: they run in the time zone of this process."""
    return datetime.now(UTC).astimezone().date()


def _filled(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A form's values, without what it shows of other records."""
    return {k: v for k, v in shown["view"]["defaults"].items() if not k.endswith(".")}


def _decimal(value: Decimal) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": str(value)}


def _amount(value: Mapping[str, str]) -> Decimal:
    return Decimal(value["decimal"])


def _day(day: date) -> dict[str, Any]:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _date(value: Mapping[str, Any] | None) -> date | None:
    return None if value is None else date(value["year"], value["month"], value["day"])
