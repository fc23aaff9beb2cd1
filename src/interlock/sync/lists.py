"""Lists: all customers of both systems as matching reads them, kept while the process lives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select

from interlock.governance.rules import Side
from interlock.matching.customers import company_of
from interlock.matching.rarity import Rarity
from interlock.matching.register import Register
from interlock.matching.table import Company, Table, tabulate
from interlock.model import Presence
from interlock.store import feeds
from interlock.store.database import Tx, chunks
from interlock.store.tables import record

__all__ = ["TOKEN", "Ids", "Lists", "companies", "present"]

_ENTITY = "customer"
TOKEN = f"matched_to:{_ENTITY}"
"""Names, in the store, the last time matching looked at what had changed."""

_SAMPLE = 500
"""So many customers tell what their system shows."""

Ids = Mapping[Side, Collection[str]]
"""Record ids by side."""


def present(side: Side) -> ColumnElement[bool]:
    """Condition: a customer that is there."""
    return (
        (record.c.side == side)
        & (record.c.entity == _ENTITY)
        & (record.c.presence == Presence.PRESENT)
    )


def companies(tx: Tx, side: Side, rows: Iterable[Any]) -> Iterator[Company]:
    """Read customers of one side, as (id, fields), the way matching looks at them."""
    decode = tx.schema[_ENTITY].decode
    billing = False
    for row in tx.conn.execute(
        select(record.c.fields).where(present(side)).order_by(record.c.id).limit(_SAMPLE)
    ):
        billing = billing or "billing_address" in decode(row.fields)
    for row in rows:
        yield company_of(row.id, decode(row.fields), billing=billing)


@dataclass(slots=True)
class Lists:
    """Both lists as matching reads them; what changed is read again, not the rest.

    ``token`` names the state of the store they are up to date with but for what is flagged there.
    """

    token: str | None = None
    registers: dict[Side, Register] = field(default_factory=dict)
    digests: dict[Side, dict[str, bytes]] = field(default_factory=dict)
    late: int = 0

    def current(self, tx: Tx, flagged: Ids) -> dict[Side, Register]:
        """Bring both lists up to date; ``flagged``: the records matching has not looked at."""
        size = sum(map(len, self.digests.values()))
        if not self.registers or self.late > max(size // 10, 1_000):
            return self._read(tx)
        known = self.token == feeds.get_meta(tx, TOKEN)
        for side in Side:
            moved = set(flagged.get(side, ())) if known else self._moved(tx, side)
            if moved:
                self._replace(tx, side, moved)
        return self.registers

    def _read(self, tx: Tx) -> dict[Side, Register]:
        tables: dict[Side, Table] = {}
        for side in Side:
            self.digests[side] = {}
            tables[side] = tabulate(self._companies(tx, side, None))
        rarity = Rarity.of(*tables.values())
        self.registers = {side: Register.of(tables[side], rarity=rarity) for side in Side}
        self.late = 0
        return self.registers

    def _replace(self, tx: Tx, side: Side, moved: set[str]) -> None:
        found = {c.id: c for part in chunks(sorted(moved)) for c in self._companies(tx, side, part)}
        for gone in moved - found.keys():
            self.digests[side].pop(gone, None)
            # nothing to be found by
            found[gone] = Company(id=gone)
        self.registers[side] = self.registers[side].with_records(found.values())
        self.late += len(moved)

    def _companies(self, tx: Tx, side: Side, ids: list[str] | None) -> Iterable[Company]:
        query = select(record.c.id, record.c.fields, record.c.hash).where(present(side))
        if ids is not None:
            query = query.where(record.c.id.in_(ids))
        return companies(tx, side, self._noted(side, tx.conn.execute(query.order_by(record.c.id))))

    def _noted(self, side: Side, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            self.digests[side][row.id] = row.hash
            yield row

    def _moved(self, tx: Tx, side: Side) -> set[str]:
        """What another process has looked at, or a transaction that failed."""
        seen = self.digests[side]
        query = select(record.c.id, record.c.hash).where(present(side))
        now = {row.id: row.hash for row in tx.conn.execute(query)}
        return {i for i, digest in now.items() if seen.get(i) != digest} | (
            seen.keys() - now.keys()
        )
