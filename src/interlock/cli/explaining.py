"""``interlock explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.options import JsonOutput, ProjectFolder, with_store
from interlock.cli.screen import columns, heading, moment, print_json, say
from interlock.cli.values import field_name, how, show_score, show_value

if TYPE_CHECKING:
    from interlock.service.explaining import Explanation, FieldStory, Moment, Shown

__all__ = ["explain"]


def explain(
    entity: Annotated[str, typer.Argument(help="customer, contact, product, deal or order")],
    record: Annotated[str, typer.Argument(metavar="ID", help="The record's id, in either system.")],
    field: Annotated[str | None, typer.Argument(help="Only this field, with its history.")] = None,
    project: ProjectFolder = Path(),
    *,
    system: Annotated[
        str | None, typer.Option("--system", help="Whose id it is, when both have one.")
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Show both systems' values of a record, whose each is, and how it came to be."""
    from interlock.service.explaining import explain as tell

    result = with_store(
        project, lambda p, s: tell(p, s, entity, record, field=field, system=system)
    )
    if as_json:
        print_json(result)
    else:
        _show(result, alone=field is not None)


def _show(result: Explanation, *, alone: bool) -> None:
    say(f"{result.entity} {next((r.label for r in result.records if r.label), '')}", style="bold")
    columns([
        (r.system, f"{r.entity} {r.id}, {r.presence}, read {moment(r.read_at)}"
         + (f", made by Interlock ({r.reference})" if r.reference else ""))
        for r in result.records
    ])  # fmt: skip
    if result.link is not None:
        link = result.link
        say(
            f"Link {link.id} since {moment(link.since)}: "
            f"{how(link, whole=len(result.records) > 1)}."
        )
        if link.score is not None and not alone:
            say(show_score(link.score), lead="  ", style="dim")
    else:
        say(f"Not linked: {result.unlinked}.")
    for other in () if alone else result.candidates:
        say(f"May be {other.system} {other.id} {other.label}: {other.evidence}")
        if other.score is not None:
            say(show_score(other.score), lead="  ", style="dim")
    for letter, message, fix in result.dead_letters:
        say(f"Dead letter {letter}: {message}", style="red")
        say(f"-> {fix}", lead="   ")
    blank = [] if alone else [story for story in result.fields if _is_blank(story)]
    for story in result.fields:
        if story not in blank:
            _show_field(story, full=alone)
    if blank:
        heading(f"blank: {', '.join(field_name(story.field) for story in blank)}")
    if not alone and result.moments:
        heading("What happened to the record")
        columns([_happened(m) for m in result.moments])
    if not alone and result.fields:
        say()
        which = f"{result.entity} {result.records[0].id} {result.fields[0].field}"
        say(f"One field with its whole history: interlock explain {which}", style="dim")


def _is_blank(story: FieldStory) -> bool:
    calm = story.state in ("agrees", "one system only")
    return calm and all(s.known and s.value is None for s in story.systems.values())


def _show_field(story: FieldStory, *, full: bool) -> None:
    state = "" if story.state == "one system only" else f": {story.state}"
    heading(field_name(story.field) + state)
    say(story.rule, lead="  ", style="dim")
    if story.why:
        say(story.why, lead="  ")
    columns([(system, *_value(shown, full=full)) for system, shown in story.systems.items()])
    if full:
        for system, shown in story.systems.items():
            if shown.has_agreed and shown.agreed != shown.value:
                say(f"when both last agreed, {system} showed {show_value(shown.agreed)}", lead="  ")
        if story.history:
            say("history, latest first:", lead="  ")
            columns([_happened(m) for m in story.history], lead="    ")
        else:
            say("Interlock has never written this field.", lead="  ")


def _value(shown: Shown, *, full: bool) -> tuple[str, str]:
    if not shown.known:
        return "(unknown)", "cannot be read"
    origin = "" if shown.value is None else "entered there"
    if shown.came_from is not None:
        at = moment(shown.came_from.at)
        origin = f"written by Interlock {at}: {shown.came_from.why}"
    return show_value(shown.value, full=full), origin


def _happened(m: Moment) -> tuple[str, str, str]:
    text: Any = m.why
    if m.field is not None and m.event in ("written", "overruled", "edited"):
        text = f"{show_value(m.old)} -> {show_value(m.new)}: {m.why}"
    if m.event == "overruled":
        text += f"; the earlier value gave way to {m.overruled_by}'s"
    traces = [
        f"{name} {value}"
        for name, value in (
            ("map", (m.map_version or "")[:7]),
            ("run", (m.run or "")[:7]),
            ("request", m.request or ""),
        )
        if value
    ]
    if traces:
        text += f" ({', '.join(traces)})"
    return moment(m.at), f"{m.event}{f' in {m.system}' if m.system else ''}", str(text)
