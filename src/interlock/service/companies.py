"""Customer lists as CSV files: read for matching, results written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from interlock.errors import ConfigurationError
from interlock.exports.files import open_table, table_rows
from interlock.exports.headers import Kind, columns_of
from interlock.exports.programs import PROGRAMS
from interlock.matching.table import Company, Table, tabulate
from interlock.model.countries import country_code

__all__ = ["COLUMNS", "read_companies", "read_pairs", "rows_by_id", "write_rows"]

COLUMNS = (
    "id",
    "name",
    "website",
    "street",
    "city",
    "region",
    "postcode",
    "country",
    "phone",
    "tax_id",
)


def read_companies(path: Path) -> Table:
    """Read a list; columns may be missing and in any order, others are passed over.

    Headers of the programs we know are recognised besides our own.  Raises
    ``ConfigurationError`` for a file without an id column and for ids given twice.
    """
    with open_table(path) as file:
        rows = table_rows(file, path)
        _, header = next(rows, (1, []))
        where = columns_of(header, Kind.CUSTOMERS, PROGRAMS).places
        if "id" not in where:
            raise ConfigurationError(
                "there is no column 'id'",
                file=str(path),
                fix=f"name the columns: {', '.join(COLUMNS)}",
            )
        table = tabulate(_companies(rows, where, path))
    ids = np.sort(table.ids)
    twice = ids[1:][ids[1:] == ids[:-1]]
    if len(twice):
        raise ConfigurationError(f"the id {twice[0]!r} stands there twice", file=str(path))
    return table


def _companies(
    rows: Iterator[tuple[int, Sequence[str]]], where: Mapping[str, tuple[int, ...]], path: Path
) -> Iterator[Company]:
    at = [where.get(column, (-1,))[0] for column in COLUMNS]
    wide = max(at)
    # the second line of a street is a column of its own in some programs
    more = where.get("street", ())[1:]
    for number, row in rows:
        cells = [*row, *[""] * (wide + 1 - len(row)), ""]  # the last one stands for -1
        key, name, website, street, city, region, postcode, country, phone, tax_id = (
            cells[place] for place in at
        )
        if not key:
            raise ConfigurationError("a record has no id", file=str(path), line=number)
        if more:
            street = ", ".join([street, *(row[p] for p in more if p < len(row) and row[p])])
        yield Company(
            id=key,
            name=name,
            website=website,
            street=street,
            city=city,
            region=region,
            postcode=postcode,
            country=country if len(country) == 2 else country_code(country) or country,
            phone=phone,
            tax_id=tax_id,
        )


def read_pairs(path: Path, *, labelled: bool = False) -> Sequence[tuple[str, str, str]]:
    """Read pairs of ids with their label, "" where none is asked for."""
    needed = ("left_id", "right_id", "label") if labelled else ("left_id", "right_id")
    with open_table(path) as file:
        rows = table_rows(file, path)
        where = _places(next(rows, (1, []))[1], needed)
        missing = [column for column in needed if column not in where]
        if missing:
            raise ConfigurationError(
                f"there is no column {missing[0]!r}",
                file=str(path),
                fix=f"name the columns: {', '.join(needed)}",
            )
        wide = max(where.values())
        pairs = []
        for number, row in rows:
            if len(row) <= wide:
                raise ConfigurationError("a row is too short", file=str(path), line=number)
            label = row[where["label"]].strip() if labelled else ""
            if labelled and label not in {"0", "1"}:
                raise ConfigurationError(
                    "a label is 1 (same) or 0 (different)", file=str(path), line=number
                )
            pairs.append((row[where["left_id"]], row[where["right_id"]], label))
    return pairs


def has_labels(path: Path) -> bool:
    """Tell whether a file of pairs says of each whether it is right."""
    with open_table(path) as file:
        return "label" in _places(next(table_rows(file, path), (1, []))[1], ("label",))


def rows_by_id(table: Table) -> dict[str, int]:
    """Row of each id."""
    return {key: row for row, key in enumerate(table.ids.tolist())}


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file whole or not at all; returns the number of rows."""
    part = path.with_name(path.name + ".part")
    count = 0
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for row in rows:
                writer.writerow(row)
                count += 1
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write: {error.strerror}", file=str(path)) from error
    return count


def _places(header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    found = [cell.strip().lower().replace(" ", "_") for cell in header]
    return {column: found.index(column) for column in columns if column in found}
