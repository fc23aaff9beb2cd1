"""Resolutions: what a person decided on a field that is open, applied to the states as they are.

Pure.  A resolution is a state, not an event: it says what both sides should show as long as they
still show what it was made on.  Once either shows something else it is not applied, and the field
is asked about again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from interlock.governance.merge import Action, MemberView, OpenKind, Outcome, respelled
from interlock.governance.rules import FieldRule, Ownership, Side
from interlock.model import ANYTHING, FieldFacts, Value, agree

__all__ = ["Choice", "Resolution", "Resolved", "Standing", "resolve_field", "same_to_both"]


class Choice(StrEnum):
    """Whose value both sides are to show; ``KEEP`` leaves them different."""

    CRM = "crm"
    ERP = "erp"
    VALUE = "value"
    KEEP = "keep"


class Standing(StrEnum):
    """Where a resolution stands.  STALE: a side moved before it was applied."""

    DECIDED = "decided"
    STALE = "stale"


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision on one field of one link.

    ``value``: what was typed (``Choice.VALUE``).  ``seen``: side -> hash of the value the decision
    was made on.  ``ownership``: whose the field was then.  ``note``: why it was not applied.
    """

    field: str
    choice: Choice
    seen: Mapping[Side, str]
    ownership: Ownership
    by: str
    reason: str
    at: datetime
    value: Value | None = None
    standing: Standing = Standing.DECIDED
    note: str = ""

    @property
    def why(self) -> str:
        """The decision in plain words, for history and explain."""
        return f"decided by {self.by}" + (f": {self.reason}" if self.reason else "")

    def targets(self) -> tuple[Side, ...]:
        """The sides it may write to."""
        match self.choice:
            case Choice.CRM | Choice.ERP:
                return (Side(self.choice.value).other,)
            case Choice.VALUE:
                return tuple(Side)
            case _:
                return ()


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a field: its outcomes, and where the resolution stands (``None``: it ended).

    ``quiet``: the field is no longer open although both sides still differ.
    """

    outcomes: tuple[Outcome, ...]
    standing: Standing | None
    note: str = ""
    quiet: bool = False


def same_to_both(rule: FieldRule, crm: MemberView, erp: MemberView) -> bool:
    """Say whether both sides show one value, as far as they can tell."""
    one, two = crm.fields[rule.field], erp.fields[rule.field]
    if rule.lossy_ok:
        return agree(one, two)
    return agree(one, two, _facts(rule, crm), _facts(rule, erp))


def resolve_field(
    rule: FieldRule,
    resolution: Resolution,
    views: Mapping[Side, MemberView],
    moved: frozenset[Side],
    merged: Outcome | None,
    *,
    is_open: bool,
) -> Resolved:
    """Apply a resolution to what the merge decided without it.

    ``moved``: sides that show another value than the decision was made on.  ``is_open``: whether
    the field is shown to a person now.
    """
    natural = () if merged is None else (merged,)
    if any(rule.field not in view.fields for view in views.values()):
        return Resolved(outcomes=natural, standing=resolution.standing)
    if same_to_both(rule, views[Side.CRM], views[Side.ERP]):
        return Resolved(outcomes=natural, standing=None)
    if resolution.standing is not Standing.DECIDED:
        return _asked_again(rule, resolution.note, merged, is_open=is_open)
    if rule.ownership is not resolution.ownership:
        return _void(rule, resolution, merged, "whose the field is has changed")
    if resolution.choice is Choice.KEEP:
        return _kept(rule, merged, moved)
    return _applied(rule, resolution, views, moved, merged)


def _kept(rule: FieldRule, merged: Outcome | None, moved: frozenset[Side]) -> Resolved:
    if moved:
        return Resolved(outcomes=() if merged is None else (merged,), standing=None)
    rebase = merged.rebase if merged is not None else frozenset()
    noted = Outcome(field=rule.field, action=Action.SETTLE, why="left different", rebase=rebase)
    return Resolved(outcomes=(noted,) if rebase else (), standing=Standing.DECIDED, quiet=True)


def _applied(
    rule: FieldRule,
    resolution: Resolution,
    views: Mapping[Side, MemberView],
    moved: frozenset[Side],
    merged: Outcome | None,
) -> Resolved:
    targets = resolution.targets()
    wanted = {s: _wanted(resolution, views, s) for s in targets}
    there = {s for s in targets if _shows(rule, views[s], wanted[s])}
    missed = [s for s in targets if s not in there and _not_taken(rule, views[s], wanted[s])]
    if missed:
        return Resolved(outcomes=(_missed(rule, missed[0], merged),), standing=None)
    changed = sorted(moved - there)
    if changed:
        who = " and the ".join(s.value.upper() for s in changed)
        return _void(rule, resolution, merged, f"the {who} shows another value since")
    if len(there) == len(targets):
        return Resolved(outcomes=() if merged is None else (merged,), standing=None)
    rebase = merged.rebase if merged is not None else frozenset()
    outcomes = tuple(
        _write(rule, resolution, s, wanted[s], views[s], rebase) for s in targets if s not in there
    )
    return Resolved(outcomes=outcomes, standing=Standing.DECIDED, quiet=True)


def _wanted(resolution: Resolution, views: Mapping[Side, MemberView], target: Side) -> Value | None:
    if resolution.choice is Choice.VALUE:
        return resolution.value
    return views[target.other].fields[resolution.field]


def _facts(rule: FieldRule, view: MemberView) -> FieldFacts:
    return view.facts.get(rule.field, ANYTHING)


def _shows(rule: FieldRule, view: MemberView, wanted: Value | None) -> bool:
    shown = view.fields[rule.field]
    return agree(shown, wanted, _facts(rule, view)) or respelled(wanted, shown)


def _not_taken(rule: FieldRule, view: MemberView, wanted: Value | None) -> bool:
    """Say whether ``wanted`` was written, and the first look since shows something else."""
    written = rule.field in view.unconfirmed and rule.field in view.base
    return written and agree(view.base[rule.field], wanted, _facts(rule, view))


def _missed(rule: FieldRule, target: Side, merged: Outcome | None) -> Outcome:
    return Outcome(
        field=rule.field,
        action=Action.OPEN,
        kind=OpenKind.NOT_TAKEN,
        target=target,
        rebase=frozenset({target}) | (merged.rebase if merged is not None else frozenset()),
        why=f"the {target.value.upper()} shows another value than was decided and written; "
        "not written again",
    )


def _write(
    rule: FieldRule,
    resolution: Resolution,
    target: Side,
    wanted: Value | None,
    view: MemberView,
    rebase: frozenset[Side],
) -> Outcome:
    if not _facts(rule, view).writable:
        return Outcome(
            field=rule.field,
            action=Action.OPEN,
            kind=OpenKind.READ_ONLY,
            rebase=rebase,
            why=f"{resolution.why}, but the {target.value.upper()} does not let us write it",
        )
    shown = view.fields[rule.field]
    return Outcome(
        field=rule.field,
        action=Action.WRITE,
        why=resolution.why,
        target=target,
        value=wanted,
        expected=shown,
        overruled=shown is not None,
        rebase=rebase,
    )


def _void(rule: FieldRule, resolution: Resolution, merged: Outcome | None, why: str) -> Resolved:
    note = f"not applied: {resolution.why}, but {why}; decide again"
    if merged is None:
        shared = rule.ownership is Ownership.SHARED
        kind = OpenKind.CONFLICT if shared else OpenKind.FLAGGED
        outcome = Outcome(field=rule.field, action=Action.OPEN, kind=kind, why=note)
        return Resolved(outcomes=(outcome,), standing=Standing.STALE, note=note)
    return _asked_again(rule, note, merged, is_open=True)


def _asked_again(rule: FieldRule, note: str, merged: Outcome | None, *, is_open: bool) -> Resolved:
    """Say of an open field that it was decided in vain.

    A shared field is not written by itself any more: a person was asked, and answered in vain.
    The owner's value goes its way.
    """
    if merged is None:
        return Resolved(outcomes=(), standing=Standing.STALE if is_open else None, note=note)
    if merged.action is Action.OPEN:
        again = msgspec.structs.replace(merged, why=f"{merged.why} ({note})")
    elif merged.action is Action.WRITE and rule.ownership is Ownership.SHARED:
        again = Outcome(
            field=rule.field,
            action=Action.OPEN,
            kind=OpenKind.CONFLICT,
            why=note,
            rebase=merged.rebase,
        )
    else:
        return Resolved(outcomes=(merged,), standing=None)
    return Resolved(outcomes=(again,), standing=Standing.STALE, note=note)
