"""The breaker: when a field is written again and again and does not stay (rule 14).  Pure.

A *round* is a write of ours that was followed by the field seen away from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec

from interlock.governance.merge import Action, Decision, MemberView, OpenKind, Outcome
from interlock.governance.rules import Side
from interlock.model import ANYTHING, agree

__all__ = ["LINKS", "ROUNDS", "WINDOW", "Memory", "Round", "brake"]

ROUNDS = 3
"""Rounds within ``WINDOW`` after which a field of a link is parked."""
LINKS = 20
"""Links that park one field within ``WINDOW``; then it is parked for the connection."""
WINDOW = timedelta(hours=24)


class Round(msgspec.Struct, frozen=True):
    """One field of one side seen away from what we wrote there at ``written_at``."""

    side: Side
    field: str
    written_at: datetime


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one link, all within ``WINDOW``.

    ``written``: (side, field) -> our latest write.  ``rounds``: (side, field) -> the writes that
    did not stay.  ``parked``: field -> why.  ``stopped``: fields no link of the entity writes.
    """

    written: Mapping[tuple[Side, str], datetime] = {}
    rounds: Mapping[tuple[Side, str], frozenset[datetime]] = {}
    parked: Mapping[str, str] = {}
    stopped: Collection[str] = ()


def brake(
    decision: Decision, views: Mapping[Side, MemberView], memory: Memory
) -> tuple[Decision, list[Round], list[Round]]:
    """Take out what must not be written: (decision, rounds seen now, of these the ones that park).

    A parked field stays open until a person releases it, whatever the sides show.
    """
    kept: list[Outcome] = []
    seen: list[Round] = []
    parking: list[Round] = []
    for o in decision.outcomes:
        if o.field in memory.parked:
            kept.append(_parked(o.field, memory.parked[o.field], o))
            continue
        if o.action is not Action.WRITE:
            kept.append(o)
            continue
        if o.field in memory.stopped:
            continue
        here = _rounds(o.field, views, memory)
        seen += here
        full = [r for r in here if len(_all(r, memory)) >= ROUNDS]
        parking += full
        kept.append(_parked(o.field, _why(full[0].side), o) if full else o)
    decided = {o.field for o in decision.outcomes}
    kept += [_parked(f, why) for f, why in memory.parked.items() if f not in decided]
    return Decision(tuple(kept)), seen, parking


def _rounds(field: str, views: Mapping[Side, MemberView], memory: Memory) -> list[Round]:
    found = []
    for side, view in views.items():
        at = memory.written.get((side, field))
        if at is None or field not in view.base or field not in view.fields:
            continue
        if not agree(view.fields[field], view.base[field], view.facts.get(field, ANYTHING)):
            found.append(Round(side, field, at))
    return found


def _all(this: Round, memory: Memory) -> frozenset[datetime]:
    return memory.rounds.get((this.side, this.field), frozenset()) | {this.written_at}


def _why(side: Side) -> str:
    return (
        f"written {ROUNDS} times within a day, and each time the {side.value.upper()} showed "
        "another value afterwards; not written again until a person releases it"
    )


def _parked(field: str, why: str, o: Outcome | None = None) -> Outcome:
    rebase = frozenset[Side]() if o is None else o.rebase
    return Outcome(field=field, action=Action.OPEN, kind=OpenKind.PARKED, why=why, rebase=rebase)
