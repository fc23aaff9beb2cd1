"""Tryton as its users see it: what they type and read, through RPC and without the connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.real.systems.tryton import TrytonServer
from tests.real.systems.tryton_rpc import TrytonRpc

__all__ = ["Erp", "Party", "Sale"]

_TAX_TYPES = {"GB": "gb_vat", "US": "us_ein"}
_STAMPED = ("party.party", "party.address", "party.contact_mechanism", "party.identifier",
            "product.product", "sale.sale", "sale.line", "account.invoice", "account.dunning")  # fmt: skip


@dataclass(frozen=True)
class Party:
    """A customer or a person, with everything that hangs on it."""

    id: int
    name: str
    tax_id: str
    """Compact, as Tryton keeps it."""
    other_ids: tuple[str, ...]
    phone: str
    email: str
    website: str
    address: Mapping[str, str]
    terms: str
    works_for: tuple[tuple[int, str], ...]
    """(customer, relation type)."""


@dataclass(frozen=True)
class Sale:
    """An order; ``lines``: (SKU, quantity, unit price)."""

    id: int
    number: str
    party: int
    state: str
    currency: str
    net: Decimal
    reference: str
    description: str
    terms: str
    lines: tuple[tuple[str, Decimal, Decimal], ...]


@dataclass(frozen=True)
class Erp:
    """One company's database."""

    server: TrytonServer
    rpc: TrytonRpc = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rpc", self.server.rpc(admin=True))

    @property
    def ids(self) -> Mapping[str, Any]:
        return self.server.ids

    # ── what users do ────────────────────────────────────────────────────────────────────────

    def add_relation_types(self, names: Sequence[str]) -> None:
        self.rpc.model("party.relation.type", "create", [{"name": name} for name in names])

    def add_customer(
        self, *, name: str, country: str, street: str = "", city: str = "", postcode: str = "",
        tax_id: str = "", phone: str = "", email: str = "", website: str = "", terms: str = "",
        credit_limit: str = "",
    ) -> int:  # fmt: skip
        values: dict[str, Any] = {
            "name": name, "categories": [["add", [self.ids["party_categories"]["Customer"]]]],
            "contact_mechanisms": [["create", [
                {"type": kind, "value": value}
                for kind, value in (("phone", phone), ("email", email), ("website", website))
                if value]]],
        }  # fmt: skip
        if street:
            values["addresses"] = [["create", [{
                "street": street, "city": city, "postal_code": postcode, "invoice": True,
                "delivery": True, "country": self.ids["countries"][country]}]]]  # fmt: skip
        if tax_id:
            kind = _TAX_TYPES.get(country, "eu_vat")
            values["identifiers"] = [["create", [{"type": kind, "code": tax_id}]]]
        if terms:
            values["customer_payment_term"] = self.ids["payment_terms"][terms]
        if credit_limit:
            values["credit_limit_amount"] = {"__class__": "Decimal", "decimal": credit_limit}
        (party,) = self.rpc.model("party.party", "create", [values])
        return int(party)

    def add_person(self, name: str, customer: int, relation: str, *, email: str, phone: str) -> int:
        (kind,) = self.rpc.model("party.relation.type", "search", [["name", "=", relation]],
                                 0, None, None)  # fmt: skip
        (party,) = self.rpc.model("party.party", "create", [{
            "name": name, "relations": [["create", [{"to": customer, "type": kind}]]],
            "contact_mechanisms": [["create", [
                {"type": "email", "value": email}, {"type": "phone", "value": phone}]]],
        }])  # fmt: skip
        return int(party)

    def change_phone(self, party: int, phone: str) -> None:
        (row,) = self.rpc.model("party.contact_mechanism", "search_read", [
            ["party", "=", party], ["type", "=", "phone"]], 0, 1, None, ["id"])  # fmt: skip
        self.rpc.model("party.contact_mechanism", "write", [row["id"]], {"value": phone})

    def set_price(self, sku: str, price: str) -> None:
        """Change what a product costs by the list."""
        (row,) = self.rpc.model("product.product", "search_read", [["code", "=", sku]], 0, 1, None,
                                ["template"])  # fmt: skip
        amount = {"__class__": "Decimal", "decimal": price}
        self.rpc.model("product.template", "write", [row["template"]], {"list_price": amount})

    # ── what they see ────────────────────────────────────────────────────────────────────────

    def customers(self) -> dict[int, Party]:
        category = self.ids["party_categories"]["Customer"]
        return self._parties([["categories", "=", category]])

    def people(self) -> dict[int, Party]:
        return self._parties([["relations.type.name", "like", "%ontact of"]])

    def _parties(self, domain: list[Any]) -> dict[int, Party]:
        rows = self.rpc.model("party.party", "search_read", domain, 0, None, None, [
            "name", "customer_payment_term.name", "identifiers.type", "identifiers.code",
            "identifiers.code_compact", "contact_mechanisms.type", "contact_mechanisms.value",
            "addresses.street", "addresses.city", "addresses.postal_code",
            "addresses.country.code", "addresses.invoice", "relations.to",
            "relations.type.name"])  # fmt: skip
        return {row["id"]: _party(row) for row in rows}

    def sales(self) -> dict[int, Sale]:
        rows = self.rpc.model("sale.sale", "search_read", [], 0, None, [["id", "ASC"]], [
            "number", "party", "state", "currency.code", "untaxed_amount", "reference",
            "description", "payment_term.name", "lines.product.code", "lines.quantity",
            "lines.unit_price", "lines.type", "lines.sequence"])  # fmt: skip
        return {row["id"]: _sale(row) for row in rows}

    def everything(self) -> dict[str, dict[int, str]]:
        """The change stamp of every row; relations have none that stands still, so their cells."""
        found: dict[str, dict[int, str]] = {}
        for model in _STAMPED:
            rows = self.rpc.model(model, "search_read", [["id", ">", 0]], 0, None, None, [
                "last_modified_at"])  # fmt: skip
            found[model] = {row["id"]: str(row["last_modified_at"]) for row in rows}
        rows = self.rpc.model("party.relation.all", "search_read", [["id", ">", 0]], 0, None, None,
                              ["from_", "to", "type", "active"])  # fmt: skip
        found["party.relation.all"] = {
            row["id"]: str([row[k] for k in ("from_", "to", "type", "active")]) for row in rows
        }
        return found


def _party(row: dict[str, Any]) -> Party:
    mechanisms = {m["type"]: m["value"] for m in reversed(row["contact_mechanisms."])}
    identifiers = row["identifiers."]
    address = next(iter(sorted(row["addresses."], key=lambda a: (not a["invoice"], a["id"]))), {})
    return Party(
        id=row["id"], name=row["name"] or "",
        tax_id=next((i["code_compact"] for i in identifiers if i["type"]), ""),
        other_ids=tuple(i["code"] for i in identifiers if not i["type"]),
        phone=mechanisms.get("phone", ""), email=mechanisms.get("email", ""),
        website=mechanisms.get("website", ""),
        address={
            "street": address.get("street") or "", "city": address.get("city") or "",
            "postcode": address.get("postal_code") or "",
            "country": (address.get("country.") or {}).get("code", "")},
        terms=(row["customer_payment_term."] or {}).get("name", ""),
        works_for=tuple((r["to"], r["type."]["name"]) for r in row["relations."]),
    )  # fmt: skip


def _sale(row: dict[str, Any]) -> Sale:
    lines = [line for line in row["lines."] if line["type"] == "line"]
    lines.sort(key=lambda x: (x["sequence"] is None, x["sequence"], x["id"]))
    return Sale(
        id=row["id"], number=row["number"] or "", party=row["party"], state=row["state"],
        currency=row["currency."]["code"], net=Decimal(row["untaxed_amount"]["decimal"]),
        reference=row["reference"] or "", description=row["description"] or "",
        terms=(row["payment_term."] or {}).get("name", ""),
        lines=tuple((line["product."]["code"], Decimal(str(line["quantity"])),
                     Decimal(line["unit_price"]["decimal"])) for line in lines),
    )  # fmt: skip
