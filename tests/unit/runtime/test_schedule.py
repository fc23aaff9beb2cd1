"""When something is to happen again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from interlock.runtime.schedule import Cron, Every

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_every_so_often_counts_from_the_last_time() -> None:
    assert Every(timedelta(minutes=5)).next_after(at(2026, 3, 2, 9)) == at(2026, 3, 2, 9, 5)


def test_it_reads_as_it_is_written() -> None:
    assert str(Every(timedelta(seconds=90))) == "every 1m30s"
    assert str(Every(timedelta(days=1))) == "every 1d"
    assert str(Cron("0 2 * * *", BERLIN)) == "0 2 * * * (Europe/Berlin)"


def test_cron_fields_are_meant_in_their_zone() -> None:
    nightly = Cron("0 2 * * *", BERLIN)
    assert nightly.next_after(at(2026, 1, 10, 12)) == at(2026, 1, 11, 1)
    assert nightly.next_after(at(2026, 7, 10, 12)) == at(2026, 7, 11, 0)


def test_the_very_moment_is_not_the_next_one() -> None:
    nightly = Cron("0 2 * * *", UTC)
    assert nightly.next_after(at(2026, 1, 10, 2)) == at(2026, 1, 11, 2)


def test_once_a_night_also_when_clocks_change() -> None:
    nightly = Cron("30 2 * * *", BERLIN)
    # 2:30 is skipped on March 29 and comes twice on October 25
    for first, last in ((at(2026, 3, 27), at(2026, 4, 1)), (at(2026, 10, 23), at(2026, 10, 28))):
        times = []
        moment = nightly.next_after(first)
        while moment < last:
            times.append(moment.astimezone(BERLIN).date())
            moment = nightly.next_after(moment)
        assert times == sorted(set(times))
        assert len(times) == 5
