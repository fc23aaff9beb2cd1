"""``interlock report overruled``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import JsonOutput, ProjectFolder, with_store
from interlock.cli.screen import amount, columns, moment, print_json, say
from interlock.cli.values import field_name
from interlock.errors import ConfigurationError

__all__ = ["overruled"]


def overruled(
    project: ProjectFolder = Path(),
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back: 12h, 30d.")
    ] = "30d",
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="NAME", help="Only of this one.")
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Say where people keep editing fields that their system does not own."""
    from interlock.project.config import parse_duration
    from interlock.service.overruled import report_overruled

    try:
        back = parse_duration(since)
        datetime.now(UTC) - back
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"--since {since!r} is no time", fix="such as 12h or 30d"
        ) from None
    report = with_store(
        project,
        lambda p, s: report_overruled(p, s, since=back, now=datetime.now(UTC), entity=entity),
    )
    if as_json:
        print_json(report)
        return
    if not report.fields:
        say(f"Since {moment(report.since)} nobody edited what their system does not own.",
            style="green")  # fmt: skip
        return
    for one in report.fields:
        say(f"{one.entity} {field_name(one.field)}: edited in {one.system}, owned by {one.owner}",
            style="bold")  # fmt: skip
        kept = f", {one.shown} of them shown to a person" if one.shown else ""
        say(f"{amount(one.count, 'edit')} on {amount(one.records, 'record')}{kept}, last "
            f"{moment(one.last)}", lead="    ")  # fmt: skip
        columns([(r.id, r.label, amount(r.count, "edit")) for r in one.most], lead="      ")
    say("Who saved a record stands in the system's own log. Make the field read-only there for "
        "those who do not own it, or give it to the other side in ownership.yaml.",
        style="dim")  # fmt: skip
