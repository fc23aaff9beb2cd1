"""The breaker: three rounds park a field (rule 14)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.governance.breaker import ROUNDS, Memory, Round, brake
from interlock.governance.merge import Action, Decision, MemberView, OpenKind, Outcome
from interlock.governance.rules import Side
from interlock.model import FieldFacts

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = (Side.ERP, "name")


def views(erp: Any = "theirs", base: Any = "ours", **more: Any) -> dict[Side, MemberView]:
    return {
        Side.CRM: MemberView(fields={"name": "ours"}, base={"name": "ours"}),
        Side.ERP: MemberView(fields={"name": erp}, base={"name": base}, **more),
    }


def write(field: str = "name") -> Outcome:
    return Outcome(field=field, action=Action.WRITE, why="rule", target=Side.ERP, value="ours")


def ago(*hours: int) -> frozenset[datetime]:
    return frozenset(NOW - timedelta(hours=h) for h in hours)


def after(rounds: int) -> Memory:
    earlier = ago(*range(1, rounds + 1))
    return Memory(written={KEY: NOW}, rounds={KEY: earlier})


def test_what_we_never_wrote_is_nobodys_fight() -> None:
    decision = Decision((write(),))
    assert brake(decision, views(), Memory()) == (decision, [], [])


def test_a_round_is_noted_with_the_write_it_follows() -> None:
    decision, seen, parking = brake(Decision((write(),)), views(), after(0))
    assert decision.outcomes == (write(),)
    assert seen == [Round(Side.ERP, "name", NOW)]
    assert parking == []


def test_the_third_round_parks() -> None:
    decision, seen, parking = brake(Decision((write(),)), views(), after(ROUNDS - 1))
    [outcome] = decision.outcomes
    assert (outcome.action, outcome.kind) == (Action.OPEN, OpenKind.PARKED)
    assert "3 times within a day" in outcome.why
    assert seen == parking


def test_the_same_round_seen_twice_counts_once() -> None:
    memory = Memory(written={KEY: NOW}, rounds={KEY: ago(0, 1)})
    decision, _, parking = brake(Decision((write(),)), views(), memory)
    assert decision.outcomes == (write(),)
    assert parking == []


def test_a_write_that_stayed_is_no_round() -> None:
    decision, seen, _ = brake(Decision((write(),)), views(erp="ours"), after(ROUNDS))
    assert decision.outcomes == (write(),)
    assert seen == []


def test_what_the_system_cannot_tell_apart_stayed() -> None:
    short = {"facts": {"name": FieldFacts(max_length=3)}}
    _, seen, _ = brake(Decision((write(),)), views(erp="ourselves", base="our", **short), after(2))
    assert seen == []


def test_an_unknown_value_or_no_base_is_no_round() -> None:
    for view in (MemberView(fields={}, base={"name": "a"}), MemberView(fields={"name": "a"})):
        _, seen, _ = brake(Decision((write(),)), {Side.ERP: view}, after(ROUNDS))
        assert seen == []


def test_a_parked_field_stays_parked_whatever_is_decided() -> None:
    memory = Memory(parked={"name": "because"})
    settle = Outcome(
        field="name", action=Action.SETTLE, why="same", rebase=frozenset({Side.CRM, Side.ERP})
    )
    for decided in ((write(),), (settle,), ()):
        decision, _, _ = brake(Decision(decided), views(), memory)
        [outcome] = decision.outcomes
        assert (outcome.kind, outcome.why) == (OpenKind.PARKED, "because")
        assert outcome.rebase == (settle.rebase if decided == (settle,) else frozenset())


def test_a_stopped_field_is_not_written_but_may_settle() -> None:
    settle = Outcome(field="phone", action=Action.SETTLE, why="same")
    memory = Memory(stopped={"name", "phone"})
    decision, _, _ = brake(Decision((write(), settle, write("web"))), views(), memory)
    assert decision.outcomes == (settle, write("web"))
