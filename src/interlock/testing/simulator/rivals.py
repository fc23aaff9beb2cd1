"""Rivals: other programs that write a field again whenever we have written it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory import Refused
from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.model import Value
from interlock.testing.simulator.people import MAPS

if TYPE_CHECKING:
    from interlock.testing.simulator.world import World

__all__ = ["Rival", "appear", "let_act"]

_FOUGHT_FOR = (
    ((Side.ERP, "website"),),
    ((Side.CRM, "payment_terms"),),
    ((Side.ERP, "phone"), (Side.CRM, "phone")),
    ((Side.ERP, "name"), (Side.CRM, "name")),
)
"""Fields of customers, and on which sides a rival wants to have its own way."""


@dataclass
class Rival:
    """A program that begins with all we wrote, and goes on when all other trouble has stopped.

    ``capitals``: it respells what it finds; else it has a value of its own for each record.
    """

    side: Side
    name: str
    capitals: bool
    read_to: int = 0
    own: dict[str, Value | None] = field(default_factory=dict)
    wrote: int = 0

    def act(self, world: World) -> None:
        """Rewrite what the engine has written since the last time."""
        system, item = world.systems[self.side], MAPS[self.side]["customer"]
        column = next(f.path for f in item.fields if f.field == self.name).partition(".")[0]
        fresh = world.journal.changes[self.read_to :]
        self.read_to = len(world.journal.changes)
        touched = {
            c.id
            for c in fresh
            if c.by_program
            and (c.side, c.entity) == (self.side, "customer")
            and c.after.cells.get(column) != (c.before.cells.get(column) if c.before else None)
        }
        for record_id in sorted(touched):
            row = system.shelf("customer").row(record_id)
            if row is None or row.state is not State.LIVE:
                continue
            cells = item.encode({self.name: self._value(world, record_id, row.cells[column])})
            if cells != {column: row.cells[column]}:
                try:
                    system.edit("customer", record_id, cells)
                except Refused:
                    continue
                self.wrote += 1
                system.mischief.struck["rewritten by a rival"] += 1
                world.say(f"  a rival writes {self.side} customer {record_id} {cells}")

    def _value(self, world: World, record_id: str, shown: object) -> Value | None:
        if self.capitals and isinstance(shown, str):
            return f"{shown.upper().removesuffix('!')}!"
        if record_id not in self.own:
            self.own[record_id] = world.people.value("customer", self.name, self.side)
        return self.own[record_id]


def appear(world: World, rng: Random) -> str:
    """Let rivals appear that fight for one field."""
    chosen = rng.choice(_FOUGHT_FOR)
    capitals = chosen[0][1] == "name" and rng.random() < 0.5
    world.rivals += [Rival(side, name, capitals) for side, name in chosen]
    let_act(world)
    where = " and ".join(side.value for side, _ in chosen)
    return f"a rival rewrites {chosen[0][1]} of customers ({where})"


def let_act(world: World) -> None:
    """Let all rivals look at what was written."""
    for rival in world.rivals:
        rival.act(world)
