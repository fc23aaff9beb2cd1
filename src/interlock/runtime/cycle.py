"""One cycle: observe both sides, link, let processes look, then reconcile and deliver to rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from interlock.governance.rules import Side
from interlock.store import epochs, outbox
from interlock.store.database import Tx
from interlock.sync.deliver import deliver
from interlock.sync.linking import link_records
from interlock.sync.mapchange import activate
from interlock.sync.observe import observe_side
from interlock.sync.pair import Pair
from interlock.sync.progress import Run
from interlock.sync.rebuild import find_links, guard, longest_settle_time
from interlock.sync.reconcile import Intents, reconcile

__all__ = ["Process", "may_write", "run_cycle", "settle"]

MAX_ROUNDS = 50
"""Rounds of reconcile and deliver in one cycle; a chain of dependencies takes a few."""


class Process(Intents, Protocol):
    """A business process: looks once a cycle, then decides as often as it is asked."""

    async def prepare(self, run: Run) -> None:
        """Look at the systems and keep what was found."""
        ...


async def run_cycle(
    pair: Pair,
    processes: Sequence[Process],
    run: Run,
    *,
    write: bool = True,
    full: bool = False,
    wait: timedelta = timedelta(0),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Bring both systems into agreement as far as is possible now.

    ``write=False`` stops before delivery: the outbox then is the plan.  ``wait``: how long to stay
    for writes whose outcome is not known yet; they can be looked up only after their settle time.
    """
    deadline = pair.clock() + wait
    await guard(pair)
    await pair.store.call(activate, pair)
    await asyncio.gather(*(observe_side(pair, side, run, full=full) for side in Side))
    if not await find_links(pair, run, last=False):
        # only what was read showed that the store went back: all is read once more
        await asyncio.gather(*(observe_side(pair, side, run, full=full) for side in Side))
        if not await find_links(pair, run):
            return
    write = await pair.store.call(may_write, pair, run) and write
    while True:
        await link_records(pair, run)
        for process in processes:
            await process.prepare(run)
        created = run.counts["created"]
        await settle(pair, processes, run, write=write)
        if run.counts["created"] > created:
            # what was just made has figures, holds and tasks to tell, as all else
            continue
        reachable = [side for side in Side if side not in run.paused]
        until = await pair.store.call(outbox.earliest_due, reachable) if write else None
        if until is None or max(until, pair.clock()) > deadline:
            return
        run.tick("wait", None, until.isoformat(timespec="seconds"), 0)
        await sleep(_seconds(pair.clock(), until))


async def _nobody() -> None:
    """Nobody else delivers."""


async def settle(
    pair: Pair,
    processes: Sequence[Process],
    run: Run,
    *,
    write: bool,
    decided: Callable[[], Awaitable[None]] = _nobody,
) -> None:
    """Reconcile and deliver until nothing moves any more.

    ``decided`` is called whenever there are new decisions that others could help to deliver.
    """
    for _ in range(MAX_ROUNDS):
        before = run.counts.copy()
        reconciled = await reconcile(pair, run, processes)
        if not write:
            return
        if reconciled:
            await decided()
        handled = await deliver(pair, run)
        if run.counts["found_before_create"] > before["found_before_create"]:
            # a live look-up saw what could be the same: whether it is decides matching
            await link_records(pair, run)
            continue
        if not handled and not (reconciled and run.counts["moved"] > before["moved"]):
            return


def may_write(tx: Tx, pair: Pair, run: Run) -> bool:
    """Nothing is written after the store went back until a person has released it (rule 28)."""
    hold = epochs.hold_of(tx)
    if hold is not None:
        run.problem(
            "store",
            f"{hold.why}: nothing is written until you release it",
            "look at `interlock plan`, then `interlock approve`",
            "held",
        )
        return False
    settle = longest_settle_time(pair)
    if epochs.is_silent(tx, pair.clock(), settle):
        run.problem(
            "store",
            "a call that was on its way when the store went back may still take effect",
            f"sync again in {settle.total_seconds():.0f} s",
            "held",
        )
        return False
    return True


def _seconds(now: datetime, until: datetime) -> float:
    return max((until - now).total_seconds(), 0.0) + 0.05
