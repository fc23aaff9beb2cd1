"""Exports as records: columns and forms settled by what the file shows, by flags, or by asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from interlock.errors import ConfigurationError
from interlock.exports.currencies import currency_in
from interlock.exports.forms import (
    DateOrder,
    DecimalMark,
    Doubt,
    date_order,
    decimal_mark,
    read_amount,
    read_date,
)
from interlock.exports.headers import Kind
from interlock.exports.sheets import Choose, Sheet, read_sheet
from interlock.matching.table import Company
from interlock.model.countries import country_code
from interlock.reports.quality import FIELDS
from interlock.reports.records import (
    CustomerRecord,
    DealRecord,
    OrderRecord,
    Skipped,
    Source,
)

__all__ = ["Answers", "Customers", "Deals", "Orders", "nobody", "parse_answers"]

_WON = ("closed won", "closedwon", "won", "gewonnen", "gagné", "ganado")
_CANCELLED = ("cancel", "void", "storn", "annul", "declined", "rejected")
_YES = ("true", "1", "yes", "y", "won", "ja", "oui", "x")

Choice = TypeVar("Choice", bound=StrEnum)


def nobody(_question: str, _choices: Sequence[str]) -> str | None:
    """Answer no question."""
    return None


@dataclass(slots=True)
class Answers:
    """What a person said about the files: by flag, at the terminal, or in an earlier run.

    Keys are (role of the file, ...); the role "" stands for every file.  ``asked`` holds what was
    answered at the terminal, to be remembered.
    """

    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    dates: dict[str, DateOrder] = field(default_factory=dict)
    decimals: dict[str, DecimalMark] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)
    won: tuple[str, ...] = ()
    choose: Choose = nobody
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)

    def told(self, role: str) -> dict[str, str]:
        """Header -> field for the file of a role."""
        return {name: to for (one, name), to in self.columns.items() if one in ("", role)}

    def remember(self, role: str, what: str, value: Any) -> None:
        """Keep an answer of the terminal."""
        self.asked.setdefault(role, {})[what] = value


def parse_answers(
    roles: Sequence[str],
    *,
    columns: Sequence[str] = (),
    dates: Sequence[str] = (),
    decimals: Sequence[str] = (),
    currencies: Sequence[str] = (),
    won: Sequence[str] = (),
    choose: Choose = nobody,
) -> Answers:
    """Read the flags; each value may begin with ``ROLE:`` to mean one file only."""
    answers = Answers(won=tuple(won), choose=choose)
    for text in columns:
        role, rest = _role(text, roles)
        name, mark, to = rest.rpartition("=")
        if not mark or not name.strip():
            raise ConfigurationError(
                f"--map {text!r} is not COLUMN=FIELD", fix="for example --map 'Firm=name'"
            )
        answers.columns[role, name.strip()] = to.strip()
    for text in dates:
        role, rest = _role(text, roles)
        answers.dates[role] = _one_of(rest, DateOrder, "--dates")
    for text in decimals:
        role, rest = _role(text, roles)
        answers.decimals[role] = _one_of(rest, DecimalMark, "--decimal")
    for text in currencies:
        role, rest = _role(text, roles)
        code = currency_in(rest)
        if code is None:
            raise ConfigurationError(
                f"--currency {rest!r} is no currency", fix="give a code such as EUR"
            )
        answers.currencies[role] = code
    return answers


def _role(text: str, roles: Sequence[str]) -> tuple[str, str]:
    before, mark, rest = text.partition(":")
    return (before, rest) if mark and before in roles else ("", text)


def _one_of(text: str, kind: type[Choice], flag: str) -> Choice:
    try:
        return kind(text.strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"{flag} {text!r} is none of {', '.join(kind)}", fix=f"{flag} {next(iter(kind))}"
        ) from None


@dataclass(slots=True)
class _Reader:
    """Reads the cells of one file."""

    path: Path
    role: str
    kind: Kind
    answers: Answers
    sheet: Sheet = field(init=False)
    notes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    _dates: DateOrder | None = None
    _decimals: DecimalMark | None = None

    def __post_init__(self) -> None:
        told = self.answers.told(self.role)
        self.sheet = read_sheet(self.path, self.kind, told, self.answers.choose, role=self.role)
        new = {name: to for name, to in self.sheet.told.items() if name not in told}
        if new:
            self.answers.remember(self.role, "columns", new)
        self.notes += self.sheet.notes
        if not self.sheet.encoding.startswith("utf-8"):
            self.notes.append(f"read as {self.sheet.encoding}")
        if "date" in self.sheet.fields:
            self._dates = self._settled(
                date_order(self.sheet.column("date")),
                self.answers.dates,
                "dates",
                ("day first or month first", "such as 03/04 can be read in two ways"),
                DateOrder,
            )
        if "amount" in self.sheet.fields:
            self._decimals = self._settled(
                decimal_mark(self.sheet.column("amount")),
                self.answers.decimals,
                "decimal",
                ("point or comma before the cents", "have both a point and a comma as that mark"),
                DecimalMark,
            )

    def _settled(
        self,
        found: Choice | Doubt | None,
        given: Mapping[str, Choice],
        flag: str,
        words: tuple[str, str],
        kind: type[Choice],
    ) -> Choice | None:
        """Take what was said, else what the column proves, else what a person answers."""
        said = given.get(self.role) or given.get("")
        if said is not None or not isinstance(found, Doubt):
            return said or found  # type: ignore[return-value]
        answer = self.answers.choose(f"{self.path.name}: {words[0]}?", list(kind))
        if answer is None:
            why = "prove both" if found.both else words[1]
            what = "dates" if flag == "dates" else "amounts"
            raise ConfigurationError(
                f"{what} {why} ({words[0]})",
                file=str(self.path),
                line=found.line,
                fix=" or ".join(f"--{flag} {self.role}:{each}" for each in kind),
            )
        self.answers.remember(self.role, flag, str(answer))
        return kind(answer)

    def amount(self, line: int, cells: Mapping[str, str]) -> Decimal | None:
        """Read the amount of a row; a row without one is skipped."""
        value = read_amount(cells.get("amount", ""), self._decimals)
        if value is None:
            self.skip(line, "no amount" if not cells.get("amount") else "the amount is no number")
        return value

    def day(self, line: int, cells: Mapping[str, str]) -> date | None:
        """Read the date of a row; a row without one is skipped."""
        value = read_date(cells.get("date", ""), self._dates)
        if value is None:
            self.skip(line, "no date" if not cells.get("date") else "the date is no date")
        return value

    def currency(self, cells: Mapping[str, str]) -> str:
        """Find the currency: in its column, in the amount, else the one that was said."""
        given = self.answers.currencies
        return (
            currency_in(cells.get("currency", ""))
            or currency_in(cells.get("amount", ""))
            or given.get(self.role, given.get("", ""))
        )

    def skip(self, line: int, why: str) -> None:
        """Note a row that cannot be used."""
        self.skipped.append(Skipped(file=self.path.name, line=line, why=why))

    def source(self, fields: Sequence[str]) -> Source:
        """Tell where the records come from; refuses a file of which hardly a row could be read."""
        if len(self.skipped) > len(self.sheet.rows) / 2:
            first = self.skipped[0]
            raise ConfigurationError(
                f"{len(self.skipped)} of {len(self.sheet.rows)} rows cannot be read: {first.why}",
                file=str(self.path),
                line=first.line,
                fix="if a column was taken for another, say which is which: "
                f"--map '{self.role}:COLUMN=FIELD'",
            )
        return Source(
            title=self.path.name,
            program=self.sheet.program,
            fields=tuple(fields),
            notes=tuple(self.notes),
        )


class Customers:
    """The customers of a file."""

    def __init__(self, path: Path, role: str, answers: Answers) -> None:
        reader = _Reader(path, role, Kind.CUSTOMERS, answers)
        named = "id" in reader.sheet.fields
        if not named:
            reader.notes.append("there is no column of ids: records are named by their line")
        found: dict[str, CustomerRecord] = {}
        repeated = 0
        for line, cells in reader.sheet.rows:
            key = cells["id"] if named else f"line {line}"
            if not key:
                reader.skip(line, "no id")
            elif key in found:
                repeated += 1
            else:
                found[key] = _customer(key, cells, reader.currency(cells))
        if repeated:
            reader.notes.append(f"{repeated:,} rows repeat an id: the first of each counts")
        self.records = list(found.values())
        self.skipped = reader.skipped
        self.source = reader.source([f for f in FIELDS if f in reader.sheet.fields])


def _customer(key: str, cells: Mapping[str, str], currency: str) -> CustomerRecord:
    raw = cells.get("country", "")
    return CustomerRecord(
        company=Company(
            id=key,
            name=cells.get("name", ""),
            website=cells.get("website", "") or cells.get("email", ""),
            street=cells.get("street", ""),
            city=cells.get("city", ""),
            region=cells.get("region", ""),
            postcode=cells.get("postcode", ""),
            country=country_code(raw) or raw,
            phone=cells.get("phone", ""),
            tax_id=cells.get("tax_id", ""),
        ),
        email=cells.get("email", ""),
        raw_country=raw,
        currency=currency,
        payment_terms=cells.get("payment_terms", ""),
    )


class Deals:
    """The won deals of a file; ``open``: how many others there are."""

    def __init__(self, path: Path, role: str, answers: Answers) -> None:
        reader = _Reader(path, role, Kind.DEALS, answers)
        fields = reader.sheet.fields
        if "stage" not in fields and "won" not in fields:
            reader.notes.append("there is no column of stages: every deal is taken as won")
        self.records: list[DealRecord] = []
        self.open = 0
        for line, cells in reader.sheet.rows:
            if not _won(cells, answers.won):
                self.open += 1
                continue
            amount, day = reader.amount(line, cells), reader.day(line, cells)
            if amount is not None and day is not None:
                self.records.append(
                    DealRecord(
                        id=cells.get("id", "") or f"line {line}",
                        name=cells.get("name", ""),
                        customer_id=cells.get("customer_id", ""),
                        customer=cells.get("customer", ""),
                        amount=amount,
                        currency=reader.currency(cells),
                        won_on=day,
                        order_number=cells.get("order_number", ""),
                        line=line,
                    )
                )
        if self.open and not self.records and not reader.skipped:
            stages = sorted({cells.get("stage", "")[:40] for _, cells in reader.sheet.rows})[:8]
            raise ConfigurationError(
                f"no deal is won; the stages are {', '.join(map(repr, stages))}",
                file=str(path),
                fix="say which stage means won: --won STAGE",
            )
        self.skipped = reader.skipped
        self.source = reader.source(fields)


def _won(cells: Mapping[str, str], labels: Sequence[str]) -> bool:
    if labels:
        return cells.get("stage", "").casefold() in {label.casefold() for label in labels}
    if cells.get("won"):
        return cells["won"].casefold() in _YES
    if "stage" in cells:
        stage = cells["stage"].casefold()
        # pipelines put their name behind the stage: "Closed won (Sales Pipeline)"
        return stage.partition("(")[0].strip() in _WON
    return "won" not in cells


class Orders:
    """The orders of a file, cancelled ones too."""

    def __init__(self, path: Path, role: str, answers: Answers) -> None:
        reader = _Reader(path, role, Kind.ORDERS, answers)
        self.records: list[OrderRecord] = []
        for line, cells in reader.sheet.rows:
            amount, day = reader.amount(line, cells), reader.day(line, cells)
            if amount is None or day is None:
                continue
            status = cells.get("status", "").casefold()
            self.records.append(
                OrderRecord(
                    number=cells.get("number", "") or cells.get("id", "") or f"line {line}",
                    customer_id=cells.get("customer_id", ""),
                    customer=cells.get("customer", ""),
                    amount=amount,
                    currency=reader.currency(cells),
                    ordered_on=day,
                    cancelled=any(word in status for word in _CANCELLED),
                    deal=cells.get("deal_id", ""),
                    line=line,
                )
            )
        self.skipped = reader.skipped
        self.source = reader.source(reader.sheet.fields)
