"""Readiness: flaws, counterparts, duplicates and what matching will make of both lists."""

from __future__ import annotations

import pytest

from interlock.matching.score import default_weights
from interlock.matching.table import Company
from interlock.reports.counterparts import lonely, terms_key
from interlock.reports.postcodes import fits
from interlock.reports.quality import FIELDS, Flaw, inspect
from interlock.reports.readiness import assess
from interlock.reports.records import CustomerRecord, Source

GOOD = Company(id="1", name="Acme Widgets GmbH", website="acme.example.de", street="Hauptstr. 12",
               city="Köln", postcode="50667", country="DE", phone="+49 221 1234567",
               tax_id="DE136695976")  # fmt: skip


def record(**changes: str) -> CustomerRecord:
    raw = changes.pop("raw_country", changes.get("country", "DE"))
    values = {field: getattr(GOOD, field) for field in Company.__struct_fields__} | changes
    return CustomerRecord(company=Company(**values), raw_country=raw)


def flaws(found: CustomerRecord) -> set[str]:
    return set(inspect([found], FIELDS).flaws)


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"tax_id": "DE136695977"}, Flaw.TAX_ID),
        ({"tax_id": "12-34", "country": "US", "postcode": "10001"}, Flaw.TAX_ID),
        ({"country": "", "raw_country": ""}, Flaw.NO_COUNTRY),
        ({"country": "Untied States", "raw_country": "Untied States"}, Flaw.UNKNOWN_COUNTRY),
        ({"postcode": ""}, Flaw.NO_POSTCODE),
        ({"postcode": "5066"}, Flaw.POSTCODE),
        ({"street": "", "city": ""}, Flaw.NO_PLACE),
        ({"name": " "}, Flaw.NO_NAME),
    ],
)
def test_each_flaw_is_found_by_itself(changes: dict[str, str], flaw: Flaw) -> None:
    assert flaws(record()) == set()
    assert flaws(record(**changes)) == {flaw.value}


def test_an_empty_address_is_one_flaw_not_four() -> None:
    empty = record(street="", city="", postcode="", country="", raw_country="")
    assert flaws(empty) == {Flaw.NO_ADDRESS.value}


def test_a_country_without_postal_codes_lacks_none() -> None:
    assert flaws(record(postcode="", country="HK", tax_id="")) == set()


def test_a_list_without_address_columns_has_no_flawed_addresses() -> None:
    bare = CustomerRecord(company=Company(id="1", name="Acme"))
    assert inspect([bare], ["name"]).flaws == {}


def test_a_tax_id_of_no_known_country_is_not_judged() -> None:
    quality = inspect([record(tax_id="123456", country="", raw_country="")], FIELDS)
    assert (quality.unjudged, Flaw.TAX_ID.value in quality.flaws) == (1, False)


def test_filling_is_counted_of_the_fields_that_are_there() -> None:
    quality = inspect([record(), record(id="2", phone="")], ["name", "phone"])
    assert quality.filled == {"name": 2, "phone": 1}


@pytest.mark.parametrize(
    ("postcode", "country", "good"),
    [("10115", "DE", True), ("D-10115", "DE", True), ("1011", "DE", False),
     ("12345-6789", "US", True), ("1234", "US", False), ("SW1A 1AA", "GB", True),
     ("SW1A", "GB", False), ("352 31", "SE", True), ("1234 AB", "NL", True),
     ("K1A 0B1", "CA", True), ("00-950", "PL", True), ("anything", "ZZ", True)],
)  # fmt: skip
def test_postal_codes_are_held_against_their_countrys_form(
    postcode: str, country: str, good: bool
) -> None:
    assert fits(postcode, country) is good


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [("Net 30", "30 days net", True), ("NET30", "30 Tage netto", True),
     ("Due on receipt", "Prepaid", True), ("2% 10 Net 30", "2/10 net 30", True),
     ("2% 10 Net 30", "Net 30", False), ("Net 30", "Net 60", False),
     ("Net 30 EOM", "Net 30", False)],
)  # fmt: skip
def test_terms_that_mean_the_same_are_counterparts(one: str, two: str, same: bool) -> None:
    assert (terms_key(one) == terms_key(two)) is same


def test_values_without_counterpart_are_listed_with_their_side() -> None:
    found = lonely({"EUR": 3, "SEK": 1}, {"eur": 2, "USD": 5}, ("CRM", "ERP"), terms=False)
    assert [(v.side, v.value, v.customers) for v in found] == [("CRM", "SEK", 1), ("ERP", "USD", 5)]
    assert lonely({}, {"EUR": 1}, ("CRM", "ERP"), terms=False) == ()


def test_expectations_add_up_to_each_sides_records() -> None:
    left = [record(), record(id="2", website="", phone="0221/1234567", tax_id=""),
            CustomerRecord(company=Company(id="3", name="Nordlicht Optik AG"))]  # fmt: skip
    right = [record(id="E1"), CustomerRecord(company=Company(id="E2", name="Vandel Foods AB"))]
    source = Source(title="x", fields=FIELDS)
    found = assess(left, right, (source, source), default_weights(), names=("CRM", "ERP"))
    for side, count in zip(found.sides, (3, 2), strict=True):
        expected = side.expected
        assert expected.linked + expected.review + expected.alone == count
    assert [s.expected.linked for s in found.sides] == [2, 1]
    assert [(d.side, d.survivor_id, d.duplicate_id) for d in found.doubled] == [("CRM", "1", "2")]
