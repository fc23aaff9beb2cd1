"""Customers as rows: any sequence of edits is read back, and touches nothing else."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.connectors.tryton.client import Row
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.objects import object_maps
from interlock.connectors.tryton.parties import (
    Layout,
    party_raw,
    party_reference,
    party_values,
    stamps,
    version,
)
from interlock.model import Address, Fields, Record, agree

LAYOUT = Layout(other_prefix="crm:", currency="USD", relation_types=frozenset({"Contact of"}))
SETTINGS = TrytonSettings.model_validate(
    {"url": "https://erp.example", "database": "erp", "login": "i", "password": "p"}
)
CUSTOMER = object_maps(SETTINGS)["customer"]
PARTS = ("addresses", "contact_mechanisms", "identifiers")


class Tryton:
    """Carries out commands on the rows below one party, as Tryton does."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.row: Row = {"id": 1, "_timestamp": "0", "name": None}
        self.row |= {f"{part}.": [] for part in PARTS}

    def apply(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name not in PARTS:
                self.row[name] = value
                continue
            rows = self.row[f"{name}."]
            for action, *rest in value:
                if action == "create":
                    rows += [self._made(name, new) for new in rest[0]]
                else:
                    ids, changes = rest
                    for row in rows:
                        if row["id"] in ids:
                            row.update(self._shown(name, changes))
                            row["_timestamp"] = str(next(self.numbers))
        for part in PARTS:
            live = [row for row in self.row[f"{part}."] if row["active"]]
            self.row[f"{part}."] = live

    def _made(self, name: str, values: Row) -> Row:
        base: Row = {"id": next(self.numbers), "active": True, "_timestamp": "0"}
        if name == "addresses":
            base |= {"invoice": False, "delivery": False}
        return base | self._shown(name, values)

    def _shown(self, name: str, values: Row) -> Row:
        shown = dict(values)
        if name == "addresses" and "country" in values:
            code = shown.pop("country")
            shown["country."] = code and {"id": code, "code": code}
        if name == "identifiers" and "code" in values:
            shown["code_compact"] = values["code"]
        return shown


words = st.text("abc xyz", min_size=1, max_size=6).map(str.strip).filter(bool)
addresses = st.builds(
    Address, street=words, city=st.none() | words, country=st.sampled_from(["BE", "US", None])
)
edits = st.fixed_dictionaries({}, optional={
    "name": words, "website": st.none() | words, "email": st.none() | words,
    "phone": st.none() | words, "other_id": st.none() | words,
    "tax_id": st.sampled_from([None, "BE0428759497", "US042103594"]),
    "billing_address": st.none() | addresses, "shipping_address": st.none() | addresses,
})  # fmt: skip


@settings(deadline=None)
@given(st.lists(edits, min_size=1, max_size=6))
def test_edits_are_read_back_and_touch_nothing_else(history: list[Fields]) -> None:
    tryton, expected = Tryton(), dict.fromkeys((f.field for f in CUSTOMER.fields), None)
    del expected["payment_terms"], expected["credit_limit"], expected["price_list"]
    del expected["credit_hold"], expected["hold_reason"]
    tryton.apply(party_values({}, None, LAYOUT, reference="il-1"))
    facts = CUSTOMER.facts()
    for fields in history:
        expected |= fields
        raw = CUSTOMER.encode(fields)
        tryton.apply(party_values(raw, tryton.row, LAYOUT))
        shown = CUSTOMER.decode(party_raw(tryton.row, LAYOUT))
        for name, value in expected.items():
            assert agree(shown[name], value, facts[name]), name
        assert party_reference(tryton.row, LAYOUT) == "il-1"


def test_an_address_edit_moves_the_version_and_is_guarded() -> None:
    tryton = Tryton()
    tryton.apply({"addresses": [["create", [{"street": "x", "invoice": True}]]]})
    before = version(tryton.row, "party.party")
    [address] = tryton.row["addresses."]
    assert stamps(tryton.row, "party.party") == {
        "party.party,1": "0", f"party.address,{address['id']}": "0",
    }  # fmt: skip
    address["_timestamp"] = "9"
    assert version(tryton.row, "party.party") != before


def test_an_unflagged_address_gets_the_invoices_but_a_delivery_address_does_not() -> None:
    row: Row = {"id": 1, "addresses.": [
        {"id": 1, "active": 1, "invoice": 0, "delivery": 1, "street": "Dock"},
        {"id": 2, "active": 1, "invoice": 0, "delivery": 0, "street": "Home"},
    ]}  # fmt: skip
    raw = party_raw(row, LAYOUT)
    assert raw["addresses:invoice"]["street"] == "Home"
    assert raw["addresses:delivery"]["street"] == "Dock"
    row["addresses."].pop()
    assert party_raw(row, LAYOUT)["addresses:invoice"] is None


def test_what_was_not_read_stays_unknown() -> None:
    fields = CUSTOMER.decode(party_raw({"id": 1, "name": "Acme"}, LAYOUT))
    assert fields == {"name": "Acme"}
    record = Record(entity="customer", id="1", fields=fields)
    assert "email" not in record.fields


def test_a_mobile_number_is_a_phone_number_when_there_is_no_other() -> None:
    rows = [{"id": 1, "active": 1, "type": "mobile", "value": "0475"}]
    row: Row = {"id": 1, "contact_mechanisms.": rows}
    assert party_raw(row, LAYOUT)["contact_mechanisms:phone"] == "0475"
    values = party_values({"contact_mechanisms:phone": "0476"}, row, LAYOUT)
    assert values == {"contact_mechanisms": [["write", [1], {"value": "0476"}]]}
