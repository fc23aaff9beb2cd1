"""What must be true of the verdicts on quotes and deals, whatever happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.model import Money, StageKind
from interlock.processes.quote_verdicts import APPROVED, PROCESS, Verdicts
from interlock.store import cases, epochs, history

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence

__all__ = ["verdicts_shown"]

_TOLD = ("quote_checked", "quote_overridden")


def verdicts_shown(e: Evidence) -> Iterator[str]:
    """Each open deal that was saved has a verdict, the CRM shows it, and it was written once."""
    known = e.world.store.run(lambda tx: cases.load(tx, PROCESS))
    go_live = e.world.project.go_live
    for row in e.alive(Side.CRM, "deal"):
        seen = e.seen.get((Side.CRM, "deal", row.id))
        if row.state is not State.LIVE or seen is None or not seen.there or go_live is None:
            continue
        shown, case = seen.known, known.get(f"deal:{row.id}")
        saved = (seen.modified or seen.first_seen) >= go_live
        asks = isinstance(shown.get("lines"), tuple) and isinstance(shown.get("amount"), Money)
        if saved and asks and shown.get("stage_kind") == StageKind.OPEN:
            e.made += 1
            if case is None:
                yield f"deal {row.id} was saved and has no verdict"
        if case is None or any(w.record_id == row.id for w in e.outbox):
            continue
        if any(letter.record_id == row.id for letter in e.dead) or seen.problems:
            continue
        if shown.get("stage_kind") != StageKind.OPEN:
            continue  # nobody quotes any more: a verdict that was on its way may be left out
        e.made += 1
        verdict = "ok" if case.state == APPROVED else case.state
        if row.cells.get("QuoteCheck__c") != verdict:
            yield f"deal {row.id} shows {row.cells.get('QuoteCheck__c')} instead of {verdict}"
    if e.world.store.run(epochs.began) is None:
        yield from _written_once(e)
    yield from _still_right(e)


def _still_right(e: Evidence) -> Iterator[str]:
    """Check open deals once more: at rest no verdict rests on figures that have moved since."""
    session = e.world.start()
    [verdicts] = [p for p in session.processes if isinstance(p, Verdicts)]
    for subject in e.world.store.run(verdicts.moved):
        e.made += 1
        yield f"{subject} keeps a verdict although what it rests on has changed"


def _written_once(e: Evidence) -> Iterator[str]:
    """Count the times a verdict was written against the times one was made."""
    told: Counter[str | None] = Counter(
        event.record_id
        for event in e.world.store.run(lambda tx: list(history.everything(tx)))
        if event.event in _TOLD
    )
    written: Counter[str] = Counter()
    for change in e.world.journal.changes:
        if change.entity == "deal" and change.by_program and change.before is not None:
            before, after = change.before.cells, change.after.cells
            written[change.id] += before.get("QuoteCheckedAt__c") != after.get("QuoteCheckedAt__c")
    for record_id, times in sorted(written.items()):
        e.made += 1
        if times > told[record_id]:
            yield f"deal {record_id} got {times} verdicts, {told[record_id]} were made"
