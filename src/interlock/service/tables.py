"""Reports as tables for other programs: CSV, and Parquet with the extra ``parquet``."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import msgspec

from interlock.errors import ConfigurationError
from interlock.service.companies import write_rows
from interlock.service.files import safe_cell

__all__ = ["Cell", "Kind", "Sheet", "csv_text", "save"]

Cell: TypeAlias = str | int | float | Decimal | date | None

Kind = type[str] | type[int] | type[float] | type[Decimal] | type[date]
_SQL: dict[Kind, str] = {
    str: "VARCHAR", int: "BIGINT", float: "DOUBLE", Decimal: "DECIMAL(38, 6)", date: "DATE",
}  # fmt: skip


class Sheet(msgspec.Struct, frozen=True):
    """A table; ``columns``: name and what it holds."""

    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Cell]]


def save(sheet: Sheet, *, csv: Path | None = None, parquet: Path | None = None) -> list[str]:
    """Write a table to the files asked for; returns their names."""
    if csv is not None:
        header = [name for name, _ in sheet.columns]
        write_rows(csv, header, ([_plain(cell) for cell in row] for row in sheet.rows))
    if parquet is not None:
        _write_parquet(sheet, parquet)
    return [str(path) for path in (csv, parquet) if path is not None]


def csv_text(sheet: Sheet) -> str:
    """Write a table as CSV, as ``save`` does."""
    text = io.StringIO(newline="")
    writer = csv_format.writer(text)
    writer.writerow([name for name, _ in sheet.columns])
    writer.writerows([_plain(cell) for cell in row] for row in sheet.rows)
    return text.getvalue()


def _plain(cell: Cell) -> object:
    if isinstance(cell, str):
        return safe_cell(cell)
    return "" if cell is None else cell


def _write_parquet(sheet: Sheet, path: Path) -> None:
    try:
        import duckdb
    except ImportError:
        raise ConfigurationError(
            "Parquet needs the extra `parquet`", fix="pip install 'interlock[parquet]'"
        ) from None
    part = path.with_name(path.name + ".part")
    columns = ", ".join(f'"{name}" {_SQL[kind]}' for name, kind in sheet.columns)
    with duckdb.connect() as memory:
        memory.execute(f"CREATE TABLE sheet ({columns})")
        if sheet.rows:
            marks = ", ".join("?" for _ in sheet.columns)
            memory.executemany(f"INSERT INTO sheet VALUES ({marks})", sheet.rows)  # noqa: S608
        try:
            quoted = str(part).replace("'", "''")
            memory.execute(f"COPY sheet TO '{quoted}' (FORMAT parquet)")
            part.replace(path)
        except (duckdb.Error, OSError) as error:
            part.unlink(missing_ok=True)
            raise ConfigurationError(
                "the Parquet file cannot be written", file=str(path),
                fix="name another file with --parquet",
            ) from error  # fmt: skip
