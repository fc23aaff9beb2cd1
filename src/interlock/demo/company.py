"""A believable company: a CRM and an ERP that have drifted apart for years.

One seed makes one company.  Which mess is in it is not told by this module but found by asking the
two systems (``survey``).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interlock.connectors.memory import MemorySystem
from interlock.demo.deals import sell
from interlock.demo.desk import Desk, Known
from interlock.demo.firms import Firm, invent_firms, invent_phone, invent_street

__all__ = ["CUSTOMERS", "Company", "found_company", "open_company"]

CUSTOMERS = 340
_FOLDER = "systems"
_AGE = timedelta(days=200)


@dataclass(frozen=True, slots=True)
class Company:
    """The two systems as the people at the company see them."""

    crm: MemorySystem
    erp: MemorySystem


def system_path(folder: Path, kind: str) -> Path:
    """Name the file that keeps one of the systems."""
    return folder / _FOLDER / f"{kind}.db"


@contextmanager
def open_company(
    folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Company]:
    """Open both systems as their users do, beside Interlock, and close them again."""
    with ExitStack() as stack:
        systems = {}
        for kind in ("crm", "erp"):
            path = system_path(folder, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            systems[kind] = MemorySystem(kind, path=path, clock=clock)
            stack.callback(systems[kind].close)
        yield Company(**systems)


def found_company(
    folder: Path, *, seed: int, now: datetime, go_live: datetime, customers: int = CUSTOMERS
) -> None:
    """Make the company's two systems in a folder; ``customers``: firms known to either system.

    Deals won before ``go_live`` have been typed into the ERP by hand, later ones have not.
    """
    minutes = itertools.count()
    began = now - _AGE

    def _past() -> datetime:
        return began + timedelta(minutes=next(minutes))

    with open_company(folder, _past) as company, ExitStack() as stack:
        for system in (company.crm, company.erp):
            stack.enter_context(system.change())
        _fill(Desk(company.crm, company.erp, random.Random(seed)), now, go_live, customers)  # noqa: S311


def _fill(desk: Desk, now: datetime, go_live: datetime, customers: int) -> None:
    desk.stock_up()
    firms = itertools.islice(invent_firms(desk.chance), customers)
    kinds: list[Kind] = [kind for kind, count in _KINDS for _ in range(count)]
    if len(kinds) > customers:
        raise ValueError(f"a company of this kind has at least {len(kinds)} customers")
    kinds += [_tidy] * (customers - len(kinds))
    # what went wrong where is spread over the years, so no list is in order of its mess
    desk.chance.shuffle(kinds)
    for number, (firm, kind) in enumerate(zip(firms, kinds, strict=True)):
        kind(desk, firm, number)
    _copy_cross_references(desk)
    sell(desk, now, go_live)


Kind = Callable[[Desk, Firm, int], None]


# ── known to both, and found again by themselves ─────────────────────────────────────────────


def _pair(
    desk: Desk, firm: Firm, *, crm: dict[str, Any] | None = None, erp: dict[str, Any] | None = None
) -> None:
    account = desk.account(firm, crm or {})
    partner = desk.partner(firm, erp or {})
    desk.known.append(Known(firm, account, partner))
    desk.people(firm, account, partner)


def _tidy(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm)


def _other_legal_form(desk: Desk, firm: Firm, number: int) -> None:
    spelt = (
        firm.base,
        f"{firm.base}, {firm.legal}",
        f"The {firm.name}",
        f"{firm.base} {_LONG[firm.country]}",
    )
    _pair(desk, firm, erp={"name": spelt[number % len(spelt)]})


def _capitals(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, erp={"name": firm.name.upper()})


def _renamed(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, erp={"name": f"{firm.base.split()[0]} & Partners {firm.legal}"})


def _other_phone(desk: Desk, firm: Firm, number: int) -> None:
    _pair(desk, firm, erp={"tel": invent_phone(firm.country, number + 500)})


def _moved(desk: Desk, firm: Firm, _number: int) -> None:
    street = invent_street(desk.chance, firm.country)
    _pair(desk, firm, crm={"BillingAddress": desk.crm_address(firm, BillingStreet=f"{street} a")})


def _blanks(desk: Desk, firm: Firm, number: int) -> None:
    sides: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
        ({"Phone": None}, {}), ({}, {"mail": None}), ({"Email": ""}, {"tel": ""}),
        ({}, {"web": None}), ({"BillingAddress": None}, {}),
    )  # fmt: skip
    crm, erp = sides[number % len(sides)]
    _pair(desk, firm, crm=crm, erp=erp)


def _no_postcode(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, crm={"BillingAddress": desk.crm_address(firm, BillingPostalCode="")})


def _mistyped_tax_id(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, crm={"VatNumber": firm.tax_id[:-1]})


def _spaced_tax_id(desk: Desk, firm: Firm, _number: int) -> None:
    text = firm.tax_id
    _pair(desk, firm, crm={"VatNumber": f"{text[:2]} {text[2:5]}.{text[5:]}"})


def _no_tax_id(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, crm={"VatNumber": None}, erp={"vat_no": None})


def _free_mail(desk: Desk, firm: Firm, number: int) -> None:
    host = ("gmail.com", "gmx.de", "outlook.com")[number % 3]
    mail = f"{firm.domain.partition('.')[0]}.office{number}.demo@{host}"
    _pair(desk, firm, crm={"Website": None, "Email": mail}, erp={"web": None, "mail": mail})


def _other_terms(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, erp={"terms": "COD" if firm.terms == "Net 60" else "N60"})


def _other_website(desk: Desk, firm: Firm, _number: int) -> None:
    _pair(desk, firm, erp={"web": f"http://{firm.domain}/"})


# ── known to both, but not so that a machine may decide ──────────────────────────────────────


def _two_accounts(desk: Desk, firm: Firm, number: int) -> None:
    first = desk.account(firm, {})
    desk.account(firm, {"Name": f"{firm.base} ({firm.town})", "Phone": invent_phone(
        firm.country, number + 500)})  # fmt: skip
    desk.unclear.append(Known(firm, first, desk.partner(firm, {})))


def _two_partners(desk: Desk, firm: Firm, _number: int) -> None:
    desk.partner(firm, {})
    partner = desk.partner(firm, {"name": firm.base, "mail": None, "tel": None})
    desk.unclear.append(Known(firm, desk.account(firm, {}), partner))


def _same_domain_only(desk: Desk, firm: Firm, number: int) -> None:
    account = desk.account(firm, {"VatNumber": None})
    partner = desk.partner(firm, {
        "name": f"{firm.town} Holding {number}", "vat_no": None, "mail": None,
        "tel": invent_phone(firm.country, number + 500),
        "bill_to": desk.erp_address(firm, zip=f"9{number:04d}")})  # fmt: skip
    desk.unclear.append(Known(firm, account, partner))


# ── known to one ─────────────────────────────────────────────────────────────────────────────


def _erp_only(desk: Desk, firm: Firm, _number: int) -> None:
    desk.partner(firm, {})


def _crm_only(desk: Desk, firm: Firm, _number: int) -> None:
    account = desk.account(firm, {})
    desk.new.append(Known(firm, account, ""))
    desk.people(firm, account, None)


def _cloned(desk: Desk, firm: Firm, _number: int) -> None:
    account = desk.account(firm, {})
    desk.clones.append(account)
    desk.people(firm, account, None)


def _copy_cross_references(desk: Desk) -> None:
    """Let clones carry the id of the customer they were cloned from, as the originals do."""
    for account, known in zip(desk.clones, desk.known[::7], strict=False):
        for holder in (known.account, account):
            desk.change("crm", "customer", holder, {"ErpId__c": known.partner})


_LONG = {
    "DE": "Gesellschaft mbH", "FR": "S.A.R.L.", "GB": "Limited", "US": "Incorporated",
    "NL": "BV", "BE": "B.V.",
}  # fmt: skip
_KINDS: Sequence[tuple[Kind, int]] = (
    (_other_legal_form, 30), (_capitals, 20), (_renamed, 8), (_other_phone, 20), (_moved, 15),
    (_blanks, 25), (_no_postcode, 15), (_mistyped_tax_id, 9), (_spaced_tax_id, 12),
    (_no_tax_id, 14), (_free_mail, 10), (_other_terms, 11), (_other_website, 9), (_two_accounts, 5),
    (_two_partners, 6), (_same_domain_only, 4), (_erp_only, 26), (_crm_only, 22), (_cloned, 4),
)  # fmt: skip
