"""A company's CRM or ERP, complete and in memory: the system itself, without any connector.

Tests, the demo and the simulator use its methods as people at the company would use its screens.
Programs (the connector) come in through ``interlock.connectors.memory.api``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from interlock.connectors.memory.calls import Faults, NoFaults
from interlock.connectors.memory.rules import DERIVED, check_cells, check_unique
from interlock.connectors.memory.shelf import Shelf
from interlock.connectors.memory.storage import Row, RowFile, State
from interlock.connectors.memory.tables import (
    CRM_TABLES,
    ERP_TABLES,
    Refused,
    Table,
    Type,
    unlisted,
)

__all__ = ["MemorySystem", "find_system", "register"]

_TABLES: Mapping[str, Mapping[str, Table]] = {"crm": CRM_TABLES, "erp": ERP_TABLES}
_TAX_ID = {"crm": "VatNumber", "erp": "vat_no"}
_NUMBERED = {"order": "SO", "project": "PR", "invoice": "IN"}
_REFERENCE = {"crm": "InterlockRef__c", "erp": "ext_ref"}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemorySystem:
    """A CRM (``kind`` "crm") or ERP ("erp").

    ``path``: SQLite file shared with other processes; without it the company lives as long as
    this object.  ``unique_tax_ids``, ``unique_references``: a second customer with the same tax
    id, a second record with the same key of Interlock, is refused.  ``provisioned``: whether the
    columns for Interlock's keys are there from the start.  ``any_terms``: payment terms and
    currencies are not held to this company's lists, nor SKUs to be unique.
    """

    def __init__(
        self,
        kind: str,
        *,
        clock: Callable[[], datetime] = _utc_now,
        path: Path | None = None,
        token: str = "memory",  # noqa: S107  it keeps out only mistakes
        unique_tax_ids: bool = False,
        unique_references: bool = False,
        provisioned: bool = True,
        any_terms: bool = False,
    ) -> None:
        self.kind = kind
        self.clock = clock
        self.token = token
        self.tables = _TABLES[kind]
        if any_terms:
            self.tables = {entity: unlisted(table) for entity, table in self.tables.items()}
        self.faults: Faults = NoFaults()
        """What goes wrong with calls by programs."""
        self.calls: Counter[str] = Counter()
        """Calls by programs so far, by operation."""
        self.written: Counter[str] = Counter()
        """Records written by programs so far, by entity."""
        key = _REFERENCE[kind]
        self._unique: dict[str, list[str]] = {
            entity: [key] if unique_references and key in table.columns else []
            for entity, table in self.tables.items()
        }
        if unique_tax_ids:
            self._unique["customer"].append(_TAX_ID[kind])
        self._provisioned = provisioned
        self._shelves: dict[str, Shelf] = {}
        self._seq = 0
        self._seen = -1
        self._reset()
        self._file = None if path is None else RowFile(path)
        if self._file is not None:
            self._claim(self._file)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()

    # ── what people do ───────────────────────────────────────────────────────────────────────

    def add(self, entity: str, cells: Mapping[str, Any]) -> str:
        """Make a record; returns its id."""
        with self.change():
            return self.save(entity, None, cells).id

    def edit(self, entity: str, record_id: str, cells: Mapping[str, Any]) -> None:
        """Change cells of a record."""
        with self.change():
            self.save(entity, self._alive(entity, record_id), cells)

    def archive(self, entity: str, record_id: str, *, back: bool = False) -> None:
        """Archive a record, or bring it back."""
        with self.change():
            state = State.LIVE if back else State.ARCHIVED
            self._put(self._alive(entity, record_id), state=state)

    def delete(self, entity: str, record_id: str) -> None:
        """Delete a record; a tombstone without cells stays in the feed."""
        with self.change():
            self._put(self._alive(entity, record_id), state=State.DELETED, cells={})

    def merge(self, entity: str, loser: str, winner: str) -> None:
        """Merge one record into another: what pointed to the loser points to the winner."""
        with self.change():
            kept = self._alive(entity, winner)
            self._put(self._alive(entity, loser), state=State.MERGED, merged_into=kept.id, cells={})
            for name, table in self.tables.items():
                for column in table.columns.values():
                    if column.type is Type.REF and column.target == entity:
                        for row in list(self._shelves[name].search(column.name, [loser])):
                            self._put(row, cells={**row.cells, column.name: kept.id})

    def begin_late(
        self, entity: str, cells: Mapping[str, Any], record_id: str | None = None
    ) -> Callable[[], str]:
        """Begin to save now and commit when the answer is called: with the present change time."""
        began = self.clock()

        def commit() -> str:
            with self.change():
                before = None if record_id is None else self._alive(entity, record_id)
                return self.save(entity, before, cells, modified=began).id

        return commit

    def get(self, entity: str, record_id: str) -> dict[str, Any] | None:
        """Show a live or archived record, every cell."""
        row = self.row(entity, record_id)
        gone = row is None or row.state in (State.DELETED, State.MERGED)
        return None if row is None or gone else dict(row.cells)

    def all(self, entity: str) -> dict[str, dict[str, Any]]:
        """Show all live and archived records by id."""
        self.refresh()
        return {row.id: dict(row.cells) for row in self._shelves[entity].living()}

    def row(self, entity: str, record_id: str) -> Row | None:
        """Show a record with version, change time and state; tombstones too."""
        self.refresh()
        return self._shelves[entity].row(record_id)

    # ── what the programs' interface needs ───────────────────────────────────────────────────

    def shelf(self, entity: str) -> Shelf:
        """Give an entity's rows."""
        self.refresh()
        return self._shelves[entity]

    def refresh(self) -> None:
        """Take over what other processes have committed."""
        if self._file is not None and self._file.version() != self._seen:
            self._take_over(self._file)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold the company for one change; in a file all of it is kept, or nothing."""
        if self._file is None:
            yield
            return
        try:
            with self._file.change():
                self.refresh()
                yield
        except Refused:
            raise  # checked before anything was put: memory and file still agree
        except BaseException:
            self._reset()
            self._take_over(self._file)
            raise

    def save(
        self,
        entity: str,
        before: Row | None,
        cells: Mapping[str, Any],
        *,
        modified: datetime | None = None,
    ) -> Row:
        """Check and save cells of a new or known record; unchanged cells change nothing."""
        shelf = self._shelves[entity]
        number = shelf.last_number + 1 if before is None else before.number
        full = dict(self._blank(entity, number) if before is None else before.cells)
        full.update(cells)
        if before is not None and full == before.cells:
            return before
        check_cells(self._shelves, entity, full if before is None else cells, number)
        for column in self._unique[entity]:
            if full.get(column) and (before is None or column in cells):
                check_unique(shelf, column, full[column], number)
        now = modified or self.clock()
        derive = DERIVED.get(entity)
        if derive is not None:
            derive(self._shelves, before, full, now)
        if before is None:
            self._seq += 1
            row = Row(entity=entity, number=number, id=shelf.make_id(number), cells=full,
                      version=1, modified=now, seq=self._seq)  # fmt: skip
            return self._keep(row)
        return self._put(before, cells=full, modified=now)

    def custom_columns(self) -> frozenset[str]:
        """Name the columns made for Interlock that exist, as ``entity.column``."""
        self.refresh()
        if self._file is not None:
            return frozenset(msgspec.json.decode(self._file.read_fact("custom") or "[]"))
        return self._custom

    def keep_custom_columns(self, names: frozenset[str]) -> None:
        """Make and drop columns for Interlock; a dropped one loses its values."""
        with self.change():
            for name in self.custom_columns() - names:
                entity, _, column = name.partition(".")
                for row in list(self._shelves[entity].living()):
                    if row.cells.get(column) is not None:
                        self._put(row, cells={**row.cells, column: None})
            self._custom = names
            if self._file is not None:
                self._file.write_fact("custom", msgspec.json.encode(sorted(names)).decode())

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _alive(self, entity: str, record_id: str) -> Row:
        row = self._shelves[entity].row(record_id)
        if row is None or row.state in (State.DELETED, State.MERGED):
            raise Refused("no_such_record", f"there is no {entity} {record_id}")
        return row

    def _blank(self, entity: str, number: int) -> dict[str, Any]:
        cells = {c.name: c.default for c in self.tables[entity].columns.values()}
        if "number" in cells:
            cells["number"] = f"{_NUMBERED.get(entity, 'C')}{number:05d}"
        return cells

    def _put(self, row: Row, **changes: Any) -> Row:
        self._seq += 1
        changes = {"modified": self.clock(), **changes}
        return self._keep(
            msgspec.structs.replace(row, version=row.version + 1, seq=self._seq, **changes)
        )

    def _keep(self, row: Row) -> Row:
        if self._file is not None:
            self._file.save([row])
        self._shelves[row.entity].put(row)
        return row

    def _reset(self) -> None:
        self._shelves = {entity: Shelf(table) for entity, table in self.tables.items()}
        self._seq = 0
        self._custom = frozenset(
            f"{entity}.{column.name}"
            for entity, table in self.tables.items()
            for column in table.columns.values()
            if column.custom and self._provisioned
        )

    def _take_over(self, file: RowFile) -> None:
        version = file.version()
        for row in file.load(self._seq):
            self._shelves[row.entity].put(row)
            self._seq = row.seq
        self._seen = version

    def _claim(self, file: RowFile) -> None:
        with file.change():
            kind = file.read_fact("kind")
            if kind is None:
                file.write_fact("kind", self.kind)
                file.write_fact("custom", msgspec.json.encode(sorted(self._custom)).decode())
        if kind not in (None, self.kind):
            file.close()
            raise ValueError(f"{file.path} holds a company's {kind}, not its {self.kind}")
        self._take_over(file)


_registered: dict[str, MemorySystem] = {}


def register(name: str, system: MemorySystem) -> None:
    """Make a system reachable inside this process: settings ``system: NAME``."""
    _registered[name] = system


def find_system(name: str) -> MemorySystem | None:
    """Find a registered system."""
    return _registered.get(name)
