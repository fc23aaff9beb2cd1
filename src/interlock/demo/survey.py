"""What is in the two systems, and what is wrong with it: every number is counted by looking."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from interlock.connectors.memory import MemorySystem
from interlock.demo.company import Company
from interlock.demo.desk import TERMS
from interlock.matching.normalise import name_key, phone_key, tax_key

__all__ = ["Mess", "NEVER", "never_values", "records", "survey"]

Cells = Mapping[str, Any]

NEVER: Mapping[str, Mapping[str, Sequence[str]]] = {
    "crm": {"customer": ("call_notes", "email_log"), "contact": ("call_notes",),
            "deal": ("qualification", "email_log")},
    "erp": {"product": ("cost_price", "margin", "supplier_price"), "order": ("margin",)},
}  # fmt: skip
"""Columns that nobody outside their system may ever see: system -> table -> columns."""

_FREE_MAIL = ("@gmail.com", "@gmx.de", "@outlook.com")


@dataclass(frozen=True, slots=True)
class Mess:
    """One kind of mess: how many records it concerns, and one of them."""

    what: str
    count: int
    example: str


def records(system: MemorySystem) -> dict[str, int]:
    """Count a system's records by entity."""
    return {entity: len(system.all(entity)) for entity in system.tables}


def never_values(system: MemorySystem) -> list[str]:
    """Give every text that stands in a column nobody else may see."""
    return [
        str(cells[column])
        for entity, columns in NEVER[system.kind].items()
        for cells in system.all(entity).values()
        for column in columns
        if cells[column]
    ]


def survey(company: Company, go_live: datetime) -> list[Mess]:
    """List the kinds of mess there are, most frequent first."""
    books = _Books(company)
    found = [*_about_pairs(books), *_about_customers(books), *_about_deals(books, go_live)]
    return sorted((m for m in found if m.count), key=lambda m: -m.count)


class _Books:
    """Both customer lists, with the pairs that plainly are the same company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.accounts = company.crm.all("customer")
        self.partners = company.erp.all("customer")
        self.by_tax = {
            "crm": _groups(self.accounts, lambda c: _tax(c, "VatNumber", "BillingAddress")),
            "erp": _groups(self.partners, lambda c: _tax(c, "vat_no", "bill_to")),
        }
        self.by_host = {
            "crm": _groups(self.accounts, lambda c: _host(c["Website"], c["Email"])),
            "erp": _groups(self.partners, lambda c: _host(c["web"], c["mail"])),
        }
        pairs = {}
        for index in (self.by_host, self.by_tax):
            for key, ours in index["crm"].items():
                theirs = index["erp"].get(key, ())
                if len(ours) == len(theirs) == 1:
                    pairs[ours[0]] = theirs[0]
        self.pairs = [(self.accounts[a], self.partners[p]) for a, p in pairs.items()]

    def twins(self, side: str) -> list[list[str]]:
        """Give the groups of records of one side with the same tax id."""
        return [ids for ids in self.by_tax[side].values() if len(ids) > 1]

    def strangers(self, side: str) -> list[Cells]:
        """Give the records of one side whose tax id and domain the other side does not know."""
        other = "erp" if side == "crm" else "crm"
        known = {
            i
            for index in (self.by_tax, self.by_host)
            for key, ids in index[side].items()
            if key in index[other]
            for i in ids
        }
        rows = self.accounts if side == "crm" else self.partners
        return [cells for i, cells in rows.items() if i not in known]


def _groups(rows: Mapping[str, Cells], key: Callable[[Cells], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for record_id, cells in rows.items():
        if value := key(cells):
            groups[value].append(record_id)
    return groups


def _tax(cells: Cells, column: str, address: str) -> str:
    country = next((v for k, v in (cells[address] or {}).items() if k[-3:] in ("iso", "ode")
                    and len(v) == 2), None)  # fmt: skip
    key, valid = tax_key(cells[column], country)
    return key if valid else ""


def _host(site: str | None, mail: str | None) -> str:
    if mail and mail.endswith(_FREE_MAIL):
        mail = None
    text = (site or "").partition("://")[2] or site or (mail or "").partition("@")[2]
    return text.removeprefix("www.").rstrip("/")


def _plain(text: str | None) -> str:
    return "".join(c for c in (text or "").upper() if c.isalnum())


# ── one company, two stories ─────────────────────────────────────────────────────────────────


def _about_pairs(books: _Books) -> Iterable[Mess]:
    def _mess(what: str, test: Callable[[Cells, Cells], bool], ours: str, theirs: str) -> Mess:
        found = [(a, p) for a, p in books.pairs if test(a, p)]
        example = f"{_show(found[0][0][ours])} | {_show(found[0][1][theirs])}" if found else ""
        return Mess(what, len(found), example)

    def _differ(ours: str, theirs: str) -> Callable[[Cells, Cells], bool]:
        return lambda a, p: bool(a[ours] and p[theirs]) and a[ours] != p[theirs]

    yield _mess(
        "other spelling or legal form",
        lambda a, p: (
            a["Name"].upper() != p["name"].upper()
            and a["Name"].split()[0] in p["name"]
            and "&" not in p["name"]
        ),
        "Name",
        "name",
    )
    yield _mess(
        "name in capitals in the ERP",
        lambda a, p: p["name"] == a["Name"].upper() != a["Name"],
        "Name",
        "name",
    )
    yield _mess(
        "same tax id, different name",
        lambda a, p: (
            _plain(a["VatNumber"]) == _plain(p["vat_no"]) != ""
            and name_key(a["Name"]) != name_key(p["name"])
            and "&" in p["name"]
        ),
        "Name",
        "name",
    )
    yield _mess("tax id written in another way", lambda a, p: (
        _differ("VatNumber", "vat_no")(a, p) and _plain(a["VatNumber"]) == _plain(p["vat_no"])),
        "VatNumber", "vat_no")  # fmt: skip
    yield _mess("another phone number", lambda a, p: bool(a["Phone"] and p["tel"]) and (
        phone_key(a["Phone"]) != phone_key(p["tel"])), "Phone", "tel")  # fmt: skip
    yield _mess("old address on one side", lambda a, p: bool(a["BillingAddress"]) and (
        a["BillingAddress"]["BillingStreet"] != p["bill_to"]["addr1"]),
        "BillingAddress", "bill_to")  # fmt: skip
    yield _mess("website written in another way", _differ("Website", "web"), "Website", "web")
    yield _mess("other payment terms", lambda a, p: TERMS[a["PaymentTerms"]] != p["terms"],
                "PaymentTerms", "terms")  # fmt: skip
    yield _mess("a field blank on one side", lambda a, p: any(
        bool(a[ours]) is not bool(p[theirs]) for ours, theirs in (
            ("Phone", "tel"), ("Email", "mail"), ("Website", "web"),
            ("BillingAddress", "bill_to"))), "Name", "name")  # fmt: skip
    yield _mess("no tax id on either side", lambda a, p: not a["VatNumber"] and not p["vat_no"],
                "Name", "name")  # fmt: skip


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(str(v) for v in value.values() if v)
    return str(value)


# ── one side alone ───────────────────────────────────────────────────────────────────────────


def _about_customers(books: _Books) -> Iterable[Mess]:
    accounts, partners = books.accounts, books.partners
    for what, groups, rows, column in (
        ("companies with several CRM accounts", books.twins("crm"), accounts, "Name"),
        ("companies twice in the ERP", books.twins("erp"), partners, "name"),
    ):
        yield Mess(what, len(groups), " | ".join(rows[i][column] for i in groups[0])
                   if groups else "")  # fmt: skip
    yield _some("no postal code", "Name", [
        a for a in accounts.values()
        if a["BillingAddress"] and not a["BillingAddress"]["BillingPostalCode"]])  # fmt: skip
    yield _some("invalid tax id", "VatNumber", [
        a for a in accounts.values()
        if a["VatNumber"] and not _tax(a, "VatNumber", "BillingAddress")])  # fmt: skip
    yield _some("born in the ERP, unknown to the CRM", "name", books.strangers("erp"))
    yield _some("known only to the CRM", "Name", books.strangers("crm"))
    yield _some("free-mail address, no website", "Email", [
        a for a in accounts.values()
        if not a["Website"] and (a["Email"] or "").endswith(_FREE_MAIL)])  # fmt: skip
    yield _some("name in another alphabet", "Name", [
        a for a in accounts.values()
        if any(ord(letter) > 0x36F for letter in a["Name"])])  # fmt: skip
    copied = Counter(a["ErpId__c"] for a in accounts.values() if a["ErpId__c"])
    yield _some("clones carrying another account's ERP id", "Name", [
        a for a in reversed(accounts.values())
        if copied[a["ErpId__c"]] > 1
        and name_key(a["Name"]) != name_key(partners[a["ErpId__c"]]["name"])])  # fmt: skip
    people = books.company.erp.all("contact").values()
    yield _some("contact without an e-mail address", "full_name",
                [p for p in people if not p["mail"]])  # fmt: skip
    for side, system in (("CRM", books.company.crm), ("ERP", books.company.erp)):
        values = never_values(system)
        what = "notes, e-mails" if side == "CRM" else "costs, margins"
        yield Mess(f"{what} that must stay in the {side}", len(values), "(never read, not shown)")


def _some(what: str, column: str, rows: Sequence[Cells]) -> Mess:
    return Mess(what, len(rows), _show(rows[0][column]) if rows else "")


# ── deals ────────────────────────────────────────────────────────────────────────────────────


def _about_deals(books: _Books, go_live: datetime) -> Iterable[Mess]:
    won = [d for d in books.company.crm.all("deal").values() if d["StageKind"] == "won"]
    after = [d for d in won if datetime.fromisoformat(d["WonAt"]) >= go_live]
    goods = {i["sku"]: i for i in books.company.erp.all("product").values()}
    quotes = books.company.crm.all("quote").values()
    deals = books.company.crm.all("deal")
    yield _some("deals won before go-live", "Name", [d for d in won if d not in after])
    yield _some(
        "won deals with a product unknown to the ERP",
        "Name",
        [d for d in after if any(x["ProductCode"] not in goods for x in d["Lines"])],
    )
    yield _some(
        "won deals with a product no longer made",
        "Name",
        [
            d
            for d in after
            if any(goods.get(x["ProductCode"], {}).get("discontinued") for x in d["Lines"])
        ],
    )
    yield _some(
        "won deals whose lines do not add up",
        "Name",
        [
            d
            for d in after
            if d["Lines"] and abs(_sum(d["Lines"]) - Decimal(d["Amount"]["Amount"])) >= 1
        ],
    )
    yield _some("won deals without lines", "Name", [d for d in after if not d["Lines"]])
    yield _some(
        "won deals with prices below a cent",
        "Name",
        [
            d
            for d in after
            if any(-int(Decimal(x["UnitPrice"]).as_tuple().exponent) > 2 for x in d["Lines"])
        ],
    )
    yield _some(
        "quotes in another currency than the deal",
        "QuoteNumber",
        [
            q
            for q in quotes
            if q["IsAccepted"]
            and q["CurrencyIsoCode"] != deals[q["OpportunityId"]]["Amount"]["CurrencyIsoCode"]
        ],
    )


def _sum(lines: Sequence[Cells]) -> Decimal:
    return sum((Decimal(x["Quantity"]) * Decimal(x["UnitPrice"]) for x in lines), Decimal(0))
