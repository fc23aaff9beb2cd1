"""Values: what is written is what is read, as far as the system declares it can hold it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from interlock.connectors.base import Connector, Outcome
from interlock.model import (
    Address,
    FieldFacts,
    Line,
    Money,
    Ref,
    Value,
    agree,
    project,
)
from interlock.model.schema import EntitySchema
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import (
    Conformance,
    creating,
    declared,
    fetch_one,
    need,
    reference_for,
    text_of,
    updating,
    writable,
    write_one,
)

__all__ = ["BaseRoundTrip", "BaseValues"]

_TEXTS = {
    "accents": "Zoë Çelik-Ångström",
    "other scripts": "株式会社 Ωμέγα Ужгород",
    "markup": 'O\'Brien & <Söhne> "x" 100 %',
    "emoji": "Ada 🧮 Works",
}
_AMOUNTS = ("0.01", "1234.56", "1000000.10")


class BaseValues(Conformance):
    """Texts, amounts and lines survive the way through the system."""

    @pytest.mark.parametrize("text", list(_TEXTS.values()), ids=list(_TEXTS))
    async def test_text_survives(
        self, harness: Harness, connector: Connector, entity: str, text: str
    ) -> None:
        """Written by us it is shown by the system; seeded in the system it is read by us."""
        field = text_of(harness, connector, entity)
        seeded = await harness.seed(entity, {**await harness.sample(entity), field: text})
        assert (await fetch_one(connector, entity, seeded)).fields[field] == text
        need(declared(connector, entity).create, f"create {entity}")
        made = await self._create(harness, connector, entity, {field: f"{text} {harness.token}"})
        shown = await harness.read(entity, made)
        assert shown is not None
        assert shown[field] == f"{text} {harness.token}"

    async def test_longest_text_survives_and_longer_is_cut_or_refused(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The declared length is the real one; what is beyond it is not lost silently."""
        need(declared(connector, entity).create, f"create {entity}")
        field = text_of(harness, connector, entity)
        facts = declared(connector, entity).fields[field]
        if facts.max_length is None or facts.max_length > 10_000:
            pytest.skip(f"{entity}.{field} has no declared length to reach")
        longest = (f"{harness.token} " + "ab cdé " * facts.max_length)[: facts.max_length]
        longest = longest.rstrip().ljust(facts.max_length, "x")
        made = await self._create(harness, connector, entity, {field: longest})
        assert (await fetch_one(connector, entity, made)).fields[field] == longest
        fields = {**await harness.sample(entity), field: "y" + longest}
        write = creating(entity, writable(connector, entity, fields), None)
        receipt = await write_one(connector, write)
        if receipt.outcome is Outcome.CREATED:
            assert receipt.record_id is not None
            record = await fetch_one(connector, entity, receipt.record_id)
            assert record.fields[field] == project("y" + longest, facts)
        else:
            assert receipt.outcome is Outcome.REJECTED
            assert receipt.reason is not None
            assert receipt.reason.code == "too_long"

    async def test_blank_is_written_and_read_as_blank(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """An emptied text is positively blank afterwards, not unknown and not an empty text."""
        need(declared(connector, entity).update, f"update {entity}")
        field = _optional_text(connector, entity)
        if field is None:
            pytest.skip(f"{entity} has no optional, freely writable text field")
        record_id = await harness.seed_sample(entity)
        for value in (f"x{harness.token}", None):
            seen = await fetch_one(connector, entity, record_id)
            write = updating(entity, record_id, {field: value}, seen=seen)
            assert (await write_one(connector, write)).outcome.succeeded
            assert (await fetch_one(connector, entity, record_id)).fields[field] == value

    async def test_amounts_survive_to_the_last_digit(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """As decimals with their currency, never as floats."""
        need(declared(connector, entity).update, f"update {entity}")
        facts = declared(connector, entity).fields
        names = [
            name
            for name, kind in EntitySchema(entity).types.items()
            if kind is Money and name in facts and facts[name].writable
        ]
        if not names:
            pytest.skip(f"{entity} has no writable amount")
        record_id = await harness.seed_sample(entity)
        for name in names:
            for currency in harness.currencies:
                for amount in _AMOUNTS:
                    value = Money(Decimal(amount), currency)
                    write = updating(entity, record_id, {name: value})
                    assert (await write_one(connector, write)).outcome.succeeded
                    shown = (await fetch_one(connector, entity, record_id)).fields[name]
                    assert isinstance(shown, Money)
                    assert isinstance(shown.amount, Decimal)
                    assert agree(shown, value, facts[name])

    async def test_lines_survive(self, harness: Harness, connector: Connector, entity: str) -> None:
        """Keys, quantities and prices of each line, in order."""
        facts = declared(connector, entity).fields
        if "lines" not in facts or not facts["lines"].writable:
            pytest.skip(f"{entity} has no writable lines")
        need(declared(connector, entity).create, f"create {entity}")
        product = await harness.sample("product")
        product_id = await harness.seed("product", product)
        lines = tuple(
            Line(key=f"{harness.token}/{key}", product=Ref("product", product_id),
                 sku=str(product["sku"]), quantity=Decimal(quantity), unit_price=Decimal(price))
            for key, quantity, price in ((1, "3", "19.99"), (2, "1", "0.01"), (3, "12", "250"))
        )  # fmt: skip
        made = await self._create(harness, connector, entity, {"lines": lines})
        shown = (await fetch_one(connector, entity, made)).fields["lines"]
        assert isinstance(shown, tuple)
        assert [_essence(line) for line in shown] == [_essence(line) for line in lines]

    async def _create(
        self, harness: Harness, connector: Connector, entity: str, fields: dict[str, Value]
    ) -> str:
        able = declared(connector, entity)
        full = writable(connector, entity, {**await harness.sample(entity), **fields})
        reference = reference_for(harness) if able.find else None
        receipt = await write_one(connector, creating(entity, full, reference))
        assert receipt.outcome is Outcome.CREATED, receipt.reason
        assert receipt.record_id is not None
        return receipt.record_id


def _essence(line: Line) -> tuple[str, str | None, Decimal, Decimal]:
    return (
        line.key,
        None if line.product is None else line.product.id,
        line.quantity,
        line.unit_price,
    )


def _optional_text(connector: Connector, entity: str) -> str | None:
    facts = declared(connector, entity).fields
    free = [
        name
        for name in ("po_number", "order_number", "other_id", "phone")
        if name in facts and facts[name].writable and not facts[name].required
    ]
    return free[0] if free else None


class BaseRoundTrip(Conformance):
    """``decode(encode(x)) == project(x)`` for every writable field of every object map."""

    async def test_every_field_survives_its_codec(self, harness: Harness, entity: str) -> None:
        """For made-up values of the field's type, within its declared facts, and for blank."""
        facts = harness.object_maps()[entity].facts()
        types = EntitySchema(entity).types
        names = [name for name, fact in facts.items() if fact.writable and name in types]
        if not names:
            able = harness.connect().capabilities.entities[entity]
            assert not (able.create or able.update), f"no field of {entity} is writable"
            pytest.skip(f"{entity} is declared read-only")
        for name in names:
            values = harness.values(entity, name)
            if values is None:
                values = _values(name, types[name], facts[name], harness)
            _holds(harness, entity, name, facts[name], st.none() | values)

    async def test_read_only_fields_refuse_to_be_encoded(
        self, harness: Harness, entity: str
    ) -> None:
        """A computed field is never written by mistake."""
        item = harness.object_maps()[entity]
        for field in item.fields:
            if not field.writable:
                with pytest.raises(Exception, match=field.field):
                    item.encode({field.field: None})


def _holds(
    harness: Harness, entity: str, name: str, facts: FieldFacts, values: SearchStrategy[Any]
) -> None:
    @settings(
        max_examples=80, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(value=values)
    def survives(value: Value | None) -> None:
        back = harness.round_trip(entity, name, value)
        assert agree(back, value, facts), f"{entity}.{name}: {value!r} came back as {back!r}"

    survives()


# letters of many scripts, digits, punctuation, symbols, spaces; no controls, no surrogates
_characters = st.characters(categories=("L", "N", "P", "S", "Zs"))


def _texts(facts: FieldFacts) -> SearchStrategy[str]:
    if facts.choices is not None:
        return st.sampled_from(facts.choices)
    return st.text(_characters, max_size=(facts.max_length or 200) + 5)


def _decimals(facts: FieldFacts) -> SearchStrategy[Decimal]:
    places = 6 if facts.decimals is None else facts.decimals + 2
    return st.integers(-(10**12), 10**12).map(lambda digits: Decimal(digits).scaleb(-places))


def _addresses(facts: FieldFacts) -> SearchStrategy[Address]:
    words = st.text(_characters, min_size=1, max_size=30)
    parts = {part: st.none() | words for part in Address.__struct_fields__}
    parts["country"] = st.none() | st.sampled_from(["DE", "FR", "GB", "US", "JP"])
    kept = {
        p: s for p, s in parts.items() if facts.address_parts is None or p in facts.address_parts
    }
    return st.builds(Address, **kept)


def _lines(facts: FieldFacts, harness: Harness) -> SearchStrategy[tuple[Line, ...]]:
    amounts = st.integers(0, 10**9).map(lambda digits: Decimal(digits).scaleb(-2))
    line = st.builds(
        Line,
        key=st.text("abc123/-", min_size=1, max_size=20),
        product=st.builds(Ref, st.just("product"), st.sampled_from(harness.example_ids)),
        sku=st.text("ABC123-", min_size=1, max_size=20),
        quantity=amounts.filter(bool),
        unit_price=amounts if (facts.decimals or 2) >= 2 else st.just(Decimal(1)),
    )
    return st.lists(line, min_size=1, max_size=5).map(tuple)


def _values(  # noqa: PLR0911  one line a type
    name: str, kind: Any, facts: FieldFacts, harness: Harness
) -> SearchStrategy[Any]:
    """Make values of a type, within a field's facts."""
    if kind is str:
        return _texts(facts)
    if kind is bool:
        return st.booleans()
    if kind is Decimal:
        return _decimals(facts)
    if kind is Money:
        return st.builds(Money, _decimals(facts), st.sampled_from(harness.currencies))
    if kind is Address:
        return _addresses(facts)
    if kind is date:
        return st.dates(date(1970, 1, 2), date(2090, 1, 1))
    if kind is datetime:
        return st.datetimes(datetime(1970, 1, 2), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    if kind is Ref:
        # a reference is named after what it points to
        return st.builds(Ref, st.just(name), st.sampled_from(harness.example_ids))
    return _lines(facts, harness)
