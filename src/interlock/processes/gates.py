"""Several gates one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.store.outbox import OutboxWrite
from interlock.sync.pair import Gate, Pair
from interlock.sync.progress import Run

__all__ = ["in_turn"]


def in_turn(*gates: Gate) -> Gate:
    """Ask each about what the ones before it let through."""

    async def _ask(pair: Pair, run: Run, creates: Sequence[OutboxWrite]) -> Mapping[str, str]:
        withheld: dict[str, str] = {}
        for gate in gates:
            left = [w for w in creates if w.id not in withheld]
            withheld |= await gate(pair, run, left) if left else {}
        return withheld

    return _ask
