"""The store's clock: the server's time, as far as this host can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from interlock.store.clock import StoreClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Host:
    def __init__(self, ahead: timedelta) -> None:
        self.now = NOON + ahead

    def __call__(self) -> datetime:
        return self.now


def test_it_is_this_machines_until_a_server_was_heard() -> None:
    assert StoreClock(Host(timedelta(seconds=90)))() == NOON + timedelta(seconds=90)


def test_a_clock_that_is_fast_or_slow_is_put_right() -> None:
    for seconds in (90, -90):
        clock = StoreClock(Host(timedelta(seconds=seconds)))
        clock.hear(NOON)
        assert clock() == NOON


def test_an_answer_that_took_long_does_not_set_it_back() -> None:
    host = Host(timedelta(0))
    clock = StoreClock(host)
    clock.hear(NOON)
    host.now += timedelta(seconds=10.5)
    clock.hear(NOON + timedelta(seconds=10))
    assert NOON + timedelta(seconds=10.49) < clock() <= NOON + timedelta(seconds=10.5)


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    host = Host(timedelta(0))
    clock = StoreClock(host)
    clock.hear(NOON)
    host.now += timedelta(hours=1)
    clock.hear(NOON)
    assert clock() == NOON
