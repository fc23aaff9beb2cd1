"""``interlock audit``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, FAILED, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, person, with_store
from interlock.cli.screen import amount, complain, hint, moment, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.audit import Verified

__all__ = ["app"]

app = typer.Typer(
    help="The history: prove that nobody altered it, and hand it out.", no_args_is_help=True
)


@app.command("verify")
def verify(
    project: ProjectFolder = Path(),
    *,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            metavar="",
            help="Take the store as it is, such as after putting an older one back.",
        ),
    ] = False,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Prove that the history is as it was sealed; what was forgotten or pruned is no alarm."""
    from interlock.service.audit import accept_head
    from interlock.service.audit import verify as prove

    if accept:
        head = with_store(
            project, lambda p, s: accept_head(p, s, by=person(by), now=datetime.now(UTC))
        )
        if as_json:
            print_json({"accepted": head})
        else:
            say(f"From here on batch {head.sequence} is the newest seal; the history tells it.")
        return
    result = with_store(project, prove)
    if as_json:
        print_json(result)
    else:
        _show(result)
    finish(DONE if result.holds else FAILED)


def _show(result: Verified) -> None:
    verdict = result.verdict
    if result.holds:
        say(
            f"The history is as it was sealed: {amount(verdict.rows, 'row')} in "
            f"{amount(verdict.batches, 'batch')}.",
            style="green",
        )
    else:
        complain("The history is not as it was sealed:")
        for finding in verdict.findings:
            which = "" if finding.batch is None else f"batch {finding.batch}: "
            complain(f"{which}{finding.message}", lead="  ")
        hint("compare with a backup; keep the store as it is until you know who changed it")
    if verdict.erased:
        say(f"{amount(verdict.erased, 'row')} without values: their records were forgotten.")
    if verdict.thinned:
        say(f"{amount(verdict.thinned, 'unimportant row')} thinned out for their age.")
    if verdict.pruned_through:
        say(f"Batches up to {verdict.pruned_through} were pruned for their age.")
    if verdict.unsealed:
        say(f"{amount(verdict.unsealed, 'row')} too new to be sealed.")
    if result.published is not None:
        say(
            f"Published: batch {result.published.sequence}, {moment(result.published.at)}, "
            f"{result.published.hash}",
            style="dim",
        )


@app.command("export")
def export(
    project: ProjectFolder = Path(),
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file (JSON lines).")],
    since: Annotated[
        str | None, typer.Option("--since", metavar="DAY", help="From this day (UTC) on.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="NAME", help="customer, contact, …")
    ] = None,
    record: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="One record, with its counterpart.")
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Write the history to a file, one event a line, oldest first; it holds personal values."""
    from interlock.service.audit import export as write

    start = None if since is None else _instant(since)
    result = with_store(
        project,
        lambda p, s: write(p, s, out, since=start, entity=entity, record_id=record),
    )
    if as_json:
        print_json(result)
        return
    say(f"{amount(result.events, 'event')} written to {result.file}.", style="green")
    if result.erased:
        say(f"{amount(result.erased, 'event')} without values: their records were forgotten.")


def _instant(text: str) -> datetime:
    try:
        if len(text) == len("2030-01-31"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no day", fix="such as 2030-01-31, or 2030-01-31T09:00:00Z"
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
