"""What the lanes of a service do: observe a part, settle, help to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from interlock.errors import InterlockError
from interlock.governance.budget import purpose_of
from interlock.governance.rules import Side
from interlock.runtime.cadence import SETTLE, Part, help_lanes
from interlock.runtime.cycle import may_write, settle
from interlock.runtime.lanes import Call
from interlock.service.audit import keep_history
from interlock.service.pausing import apply_pauses, rest, rested, resting
from interlock.service.rights import watch_rights
from interlock.service.session import Session
from interlock.store import epochs, feeds, hints, outbox, plans
from interlock.store.database import Tx
from interlock.store.plans import RunRow
from interlock.sync.deliver import deliver
from interlock.sync.linking import link_records
from interlock.sync.mapchange import activate
from interlock.sync.observe import observe_side
from interlock.sync.pair import ENTITY_ORDER
from interlock.sync.progress import Problem, Run
from interlock.sync.rebuild import find_links, guard

__all__ = ["LaneRun", "LaneWork"]

UNREAD = timedelta(seconds=30)
"""Until what could not be read in full is tried again, while everything waits for it."""
SLICE = timedelta(seconds=2)
SWEEP_SLICE = timedelta(seconds=20)
"""How long a full read goes on in one run: beside what is looked at every minute, and by itself."""
SOON = timedelta(seconds=5)
"""Until the next look at writes that are due but could not be sent now."""

_FAILED = ("needs_auth", "unreachable")
"""Codes of problems after which a system is left alone for a while."""


class LaneRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a lane did.  ``broke``: the class of the error that ended it, if one did."""

    lane: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    counts: Mapping[str, int]
    problems: Sequence[Problem]
    broke: str = ""


class LaneWork:
    """Runs the lanes of one installation, by name."""

    def __init__(
        self,
        session: Session,
        parts: Mapping[str, Part],
        *,
        helpers: int,
        on_run: Callable[[LaneRun], None],
    ) -> None:
        self.session, self.pair = session, session.pair
        self.parts, self.helpers, self.on_run = parts, help_lanes(helpers), on_run
        self.wake: Callable[..., Awaitable[None]] | None = None
        self._runs: list[Run] = []
        self._draining = False

    async def __call__(self, name: str) -> Sequence[Call]:
        """Run a lane; gives the runs that should follow."""
        run = Run(id=self.pair.new_id())
        started, broke = self.pair.clock(), ""
        self._runs.append(run)
        if self._draining:
            run.paused |= set(Side)
        try:
            await guard(self.pair)
            await self.pair.store.call(activate, self.pair)
            calls = await self._one(name, run)
            return calls + await self._let_rest(name, run)
        except InterlockError as error:
            broke = type(error).__name__
            run.problem("store", error.message, error.fix or "", "failed")
            raise
        except BaseException as error:
            broke = type(error).__name__
            raise
        finally:
            self._runs.remove(run)
            self.on_run(
                LaneRun(
                    lane=name,
                    run_id=run.id,
                    started_at=started,
                    ended_at=self.pair.clock(),
                    counts=dict(run.counts),
                    problems=tuple(run.problems),
                    broke=broke,
                )
            )

    def drain(self) -> None:
        """Let what runs come to an end after the batch it is at."""
        self._draining = True
        for run in self._runs:
            run.paused |= set(Side)

    async def _one(self, name: str, run: Run) -> list[Call]:
        await apply_pauses(self.pair, run)
        now = self.pair.clock()
        left_alone = await self.pair.store.call(resting, now)
        part = self.parts.get(name)
        if part is not None and part.side in left_alone:
            return [Call(name, left_alone[part.side])]
        run.paused |= set(left_alone)
        if part is not None:
            return await self._observe(name, part, run)
        return await (self._settle(run) if name == SETTLE else self._help(run))

    async def _observe(self, name: str, part: Part, run: Run) -> list[Call]:
        # in slices, so that what changes meanwhile does not wait for the end of a full read
        began = self.pair.clock()
        run.until = began + (SWEEP_SLICE if part.full else SLICE)
        await observe_side(self.pair, part.side, run, full=part.full, entities=part.entities)
        moved = any(run.counts[what] for what in ("read", "gone"))
        # what a webhook named and did not show yet is looked at once more, whatever the schedule;
        # what was due and could not be followed (paused, no right, no calls left) waits for it
        again = await self.pair.store.call(hints.next_due, part.side, part.entities, began)
        if run.unfinished:
            again = self.pair.clock()
        calls = [] if again is None or part.side in run.paused else [Call(name, again)]
        return [Call(SETTLE), *calls] if moved else calls

    # ── settle ───────────────────────────────────────────────────────────────────────────────

    async def _settle(self, run: Run) -> list[Call]:
        pair, store = self.pair, self.pair.store
        started = pair.clock()
        await store.call(
            plans.save_run, RunRow(id=run.id, started_at=started, ended_at=None, counts={})
        )
        if not self._draining and not run.paused:
            await watch_rights(self.session, run)
        calls = []
        if await find_links(pair, run):
            calls = await self._bring_to_rest(run)
        else:
            again = pair.clock() + UNREAD
            calls = [Call(n, again) for n in await store.call(self._unread)]
            calls.append(Call(SETTLE, again + SOON))
        await asyncio.to_thread(keep_history, self.session.project, store, run, pair.clock())
        await store.call(self._end, run, started)
        return calls

    async def _bring_to_rest(self, run: Run) -> list[Call]:
        pair = self.pair
        write = await pair.store.call(may_write, pair, run)
        while True:
            await link_records(pair, run)
            for process in self.session.processes:
                await process.prepare(run)
            created = run.counts["created"]
            await settle(pair, self.session.processes, run, write=write, decided=self._ask_for_help)
            if run.counts["created"] == created or self._draining:
                break
        reachable = [side for side in Side if side not in run.paused]
        if not write:
            return []
        waiting = run.paused_entities | {
            entity
            for entity in ENTITY_ORDER
            if any((side, purpose_of(entity)) in run.spent for side in reachable)
        }
        due = await pair.store.call(outbox.next_due, reachable, waiting)
        return [] if due is None else [Call(SETTLE, max(due, pair.clock() + SOON))]

    async def _ask_for_help(self) -> None:
        if self.helpers and self.wake is not None and not self._draining:
            await self.wake(*self.helpers)

    def _unread(self, tx: Tx) -> list[str]:
        """Lanes whose entities have not been read in full since the store went back."""
        return [
            name
            for name, part in self.parts.items()
            if not part.full
            and any(feeds.get(tx, part.side, e).complete_at is None for e in part.entities)
        ]

    def _end(self, tx: Tx, run: Run, started: datetime) -> None:
        # what people decided and the engine learnt is missed too, if the store goes back
        tx.reached = epochs.position(tx)
        if not any(run.counts[what] for what in _DONE):
            plans.drop_run(tx, run.id)
            return
        plans.save_run(
            tx,
            RunRow(id=run.id, started_at=started, ended_at=self.pair.clock(), counts=run.counts),
        )

    # ── help ─────────────────────────────────────────────────────────────────────────────────

    async def _help(self, run: Run) -> list[Call]:
        """Send what is due beside others; rows are claimed, so nothing is sent twice."""
        if not await self.pair.store.call(may_write, self.pair, run):
            return []
        handled = await deliver(self.pair, run)
        return [Call(SETTLE)] if handled or run.counts["found_before_create"] else []

    # ── systems that failed ──────────────────────────────────────────────────────────────────

    async def _let_rest(self, name: str, run: Run) -> list[Call]:
        """Leave a system alone that refused or did not answer; the other goes on."""
        if self._draining:
            return []
        names = {self.pair.side(side).name: side for side in Side}
        failed = {
            names[p.subject]: p for p in run.problems if p.code in _FAILED and p.subject in names
        }
        part = self.parts.get(name)
        answered = [part.side] if part is not None and part.side not in run.paused else []
        if not failed and not answered:
            return []

        def _note(tx: Tx) -> dict[Side, datetime]:
            now = self.pair.clock()
            rested(tx, answered, now)
            return {side: rest(tx, side, p.message, now, p.code) for side, p in failed.items()}

        until = await self.pair.store.call(_note)
        return [Call(name, until[part.side])] if part is not None and part.side in until else []


_DONE = ("created", "updated", "linked", "moved", "reconciled", "gone")
"""Counts of a run that somebody may look for later."""
