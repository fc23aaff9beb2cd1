"""Report ownership: who may change which field, as a table and a page people can sign off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from interlock.governance.rules import (
    CreatePolicy,
    FieldRule,
    OnCreate,
    OnForeignEdit,
    Ownership,
    Side,
)
from interlock.project.load import Project
from interlock.reports.page import render
from interlock.service.files import write_text
from interlock.service.tables import Sheet

__all__ = ["FieldOwner", "OwnershipReport", "report_ownership", "sheet_of", "write_page"]


class FieldOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a field is, and what that means in words."""

    entity: str
    field: str
    owner: str
    rule: str


class OwnershipReport(msgspec.Struct, frozen=True, kw_only=True):
    """The ownership map.

    ``counts``: entity -> owner -> number of fields; ``born``: entity -> where new records are made;
    ``never``: system -> names that are not read at all; ``version``: hash of the map.
    """

    version: str
    systems: Mapping[str, str]
    fields: Sequence[FieldOwner]
    counts: Mapping[str, Mapping[str, int]]
    born: Mapping[str, str]
    never: Mapping[str, Sequence[str]]


def report_ownership(project: Project) -> OwnershipReport:
    """Tell the project's ownership map in words; reads no record."""
    names = {side: project.connection(side).name for side in Side}
    fields, counts, born = [], {}, {}
    for entity, rules in project.ownership.entities.items():
        for rule in rules.fields.values():
            side = rule.ownership.side
            fields.append(
                FieldOwner(
                    entity=entity,
                    field=rule.field,
                    owner=names[side] if side is not None else rule.ownership.value,
                    rule=_told(rule, names),
                )
            )
        counts[entity] = dict(Counter(f.owner for f in fields if f.entity == entity))
        policy = rules.create
        born[entity] = "nowhere" if policy is CreatePolicy.NONE else names[Side(policy.value)]
    return OwnershipReport(
        version=project.ownership.version,
        systems={side.value: name for side, name in names.items()},
        fields=fields,
        counts=counts,
        born=born,
        never={names[side]: sorted(project.ownership.never.get(side, ())) for side in Side},
    )


def _told(rule: FieldRule, names: Mapping[Side, str]) -> str:
    side = rule.ownership.side
    if rule.ownership is Ownership.LOCAL:
        return "read for Interlock's own decisions, never written to the other system"
    if side is None:
        words = {"manual": "a person decides", "conflict": "a person decides",
                 "newest": "the newest counts"}  # fmt: skip
        words |= {side.value: f"{name} counts" for side, name in names.items()}
        both, first = words[rule.conflict.value], words[rule.first_link.value]
        told = f"either may change it; if both did, {both}; at the first link {first}"
        return told + ("; emptying it empties the other" if rule.may_blank else "")
    other = names[side.other]
    told = (
        f"an edit in {other} is put back"
        if rule.on_foreign_edit is OnForeignEdit.REVERT
        else f"an edit in {other} is shown to a person"
    )
    created = {
        OnCreate.SEED: "", OnCreate.OMIT: f"; a new record in {names[side]} begins without it",
        OnCreate.DEFAULT: f"; a new record in {names[side]} begins with a default",
    }  # fmt: skip
    return told + created[rule.on_create]


def sheet_of(report: OwnershipReport) -> Sheet:
    """The map as a table."""
    columns = [(name, str) for name in ("entity", "field", "owner", "rule")]
    never = [("", name, "never", f"not read from {system}") for system, names in
             report.never.items() for name in names]  # fmt: skip
    return Sheet(columns, [*((f.entity, f.field, f.owner, f.rule) for f in report.fields), *never])


def write_page(report: OwnershipReport, out: Path, now: datetime) -> None:
    """Write the map as one HTML file."""
    made = f"{now:%Y-%m-%d %H:%M} UTC"
    write_text(out, render("ownership.html.j2", {"r": report, "made": made}))
