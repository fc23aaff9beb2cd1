"""Salesforce's codecs, texts and literals, without a system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from interlock.connectors.salesforce.client import first_error, told
from interlock.connectors.salesforce.codecs import Lines, PersonName, Stage, WonAt
from interlock.connectors.salesforce.objects import flatten, model_field, object_maps
from interlock.connectors.salesforce.reading import is_id, literal, quoted
from interlock.mapping.codecs import CodecError
from interlock.model import StageKind


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ana de la Cruz", ("Ana de la", "Cruz")),
        ("Cher", (None, "Cher")),
        ("  Jo   Doe ", ("Jo", "Doe")),
    ],
)
def test_a_name_is_split_before_its_last_word(name: str, parts: tuple[str | None, str]) -> None:
    written = PersonName().encode(name)
    assert (written["FirstName"], written["LastName"]) == parts
    assert PersonName().decode(written) == " ".join(name.split())


def test_a_name_that_does_not_fit_is_refused_not_cut() -> None:
    with pytest.raises(CodecError, match="more than"):
        PersonName().encode("x" * 41 + " Doe")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"won": True, "closed": True}, StageKind.WON),
        ({"won": False, "closed": True}, StageKind.LOST),
        ({"won": False, "closed": False}, StageKind.OPEN),
    ],
)
def test_a_stage_means_what_its_marks_say(raw: dict[str, bool], kind: StageKind) -> None:
    assert Stage().decode(raw) == kind


def test_only_a_won_deal_was_won_at_some_time() -> None:
    assert WonAt().decode({"won": False, "closes": "2026-01-31"}) is None
    assert WonAt().decode({"won": True, "closes": "2026-01-31"}) == datetime(
        2026, 1, 31, tzinfo=UTC
    )


def test_a_lines_price_is_net_of_its_discount() -> None:
    row = {"Id": "1", "Quantity": 3, "UnitPrice": 10, "TotalPrice": Decimal("27.00")}
    (line,) = Lines().decode({"records": [row]})
    assert (line.quantity, line.unit_price, line.net) == (3, 9, 27)
    assert Lines().decode(None) == ()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Name: data value too large: Ada Lovelace (max length=5)", "Name: data value too large: …"),
        ("Email: invalid email address: ada@x", "Email: invalid email address: …"),
        ("Tier: bad value for restricted picklist field: gold", "Tier: bad value for restricted picklist field: …"),
        ("Required fields are missing: [Name]", "Required fields are missing: [Name]"),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_a_message_is_shown_without_the_value_it_quotes(message: str, shown: str) -> None:
    assert told(message) == shown


def test_the_first_error_is_found_in_either_shape_and_nowhere_else() -> None:
    assert first_error([{"errorCode": "A", "message": "m"}]) == ("A", "m")
    assert first_error([{"statusCode": "B", "message": "m"}]) == ("B", "m")
    for nothing in (None, [], {}, ["x"], "text"):
        assert first_error(nothing) == ("", "")


def test_text_and_moments_are_written_as_soql_wants_them() -> None:
    assert quoted("O'Brien \\ a\nb") == "'O\\'Brien \\\\ a\\nb'"
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert literal(moment) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(("text", "right"), [("001gK0000000001", True), ("001gK0000000001QAA", True), ("1", False), ("", False), ("001gK0000000001'", False)])  # fmt: skip
def test_only_what_looks_like_an_id_is_asked_for(text: str, right: bool) -> None:
    assert is_id(text) is right


def test_what_is_spread_over_several_fields_is_found_by_each_of_them() -> None:
    contact = object_maps("EUR")["contact"]
    assert flatten(contact.encode({"name": "Jo Doe"})) == {"FirstName": "Jo", "LastName": "Doe"}
    assert model_field(contact, "LastName") == "name"
    assert model_field(contact, "Nope") is None
