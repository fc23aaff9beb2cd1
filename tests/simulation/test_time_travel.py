"""Histories in which the store goes back: nothing is doubled, nothing written unreleased."""

from collections import Counter
from collections.abc import Sequence

import pytest

from interlock.runtime import cycle
from interlock.store import epochs
from interlock.store.mark import Position
from interlock.testing.simulator.timetravel import travel

BLOCK = 10
HISTORIES = 60


@pytest.mark.parametrize("start", range(0, HISTORIES, BLOCK))
def test_a_store_that_goes_back_doubles_nothing(start: int) -> None:
    results = [travel(seed) for seed in range(start, start + BLOCK)]
    failed = [r for r in results if r.failures]
    assert not failed, "\n".join(
        f"seed {r.seed}: {r.failures[0].check}: {r.failures[0].message}" for r in failed
    )
    struck = sum((r.struck for r in results), Counter())
    assert struck["store restored"]
    assert struck["another store"]
    assert struck["store deleted"] + struck["store last commits lost"]


def _caught(seeds: Sequence[int]) -> bool:
    return any(travel(seed).failures for seed in seeds)


def test_ignoring_the_epoch_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "_gone_back", lambda *_: None)
    monkeypatch.setattr(epochs, "strangers", lambda *_: [])
    monkeypatch.setattr(Position, "is_ahead_of", lambda *_: False)
    assert _caught(range(20))


def test_writing_before_a_release_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle, "may_write", lambda tx, pair, run: True)
    monkeypatch.setattr(epochs, "held", lambda tx: False)
    assert _caught(range(20))
