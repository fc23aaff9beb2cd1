"""Money: what an order comes to in the ERP is what was sold, in every currency and rounding mode."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.objects import ERP_MAPS
from interlock.connectors.tryton.objects import SaleLines
from interlock.model import FieldFacts, Line, Money, Record, Ref
from interlock.model.currencies import in_coins, minor_unit, round_money
from interlock.processes.snapshot import Draft, Refusal, draft_order
from interlock.reports.order_checks import Check, Verdict, check_order
from interlock.reports.rehearsed import Evidence, Reading
from interlock.reports.sold import SoldDeal

CURRENCIES = ("JPY", "EUR", "KWD", "CLF")
CRM_MODES = (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)


def patient(examples: int) -> settings:
    """A busy machine is no failure."""
    return settings(max_examples=examples, deadline=None,
                    suppress_health_check=[HealthCheck.too_slow])  # fmt: skip


quantities = st.one_of(
    st.integers(1, 5000).map(Decimal),
    st.decimals("0.001", "2000", places=3).filter(lambda q: q > 0),
)
prices = st.decimals("0", "99999", places=4)
discounts = st.sampled_from(["0", "0.1", "0.125", "0.333", "1"]).map(Decimal)


class Sale(msgspec.Struct, frozen=True):
    """A deal of some currency, and how the ERP works out an order."""

    currency: str
    lines: tuple[Line, ...]
    decimals: int
    half_even: bool

    @property
    def facts(self) -> FieldFacts:
        return FieldFacts(decimals=self.decimals, half_even=self.half_even)

    @property
    def amount(self) -> Decimal:
        return sum((line.net or Decimal(0) for line in self.lines), Decimal(0))


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    currency, mode = draw(st.sampled_from(CURRENCIES)), draw(st.sampled_from(CRM_MODES))
    lines = []
    for number in range(draw(st.integers(1, 4))):
        quantity, price, off = draw(quantities), draw(prices), draw(discounts)
        net = (quantity * price * (1 - off)).quantize(minor_unit(currency), mode)
        lines.append(Line(key=str(number), product=Ref("product", "p"), sku="W-1",
                          quantity=quantity, unit_price=price, net=net))  # fmt: skip
    return Sale(currency, tuple(lines), draw(st.sampled_from([2, 4, 6])), draw(st.booleans()))


def ordered(sale: Sale, tolerance: str = "0") -> Draft | Refusal:
    return draft_order(
        {"stage_kind": "won", "lines": sale.lines, "amount": Money(sale.amount, sale.currency)},
        None,
        products={"p": "1"},
        by_sku={},
        customer=Ref("customer", "@1"),
        customer_fields={},
        facts={"lines": sale.facts},
        tolerance=Decimal(tolerance),
    )


def lines_of(draft: Draft) -> tuple[Line, ...]:
    lines = draft.fields["lines"]
    assert isinstance(lines, tuple)
    return lines


def erp_net(line: Line, sale: Sale) -> Decimal:
    """What the ERP makes of a line: written here once more, on purpose."""
    mode = ROUND_HALF_EVEN if sale.half_even else ROUND_HALF_UP
    return (line.quantity * line.unit_price).quantize(minor_unit(sale.currency), mode)


@patient(400)
@given(sales())
@example(Sale("JPY", (Line(key="1", product=Ref("product", "p"), quantity=Decimal(7),
                           unit_price=Decimal("35.5"), net=Decimal(249)),), 4, False))  # fmt: skip
@example(
    Sale(
        "EUR",
        (
            Line(
                key="1",
                product=Ref("product", "p"),
                quantity=Decimal("0.5"),
                unit_price=Decimal("100.25"),
                net=Decimal("50.13"),
            ),
        ),
        4,
        True,
    )
)
def test_an_order_comes_to_what_was_sold_or_is_not_made(sale: Sale) -> None:
    outcome = ordered(sale)
    if isinstance(outcome, Refusal):
        assert outcome.code == "rounding"
        assert any(not expressible(line, sale) for line in sale.lines)
        return
    total = sum((erp_net(line, sale) for line in lines_of(outcome)), Decimal(0))
    assert total == outcome.net_total == sale.amount
    for line in lines_of(outcome):
        assert line.unit_price >= 0
        assert line.unit_price == round(line.unit_price, sale.decimals)


def expressible(line: Line, sale: Sale) -> bool:
    """Say whether any price the ERP can hold gives the line's net."""
    assert line.net is not None
    step = Decimal(1).scaleb(-sale.decimals)
    near = (line.net / line.quantity / step).to_integral_value(ROUND_FLOOR) * step
    far = (line.net / line.quantity / step).to_integral_value(ROUND_CEILING) * step
    tried = (near - step, near, far, far + step)
    return any(
        erp_net(msgspec.structs.replace(line, unit_price=price), sale) == line.net
        for price in tried
        if price >= 0
    )


@patient(200)
@given(sales())
def test_a_price_the_erp_can_hold_is_the_price_that_is_ordered(sale: Sale) -> None:
    """Nothing is derived where the deal's own price comes to the net: reps see their price."""
    outcome = ordered(sale)
    if isinstance(outcome, Draft):
        for sold, line in zip(sale.lines, lines_of(outcome), strict=True):
            price = round(sold.unit_price, sale.decimals)
            if erp_net(msgspec.structs.replace(sold, unit_price=price), sale) == sold.net:
                assert line.unit_price == price


@pytest.fixture(scope="module")
def erp() -> MemorySystem:
    erp = MemorySystem("erp", any_terms=True)
    erp.add("customer", {"name": "Acme"})
    erp.add("product", {"sku": "W-1", "title": "Widget"})
    return erp


@patient(200)
@given(sale=sales())
def test_the_memory_erp_comes_to_the_cent_to_what_was_drafted(
    erp: MemorySystem, sale: Sale
) -> None:
    sale = msgspec.structs.replace(sale, decimals=4, half_even=False)
    outcome = ordered(sale)
    if isinstance(outcome, Refusal):
        return
    lines = [item for item in ERP_MAPS["order"].fields if item.field == "lines"]
    assert lines[0].codec.facts.half_even is False
    cells: dict[str, Any] = {"partner_id": "1", "currency": sale.currency}
    order = erp.add("order", cells | {"rows": lines[0].codec.encode(lines_of(outcome))})
    made = erp.get("order", order)
    assert made is not None
    assert Decimal(made["net_total"]) == sale.amount


@patient(200)
@given(sales())
def test_what_is_sent_to_tryton_comes_there_to_what_was_drafted(sale: Sale) -> None:
    """Tryton keeps a quantity as a float and rounds each line half to even."""
    codec = SaleLines()
    sale = msgspec.structs.replace(
        sale, decimals=codec.facts.decimals, half_even=codec.facts.half_even
    )
    assert sale.half_even
    outcome = ordered(sale)
    if isinstance(outcome, Draft):
        rows = codec.encode(lines_of(outcome))
        # as sale.line computes its amount
        total = sum(
            (
                (Decimal(str(float(row["quantity"]))) * row["unit_price"]).quantize(
                    minor_unit(sale.currency), ROUND_HALF_EVEN
                )
                for row in rows
            ),
            Decimal(0),
        )
        assert total == sale.amount


# ── the judge of a rehearsal sees it the same way ────────────────────────────────────────────


def judged(sale: Sale, lines: tuple[Line, ...]) -> dict[Check, Verdict]:
    shown = tuple(
        msgspec.structs.replace(line, net=erp_net(line, sale), sku="W-1") for line in lines
    )
    deal = {"name": "D", "lines": sale.lines, "amount": Money(sale.amount, sale.currency),
            "won_at": datetime(2026, 3, 2, tzinfo=UTC), "stage_kind": "won"}  # fmt: skip
    order: dict[str, Any] = {
        "customer": Ref("customer", "1"), "number": "SO1", "currency": sale.currency,
        "lines": shown, "net_total": sum((ln.net or Decimal(0) for ln in shown), Decimal(0)),
    }  # fmt: skip
    reading = Reading(
        deals={"d": {"order_number": "SO1"}}, accounts={"a": {"name": "Acme"}},
        orders={"o": order}, customers={"1": {"name": "Acme"}}, goods={},
    )  # fmt: skip
    sold = SoldDeal(
        deal=Record(entity="deal", id="d", fields=deal),
        account=Record(entity="customer", id="a", fields={"name": "Acme"}),
    )
    evidence = Evidence(
        sold=[sold], before=reading, after=reading, again=reading,
        facts={"crm deal": {}, "crm customer": {}, "erp customer": {},
               "erp order": {"lines": sale.facts}},
        compared=frozenset({"name"}), tolerance=Decimal(0), second_run=(), lost_order=None,
    )  # fmt: skip
    return {f.check: f.verdict for f in check_order(evidence, sold, "o", {"1"})}


@patient(200)
@given(sales())
@example(Sale("EUR", (Line(key="1", product=Ref("product", "p"), sku="W-1", quantity=Decimal(1),
                           unit_price=Decimal("0.025"), net=Decimal("0.02")),), 4, False))  # fmt: skip
def test_a_rehearsal_never_accuses_an_order_that_is_right(sale: Sale) -> None:
    """Half a cent that the CRM rounded down and the ERP rounds up included."""
    outcome = ordered(sale)
    if isinstance(outcome, Draft):
        assert Verdict.FAILED not in judged(sale, lines_of(outcome)).values()


@patient(200)
@given(sales(), st.data())
def test_a_rehearsal_sees_every_coin_that_is_wrong(sale: Sale, data: st.DataObject) -> None:
    outcome = ordered(sale)
    if isinstance(outcome, Refusal):
        return
    lines = list(lines_of(outcome))
    place = data.draw(st.integers(0, len(lines) - 1))
    more = Decimal(data.draw(st.integers(2, 50))).scaleb(-sale.decimals)
    wrong = msgspec.structs.replace(lines[place], unit_price=lines[place].unit_price + more)
    if erp_net(wrong, sale) == erp_net(lines[place], sale):
        return
    lines[place] = wrong
    verdicts = judged(sale, tuple(lines))
    assert verdicts[Check.TOTALS] is Verdict.FAILED
    assert verdicts[Check.PRICES] is Verdict.FAILED


# ── tolerance and coins ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("currency", "coin"),
    [("EUR", "0.01"), ("USD", "0.01"), ("JPY", "1"), ("KRW", "1"), ("KWD", "0.001"),
     ("TND", "0.001"), ("CLF", "0.0001"), (None, "0.01")],
)  # fmt: skip
def test_every_currency_has_its_smallest_coin(currency: str | None, coin: str) -> None:
    assert minor_unit(currency) == Decimal(coin)
    assert round_money(Decimal("2.5") * Decimal(coin), currency) == 3 * Decimal(coin)
    assert round_money(Decimal("2.5") * Decimal(coin), currency, half_even=True) == (
        2 * Decimal(coin)
    )


def test_a_cent_of_tolerance_is_one_coin_where_coins_are_finer() -> None:
    """0.01 KWD are ten coins: an order ten coins off is no order to the cent."""
    assert in_coins(Decimal("0.01"), "KWD") == Decimal("0.001")
    assert in_coins(Decimal("0.01"), "EUR") == Decimal("0.01")
    assert in_coins(Decimal("0.01"), "JPY") == Decimal("0.01")
    line = Line(key="1", product=Ref("product", "p"), quantity=Decimal(3),
                unit_price=Decimal("1.255"), net=Decimal("3.765"))  # fmt: skip
    off = Sale("KWD", (line,), 4, False)
    assert isinstance(ordered(off, "0.01"), Draft)
    torn = draft_order(
        {"stage_kind": "won", "lines": (line,), "amount": Money(Decimal("3.770"), "KWD")},
        None, products={"p": "1"}, by_sku={}, customer=Ref("customer", "@1"), customer_fields={},
        facts={"lines": FieldFacts(decimals=4)}, tolerance=Decimal("0.01"),
    )  # fmt: skip
    assert isinstance(torn, Refusal)
    assert torn.code == "torn"
