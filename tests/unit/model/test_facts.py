"""What a system can hold of a value, and when two values are the same to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.model import ANYTHING, Address, FieldFacts, Line, Money, Ref, agree, project

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "facts", "held"),
    [
        (None, ANYTHING, None),
        (True, FieldFacts(decimals=0), True),
        ("  a \t b  ", ANYTHING, "a b"),
        ("1 Main St\r\n  2nd floor", ANYTHING, "1 Main St\n2nd floor"),
        ("a  b", FieldFacts(collapses_space=False), "a  b"),
        ("   ", ANYTHING, None),
        ("", ANYTHING, None),
        ("Hello", FieldFacts(max_length=3), "Hel"),
        ("ab cd", FieldFacts(max_length=3), "ab"),
        ("Hello", FieldFacts(max_length=4, cut_mark="…"), "Hel…"),
        ("Hel…", FieldFacts(max_length=4, cut_mark="…"), "Hel…"),
        ("Hell", FieldFacts(max_length=4, cut_mark="…"), "Hell"),
        ("He lo", FieldFacts(max_length=4, cut_mark="…"), "He…"),
        ("Straße", FieldFacts(ignores_case=True), "strasse"),
        ("DE-123 456", FieldFacts(ignores_punctuation=True), "DE123456"),
        ("---", FieldFacts(ignores_punctuation=True), None),
        (Decimal("1.50"), ANYTHING, Decimal("1.5")),
        (Decimal(100), ANYTHING, Decimal(100)),
        (Decimal("-0.00"), ANYTHING, Decimal(0)),
        (Decimal("0.125"), FieldFacts(decimals=2), Decimal("0.12")),
        (Decimal("0.135"), FieldFacts(decimals=2), Decimal("0.14")),
        (Money(Decimal("1.005"), "EUR"), FieldFacts(decimals=2), Money(Decimal(1), "EUR")),
        (NOON, FieldFacts(resolution=timedelta(seconds=1)), NOON.replace(microsecond=0)),
        (NOON, ANYTHING, NOON),
        (date(2026, 3, 2), FieldFacts(resolution=timedelta(days=1)), date(2026, 3, 2)),
        (Ref("customer", "7"), FieldFacts(max_length=1), Ref("customer", "7")),
        (Address(street="  ", city=""), ANYTHING, None),
        (
            Address(street="1  Main", region="X"),
            FieldFacts(address_parts=("street",), max_length=3),
            Address(street="1 M"),
        ),
    ],
)
def test_project(value: Any, facts: FieldFacts, held: Any) -> None:
    assert project(value, facts) == held


def test_lines_are_told_apart_by_what_was_sold_not_by_words() -> None:
    line = Line(key="1", sku="A", description="A thing", quantity=Decimal("1.0"),
                unit_price=Decimal("9.999"), net=Decimal(10))  # fmt: skip
    other = Line(key="1", sku="A", description="Ein Ding", quantity=Decimal(1),
                 unit_price=Decimal("10.001"))  # fmt: skip
    assert agree((line,), (other,), FieldFacts(decimals=2))
    assert not agree((line,), (other,))
    assert not agree((line,), (line, line))


@pytest.mark.parametrize(
    ("left", "right", "facts", "same"),
    [
        ("a", "a", (), True),
        ("a", " a ", (), True),
        ("a", "A", (), False),
        ("a", None, (), False),
        ("", None, (), True),
        ("abcd", "abxx", (FieldFacts(max_length=2),), True),
        ("abcd", "abxx", (FieldFacts(max_length=3),), False),
        # both systems' limits count: what either cannot hold cannot be a difference
        ("ABCD", "abxx", (FieldFacts(max_length=2), FieldFacts(ignores_case=True)), True),
        (Decimal(1), Decimal("1.000"), (), True),
        (True, Decimal(1), (), True),
        (NOON, NOON.astimezone(None), (), True),
    ],
)
def test_agree(left: Any, right: Any, facts: tuple[FieldFacts, ...], same: bool) -> None:
    assert agree(left, right, *facts) is same
    assert agree(right, left, *facts) is same


texts = st.lists(st.sampled_from([*"abAB \t\n-./ßİ", "http://", "https://"]), max_size=12).map(
    "".join
)
some_facts = st.builds(
    FieldFacts,
    max_length=st.sampled_from([None, 1, 3]),
    ignores_case=st.booleans(),
    ignores_punctuation=st.booleans(),
    ignores_scheme=st.booleans(),
    collapses_space=st.booleans(),
    decimals=st.sampled_from([None, 0, 2]),
)
some_values = st.one_of(
    texts,
    st.none(),
    st.decimals(-1000, 1000, places=3),
    st.builds(Address, street=texts, city=st.none() | texts),
)


@given(some_values, some_facts)
def test_projecting_again_changes_nothing(value: Any, facts: FieldFacts) -> None:
    held = project(value, facts)
    assert project(held, facts) == held


@given(some_values, some_facts)
def test_a_value_agrees_with_what_is_held_of_it(value: Any, facts: FieldFacts) -> None:
    assert agree(value, project(value, facts), facts)
