"""Which entity of which side is looked at how often, and the lanes that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interlock.governance.rules import Side
from interlock.runtime.lanes import Lane
from interlock.runtime.schedule import Schedule

__all__ = ["SETTLE", "Cadence", "Part", "cadence_of", "help_lanes", "make_lanes", "parts_of"]

SETTLE = "settle"
"""The lane that links, decides and delivers."""


class Cadence(StrEnum):
    """How fresh: each has its own schedule in ``interlock.yaml``."""

    DEALS = "deals"
    HOLDS = "holds"
    CUSTOMERS = "customers"
    CATALOGUE = "catalogue"
    FINANCE = "finance"
    SWEEP = "sweep"


_OF_ENTITY: Mapping[str, Cadence] = {
    "deal": Cadence.DEALS,
    "quote": Cadence.DEALS,
    "order": Cadence.DEALS,
    "project": Cadence.DEALS,
    "customer": Cadence.CUSTOMERS,
    "contact": Cadence.CUSTOMERS,
    "task": Cadence.CUSTOMERS,
    "product": Cadence.CATALOGUE,
    "price": Cadence.CATALOGUE,
    "invoice": Cadence.FINANCE,
    "payment": Cadence.FINANCE,
}
_OF_SIDE: Mapping[tuple[Side, str], Cadence] = {
    # the ERP's customer shows whether it is on credit hold
    (Side.ERP, "customer"): Cadence.HOLDS,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What one lane observes; ``full``: everything, whatever the system reports as changed."""

    side: Side
    entities: tuple[str, ...]
    full: bool = False


def cadence_of(side: Side, entity: str) -> Cadence:
    """How often an entity of a side is looked at."""
    return _OF_SIDE.get((side, entity)) or _OF_ENTITY.get(entity, Cadence.CUSTOMERS)


def parts_of(observed: Mapping[Side, Sequence[str]]) -> dict[str, Part]:
    """Lane name -> what it observes, of the entities that are read from each side."""
    parts = {}
    for side, entities in observed.items():
        for cadence in Cadence:
            mine = tuple(e for e in entities if cadence_of(side, e) is cadence)
            if mine:
                parts[f"observe:{side}:{cadence}"] = Part(side, mine)
                parts[f"sweep:{side}:{cadence}"] = Part(side, mine, full=True)
    return parts


def help_lanes(count: int) -> list[str]:
    """Name the lanes that help ``SETTLE`` to deliver."""
    return [f"deliver:{number}" for number in range(count)]


def make_lanes(
    parts: Mapping[str, Part], schedules: Mapping[Cadence, Schedule], *, helpers: int = 0
) -> dict[str, Lane]:
    """Make all lanes of an installation.

    A sweep never runs beside the observing of the same entities; ``SETTLE`` looks as often as deals
    are looked at, for what waits for a time to come.
    """
    lanes = [Lane(SETTLE, SETTLE, schedules[Cadence.DEALS])]
    for name in parts:
        kind, _, lock = name.partition(":")
        cadence = Cadence(lock.rpartition(":")[2])
        if kind == "sweep":
            lanes.append(Lane(name, lock, schedules[Cadence.SWEEP], at_once=False))
        else:
            lanes.append(Lane(name, lock, schedules[cadence]))
    lanes += [Lane(name, name) for name in help_lanes(helpers)]
    return {lane.name: lane for lane in lanes}
