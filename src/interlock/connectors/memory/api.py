"""How programs reach a memory system: the counterpart of a vendor's HTTP API.

Columns are asked for by name, writes come in batches with an answer a record, every call needs
the token.  The system's ``faults`` wrap each call, so that a test can make it go wrong on either
side of the point where the system has done it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from interlock.connectors.memory.calls import Answered, ApiError, Call, Op
from interlock.connectors.memory.storage import Row, State
from interlock.connectors.memory.system import MemorySystem
from interlock.connectors.memory.tables import Refused

__all__ = ["MemoryApi"]

T = TypeVar("T")


class MemoryApi:
    """A program's session with a system."""

    def __init__(self, system: MemorySystem, *, token: str, limit: int = 200) -> None:
        """``limit``: most records in one answer or batch."""
        self.system = system
        self.limit = limit
        self._token = token

    def server_time(self) -> datetime:
        """Tell the system's clock."""
        return self._call(Call("time"), self.system.clock)

    def describe(self, entity: str) -> frozenset[str]:
        """Name the columns of an entity the program may read."""
        return self._call(Call("describe", entity), lambda: self._columns(entity))

    def alter(self, *, make: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
        """Make and drop columns for Interlock, named ``entity.column``."""

        def carry_out() -> None:
            known = self.system.custom_columns()
            self.system.keep_custom_columns((known | set(make)) - set(drop))

        self._call(Call("alter"), carry_out)

    def changed(
        self,
        entity: str,
        columns: tuple[str, ...],
        *,
        since: datetime,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Row]:
        """List changed records by (change time, id), with tombstones."""

        def carry_out() -> list[Row]:
            shelf = self.system.shelf(entity)
            behind = None
            if after is not None:
                row = shelf.row(after[1])
                behind = None if row is None else (after[0], row.number)
            rows = shelf.changed(since, behind, min(limit, self.limit))
            return [_only(row, columns) for row in rows]

        return self._call(Call("changed", entity, columns), carry_out)

    def listed(self, entity: str, columns: tuple[str, ...], *, after: int, limit: int) -> list[Row]:
        """List live and archived records by number, behind ``after``."""

        def carry_out() -> list[Row]:
            rows = self.system.shelf(entity).listed(after, min(limit, self.limit))
            return [_only(row, columns) for row in rows]

        return self._call(Call("listed", entity, columns), carry_out)

    def fetched(self, entity: str, columns: tuple[str, ...], ids: Sequence[str]) -> list[Row]:
        """Read records by id: live, archived and merged ones; deleted ones are left out."""

        def carry_out() -> list[Row]:
            shelf = self.system.shelf(entity)
            rows = [shelf.row(record_id) for record_id in ids[: self.limit]]
            return [_only(r, columns) for r in rows if r is not None and r.state != State.DELETED]

        return self._call(Call("fetched", entity, columns), carry_out)

    def searched(
        self, entity: str, columns: tuple[str, ...], column: str, values: Sequence[str]
    ) -> list[Row]:
        """Find live and archived records whose column is one of these texts, in any case."""

        def carry_out() -> list[Row]:
            rows = self.system.shelf(entity).search(column, values)
            return [_only(row, columns) for row in rows[: self.limit]]

        return self._call(Call("searched", entity, (*columns, column)), carry_out)

    def write(self, entity: str, columns: tuple[str, ...], ops: Sequence[Op]) -> list[Answered]:
        """Save a batch; a refused record does not hold up the others."""
        if len(ops) > self.limit:
            raise ApiError(400, f"at most {self.limit} records in a batch", code="batch_too_long")
        call = Call("write", entity, columns, list(ops))

        def carry_out() -> list[Answered]:
            with self.system.change():
                there = self._columns(entity)
                return [self._save(entity, columns, there, op) for op in call.ops]

        return self._call(call, carry_out)

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _call(self, call: Call, carry_out: Callable[[], T]) -> T:
        self.system.calls[call.operation] += 1
        if self._token != self.system.token:
            raise ApiError(401, "the token is not valid", code="bad_token")
        if call.entity and call.entity not in self.system.tables:
            raise ApiError(404, f"there is no table {call.entity}", code="no_such_table")
        return self.system.faults.around(call, carry_out)

    def _columns(self, entity: str) -> frozenset[str]:
        made = self.system.custom_columns()
        return frozenset(
            column.name
            for column in self.system.tables[entity].columns.values()
            if not column.custom or f"{entity}.{column.name}" in made
        )

    def _save(
        self, entity: str, columns: tuple[str, ...], there: frozenset[str], op: Op
    ) -> Answered:
        table = self.system.tables[entity]
        shelf = self.system.shelf(entity)
        try:
            for name in op.cells:
                if name in table.columns and table.columns[name].computed:
                    raise Refused("not_permitted", f"{name} is set by the system", name)
                if name not in there:
                    raise Refused("no_such_column", f"{table.name} has no column {name}", name)
            before = None if op.id is None else shelf.row(op.id)
            if op.id is not None and (
                before is None or before.state in (State.DELETED, State.MERGED)
            ):
                raise Refused("no_such_record", f"there is no {table.name} {op.id}")
            if before is not None and op.version not in (None, before.version):
                raise Refused("changed", f"{table.name} {op.id} was changed meanwhile")
            row = self.system.save(entity, before, op.cells)
        except Refused as refused:
            return Answered(refused=refused, changed=False)
        if row is not before:
            self.system.written[entity] += 1
        return Answered(row=_only(row, columns), changed=row is not before)


def _only(row: Row, columns: tuple[str, ...]) -> Row:
    cells = row.cells
    return msgspec.structs.replace(row, cells={c: cells[c] for c in columns if c in cells})
