"""Sync: one cycle on the project's systems, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import msgspec

from interlock.governance.rules import Side
from interlock.runtime.cycle import run_cycle
from interlock.service.audit import keep_history
from interlock.service.pausing import apply_pauses
from interlock.service.rights import watch_rights
from interlock.service.session import Session
from interlock.store import dead_letters, epochs, open_fields, outbox, plans
from interlock.store.database import Tx
from interlock.store.outbox import WriteState
from interlock.store.plans import RunRow
from interlock.sync.progress import Problem, Run

__all__ = ["SyncReport", "sync_once"]

Tick = Callable[[str, Side | None, str, int], None]


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one sync did.

    ``waiting``: writes that wait for another record; ``to_approve``: for a person; ``in_doubt``:
    for the answer to a call that was lost.  ``conflicts``: fields both sides changed, for a person.
    ``open_fields``: all fields shown as different, conflicts among them.
    """

    run_id: str
    read: int
    created: int
    updated: int
    linked: int
    waiting: int
    to_approve: int
    in_doubt: int
    dead_letters: int
    conflicts: int
    open_fields: int
    counts: Mapping[str, int]
    problems: Sequence[Problem]

    @property
    def writes(self) -> int:
        """Records written in both systems."""
        return self.created + self.updated


async def sync_once(
    session: Session,
    *,
    tick: Tick = lambda *_: None,
    full: bool = False,
    wait: timedelta = timedelta(minutes=3),
) -> SyncReport:
    """Run one cycle to the end."""
    pair = session.pair
    run = Run(id=pair.new_id(), tick=tick)
    started = pair.clock()
    await pair.store.call(
        plans.save_run, RunRow(id=run.id, started_at=started, ended_at=None, counts={})
    )
    await apply_pauses(pair, run)
    if not run.paused:
        await watch_rights(session, run)
    await run_cycle(pair, session.processes, run, full=full, wait=wait)
    keep_history(session.project, pair.store, run, pair.clock())

    def _finish(tx: Tx) -> SyncReport:
        # what people decided and the engine learnt is missed too, if the store goes back
        tx.reached = epochs.position(tx)
        pending = outbox.pending(tx)
        plans.save_run(
            tx, RunRow(id=run.id, started_at=started, ended_at=pair.clock(), counts=run.counts)
        )
        return SyncReport(
            run_id=run.id,
            read=run.counts["read"],
            created=run.counts["created"],
            updated=run.counts["updated"],
            linked=run.counts["linked"],
            waiting=sum(
                w.state in (WriteState.WAITING, WriteState.READY) and not w.needs_approval
                for w in pending
            ),
            to_approve=sum(w.needs_approval for w in pending),
            in_doubt=sum(
                w.state in (WriteState.IN_DOUBT, WriteState.SENDING, WriteState.UNCERTAIN)
                for w in pending
            ),
            dead_letters=dead_letters.count_open(tx),
            conflicts=open_fields.count(tx, "conflict"),
            open_fields=open_fields.count(tx),
            counts=dict(run.counts),
            problems=tuple(run.problems),
        )

    return await pair.store.call(_finish)
