"""Check: what keeps the project from working, each with the way to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from interlock.connectors.base import CheckReport, Finding, Severity
from interlock.errors import ConnectorError
from interlock.governance.compile import never_covers
from interlock.governance.rules import (
    CROSS_REFERENCE,
    EntityRules,
    FieldRule,
    Ownership,
    Side,
)
from interlock.processes.order_to_cash import made_public
from interlock.service.running import schedule_note
from interlock.service.session import Session, hold_rules_of
from interlock.service.target_check import target_findings
from interlock.sync.pair import Connection

__all__ = ["CheckResult", "SystemCheck", "check", "rights_findings"]

_SKEW = timedelta(minutes=2)
_SHORTEST_LIKE = 4
"""Names shorter than this are in too many others to mean anything."""


class SystemCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one system; ``clock_skew``: its clock minus ours, in seconds."""

    name: str
    title: str
    ok: bool
    version: str
    clock_skew: float | None
    findings: Sequence[Finding]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """All findings: of each system, of the ownership map against both, of the project."""

    ok: bool
    systems: Sequence[SystemCheck]
    project: Sequence[Finding]


async def check(session: Session) -> CheckResult:
    """Look at both systems at once, then hold the map against what they let us do."""
    reports = dict(
        zip(
            Side,
            await asyncio.gather(*(_report(session.pair.side(s)) for s in Side)),
            strict=True,
        )
    )
    systems = [_system(session, side, report) for side, report in reports.items()]
    reached = {s: r for s, r in reports.items() if r.ok or r.unreadable or r.unwritable}
    project = [*_map_findings(session, reached), *_never_findings(session), *_notes(session)]
    project += [*target_findings(session), schedule_note(session)]
    sound = all(s.ok for s in systems) and all(f.severity is not Severity.ERROR for f in project)
    return CheckResult(ok=sound, systems=systems, project=project)


async def rights_findings(session: Session) -> tuple[bool, list[Finding]]:
    """Hold the map against what the credentials may do; also whether both systems answered."""
    reports = {side: await _report(session.pair.side(side)) for side in Side}
    reached = {s: r for s, r in reports.items() if r.unreadable or r.unwritable}
    found = [f for f in _map_findings(session, reached) if f.severity is Severity.ERROR]
    return all(r.ok or r.unreadable or r.unwritable for r in reports.values()), found


async def _report(connection: Connection) -> CheckReport:
    try:
        return await connection.connector.check()
    except ConnectorError as error:
        found = Finding(
            severity=Severity.ERROR,
            subject="connection",
            message=error.message,
            fix=error.fix or "",
        )
        return CheckReport(findings=[found])


def _system(session: Session, side: Side, report: CheckReport) -> SystemCheck:
    config = session.project.connection(side)
    findings = list(report.findings)
    skew = report.clock_skew
    if skew is not None and abs(skew) > _SKEW and not any(f.subject == "clock" for f in findings):
        findings.append(
            Finding(
                severity=Severity.WARNING,
                subject="clock",
                message=f"its clock is {abs(skew).total_seconds():.0f} seconds "
                f"{'ahead of' if skew > timedelta(0) else 'behind'} this machine's",
                fix="synchronise both clocks",
            )
        )
    return SystemCheck(
        name=config.name,
        title=config.plugin.title,
        ok=report.ok,
        version=report.system_version,
        clock_skew=None if skew is None else skew.total_seconds(),
        findings=findings,
    )


# ── the map against what the systems can do and the credentials may do ───────────────────────


def _map_findings(session: Session, reports: Mapping[Side, CheckReport]) -> Iterator[Finding]:
    for entity, rules in session.project.ownership.entities.items():
        for side in Side:
            report = reports.get(side, CheckReport(findings=()))
            yield from _entity_findings(session, entity, rules, side, report)


def _without_place(session: Session, entity: str, rules: EntityRules, side: Side) -> list[str]:
    """Fields of the map that a system neither has nor needs to have."""
    here, there = (session.pair.side(s).entity(entity) for s in (side, side.other))
    assert here is not None
    worked_out = made_public(entity, hold_rules_of(session.project))
    return [
        r.field
        for r in rules.fields.values()
        if r.field not in here.fields
        and (side is Side.CRM or r.field not in worked_out)
        # what is only read need stand in one of them
        and (
            there is None or r.field not in there.fields
            if r.ownership is Ownership.LOCAL
            else there is not None
        )
    ]


def _entity_findings(
    session: Session, entity: str, rules: EntityRules, side: Side, report: CheckReport
) -> Iterator[Finding]:
    pair = session.pair
    connection = pair.side(side)
    caps = connection.entity(entity)
    if caps is None:
        return
    name = connection.name
    shared = pair.side(side.other).entity(entity) is not None
    absent = _without_place(session, entity, rules, side)
    if absent:
        yield Finding(
            severity=Severity.WARNING,
            subject=entity,
            message=f"{name} has no place for {', '.join(absent)}: not synced",
            fix=f"map it in mappings/{name}.yaml, or take it out of ownership.yaml",
        )
    there = [r for r in rules.fields.values() if r.field in caps.fields]
    unreadable = report.unreadable.get(entity, frozenset())
    lost = [r.field for r in there if r.field in unreadable]
    if CROSS_REFERENCE in unreadable:
        lost.append(CROSS_REFERENCE)
    if lost:
        yield Finding(
            severity=Severity.ERROR,
            subject=entity,
            message=f"{', '.join(lost)} cannot be read in {name}: left alone in both systems",
            fix=f"give Interlock's user in {name} the right to read it (or run "
            "`interlock provision` if the field is missing), or take it out of ownership.yaml",
        )
    written = [r for r in there if r.field not in lost and _is_written(r, side)]
    refused = [r.field for r in written if r.field in report.unwritable.get(entity, frozenset())]
    if refused:
        yield Finding(
            severity=Severity.ERROR,
            subject=entity,
            message=f"{', '.join(refused)} cannot be written in {name}: what differs is shown, "
            "not mended",
            fix=f"give Interlock's user in {name} the right to write it, or make {name} the owner",
        )
    closed = [
        r.field
        for r in written
        if shared and r.field not in refused and not caps.fields[r.field].writable
    ]
    if closed and caps.update:
        yield Finding(
            severity=Severity.WARNING,
            subject=entity,
            message=f"{name} lets no program write {', '.join(closed)}: what differs is shown, "
            "not mended",
            fix=f"make {name} the owner in ownership.yaml",
        )
    if rules.creates_from(side.other):
        yield from _creation(entity, side, connection)


def _creation(entity: str, side: Side, connection: Connection) -> Iterator[Finding]:
    caps = connection.entity(entity)
    assert caps is not None
    if not caps.create:
        yield Finding(
            severity=Severity.WARNING,
            subject=entity,
            message=f"new ones cannot be created in {connection.name} ({caps.create.level.value}): "
            f"those that only the {side.other.value.upper()} has stay there",
            fix="set `create: none` in ownership.yaml, or make them by hand",
        )


def _is_written(rule: FieldRule, side: Side) -> bool:
    """Say whether the engine writes the field to this side."""
    if rule.ownership is Ownership.LOCAL:
        return False
    return rule.ownership.side is not side


# ── the boundary ─────────────────────────────────────────────────────────────────────────────


def _never_findings(session: Session) -> Iterator[Finding]:
    """Hold what mapping files read against what a system's connector never asks for."""
    project = session.project
    for side in Side:
        connection = session.pair.side(side)
        declared = frozenset(connection.capabilities.never)
        barred = declared | project.ownership.never.get(side, frozenset())
        for entity, fields in project.overrides[connection.name].fields.items():
            for field, change in fields.items():
                names = [*([change.path] if change.path else []), *change.inputs.values()]
                if change.off or not names:
                    continue
                subject = f"mappings/{connection.name}.yaml"
                found = never_covers(declared, *names)
                if found is not None:
                    yield Finding(
                        severity=Severity.ERROR,
                        subject=subject,
                        message=f"{entity}.{field} reads {found}, which is never to leave "
                        f"{connection.name}",
                        fix="remove this field from the file",
                    )
                elif like := _looks_like(barred, [*names, field.removeprefix("custom.")]):
                    yield Finding(
                        severity=Severity.WARNING,
                        subject=subject,
                        message=f"{entity}.{field} looks like {like}, which is never to leave "
                        f"{connection.name}",
                        fix="make sure that it holds something else, or remove it",
                    )


def _looks_like(barred: frozenset[str], names: Sequence[str]) -> str | None:
    folded = ["".join(c for c in name.casefold() if c.isalnum()) for name in names]
    for name in sorted(barred):
        word = "".join(c for c in name.casefold() if c.isalnum())
        if len(word) >= _SHORTEST_LIKE and any(word in one for one in folded):
            return name
    return None


# ── notes ────────────────────────────────────────────────────────────────────────────────────


def _notes(session: Session) -> Iterator[Finding]:
    project, pair = session.project, session.pair
    if project.go_live is None:
        yield Finding(
            severity=Severity.WARNING,
            subject="orders",
            message="go_live is empty: won deals are only reported, no order is made",
            fix="set go_live in interlock.yaml when orders are to be made",
        )
    else:
        when = project.go_live.isoformat(sep=" ", timespec="minutes")
        begins = "start" if project.go_live > pair.clock() else "have been made since"
        yield Finding(
            severity=Severity.OK,
            subject="orders",
            message=f"orders {begins} {'on ' if begins == 'start' else ''}{when}; deals won "
            "before are only reported",
        )
    for side in Side:
        url = getattr(project.connection(side).settings, "url", None)
        if isinstance(url, str) and _is_unprotected(url):
            yield Finding(
                severity=Severity.WARNING,
                subject=project.connection(side).name,
                message="its address begins with http://: passwords and data travel unprotected",
                fix="use the https:// address",
            )
    if not any(pair.side(side).capabilities.webhooks for side in Side):
        yield Finding(
            severity=Severity.OK,
            subject="changes",
            message="are noticed at each sync; neither system calls Interlock, so this machine "
            "needs no public address",
        )


def _is_unprotected(url: str) -> bool:
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
    return parts.scheme == "http" and not local
