"""An update that arrives late, found by thinking: what it overtook must not count as an edit."""

from datetime import timedelta

import pytest

from interlock.governance.rules import Side
from interlock.testing.simulator.checks import CHECKS, Evidence
from interlock.testing.simulator.plan import History, Setup
from interlock.testing.simulator.world import World


@pytest.mark.parametrize("version_check", [True, False])
def test_an_older_value_that_arrives_late_does_not_come_back(version_check: bool) -> None:
    checked = Setup(settings={"settle_time": 60.0}, skew=timedelta(0))
    other = Setup(settings={"settle_time": 60.0, "version_check": version_check}, skew=timedelta(0))
    world = World(
        History(
            seed=1, variant="default", crm=checked, erp=other, go_live=True, confirm=True, steps=()
        )
    )
    people, crm, erp = world.people, world.systems[Side.CRM], world.systems[Side.ERP]
    account = people.add(Side.CRM, "customer", {"name": "A GmbH", "phone": "+49 30 1"})
    world.sync()
    world.approve()
    world.rest(0)
    world.agreed_at = len(world.journal.changes)

    late = erp.mischief.finish_after(timedelta(seconds=30))
    erp.mischief.befall("late", late, operation="write")
    people.edit(Side.CRM, "customer", account, {"phone": "+49 30 2"})
    world.sync()
    people.edit(Side.CRM, "customer", account, {"phone": "+49 30 3"})
    world.sync()
    world.rest()

    evidence = Evidence(world)
    assert [m for check in CHECKS.values() for m in check(evidence)] == []
    assert crm.all("customer")[account]["Phone"] == "+49 30 3"
    assert [row["tel"] for row in erp.all("customer").values()] == ["+49 30 3"]
