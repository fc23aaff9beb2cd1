"""Whole lists by limit and offset while rows come and go."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.connectors.bottlecrm.paging import ListReader
from interlock.connectors.bottlecrm.places import RESOURCES, Resource
from interlock.errors import TransientError

FLAT = Resource(path="/x/", rows=("rows",), counts=("count",), one="")


class Listing:
    """A list ordered by id that changes between pages."""

    def __init__(self, ids: list[int], between: Callable[[set[int]], None]) -> None:
        self.ids = set(ids)
        self._between = between
        self.pages = 0

    async def fetch(self, query: Mapping[str, str | int]) -> Mapping[str, Any]:
        if self.pages:
            self._between(self.ids)
        self.pages += 1
        at, size = int(query["offset"]), int(query["limit"])
        rows = [{"id": f"{one:04}"} for one in sorted(self.ids)][at : at + size]
        return {"rows": rows, "count": len(self.ids)}


async def read_all(reader: ListReader) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        rows, position = await reader.read(cursor)
        found += [row["id"] for row in rows]
        if position is None:
            return found
        cursor = position.save()


@given(
    ids=st.lists(st.integers(0, 9999), unique=True, max_size=60),
    size=st.integers(2, 7),
    removals=st.lists(st.integers(0, 59), max_size=40),
    additions=st.lists(st.integers(0, 9999), max_size=40),
)
def test_a_row_that_stays_is_read_once_whatever_comes_and_goes(
    ids: list[int], size: int, removals: list[int], additions: list[int]
) -> None:
    goes, comes = iter(removals), iter(additions)
    gone: set[int] = set()

    def change(present: set[int]) -> None:
        nth = next(goes, None)
        if nth is not None and present:
            one = sorted(present)[nth % len(present)]
            present.remove(one)
            gone.add(one)
        new = next(comes, None)
        if new is not None and new not in gone:
            present.add(new)

    listing = Listing(ids, change)
    found = asyncio.run(read_all(ListReader(FLAT, size, listing.fetch)))
    assert len(found) == len(set(found))
    assert {f"{one:04}" for one in ids if one not in gone} <= set(found)


async def test_a_still_list_is_read_with_few_calls() -> None:
    listing = Listing(list(range(100)), lambda _: None)
    found = await read_all(ListReader(FLAT, 26, listing.fetch))
    assert len(found) == 100
    assert listing.pages == 4


async def test_the_same_cursor_gives_the_same_rows_again() -> None:
    listing = Listing(list(range(10)), lambda _: None)
    reader = ListReader(FLAT, 4, listing.fetch)
    _, position = await reader.read(None)
    assert position is not None
    first, _ = await reader.read(position.save())
    again, following = await reader.read(position.save())
    assert again == first
    assert following is not None


async def test_a_cursor_of_an_ended_process_starts_again() -> None:
    listing = Listing(list(range(10)), lambda _: None)
    _, position = await ListReader(FLAT, 4, listing.fetch).read(None)
    assert position is not None
    fresh = ListReader(FLAT, 4, listing.fetch)
    rows, _ = await fresh.read(position.save())
    first = [row["id"] for row in rows]
    assert first[0] == "0000"


async def test_a_row_hidden_by_ties_in_the_order_is_found_in_a_second_round() -> None:
    calls = 0

    async def fetch(query: Mapping[str, str | int]) -> Mapping[str, Any]:
        nonlocal calls
        calls += 1
        # Rows c and d have the same key: the first round shows c twice and d never.
        order = "abcc" if calls < 4 else "abcd"
        at, size = int(query["offset"]), int(query["limit"])
        return {"rows": [{"id": one} for one in order[at : at + size]], "count": 4}

    assert await read_all(ListReader(FLAT, 2, fetch)) == ["a", "b", "c", "d"]


async def test_a_list_that_never_adds_up_is_no_success() -> None:
    async def fetch(query: Mapping[str, str | int]) -> Mapping[str, Any]:
        rows = [{"id": "a"}, {"id": "b"}] if query["offset"] == 0 else []
        return {"rows": rows, "count": 3}

    with pytest.raises(TransientError) as caught:
        await read_all(ListReader(FLAT, 2, fetch))
    assert caught.value.code == "incomplete_list"


async def test_accounts_are_read_in_both_halves() -> None:
    asked: list[Any] = []

    async def fetch(query: Mapping[str, str | int]) -> Mapping[str, Any]:
        asked.append(query["is_active"])
        active = query["is_active"] == "true"
        return {
            "active_accounts": {"open_accounts": [{"id": "a"}] if active else [],
                                "open_accounts_count": int(active)},
            "closed_accounts": {"close_accounts": [] if active else [{"id": "c"}],
                                "close_accounts_count": int(not active)},
        }  # fmt: skip

    assert await read_all(ListReader(RESOURCES["customer"], 2, fetch)) == ["a", "c"]
    assert asked == ["true", "false"]
