"""A world of one link: two systems that hold values their own way, and an obedient engine.

The systems hold what their facts let them hold, users edit them, observations come late, and
``apply`` carries out what ``merge`` decides exactly as the contract says.  Nothing here is clever:
what goes wrong in this world is the merge's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from interlock.governance.merge import Action, Decision, MemberView, OpenKind, Outcome, merge
from interlock.governance.rules import EntityRules, FieldRule, Side
from interlock.model import FieldFacts, Value, agree, project

Hold = Callable[[str, Value | None], Value | None]

TEXT_FACTS: Mapping[str, FieldFacts] = {
    "plain": FieldFacts(),
    "short": FieldFacts(max_length=3),
    "any case": FieldFacts(ignores_case=True),
    "coarse": FieldFacts(decimals=1),
}


def hold(value: Value | None, facts: FieldFacts) -> Value | None:
    """What a system with these facts makes of a value it is given."""
    if isinstance(value, str):
        text = project(value, FieldFacts(max_length=facts.max_length))
        if isinstance(text, str) and facts.ignores_case:
            return text.upper()
        return text
    if isinstance(value, Decimal):
        return project(value, facts)
    return value


@dataclass
class Member:
    """One record: what its system shows now, what was seen of it, and its base."""

    facts: Mapping[str, FieldFacts]
    shown: dict[str, Value | None]
    seen: dict[str, Value | None] = field(default_factory=dict)
    base: dict[str, Value | None] = field(default_factory=dict)
    assumed: set[str] = field(default_factory=set)
    """Fields written without an answer and not looked at since."""
    unconfirmed: set[str] = field(default_factory=set)
    version: int = 0
    seen_version: int = -1
    hidden: set[str] = field(default_factory=set)
    blanked: set[str] = field(default_factory=set)

    def edit(self, name: str, value: Value | None) -> None:
        """A user saves a value."""
        held = hold(value, self.facts[name])
        if held is None and self.shown.get(name) is not None:
            self.blanked.add(name)
        self.shown[name] = held
        self.version += 1

    def look(self) -> tuple[int, dict[str, Value | None]]:
        """Read the record; hidden fields are not in the answer."""
        return self.version, {f: v for f, v in self.shown.items() if f not in self.hidden}

    def observe(self, version: int, fields: Mapping[str, Value | None]) -> None:
        """Take an observation in: only a newer one counts, what it lacks stays as it was seen."""
        if version > self.seen_version:
            self.seen = {**self.seen, **fields}
            self.seen_version = version
            self.unconfirmed |= self.assumed
            self.assumed = set()

    def view(self) -> MemberView:
        return MemberView(
            fields=dict(self.seen),
            base=dict(self.base),
            facts=self.facts,
            unconfirmed=frozenset(self.unconfirmed),
        )


@dataclass
class World:
    """A link between two members under one entity's rules."""

    rules: EntityRules
    members: dict[Side, Member]
    answers: bool = True
    """Whether a write is answered with the record as it then is."""
    drops: set[tuple[Side, str]] = field(default_factory=set)
    """Fields a system accepts and silently ignores."""
    respells: set[tuple[Side, str]] = field(default_factory=set)
    """Fields a system saves in a spelling of its own."""
    written: list[Outcome] = field(default_factory=list)
    open: dict[str, OpenKind] = field(default_factory=dict)

    def __getitem__(self, side: Side) -> Member:
        return self.members[side]

    def observe(self) -> None:
        """Look at both records as they are now."""
        for member in self.members.values():
            member.observe(*member.look())

    def decide(self) -> Decision:
        return merge(self.rules, self[Side.CRM].view(), self[Side.ERP].view())

    def apply(self, decision: Decision) -> None:
        """Carry a decision out: bases, open fields, conditional writes."""
        for side, member in self.members.items():
            looked = member.unconfirmed.copy()
            for outcome in decision.outcomes:
                if side in outcome.rebase:
                    member.base[outcome.field] = member.seen[outcome.field]
            member.unconfirmed -= looked
        for outcome in decision.outcomes:
            if outcome.action is Action.OPEN:
                assert outcome.kind is not None
                self.open[outcome.field] = outcome.kind
        for outcome in decision.outcomes:
            if outcome.action is Action.WRITE:
                self._write(outcome)

    def _write(self, outcome: Outcome) -> None:
        assert outcome.target is not None
        target, source = self[outcome.target], self[outcome.target.other]
        name = outcome.field
        if target.shown[name] != outcome.expected:
            return  # the version check refuses: somebody edited it meanwhile
        self.written.append(outcome)
        if (outcome.target, name) not in self.drops:
            held = hold(outcome.value, target.facts[name])
            if (outcome.target, name) in self.respells and isinstance(held, str):
                held = f"{held.upper()}."
            target.shown[name] = held
        target.version += 1
        source.base[name] = outcome.value
        target.base[name] = outcome.value
        if self.answers:
            target.observe(*target.look())
            shown = target.seen[name]
            if agree(shown, outcome.value, target.facts[name]):
                target.base[name] = shown
            else:
                target.unconfirmed.add(name)
        else:
            target.seen[name] = outcome.value
            target.assumed.add(name)

    def settle(self, rounds: int = 8) -> None:
        """Look and apply until nothing is decided any more."""
        for _ in range(rounds):
            before = len(self.written)
            self.observe()
            decision = self.decide()
            self.apply(decision)
            if (
                len(self.written) == before
                and not decision.writes(Side.CRM)
                and not (decision.writes(Side.ERP))
            ):
                return
        raise AssertionError("the world does not come to rest")

    def agree(self, name: str) -> bool:
        """Say whether both systems show the same, as far as both can tell."""
        crm, erp = self[Side.CRM], self[Side.ERP]
        return agree(crm.shown[name], erp.shown[name], crm.facts[name], erp.facts[name])


def make_world(
    rules: Mapping[str, FieldRule],
    facts: Mapping[Side, Mapping[str, FieldFacts]],
    start: Mapping[Side, Mapping[str, Value | None]],
    *,
    linked: bool = True,
    answers: bool = True,
) -> World:
    """Make a world; ``linked`` members have agreed on what they show before."""
    members = {}
    for side in Side:
        shown = {f: hold(v, facts[side][f]) for f, v in start[side].items()}
        members[side] = Member(facts=facts[side], shown=shown)
    world = World(EntityRules(entity="customer", fields=dict(rules)), members, answers=answers)
    world.observe()
    if linked:
        for member in members.values():
            member.base = dict(member.seen)
    return world
