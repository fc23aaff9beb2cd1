"""Expressions: what they may see, what they may give, and how they fail."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.mapping.codecs import CodecError
from interlock.mapping.expressions import MAX_ITEMS, MAX_LENGTH, MAX_TEXT, Expression

words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5)


def evaluate(source: str, value: object = None) -> object:
    return Expression.compile(source, "customer.name decode", ("value",))({"value": value})


def refusal(source: str, value: object = None) -> str:
    with pytest.raises(CodecError) as caught:
        evaluate(source, value)
    return caught.value.message


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("value.trim().upperAscii()", " ab ", "AB"),
        ("value.split(',')[1]", "a,b", "b"),
        ("value == null ? 'none' : value", None, "none"),
        ("value.matches('^[0-9]+$')", "123", True),
        ("size(value)", "äöü", 3),
        ("value + 1", 2, 3),
        ("value[0]", ["a", "b"], "a"),
        ("value.startsWith('2026')", date(2026, 1, 2), True),
        ("value", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ("null", "x", None),
    ],
)
def test_an_expression_gives_a_plain_value(source: str, value: object, expected: object):
    assert evaluate(source, value) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_decimals_pass_through_without_losing_a_digit(number: Decimal):
    assert Decimal(str(evaluate("value", number))) == number


def test_a_whole_number_beyond_64_bits_passes_as_text():
    assert evaluate("value", 2**70) == str(2**70)


@pytest.mark.parametrize(
    "source",
    ["1.5", "double(value) * 1.1", "[value]", "{'a': value}", "b'x'", "timestamp(value)"],
)
def test_floats_and_structures_are_refused_when_compiling(source: str):
    assert "the expression gives" in refusal(source, "1")


def test_a_float_that_only_shows_at_run_time_is_refused():
    assert refusal("dyn(double(value))", "1.10") == (
        "customer.name decode: the result is of type float"
    )


@pytest.mark.parametrize("source", ["other", "record.notes", "value.size() + secret", "size(env)"])
def test_nothing_but_the_declared_inputs_can_be_named(source: str):
    message = refusal(source)
    assert "undeclared reference" in message
    assert "it sees only value" in message


@given(st.dictionaries(st.sampled_from(["a", "b", "notes", "salary"]), words))
def test_inputs_that_were_not_declared_do_not_reach_the_expression(inputs: dict[str, str]):
    expression = Expression.compile("a == null ? 'none' : a", "x", ("a",))
    assert expression(inputs) == inputs.get("a", "none")


def test_an_object_is_refused_because_it_could_carry_what_is_barred():
    assert "not a whole object" in refusal("value.name", {"name": "x", "salary": 1})
    assert "not a whole object" in refusal("value[0].name", [{"name": "x"}])


def test_text_and_lists_beyond_the_limits_are_refused_not_cut():
    assert evaluate("value", "x" * MAX_TEXT) == "x" * MAX_TEXT
    assert "longer than" in refusal("value", "x" * (MAX_TEXT + 1))
    assert "longer than" in refusal("value + value", "x" * MAX_TEXT)
    assert evaluate("size(value)", [1] * MAX_ITEMS) == MAX_ITEMS
    assert "longer than" in refusal("size(value)", [1] * (MAX_ITEMS + 1))


@given(words, words)
def test_a_nul_character_drops_out_and_cuts_nothing_off(before: str, after: str):
    assert evaluate("value + '!'", f"{before}\0{after}") == f"{before}{after}!"


def test_half_a_character_is_refused():
    assert refusal("value", "a\ud800") == "customer.name decode: it cannot be evaluated"


def test_a_long_expression_is_refused():
    assert "longer than" in refusal("'" + "x" * MAX_LENGTH + "'")


def test_deep_nesting_is_refused():
    assert refusal("(" * 200 + "1" + ")" * 200).endswith("nested too deeply")


def test_an_expression_cannot_run_on_without_end():
    source = "value.all(a, value.all(b, value.all(c, true)))"
    assert refusal(source, [1] * MAX_ITEMS) == "customer.name decode: it takes too many steps"


def test_a_backtracking_pattern_stays_quick():
    assert evaluate("value.matches('^(a+)+$')", "a" * 3000 + "b") is False


def test_a_syntax_error_names_the_expression_and_the_column():
    message = refusal("value +")
    assert message.startswith("customer.name decode: ")
    assert "(column 8)" in message


@pytest.mark.parametrize(
    ("source", "value", "reason"),
    [
        ("1 / value", 0, "divide by zero"),
        ("int(value)", "Jane", "cannot convert string to int"),
        ("value + 1", "Jane", "No matching overloads"),
        ("{'a': 'b'}[value]", "Jane", "it has no value here"),
    ],
)
def test_a_failing_expression_says_why_without_the_value(source: str, value: object, reason: str):
    message = refusal(source, value)
    assert message.startswith("customer.name decode: ")
    assert reason in message
    assert "Jane" not in message
