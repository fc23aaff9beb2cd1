"""Every point of a score is explained; bands say when it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.governance.signals import Falling, HealthRules, Late, SignalRules, Tier
from interlock.model import Fields, Money
from interlock.processes.health import health_of, tier_of
from interlock.processes.publishing import band_of, is_due, today_of

RULES = SignalRules(time_zone="Europe/Berlin")
NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


def euro(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


def score(days: int = 0, change: str | None = None, **more: Any) -> tuple[Decimal, str] | None:
    fields: Fields = {"days_overdue": Decimal(days)}
    fields["revenue_change"] = None if change is None else Decimal(change)
    return health_of(fields, HealthRules(), **{"disputed": False, "hold": None, **more})


@pytest.mark.parametrize(
    ("given_", "points", "reasons"),
    [
        ({}, 100, "nothing to complain of"),
        ({"days": 1}, 85, "-15 overdue since 1 day"),
        ({"days": 31}, 70, "-30 overdue since 31 days"),
        ({"change": "-20"}, 90, "-10 revenue fell by 20 % in twelve months"),
        ({"change": "-19.9"}, 100, "nothing to complain of"),
        ({"days": 95, "hold": True, "disputed": True, "change": "-80.0"}, 0,
         ("-60 overdue since 95 days; -30 on credit hold; -10 an invoice is disputed; "
          "-20 revenue fell by 80.0 % in twelve months")),
    ],
)  # fmt: skip
def test_scores(given_: dict[str, Any], points: int, reasons: str) -> None:
    assert score(**given_) == (points, reasons)


def test_no_score_where_arrears_are_not_known() -> None:
    assert health_of({}, HealthRules(), disputed=True, hold=True) is None


steps = st.lists(st.builds(Late, st.integers(0, 200), st.integers(0, 100)), max_size=5)
falls = st.lists(st.builds(Falling, st.decimals(1, 99, places=0), st.integers(0, 100)), max_size=4)


@settings(deadline=None)
@given(steps, falls, st.integers(0, 400), st.decimals(-100, 300, places=1), st.booleans(),
       st.booleans())  # fmt: skip
def test_the_reasons_add_up_to_the_score(
    late: Any, falling: Any, days: int, change: Decimal, hold: bool, disputed: bool
) -> None:
    rules = HealthRules(overdue=late, falling_revenue=falling)
    fields: Fields = {"days_overdue": Decimal(days), "revenue_change": change}
    found = health_of(fields, rules, disputed=disputed, hold=hold)
    assert found is not None
    points, reasons = found
    taken = [int(r.split()[0]) for r in reasons.split("; ") if r.startswith("-")]
    assert points == max(0, 100 + sum(taken))
    assert 0 <= points <= 100


def test_the_first_tier_that_fits() -> None:
    rules = SignalRules(tiers=[
        Tier(name="A", revenue_12m=Decimal(100), health_score=Decimal(50)),
        Tier(name="B", lifetime_revenue=Decimal(100)), Tier(name="C"),
    ])  # fmt: skip
    rich: Fields = {"revenue_12m": euro(100), "lifetime_revenue": euro(100)}
    assert tier_of({**rich, "health_score": Decimal(50)}, rules) == ("A",)
    assert tier_of({**rich, "health_score": Decimal(49)}, rules) == ("B",)
    assert tier_of({"revenue_12m": euro(1), "lifetime_revenue": euro(1)}, rules) == ("C",)
    assert tier_of({"lifetime_revenue": euro(100)}, rules) is None, "it may be an A"
    assert tier_of(rich, SignalRules(tiers=[Tier(name="A", revenue_12m=Decimal(999))])) == (None,)


class TestTelling:
    BEFORE: Fields = {"balance": euro(10), "days_overdue": Decimal(5), "overdue": euro(10),
                      "health_score": Decimal(85), "figures_at": NOON}  # fmt: skip

    def due(self, later: timedelta = timedelta(0), **changed: Any) -> bool:
        after = {**self.BEFORE, "figures_at": NOON + later, **changed}
        return is_due(self.BEFORE, NOON, after, NOON + later, RULES)

    def test_the_first_time(self) -> None:
        assert is_due(None, None, self.BEFORE, NOON, RULES)
        assert not is_due(None, None, {}, NOON, RULES)

    def test_a_time_of_its_own_tells_nothing(self) -> None:
        assert not self.due(timedelta(days=3))

    def test_within_a_band_on_another_day(self) -> None:
        assert not self.due(timedelta(hours=11), balance=euro(11))
        assert self.due(timedelta(hours=13), balance=euro(11)), "it is the next day in Berlin"

    @pytest.mark.parametrize(
        "changed",
        [{"balance": euro(0)}, {"balance": euro(-1)}, {"overdue": euro(0)},
         {"days_overdue": Decimal(31)}, {"health_score": Decimal(69)}, {"tier": "B"}],
    )  # fmt: skip
    def test_another_band_at_once(self, changed: dict[str, Any]) -> None:
        assert self.due(**changed)

    def test_what_is_not_known_any_more_is_taken_back_at_once(self) -> None:
        after = {f: v for f, v in self.BEFORE.items() if f != "overdue"}
        assert is_due(self.BEFORE, NOON, after, NOON, RULES)


amounts = st.integers(-5, 5).map(euro)
days = st.integers(0, 120).map(Decimal)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), amounts, days), min_size=1, max_size=40))
def test_a_day_has_as_many_writes_as_bands_and_one(moves: list[tuple[int, Money, Decimal]]) -> None:
    """However the figures move, what is told between two midnights is bounded by the bands."""
    now, public, at = NOON, None, None
    told: dict[str, int] = {}
    crossed: dict[str, int] = {}
    last = None
    for hours, balance, overdue in moves:
        now += timedelta(hours=hours)
        after: Fields = {"balance": balance, "days_overdue": overdue}
        day = str(today_of(now, RULES))
        band = band_of(after, RULES)
        crossed[day] = crossed.get(day, 0) + (band != last)
        last = band
        if is_due(public, at, after, now, RULES):
            public, at = after, now
            told[day] = told.get(day, 0) + 1
            assert public == after
    assert public is not None
    assert band_of(public, RULES) == last, "what is shown is never in another band"
    assert sum(told.values()) <= sum(crossed.values()) + len(crossed)
