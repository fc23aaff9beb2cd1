"""A fixed set of histories: the engine keeps its contract in each.

More: ``make simulate SEEDS=0:100000``.
"""

import pytest

from interlock.testing.simulator import simulate
from interlock.testing.simulator.plan import NOT_YET, make_history
from interlock.testing.simulator.run import shorten
from interlock.testing.simulator.steps import FAULTS

BLOCK = 50
HISTORIES = 2_000


@pytest.mark.parametrize("start", range(0, HISTORIES, BLOCK))
def test_the_contract_holds_in_every_history(start: int) -> None:
    failed = [r for r in map(simulate, range(start, start + BLOCK)) if r.failures]
    assert not failed, "\n".join(
        f"{r.failures[0].check}: {r.failures[0].message}\n  {r.command}"
        for r in (*map(shorten, failed[:2]), *failed[2:])
    )


def test_a_seed_is_always_the_same_history() -> None:
    told: list[list[str]] = [[], []]
    for lines in told:
        simulate(7, tell=lines.append)
    assert told[0] == told[1]
    assert len(told[0]) > 20


def test_a_history_can_be_shortened_to_some_of_its_steps() -> None:
    result = simulate(7, only=[0, 1, 2])
    assert result.steps == (0, 1, 2)
    assert result.command == "python -m interlock.testing.simulator --seed 7 --steps 0,1,2 -v"


def test_all_faults_strike_in_the_fixed_set() -> None:
    armed = {
        s.name for seed in range(HISTORIES) for s in make_history(seed).steps if s.kind == "fault"
    }
    assert armed == set(FAULTS)
    assert not armed & set(NOT_YET)
