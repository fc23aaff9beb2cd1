"""Following hints: records a webhook named are fetched by id (rule 6)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol

from interlock.governance.rules import Side
from interlock.store import feeds, hints, observations
from interlock.store.database import Tx
from interlock.store.hints import Due
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Fetch", "asked_for", "follow_hints"]


class Fetch(Protocol):
    """Fetches records by id and stores them; puts the ids of which something is new into a set."""

    def __call__(
        self, pair: Pair, side: Side, entity: str, ids: Sequence[str], run: Run, *, moved: set[str]
    ) -> Awaitable[object]:
        """Fetch."""
        ...


def asked_for(
    tx: Tx, side: Side, looked: Sequence[str], began: datetime, now: datetime
) -> tuple[set[str], set[str]]:
    """Note which looks came to their end; give entities with records to fetch, and hinted ones."""
    feeds.note_looked(tx, side, looked, began)
    return observations.refetch_due(tx, side, now), hints.due_entities(tx, side, now)


async def follow_hints(pair: Pair, side: Side, entity: str, run: Run, fetch: Fetch) -> None:
    """Fetch what hints name.

    What shows nothing new is fetched once more after the system's commit delay, and then left to
    polling.
    """
    caps = pair.side(side).entity(entity)
    assert caps is not None
    delay = max(caps.commit_delay, caps.read_lag)
    while True:
        due = await pair.store.call(hints.due, side, entity, pair.clock(), caps.page_size)
        if not due:
            return
        moved: set[str] = set()
        await fetch(pair, side, entity, [one.record_id for one in due], run, moved=moved)
        done = [one for one in due if one.record_id in moved or one.again or not delay]
        early = [one for one in due if one not in done]
        await pair.store.call(_settle, side, entity, done, early, pair.clock() + delay)
        run.counts["hints"] += len(due)


def _settle(
    tx: Tx, side: Side, entity: str, done: list[Due], early: list[Due], later: datetime
) -> None:
    hints.settle(tx, side, entity, done)
    hints.look_again(tx, side, entity, early, later)
