"""Tables in text files, whatever program wrote them: encoding, separator, rows with their lines."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from interlock.errors import ConfigurationError

__all__ = ["LONGEST", "encoding_of", "open_table", "table_rows"]

LONGEST = 1_000_000
"""Characters of one cell; a longer one means that a quotation mark is never closed."""
_BLOCK = 1 << 20
_SEPARATORS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How Excel's and OpenDocument's files begin."""


def encoding_of(path: Path) -> str:
    """Find the encoding: by its mark, else UTF-8 if all of it is, else Windows-1252."""
    with _file_errors(path), path.open("rb") as file:
        first = file.read(_BLOCK)
        for mark, encoding in _MARKS:
            if first.startswith(mark):
                return encoding
        if first.startswith(_WORKBOOKS):
            raise ConfigurationError(
                "this is a workbook, not a table in text form",
                file=str(path),
                fix="open it in the spreadsheet program and save it as CSV",
            )
        # every other byte of Western text in UTF-16 is zero
        sample = first[:2000]
        if len(sample) > 1 and sample[1::2].count(0) > len(sample) // 4:
            return "utf-16-le"
        if len(sample) > 1 and sample[0::2].count(0) > len(sample) // 4:
            return "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while first:
                decoder.decode(first)
                first = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


@contextmanager
def open_table(path: Path) -> Iterator[IO[str]]:
    """Open a file for :func:`table_rows`; bytes its encoding does not know are shown as such."""
    encoding = encoding_of(path)
    with _file_errors(path), path.open(newline="", encoding=encoding, errors="replace") as file:
        yield file


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"cannot read: {error.strerror}", file=str(path)) from error


def table_rows(file: IO[str], path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Read the rows, header first, each with the line it begins in; empty rows are passed over."""
    csv.field_size_limit(LONGEST)
    mark, before = _separator(file)
    reader = csv.reader(_without_nul(file), delimiter=mark)
    line = before + 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise ConfigurationError(
                f"not a table in text form: {error}",
                file=str(path),
                line=line,
                fix="look for a quotation mark that is never closed; save a spreadsheet as CSV",
            ) from error
        if row is None:
            return
        if any(row):
            yield line, row
        line = before + reader.line_num + 1


def _without_nul(file: IO[str]) -> Iterator[str]:
    for text in file:
        yield text.replace("\0", "") if "\0" in text else text


def _separator(file: IO[str]) -> tuple[str, int]:
    """Take the character that separates the first lines most evenly; and lines to pass over."""
    start = file.tell()
    lines = [line for _, line in zip(range(20), file, strict=False) if line.strip()]
    file.seek(start)
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) == 5:
        # a spreadsheet's own note of the separator
        file.readline()
        return lines[0][4], 1
    if not lines:
        return ",", 0
    found = {}
    for mark in _SEPARATORS:
        counts = Counter(_outside_quotes(line, mark) for line in lines)
        in_header = _outside_quotes(lines[0], mark)
        found[mark] = (counts[in_header] if in_header else 0, in_header)
    return max(_SEPARATORS, key=lambda mark: found[mark]), 0


def _outside_quotes(line: str, mark: str) -> int:
    return "".join(line.split('"')[::2]).count(mark)
