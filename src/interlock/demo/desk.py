"""The desk where the company's records are typed: how firms and goods look in either system."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from interlock.connectors.memory import MemorySystem
from interlock.demo.firms import Firm, Person

__all__ = ["CRM_ONLY", "DISCONTINUED", "TERMS", "Desk", "Item", "Known"]

TERMS = {"Due on receipt": "COD", "Net 14": "N14", "Net 30": "N30", "Net 60": "N60"}
"""Payment terms in the CRM's words and in the ERP's."""
_GOODS = (
    "Gearbox", "Coupling", "Ball valve", "Control unit", "Filter set", "Hose reel", "Flange",
    "Pressure gauge", "Pump head", "Sensor", "Drive belt", "Seal kit",
)  # fmt: skip
_SIZES = ("S", "L")
DISCONTINUED = "GR-900"
"""An item the ERP no longer sells."""
CRM_ONLY = "SPECIAL-1"
"""A product the ERP has never heard of."""


@dataclass(frozen=True, slots=True)
class Known:
    """A firm with its record in the CRM and in the ERP ("" where there is none)."""

    firm: Firm
    account: str
    partner: str


@dataclass(frozen=True, slots=True)
class Item:
    """Something sold: its record in the CRM and in the ERP ("" where there is none)."""

    sku: str
    product: str
    item: str
    price: int


@dataclass
class Desk:
    """Types records into both systems and remembers what is needed to sell something later."""

    crm: MemorySystem
    erp: MemorySystem
    chance: random.Random
    known: list[Known] = field(default_factory=list)
    unclear: list[Known] = field(default_factory=list)
    new: list[Known] = field(default_factory=list)
    clones: list[str] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)

    def stock_up(self) -> None:
        """Fill the catalogue: most goods in both systems, one no longer made, one never known."""
        for number, (title, size) in enumerate((t, s) for t in _GOODS for s in _SIZES):
            self._item(f"{title[:2].upper()}-{100 + number}", f"{title} {size}", 20 + 7 * number)
        self._item(DISCONTINUED, "Gearbox, old series", 90, discontinued=True)
        product = self._type(
            "crm",
            "product",
            {"ProductCode": CRM_ONLY, "Name": "Special production", "IsActive": True},
        )
        self.items[CRM_ONLY] = Item(CRM_ONLY, product, "", 400)

    def _item(self, sku: str, title: str, price: int, *, discontinued: bool = False) -> None:
        cost = self.chance.uniform(0.3, 0.6) * price
        item = self._type(
            "erp",
            "product",
            {
                "sku": sku,
                "title": title,
                "discontinued": discontinued,
                "cost_price": f"cost {cost:.4f}",
                "supplier_price": f"buys at {cost * 0.9:.4f}",
                "margin": f"margin {1 - cost / price:.4%}",
            },
        )
        product = self._type("crm", "product", {"ProductCode": sku, "Name": title})
        self.items[sku] = Item(sku, product, item, price)

    def account(self, firm: Firm, changes: dict[str, Any]) -> str:
        """Type a firm into the CRM."""
        cells = {
            "Name": firm.name,
            "Website": f"www.{firm.domain}",
            "Email": f"info@{firm.domain}",
            "Phone": firm.phone,
            "VatNumber": firm.tax_id,
            "PaymentTerms": firm.terms,
            "BillingAddress": self.crm_address(firm),
            "call_notes": self._note(firm),
            "email_log": f"From {firm.people[1].email}: complaint no. {self._number()}",
        }
        return self._type("crm", "customer", {**cells, **changes})

    def partner(self, firm: Firm, changes: dict[str, Any]) -> str:
        """Type a firm into the ERP."""
        cells = {
            "name": firm.name,
            "web": f"www.{firm.domain}",
            "mail": f"info@{firm.domain}",
            "tel": firm.phone,
            "vat_no": firm.tax_id,
            "bill_to": self.erp_address(firm),
            "terms": TERMS[firm.terms],
            "credit_limit": f"{self.chance.randrange(1, 40) * 500}.00",
        }
        return self._type("erp", "customer", {**cells, **changes})

    def crm_address(self, firm: Firm, **changes: str) -> dict[str, str]:
        """Give a firm's address in the CRM's form."""
        return {
            "BillingStreet": firm.street,
            "BillingCity": firm.town,
            "BillingState": "",
            "BillingPostalCode": firm.postcode,
            "BillingCountryCode": firm.country,
            **changes,
        }

    def erp_address(self, firm: Firm, **changes: str) -> dict[str, str]:
        """Give a firm's address in the ERP's form."""
        return {
            "addr1": firm.street,
            "town": firm.town,
            "county": "",
            "zip": firm.postcode,
            "iso": firm.country,
            **changes,
        }

    def people(self, firm: Firm, account: str, partner: str | None) -> None:
        """Type a firm's two people into the CRM, and the first one often into the ERP too."""
        for person, role in zip(firm.people, ("Primary", "Billing"), strict=True):
            self._type(
                "crm",
                "contact",
                {
                    "AccountId": account,
                    "Email": person.email,
                    "Phone": person.phone,
                    "Role": role,
                    "PersonName": {"FirstName": person.first, "LastName": person.last},
                    "call_notes": self._note(firm),
                },
            )
        if partner is not None and self.chance.random() < 0.5:
            self._person(firm.people[0], partner)

    def _person(self, person: Person, partner: str) -> None:
        # a few were typed in haste
        mail = None if self.chance.random() < 0.08 else person.email
        self._type(
            "erp",
            "contact",
            {
                "partner_id": partner,
                "full_name": f"{person.first} {person.last}",
                "mail": mail,
                "tel": person.phone,
                "function": "main",
            },
        )

    def change(self, kind: str, entity: str, record_id: str, cells: dict[str, Any]) -> None:
        """Change a record typed before."""
        system = self.crm if kind == "crm" else self.erp
        system.save(entity, system.shelf(entity).row(record_id), cells)

    def _type(self, kind: str, entity: str, cells: dict[str, Any]) -> str:
        return (self.crm if kind == "crm" else self.erp).save(entity, None, cells).id

    def _number(self) -> int:
        return self.chance.randrange(100_000, 1_000_000)

    def _note(self, firm: Firm) -> str:
        return f"{firm.people[0].first} hinted at budget {self._number()}, do not pass on"
