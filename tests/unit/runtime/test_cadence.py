"""Which entity is looked at how often, and the lanes of it."""

from __future__ import annotations

from datetime import timedelta

from interlock.governance.rules import Side
from interlock.model import ENTITIES
from interlock.runtime.cadence import _OF_ENTITY, Cadence, cadence_of, make_lanes, parts_of
from interlock.runtime.schedule import Every

OBSERVED = {Side.CRM: ["customer", "contact", "deal"], Side.ERP: ["customer", "order", "invoice"]}
SCHEDULES = {cadence: Every(timedelta(minutes=1)) for cadence in Cadence}


def test_every_entity_has_its_cadence() -> None:
    assert set(ENTITIES) <= set(_OF_ENTITY)


def test_holds_are_looked_at_with_the_erps_customers() -> None:
    assert cadence_of(Side.ERP, "customer") is Cadence.HOLDS
    assert cadence_of(Side.CRM, "customer") is Cadence.CUSTOMERS


def test_everything_observed_is_in_one_lane_and_in_one_sweep() -> None:
    parts = parts_of(OBSERVED)
    for full in (False, True):
        read = [(p.side, e) for p in parts.values() if p.full is full for e in p.entities]
        assert sorted(read) == sorted((s, e) for s, es in OBSERVED.items() for e in es)


def test_a_sweep_never_runs_beside_the_observing_of_the_same() -> None:
    parts = parts_of(OBSERVED)
    lanes = make_lanes(parts, SCHEDULES)
    for name, part in parts.items():
        others = [
            n for n, p in parts.items() if p.side is part.side and p.entities == part.entities
        ]
        assert {lanes[n].lock for n in others} == {lanes[name].lock}
    assert not any(lanes[n].at_once for n, p in parts.items() if p.full)


def test_helpers_run_when_asked_only_and_beside_each_other() -> None:
    lanes = make_lanes(parts_of(OBSERVED), SCHEDULES, helpers=2)
    helpers = [lane for name, lane in lanes.items() if name.startswith("deliver")]
    assert len({lane.lock for lane in helpers}) == 2
    assert all(lane.schedule is None for lane in helpers)
