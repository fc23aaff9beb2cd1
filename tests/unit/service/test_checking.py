"""What `check` makes of the map, the boundary and the systems' facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    Capabilities,
    CheckReport,
    EntityCapabilities,
    Finding,
    Severity,
)
from interlock.errors import NeedsAuthError
from interlock.governance.rules import (
    CreatePolicy,
    EntityRules,
    FieldRule,
    Ownership,
    OwnershipMap,
    Side,
)
from interlock.governance.targets import OrderTargets
from interlock.mapping.codecs import Text
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import FieldFacts
from interlock.project.config import HoldSettings, ScheduleSettings
from interlock.service.checking import CheckResult, check

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class System:
    """One side as `check` sees it."""

    fields: Mapping[str, FieldFacts] = field(
        default_factory=lambda: {"name": FieldFacts(), "phone": FieldFacts()}
    )
    report: CheckReport | Exception = field(default_factory=lambda: CheckReport(findings=()))
    create: Any = FULL
    url: str = "https://host.example"
    overrides: MappingOverrides = field(default_factory=MappingOverrides)
    never: tuple[str, ...] = ()

    async def check(self) -> CheckReport:
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


async def look(
    crm: System,
    erp: System,
    go_live: datetime | None = NOW,
    *,
    more: Mapping[str, Ownership] = {},
    holds: HoldSettings | None = None,
) -> CheckResult:
    """Check a project that syncs name (owned by the CRM), phone (shared) and more of customers."""
    rules = EntityRules(
        entity="customer",
        create=CreatePolicy.CRM,
        fields={
            "name": FieldRule(field="name", ownership=Ownership.CRM),
            "phone": FieldRule(field="phone", ownership=Ownership.SHARED),
            **{name: FieldRule(field=name, ownership=owner) for name, owner in more.items()},
        },
    )
    sides = {Side.CRM: crm, Side.ERP: erp}
    connections = {}
    for side, system in sides.items():
        caps = EntityCapabilities(fields=system.fields, create=system.create, update=FULL)
        capabilities = Capabilities(entities={"customer": caps}, never=system.never)
        connections[side] = SimpleNamespace(
            name=side.value,
            connector=system,
            capabilities=capabilities,
            entity=capabilities.entities.get,
        )
    project = SimpleNamespace(
        ownership=OwnershipMap(entities={"customer": rules}, never={}, version="1"),
        overrides={side.value: system.overrides for side, system in sides.items()},
        go_live=go_live,
        holds=holds or HoldSettings(),
        schedules=ScheduleSettings(),
        targets=OrderTargets(),
        connection=lambda side: SimpleNamespace(
            name=side.value,
            plugin=SimpleNamespace(title=side.value.upper()),
            settings=SimpleNamespace(url=sides[side].url),
        ),
    )
    pair = SimpleNamespace(side=connections.__getitem__, clock=lambda: NOW)
    return await check(cast("Any", SimpleNamespace(project=project, pair=pair)))


def messages(result: CheckResult, severity: Severity) -> Iterator[str]:
    findings = [*result.project, *(f for s in result.systems for f in s.findings)]
    return (f"{f.subject}: {f.message}" for f in findings if f.severity is severity)


def errors(result: CheckResult) -> list[str]:
    return list(messages(result, Severity.ERROR))


def warnings(result: CheckResult) -> list[str]:
    return list(messages(result, Severity.WARNING))


async def test_nothing_is_wrong() -> None:
    result = await look(System(), System())
    assert result.ok
    assert errors(result) == warnings(result) == []


async def test_a_system_that_cannot_be_asked_is_an_error_with_its_fix() -> None:
    broken = System(report=NeedsAuthError("the token is wrong", fix="renew it"))
    result = await look(broken, System())
    assert not result.ok
    assert [s.ok for s in result.systems] == [False, True]
    (finding,) = result.systems[0].findings
    assert (finding.message, finding.fix) == ("the token is wrong", "renew it")


async def test_a_field_without_a_place_in_a_system_is_named() -> None:
    result = await look(System(), System(fields={"name": FieldFacts()}))
    assert warnings(result) == ["customer: erp has no place for phone: not synced"]


async def test_what_is_worked_out_needs_no_place_in_the_erp() -> None:
    more = dict.fromkeys(("balance", "credit_hold"), Ownership.ERP)
    crm = System(fields={f: FieldFacts() for f in ("name", "phone", *more)})
    by_rule = HoldSettings(days_overdue=30)
    assert warnings(await look(crm, System(), more=more, holds=by_rule)) == []
    assert warnings(await look(crm, System(), more=more)) == [
        "customer: erp has no place for credit_hold: not synced"
    ]
    assert warnings(await look(System(), System(), more=more, holds=by_rule)) == [
        "customer: crm has no place for balance, credit_hold: not synced"
    ]


async def test_what_is_only_read_needs_a_place_in_one_system() -> None:
    more = {"owner": Ownership.LOCAL}
    crm = System(fields={f: FieldFacts() for f in ("name", "phone", "owner")})
    assert warnings(await look(crm, System(), more=more)) == []
    assert len(warnings(await look(System(), System(), more=more))) == 2


async def test_a_right_that_is_missing_is_an_error() -> None:
    blind = System(report=CheckReport(findings=(), unreadable={"customer": frozenset({"phone"})}))
    result = await look(System(), blind)
    assert not result.ok
    assert errors(result) == ["customer: phone cannot be read in erp: left alone in both systems"]


async def test_a_write_right_matters_only_where_the_engine_writes() -> None:
    lost = CheckReport(findings=(), unwritable={"customer": frozenset({"name", "phone"})})
    assert errors(await look(System(report=lost), System())) == [
        "customer: phone cannot be written in crm: what differs is shown, not mended"
    ]
    assert errors(await look(System(), System(report=lost))) == [
        "customer: name, phone cannot be written in erp: what differs is shown, not mended"
    ]


async def test_a_field_no_program_may_write_is_named() -> None:
    fields = {"name": FieldFacts(writable=False), "phone": FieldFacts()}
    result = await look(System(), System(fields=fields))
    assert warnings(result) == [
        "customer: erp lets no program write name: what differs is shown, not mended"
    ]
    assert result.ok


async def test_creations_that_are_not_possible_are_named() -> None:
    (warning,) = warnings(await look(System(), System(create=NOT_IMPLEMENTED)))
    assert "new ones cannot be created in erp (not implemented)" in warning


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("margin", Severity.ERROR),
        ("finance.margin", Severity.ERROR),
        ("x_Margin_pct", Severity.WARNING),
        ("colour", None),
    ],
)
async def test_mappings_of_what_must_stay_are_named(path: str, severity: Severity | None) -> None:
    override = FieldOverride(path=path, codec=Text())
    overrides = MappingOverrides(fields={"customer": {"custom.x": override}})
    result = await look(System(), System(overrides=overrides, never=("margin",)))
    found = [f for f in result.project if f.subject == "mappings/erp.yaml"]
    assert [f.severity for f in found] == ([severity] if severity else [])
    assert all(f.fix for f in found)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://erp.example", True),
        ("https://erp.example", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
    ],
)
async def test_an_unprotected_address_is_named(url: str, *, warned: bool) -> None:
    found = warnings(await look(System(), System(url=url)))
    assert any("unprotected" in text for text in found) is warned


async def test_a_clock_that_is_wrong_is_named_once() -> None:
    late = CheckReport(findings=(), clock_skew=timedelta(minutes=-10))
    assert warnings(await look(System(report=late), System())) == [
        "clock: its clock is 600 seconds behind this machine's"
    ]
    said = Finding(severity=Severity.WARNING, subject="clock", message="wrong")
    told = CheckReport(findings=(said,), clock_skew=timedelta(minutes=-10))
    assert warnings(await look(System(report=told), System())) == ["clock: wrong"]


async def test_orders_that_are_off_are_mentioned() -> None:
    assert any(
        "go_live is empty" in text for text in warnings(await look(System(), System(), None))
    )
    soon = await look(System(), System(), NOW + timedelta(days=1))
    assert "orders start on" in " ".join(messages(soon, Severity.OK))
