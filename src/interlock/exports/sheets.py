"""A sheet: an export with its columns recognised, every cell still as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from interlock.errors import ConfigurationError
from interlock.exports.files import encoding_of, open_table, table_rows
from interlock.exports.headers import FIELDS, Columns, Kind, columns_of, folded
from interlock.exports.programs import PROGRAMS

__all__ = ["Choose", "Sheet", "read_sheet"]

Choose = Callable[[str, Sequence[str]], str | None]
"""Asks a person for the header of a field, told in words; ``None``: there is nobody to ask."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of an export, each with its line; cells by field, "" where there is none.

    ``told``: header -> field, as a person said.  ``notes``: what was passed over or assumed.
    """

    file: str
    kind: Kind
    program: str
    encoding: str
    fields: Sequence[str]
    headers: Sequence[str]
    rows: Sequence[tuple[int, Mapping[str, str]]]
    told: Mapping[str, str]
    notes: Sequence[str]

    def column(self, field: str) -> Iterator[tuple[int, str]]:
        """Lines and cells of a field, the filled ones only."""
        return ((line, cells[field]) for line, cells in self.rows if cells.get(field))


def read_sheet(
    path: Path, kind: Kind, told: Mapping[str, str], choose: Choose, *, role: str
) -> Sheet:
    """Read an export; a needed column that is not recognised is asked for.

    ``role``: what the file is to the command, as in ``--map ROLE:COLUMN=FIELD``.
    """
    with open_table(path) as file:
        rows = table_rows(file, path)
        first = next(rows, None)
        if first is None:
            raise ConfigurationError(
                "the file is empty", file=str(path), fix="export the list again, with its headers"
            )
        header = [cell.strip() for cell in first[1]]
        _refuse_unknown(told, kind, role)
        columns, told = _settled(header, kind, told, choose, path, role)
        read = [(line, _cells(row, columns)) for line, row in rows]
    return Sheet(
        file=str(path),
        kind=kind,
        program=columns.program,
        encoding=encoding_of(path),
        fields=tuple(columns.places),
        headers=header,
        rows=[(line, cells) for line, cells in read if any(cells.values())],
        told=told,
        notes=[f"the column {name!r} stands there twice: the first counts"
               for name in columns.doubled],
    )  # fmt: skip


def _refuse_unknown(told: Mapping[str, str], kind: Kind, role: str) -> None:
    for name, field in told.items():
        if field and field not in FIELDS[kind]:
            raise ConfigurationError(
                f"{role} have no field {field!r} (for the column {name!r})",
                fix=f"take one of: {', '.join(FIELDS[kind])}",
            )


def _settled(
    header: Sequence[str],
    kind: Kind,
    told: Mapping[str, str],
    choose: Choose,
    path: Path,
    role: str,
) -> tuple[Columns, Mapping[str, str]]:
    known = {folded(name) for name in header}
    told = {name: field for name, field in told.items() if folded(name) in known}
    columns = columns_of(header, kind, PROGRAMS, told)
    for group in columns.missing(kind):
        words = " or ".join(FIELDS[kind][field] for field in group)
        answer = choose(f"{path.name}: which column is {words}?", header)
        if answer is None:
            shown = ", ".join(repr(name[:40]) for name in header[:20] if name) or "no names at all"
            raise ConfigurationError(
                f"no column is recognised as {words}; the header has {shown}",
                file=str(path),
                line=1,
                fix=f"say which one it is: --map '{role}:COLUMN={group[0]}'",
            )
        told = {**told, answer: group[0]}
        columns = columns_of(header, kind, PROGRAMS, told)
    return columns, told


def _cells(row: Sequence[str], columns: Columns) -> dict[str, str]:
    cells = {}
    for field, places in columns.places.items():
        if len(places) == 1:
            cells[field] = row[places[0]].strip() if places[0] < len(row) else ""
        else:
            parts = (row[place].strip() for place in places if place < len(row))
            cells[field] = ", ".join(part for part in parts if part)
    return cells
