"""How many leaks are found, and how many alarms are false: 20 made-up years."""

from __future__ import annotations

from functools import cache

import pytest

from interlock.matching.score import default_weights
from interlock.reports.kinship import Customers, kin
from interlock.reports.leakage import Leakage, Tolerances, find_leaks
from tests.unit.reports.leak_world import LeakWorld

SEEDS = range(20)


@cache
def year(seed: int) -> tuple[LeakWorld, Leakage]:
    world = LeakWorld(seed)
    ours, theirs = Customers(world.crm), Customers(world.erp)
    keys = (
        [ours.key_of(d.customer_id, d.customer) for d in world.deals],
        [theirs.key_of(o.customer_id, o.customer) for o in world.orders],
    )
    ties = kin(ours.companies, theirs.companies, default_weights())
    return world, find_leaks(world.deals, world.orders, keys, ties, Tolerances())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_leak_is_found(seed: int) -> None:
    world, report = year(seed)
    leaks = {deal for deal, truth in world.truth.items() if truth.leak}
    assert len(leaks) == 21
    found = {f.deal for f in report.findings}
    assert leaks - found == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_hardly_an_alarm_is_false(seed: int) -> None:
    world, report = year(seed)
    wrong = [f for f in report.findings if not world.truth[f.deal].leak
             and not world.truth[f.deal].odd]  # fmt: skip
    assert len(wrong) <= 0.05 * len(report.findings), [(f, world.truth[f.deal]) for f in wrong]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_deal_and_order_is_accounted_for(seed: int) -> None:
    world, report = year(seed)
    assert report.deals == len(world.deals)
    assert report.linked + len(report.probable) + len(report.findings) == report.deals
    assert all(0 < match.score <= 1 for match in report.probable)
    named = [o for m in report.probable for o in m.orders] + [
        o for f in report.findings for o in f.orders
    ]
    assert not set(named) & {orphan.order for orphan in report.orphans}
