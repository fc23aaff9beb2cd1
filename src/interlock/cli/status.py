"""``interlock status``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interlock.cli.options import Everything, JsonOutput, ProjectFolder, with_store
from interlock.cli.pausing import say_pauses
from interlock.cli.planning import say_stops
from interlock.cli.screen import amount, columns, heading, moment, print_json, say
from interlock.cli.values import field_name, show_value

if TYPE_CHECKING:
    from interlock.service.drift import LastDrift
    from interlock.service.holds import AlertView
    from interlock.service.running import CadenceView
    from interlock.service.status import EntityStatus, OpenField, Status

__all__ = ["status"]

_SHOWN: Final = 10


def status(
    project: ProjectFolder = Path(), *, as_json: JsonOutput = False, everything: Everything = False
) -> None:
    """Show how things stand and what waits for a person; asks neither system."""
    from interlock.service.status import read_status

    result = with_store(project, read_status)
    if as_json:
        print_json(result)
    else:
        _show(result, everything=everything)


def _show(result: Status, *, everything: bool) -> None:
    say(" and ".join(result.systems.values()), style="bold")
    if result.hold is not None:
        say(f"Nothing is written: {result.hold.why} ({moment(result.hold.since)}).", style="red")
        say("-> interlock plan shows what would be written; interlock approve releases it",
            lead="   ", style="dim")  # fmt: skip
    say_pauses(list(result.paused))
    run = result.last_run
    if run is None:
        say("No sync has run yet.")
    elif run.ended_at is None:
        say(f"Last sync began {moment(run.started_at)} and has not ended: it runs, or was "
            "broken off.")  # fmt: skip
    else:
        written = run.counts.get("created", 0) + run.counts.get("updated", 0)
        say(f"Last sync: {moment(run.ended_at)}, {amount(written, 'record')} written.")
    if result.go_live is None:
        say("Orders: off, go_live is not set.")
    else:
        say(f"Orders: for deals won since {moment(result.go_live)}.")
    say(_drift(result.drift))
    for system, seen in result.webhooks.items():
        refused = f", {sum(seen.refused.values()):,} refused" if seen.refused else ""
        last = f", the last {moment(seen.last_at)}" if seen.last_at is not None else ""
        say(f"Webhooks from {system}: {seen.received:,}{last}{refused}.")
    if any(c.last for c in result.cadences):
        heading("Read by schedule")
        columns(_cadences(result.cadences))
    if result.entities:
        heading("Records")
        columns(_records(result.entities))
    _show_deals(result)
    _show_alerts(result.alerts, everything=everything)
    say_stops(result.stops)
    _show_waiting(result)
    _show_open(result.open_fields, everything=everything)
    if not result.needs_person:
        say()
        say("Nothing waits for a person.", style="green")


def _cadences(found: Sequence[CadenceView]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for c in found:
        last = "never" if c.last is None else moment(c.last)
        following = "" if c.next is None else f", next {moment(c.next)}"
        rows.append((c.name, c.when, f"last {last}{following}", c.problem))
    return rows


def _drift(last: LastDrift | None) -> str:
    if last is None:
        return "Full comparison of both systems: never (interlock drift run)."
    found = amount(last.total, "difference") if last.total else "no difference"
    alarm = f", {last.alarming:,} of them not as a sync leaves them" if last.alarming else ""
    return f"Full comparison: {moment(last.at)}, {found}{alarm}."


def _records(entities: Sequence[EntityStatus]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for e in entities:
        known = ", ".join(f"{n:,} in {system}" for system, n in e.records.items() if n)
        states = [f"{e.linked:,} linked"] if e.linked else []
        if e.single:
            states.append(f"{e.single:,} to be created on the other side")
        for system, unlinked in e.unlinked.items():
            states += [f"{n:,} {_STATES.get(state, state)} in {system}"
                       for state, n in unlinked.items() if state != "new"]  # fmt: skip
        rows.append((e.entity, known or "none", "; ".join(states)))
    return rows


_STATES: Final = {
    "suggested": "similar but not linked",
    "born here": "without counterpart",
    "ignored": "without counterpart, ignored",
    "parked": "unlinked by a person",
}


def _show_deals(result: Status) -> None:
    if not result.deals:
        return
    heading("Won deals without an order, or changed after it")
    for group in result.deals:
        say(f"{group.count:,}: {group.why}", lead="  ")
        if group.fix:
            say(f"-> {group.fix}", lead="     ", style="dim")


def _show_alerts(found: Sequence[AlertView], *, everything: bool) -> None:
    if not found:
        return
    heading(amount(len(found), "alert"))
    for one in found if everything else found[:_SHOWN]:
        who = f"{one.role.replace('_', ' ')} {one.user or '(nobody)'}"
        task = ", with a task" if one.has_task else ""
        say(f"{moment(one.at)}  customer {one.customer} {one.label} {one.message}", lead="  ")
        say(f"told: {who}{task}", lead="      ", style="dim")
    if len(found) > _SHOWN and not everything:
        say(f"… and {len(found) - _SHOWN:,} more (interlock status --all)", style="dim",
            lead="  ")  # fmt: skip


def _show_waiting(result: Status) -> None:
    rows = [
        (result.to_approve, "write", "to be approved", "interlock plan"),
        (result.to_send, "write", "for the next sync", ""),
        (result.in_doubt, "write", "whose answer was lost", "the next sync finds out"),
        (result.uncertain, "write", "that may have happened: look in the system", ""),
        (result.dead_letters, "dead letter", "", "interlock dead-letters list"),
        (result.pairs_to_review, "doubtful match", "of customers", "interlock match review"),
    ]
    shown = [(amount(n, thing), f"{what}  {way and '-> ' + way}".strip())
             for n, thing, what, way in rows if n]  # fmt: skip
    if shown:
        heading("Waiting")
        columns(shown)


def _show_open(fields: Sequence[OpenField], *, everything: bool) -> None:
    if not fields:
        return
    heading(f"{amount(len(fields), 'difference')} left for a person")
    for one in fields if everything else fields[:_SHOWN]:
        ids = ", ".join(f"{system} {record}" for system, record in one.records.items())
        what = "" if one.field.startswith("(") else f": {field_name(one.field)}"
        say(f"{one.entity} {one.label} [{ids}]{what}", lead="  ")
        say(one.why, lead="      ", style="dim")
        if one.kind == "parked":
            say(f"-> interlock approve --link {one.link} --field {one.field}", lead="      ")
        if what:
            columns([(system, show_value(value)) for system, value in one.values.items()],
                    lead="      ")  # fmt: skip
    if len(fields) > _SHOWN and not everything:
        say(f"… and {len(fields) - _SHOWN:,} more (interlock status --all)", style="dim",
            lead="  ")  # fmt: skip
