"""What ``interlock check`` looks at in BottleCRM."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from interlock.connectors.base import Capabilities, CheckReport, Finding, Severity
from interlock.connectors.bottlecrm.client import Client
from interlock.connectors.bottlecrm.organization import OrganizationReader
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES
from interlock.connectors.bottlecrm.rows import Organization, custom_keys, model_field
from interlock.errors import ConnectorError, RejectedError, TransientError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Inspection"]

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id no record has: a change to it shows whether the scope is there and alters nothing."""

_SKEW = timedelta(minutes=2)


class Inspection:
    """One run of ``check``: asks, collects findings, never raises for what it can report."""

    def __init__(
        self,
        client: Client,
        organization: OrganizationReader,
        maps: Mapping[str, ObjectMap],
        capabilities: Capabilities,
    ) -> None:
        self._client = client
        self._organization = organization
        self._maps = maps
        self._capabilities = capabilities
        self._findings: list[Finding] = []
        self._unreadable: dict[str, frozenset[str]] = {}
        self._unwritable: dict[str, frozenset[str]] = {}
        self._skew: timedelta | None = None

    async def run(self) -> CheckReport:
        """Look at the token, the organization, each entity's rights and fields, and the clock."""
        try:
            organization = await self._connection()
        except ConnectorError as error:
            self._failed("connection", error)
        else:
            await self._owner()
            for entity in self._maps:
                await self._entity(entity, organization)
            await self._filter()
        return CheckReport(
            findings=self._findings,
            clock_skew=self._skew,
            unreadable=self._unreadable,
            unwritable=self._unwritable,
        )

    def _add(self, severity: Severity, subject: str, message: str, fix: str = "") -> None:
        self._findings.append(Finding(severity=severity, subject=subject, message=message, fix=fix))

    def _failed(
        self, subject: str, error: ConnectorError, severity: Severity = Severity.ERROR
    ) -> None:
        self._add(severity, subject, error.message, error.fix or "")

    async def _connection(self) -> Organization:
        answer = await self._client.get("/api/org/settings/")
        if answer.server_time is not None:
            # The header has whole seconds: half of one is the fairer guess.
            self._skew = answer.server_time + timedelta(seconds=0.5) - answer.sent_at
            if abs(self._skew) > _SKEW:
                self._add(Severity.WARNING, "clock", f"the server's clock is {self._skew} off ours",
                          "synchronise both clocks")  # fmt: skip
        organization = await self._organization.read(afresh=True)
        self._add(Severity.OK, "connection", "the token is accepted; the organization's currency "
                  f"is {organization.currency}")  # fmt: skip
        return organization

    async def _owner(self) -> None:
        """Warn when the token's owner sees a part of the records: that looks like deletions."""
        try:
            profile = (await self._client.get("/api/profile/")).data["user_obj"]
        except ConnectorError as error:
            self._add(Severity.WARNING, "owner", error.message, error.fix or "")
            return
        if profile.get("role") == "ADMIN":
            self._add(Severity.OK, "owner", "the token's owner is an administrator")
        else:
            self._add(
                Severity.ERROR, "owner",
                "the token's owner is no administrator and sees only records assigned to them",
                "create the token as an administrator",
            )  # fmt: skip

    async def _entity(self, entity: str, organization: Organization) -> None:
        resource, mapping = RESOURCES[entity], self._maps[entity]
        everything = frozenset(f.field for f in mapping.fields)
        try:
            await self._client.get(resource.path, {"limit": 1})
        except ConnectorError as error:
            # tasks are a courtesy: all else works without them
            severity = Severity.WARNING if entity == "task" else Severity.ERROR
            self._failed(entity, error, severity)
            self._unreadable[entity] = everything
            return
        self._custom(entity, organization)
        if not self._capabilities.entities[entity].update:
            return
        try:
            await self._client.send(resource.update, f"{resource.path}{_NOBODY}/", {})
        except RejectedError:
            self._add(Severity.OK, entity, "may be read and written")
        except ConnectorError as error:
            self._add(Severity.WARNING, entity, error.message, error.fix or "")
            self._unwritable[entity] = everything

    def _custom(self, entity: str, organization: Organization) -> None:
        model, mapping = RESOURCES[entity].model, self._maps[entity]
        defined = organization.custom.get(model, {})
        needed = set(custom_keys(entity, mapping))
        if self._capabilities.entities[entity].reference:
            needed.add(REFERENCE_KEY)
        missing = sorted(needed - defined.keys())
        if not missing:
            return
        fields = {model_field(entity, mapping, f"custom_fields.{key}") for key in missing}
        lost = frozenset(field for field in fields if field is not None)
        self._unreadable[entity] = self._unwritable[entity] = lost
        self._add(Severity.ERROR, entity, f"{model} has no custom field {', '.join(missing)}",
                  "run interlock provision")  # fmt: skip

    async def _filter(self) -> None:
        try:
            await self._client.get(
                RESOURCES["customer"].path, {f"cf_{REFERENCE_KEY}": "none", "limit": 1}
            )
        except TransientError:
            self._add(
                Severity.WARNING, "find",
                "custom fields cannot be filtered (BottleCRM on SQLite): looking up our own "
                "references reads every record",
                "run BottleCRM on PostgreSQL",
            )  # fmt: skip
        except ConnectorError:
            return  # the missing right was reported with the entity
