"""The simulator is worth something only if it catches an engine that is broken."""

import pytest

from tests.simulation.mutants import CAUGHT_BY, MUTANTS, caught_by


@pytest.mark.parametrize("name", sorted(CAUGHT_BY))
def test_a_broken_engine_is_caught(name: str) -> None:
    seed, _ = CAUGHT_BY[name]
    assert caught_by(name, seed) is not None


def test_enough_breakages_are_caught() -> None:
    assert len(CAUGHT_BY) >= 30
    assert CAUGHT_BY.keys() <= MUTANTS.keys()
