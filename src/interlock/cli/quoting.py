"""``interlock quote``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import (
    ByName,
    JsonOutput,
    ProjectFolder,
    Reason,
    load,
    person,
    with_store,
)
from interlock.cli.screen import columns, print_json, say

if TYPE_CHECKING:
    from interlock.processes.quote_check import Answer, LineAnswer

__all__ = ["app"]

app = typer.Typer(
    help="Prices, floors, stock and credit behind a quote, asked of the ERP now.",
    no_args_is_help=True,
)

_STYLES = {"ok": "green", "warn": "yellow", "stop": "red"}


@app.command("check")
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The quote: customer, currency, lines.")
    ],
    project: ProjectFolder = Path(),
    *,
    as_json: JsonOutput = False,
) -> None:
    """Check a quote (YAML or JSON) against the ERP and pricing.yaml; ends with 3 on a stop."""
    answer = asyncio.run(_check(project, file))
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    finish(NEEDS_PERSON if answer.verdict == "stop" else DONE)


async def _check(folder: Path, file: Path) -> Answer:
    from interlock.service.quoting import check_quote, read_request
    from interlock.service.session import connect

    request = read_request(file)
    async with connect(load(folder)) as session:
        return await check_quote(session, request)


def _show(answer: Answer) -> None:
    say(answer.verdict.upper(), style=_STYLES[answer.verdict])
    for finding in answer.findings:
        say(f"{finding.verdict}: {finding.text} [{finding.rule}]", lead="  ")
    if answer.note:
        say(answer.note, lead="  ")
    columns(_row(line, answer.currency) for line in answer.lines)


def _row(line: LineAnswer, currency: str) -> tuple[str, ...]:
    price = "no price" if line.price is None else f"{line.price:f} {currency} ({line.price_source})"
    floor = "no floor" if line.floor is None else f"not below {line.floor:f} ({line.rule})"
    if line.highest_discount is not None:
        floor += f", at most {line.highest_discount.normalize():f} % off"
    ships = f"ships {line.earliest}" if line.earliest is not None else "no date known"
    stock = "discontinued" if line.discontinued else f"stock {line.availability}"
    return f"{line.quantity:f} x {line.sku}", price, floor, f"{stock}, {ships}"


@app.command("override")
def override(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="deal:ID or quote:ID, by its id in the CRM.")
    ],
    reason: Reason,
    project: ProjectFolder = Path(),
    *,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Approve what a check warned of or stopped, as it was quoted; kept in the history."""
    from interlock.service.quoting import override_verdict

    now, who = datetime.now(UTC), person(by)
    done = with_store(
        project, lambda p, s: override_verdict(p, s, subject, by=who, reason=reason, now=now)
    )
    if as_json:
        print_json(done)
    else:
        say(f"{done.subject} is approved; the next sync shows it in the CRM.")
