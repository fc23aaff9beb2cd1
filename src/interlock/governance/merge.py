"""The merge: from bases, observations and rules to what should happen now.

Pure and total.  It reads states, never events, so a late, doubled or lost event cannot do harm.
*Changed* means "differs from that member's own base, as far as that system can tell".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from interlock.governance.rules import (
    ConflictRule,
    EntityRules,
    FieldRule,
    FirstLink,
    OnForeignEdit,
    Ownership,
    Side,
)
from interlock.model import ANYTHING, FieldFacts, Value, agree, project

__all__ = [
    "AT_FIRST_LINK",
    "Action",
    "Decision",
    "MemberView",
    "OpenKind",
    "Outcome",
    "PUT_BACK",
    "merge",
    "merge_field",
    "respelled",
]


PUT_BACK: Final = "put back"
AT_FIRST_LINK: Final = "first link"
"""How the reasons of these writes begin; a report tells them apart by it."""


class _Missing:
    """A field that was never observed, or has no base yet."""

    __slots__ = ()


MISSING: Final = _Missing()


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one member of a link.

    ``fields``: the last observation, a missing name is unknown.  ``base``: what this member showed
    when both agreed, a missing name has no base.  ``unconfirmed``: fields written without values
    in the answer and read for the first time since.
    """

    fields: Mapping[str, Value | None]
    base: Mapping[str, Value | None] = msgspec.field(default_factory=dict)
    facts: Mapping[str, FieldFacts] = msgspec.field(default_factory=dict)
    unconfirmed: frozenset[str] = frozenset()
    changed_at: Mapping[str, datetime] = msgspec.field(default_factory=dict)


class Action(StrEnum):
    """What happens to a field."""

    SETTLE = "settle"
    WRITE = "write"
    OPEN = "open"


class OpenKind(StrEnum):
    """Why a field stays different for now; each is visible to a person."""

    CONFLICT = "conflict"
    FLAGGED = "flagged"
    NOT_TAKEN = "not taken"
    READ_ONLY = "read-only"
    PARKED = "parked"
    """Written again and again and never kept; the merge itself does not say so."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The decision on one field.

    SETTLE: the values agree; both bases become what is observed.
    WRITE: ``value`` goes to ``target``, replacing ``expected``; ``overruled`` when ``expected`` is
    somebody's edit that gives way; ``first_link`` when there was no base (needs an approved plan).
    OPEN: ``kind`` says why; nothing is written.
    ``rebase``: sides whose base becomes what they show, whatever the action.
    ``why`` is the rule in plain words, for history and explain.
    """

    field: str
    action: Action
    why: str
    target: Side | None = None
    value: Value | None = None
    expected: Value | None = None
    overruled: bool = False
    first_link: bool = False
    kind: OpenKind | None = None
    rebase: frozenset[Side] = frozenset()


class Decision(msgspec.Struct, frozen=True):
    """All field outcomes of a link; fields at rest are left out."""

    outcomes: tuple[Outcome, ...]

    def writes(self, target: Side) -> tuple[Outcome, ...]:
        """Give the writes to one side."""
        return tuple(o for o in self.outcomes if o.action is Action.WRITE and o.target is target)

    @property
    def open(self) -> tuple[Outcome, ...]:
        """The fields that wait for a person."""
        return tuple(o for o in self.outcomes if o.action is Action.OPEN)


class _Cell:
    """One field on one side."""

    __slots__ = ("base", "changed_at", "facts", "not_taken", "respelt", "value")

    def __init__(self, view: MemberView, field: str) -> None:
        self.value = view.fields.get(field, MISSING)
        self.base = view.base.get(field, MISSING)
        self.facts = view.facts.get(field, ANYTHING)
        self.changed_at = view.changed_at.get(field)
        self.not_taken = self.respelt = False
        if field in view.unconfirmed and self.known and self.has_base:
            written, shown = self.base, self.value
            if not agree(written, shown, self.facts):  # type: ignore[arg-type]
                self.respelt = respelled(written, shown)  # type: ignore[arg-type]
                self.not_taken = not self.respelt
                self.base = self.value

    @property
    def known(self) -> bool:
        return self.value is not MISSING

    @property
    def has_base(self) -> bool:
        return self.base is not MISSING

    @property
    def blank(self) -> bool:
        # as its system sees it: a tax id of dashes is none
        return project(self.value, self.facts) is None  # type: ignore[arg-type]

    @property
    def changed(self) -> bool:
        return not agree(self.value, self.base, self.facts)  # type: ignore[arg-type]


def respelled(written: Value | None, shown: Value | None) -> bool:
    """Say whether a text differs only in case, white space and punctuation."""
    if not isinstance(written, str) or not isinstance(shown, str):
        return False
    left = "".join(c for c in written.casefold() if c.isalnum())
    return bool(left) and left == "".join(c for c in shown.casefold() if c.isalnum())


def merge(
    rules: EntityRules, crm: MemberView, erp: MemberView, fields: Iterable[str] | None = None
) -> Decision:
    """Decide every field of a link, or only ``fields``; fields at rest are left out."""
    only = None if fields is None else frozenset(fields)
    outcomes = []
    for rule in rules.merged():
        if only is None or rule.field in only:
            outcome = merge_field(rule, crm, erp)
            if outcome is not None:
                outcomes.append(outcome)
    return Decision(tuple(outcomes))


def merge_field(rule: FieldRule, crm: MemberView, erp: MemberView) -> Outcome | None:
    """Decide one field; ``None`` when it is unknown on a side or at rest."""
    cells = {Side.CRM: _Cell(crm, rule.field), Side.ERP: _Cell(erp, rule.field)}
    if not (cells[Side.CRM].known and cells[Side.ERP].known):
        return None
    if rule.ownership is Ownership.LOCAL:
        return None
    one, two = cells[Side.CRM], cells[Side.ERP]
    same = _agree(rule, one, two)
    if not (one.has_base and two.has_base):
        return _settle(rule, "equal at first link") if same else _first_link(rule, cells)
    outcome = _settled(rule, one, two) if same else _changed(rule, cells)
    return _confirmed(rule, cells, outcome, same=same)


def _agree(rule: FieldRule, one: _Cell, two: _Cell) -> bool:
    if rule.lossy_ok:
        return agree(one.value, two.value)  # type: ignore[arg-type]
    return agree(one.value, two.value, one.facts, two.facts)  # type: ignore[arg-type]


def _settle(rule: FieldRule, why: str) -> Outcome:
    return Outcome(field=rule.field, action=Action.SETTLE, why=why, rebase=frozenset(Side))


def _settled(rule: FieldRule, one: _Cell, two: _Cell) -> Outcome | None:
    if one.value == one.base and two.value == two.base:
        return None
    return _settle(rule, "both sides show the same")


def _confirmed(
    rule: FieldRule, cells: Mapping[Side, _Cell], outcome: Outcome | None, *, same: bool
) -> Outcome | None:
    """Add what the first look after a write showed."""
    rebase = frozenset(s for s, c in cells.items() if c.not_taken or c.respelt)
    if not rebase:
        return outcome
    if outcome is not None:
        return msgspec.structs.replace(outcome, rebase=outcome.rebase | rebase)
    missed = next((s for s, c in cells.items() if c.not_taken), None)
    if missed is None or same:
        return Outcome(
            field=rule.field, action=Action.SETTLE, rebase=rebase, why="taken in another spelling"
        )
    return Outcome(
        field=rule.field,
        action=Action.OPEN,
        kind=OpenKind.NOT_TAKEN,
        rebase=rebase,
        target=missed,
        why=f"the {missed.value.upper()} shows another value than was written; not written again",
    )


def _first_link(rule: FieldRule, cells: Mapping[Side, _Cell]) -> Outcome:
    """Rule 2: no base yet, and the sides differ."""
    for side, cell in cells.items():
        if cell.blank:
            return _write(rule, cells, side, "the filled side fills the blank", first_link=True)
    if rule.ownership.side is not None:
        owner = rule.ownership.side
        return _write(
            rule,
            cells,
            owner.other,
            f"{AT_FIRST_LINK}: {owner.value.upper()} owns the field",
            first_link=True,
            overruled=True,
        )
    if rule.first_link is FirstLink.CONFLICT:
        return _open(rule, OpenKind.CONFLICT, "both sides are filled and no rule says who is right")
    winner = Side(rule.first_link.value)
    return _write(
        rule,
        cells,
        winner.other,
        f"{AT_FIRST_LINK}: {winner.value.upper()}'s value is taken",
        first_link=True,
        overruled=True,
    )


def _changed(rule: FieldRule, cells: Mapping[Side, _Cell]) -> Outcome | None:
    changed = [side for side, cell in cells.items() if cell.changed]
    if not changed:
        return None
    if rule.ownership.side is not None:
        return _owned(rule, cells, rule.ownership.side, changed)
    return _shared(rule, cells, changed)


def _owned(
    rule: FieldRule, cells: Mapping[Side, _Cell], owner: Side, changed: list[Side]
) -> Outcome:
    name = owner.value.upper()
    if owner in changed:
        return _write(
            rule, cells, owner.other, f"{name} owns the field", overruled=owner.other in changed
        )
    if rule.on_foreign_edit is OnForeignEdit.FLAG:
        return _open(
            rule,
            OpenKind.FLAGGED,
            f"edited in the {owner.other.value.upper()}, but {name} owns the field",
            rebase=frozenset({owner.other}),
        )
    if cells[owner].blank:
        # writing the blank back would erase a value although nobody on the owning side did
        return _open(
            rule,
            OpenKind.FLAGGED,
            f"filled in the {owner.other.value.upper()}, "
            f"but {name} owns the field and has no value",
            rebase=frozenset({owner.other}),
        )
    return _write(rule, cells, owner.other, f"{PUT_BACK}: {name} owns the field", overruled=True)


def _shared(rule: FieldRule, cells: Mapping[Side, _Cell], changed: list[Side]) -> Outcome:
    if len(changed) == 1:
        (side,) = changed
        if cells[side].blank and not rule.may_blank:
            return _write(rule, cells, side, "a blank does not erase a value", overruled=True)
        return _write(rule, cells, side.other, f"changed in the {side.value.upper()}")
    blank = next((s for s in changed if cells[s].blank), None)
    if blank is not None and not rule.may_blank:
        return _write(rule, cells, blank, "a blank does not erase a value", overruled=True)
    winner = _winner(rule, cells)
    if winner is None:
        return _open(rule, OpenKind.CONFLICT, "changed on both sides")
    return _write(
        rule,
        cells,
        winner.other,
        f"changed on both sides, {winner.value.upper()} wins",
        overruled=True,
    )


def _winner(rule: FieldRule, cells: Mapping[Side, _Cell]) -> Side | None:
    if rule.conflict in (ConflictRule.CRM, ConflictRule.ERP):
        return Side(rule.conflict.value)
    if rule.conflict is ConflictRule.NEWEST:
        crm, erp = cells[Side.CRM].changed_at, cells[Side.ERP].changed_at
        if crm is not None and erp is not None and crm != erp:
            return Side.CRM if crm > erp else Side.ERP
    return None


def _write(
    rule: FieldRule,
    cells: Mapping[Side, _Cell],
    target: Side,
    why: str,
    *,
    first_link: bool = False,
    overruled: bool = False,
) -> Outcome:
    if not cells[target].facts.writable:
        return _open(
            rule,
            OpenKind.READ_ONLY,
            f"{why}, but the {target.value.upper()} does not let us write it",
        )
    return Outcome(
        field=rule.field,
        action=Action.WRITE,
        why=why,
        target=target,
        value=cells[target.other].value,  # type: ignore[arg-type]
        expected=cells[target].value,  # type: ignore[arg-type]
        first_link=first_link,
        overruled=overruled and cells[target].value is not None,
    )


def _open(
    rule: FieldRule, kind: OpenKind, why: str, rebase: frozenset[Side] = frozenset()
) -> Outcome:
    return Outcome(field=rule.field, action=Action.OPEN, kind=kind, why=why, rebase=rebase)
