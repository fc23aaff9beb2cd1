"""Pausing: nothing is read from or written to a system, or an entity, until it is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.store import history, pauses
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.pauses import ITSELF, Pause
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["PauseView", "apply_pauses", "pause", "read_pauses", "resume"]

_REST, _LONGEST_REST = timedelta(minutes=1), timedelta(minutes=30)


class PauseView(msgspec.Struct, frozen=True, kw_only=True):
    """One pause as people see it; ``subject``: a system's name or an entity.

    ``failed``: Interlock paused it by itself, because the system refused or did not answer.
    """

    subject: str
    by: str
    reason: str
    at: datetime
    until: datetime | None
    failed: bool


def pause(
    project: Project,
    store: Store,
    subject: str,
    *,
    by: str,
    reason: str,
    now: datetime,
    until: datetime | None = None,
) -> PauseView:
    """Pause a system or an entity; what is on its way is finished."""
    if until is not None and until <= now:
        raise ConfigurationError("--until lies in the past", fix="name a time to come, or none")
    wanted = Pause(subject=_known(project, subject), by=by, reason=reason, at=now, until=until)

    def _pause(tx: Tx) -> None:
        pauses.put(tx, wanted)
        history.add(tx, [_event("paused", wanted.subject, by, reason, now)])

    store.run(_pause)
    return _view(project, wanted)


def resume(project: Project, store: Store, subject: str, *, by: str, now: datetime) -> PauseView:
    """End a pause, whoever began it."""
    name = _known(project, subject)

    def _resume(tx: Tx) -> Pause:
        found = next((p for p in pauses.active(tx, now) if p.subject == name), None)
        if found is None:
            raise ConfigurationError(
                f"{subject} is not paused", fix="`interlock status` shows what is paused"
            )
        pauses.remove(tx, [name])
        history.add(tx, [_event("resumed", name, by, "", now)])
        return found

    return _view(project, store.run(_resume))


def read_pauses(tx: Tx, project: Project, now: datetime) -> list[PauseView]:
    """What is paused now."""
    return [_view(project, p) for p in pauses.active(tx, now)]


async def apply_pauses(pair: Pair, run: Run) -> None:
    """Let a run leave out what a person has paused, and say so."""
    now = pair.clock()
    for one in await pair.store.call(pauses.active, now):
        if one.is_own:
            continue
        side = next((s for s in Side if s.value == one.subject), None)
        if side is None:
            run.paused_entities.add(one.subject)
        else:
            run.paused.add(side)
        name = one.subject if side is None else pair.side(side).name
        why = f": {one.reason}" if one.reason else ""
        fix = f"when that is over: interlock resume {name}"
        run.problem(name, f"paused by {one.by}{why}", fix, "paused")


# ── a system that failed rests ───────────────────────────────────────────────────────────────


def resting(tx: Tx, now: datetime) -> dict[Side, datetime]:
    """Systems that failed a short while ago, and until when they are left alone."""
    return {
        Side(p.subject): p.until for p in pauses.active(tx, now) if p.is_own and p.until is not None
    }


def rest(tx: Tx, side: Side, reason: str, now: datetime, code: str = "") -> datetime:
    """Leave a system that failed alone for a while, longer each time; returns until when."""
    known = next((p for p in pauses.everything(tx) if p.subject == side.value), None)
    if known is not None and known.holds(now):
        # a person's word, or the failure of a run that went on beside this one: it is one failure
        return known.until or now + _LONGEST_REST
    tries = 1 if known is None or not known.is_own else known.tries + 1
    until = now + min(_REST * float(2 ** (min(tries, 10) - 1)), _LONGEST_REST)
    pauses.put(
        tx,
        Pause(
            subject=side.value,
            by=ITSELF,
            reason=reason,
            at=now,
            until=until,
            tries=tries,
            code=code,
        ),
    )
    return until


def rested(tx: Tx, sides: Sequence[Side], now: datetime) -> None:
    """Note that systems answer again."""
    over = [
        p.subject
        for p in pauses.everything(tx)
        if p.subject in {s.value for s in sides} and (p.is_own or not p.holds(now))
    ]
    if over:
        pauses.remove(tx, over)


def _known(project: Project, subject: str) -> str:
    """Give the side a system's name stands for, or the entity."""
    names = {project.connection(side).name: side.value for side in Side}
    names |= {side.value: side.value for side in Side}
    if subject in names:
        return names[subject]
    if subject in project.ownership.entities:
        return subject
    known = [*(project.connection(side).name for side in Side), *project.ownership.entities]
    raise ConfigurationError(
        f"{subject!r} is neither a system nor an entity that is synced",
        fix=f"name one of {', '.join(known)}",
    )


def _view(project: Project, p: Pause) -> PauseView:
    side = next((s for s in Side if s.value == p.subject), None)
    return PauseView(
        subject=p.subject if side is None else project.connection(side).name,
        by=p.by,
        reason=p.reason,
        at=p.at,
        until=p.until,
        failed=p.is_own,
    )


def _event(event: str, subject: str, by: str, reason: str, now: datetime) -> Event:
    side = next((s for s in Side if s.value == subject), None)
    why = f"{by}: {reason}" if reason else by
    return Event(at=now, event=event, side=side, entity="" if side else subject, why=why)
