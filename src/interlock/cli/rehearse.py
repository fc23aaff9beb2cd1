"""``interlock rehearse``."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, FAILED, finish
from interlock.cli.options import JsonOutput, load
from interlock.cli.screen import amount, columns, heading, note, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.project.load import Project
    from interlock.reports.rehearsal import DealResult
    from interlock.service.rehearsal import Rehearsal

__all__ = ["rehearse"]

_SIGNS = {"passed": "ok", "failed": "FAILED", "not shown": "-", "not tried": "?"}


def rehearse(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ] = Path(),
    *,
    memory: Annotated[
        bool,
        typer.Option(
            "--memory", metavar="", help="On systems in memory; yours are only read, for deals."
        ),
    ] = False,
    made: Annotated[
        bool,
        typer.Option(
            "--made", metavar="", help="With made deals; with --memory, without your systems."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write an HTML page.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIR", help="The same as PROJECT.", show_default=False),
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Put 10 to 20 won deals through a staging pair and judge what both systems then show.

    Both systems must say `environment: staging` in interlock.yaml, or add --memory.
    """
    if made and not memory:
        raise ConfigurationError(
            "made deals are rehearsed in memory only", fix="interlock rehearse --memory --made"
        )
    if out is not None and not out.absolute().parent.is_dir():
        raise ConfigurationError(
            f"cannot write {out}: there is no such folder", fix="make the folder, or name another"
        )
    opened = load(folder or project)
    with tempfile.TemporaryDirectory(prefix="interlock-rehearsal-") as name:
        choosing, trial = Path(name, "choosing"), Path(name, "trial")
        choosing.mkdir()
        trial.mkdir()
        if memory:
            work = _in_memory(opened, choosing, trial, made=made, quiet=as_json)
        else:
            work = _on_staging(opened, trial, quiet=as_json)
        result = asyncio.run(work)
    if out is not None:
        from interlock.service.rehearsal import write_page

        result = write_page(result, out)
    if as_json:
        print_json({"passed": result.passed, **_plain(result)})
    else:
        _show(result)
    finish(DONE if result.passed else FAILED)


def _plain(result: Rehearsal) -> dict[str, object]:
    import msgspec

    plain = msgspec.to_builtins(result)
    for shown, deal in zip(plain["judgement"]["deals"], result.judgement.deals, strict=True):
        shown["passed"] = deal.passed
    return dict(plain)


async def _on_staging(project: Project, trial: Path, *, quiet: bool) -> Rehearsal:
    from interlock.service import rehearsal

    rehearsal.refuse_production(project)
    if not quiet:
        note(f"Rehearsing on {project.crm.name} and {project.erp.name} ...")
    return await rehearsal.rehearse(project, trial, clock=_now, new_id=_new_id)


async def _in_memory(
    project: Project, choosing: Path, trial: Path, *, made: bool, quiet: bool
) -> Rehearsal:
    from interlock.rehearsal import made_deals, rehearse_in_memory
    from interlock.service import rehearsal

    if made:
        deals = made_deals()
        found = rehearsal.Found(chosen=deals, considered=len(deals), unfit={})
    else:
        if not quiet:
            note(f"Reading won deals of {project.crm.name}; nothing is written there ...")
        found = await rehearsal.find_deals(project, choosing, clock=_now, new_id=_new_id)
    return await rehearse_in_memory(project, trial, found, clock=_now, new_id=_new_id)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex


def _show(result: Rehearsal) -> None:
    from interlock.reports.order_checks import Check
    from interlock.reports.sold import FEWEST

    judged = result.judgement
    where = "in memory" if result.where == "memory" else f"on {result.crm} and {result.erp}"
    say(
        f"{amount(len(judged.deals), 'won deal')} rehearsed {where}, {judged.ordered} became orders"
    )
    if judged.deals:
        heading("Deals")
        rows = [("deal", *(check.value for check in Check))]
        rows += [(deal.name, *_signs(deal)) for deal in judged.deals]
        columns([*rows, ("passed", *_passed(result))])
        say("ok passed   FAILED failed   - the system has no place for it   ? nothing to look at")
    for deal in judged.deals:
        if not deal.passed:
            heading(f"{deal.name} ({deal.deal_id})")
            columns([(f.check.value, f.why) for f in deal.findings if f.verdict.value == "failed"])
            if deal.deal_id in result.said:
                say(f"Interlock says: {result.said[deal.deal_id]}", lead="  ")
    if result.unfit:
        heading("Not taken")
        columns([(why, amount(number, "deal")) for why, number in result.unfit.items()])
    say()
    for problem in (*judged.against, *result.problems):
        say(problem, style="red")
    if result.passed:
        say("Rehearsal passed.", style="bold green")
    else:
        say("Rehearsal NOT passed.", style="bold red")
        if judged.ordered < FEWEST and result.where != "memory":
            say("-> win more deals on staging, or: interlock rehearse --memory", lead="   ")
        elif judged.ordered < FEWEST:
            say("-> with made deals: interlock rehearse --memory --made", lead="   ")
    if result.page:
        say(f"-> {result.page}")


def _signs(deal: DealResult) -> list[str]:
    from interlock.reports.order_checks import Check

    found = (deal.of(check) for check in Check)
    return ["" if finding is None else _SIGNS[finding.verdict.value] for finding in found]


def _passed(result: Rehearsal) -> list[str]:
    return [
        f"{counts.get('passed', 0)}/{sum(counts.values())}"  # type: ignore[call-overload]
        for counts in result.judgement.totals.values()
    ]
