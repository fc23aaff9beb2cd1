"""Headers: whose export it is, which column is which, and what a person says about it."""

from __future__ import annotations

import pytest

from interlock.exports.headers import FIELDS, Kind, columns_of
from interlock.exports.programs import PROGRAMS


def found(
    header: str, kind: Kind, told: dict[str, str] | None = None
) -> tuple[str, dict[str, str]]:
    names = header.split(",")
    columns = columns_of(names, kind, PROGRAMS, told)
    return columns.program, {
        field: " + ".join(names[place] for place in places)
        for field, places in columns.places.items()
    }


@pytest.mark.parametrize(
    ("header", "kind", "program"),
    [
        ("Account ID,Account Name,Billing Street,Billing City,Billing Zip/Postal Code",
         Kind.CUSTOMERS, "Salesforce"),
        ("Id,Name,BillingStreet,BillingPostalCode", Kind.CUSTOMERS, "Salesforce"),
        ("Record ID,Company name,Company Domain Name,Country/Region", Kind.CUSTOMERS, "HubSpot"),
        ("Internal ID,Company Name,Billing Address 1,Billing Zip,Terms", Kind.CUSTOMERS,
         "NetSuite"),
        ("Customer full name,Phone Numbers,Bill Street,Bill Zip", Kind.CUSTOMERS, "QuickBooks"),
        ("Opportunity Name,Account Name,Amount,Close Date,Stage", Kind.DEALS, "Salesforce"),
        ("Record ID,Deal Name,Deal Stage,Close Date,Amount,Associated Company", Kind.DEALS,
         "HubSpot"),
        ("Document Number,Date,Name,Amount,Status", Kind.ORDERS, "NetSuite"),
        ("Num,Transaction date,Customer full name,Amount", Kind.ORDERS, "QuickBooks"),
        ("id,name,street,city,postcode,country,phone", Kind.CUSTOMERS, ""),
        ("Kundennummer,Firma,Straße,PLZ,Ort,Land", Kind.CUSTOMERS, ""),
    ],
)  # fmt: skip
def test_an_export_is_recognised_by_its_headers(header: str, kind: Kind, program: str) -> None:
    title, fields = found(header, kind)
    assert title == program
    assert len(set(fields.values())) == len(header.split(",")), "every column is understood"


def test_two_lines_of_a_street_are_one_field() -> None:
    fields = found("Internal ID,Company Name,Billing Address 1,Billing Address 2", Kind.CUSTOMERS)
    assert fields[1]["street"] == "Billing Address 1 + Billing Address 2"


def test_case_and_punctuation_of_headers_do_not_matter() -> None:
    assert found("ACCOUNT_ID,account name,billing-city", Kind.CUSTOMERS)[1]["id"] == "ACCOUNT_ID"


def test_what_a_person_says_goes_first() -> None:
    fields = found("id,name,Firm,other", Kind.CUSTOMERS, {"Firm": "name", "other": "city"})[1]
    assert (fields["name"], fields["city"]) == ("Firm", "other")


def test_a_column_can_be_taken_out() -> None:
    assert "phone" not in found("id,name,phone", Kind.CUSTOMERS, {"phone": ""})[1]


def test_a_name_alone_is_no_id() -> None:
    assert found("name", Kind.CUSTOMERS)[1] == {"name": "name"}


def test_a_header_that_stands_twice_is_said() -> None:
    columns = columns_of(["id", "name", "Name"], Kind.CUSTOMERS, PROGRAMS)
    assert columns.places["name"] == (1,)
    assert list(columns.doubled) == ["name"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.title or "plain")
def test_every_program_names_our_fields_only_and_its_unverified_headers_exist(program) -> None:
    named = set()
    for kind, fields in program.names.items():
        assert set(fields) <= set(FIELDS[kind])
        for headers in fields.values():
            for header in headers:
                named |= {header} if isinstance(header, str) else set(header)
    assert program.unverified <= named
