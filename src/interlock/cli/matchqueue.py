"""``interlock match`` on the project's systems: run, and decide about what it was not sure of."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from interlock.cli.failures import DONE, FAILED, NEEDS_PERSON, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, load, person, with_store
from interlock.cli.planning import say_problems
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, columns, print_json, say
from interlock.cli.values import field_name, show_score, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.customers import Matching
    from interlock.service.review import Decided, Decision, PairView, Queue

__all__ = ["accept", "duplicates", "export", "import_", "reject", "review", "run", "undo"]

CrmId = Annotated[str, typer.Argument(metavar="CRM_ID", help="The record's id in the CRM.")]
ErpId = Annotated[str, typer.Argument(metavar="ERP_ID", help="The record's id in the ERP.")]
Entity = Annotated[
    str, typer.Option("--entity", metavar="NAME", help="customer, contact or product.")
]
Answer = Literal["accept", "reject", "skip", "quit"]
_ANSWERS: Final[tuple[Answer, ...]] = (
    "accept", "reject", "skip", "quit",
)  # fmt: skip
_UNDECODABLE: Final = "undecodable"


def run(project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """Read the customers of both systems and match them; writes nothing to either."""
    result, names = asyncio.run(_run(project, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        _show_run(result, names)
    if any(p.code != _UNDECODABLE for p in result.problems):
        finish(FAILED)
    if result.review or any(result.duplicates.values()):
        finish(NEEDS_PERSON)


async def _run(folder: Path, *, quiet: bool) -> tuple[Matching, Mapping[str, str]]:
    from interlock.governance.rules import Side
    from interlock.service.customers import run_matching
    from interlock.service.session import connect
    from interlock.sync.progress import Run

    async with connect(load(folder)) as session:
        names = {side.value: session.pair.side(side).name for side in Side}
        with Progress(names, quiet=quiet) as progress:
            found = Run(id=session.pair.new_id(), tick=progress.tick)
            return await run_matching(session, found), names


def _show_run(result: Matching, names: Mapping[str, str]) -> None:
    columns(
        [
            ("link", f"{result.link:,}", f"{result.new:,} of them new"),
            ("review", f"{result.review:,}", "for a person: interlock match review"),
            *(
                ("alone", f"{result.alone[name]:,}", f"of {result.records[name]:,} in {name}")
                for name in names.values()
            ),
            *(
                (
                    "duplicates",
                    f"{result.duplicates[name]:,}",
                    f"in {name}: interlock match duplicates --side {side}",
                )
                for side, name in names.items()
                if result.duplicates[name]
            ),
        ]
    )
    say(f"Nothing was written to either system.  (weights {result.weights})", style="dim")
    say_problems(result.problems)


# ── the queue ────────────────────────────────────────────────────────────────────────────────


def review(
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Decide about pairs one after the other, the likeliest first."""
    from interlock.service.review import read_queue

    queue = with_store(project, lambda p, s: read_queue(p, s, entity=entity))
    if as_json:
        print_json(queue)
    elif not queue.pairs:
        say("There is nothing to decide.")
    else:
        _ask_all(project, queue, by=person(by))


def _ask_all(folder: Path, queue: Queue, *, by: str) -> None:
    counts: dict[Decision, int] = {"accept": 0, "reject": 0}
    for number, view in enumerate(queue.pairs, start=1):
        _show_pair(view, f"{number} of {queue.total}")
        answer = _ask()
        if answer == "quit":
            break
        if answer == "skip":
            continue
        try:
            made = _decide(folder, view, answer, by=by)
        except ConfigurationError as error:
            # an earlier answer may have linked one of the two
            say(f"Not done: {error.message}", style="yellow")
            continue
        counts[answer] += 1
        _show_decided(made)
    left = queue.total - sum(counts.values())
    say(f"{counts['accept']} linked, {counts['reject']} refused, {left} left.", style="bold")
    if left:
        finish(NEEDS_PERSON)


def _decide(folder: Path, view: PairView, answer: Decision, *, by: str) -> Decided:
    from interlock.service.review import decide

    return with_store(
        folder,
        lambda p, s: decide(
            p, s, view.crm.id, view.erp.id, answer, entity=view.entity, by=by, now=_now()
        ),
    )


def _ask() -> Answer:
    while True:
        typer.echo("[a]ccept  [r]eject  [s]kip  [q]uit: ", nl=False)
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            say(line.strip())
        word = line.strip().casefold()
        if not line:
            return "quit"
        for answer in _ANSWERS:
            if word and answer.startswith(word):
                return answer
        say("Answer a, r, s or q.", style="yellow")


def _show_pair(view: PairView, place: str) -> None:
    say()
    say(f"{view.entity} {place}", style="bold")
    names = ["name", *(f for f in {**view.crm.fields, **view.erp.fields} if f != "name")]
    rows = [("", f"{view.crm.system} {view.crm.id}", f"{view.erp.system} {view.erp.id}")]
    rows += [
        (
            field_name(f),
            show_value(view.crm.fields.get(f)),
            show_value(view.erp.fields.get(f)),
        )
        for f in names
    ]
    if view.crm.linked_with or view.erp.linked_with:
        rows.append(("linked with", view.crm.linked_with, view.erp.linked_with))
    columns(rows)
    say(view.evidence, lead="  ")
    if view.entity == "customer" and view.crm.linked_with and not view.erp.linked_with:
        say(f"accept attaches {view.erp.system} {view.erp.id} as a further one, beside "
            f"{view.crm.linked_with}", lead="  ", style="dim")  # fmt: skip
    if view.score is not None:
        say(show_score(view.score), lead="  ", style="dim")


def accept(
    crm_id: CrmId,
    erp_id: ErpId,
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Link two records: they are the same; a further ERP customer of an account is attached."""
    from interlock.service.review import decide

    made = with_store(
        project,
        lambda p, s: decide(
            p, s, crm_id, erp_id, "accept", entity=entity, by=person(by), now=_now()
        ),
    )
    _tell(made, as_json=as_json)


def reject(
    crm_id: CrmId,
    erp_id: ErpId,
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Say that two records are not the same: they are never linked by themselves."""
    from interlock.service.review import decide

    made = with_store(
        project,
        lambda p, s: decide(
            p, s, crm_id, erp_id, "reject", entity=entity, by=person(by), now=_now()
        ),
    )
    _tell(made, as_json=as_json)


def undo(
    crm_id: CrmId,
    erp_id: ErpId,
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Take back what was decided about two records; a link made by matching is undone for good."""
    from interlock.service.review import take_back

    made = with_store(
        project,
        lambda p, s: take_back(p, s, crm_id, erp_id, entity=entity, by=person(by), now=_now()),
    )
    _tell(made, as_json=as_json)


def _tell(made: Decided, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        _show_decided(made)
    finish(DONE)


_STATES: Final = {
    "linked": "are linked",
    "attached": "belong together, as a further ERP customer of the account",
    "refused": "are not the same, and are never linked by themselves",
    "apart": "are taken apart for good",
    "detached": "are apart: the next run matches the ERP's anew",
    "matched anew": "are undecided again: the next run matches them anew",
}


def _show_decided(made: Decided) -> None:
    before = "" if made.changed else "; they were before"
    say(
        f"{made.entity} {made.crm_id} and {made.erp_id} {_STATES[made.state]}{before}.",
        style="green",
    )


def _now() -> datetime:
    return datetime.now(UTC)


# ── files for colleagues ─────────────────────────────────────────────────────────────────────


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where the queue goes.")],
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    attached: Annotated[
        bool,
        typer.Option("--attached", help="Further ERP customers of accounts, as decided, instead."),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Write the queue as a CSV file; colleagues fill in its column decision."""
    from interlock.service.decisions import export_attached, export_queue

    if attached:
        count = with_store(project, lambda p, s: export_attached(p, s, file))
    else:
        count = with_store(project, lambda p, s: export_queue(p, s, file, entity=entity))
    if as_json:
        print_json({"pairs": count, "out": str(file)})
    elif attached:
        say(f"{amount(count, 'pair')} -> {file}")
        say(f"A store made anew takes them back: interlock match import {file}", style="dim")
    else:
        say(f"{amount(count, 'pair')} -> {file}")
        say("Write accept or reject into the column decision, then: interlock match import "
            f"{file}", style="dim")  # fmt: skip


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A file with decisions.")],
    project: ProjectFolder = Path(),
    *,
    entity: Entity = "customer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Apply the decisions of a file: all of them, or none when a row is wrong."""
    from interlock.service.decisions import import_decisions

    made = with_store(
        project,
        lambda p, s: import_decisions(p, s, file, entity=entity, by=person(by), now=_now()),
    )
    if as_json:
        print_json(made)
        return
    further = f" ({made.attached} of them attached)" if made.attached else ""
    say(f"{made.accepted} linked{further}, {made.rejected} refused, {made.known} decided so "
        f"before, {made.undecided} undecided.", style="green")  # fmt: skip


def duplicates(
    project: ProjectFolder = Path(),
    *,
    side: Annotated[
        str, typer.Option("--side", metavar="crm|erp", help="The system to look through.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.csv", help="Where the worklist goes.")
    ] = Path("duplicates.csv"),
    as_json: JsonOutput = False,
) -> None:
    """List customers that one system has twice, to be merged there."""
    from interlock.governance.rules import Side
    from interlock.service.customers import list_duplicates

    if side not in {s.value for s in Side}:
        raise ConfigurationError(f"{side!r} is neither crm nor erp", fix="--side crm")
    count = with_store(project, lambda p, s: list_duplicates(p, s, Side(side), out))
    if as_json:
        print_json({"duplicates": count, "out": str(out)})
    else:
        say(f"{amount(count, 'duplicate')} -> {out}")
        if count:
            say("Merge them in the system itself; links follow the survivor.", style="dim")
    if count:
        finish(NEEDS_PERSON)
