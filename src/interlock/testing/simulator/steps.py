"""Carrying out the steps of a history: faults armed, syncs, waits; acts are people's."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from interlock.connectors.memory import Refused
from interlock.connectors.memory.calls import Call
from interlock.governance.rules import Side
from interlock.testing import faults
from interlock.testing.simulator.holds import act as act_on_hold
from interlock.testing.simulator.members import act as act_on_member
from interlock.testing.simulator.people import MAPS
from interlock.testing.simulator.plan import Step
from interlock.testing.simulator.quotes import act as act_on_quote
from interlock.testing.simulator.remap import change_and_back
from interlock.testing.simulator.rivals import appear
from interlock.testing.simulator.systems import WatchedSystem, respell
from interlock.testing.simulator.targets import act as act_on_project
from interlock.testing.simulator.world import Crash, World

__all__ = ["FAULTS", "take"]


def take(world: World, step: Step) -> None:
    """Carry out a step."""
    rng = Random(step.seed)
    match step.kind:
        case "act":
            world.people.act(step.name, step.seed)
            world.say(world.people.said)
            world.pass_time(rng.choice((0.0, 1.0, 20.0, 100.0)))
        case "hold":
            act_on_hold(world, step)
        case "member":
            act_on_member(world, step)
        case "project":
            act_on_project(world, step)
        case "quote":
            act_on_quote(world, step)
        case "fault":
            world.rights_changed |= step.name in ("hide_column", "conceal")
            world.say(f"fault: {FAULTS[step.name](world, rng)}")
        case "wait":
            seconds = rng.choice((10.0, 150.0, 3700.0))
            world.say(f"{seconds:.0f} s pass")
            world.pass_time(seconds)
        case "sync":
            world.say("sync")
            world.sync(full=rng.random() < 0.1)
            world.pass_time(rng.choice((1.0, 60.0)))
        case "workers":
            number = rng.choice((2, 2, 3))
            world.say(f"{number} workers sync at once")
            world.struck[f"{number} workers"] += 1
            world.sync(workers=number, turns=step.seed)
        case "map":
            change_and_back(world, rng)
        case "rest":
            world.first_plan = world.first_plan or len(world.journal.changes)
            world.approve()
            world.rest(least=0)
            world.agreed_at = len(world.journal.changes)
            for system in world.systems.values():
                system.mischief.on = True


def _system(world: World, rng: Random) -> WatchedSystem:
    return world.systems[rng.choice(tuple(Side))]


def _writes(
    kind: str, act: Callable[[Random], Any], *, bent: bool = False
) -> Callable[[World, Random], str]:
    def arm(world: World, rng: Random) -> str:
        system = _system(world, rng)
        skip, times = rng.choice((0, 0, 0, 1, 2)), rng.choice((1, 1, 2))
        system.mischief.befall(kind, act(rng), operation="write", skip=skip, times=times, bent=bent)
        return f"{kind} ({system.side}, after {skip}, {times} times)"

    return arm


def _calls(kind: str, act: Callable[[Random], Any]) -> Callable[[World, Random], str]:
    def arm(world: World, rng: Random) -> str:
        system = _system(world, rng)
        skip, times = rng.choice((0, 1, 5, 20)), rng.choice((1, 1, 3))
        system.mischief.befall(kind, act(rng), operation=None, skip=skip, times=times)
        return f"{kind} ({system.side}, after {skip}, {times} times)"

    return arm


def _finish_late(world: World, rng: Random) -> str:
    system = _system(world, rng)
    delay = timedelta(seconds=system.settings.settle_time * rng.uniform(0.05, 0.5))
    system.mischief.befall(
        "server finishes late",
        system.mischief.finish_after(delay),
        operation="write",
        skip=rng.choice((0, 0, 1)),
    )
    return f"server finishes late ({system.side}, by {delay.total_seconds():.1f} s)"


def _lose_lines(world: World, _rng: Random) -> str:
    world.systems[Side.ERP].mischief.befall(
        "header without lines", faults.lose_lines("rows"), operation="write", entity="order"
    )
    return "header without lines"


def _edit_between(world: World, rng: Random) -> str:
    system = _system(world, rng)

    def edit(call: Call) -> None:
        ids = [op.id for op in call.ops if op.id is not None]
        if call.entity not in ("customer", "contact") or not ids:
            return
        record_id = rng.choice(ids)
        names = ("email", "phone", "name")
        written = {c for op in call.ops if op.id == record_id for c in op.cells}
        item = MAPS[system.side][call.entity]
        same = [f.field for f in item.fields if f.field in names and f.path in written]
        name = rng.choice(same or names)
        people = world.people
        people.rng = rng
        value = people.value(call.entity, name, system.side)
        try:
            system.edit(
                call.entity, record_id, MAPS[system.side][call.entity].encode({name: value})
            )
        except Refused:
            return
        world.say(f"  {system.side} edits {call.entity} {record_id} {name}={value!r} in between")

    system.mischief.befall(
        "edit between read and write", faults.meddle(edit), operation="write", times=2
    )
    return f"edit between read and write ({system.side})"


def _lag(world: World, rng: Random) -> str:
    system = _system(world, rng)
    system.mischief.lag_next += rng.choice((1, 2, 6))
    return f"next changes are seen late ({system.side})"


def _hide_column(world: World, rng: Random) -> str:
    system = _system(world, rng)
    entity, column = rng.choice(
        (
            ("customer", "Phone"),
            ("customer", "Email"),
            ("contact", "Email"),
            ("customer", "BillingAddress"),
            ("deal", "Lines"),
        )
        if system.side is Side.CRM
        else (
            ("customer", "tel"),
            ("customer", "mail"),
            ("contact", "mail"),
            ("customer", "bill_to"),
            ("customer", "terms"),
        )
    )
    system.mischief.hide(entity, column)
    system.mischief.struck["hidden field"] += 1
    return f"the right to read {system.side} {entity}.{column} is taken away"


def _show_columns(world: World, _rng: Random) -> str:
    for system in world.systems.values():
        system.mischief.show()
    return "all rights are given back"


def _forbid(world: World, rng: Random) -> str:
    system, entity = _system(world, rng), rng.choice(("customer", "contact", "product"))
    system.mischief.befall(
        "right to an object lost",
        faults.answer_status(403),
        operation=None,
        entity=entity,
        times=rng.choice((1, 3, 8)),
    )
    return f"the right to {system.side} {entity} is lost for some calls"


def _conceal(world: World, rng: Random) -> str:
    system, entity = _system(world, rng), rng.choice(("customer", "contact"))
    rows = [row.id for row in system.shelf(entity).living()]
    if not rows:
        return "conceal: nothing to conceal"
    record_id = rng.choice(rows)
    system.mischief.concealed[entity, record_id] = world.clock.time
    system.mischief.struck["record hidden by rights"] += 1
    return f"{system.side} {entity} {record_id} is shown no more"


def _crash(world: World, rng: Random) -> str:
    world.store.crash_in = rng.randint(1, 70)
    world.store.crash_after_commit = rng.random() < 0.5
    when = "after" if world.store.crash_after_commit else "before"
    return f"the process dies {when} the commit of its transaction {world.store.crash_in}"


def _stand_still(world: World, rng: Random) -> str:
    """The process stands still behind a commit: what it then sends, it sends late."""
    after, seconds = rng.randint(1, 60), rng.choice((0.5, 3.0, 20.0, 90.0))

    def stand() -> None:
        world.struck["process stands still"] += 1
        world.pass_time(seconds)

    world.store.meanwhile[after] = stand
    return f"the process stands still for {seconds} s after its transaction {after}"


def _edit_meanwhile(world: World, rng: Random) -> str:
    """Somebody works while the engine is between a read and what follows from it."""
    after, kind, seed = rng.randint(1, 60), rng.choice(_MEANWHILE), rng.getrandbits(32)

    def act() -> None:
        world.struck["edit during a sync"] += 1
        world.people.act(kind, seed)
        world.say(f"  meanwhile: {world.people.said}")

    world.store.meanwhile[after] = act
    return f"somebody works while the engine syncs, after its transaction {after}"


_MEANWHILE = ("edit", "edit_again", "edit_again", "edit_same_field", "tear", "reopen", "add_twins")


def _resize(world: World, rng: Random) -> str:
    world.resize(rng)
    world.struck["other page and batch sizes"] += 1
    return "the process starts anew with other page and batch sizes"


def _die_sending(world: World, rng: Random) -> str:
    """The process dies while a write is on its way: before the system did it, or after."""
    system, arrived = _system(world, rng), rng.random() < 0.6

    def act(_call: Call, carry_out: Callable[[], Any]) -> Any:
        if not world.store.syncing:
            return carry_out()
        if arrived:
            carry_out()
        world.store.dead = True
        raise Crash

    system.mischief.befall(
        "crash while sending", act, operation="write", skip=rng.choice((0, 0, 1))
    )
    when = "after" if arrived else "before"
    return f"the process dies while it writes to the {system.side}, {when} it is done"


def _drop_column(rng: Random) -> Any:
    """Ignore one of the columns that are written, whichever comes."""

    def act(call: Call, carry_out: Callable[[], Any]) -> Any:
        there = sorted({c for op in call.ops for c in op.cells} & _DROPPED)
        return faults.drop_column(rng.choice(there) if there else "")(call, carry_out)

    return act


_DROPPED = frozenset({"tel", "Phone", "mail", "Email", "bill_to", "web", "vat_no"})


def _status(kind: str, status: int, **options: Any) -> Callable[[World, Random], str]:
    return _calls(kind, lambda _: faults.answer_status(status, **options))


FAULTS: Mapping[str, Callable[[World, Random], str]] = {
    "lose_answer": _writes("answer lost after commit", lambda _: faults.lose_answer),
    "fail_before": _calls("timeout", lambda _: faults.fail_before),
    "finish_late": _finish_late,
    "no_body": _writes("answer without body", lambda _: faults.answer_without_body),
    "drop_column": _writes(
        "silent drop",
        _drop_column,
        bent=True,
    ),
    "respell": _writes("respelling", lambda _: faults.change_cells(respell), bent=True),
    "lose_lines": _lose_lines,
    "edit_between": _edit_between,
    "refuse": _writes("refused inside a 200", lambda _: faults.refuse_inside_answer()),
    "throttle": _status("429", 429, retry_after=20),
    "unavailable": _status("503", 503),
    "server_error": _status("500 from a gateway", 500, html=True),
    "lost_token": _status("401", 401),
    "lag": _lag,
    "hide_column": _hide_column,
    "show_columns": _show_columns,
    "forbid": _forbid,
    "conceal": _conceal,
    "crash": _crash,
    "die_sending": _die_sending,
    "stand_still": _stand_still,
    "edit_meanwhile": _edit_meanwhile,
    "resize": _resize,
    "rival": appear,
}
"""Faults by name; each arms itself and says what it will do."""
