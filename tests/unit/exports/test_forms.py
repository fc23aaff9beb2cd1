"""Amounts, currencies and dates in the forms people's programs write."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.exports.currencies import currency_in
from interlock.exports.forms import (
    DateOrder,
    DecimalMark,
    Doubt,
    date_order,
    decimal_mark,
    read_amount,
    read_date,
)


def cells(*texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts, start=2))


@pytest.mark.parametrize(
    ("column", "mark"),
    [
        (("1,234.50",), DecimalMark.POINT),
        (("1.234,50",), DecimalMark.COMMA),
        (("1.234", "99,9"), DecimalMark.COMMA),
        (("1,234", "99.9"), DecimalMark.POINT),
        (("1.234.567",), DecimalMark.COMMA),
        (("1'234.50",), DecimalMark.POINT),
        (("1 234,50 €",), DecimalMark.COMMA),
        (("12,34,567.00",), DecimalMark.POINT),
        (("100", "1.234", "2,345"), None),
        (("", "n/a"), None),
    ],
)
def test_the_column_tells_the_decimal_mark(
    column: tuple[str, ...], mark: DecimalMark | None
) -> None:
    assert decimal_mark(cells(*column)) == mark


def test_a_column_that_proves_both_marks_is_doubted_at_the_second() -> None:
    assert decimal_mark(cells("1,50", "7", "1.50")) == Doubt(4, both=True)


@pytest.mark.parametrize(
    ("text", "mark", "amount"),
    [
        ("1,234.50", DecimalMark.POINT, "1234.50"),
        ("1.234,50", DecimalMark.COMMA, "1234.50"),
        ("$ 1,234", None, "1234"),
        ("1.234", None, "1234"),
        ("EUR 99,90", DecimalMark.COMMA, "99.90"),
        ("99,90 €", DecimalMark.COMMA, "99.90"),
        ("(1,200.00)", DecimalMark.POINT, "-1200.00"),
        ("-5", None, "-5"),
        ("5-", None, "-5"),
        ("1 234,5", DecimalMark.COMMA, "1234.5"),
        ("0.10", DecimalMark.POINT, "0.10"),
    ],
)
def test_an_amount_is_read_exactly(text: str, mark: DecimalMark | None, amount: str) -> None:
    assert read_amount(text, mark) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "none", "12 of 15", "1.2.3,4,5", "about 100", "x" * 10_000])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read_amount(text, DecimalMark.COMMA) is None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False))
def test_what_is_written_in_either_way_is_read_back(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert read_amount(english, DecimalMark.POINT) == amount
    assert read_amount(german, DecimalMark.COMMA) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("EUR", "EUR"), ("eur", "EUR"), ("€ 12", "EUR"), ("US$5", "USD"), ("USA", "USD"),
        ("USD United States Dollar", "USD"), ("British pound", "GBP"), ("$ 12", None),
        ("TBD", None), ("", None), ("12.00", None),
    ],
)  # fmt: skip
def test_a_currency_is_named_or_not(text: str, code: str | None) -> None:
    assert currency_in(text) == code


@pytest.mark.parametrize(
    ("column", "order"),
    [
        (("03/04/2026", "25/04/2026"), DateOrder.DMY),
        (("03/04/2026", "04/25/2026"), DateOrder.MDY),
        (("2026-03-04",), None),
        (("03.04.2026",), None),
        (("3 Apr 2026", "05/05/2026"), None),
        (("03/04/2026", "x"), Doubt(2, both=False)),
        (("25/04/2026", "04/25/2026"), Doubt(3, both=True)),
    ],
)
def test_the_whole_column_tells_day_from_month(
    column: tuple[str, ...], order: DateOrder | Doubt | None
) -> None:
    assert date_order(cells(*column)) == order


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-03-04", None), ("2026-03-04T23:59:00Z", None), ("2026/3/4", None),
        ("20260304", None), ("04.03.2026", None), ("4.3.26", None), ("04.03.2026", DateOrder.MDY),
        ("04/03/2026", DateOrder.DMY), ("3/4/2026 12:00 AM", DateOrder.MDY),
        ("04-03-2026", DateOrder.DMY), ("4 March 2026", None), ("4. März 2026", None),
        ("Mar 4, 2026", None), ("4-Mar-2026", None), ("4 mars 2026", None),
    ],
)  # fmt: skip
def test_a_date_is_read_in_any_usual_form(text: str, order: DateOrder | None) -> None:
    assert read_date(text, order) == date(2026, 3, 4)


@pytest.mark.parametrize("text", ["", "soon", "31/31/2026", "2026-02-30", "123456789", "1/2"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text, DateOrder.DMY) is None


@given(st.text(max_size=80))
def test_no_text_crashes_a_reader(text: str) -> None:
    read_date(text, DateOrder.DMY)
    read_amount(text, DecimalMark.POINT)
    currency_in(text)
    date_order([(2, text)])
    decimal_mark([(2, text)])
