"""Cursors over a modified-since feed: what they must not lose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from interlock.connectors.kit import Window

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DELAY = timedelta(seconds=5)


def test_without_a_cursor_it_starts_now_less_the_commit_delay() -> None:
    window = Window.load(None, now=NOON, delay=DELAY)
    assert window.since == NOON - DELAY
    assert window.started is None


def test_now_in_another_zone_is_the_same_instant() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    window = Window.load(None, now=there, delay=DELAY)
    assert window.since == NOON - DELAY
    assert window.since.utcoffset() == timedelta(0)


def test_it_comes_back_from_its_text_as_it_was() -> None:
    window = Window(since=NOON).begin(NOON).after(NOON, 'a\0"ü')
    assert Window.load(window.save(), now=NOON + DELAY, delay=DELAY) == window


def test_the_next_round_starts_where_this_one_did_less_the_delay() -> None:
    window = Window(since=NOON).begin(NOON + timedelta(minutes=1))
    window = window.after(NOON + timedelta(hours=9), "z")
    done = window.finish(DELAY)
    assert done == Window(since=NOON + timedelta(minutes=1) - DELAY)


def test_only_the_rounds_first_request_starts_it() -> None:
    window = Window(since=NOON).begin(NOON).begin(NOON + timedelta(hours=1))
    assert window.started == NOON


def test_a_round_that_never_began_ends_as_it_was() -> None:
    assert Window(since=NOON).finish(DELAY) == Window(since=NOON)


def test_it_never_goes_back() -> None:
    """A system whose clock was set back must not make us read everything again for ever."""
    window = Window(since=NOON).begin(NOON - timedelta(days=1)).finish(DELAY)
    assert window.since == NOON


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=20),
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
def test_a_change_committed_within_the_delay_is_seen(
    changes: list[tuple[int, int]], pauses: list[int]
) -> None:
    """Changes carry the time they began; they show up to four seconds later."""
    seen: set[int] = set()
    cursor, clock = Window(since=NOON).save(), NOON
    rounds = [*pauses, 120]
    for pause in rounds:
        clock += timedelta(seconds=pause)
        window = Window.load(cursor, now=clock, delay=DELAY).begin(clock)
        for number, (began, late) in enumerate(changes):
            stamped = NOON + timedelta(seconds=began)
            if stamped + timedelta(seconds=late) <= clock and stamped >= window.since:
                seen.add(number)
        cursor = window.finish(DELAY).save()
    assert seen == set(range(len(changes)))
