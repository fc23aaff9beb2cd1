"""The merge over random histories: the properties of section 1 of the engine contract."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from interlock.governance.merge import Action, Decision, Outcome, respelled
from interlock.governance.rules import (
    ConflictRule,
    FieldRule,
    FirstLink,
    OnForeignEdit,
    Ownership,
    Side,
)
from interlock.model import FieldFacts, Value, agree, project

from .world import TEXT_FACTS, World, make_world

NAMES = ("one", "two", "amount")
TEXTS = ("a", "A", "b", "abc", "abcdef", "abcxyz", "x y", "--", None)
NUMBERS = (Decimal(1), Decimal("1.04"), Decimal("1.1"), Decimal(2), None)

properties = settings(max_examples=100, deadline=None)


def values(name: str) -> st.SearchStrategy[Value | None]:
    return st.sampled_from(NUMBERS if name == "amount" else TEXTS)


def facts(name: str) -> st.SearchStrategy[FieldFacts]:
    kinds = ("plain", "coarse") if name == "amount" else ("plain", "short", "any case")
    return st.sampled_from([TEXT_FACTS[kind] for kind in kinds])


def rules(name: str, **fixed: Any) -> st.SearchStrategy[FieldRule]:
    options: dict[str, Any] = {
        "ownership": st.sampled_from((Ownership.CRM, Ownership.ERP, Ownership.SHARED)),
        "on_foreign_edit": st.sampled_from(OnForeignEdit),
        "conflict": st.sampled_from(ConflictRule),
        "first_link": st.sampled_from(FirstLink),
        "may_blank": st.booleans(),
        "lossy_ok": st.booleans(),
    }
    given_options = {k: st.just(v) for k, v in fixed.items()}
    return st.builds(FieldRule, field=st.just(name), **(options | given_options))


@st.composite
def worlds(draw: Callable[..., Any], *, linked: bool | None = None, **fixed: Any) -> World:
    is_linked = draw(st.booleans()) if linked is None else linked
    start = {s: {n: draw(values(n)) for n in NAMES} for s in Side}
    return make_world(
        {n: draw(rules(n, **fixed)) for n in NAMES},
        {s: {n: draw(facts(n)) for n in NAMES} for s in Side},
        # a link with bases is one whose sides agreed
        {s: start[Side.CRM] if is_linked else start[s] for s in Side},
        linked=is_linked,
        answers=draw(st.booleans()),
    )


@st.composite
def edits(draw: Callable[..., Any]) -> tuple[Side, str, Value | None]:
    name = draw(st.sampled_from(NAMES))
    return draw(st.sampled_from(Side)), name, draw(values(name))


STEP = "sync"
histories = st.lists(st.one_of(edits(), st.just(STEP)), max_size=12)


def play(world: World, history: list[Any]) -> None:
    """Let users edit and the engine take single, unfinished steps."""
    for event in history:
        if event == STEP:
            world.observe()
            world.apply(world.decide())
        else:
            side, name, value = event
            world[side].edit(name, value)


@properties
@given(worlds(), histories)
def test_it_comes_to_rest_and_deciding_again_gives_nothing(
    world: World, history: list[Any]
) -> None:
    play(world, history)
    world.settle()
    world.observe()
    again = world.decide()
    # what was settled rests; what is open says so as often as it is asked, and writes nothing
    assert {o.action for o in again.outcomes} <= {Action.OPEN}
    assert world.decide() == again


@properties
@given(worlds(), histories)
def test_both_sides_agree_or_the_field_is_in_a_named_open_state(
    world: World, history: list[Any]
) -> None:
    play(world, history)
    world.settle()
    for name in NAMES:
        assert world.agree(name) or name in world.open, name


@properties
@given(worlds(linked=True), histories)
def test_no_echo(world: World, history: list[Any]) -> None:
    """One write per field a user edited, plus the answer to it; never one nobody caused."""
    play(world, history)
    world.settle()
    caused = sum(event != STEP for event in history)
    assert len(world.written) <= caused


@properties
@given(worlds(linked=True))
def test_nothing_is_written_where_nobody_edited(world: World) -> None:
    world.settle()
    assert world.written == []


@properties
@given(worlds(), st.lists(edits(), max_size=6), st.randoms())
def test_observations_may_come_late_doubled_and_in_any_order(
    world: World, history: list[Any], random: Any
) -> None:
    looks = [(side, *world[side].look()) for side in Side]
    for side, name, value in history:
        world[side].edit(name, value)
        looks.append((side, *world[side].look()))
    shuffled = looks * 2
    random.shuffle(shuffled)
    decisions: list[Decision] = []
    for order in (looks, shuffled):
        for member in world.members.values():
            member.seen, member.seen_version = {}, -1
        for side, version, shown in order:
            world[side].observe(version, shown)
        decisions.append(world.decide())
    assert decisions[0] == decisions[1]


@properties
@given(
    worlds(linked=True, ownership=Ownership.SHARED, may_blank=True),
    values("one"),
    values("two"),
)
def test_edits_of_different_fields_both_survive(
    world: World, ours: Value | None, theirs: Value | None
) -> None:
    crm, erp = world[Side.CRM], world[Side.ERP]
    for member in world.members.values():
        for name in ("one", "two"):
            member.edit(name, "start")
    world.observe()
    for member in world.members.values():
        member.base = dict(member.seen)
    crm.edit("one", ours)
    erp.edit("two", theirs)
    crm_one, erp_two = crm.shown["one"], erp.shown["two"]
    world.settle()
    assert crm.shown["one"] == crm_one
    assert erp.shown["two"] == erp_two
    assert world.agree("one")
    assert world.agree("two")


@properties
@given(worlds(), histories)
def test_no_blank_is_written_that_no_user_made(world: World, history: list[Any]) -> None:
    play(world, history)
    world.settle()
    for outcome in world.written:
        assert outcome.target is not None
        source = world[outcome.target.other]
        if project(outcome.value, source.facts[outcome.field]) is None:
            assert outcome.field in source.blanked, outcome


@properties
@given(worlds(), histories)
def test_a_narrower_value_does_not_overwrite_a_wider_one_it_equals(
    world: World, history: list[Any]
) -> None:
    play(world, history)
    world.settle()
    for outcome in world.written:
        if not world.rules.fields[outcome.field].lossy_ok:
            held = [m.facts[outcome.field] for m in world.members.values()]
            assert not agree(outcome.value, outcome.expected, *held), outcome


@properties
@given(worlds(), histories, st.sampled_from(Side), st.sampled_from(NAMES))
def test_what_turns_unknown_changes_nothing(
    world: World, history: list[Any], side: Side, name: str
) -> None:
    """A field never shown is neither decided on nor written, whatever happens around it."""
    member = world[side]
    member.hidden.add(name)
    member.seen.pop(name, None)
    member.base.pop(name, None)
    before = dict(world[side.other].base)
    for event in history:
        if event != STEP and (event[0], event[1]) == (side, name):
            continue
        play(world, [event])
        assert all(o.field != name for o in world.decide().outcomes)
    assert all(o.field != name for o in world.written)
    assert world[side.other].base.get(name) == before.get(name)


@properties
@given(
    worlds(linked=True),
    st.lists(edits(), max_size=6),
    st.sampled_from(Side),
    st.sampled_from(NAMES),
)
def test_what_is_not_taken_is_shown_and_not_written_again(
    world: World, history: list[Any], side: Side, name: str
) -> None:
    assume(world.rules.fields[name].ownership.side is side.other)
    world.drops.add((side, name))
    for event in history:
        if (event[0], event[1]) != (side, name):
            play(world, [event, STEP])
    world.settle()
    writes = [o for o in world.written if (o.target, o.field) == (side, name)]
    caused = [e for e in history if (e[0], e[1]) == (side.other, name)]
    assert len(writes) <= len(caused), "sent again although nobody edited it again"
    shown = [world[s].shown[name] for s in Side]
    assert world.agree(name) or name in world.open or respelled(*shown)


@properties
@given(worlds(linked=True, ownership=Ownership.SHARED, lossy_ok=False), histories)
def test_a_respelling_system_is_not_fought(world: World, history: list[Any]) -> None:
    for side in Side:
        world.respells.add((side, "one"))
    play(world, history)
    world.settle()
    assert len(world.written) <= sum(event != STEP for event in history)


@properties
@given(worlds(linked=True), histories)
def test_an_owned_field_shows_the_owners_value_unless_it_is_open(
    world: World, history: list[Any]
) -> None:
    play(world, history)
    owned = {n: r.ownership.side for n, r in world.rules.fields.items() if r.ownership.side}
    before = {n: world[side].shown[n] for n, side in owned.items()}
    world.settle()
    for name, side in owned.items():
        assert world[side].shown[name] == before[name], "the engine changed the owner's value"


@properties
@given(worlds(), histories)
def test_whatever_gives_way_is_marked(world: World, history: list[Any]) -> None:
    """A user's value is only ever replaced by a write that knows what it replaces."""
    lost: list[Outcome] = []
    play(world, history)
    for _ in range(4):
        world.observe()
        decision = world.decide()
        lost += [o for o in decision.outcomes if o.action is Action.WRITE and o.overruled]
        for outcome in decision.outcomes:
            if outcome.action is Action.WRITE:
                assert outcome.target is not None
                assert outcome.expected == world[outcome.target].seen[outcome.field]
        world.apply(decision)
    assert all(o.expected is not None for o in lost)
