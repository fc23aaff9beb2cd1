"""Codecs a user's mapping file makes: what is written reads back as what the field can hold."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.mapping.codecs import (
    Boolean,
    Choice,
    CodecError,
    Date,
    Instant,
    Narrowed,
    Number,
    Text,
    ValueMap,
)
from interlock.model import FieldFacts, agree, project

words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
codes = st.one_of(words, st.integers(-(10**9), 10**9))
texts = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60)
numbers = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=6)


def key(code: object) -> str:
    return str(code).strip().casefold()


value_maps = st.lists(
    st.tuples(codes, words), min_size=1, max_size=8, unique_by=lambda pair: key(pair[0])
)


@given(value_maps)
def test_every_value_of_a_map_survives_the_round_trip(pairs: list[tuple[str | int, str]]):
    codec = ValueMap(tuple(pairs))
    for _, ours in pairs:
        assert codec.decode(codec.encode(ours)) == ours


@given(value_maps)
def test_of_several_codes_for_one_meaning_the_first_is_written(pairs: list[tuple[str | int, str]]):
    one_meaning = tuple((theirs, "same") for theirs, _ in pairs)
    assert ValueMap(one_meaning).encode("same") == one_meaning[0][0]
    assert all(ValueMap(one_meaning).decode(theirs) == "same" for theirs, _ in one_meaning)


def test_a_value_map_keeps_the_type_of_the_systems_code():
    codec = ValueMap(((1, "Net 30"), ("2", "Net 60")))
    assert codec.encode("Net 30") == 1
    assert codec.encode("Net 60") == "2"
    assert codec.decode("1") == "Net 30"
    assert codec.decode(2) == "Net 60"


def test_a_value_map_of_truth_values_does_not_mistake_one_for_true():
    codec = ValueMap((("Y", True), ("N", False)))
    assert codec.decode("y") is True
    assert codec.encode(False) == "N"
    with pytest.raises(CodecError):
        codec.encode(1)


def test_blank_stays_blank_in_a_value_map():
    codec = ValueMap((("a", "b"),))
    assert codec.decode("  ") is None
    assert codec.decode(None) is None
    assert codec.encode(None) is None


@pytest.mark.parametrize("side", ["decode", "encode"])
def test_an_unlisted_value_is_refused_with_the_remedy(side: str):
    with pytest.raises(CodecError) as caught:
        getattr(ValueMap((("a", "b"),)), side)("zzz")
    assert caught.value.fix == "add it to the field's values in the mapping file"


def test_a_choice_prefers_the_exact_code_to_one_that_differs_in_case():
    codec = Choice({"A": "upper", "a": "lower"})
    assert codec.decode(codec.encode("lower")) == "lower"
    assert codec.decode(codec.encode("upper")) == "upper"


@given(texts, st.integers(1, 40))
def test_narrowed_text_reads_back_as_what_the_field_holds(text: str, length: int):
    codec = Narrowed(Text(), max_length=length)
    value = project(text, codec.facts)
    assert project(codec.decode(codec.encode(value)), codec.facts) == value


@given(texts, st.integers(1, 40))
def test_narrowed_text_that_was_cut_is_no_difference_whatever_marks_it(text: str, length: int):
    codec = Narrowed(Text(FieldFacts(max_length=30, cut_mark="…")), max_length=length)
    assert agree(codec.decode(codec.encode(text)), text, codec.facts)


@given(texts, st.integers(1, 40))
def test_narrowed_text_never_exceeds_its_limit(text: str, length: int):
    written = Narrowed(Text(FieldFacts(max_length=30)), max_length=length).encode(text)
    assert len(written or "") <= min(length, 30)


@given(numbers, st.integers(0, 6))
def test_narrowed_numbers_read_back_as_what_the_field_holds(number: Decimal, decimals: int):
    codec = Narrowed(Number(), decimals=decimals)
    assert project(codec.decode(codec.encode(number)), codec.facts) == project(number, codec.facts)


def test_narrowing_never_widens():
    facts = Narrowed(Text(FieldFacts(max_length=10, decimals=2)), 20, 4).facts
    assert (facts.max_length, facts.decimals) == (10, 2)


@given(numbers)
def test_numbers_round_trip(number: Decimal):
    assert Number().decode(Number().encode(number)) == number


@given(st.dates())
def test_dates_round_trip(day: date):
    assert Date().decode(Date().encode(day)) == day


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_round_trip(instant: datetime):
    assert Instant().decode(Instant().encode(instant)) == instant


@pytest.mark.parametrize("codec", [Number(), Boolean(), Date(), Instant()])
def test_an_unreadable_value_is_not_quoted(codec: Number | Boolean | Date | Instant):
    with pytest.raises(CodecError) as caught:
        codec.decode("Jane Doe")
    assert "Jane" not in str(caught.value)
