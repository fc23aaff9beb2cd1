"""Forms of values: on the wire, tax ids, object maps, our keys in a sale."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.objects import NEVER, columns_of, object_maps
from interlock.connectors.tryton.parties import Layout
from interlock.connectors.tryton.sales import Keys, join_keys, read_keys
from interlock.connectors.tryton.taxids import TaxId, is_tax_type
from interlock.connectors.tryton.wire import from_wire, to_wire
from interlock.mapping.codecs import CodecError

LAYOUT = Layout(other_prefix="crm:")


def settings(**changes: object) -> TrytonSettings:
    return TrytonSettings.model_validate({
        "url": "https://erp.example", "database": "erp", "login": "i", "password": "p", **changes,
    })  # fmt: skip


# ── on the wire ──────────────────────────────────────────────────────────────────────────────

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.dates()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)  # fmt: skip


@given(values)
def test_every_value_survives_the_wire(value: object) -> None:
    assert from_wire(to_wire(value)) == value


def test_the_wire_forms_are_trytons() -> None:
    assert to_wire(Decimal("1E+2")) == {"__class__": "Decimal", "decimal": "100"}
    assert to_wire(date(2026, 1, 2)) == {"__class__": "date", "year": 2026, "month": 1, "day": 2}
    naive = {"year": 2026, "month": 11, "day": 23, "hour": 5, "minute": 1, "second": 2}
    read = from_wire({"__class__": "datetime", **naive, "microsecond": 3})
    assert read == datetime(2026, 11, 23, 5, 1, 2, 3, tzinfo=UTC)
    half_a_day = {"__class__": "timedelta", "seconds": Decimal("43200.0")}
    assert from_wire(half_a_day) == timedelta(hours=12)
    unknown = {"__class__": "fraction", "parts": 1}
    assert from_wire(unknown) == unknown


# ── tax ids ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("US04-2103594", "us_ein", "042103594"),
        ("be 0428.759.497", "eu_vat", "BE0428759497"),
        ("EL094259216", "eu_vat", "EL094259216"),
        ("GB980780684", "gb_vat", "980780684"),
        ("CHE107787577IVA", "ch_vat", "CHE107787577IVA"),
    ],
)
def test_a_tax_id_is_typed_and_read_back(text: str, kind: str, number: str) -> None:
    raw = TaxId().encode(text)
    assert raw == {"type": kind, "code_compact": number}
    assert TaxId().decode(raw) == "".join(c for c in text if c.isalnum()).upper()


@pytest.mark.parametrize("text", ["", "04-2103594", "BE0428759498", "US12", "XX123456789", "BE"])
def test_what_is_no_valid_tax_id_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(CodecError) as caught:
        TaxId().encode(text)
    assert caught.value.fix
    assert not text or text not in caught.value.message


def test_a_chosen_type_goes_before_the_usual_one() -> None:
    assert TaxId({"BE": "be_vat"}).encode("BE0428759497") == {
        "type": "be_vat", "code_compact": "0428759497",
    }  # fmt: skip


def test_other_identifiers_are_no_tax_ids() -> None:
    assert [is_tax_type(kind) for kind in ("fr_siren", None, "be_vat", "us_ein")] == [
        False, False, True, True,
    ]  # fmt: skip


# ── maps and settings ────────────────────────────────────────────────────────────────────────


def test_no_map_reads_what_is_never_read() -> None:
    for item in object_maps(settings()).values():
        columns = {column for path in item.paths for column in columns_of(path)}
        assert not {step for column in columns for step in column.split(".")} & set(NEVER)


def test_without_regions_an_address_is_compared_without_them() -> None:
    facts = object_maps(settings())["customer"].facts()["billing_address"]
    assert facts.address_parts == ("street", "city", "postcode", "country")
    facts = object_maps(settings(regions="code"))["customer"].facts()["billing_address"]
    assert "region" in (facts.address_parts or ())


def test_contacts_can_be_left_out() -> None:
    assert "contact" not in object_maps(settings(contacts=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "erp.example"},
        {"contact_relations": {"primary": "Boss of"}},
        {"contact_relations": {"primary": "Contact of", "other": "Contact of"}},
        {"nonsense": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


# ── our keys in a sale ───────────────────────────────────────────────────────────────────────

texts = st.none() | st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


@given(texts, texts, texts)
def test_keys_survive_in_one_text(
    reference: str | None, other: str | None, quote: str | None
) -> None:
    keys = Keys(reference=reference, other=other, quote=quote, rest="Blue ones please")
    assert read_keys(join_keys(keys, LAYOUT), LAYOUT) == keys


def test_what_others_wrote_stays() -> None:
    keys = read_keys("call first  crm:006 crm:007\ninterlock:il-1", LAYOUT)
    assert keys == Keys(reference="il-1", other="006", rest="call first crm:007")
    assert read_keys(None, LAYOUT) == Keys()
