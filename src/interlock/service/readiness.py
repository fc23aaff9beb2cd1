"""Assess: both sides' customers before go-live, from two files or from the project's systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import select

from interlock.governance.rules import Side
from interlock.matching.customers import company_of
from interlock.matching.score import Weights
from interlock.model import Address, Money, Presence, Value
from interlock.reports.page import render
from interlock.reports.quality import FIELDS, Flaw, Flawed
from interlock.reports.readiness import Doubled, Readiness, assess
from interlock.reports.records import CustomerRecord, Skipped, Source
from interlock.service.companies import write_rows
from interlock.service.exports import Answers, Customers
from interlock.service.files import beside, safe_cell, write_text
from interlock.service.session import Session
from interlock.store import observations
from interlock.store.database import Tx
from interlock.store.tables import record
from interlock.sync.pair import Connection

__all__ = ["Assessed", "assess_files", "assess_systems"]

WORKLIST = (
    "side",
    "survivor_id",
    "survivor_name",
    "duplicate_id",
    "duplicate_name",
    "probability",
    "certain",
    "explanation",
)


class Assessed(msgspec.Struct, frozen=True, kw_only=True):
    """The findings, and where the page and the worklists were written."""

    readiness: Readiness
    skipped: Sequence[Skipped]
    page: str
    worklist: str
    flaws: str


def assess_files(
    left: Path, right: Path, out: Path, answers: Answers, *, weights: Weights, now: datetime
) -> Assessed:
    """Assess two exports, the CRM's and the ERP's."""
    ours, theirs = Customers(left, "left", answers), Customers(right, "right", answers)
    found = assess(
        ours.records,
        theirs.records,
        (ours.source, theirs.source),
        weights,
        names=("CRM", "ERP"),
    )
    return _written(found, [*ours.skipped, *theirs.skipped], out, now)


async def assess_systems(
    session: Session, out: Path, *, weights: Weights, now: datetime, live: bool = False
) -> Assessed:
    """Assess the project's systems; nothing is written to them.

    What the store has seen of both is taken, unless ``live`` or one side was never observed:
    then every customer is read from the systems.
    """
    seen = {}
    if not live:
        for side in Side:
            seen[side] = await session.store.call(_observed, side)
    if len(seen) == len(Side) and all(seen.values()):
        how = "as last seen by Interlock"
    else:
        how = "read from the system"
        seen = {side: await _read(session.pair.side(side)) for side in Side}
    sources = [
        Source(
            title=session.project.connection(side).plugin.title,
            fields=FIELDS,
            notes=(how,),
        )
        for side in Side
    ]
    found = assess(
        seen[Side.CRM],
        seen[Side.ERP],
        (sources[0], sources[1]),
        weights,
        names=("CRM", "ERP"),
    )
    return _written(found, [], out, now)


def _observed(tx: Tx, side: Side) -> list[CustomerRecord]:
    rows = tx.conn.execute(
        select(record)
        .where(
            record.c.side == side,
            record.c.entity == "customer",
            record.c.presence == Presence.PRESENT,
        )
        .order_by(record.c.id)
    )
    return [_customer(row.id, observations.from_row(tx, row).known) for row in rows]


async def _read(connection: Connection) -> list[CustomerRecord]:
    found: dict[str, CustomerRecord] = {}
    cursor: str | None = None
    more = True
    while more:
        page = await connection.connector.sweep("customer", cursor)
        for each in page.records:
            if each.presence is Presence.PRESENT:
                found[each.id] = _customer(each.id, each.fields)
        cursor, more = page.cursor, page.more
    return list(found.values())


def _customer(key: str, fields: Mapping[str, Value | None]) -> CustomerRecord:
    def text(name: str) -> str:
        value = fields.get(name)
        return value if isinstance(value, str) else ""

    given = fields.get("billing_address")
    address = given if isinstance(given, Address) else Address()
    limit = fields.get("credit_limit")
    return CustomerRecord(
        company=company_of(key, fields, billing=True),
        email=text("email"),
        raw_country=address.country or "",
        currency=limit.currency if isinstance(limit, Money) else "",
        payment_terms=text("payment_terms"),
    )


def _written(found: Readiness, skipped: Sequence[Skipped], out: Path, now: datetime) -> Assessed:
    worklist, flaws = beside(out, "duplicates.csv"), beside(out, "flaws.csv")
    write_rows(worklist, WORKLIST, map(_worklist_row, found.doubled))
    write_rows(flaws, ("side", "id", "name", "flaw", "value"), _flaw_rows(found))
    write_text(
        out,
        render(
            "readiness.html.j2",
            {
                "r": found,
                "fields": FIELDS,
                "kinds": [flaw.value for flaw in Flaw],
                "most": max(
                    (count for side in found.sides for count in side.quality.flaws.values()),
                    default=1,
                ),
                "examples": {side.name: _examples(side.quality.flawed) for side in found.sides},
                "skipped": skipped,
                "worklist": worklist.name,
                "flaws": flaws.name,
                "made": f"{now:%Y-%m-%d %H:%M} UTC",
            },
        ),
    )
    return Assessed(
        readiness=found,
        skipped=skipped,
        page=str(out),
        worklist=str(worklist),
        flaws=str(flaws),
    )


def _examples(flawed: Sequence[Flawed]) -> list[Flawed]:
    """Give the first three of each flaw."""
    shown: dict[Flaw, list[Flawed]] = {}
    for each in flawed:
        group = shown.setdefault(each.flaw, [])
        if len(group) < 3:
            group.append(each)
    return [each for group in shown.values() for each in group]


def _worklist_row(each: Doubled) -> Sequence[object]:
    return (
        each.side,
        each.survivor_id,
        safe_cell(each.survivor_name),
        each.duplicate_id,
        safe_cell(each.duplicate_name),
        f"{each.probability:.6f}",
        "yes" if each.certain else "no",
        each.explanation,
    )


def _flaw_rows(found: Readiness) -> Iterator[Sequence[object]]:
    for side in found.sides:
        for each in side.quality.flawed:
            yield side.name, each.id, safe_cell(each.name), each.flaw.value, safe_cell(each.value)
