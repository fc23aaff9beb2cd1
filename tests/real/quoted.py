"""An open deal and what the check of it says, between a real BottleCRM and a real Tryton.

Each step lets somebody do something in one of the systems, syncs, and asks both systems through
their own APIs whether what Interlock promises of it is so.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.real.main_job import Check, Job

__all__ = ["Quoted"]

SKU = "W-003"


@dataclass
class Quoted:
    """One deal that stays open, of a customer both systems know."""

    job: Job
    account: str
    deal: str = ""

    async def quote(self) -> list[Check]:
        """A rep quotes a tenth under what Tryton asks."""
        crm = self.job.crm
        self.job.erp.set_price(SKU, "40.00")
        product = next(i for i, row in crm.products().items() if row["sku"] == SKU)
        line = {"product_id": product, "quantity": "2", "unit_price": "36.00"}
        self.deal = crm.add_deal("Quoted", self.account, [line], stage="PROPOSAL", currency="USD")
        await self.job.sync()
        verdict, reason = self._shown()
        shown = crm.products()[product]
        return [
            _check("the deal shows the verdict, with the price Tryton asks", {
                f"{verdict}: {reason}": verdict == "warn" and "10 % under the ERP's 40" in reason}),
            _check("the product shows Tryton's price", {
                f"{shown['price']} {shown['currency']}": (shown["price"], shown["currency"])
                == ("40.00", "USD")}),
        ]  # fmt: skip

    async def raise_price(self) -> list[Check]:
        """Tryton's price goes up, and nobody touches the deal."""
        self.job.erp.set_price(SKU, "50.00")
        await self.job.sync()
        verdict, reason = self._shown()
        return [_check("the deal's verdict is made again, with the new price", {
            f"{verdict}: {reason}": verdict == "warn" and "28 % under the ERP's 50" in reason})]  # fmt: skip

    async def sync_again(self) -> list[Check]:
        """Nothing happens."""
        before = self.job.snapshot()
        report = await self.job.sync()
        return [_check("a second sync writes nothing", {
            f"{report.writes} writes": report.writes == 0,
            "both systems are as they were": before == self.job.snapshot()})]  # fmt: skip

    def _shown(self) -> tuple[str, str]:
        custom = self.job.crm.deal(self.deal)["custom_fields"]
        return custom.get("quote_check") or "", custom.get("quote_check_reason") or ""


def _check(promise: str, cases: dict[str, bool]) -> Check:
    return Check(promise, len(cases), [case for case, good in cases.items() if not good])
