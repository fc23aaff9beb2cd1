"""The order made of a won deal, and every reason not to make one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.model import Address, FieldFacts, Line, Money, Ref
from interlock.processes.snapshot import Draft, Refusal, draft_order, net_of, order_total

CUSTOMER = Ref("customer", "@7")
FACTS = {
    "lines": FieldFacts(decimals=4),
    "po_number": FieldFacts(),
    "quote_number": FieldFacts(),
    "payment_terms": FieldFacts(),
    "billing_address": FieldFacts(),
    "shipping_address": FieldFacts(writable=False),
}


def line(key: str = "1", **changes: Any) -> Line:
    values: dict[str, Any] = {
        "product": Ref("product", f"p{key}"),
        "sku": f"SKU-{key}",
        "quantity": Decimal(2),
        "unit_price": Decimal("5.00"),
    }
    return Line(key=key, **(values | changes))


def deal(*lines: Line, amount: str | None = None, **changes: Any) -> dict[str, Any]:
    lines = lines or (line(),)
    total = (
        sum((net_of(one, "EUR") for one in lines), Decimal(0))
        if amount is None
        else Decimal(amount)
    )
    return {
        "stage_kind": "won",
        "lines": lines,
        "amount": Money(total, "EUR"),
        "po_number": "PO-1",
    } | changes


def draft(
    of: dict[str, Any],
    quote: dict[str, Any] | None = None,
    *,
    customer: Ref | None = CUSTOMER,
    tolerance: str = "0.01",
    facts: dict[str, FieldFacts] | None = None,
    **options: Any,
) -> Draft | Refusal:
    return draft_order(
        of,
        quote,
        products={f"p{n}": f"e{n}" for n in "12345"},
        by_sku={"sku-9": ["e9"], "sku-8": ["e8", "e80"]},
        customer=customer,
        customer_fields=options.get("customer_fields", {}),
        facts=FACTS if facts is None else facts,
        tolerance=Decimal(tolerance),
    )


def made(outcome: Draft | Refusal) -> Draft:
    assert isinstance(outcome, Draft), outcome
    return outcome


def refused(outcome: Draft | Refusal) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome


class TestTheOrder:
    def test_it_carries_what_was_sold_to_the_linked_customer(self) -> None:
        order = made(draft(deal(line("1"), line("2", quantity=Decimal(1)))))
        assert order.net_total == Decimal("15.00")
        assert order.currency == "EUR"
        assert order.fields["customer"] == CUSTOMER
        assert order.fields["currency"] == "EUR"
        lines = order.fields["lines"]
        assert isinstance(lines, tuple)
        assert [(one.key, one.product) for one in lines] == [
            ("1", Ref("product", "e1")),
            ("2", Ref("product", "e2")),
        ]

    def test_the_header_takes_what_the_erp_can_hold_and_somebody_filled(self) -> None:
        terms = {
            "payment_terms": "net 30",
            "billing_address": Address(city="Ulm"),
            "shipping_address": Address(city="Bonn"),
        }
        order = made(draft(deal(), customer_fields=terms))
        assert order.fields["po_number"] == "PO-1"
        assert order.fields["payment_terms"] == "net 30"
        assert order.fields["billing_address"] == Address(city="Ulm")
        assert "shipping_address" not in order.fields, "the ERP does not let us write it"
        assert "quote_number" not in order.fields, "nobody filled it"

    def test_a_field_the_erp_does_not_have_is_left_out(self) -> None:
        assert "po_number" not in made(draft(deal(), facts={})).fields

    def test_the_accepted_quote_is_what_was_agreed(self) -> None:
        quote = {"lines": (line("3"),), "currency": "EUR", "number": "Q-1"}
        order = made(draft(deal(line("1")), quote))
        lines = order.fields["lines"]
        assert isinstance(lines, tuple)
        assert [one.key for one in lines] == ["3"]
        assert order.fields["quote_number"] == "Q-1"

    def test_a_product_without_a_link_is_found_by_its_sku(self) -> None:
        sold = line("1", product=Ref("product", "unlinked"), sku=" SKU-9 ")
        order = made(draft(deal(sold)))
        lines = order.fields["lines"]
        assert isinstance(lines, tuple)
        assert lines[0].product == Ref("product", "e9")


class TestRefusals:
    def test_a_deal_that_is_not_won(self) -> None:
        outcome = refused(draft(deal(stage_kind="open")))
        assert (outcome.code, outcome.waits) == ("not_won", True)

    def test_a_customer_that_is_not_linked(self) -> None:
        outcome = refused(draft(deal(), customer=None))
        assert (outcome.code, outcome.field, outcome.waits) == ("no_customer", "customer", True)

    @pytest.mark.parametrize("lines", [None, (), ...])
    def test_no_lines(self, lines: Any) -> None:
        of = deal()
        if lines is ...:
            del of["lines"]
        else:
            of["lines"] = lines
        outcome = refused(draft(of))
        assert (outcome.code, outcome.waits) == ("no_lines", False)

    def test_a_quote_without_lines_is_not_replaced_by_the_deals(self) -> None:
        outcome = refused(draft(deal(), {"lines": None, "currency": "EUR"}))
        assert outcome.code == "no_lines"
        assert "quote" in outcome.message

    @pytest.mark.parametrize("amount", [None, ...])
    def test_no_amount(self, amount: Any) -> None:
        of = deal()
        if amount is ...:
            del of["amount"]
        else:
            of["amount"] = amount
        assert refused(draft(of)).code == "no_amount"

    def test_two_currencies(self) -> None:
        outcome = refused(draft(deal(), {"lines": (line(),), "currency": "USD"}))
        assert (outcome.code, outcome.waits) == ("currency", False)
        assert "USD" in outcome.message
        assert "EUR" in outcome.message

    def test_a_quote_that_names_no_currency_is_in_the_deals(self) -> None:
        assert made(draft(deal(), {"lines": (line(),)})).currency == "EUR"

    def test_lines_that_do_not_add_up_to_the_amount_wait(self) -> None:
        """Half of what the rep is typing has been saved."""
        outcome = refused(draft(deal(line(), amount="25.00")))
        assert (outcome.code, outcome.waits) == ("torn", True)
        assert "10.00" in outcome.message
        assert "25.00" in outcome.message

    @pytest.mark.parametrize(("amount", "ordered"), [("10.01", True), ("10.02", False)])
    def test_within_the_tolerance_to_the_cent(self, amount: str, ordered: bool) -> None:
        assert isinstance(draft(deal(line(), amount=amount)), Draft) is ordered

    def test_no_tolerance_is_no_tolerance(self) -> None:
        assert refused(draft(deal(line(), amount="10.01"), tolerance="0")).code == "torn"
        assert made(draft(deal(line(), amount="10.00"), tolerance="0"))

    @pytest.mark.parametrize(
        ("sold", "named"),
        [
            (line("8", product=None, sku="NOPE"), "line 2 (NOPE)"),
            (line("8", product=Ref("product", "gone"), sku=None, description="A gift"), "A gift"),
            (line("8", product=None, sku=None, description=None), "line 2 (8)"),
        ],
    )
    def test_an_unknown_product_names_the_line(self, sold: Line, named: str) -> None:
        outcome = refused(draft(deal(line("1"), sold)))
        assert (outcome.code, outcome.waits) == ("unknown_product", False)
        assert named in outcome.message

    def test_a_sku_of_several_products_names_the_line(self) -> None:
        outcome = refused(draft(deal(line("1"), line("8", product=None))))
        assert (outcome.code, outcome.waits) == ("ambiguous_product", False)
        assert "line 2 (SKU-8)" in outcome.message

    @pytest.mark.parametrize("quantity", [Decimal(0), Decimal(-1)])
    def test_a_quantity_of_nothing_or_less(self, quantity: Decimal) -> None:
        outcome = refused(draft(deal(line("1"), line("2", quantity=quantity))))
        assert outcome.code == "quantity"
        assert "line 2" in outcome.message

    def test_a_price_the_erp_cannot_hold_exactly(self) -> None:
        coarse = FACTS | {"lines": FieldFacts(decimals=2)}
        sold = line("1", quantity=Decimal(1000), unit_price=Decimal("0.0149"))
        outcome = refused(draft(deal(sold), facts=coarse))
        assert (outcome.code, outcome.field) == ("rounding", "lines")
        assert "14.90" in outcome.message
        assert "10.00" in outcome.message

    def test_every_refusal_that_needs_a_person_says_what_mends_it(self) -> None:
        for of, quote in (
            (deal(lines=None), None),
            (deal(amount=None) | {"amount": None}, None),
            (deal(), {"lines": (line(),), "currency": "USD"}),
            (deal(line("8", product=None)), None),
            (deal(line(quantity=Decimal(0))), None),
        ):
            outcome = refused(draft(of, quote))
            assert not outcome.waits
            assert outcome.fix
            assert outcome.message


class TestCents:
    def test_each_line_is_rounded_before_it_is_added(self) -> None:
        third = [line(n, quantity=Decimal(1), unit_price=Decimal("0.335")) for n in "123"]
        assert order_total(third, "EUR") == Decimal("1.02")
        order = made(draft(deal(*third, amount="1.02"), tolerance="0"))
        assert order.net_total == Decimal("1.02")

    def test_half_a_cent_goes_up(self) -> None:
        assert net_of(line(quantity=Decimal(1), unit_price=Decimal("0.005")), "EUR") == Decimal(
            "0.01"
        )

    def test_a_given_net_counts_and_the_price_follows_it(self) -> None:
        """7 for 10.00 after a discount: 1.4286 each, and the order still comes to 10.00."""
        sold = line("1", quantity=Decimal(7), unit_price=Decimal("1.50"), net=Decimal("10.00"))
        order = made(draft(deal(sold), tolerance="0"))
        lines = order.fields["lines"]
        assert isinstance(lines, tuple)
        assert lines[0].unit_price == Decimal("1.4286")
        assert lines[0].net is None
        assert order.net_total == Decimal("10.00")

    def test_a_net_that_follows_from_the_price_leaves_it_alone(self) -> None:
        sold = line("1", quantity=Decimal(3), unit_price=Decimal("0.335"), net=Decimal("1.01"))
        order = made(draft(deal(sold)))
        lines = order.fields["lines"]
        assert isinstance(lines, tuple)
        assert lines[0].unit_price == Decimal("0.335")

    def test_what_was_projected_is_what_is_compared(self) -> None:
        coarse = FACTS | {"lines": FieldFacts(decimals=0)}
        outcome = refused(draft(deal(line(unit_price=Decimal("5.4"))), facts=coarse))
        assert outcome.code == "rounding"


cents = st.decimals("0.01", "999.99", places=2)
quantities = st.decimals("0.001", "999", places=3).filter(lambda q: q > 0)


@given(st.lists(st.tuples(quantities, cents), min_size=1, max_size=5))
def test_a_draft_comes_to_what_was_offered(sold: list[tuple[Decimal, Decimal]]) -> None:
    lines = [
        line(str(n), quantity=quantity, unit_price=price)
        for n, (quantity, price) in enumerate(sold, 1)
    ]
    of = deal(*lines)
    outcome = draft(of, tolerance="0")
    order = made(outcome)
    assert order.net_total == of["amount"].amount
    ordered = order.fields["lines"]
    assert isinstance(ordered, tuple)
    assert order_total(ordered, "EUR") == order.net_total
