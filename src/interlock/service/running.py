"""Running: what the service reads when, when it last did, and what it is about to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from interlock.connectors.base import Finding, Severity
from interlock.governance.rules import Side
from interlock.project.config import ScheduleSettings
from interlock.project.load import Project
from interlock.runtime.cadence import Cadence, cadence_of, parts_of
from interlock.runtime.schedule import Cron, Every, Schedule
from interlock.service.session import Session, make_session
from interlock.store import lanes
from interlock.store.database import Store
from interlock.store.lanes import LaneRow

__all__ = ["CadenceView", "read_cadences", "schedule_note", "schedules_of"]


class CadenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What is read at one cadence.

    ``last``: when its lane that ran longest ago last began, ``None`` when one never did.  ``next``:
    ``None`` when that is at once, or whenever the service starts.  ``problem``: of the last run.
    """

    name: str
    when: str
    reads: Sequence[str]
    last: datetime | None
    next: datetime | None
    problem: str = ""


def schedules_of(settings: ScheduleSettings) -> dict[Cadence, Schedule]:
    """What the project says about when."""
    zone = ZoneInfo(settings.time_zone)
    found: dict[Cadence, Schedule] = {}
    for cadence in Cadence:
        stated = getattr(settings, cadence.value)
        found[cadence] = Cron(stated, zone) if isinstance(stated, str) else Every(stated)
    return found


def schedule_note(session: Session) -> Finding:
    """Say for ``check`` what runs when, and that nobody has to reach this machine for it."""
    schedules = schedules_of(session.project.schedules)
    told = ", ".join(f"{cadence} {schedule}" for cadence, schedule in schedules.items())
    return Finding(
        severity=Severity.OK,
        subject="schedules",
        message=f"`interlock serve` reads {told}; everything works by polling, without an address "
        "the systems can reach",
    )


def read_cadences(project: Project, store: Store) -> list[CadenceView]:
    """What the service reads when; the same whether it runs or not."""
    pair = make_session(project, store).pair
    observed = {side: pair.observed(side) for side in Side}
    parts = parts_of(observed)
    rows = store.run(lanes.everything)
    found = []
    for cadence, schedule in schedules_of(project.schedules).items():
        names = [name for name in parts if _belongs(name, cadence)]
        if not names:
            continue
        mine = [rows.get(name, LaneRow(name=name)) for name in names]
        begun = [row.started_at for row in mine if row.started_at is not None]
        last = min(begun) if len(begun) == len(mine) else None
        found.append(
            CadenceView(
                name=cadence.value,
                when=str(schedule),
                reads=["everything"]
                if cadence is Cadence.SWEEP
                else [
                    f"{pair.side(side).name} {entity}"
                    for side, entities in observed.items()
                    for entity in entities
                    if cadence_of(side, entity) is cadence
                ],
                last=last,
                next=None if last is None else schedule.next_after(last),
                problem="; ".join(sorted({row.problem for row in mine if row.problem})),
            )
        )
    return found


def _belongs(lane: str, cadence: Cadence) -> bool:
    kind, _, part = lane.partition(":")
    if cadence is Cadence.SWEEP:
        return kind == "sweep"
    return kind == "observe" and part.endswith(f":{cadence}")
