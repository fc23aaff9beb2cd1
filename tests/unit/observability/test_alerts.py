"""Which messages people get: one for each cause in a window, one when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.observability.alerts import Alarm, Message, Told, decide, deviation

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WINDOW = timedelta(hours=4)


def alarm(cause: str, *, lasting: bool = True, title: str = "wrong") -> Alarm:
    return Alarm(cause=cause, kind="kind", title=title, text="text", lasting=lasting)


class People:
    """Who is told, remembering what was told."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.now = START

    def see(self, *alarms: Alarm, minutes: int = 1) -> list[Message]:
        self.now += timedelta(minutes=minutes)
        decision = decide(alarms, self.told, self.now, WINDOW)
        self.told |= {one.cause: one for one in decision.keep}
        for cause in decision.drop:
            del self.told[cause]
        return list(decision.messages)


def test_a_cause_is_told_once_and_once_when_it_is_over() -> None:
    people = People()
    assert [m.cause for m in people.see(alarm("a"))] == ["a"]
    assert people.see(alarm("a")) == []
    assert people.see(alarm("a", title="12 wrong")) == []
    [over] = people.see()
    assert (over.cause, over.over) == ("a", True)
    assert people.see() == []


def test_two_causes_are_two_messages() -> None:
    people = People()
    assert [m.cause for m in people.see(alarm("a"), alarm("b"))] == ["a", "b"]
    [over] = people.see(alarm("b"))
    assert (over.cause, over.over) == ("a", True)


def test_what_lasts_is_told_again_in_the_next_window_with_its_beginning() -> None:
    people = People()
    people.see(alarm("a"))
    assert people.see(alarm("a"), minutes=239) == []
    [again] = people.see(alarm("a"), minutes=1)
    assert "since 2026-01-05 09:01" in again.title


def test_what_comes_and_goes_is_told_once_in_a_window() -> None:
    people = People()
    told = []
    for _ in range(20):
        told += people.see(alarm("a")) + people.see()
    assert [m.over for m in told] == [False, True]
    # it stands again when the window is over
    [message] = people.see(alarm("a"), minutes=240)
    assert not message.over
    assert [m.over for m in people.see()] == [True]


def test_what_only_happened_is_not_told_to_be_over() -> None:
    people = People()
    assert len(people.see(alarm("a", lasting=False))) == 1
    assert people.see() == []
    assert people.see(alarm("a", lasting=False)) == []
    assert len(people.see(alarm("a", lasting=False), minutes=240)) == 1


def test_causes_long_over_are_forgotten() -> None:
    people = People()
    people.see(alarm("a"))
    people.see()
    people.see(minutes=240)
    assert people.told == {}


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.integers(1, 300)), max_size=40))
def test_never_two_openings_of_a_cause_in_a_window(
    history: list[tuple[set[str], int]],
) -> None:
    people, opened, standing = People(), {}, set[str]()
    for causes, minutes in history:
        for message in people.see(*(alarm(c) for c in sorted(causes)), minutes=minutes):
            if message.over:
                assert message.cause in standing, "the end of what nobody was told of"
                standing.remove(message.cause)
                continue
            before = opened.get(message.cause)
            assert before is None or people.now - before >= WINDOW
            opened[message.cause] = people.now
            standing.add(message.cause)
        assert standing <= causes


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([], ""),
        ([10, 10, 10, 10, 9000], ""),  # too few days to know what is usual
        ([10, 12, 8, 0, 0, 10, 11], ""),
        ([10, 12, 8, 0, 0, 10, 900], "900 in a day, where 12 was the most in 6 days"),
        ([10, 12, 8, 0, 0, 10, 40], ""),  # few is never much
        ([200, 220, 210, 190, 205, 0], "0 in a day, where 190 was the least in 5 days"),
        ([200, 220, 210, 0, 205, 0], ""),  # quiet days are usual here
        ([200, 220, 210, 190, 205, 70], ""),
    ],
)
def test_a_day_far_from_all_before_it_is_told(days: list[int], said: str) -> None:
    assert deviation(days) == said


def test_what_nobody_looked_at_now_is_neither_told_again_nor_over() -> None:
    people = People()
    people.see(alarm("a"))
    unseen = Alarm(cause="a", kind="kind", title="", text="", looked=False)
    assert people.see(unseen, minutes=241) == []
    [again] = people.see(alarm("a"))
    assert again.title.startswith("wrong (since ")
