"""Pace: nobody makes more calls in a while than the system allows."""

from __future__ import annotations

import asyncio

import hypothesis.strategies as st
from hypothesis import given

from interlock.connectors.kit.pace import Pace


class Time:
    """A clock that moves only while somebody sleeps, or is made to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.floats(0, 0.6), min_size=6, max_size=30))
def test_no_second_sees_more_than_three_calls(gaps: list[float]) -> None:
    time, times = Time(), []

    async def go() -> None:
        pace = Pace(3, 1, now=time, sleep=time.sleep)
        for gap in gaps:
            time.now += gap
            await pace.turn()
            times.append(time.now)

    asyncio.run(go())
    for number, at in enumerate(times[3:]):
        assert at - times[number] >= 1 - 1e-9


async def test_who_is_slow_enough_never_waits() -> None:
    time = Time()
    pace = Pace(2, 1, now=time, sleep=time.sleep)
    for _ in range(5):
        await pace.turn()
        time.now += 0.5
    assert time.now == 102.5


async def test_those_who_come_together_are_let_through_one_after_another() -> None:
    time, done = Time(), []
    pace = Pace(1, 1, now=time, sleep=time.sleep)

    async def one() -> None:
        await pace.turn()
        done.append(time.now)

    await asyncio.gather(*(one() for _ in range(4)))
    assert done == [100, 101, 102, 103]
