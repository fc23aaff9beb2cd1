"""A read answered by a copy that lags behind, after a newer one was seen and sent on."""

from contextlib import nullcontext
from datetime import timedelta

import pytest

from interlock.governance.rules import Side
from interlock.testing.simulator.checks import CHECKS, Evidence
from interlock.testing.simulator.plan import History, Setup
from interlock.testing.simulator.world import World

from .mutants import broken


def _failed(mutant: str | None) -> set[str]:
    lagging = Setup(
        settings={
            "read_lag": 30.0,
            "settle_time": 60.0,
            "versions": "absent",
            "version_check": False,
            "changes": False,
        },
        skew=timedelta(0),
    )
    plain = Setup(settings={}, skew=timedelta(0))
    world = World(
        History(
            seed=1, variant="default", crm=lagging, erp=plain, go_live=True, confirm=True, steps=()
        )
    )
    people, crm = world.people, world.systems[Side.CRM]
    with nullcontext() if mutant is None else broken(mutant):
        account = people.add(
            Side.CRM, "customer", {"name": "A GmbH", "website": "https://a.example"}
        )
        world.sync()
        world.approve()
        world.rest(0)
        world.agreed_at = len(world.journal.changes)
        crm.mischief.on = True
        before = crm.shelf("customer").row(account)
        people.edit(Side.CRM, "customer", account, {"website": "https://b.example"})
        world.sync()
        # the next read is answered by a copy that does not know of the edit yet
        shown = crm.mischief.seen_as
        crm.mischief.seen_as = lambda row, operation: (  # type: ignore[method-assign]
            before if row is not None and row.id == account else shown(row, operation)
        )
        world.sync()
        del crm.mischief.seen_as
        world.rest()
        evidence = Evidence(world)
        return {name for name, check in CHECKS.items() for _ in check(evidence)}


def test_it_changes_nothing() -> None:
    assert _failed(None) == set()


@pytest.mark.parametrize("mutant", ["older_replaces_newer"])
def test_an_engine_that_believes_it_is_caught(mutant: str) -> None:
    assert "never_goes_back" in _failed(mutant)
