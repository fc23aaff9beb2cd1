"""The main job between a real BottleCRM and a real Tryton: both companies, and what is checked.

Seeds and checks speak to the systems' own APIs; only the steps in between are Interlock's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from interlock.connectors.bottlecrm import plugin as crm_plugin
from interlock.connectors.tryton import plugin as erp_plugin
from interlock.demo.firms import Firm, Person, invent_firms
from interlock.project.load import CONFIG_FILE, RULES_FILE, Project, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.explaining import Moment, explain
from interlock.service.plan import Approval, Plan, approve, make_plan
from interlock.service.provisioning import ProvisionReport, provision
from interlock.service.session import Session, connect
from interlock.service.syncing import SyncReport, sync_once
from interlock.sync.progress import Run
from tests.real.crm import Crm
from tests.real.erp import Erp, Party

__all__ = [
    "CRM", "ERP", "NOTE", "Check", "Edited", "Expected", "Job", "check_boundary", "check_customers",
    "check_deals", "check_first_link", "moved_rows",
]  # fmt: skip

CRM, ERP = "bottlecrm", "tryton"
ROLES = ("Primary contact of", "Billing contact of")
TERMS = ("Net 30", "Net 60", "Immediate")


@dataclass(frozen=True)
class Check:
    """One promise, how many cases were looked at, and where it was broken."""

    promise: str
    looked_at: int
    broken: Sequence[str]

    @property
    def kept(self) -> bool:
        return self.looked_at > 0 and not self.broken


@dataclass
class Expected:
    """A customer as it must look on both sides after the first sync."""

    firm: Firm
    account: str
    party: int | None
    """Its party in Tryton before the first sync; ``None``: to be created."""
    kind: str
    name: str
    phone: str
    email: str
    tax_id: str
    terms: str
    address: dict[str, str]


@dataclass
class Job:
    """Both systems with a project that connects them."""

    root: Path
    crm: Crm
    erp: Erp
    customers: list[Expected] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    """Parties the CRM does not know, and ones too uncertain to link."""
    older: list[str] = field(default_factory=list)
    sold: list[str] = field(default_factory=list)
    """Deals that must have an order."""
    unsold: list[str] = field(default_factory=list)
    """Won deals no order can be made of."""
    open_deals: list[str] = field(default_factory=list)

    # ── before ───────────────────────────────────────────────────────────────────────────────

    async def set_up(self) -> ProvisionReport:
        """Make the project, provision both systems, fill them, go live."""
        server, erp = self.crm.server, self.erp.server
        self.erp.add_relation_types(ROLES)
        scaffold(
            self.root, installation="real01", force=True,
            crm=Answers(plugin=crm_plugin, name=CRM, settings={
                "url": server.base_url, "token": server.token}),
            erp=Answers(plugin=erp_plugin, name=ERP, settings={
                "url": erp.url, "database": erp.database, "login": erp.login,
                "password": erp.password}),
        )  # fmt: skip
        # nobody wants to wait two minutes for each deal, and ten for the end of a hold
        self._configure("  quiet_time: 2m\n", "  quiet_time: 0s\n")
        self._configure("\norders:\n", "\nholds:\n  release_after: 0s\norders:\n")
        # how quickly Tryton answers is not what is looked at here
        self._configure("\norders:\n", "\nquotes: {time_budget: 60}\norders:\n")
        rules = "schema_version: 1\ncompany: {currency: USD}\n"
        (self.root / RULES_FILE).write_text(rules, encoding="utf-8")
        async with connect(self.project()) as session:
            report = await provision(session, dry_run=False)
        self.fill()
        self._configure("\ngo_live:\n", f"\ngo_live: {datetime.now(UTC).isoformat()}\n")
        return report

    def configure_holds(self, stage: str) -> None:
        """Name the stage paused deals are moved to."""
        self._configure("  release_after: 0s\n", f"  release_after: 0s\n  paused_stage: {stage}\n")

    def _configure(self, old: str, new: str) -> None:
        file = self.root / CONFIG_FILE
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def project(self) -> Project:
        return open_project(self.root, environment={})

    def fill(self) -> None:
        """Type the companies into both systems: 30 customers, half of them in a mess."""
        chance = random.Random(2026)
        firms = islice(invent_firms(chance), 7, 60)
        products = {
            sku: self.crm.add_product(name=f"Widget {sku}", sku=sku, price="10.00", currency="USD")
            for sku in ("W-001", "W-002", "W-003", "W-004", "W-005")
        }
        products["X-900"] = self.crm.add_product(name="Special", sku="X-900", price="99.00")
        typist = _Typist(self, firms)
        for kind in _KINDS:
            typist.pair(kind)
        for _ in range(6):
            typist.crm_only()
        for _ in range(3):
            typist.erp_only()
        typist.same_domain_only()
        _Sales(self, products).before_go_live()

    def sell(self) -> None:
        """Win the deals of the time after go-live."""
        rows = self.crm.products()
        _Sales(self, {r["sku"]: i for i, r in rows.items()}).after_go_live()

    # ── Interlock ────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with connect(self.project()) as session:
            yield session

    async def plan(self) -> Plan:
        async with self.session() as session:
            return await make_plan(session, Run(id=session.pair.new_id()))

    async def approve(self, plan: Plan) -> Approval:
        async with self.session() as session:
            return approve(session.store, plan.id, by="tester", now=datetime.now(UTC))

    async def sync(self) -> SyncReport:
        async with self.session() as session:
            return await sync_once(session)

    async def explain(self, account: str, field_name: str) -> list[Moment]:
        async with self.session() as session:
            told = explain(session.project, session.store, "customer", account, field=field_name,
                           system=CRM)  # fmt: skip
        return [moment for story in told.fields for moment in story.history]

    def snapshot(self) -> Snapshot:
        """Everything both systems hold: two are equal only if nothing was written between."""
        return {**self.crm.everything(), **self.erp.everything()}

    # ── daily life ───────────────────────────────────────────────────────────────────────────

    def pair(self, which: int) -> Expected:
        """One of the customers that were the same on both sides from the start."""
        return [c for c in self.customers if c.kind == "same"][which]

    def party(self, customer: Expected) -> Party:
        return self.erp.customers()[customer.party or 0]

    def account(self, customer: Expected) -> dict[str, Any]:
        return self.crm.accounts()[customer.account]

    async def edit(self, change: Callable[[], None]) -> Edited:
        """Let somebody change something, then sync; tells what Interlock wrote."""
        change()
        before = self.snapshot()
        report = await self.sync()
        return Edited(report, moved_rows(before, self.snapshot()))

    async def change_phone(self, phone: str) -> Edited:
        """A rep corrects a phone number."""
        customer = self.pair(3)
        return await self.edit(lambda: self.crm.edit_account(customer.account, phone=phone))

    async def edit_terms(self, terms: str) -> Edited:
        """A rep changes payment terms, which are the ERP's."""
        customer = self.pair(4)
        return await self.edit(
            lambda: self.crm.edit_account(customer.account, custom_fields={"payment_terms": terms})
        )

    async def edit_both(self, email: str, phone: str) -> Edited:
        """A rep changes the e-mail address of a customer while finance changes its phone."""
        customer = self.pair(5)

        def change() -> None:
            self.crm.edit_account(customer.account, email=email)
            self.erp.change_phone(customer.party or 0, phone)

        return await self.edit(change)

    async def win_open_deal(self) -> Edited:
        """A rep wins a deal that was open so far."""
        deal = self.open_deals.pop()
        self.sold.append(deal)
        return await self.edit(lambda: self.crm.win(deal))


Snapshot = dict[str, dict[Any, Any]]


@dataclass(frozen=True)
class Edited:
    """The sync after an edit, and the rows that differ because of it: (table, id)."""

    report: SyncReport
    moved: set[tuple[str, Any]]


def moved_rows(before: Snapshot, after: Snapshot) -> set[tuple[str, Any]]:
    """Rows that are not what they were."""
    return {
        (table, i)
        for table in after
        for i in {*before[table], *after[table]}
        if before[table].get(i) != after[table].get(i)
    }


# ── filling ──────────────────────────────────────────────────────────────────────────────────

_KINDS = (
    "same", "same", "same", "same", "same", "same", "same", "other phone", "other phone",
    "other name", "other name", "capitals", "other terms", "moved", "no phone in the ERP",
    "no e-mail in the CRM", "no terms in the ERP", "no tax id in the CRM", "no tax id in the ERP",
    "no address in the ERP", "no terms in the CRM",
)  # fmt: skip


class _Typist:
    """Types firms into both systems and notes what must come of it."""

    def __init__(self, job: Job, firms: Iterator[Firm]) -> None:
        self.job, self.firms = job, firms
        self._count = 0

    def pair(self, kind: str) -> None:
        """A firm both sides know; rule 2 of the engine says what each field becomes."""
        firm = next(self.firms)
        want = self._expected(firm, kind)
        crm, erp = _shown(want), _shown(want)
        match kind:
            case "other phone":
                erp["phone"] = "+44 20 7946 0777"
            case "other name":
                erp["name"] = firm.base
            case "capitals":
                erp["name"] = firm.name.upper()
            case "other terms":
                crm["terms"] = next(t for t in TERMS if t != want.terms)
            case "moved":
                crm["address"] = {**want.address, "street": "99 Former Road"}
            case "no phone in the ERP":
                erp["phone"] = ""
            case "no e-mail in the CRM":
                crm["email"] = ""
            case "no terms in the ERP":
                erp["terms"] = ""
            case "no terms in the CRM":
                crm["terms"] = ""
            case "no tax id in the CRM":
                crm["tax_id"] = ""
            case "no tax id in the ERP":
                erp["tax_id"] = ""
            case "no address in the ERP":
                erp["address"] = {"country": firm.country}
        want.account = self._account(firm, crm)
        self._people(firm, want.account)
        want.party = self._party(firm, erp)
        if self._count % 2:
            person = firm.people[0]
            self.job.erp.add_person(f"{person.first} {person.last}", want.party, ROLES[0],
                                    email=person.email, phone=person.phone)  # fmt: skip
        self.job.customers.append(want)

    def crm_only(self) -> None:
        """A firm for which the ERP needs a new customer."""
        firm = next(self.firms)
        want = self._expected(firm, "new")
        want.account = self._account(firm, _shown(want))
        self._people(firm, want.account)
        self.job.customers.append(want)

    def erp_only(self) -> None:
        """A firm the CRM has never heard of."""
        firm = next(self.firms)
        self.job.strangers.append(self._party(firm, _shown(self._expected(firm, ""))))

    def same_domain_only(self) -> None:
        """Two firms with one web domain: nothing a machine may link."""
        firm, other = next(self.firms), next(self.firms)
        crm = _shown(self._expected(firm, "")) | {"tax_id": ""}
        erp = _shown(self._expected(other, ""))
        self._account(firm, crm)
        self.job.strangers.append(self._party(firm, erp))

    def _expected(self, firm: Firm, kind: str) -> Expected:
        self._count += 1
        return Expected(
            firm=firm, account="", party=None, kind=kind, name=firm.name, phone=firm.phone,
            email=f"info@{firm.domain}", tax_id=_tax(firm), terms=TERMS[self._count % 3],
            address={"street": firm.street, "city": firm.town, "postcode": firm.postcode,
                     "country": firm.country})  # fmt: skip

    def _account(self, firm: Firm, shown: dict[str, Any]) -> str:
        address = shown["address"]
        return self.job.crm.add_account(
            name=shown["name"], website=f"https://www.{firm.domain}", phone=shown["phone"] or None,
            email=shown["email"] or None, address_line=address["street"], city=address["city"],
            postcode=address["postcode"], country=address["country"],
            description=f"{NOTE} {self._count}",
            custom_fields={"tax_id": shown["tax_id"], "payment_terms": shown["terms"]})  # fmt: skip

    def _people(self, firm: Firm, account: str) -> None:
        for person, role in zip(firm.people, ("primary", "billing"), strict=True):
            self.job.crm.add_contact(
                first_name=person.first, last_name=person.last, email=person.email,
                phone=person.phone, account=account, description=f"{NOTE} of {person.email}",
                custom_fields={"contact_role": role})  # fmt: skip

    def _party(self, firm: Firm, shown: dict[str, Any]) -> int:
        return self.job.erp.add_customer(
            name=shown["name"], website=f"https://www.{firm.domain}", phone=shown["phone"],
            email=shown["email"], terms=shown["terms"], credit_limit="5000.00",
            tax_id=shown["tax_id"].removeprefix("US"), **shown["address"])  # fmt: skip


NOTE = "told in confidence, not for the ERP"


def _tax(firm: Firm) -> str:
    return firm.tax_id if firm.country != "US" else f"US{firm.tax_id}"


def _shown(want: Expected) -> dict[str, Any]:
    return {"name": want.name, "phone": want.phone, "email": want.email, "tax_id": want.tax_id,
            "terms": want.terms, "address": dict(want.address)}  # fmt: skip


class _Sales:
    """Deals, typed and won as reps do."""

    def __init__(self, job: Job, products: dict[str, str]) -> None:
        self.job, self.products = job, products

    def before_go_live(self) -> None:
        """Two deals won before go-live."""
        for number in (1, 2):
            deal = self._deal(number, self.job.customers[number], [("W-001", "2", "9.50")])
            self.job.crm.win(deal)
            self.job.older.append(deal)

    def after_go_live(self) -> None:
        """Deals won since: of matched and of new customers, some with a flaw."""
        old, new = self.job.customers[3:], [c for c in self.job.customers if c.party is None]
        for number, customer, lines in (
            (11, old[0], [("W-001", "3", "9.50")]),
            (12, old[1], [("W-002", "1", "19.99"), ("W-003", "12", "28.45"),
                          ("W-001", "2", "10.00")]),
            (13, old[2], [("W-004", "7", "33.33")]),
            (14, new[0], [("W-005", "1", "49.00"), ("W-002", "5", "18.75")]),
            (15, new[1], [("W-001", "40", "7.05")]),
        ):  # fmt: skip
            deal = self._deal(number, customer, lines, po=f"PO-{number}")
            self.job.crm.win(deal)
            self.job.sold.append(deal)
        deal = self._deal(16, old[3], [("X-900", "1", "99.00")])
        self.job.crm.win(deal)
        self.job.unsold.append(deal)
        self.job.open_deals.append(self._deal(17, old[4], [("W-001", "4", "10.00")]))

    def _deal(
        self, number: int, customer: Expected, lines: Sequence[tuple[str, str, str]], po: str = ""
    ) -> str:
        return self.job.crm.add_deal(
            f"{customer.firm.base} deal {number}", customer.account,
            [{"product_id": self.products[sku], "quantity": quantity, "unit_price": price}
             for sku, quantity, price in lines],
            currency="USD", description=f"{NOTE}: deal {number}",
            custom_fields={"po_number": po} if po else {})  # fmt: skip


# ── checking ─────────────────────────────────────────────────────────────────────────────────


def _check(promise: str, cases: dict[str, bool]) -> Check:
    return Check(promise, len(cases), [case for case, good in cases.items() if not good])


def _party_of(job: Job, parties: dict[int, Party], account: str) -> list[Party]:
    return [p for p in parties.values() if f"{CRM}:{account}" in p.other_ids]


def check_customers(job: Job) -> list[Check]:
    """Look in Tryton for every customer that was matched or is new, and for their people."""
    parties, people, accounts = job.erp.customers(), job.erp.people(), job.crm.accounts()
    contacts = job.crm.contacts()
    own = {c.account: _party_of(job, parties, c.account) for c in job.customers}
    names = Counter(p.name for p in parties.values())
    taxes = Counter(p.tax_id for p in parties.values() if p.tax_id)

    def _each(test: Callable[[Expected, Party], bool]) -> dict[str, bool]:
        return {f"{c.name} ({c.kind})": len(own[c.account]) == 1 and test(c, own[c.account][0])
                for c in job.customers}  # fmt: skip

    persons = [(c, person, role) for c in job.customers
               for person, role in zip(c.firm.people, ROLES, strict=True)]  # fmt: skip
    return [
        _check("each matched or new customer is in Tryton exactly once", _each(
            lambda c, p: names[c.name] == 1 and taxes[p.tax_id] == 1
            and c.party in (None, p.id))),
        _check("with its name", _each(lambda c, p: p.name == c.name)),
        _check("with its address", _each(lambda c, p: p.address == c.address)),
        _check("with its tax id", _each(
            lambda c, p: _digits(c.tax_id).endswith(_digits(p.tax_id)) and bool(p.tax_id))),
        _check("with its payment terms", _each(lambda c, p: p.terms == c.terms)),
        _check("with its phone and e-mail address", _each(
            lambda c, p: (p.phone, p.email) == (c.phone, c.email))),
        _check("primary and billing contact are there once, in their role", {
            f"{person.email} of {c.name}": _people(people, own[c.account], person) == [role]
            for c, person, role in persons}),
        _check("each side holds the other's id", _each(
            lambda c, p: accounts[c.account]["custom_fields"].get("erp_customer_id") == str(p.id))),
        _check("each side holds the other's id of every contact", {
            row["email"]: any(
                p.id == _number(row["custom_fields"].get("erp_contact_id"))
                and f"{CRM}:{i}" in p.other_ids for p in people.values())
            for i, row in contacts.items() if row["account"] in own}),
        _check("customers born in Tryton, and uncertain ones, were left alone", {
            parties[i].name: not parties[i].other_ids for i in job.strangers}),
        _check("nothing else was made", {
            "customers": len(parties) == len(job.customers) + len(job.strangers),
            "accounts": len(accounts) == len(job.customers) + 1}),
    ]  # fmt: skip


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _number(text: str | None) -> int:
    return int(text) if text else 0


def _people(people: dict[int, Party], customer: list[Party], person: Person) -> list[str]:
    """Roles of the people of a customer who have this person's name and address."""
    ids = {c.id for c in customer}
    return [role for p in people.values() for to, role in p.works_for
            if p.email == person.email and p.name == f"{person.first} {person.last}"
            and to in ids and role in ROLES]  # fmt: skip


def check_first_link(job: Job) -> list[Check]:
    """Rule 2: what differed or was blank when two existing customers were first linked."""
    accounts, parties = job.crm.accounts(), job.erp.customers()

    def _both(kinds: Sequence[str], test: Callable[[Expected, dict[str, Any], Party], bool]
              ) -> dict[str, bool]:  # fmt: skip
        return {f"{c.name} ({c.kind})": test(c, accounts[c.account], parties[c.party or 0])
                for c in job.customers if c.kind in kinds}  # fmt: skip

    def _custom(row: dict[str, Any], key: str) -> str:
        return str(row["custom_fields"].get(key) or "")

    return [
        _check("differing phone and name: the CRM's", _both(
            ("other phone", "other name", "capitals"),
            lambda c, a, p: (a["phone"], a["name"]) == (p.phone, p.name) == (c.phone, c.name))),
        _check("differing address: the ERP's", _both(
            ("moved",), lambda c, a, p: a["address_line"] == p.address["street"] == c.firm.street)),
        _check("differing terms: the owner's, which is the ERP", _both(
            ("other terms",),
            lambda c, a, p: _custom(a, "payment_terms") == p.terms == c.terms)),
        _check("a blank is filled from the other side and never overwrites", _both(
            ("no phone in the ERP", "no e-mail in the CRM", "no terms in the ERP",
             "no terms in the CRM", "no tax id in the CRM", "no tax id in the ERP",
             "no address in the ERP"),
            lambda c, a, p: (a["phone"], a["email"], _custom(a, "payment_terms"))
            == (p.phone, p.email, p.terms) == (c.phone, c.email, c.terms)
            and _digits(_custom(a, "tax_id")) == _digits(c.tax_id) and bool(p.tax_id)
            and (a["address_line"], a["postcode"])
            == (p.address["street"], p.address["postcode"]))),
        _check("credit limits, which the ERP owns, are shown in the CRM", _both(
            tuple(_KINDS), lambda c, a, p: a["custom_fields"].get("credit_limit") == 5000)),
    ]  # fmt: skip


def check_deals(job: Job) -> list[Check]:
    """Look in Tryton for the sales of the CRM's deals."""
    sales, deals, accounts = job.erp.sales(), job.crm.deals(), job.crm.accounts()
    by_deal: dict[str, list[Any]] = {
        deal: [s for s in sales.values() if deal in s.description] for deal in deals
    }

    def _each(test: Callable[[dict[str, Any], Any], bool]) -> dict[str, bool]:
        return {deals[d]["name"]: len(by_deal[d]) == 1 and test(deals[d], by_deal[d][0])
                for d in job.sold}  # fmt: skip

    def _custom(deal: dict[str, Any], key: str) -> Any:
        return deal["custom_fields"].get(key)

    return [
        _check("each deal won after go-live has exactly one sale, for its customer", _each(
            lambda d, s: str(s.party) == accounts[d["account"]["id"]]["custom_fields"].get(
                "erp_customer_id"))),
        _check("with the right lines and prices", _each(
            lambda d, s: list(s.lines) == [
                (x["product"]["sku"], Decimal(x["quantity"]), Decimal(x["unit_price"]))
                for x in sorted(d["line_items"], key=lambda x: x["order"])])),
        _check("with the right total and currency, confirmed", _each(
            lambda d, s: (s.net, s.currency, s.state)
            == (Decimal(d["amount"]), d["currency"], "processing"))),
        _check("with the purchase order number", _each(
            lambda d, s: s.reference == (_custom(d, "po_number") or ""))),
        _check("the order's number, id and status are on the deal", _each(
            lambda d, s: (_custom(d, "erp_order_number"), _custom(d, "erp_order_id"),
                          _custom(d, "erp_order_status")) == (s.number, str(s.id), "open"))),
        _check("deals won before go-live, refused and open ones have none", {
            deals[d]["name"]: not by_deal[d] and not _custom(deals[d], "erp_order_number")
            for d in (*job.older, *job.unsold, *job.open_deals)}),
        _check("there are no other sales", {"sales": len(sales) == len(job.sold)}),
    ]  # fmt: skip


def check_boundary(job: Job) -> list[Check]:
    """Search the project's files and Tryton for what must never leave the CRM."""
    files = b"\0".join(f.read_bytes() for f in job.root.rglob("*") if f.is_file())
    notes = [row["description"] for rows in (job.crm.accounts(), job.crm.contacts(),
             job.crm.deals()) for row in rows.values()]  # fmt: skip
    names = [row["name"] for row in job.crm.deals().values()]
    database = b"\0".join(f.read_bytes() for f in Path(job.erp.server.state).glob("erp.sqlite*"))
    return [
        _check("notes are nowhere but in the CRM", {
            note: note.encode() not in files and note.encode() not in database
            for note in notes if note}),
        _check("deal names, which are local, never reached Tryton", {
            name: name.encode() not in database for name in names}),
    ]  # fmt: skip
