"""Revenue: every cent is counted once, in its own currency, however it is grouped."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from interlock.reports.records import DealRecord, InvoiceRecord, OrderRecord
from interlock.reports.revenue import (
    GROUPS,
    Entry,
    Period,
    Stage,
    entries_of,
    lifetimes,
    period_of,
    summed,
)

CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))
NAMES = st.sampled_from(["acme", "brandt", "cole", ""])
CODES = st.sampled_from(["EUR", "USD", "JPY", ""])
ENTRIES = st.lists(
    st.builds(Entry, stage=st.sampled_from(Stage), customer=NAMES, owner=NAMES, day=DAYS,
              currency=CODES, amount=CENTS), max_size=60,
)  # fmt: skip
BY = st.sampled_from([g for size in range(4) for g in combinations(GROUPS, size)])


def exact(entries: list[Entry]) -> dict[tuple[str, str], int]:
    """Sums in whole cents, by currency and stage: integers cannot round."""
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        totals[entry.currency, entry.stage.value] += int(entry.amount * 100)
    return {key: total for key, total in totals.items() if total}


@given(ENTRIES, BY, st.sampled_from(Period))
def test_no_grouping_loses_a_cent_or_mixes_currencies(
    entries: list[Entry], by: tuple[str, ...], period: Period
) -> None:
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for row in summed(entries, by, period):
        for stage in Stage:
            totals[row.currency, stage.value] += int(getattr(row.sums, stage.value) * 100)
    assert {key: total for key, total in totals.items() if total} == exact(entries)


@given(ENTRIES, BY)
def test_a_group_stands_there_once(entries: list[Entry], by: tuple[str, ...]) -> None:
    rows = summed(entries, by)
    keys = [(r.currency, r.period, r.customer, r.owner) for r in rows]
    assert len(keys) == len(set(keys))
    assert all(getattr(r, g) == "" for r in rows for g in GROUPS if g not in by)


@given(ENTRIES)
def test_gaps_are_what_lies_between(entries: list[Entry]) -> None:
    for row in summed(entries, ("customer",)):
        s = row.sums
        assert s.not_ordered + s.ordered == s.won
        assert s.not_invoiced + s.invoiced == s.ordered
        assert s.not_collected + s.collected == s.billed


@given(ENTRIES, DAYS)
def test_lifetime_revenue_is_all_that_was_invoiced(entries: list[Entry], today: date) -> None:
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for one in lifetimes(entries, today):
        totals[one.currency, Stage.INVOICED.value] += int(one.revenue * 100)
        assert one.first <= one.last
    assert {k: t for k, t in totals.items() if t} == {
        k: t for k, t in exact(entries).items() if k[1] == Stage.INVOICED.value
    }


@given(st.lists(st.tuples(CENTS, CENTS, st.integers(0, 100), CODES), max_size=30))
def test_collected_is_what_of_the_total_is_not_open(
    rows: list[tuple[Decimal, Decimal, int, str]],
) -> None:
    invoices = [
        InvoiceRecord(id=str(n), number=str(n), customer_id="a", customer="Acme", net=net,
                      total=net + tax, open=(net + tax) * share / 100, currency=code,
                      issued_on=date(2026, 1, 31))
        for n, (net, tax, share, code) in enumerate(rows)
    ]  # fmt: skip
    entries = entries_of([], [], invoices, customer=lambda key, _: key, ordered={})
    for row in summed(entries):
        mine = [i for i in invoices if i.currency == row.currency]
        assert row.sums.not_collected == sum(i.open for i in mine)
        assert row.sums.invoiced == sum(i.net for i in mine)


def test_orders_and_invoices_are_their_deals_owners() -> None:
    deal = DealRecord(id="D1", name="", customer_id="001", customer="Acme", amount=Decimal(100),
                      currency="EUR", won_on=date(2026, 3, 2), owner="U7")  # fmt: skip
    order = OrderRecord(id="O1", number="SO1", customer_id="C1", customer="ACME", currency="EUR",
                        amount=Decimal("99.99"), ordered_on=date(2026, 4, 1))  # fmt: skip
    gone = OrderRecord(id="O2", number="SO2", customer_id="C1", customer="ACME", currency="EUR",
                       amount=Decimal(5), ordered_on=date(2026, 4, 1), cancelled=True)  # fmt: skip
    bill = InvoiceRecord(id="I1", number="IN1", customer_id="C1", customer="ACME", currency="EUR",
                         net=Decimal("60.00"), total=Decimal("71.40"), open=Decimal("1.40"),
                         issued_on=date(2026, 7, 1), order="O1")  # fmt: skip
    same = {"001": "Acme", "C1": "Acme"}
    entries = entries_of([deal], [order, gone], [bill], customer=lambda key, _: same[key],
                         ordered={"D1": "O1"})  # fmt: skip
    [row] = summed(entries, ("customer", "owner"))
    assert (row.customer, row.owner) == ("Acme", "U7")
    s = row.sums
    assert (s.won, s.ordered, s.invoiced) == (Decimal(100), Decimal("99.99"), Decimal("60.00"))
    assert (s.not_ordered, s.not_invoiced) == (Decimal("0.01"), Decimal("39.99"))
    assert (s.collected, s.not_collected) == (Decimal("70.00"), Decimal("1.40"))
    assert [r.period for r in summed(entries, ("period",), Period.QUARTER)] == [
        "2026 Q1", "2026 Q2", "2026 Q3"
    ]  # fmt: skip


def test_the_last_twelve_months_end_today_even_on_a_leap_day() -> None:
    def paid(day: date, amount: int) -> Entry:
        return Entry(stage=Stage.INVOICED, customer="a", owner="", day=day, currency="EUR",
                     amount=Decimal(amount))  # fmt: skip

    today = date(2024, 2, 29)
    entries = [paid(date(2024, 2, 29), 1), paid(date(2023, 3, 1), 2), paid(date(2023, 2, 28), 4),
               paid(date(2022, 2, 28), 8), paid(date(2022, 3, 1), 16)]  # fmt: skip
    [one] = lifetimes(entries, today)
    assert (one.last_12_months, one.twelve_before, one.revenue) == (3, 20, 31)


def test_periods_have_names() -> None:
    day = date(2026, 12, 31)
    assert [period_of(day, p) for p in Period] == ["2026-12", "2026 Q4", "2026", ""]
