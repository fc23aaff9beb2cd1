"""The last word: what Interlock promised, asked of the systems and files themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from interlock.demo.company import Company, system_path
from interlock.demo.stage import Stage
from interlock.demo.survey import never_values

__all__ = ["Verdict", "check_everything"]

Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise, how many cases were looked at, and those in which it was broken."""

    promise: str
    looked_at: int
    broken: Sequence[str]

    @property
    def kept(self) -> bool:
        """Whether there was something to look at and nothing was broken."""
        return self.looked_at > 0 and not self.broken


def check_everything(stage: Stage) -> list[Verdict]:
    """Look at every customer and deal, and search the store for what must not be there."""
    company, root = stage.company, stage.session.project.root
    return [
        *_customers(company),
        *_orders(company, stage.go_live),
        _nowhere("notes, e-mails, costs and margins are nowhere but where they were",
                 {"crm": never_values(company.crm), "erp": never_values(company.erp)}, root),
        _nowhere("deal names and stages never reached the ERP or its orders",
                 {"crm": sorted({d[column] for d in company.crm.all("deal").values()
                                 for column in ("Name", "StageName")})}, root, stores=()),
    ]  # fmt: skip


def _customers(company: Company) -> Iterator[Verdict]:
    accounts, partners = company.crm.all("customer"), company.erp.all("customer")
    holders = Counter(p["crm_id"] for p in partners.values() if p["crm_id"])
    linked = {i: c["ErpId__c"] for i, c in accounts.items() if c["ErpId__c"]}
    yield Verdict("every matched or new customer is in the ERP exactly once", len(linked),
                  [i for i in linked if holders[i] != 1])  # fmt: skip
    yield Verdict(
        "each side holds the other's id", len(linked) + len(holders),
        [i for i, partner in linked.items()
         if partner not in partners or partners[partner]["crm_id"] != i]
        + [i for i, p in partners.items() if p["crm_id"] and linked.get(p["crm_id"]) != i],
    )  # fmt: skip
    yield Verdict("both sides show the same name, phone and tax id", len(linked), [
        i for i, partner in linked.items()
        if partner in partners and not _same(accounts[i], partners[partner])])  # fmt: skip


def _same(account: Cells, partner: Cells) -> bool:
    return all((account[ours] or None) == (partner[theirs] or None) for ours, theirs in (
        ("Name", "name"), ("Phone", "tel"), ("VatNumber", "vat_no")))  # fmt: skip


def _orders(company: Company, go_live: datetime) -> Iterator[Verdict]:
    won = {i: d for i, d in company.crm.all("deal").items() if d["StageKind"] == "won"}
    orders = [o for o in company.erp.all("order").values() if o["crm_id"]]
    per_deal = Counter(o["crm_id"] for o in orders)
    older = [i for i, d in won.items() if datetime.fromisoformat(d["WonAt"]) < go_live]
    numbered = {i: d for i, d in won.items() if d["OrderNumber__c"]}
    yield Verdict("every ordered deal has exactly one order, and shows its number", len(numbered), [
        i for i in {*numbered, *per_deal}
        if per_deal[i] != 1 or i not in numbered
        or numbered[i]["OrderNumber__c"] not in [
            o["number"] for o in orders if o["crm_id"] == i]])  # fmt: skip
    yield Verdict("every order has the deal's lines, prices and total", len(orders), [
        o["number"] for o in orders if not _faithful(won[o["crm_id"]], o)])  # fmt: skip
    yield Verdict("no deal won before go-live was ordered", len(older),
                  [i for i in older if per_deal[i]])  # fmt: skip


def _faithful(deal: Cells, order: Cells) -> bool:
    sold = [
        (x["ProductCode"], Decimal(x["Quantity"]), Decimal(x["UnitPrice"])) for x in deal["Lines"]
    ]
    bought = [(x["sku"], Decimal(x["qty"]), Decimal(x["price"])) for x in order["rows"]]
    return sold == bought and Decimal(order["net_total"]) == Decimal(deal["Amount"]["Amount"])


def _nowhere(
    promise: str, values: Mapping[str, Sequence[str]], root: Path,
    stores: Sequence[str] = ("interlock.db", "interlock.db-wal"),
) -> Verdict:  # fmt: skip
    """Search the store, and the file of the other system, for texts by the system they are of."""
    broken = []
    for kind, texts in values.items():
        other = system_path(root, "erp" if kind == "crm" else "crm")
        files = [root / name for name in stores] + [other, other.with_name(f"{other.name}-wal")]
        data = b"\0".join(file.read_bytes() for file in files if file.exists())
        # the systems' files hold JSON with escaped letters or without; look for both
        broken += [t for t in texts if t.encode() in data or ascii(t)[1:-1].encode() in data]
    return Verdict(promise, sum(map(len, values.values())), broken)
