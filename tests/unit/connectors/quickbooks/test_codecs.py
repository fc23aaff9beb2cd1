"""What QuickBooks stores in its own way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.quickbooks.client import Fault, read_fault
from interlock.connectors.quickbooks.codecs import InvoicedOrder, Lines, Name, Postal
from interlock.mapping.codecs import CodecError
from interlock.model import Address, FieldFacts, Line, Ref


class TestAddresses:
    def test_five_lines_of_street_and_no_more(self) -> None:
        street = "a\nb\nc\nd\ne"
        raw = Postal().encode(Address(street=street, country="DE"))
        assert [raw[f"Line{n}"] for n in range(1, 6)] == list("abcde")
        assert raw["Country"] == "Germany"
        assert Postal().decode(raw) == Address(street=street, country="DE")
        with pytest.raises(CodecError, match="five lines"):
            Postal().encode(Address(street=street + "\nf"))

    def test_a_blank_one_empties_every_part(self) -> None:
        assert set(Postal().encode(None).values()) == {""}
        assert Postal().decode({"Line1": " ", "City": ""}) is None

    @pytest.mark.parametrize("country", ["USA", "US", "United States"])
    def test_a_country_by_any_name(self, country: str) -> None:
        assert Postal().decode({"Country": country}) == Address(country="US")


class TestLines:
    def test_what_has_no_quantity_is_one_of_its_amount(self) -> None:
        row = {"Id": "4", "DetailType": "SalesItemLineDetail", "Amount": Decimal("99.50"),
               "SalesItemLineDetail": {"ItemRef": {"value": "7"}}}  # fmt: skip
        (line,) = Lines().decode({"lines": [row], "keys": ()})
        assert line == Line(key="line-4", product=Ref("product", "7"), quantity=Decimal(1),
                            unit_price=Decimal("99.50"), net=Decimal("99.50"))  # fmt: skip

    @pytest.mark.parametrize("product", [None, Ref("product", "@7")])
    def test_a_line_without_a_product_of_quickbooks_is_refused(self, product: Any) -> None:
        line = Line(key="a", product=product, quantity=Decimal(1), unit_price=Decimal(1))
        with pytest.raises(CodecError, match="line a"):
            Lines().encode((line,))

    def test_amounts_are_rounded_half_up_as_quickbooks_adds_up(self) -> None:
        line = Line(key="a", product=Ref("product", "1"), quantity=Decimal("0.5"),
                    unit_price=Decimal("0.01"))  # fmt: skip
        (row,) = Lines().encode((line,))["Line"]
        assert row["Amount"] == Decimal("0.01")


def test_names_without_what_quickbooks_keeps_for_itself() -> None:
    codec = Name(FieldFacts(max_length=10))
    assert codec.encode("x" * 20) == "x" * 10
    for text in ("a:b", "a\tb", "a\nb"):
        with pytest.raises(CodecError, match="no colon"):
            codec.encode(text)


def test_an_order_that_is_an_invoice_is_never_a_draft() -> None:
    with pytest.raises(CodecError):
        InvoicedOrder().encode("draft")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"Fault": {"type": "ValidationFault", "Error": [{"code": "6240", "Message": "Dup",
                                                          "Detail": "Acme", "element": "x"}]}},
         Fault("ValidationFault", "6240", "Dup", "x")),
        ({"fault": {"type": "AUTHENTICATION", "error": [{"code": "3200", "message": "no"}]}},
         Fault("AUTHENTICATION", "3200", "no")),
        ({"Fault": {"type": "SystemFault", "Error": []}}, Fault("SystemFault", "", "")),
        ({"Fault": {"type": "SystemFault", "Error": "x"}}, Fault("SystemFault", "", "")),
        ({"QueryResponse": {}}, None),
        ([], None),
        (None, None),
    ],
)  # fmt: skip
def test_faults_in_both_spellings(data: Any, fault: Fault | None) -> None:
    assert read_fault(data) == fault


def test_a_fault_tells_nothing_of_the_value_it_is_about() -> None:
    fault = Fault("ValidationFault", "2040", "bad address ada@example.org", "PrimaryEmailAddr")
    assert "ada" not in fault.told
