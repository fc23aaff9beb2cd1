"""What is said when a deal and its order come apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interlock.model import FieldFacts, Fields, Line, Money, OrderStatus, Ref, StageKind, Value
from interlock.processes.amendments import Kind, of_deal, of_order

CENT = Decimal("0.01")


def line(key: str = "1", quantity: str = "2", price: str = "5.00", sku: str = "A") -> Line:
    return Line(key=key, sku=sku, quantity=Decimal(quantity), unit_price=Decimal(price))


SOLD: Fields = {
    "amount": Money(amount=Decimal("10.00"), currency="EUR"),
    "lines": (line(),),
    "customer": Ref("customer", "1"),
    "po_number": None,
}


def shown(**fields: Value | None) -> Fields:
    return {**SOLD, "stage_kind": StageKind.WON, **fields}


class TestDeals:
    def test_the_same_deal(self) -> None:
        assert of_deal(SOLD, shown()) is None

    def test_what_is_not_shown_is_not_changed(self) -> None:
        assert of_deal(SOLD, {}) is None

    def test_the_same_numbers_in_another_spelling(self) -> None:
        assert of_deal(SOLD, shown(lines=(line(quantity="2.000", price="5"),))) is None

    @pytest.mark.parametrize(
        ("stage", "kind"),
        [(StageKind.LOST, Kind.DEAL_LOST), (StageKind.OPEN, Kind.DEAL_REOPENED)],
    )
    def test_a_stage_says_more_than_lines(self, stage: StageKind, kind: Kind) -> None:
        found = of_deal(SOLD, shown(stage_kind=stage, lines=()))
        assert found is not None
        assert found.kind is kind

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"lines": (line(price="5.0125"),)}, "line A 2 x 5.00 → 2 x 5.0125"),
            ({"lines": (line(), line("2", sku="B"))}, "line B added: 2 x 5.00"),
            ({"lines": (line(sku="B"), line("2"))}, "line A added: 2 x 5.00"),
            ({"lines": ()}, "line A removed: 2 x 5.00"),
            ({"lines": (line("2"),)}, "other lines"),
            ({"customer": Ref("customer", "2")}, "another customer"),
            ({"po_number": "PO-1"}, "PO number blank → PO-1"),
            (
                {"amount": Money(amount=Decimal(10), currency="USD")},
                "amount 10.00 EUR → 10 USD",
            ),
        ],
    )
    def test_both_versions_are_named(self, change: Fields, said: str) -> None:
        found = of_deal(SOLD, shown(**change))
        assert found is not None
        assert found.kind is Kind.DEAL_CHANGED
        assert said in found.what


class TestOrders:
    MADE: Fields = {"lines": (line(),), "currency": "EUR"}

    def look(self, tolerance: Decimal = CENT, **fields: Value | None) -> str | None:
        now: Fields = {
            **self.MADE, "status": OrderStatus.OPEN, "net_total": Decimal(10), **fields,
        }  # fmt: skip
        facts = {"lines": FieldFacts(decimals=4)}
        found = of_order(self.MADE, Decimal("10.00"), now, facts, tolerance)
        return None if found is None else f"{found.kind}: {found.what}"

    def test_the_same_order(self) -> None:
        assert self.look() is None

    def test_within_tolerance(self) -> None:
        assert self.look(net_total=Decimal("10.01")) is None
        assert "net total 10.00 → 10.02" in (self.look(net_total=Decimal("10.02")) or "")

    def test_cancelled(self) -> None:
        assert (self.look(status=OrderStatus.CANCELLED) or "").startswith("order_cancelled")

    def test_another_currency(self) -> None:
        assert "currency EUR → USD" in (self.look(currency="USD") or "")

    def test_lines(self) -> None:
        assert "line A 2 x 5.00 → 3 x 5.00" in (self.look(lines=(line(quantity="3"),)) or "")
        assert "line A removed" in (self.look(lines=()) or "")

    def test_lines_whose_keys_the_erp_does_not_keep_are_told_by_the_total_only(self) -> None:
        assert self.look(lines=(line("x"),)) is None

    def test_what_cannot_be_read(self) -> None:
        assert self.look(lines=None, net_total=None) is None
