"""Decisions in a spreadsheet: the review queue as a CSV file, and the file with answers back."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from interlock.errors import ConfigurationError, InterlockError
from interlock.project.load import Project
from interlock.service.companies import write_rows
from interlock.service.review import (
    Decision,
    PairView,
    RecordView,
    decide_in,
    read_attached,
    read_queue,
)
from interlock.store.database import Store, Tx

__all__ = ["COLUMNS", "Imported", "export_attached", "export_queue", "guarded", "import_decisions"]

_FIELDS: Final = ("name", "website", "phone", "tax_id", "billing_address")
COLUMNS: Final = (
    "decision",
    "crm_id",
    "erp_id",
    "probability",
    *(f"{side}_{field}" for field in _FIELDS for side in ("crm", "erp")),
    "crm_linked_with",
    "erp_linked_with",
    "evidence",
    "explanation",
)
"""``decision`` is empty: accept, attach or reject goes there."""

_WORDS: Final[dict[str, Decision | None]] = {
    "": None,
    "skip": None,
    **dict.fromkeys(("accept", "a", "yes", "y", "same", "1"), "accept"),
    **dict.fromkeys(("reject", "r", "no", "n", "different", "0"), "reject"),
    "attach": "attach",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MOST_SHOWN: Final = 20
"""Bad rows that are named; with more, something else is wrong with the file."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of decisions did.

    ``attached``: of the accepted ones, further ERP customers of an account; ``known``: rows decided
    the same before.
    """

    accepted: int
    attached: int
    rejected: int
    known: int
    undecided: int


class _Row(msgspec.Struct, frozen=True):
    line: int
    crm_id: str
    erp_id: str
    decision: Decision


def guarded(text: str) -> str:
    """Keep a spreadsheet from taking a value for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def export_queue(project: Project, store: Store, path: Path, *, entity: str = "customer") -> int:
    """Write the review queue as a CSV file; returns the number of pairs."""
    queue = read_queue(project, store, entity=entity)
    return write_rows(path, COLUMNS, (_cells(view) for view in queue.pairs))


def export_attached(project: Project, store: Store, path: Path) -> int:
    """Write what people attached as decisions; a store made anew takes them back (ADR 0014)."""
    pairs = read_attached(project, store)
    return write_rows(path, COLUMNS, (_cells(view, "attach") for view in pairs))


def _cells(view: PairView, decision: str = "") -> list[str]:
    score = view.score
    likely = "" if score is None else f"{score.probability:.3f}"
    cells = [decision, view.crm.id, view.erp.id, likely]
    for field in _FIELDS:
        cells += [_text(view.crm, field), _text(view.erp, field)]
    cells += [view.crm.linked_with, view.erp.linked_with, view.evidence]
    parts = {} if score is None else score.contributions
    cells.append(" ".join(f"{field} {value:+.2f}" for field, value in parts.items()))
    return [guarded(cell) for cell in cells]


def _text(record: RecordView, field: str) -> str:
    value = record.fields.get(field)
    if isinstance(value, dict):
        parts = (value.get(part) for part in ("street", "postcode", "city", "country"))
        return ", ".join(str(part) for part in parts if part)
    return "" if value is None else str(value)


def import_decisions(
    project: Project,
    store: Store,
    path: Path,
    *,
    entity: str = "customer",
    by: str,
    now: datetime,
) -> Imported:
    """Apply the decisions of a file: all of them, or none when a row is wrong.

    Raises ``ConfigurationError`` that names each bad row by its line.
    """
    rows, undecided = _read(path)

    def _apply(tx: Tx) -> Imported:
        made, problems = [], []
        for row in rows:
            try:
                made.append(
                    decide_in(
                        tx, project, entity, row.crm_id, row.erp_id, row.decision, by=by, now=now
                    )
                )
            except InterlockError as error:
                problems.append(
                    ConfigurationError(error.message, file=str(path), line=row.line, fix=error.fix)
                )
        # raised within the transaction, so that nothing of the file remains
        _raise(problems)
        new = [d for d in made if d.changed]
        return Imported(
            accepted=sum(d.state in ("linked", "attached") for d in new),
            attached=sum(d.state == "attached" for d in new),
            rejected=sum(d.state == "refused" for d in new),
            known=len(made) - len(new),
            undecided=undecided,
        )

    return store.run(_apply)


def _read(path: Path) -> tuple[list[_Row], int]:
    rows: list[_Row] = []
    problems: list[ConfigurationError] = []
    undecided = 0
    seen: dict[tuple[str, str], _Row] = {}
    for line, cells in _lines(path):
        crm_id, erp_id = (_unguarded(cells[c].strip()) for c in ("crm_id", "erp_id"))
        word = cells["decision"].strip().casefold()
        if word not in _WORDS:
            problems.append(
                ConfigurationError(
                    f"{cells['decision'].strip()[:40]!r} is no decision",
                    file=str(path),
                    line=line,
                    fix="write accept or reject, or leave it empty",
                )
            )
            continue
        decision = _WORDS[word]
        if decision is None:
            undecided += 1
            continue
        row = _Row(line, crm_id, erp_id, decision)
        before = seen.setdefault((crm_id, erp_id), row)
        if before is row:
            rows.append(row)
        elif before.decision != decision:
            problems.append(
                ConfigurationError(
                    f"{crm_id} and {erp_id} are decided otherwise in line {before.line}",
                    file=str(path),
                    line=line,
                    fix="keep one of the two",
                )
            )
    _raise(problems)
    return rows, undecided


def _raise(problems: Sequence[ConfigurationError]) -> None:
    if problems:
        raise ConfigurationError.combined(problems[:_MOST_SHOWN])


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    needed = ("decision", "crm_id", "erp_id")
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count))
            header = [cell.strip().casefold() for cell in next(reader, [])]
            for column in needed:
                if column not in header:
                    raise ConfigurationError(
                        f"there is no column {column!r}",
                        file=str(path),
                        line=1,
                        fix="take a file that `interlock match export` wrote",
                    )
            at = {column: header.index(column) for column in needed}
            for row in reader:
                if any(row):
                    cells = [*row, *[""] * len(header)]
                    yield reader.line_num, {column: cells[at[column]] for column in needed}
    except OSError as error:
        raise ConfigurationError(f"cannot read: {error.strerror}", file=str(path)) from error
    except csv.Error as error:
        raise ConfigurationError(f"not a CSV file: {error}", file=str(path)) from error
