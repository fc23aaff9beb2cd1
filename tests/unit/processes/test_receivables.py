"""What a customer owes and buys, from its invoices: to the cent, or not at all."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.governance.signals import SignalRules
from interlock.model import Fields, Money
from interlock.processes.receivables import Figures, figures_of, year_before

TODAY = date(2026, 3, 2)
RATES = SignalRules(
    currency="EUR", source="ECB", rates={"USD": Decimal("0.9137"), "JPY": Decimal("0.0061")}
)


def invoice(total: str = "119.00", net: str = "100.00", left: str | None = None,
            currency: str = "EUR", **more: Any) -> Fields:  # fmt: skip
    shown: Fields = {
        "status": "open", "issued_on": TODAY - timedelta(days=40), "due_on": TODAY,
        "net": Money(Decimal(net), currency), "total": Money(Decimal(total), currency),
        "open": Money(Decimal(total if left is None else left), currency), "paid_on": None,
        "disputed": False,
    }  # fmt: skip
    return {**shown, **more}


def figures(*invoices: Fields, rules: SignalRules = RATES, currency: str = "EUR") -> Figures:
    return figures_of(invoices, TODAY, currency, rules)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_nothing_billed_is_nothing_owed() -> None:
    found = figures()
    assert found.fields == {
        "balance": euro("0.00"), "overdue": euro("0.00"), "credit_balance": euro("0.00"),
        "oldest_due_on": None, "days_overdue": Decimal(0), "revenue_12m": euro("0.00"),
        "revenue_change": None, "lifetime_revenue": euro("0.00"), "days_to_pay": None,
        "last_payment_on": None,
    }  # fmt: skip
    assert found.unknown == []


def test_due_today_is_not_overdue_yet() -> None:
    assert figures(invoice()).fields["days_overdue"] == 0
    late = figures(invoice(due_on=TODAY - timedelta(days=1)), invoice()).fields
    assert (late["days_overdue"], late["overdue"]) == (1, euro("119.00"))
    assert late["oldest_due_on"] == TODAY - timedelta(days=1)


def test_without_terms_it_is_due_at_once() -> None:
    assert figures(invoice(due_on=None)).fields["days_overdue"] == 40


def test_a_credit_note_is_deducted_but_makes_nothing_less_overdue() -> None:
    found = figures(invoice(due_on=TODAY - timedelta(days=9)), invoice("-20.00", "-20.00")).fields
    assert found["balance"] == euro("99.00")
    assert found["credit_balance"] == euro("20.00")
    assert found["overdue"] == euro("119.00")
    assert found["lifetime_revenue"] == euro("80.00")


@pytest.mark.parametrize("state", ["draft", "cancelled"])
def test_what_is_not_posted_does_not_count(state: str) -> None:
    assert figures(invoice(status=state)).fields == figures().fields


def test_revenue_of_two_years_and_its_change() -> None:
    def sold(days: int, net: str) -> Fields:
        return invoice(net=net, status="paid", left="0", issued_on=TODAY - timedelta(days=days))

    found = figures(sold(0, "50"), sold(364, "10"), sold(365, "200"), sold(700, "40"),
                    sold(800, "1"))  # fmt: skip
    assert found.fields["revenue_12m"] == euro("60.00")
    assert found.fields["revenue_change"] == Decimal("-75.0")
    assert found.fields["lifetime_revenue"] == euro("301.00")


def test_how_long_payment_takes() -> None:
    def paid(days: int, ago: int) -> Fields:
        on = TODAY - timedelta(days=ago)
        return invoice(status="paid", left="0", paid_on=on, issued_on=on - timedelta(days=days))

    found = figures(paid(10, 5), paid(21, 9), paid(300, 366)).fields
    assert found["days_to_pay"] == 16, "15.5, and what was paid more than a year ago is left out"
    assert found["last_payment_on"] == TODAY - timedelta(days=5)


class TestUnknown:
    def test_no_rate(self) -> None:
        found = figures(invoice(currency="CHF", due_on=TODAY - timedelta(days=1)), invoice())
        assert not {"balance", "overdue", "lifetime_revenue", "revenue_12m"} & found.fields.keys()
        assert found.fields["days_overdue"] == 1, "days have no currency"
        assert found.unknown == ["there is no rate for CHF"]

    def test_a_foreign_invoice_that_is_paid_leaves_the_balance_known(self) -> None:
        found = figures(invoice(currency="CHF", status="paid", left="0"), invoice())
        assert found.fields["balance"] == euro("119.00")
        assert "lifetime_revenue" not in found.fields

    @pytest.mark.parametrize(
        ("field", "lost"),
        [("open", {"balance", "overdue", "days_overdue", "credit_balance"}),
         ("due_on", {"overdue", "days_overdue", "oldest_due_on"}),
         ("net", {"lifetime_revenue", "revenue_12m", "revenue_change"}),
         ("paid_on", {"last_payment_on", "days_to_pay"})],
    )  # fmt: skip
    def test_a_field_that_is_not_shown(self, field: str, lost: set[str]) -> None:
        shown = invoice()
        del shown[field]
        found = figures(shown, invoice()).fields
        assert not lost & found.keys()
        assert found.keys() >= figures().fields.keys() - lost - {"oldest_due_on"}

    def test_an_unknown_state_leaves_nothing(self) -> None:
        shown = invoice()
        del shown["status"]
        assert figures(shown).fields == {}


cents = st.integers(-10_000_000, 10_000_000).map(lambda n: Decimal(n) / 100)
currencies = st.sampled_from(["EUR", "USD", "JPY"])


@settings(deadline=None)
@given(st.lists(st.tuples(cents, currencies), max_size=30))
def test_balances_are_exact_to_the_cent(items: list[tuple[Decimal, str]]) -> None:
    """Against sums of fractions, which lose nothing, rounded once at the end."""
    shown = [invoice(str(a), str(a), currency=c) for a, c in items]
    rates = {"EUR": Fraction(1), **{c: Fraction(r) for c, r in RATES.rates.items()}}
    exact = sum((Fraction(a) * rates[c] for a, c in items), Fraction(0))
    found = figures(*shown).fields
    balance = found["balance"]
    assert isinstance(balance, Money)
    assert abs(Fraction(balance.amount) - exact) <= Fraction(1, 200)
    assert balance.amount == balance.amount.quantize(Decimal("0.01"))
    assert found["lifetime_revenue"] == balance
    assert found["credit_balance"].amount >= 0  # type: ignore[union-attr]


@settings(deadline=None)
@given(st.lists(st.tuples(cents, st.integers(-400, 400)), max_size=30), st.randoms())
def test_the_order_of_invoices_changes_nothing(items: Any, rng: Any) -> None:
    shown = [invoice(str(a), str(a), due_on=TODAY + timedelta(days=d)) for a, d in items]
    turned = list(shown)
    rng.shuffle(turned)
    assert figures(*shown).fields == figures(*turned).fields


@settings(deadline=None)
@given(st.lists(cents, max_size=20), st.sampled_from(["JPY", "EUR", "KWD"]))
def test_amounts_have_the_digits_of_their_currency(amounts: list[Decimal], currency: str) -> None:
    found = figures(*(invoice(str(a), str(a), currency=currency) for a in amounts),
                    rules=SignalRules(), currency=currency)  # fmt: skip
    balance = found.fields["balance"]
    assert isinstance(balance, Money)
    digits = {"JPY": Decimal(1), "EUR": Decimal("0.01"), "KWD": Decimal("0.001")}[currency]
    assert balance.amount == sum(amounts, Decimal(0)).quantize(digits, ROUND_HALF_UP)
    assert balance.currency == currency


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(-60, 60)), max_size=20))
def test_overdue_is_a_part_of_what_is_owed(items: list[tuple[int, int]]) -> None:
    shown = [invoice(str(Decimal(n) / 100), due_on=TODAY + timedelta(days=d)) for n, d in items]
    found = figures(*shown).fields
    late = sum((Decimal(n) / 100 for n, d in items if d < 0), Decimal(0))
    assert found["overdue"] == Money(late.quantize(Decimal("0.01")), "EUR")
    oldest = min((d for _, d in items if d < 0), default=0)
    assert found["days_overdue"] == -oldest


def test_a_year_before_a_leap_day() -> None:
    assert year_before(date(2028, 2, 29)) == date(2027, 2, 28)
