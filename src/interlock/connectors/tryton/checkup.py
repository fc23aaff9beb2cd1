"""What ``check`` looks at and ``provision`` makes."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.connectors.base import (
    CheckReport,
    Finding,
    Provisioned,
    Severity,
)
from interlock.connectors.tryton.client import TrytonClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.directory import Directory
from interlock.connectors.tryton.objects import MODELS
from interlock.connectors.tryton.scope import Scope
from interlock.errors import ConnectorError, NeedsAuthError, RejectedError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import ContactRole

__all__ = ["check", "provision"]

_SERIES = "8.2"
_MODULES = {
    "party": "customers", "sale": "orders", "account_invoice": "payment terms",
    "product": "products", "stock": "delivery addresses",
}  # fmt: skip
_PART_MODELS = {
    "addresses": "party.address", "contact_mechanisms": "party.contact_mechanism",
    "identifiers": "party.identifier", "relations": "party.relation.all", "lines": "sale.line",
}  # fmt: skip


async def check(
    client: TrytonClient, directory: Directory, scope: Scope, settings: TrytonSettings,
) -> CheckReport:  # fmt: skip
    """Look at everything; the first thing without which nothing works ends it."""
    findings: list[Finding] = []
    version = ""
    try:
        version = await client.version()
        findings.append(_version(version))
        skew = await client.skew()
        preferences = await client.preferences()
        findings.append(_ok("login", f"logged in as {settings.login}"))
        if preferences.get("administrator"):
            findings.append(_warning(
                "user", "the user is an administrator",
                "make a user for Interlock with the group Sales only",
            ))  # fmt: skip
        company = await directory.company()
        findings.append(_ok("company", f"company {company.id}, currency {company.currency}"))
        findings += await _modules(client, settings)
        findings += await _lists(client, directory, settings)
        directory.forget_fields()
        unreadable, unwritable = {}, {}
        for entity in scope.maps:
            if entity == "project" and not await directory.has(MODELS[entity]):
                continue  # told among the modules
            missing, closed = await _rights(client, directory, scope, entity)
            findings += _about(scope.maps[entity], missing, closed)
            unreadable[entity], unwritable[entity] = missing, closed
    except NeedsAuthError as error:
        findings.append(_error("login", error.message, error.fix or ""))
    except ConnectorError as error:
        findings.append(_error("connection", error.message, error.fix or ""))
    else:
        return CheckReport(findings=findings, system_version=version, clock_skew=skew,
                           unreadable=unreadable, unwritable=unwritable)  # fmt: skip
    return CheckReport(findings=findings, system_version=version)


def _ok(subject: str, message: str) -> Finding:
    return Finding(severity=Severity.OK, subject=subject, message=message)


def _warning(subject: str, message: str, fix: str) -> Finding:
    return Finding(severity=Severity.WARNING, subject=subject, message=message, fix=fix)


def _error(subject: str, message: str, fix: str) -> Finding:
    return Finding(severity=Severity.ERROR, subject=subject, message=message, fix=fix)


def _version(version: str) -> Finding:
    if version == _SERIES:
        return _ok("version", f"Tryton {version}")
    return _warning(
        "version",
        f"Tryton {version}; tested with {_SERIES}",
        "rehearse before going live: fields and calls differ between series",
    )


async def _modules(client: TrytonClient, settings: TrytonSettings) -> list[Finding]:
    needed = dict(_MODULES)
    if settings.contacts:
        needed["party_relationship"] = "contacts (or set contacts: false)"
    if settings.projects:
        needed["project"] = "projects (or set projects: false)"
    domain = [["name", "in", list(needed)], ["state", "=", "activated"]]
    active = {row["name"] for row in await client.rows("ir.module", domain, ["name"])}
    return [
        _error("module", f"the module {name} is not activated; it is needed for {what}",
               "activate it under Administration > Modules")
        for name, what in needed.items() if name not in active
    ]  # fmt: skip


async def _lists(
    client: TrytonClient, directory: Directory, settings: TrytonSettings
) -> list[Finding]:
    findings = []
    category = settings.customer_category
    if category is not None and await directory.category(category) is None:
        findings.append(_error(
            "customers", f"there is no party category {category!r}",
            "make it under Party > Categories and give it to the customers, or name another in "
            "customer_category, or set that to null",
        ))  # fmt: skip
    if settings.contacts:
        names = settings.contact_relations
        found = await directory.ids("party.relation.type", list(names.values()))
        for role, name in names.items():
            if name not in found:
                kind = _error if role is ContactRole.OTHER else _warning
                findings.append(kind(
                    "contacts", f"there is no relation type {name!r} for the role {role}",
                    "make it under Party > Configuration > Relation Types, or run provision as a "
                    "user who may, or leave the role out of contact_relations",
                ))  # fmt: skip
    if not await client.call("country.country", "search_count", []):
        findings.append(
            _error(
                "countries",
                "Tryton has no countries, so no address can have one",
                "import them (trytond_import_countries)",
            )
        )
    regions = await client.call("country.subdivision", "search_count", [])
    if regions and settings.regions == "off":
        findings.append(
            _warning(
                "regions",
                "Tryton has states and provinces, but they are not synced",
                "set regions to code or name",
            )
        )
    if not regions and settings.regions != "off":
        findings.append(
            _error(
                "regions",
                "Tryton has no states and provinces",
                "import them (trytond_import_countries), or set regions: off",
            )
        )
    return findings


async def _rights(
    client: TrytonClient, directory: Directory, scope: Scope, entity: str
) -> tuple[frozenset[str], frozenset[str]]:
    """Tell which fields of an entity the user may not read, and which not write."""
    mapped = scope.maps[entity]
    readable = await scope.look(entity)
    missing = {f.field for f in mapped.fields} - {f.field for f in readable.fields}
    parts = {f.path.partition(":")[0] for f in mapped.fields}
    models = {MODELS[entity], *(_PART_MODELS[part] for part in parts if part in _PART_MODELS)}
    access = await client.call("ir.model.access", "get_access", sorted(models))
    own = await directory.fields(MODELS[entity])
    closed = set()
    for item in mapped.fields:
        head = item.path.partition(":")[0].partition(".")[0]
        rights = [access[MODELS[entity]]]
        if head in _PART_MODELS:
            rights.append(access[_PART_MODELS[head]])
        fixed = own.get(head, {}).get("readonly") and head != "state"
        if item.writable and (fixed or not all(r["write"] and r["create"] for r in rights)):
            closed.add(item.field)
    return frozenset(missing), frozenset(closed)


def _about(mapped: ObjectMap, missing: frozenset[str], closed: frozenset[str]) -> list[Finding]:
    entity = mapped.entity
    if mapped.fields and len(missing) == len(mapped.fields):
        return [_error("rights", f"the user cannot read any {entity}",
                       "give the user the group Sales")]  # fmt: skip
    findings = []
    if missing:
        findings.append(_warning(
            "rights", f"the user cannot read of {entity}: {', '.join(sorted(missing))}",
            "give the right, activate the module that brings it, or leave it out of the map",
        ))  # fmt: skip
    if closed:
        findings.append(_warning(
            "rights", f"the user cannot write of {entity}: {', '.join(sorted(closed))}",
            "give the user the group that may (the credit limit: Account Credit Limit), or let "
            "the ERP own it",
        ))  # fmt: skip
    return findings or [_ok("rights", f"{entity}: all mapped fields")]


async def provision(
    client: TrytonClient, directory: Directory, settings: TrytonSettings, *, dry_run: bool
) -> Sequence[Provisioned]:
    """Make the category of customers and the relation types of contacts."""
    wanted: list[tuple[str, str]] = []
    if settings.customer_category is not None:
        wanted.append(("party.category", settings.customer_category))
    if settings.contacts:
        wanted += [("party.relation.type", name) for name in settings.contact_relations.values()]
    done = [
        Provisioned(
            subject="identifiers",
            action="present",
            message="our keys are identifiers of a party, which need nothing made",
        )
    ]
    for model, name in wanted:
        subject = f"{model} {name}"
        if await directory.ids(model, [name]):
            done.append(Provisioned(subject=subject, action="present"))
        elif dry_run:
            done.append(Provisioned(subject=subject, action="would create"))
        else:
            try:
                await client.call(model, "create", [{"name": name}], writes=True)
                done.append(Provisioned(subject=subject, action="created"))
            except RejectedError as error:
                done.append(Provisioned(subject=subject, action="failed", message=error.message))
    return done
