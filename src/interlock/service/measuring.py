"""Measuring: the figures behind metrics, read from the store in one transaction."""

from __future__ import annotations

from datetime import datetime

from interlock.governance.rules import Side
from interlock.observability.metrics import Figures
from interlock.project.load import Project
from interlock.service.webhooks import COUNTER as WEBHOOKS
from interlock.store import (
    counters,
    epochs,
    feeds,
    figures,
    hints,
    holds,
    open_fields,
    outgoing,
    stops,
)  # fmt: skip
from interlock.store.database import Store, Tx
from interlock.store.plans import WRITES
from interlock.sync.causes import cause_of

__all__ = ["measure"]


def measure(project: Project, store: Store, now: datetime) -> Figures:
    """Measure how things stand."""
    return store.run(_measure, project, now)


def _measure(tx: Tx, project: Project, now: datetime) -> Figures:
    names = {side: project.connection(side).name for side in Side}
    undelivered = figures.undelivered(tx)
    dead: dict[tuple[str, str], int] = {}
    for one in figures.letters_by_cause(tx):
        key = names[one.side], cause_of(one.code).value
        dead[key] = dead.get(key, 0) + one.count
    writes = {}
    for label, count in counters.read(tx, WRITES).items():
        outcome, side, entity = label.split(":")
        writes[names[Side(side)], entity, outcome] = count.value
    webhooks = {}
    for label, count in counters.read(tx, WEBHOOKS).items():
        name, _, what = label.partition(":")
        webhooks[name, what] = count.value
    hinted = hints.oldest(tx)
    return Figures(
        oldest_change={
            name: _age(now, undelivered[side][1] if side in undelivered else None)
            for side, name in names.items()
        },
        undelivered={
            name: undelivered[side][0] if side in undelivered else 0 for side, name in names.items()
        },
        to_approve=figures.to_approve(tx),
        dead_letters=dead,
        open_fields=open_fields.count(tx),
        stops=len(stops.active(tx)),
        holds=len(holds.open_episodes(tx)),
        writing=not epochs.held(tx),
        lag={(names[s], entity): _age(now, at) for (s, entity), at in feeds.looked_at(tx).items()},
        writes=writes,
        webhooks=webhooks,
        outgoing={name: one.count for name, one in outgoing.waiting(tx).items()},
        hint_age=_age(now, hinted),
    )


def _age(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
