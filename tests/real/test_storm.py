"""A real BottleCRM and a real Tryton, each behind a proxy that misbehaves, and kills in between.

Answers lost after the commit, requests carried out seconds after Interlock gave up on them, 503,
broken connections, delays; people edit both sides all the while.  Asked through their own APIs, the
systems must hold every customer, person and order once, and every edit.  ``make storm`` plays it in
full.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from interlock.connectors.bottlecrm import plugin as crm_plugin
from interlock.connectors.tryton import plugin as erp_plugin
from interlock.project.load import CONFIG_FILE, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.provisioning import provision
from interlock.service.session import connect
from interlock.testing.proxy import Fault, FaultKind, FaultProxy, Seen, proxy_thread
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.killing import finish, run_and_kill, run_interlock
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("storm")]

FULL = os.environ.get("INTERLOCK_STORM") == "full"
WRITES = 200 if FULL else 60
KILLS = 10 if FULL else 2
CUSTOMERS = 40 if FULL else 12
DEALS = 12 if FULL else 4
KINDS = 5 if FULL else 3
"""How many kinds of faults must have hit a write."""
SKUS = ("W-001", "W-002", "W-003", "W-004", "W-005")
ROLES = {"primary": "Primary contact of", "billing": "Billing contact of"}
ERP_WRITES = ('.create"', '.write"', '.quote"', '.confirm"')


@dataclass
class Companies:
    """Both systems, and what people did in them."""

    crm: Crm
    erp: Erp
    accounts: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    phones: dict[str, str] = field(default_factory=dict)
    """Account -> the phone number somebody typed last."""

    def fill(self) -> None:
        """Customers only the CRM knows, two people each, and deals that were won."""
        products = [
            self.crm.add_product(name=f"Widget {sku}", sku=sku, price="10.00", currency="USD")
            for sku in SKUS
        ]
        for n in range(CUSTOMERS):
            phone = f"+1 555 010 {n:04d}"
            account = self.crm.add_account(
                name=f"Gale Works {n:02d} Ltd", website=f"https://gale{n:02d}.example",
                phone=phone, address_line=f"{n} Quay Street", city="Springfield",
                postcode=f"{10000 + n}", country="US",
            )  # fmt: skip
            self.accounts.append(account)
            self.phones[account] = phone
            for role in ROLES:
                self.crm.add_contact(
                    first_name=f"{role.title()}{n:02d}", last_name="Gale",
                    email=f"{role}@gale{n:02d}.example", account=account,
                    custom_fields={"contact_role": role},
                )  # fmt: skip
        for n in range(DEALS):
            lines = [
                {"product_id": products[k], "quantity": str(k + 1), "unit_price": f"{n + k}.50"}
                for k in range(3)
            ]
            deal = self.crm.add_deal(
                f"Gale deal {n:02d}", self.accounts[n], lines,
                currency="USD", custom_fields={"po_number": f"PO-{n}"},
            )  # fmt: skip
            self.crm.win(deal)
            self.deals.append(deal)

    def party_of(self) -> dict[str, int]:
        """Account -> its party, of those the ERP has."""
        accounts = set(self.accounts)
        found = {}
        for party in self.erp.customers().values():
            for other_id in party.other_ids:
                account = other_id.partition(":")[2]
                if account in accounts:
                    found[account] = party.id
        return found

    def edit_some(self, luck: random.Random) -> None:
        """Reps correct phones of half of the customers, finance those of the others."""
        there = {a: p for a, p in self.party_of().items() if self.crm_id(a) == str(p)}
        for account in luck.sample(sorted(there), min(5, len(there))):
            phone = f"+1 555 {luck.randrange(100, 1000)} {luck.randrange(1000, 10000)}"
            if self.accounts.index(account) % 2:
                self.erp.change_phone(there[account], phone)
            else:
                self.crm.edit_account(account, phone=phone)
            self.phones[account] = phone

    def crm_id(self, account: str) -> str:
        """What the CRM's account says is its party."""
        row = self.crm.call("GET", f"/accounts/{account}/")["account_obj"]
        return str((row.get("custom_fields") or {}).get("erp_customer_id") or "")


def test_nothing_is_doubled_or_lost_in_a_storm(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    with proxy_thread(own_bottlecrm.base_url) as crm, proxy_thread(own_tryton.url) as erp:
        _play(own_bottlecrm, own_tryton, crm, erp, tmp_path / "project")


def _play(
    bottlecrm: BottleCrmServer, tryton: TrytonServer, crm: FaultProxy, erp: FaultProxy, root: Path
) -> None:
    companies = Companies(Crm(bottlecrm), Erp(tryton))
    companies.erp.add_relation_types(tuple(ROLES.values()))
    _project(root, bottlecrm, tryton, crm.url, erp.url)
    asyncio.run(_provision(root))
    companies.fill()
    assert run_interlock(root, "plan").returncode == 0
    assert run_interlock(root, "approve").returncode == 0
    luck = random.Random(20261123)
    kills, rounds = 0, 0

    def writes() -> int:
        return len(_writes(crm)) + len(_writes(erp))

    while (writes() < WRITES or kills < KILLS or _kinds(crm, erp) < KINDS) and rounds < 150:
        rounds += 1
        for proxy in (crm, erp):
            proxy.clear()
            proxy.add(_fault(luck, is_crm=proxy is crm))
        companies.edit_some(luck)
        if rounds % 3 == 0:
            run_interlock(root, "sync", "--once")
        else:
            kills += run_and_kill(root, writes, luck)
    crm.clear()
    erp.clear()
    finish(root)
    struck = Counter(s.fault.value for p in (crm, erp) for s in _writes(p) if s.fault is not None)
    print(f"{writes()} writes, {kills} kills in a delivery, {rounds} runs, writes hit: {struck}")
    assert writes() >= WRITES
    assert kills >= KILLS
    assert _kinds(crm, erp) >= KINDS, struck
    _verify(companies)


def _project(
    root: Path, bottlecrm: BottleCrmServer, tryton: TrytonServer, crm_url: str, erp_url: str
) -> None:
    scaffold(
        root,
        installation="storm1",
        crm=Answers(
            plugin=crm_plugin,
            name="crm",
            settings={"url": crm_url, "token": bottlecrm.token, "timeout": 10.0},
        ),
        erp=Answers(
            plugin=erp_plugin,
            name="erp",
            settings={
                "url": erp_url, "database": tryton.database, "login": tryton.login,
                "password": tryton.password, "batch_size": 3, "timeout": 4.0,
                "settle_time": "PT6S", "commit_delay": "PT2S",
            },
        ),
    )  # fmt: skip
    file = root / CONFIG_FILE
    live = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("\ngo_live:\n", f"\ngo_live: {live}\n"),
        ("quiet_time: 2m", "quiet_time: 0s"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


async def _provision(root: Path) -> None:
    async with connect(open_project(root, environment={})) as session:
        report = await provision(session, dry_run=False)
    assert not report.failed


_KINDS = (
    FaultKind.LOSE_ANSWER,
    FaultKind.FORWARD_LATE,
    FaultKind.ANSWER,
    FaultKind.DELAY,
    FaultKind.DROP,
)


def _fault(luck: random.Random, *, is_crm: bool) -> Fault:
    """One misbehaviour that befalls a write, now and then a read."""
    kind = luck.choice(_KINDS)
    method = luck.choice(("PATCH", "PATCH", "GET")) if is_crm else None
    body = None if is_crm else luck.choice((*ERP_WRITES, ".search_read"))
    return Fault(
        kind=kind, method=method, body=body, skip=luck.choice((0, 0, 1, 3)),
        times=luck.choice((1, 2)), seconds=2.0 if kind is FaultKind.FORWARD_LATE else 0.7,
        status=503, answer="<h1>Service Unavailable</h1>",
    )  # fmt: skip


def _writes(proxy: FaultProxy) -> list[Seen]:
    """Requests that would change something, whatever became of them."""
    return [
        s
        for s in list(proxy.seen)
        if s.method in ("PATCH", "PUT", "DELETE")
        or (s.method == "POST" and s.path.startswith("/api/"))
        or any(word in s.body for word in ERP_WRITES)
    ]


def _kinds(crm: FaultProxy, erp: FaultProxy) -> int:
    return len({s.fault for p in (crm, erp) for s in _writes(p)} & set(_KINDS))


# ── what the systems say ─────────────────────────────────────────────────────────────────────


def _verify(companies: Companies) -> None:
    crm, erp = companies.crm, companies.erp
    parties, people, accounts = erp.customers(), erp.people(), crm.accounts()
    mine = {n: p for n, p in parties.items() if p.name.startswith("Gale Works")}
    assert Counter(p.name for p in mine.values()) == Counter(
        f"Gale Works {n:02d} Ltd" for n in range(CUSTOMERS)
    )
    assert Counter(a["name"] for a in accounts.values()) == Counter(p.name for p in mine.values())
    party_of = companies.party_of()
    assert len(set(party_of.values())) == CUSTOMERS
    for account, phone in companies.phones.items():
        party = parties[party_of[account]]
        assert companies.crm_id(account) == str(party.id)
        assert _digits(accounts[account]["phone"]) == _digits(phone), (account, "CRM")
        assert _digits(party.phone) == _digits(phone), (account, "ERP")
        assert party.address["postcode"] == accounts[account]["postcode"]
    assert Counter(p.name for p in people.values()) == Counter(
        f"{role.title()}{n:02d} Gale" for n in range(CUSTOMERS) for role in ROLES
    )
    sales, deals = erp.sales(), crm.deals()
    assert len(sales) == DEALS
    for n, deal in enumerate(companies.deals):
        (sale,) = [s for s in sales.values() if deal in s.description]
        assert sale.party == party_of[companies.accounts[n]]
        assert [(q, p) for _, q, p in sale.lines] == [
            (Decimal(k + 1), Decimal(f"{n + k}.50")) for k in range(3)
        ]
        assert sale.state in ("confirmed", "processing")
        assert deals[deal]["custom_fields"]["erp_order_number"] == sale.number


def _digits(text: str | None) -> str:
    return "".join(c for c in text or "" if c.isdigit())
