"""What ``interlock check`` looks at in BottleCRM."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.connectors.base import Capabilities, CheckReport, Severity
from interlock.connectors.bottlecrm.client import Client
from interlock.connectors.bottlecrm.organization import OrganizationReader
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES
from interlock.connectors.bottlecrm.rows import Organization, custom_keys, model_field
from interlock.connectors.kit.checkup import Checkup
from interlock.errors import ConnectorError, RejectedError, TransientError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Inspection"]

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id no record has: a change to it shows whether the scope is there and alters nothing."""


class Inspection(Checkup):
    """One run of ``check``: asks, collects findings, never raises for what it can report."""

    def __init__(
        self,
        client: Client,
        organization: OrganizationReader,
        maps: Mapping[str, ObjectMap],
        capabilities: Capabilities,
    ) -> None:
        super().__init__()
        self._client = client
        self._organization = organization
        self._maps = maps
        self._capabilities = capabilities

    async def run(self) -> CheckReport:
        """Look at the token, the organization, each entity's rights and fields, and the clock."""
        try:
            organization = await self._connection()
        except ConnectorError as error:
            self.failed("connection", error)
        else:
            await self._owner()
            for entity in self._maps:
                await self._entity(entity, organization)
            await self._filter()
        return self.report()

    async def _connection(self) -> Organization:
        answer = await self._client.get("/api/org/settings/")
        self.clock(answer.server_time, answer.sent_at)
        organization = await self._organization.read(afresh=True)
        self.ok("connection", "the token is accepted; the organization's currency "
                  f"is {organization.currency}")  # fmt: skip
        return organization

    async def _owner(self) -> None:
        """Warn when the token's owner sees a part of the records: that looks like deletions."""
        try:
            profile = (await self._client.get("/api/profile/")).data["user_obj"]
        except ConnectorError as error:
            self.warn("owner", error.message, error.fix or "")
            return
        if profile.get("role") == "ADMIN":
            self.ok("owner", "the token's owner is an administrator")
        else:
            self.fail("owner",
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
            self.hidden(entity, error, everything, severity)
            return
        self._custom(entity, organization)
        if not self._capabilities.entities[entity].update:
            return
        try:
            await self._client.send(resource.update, f"{resource.path}{_NOBODY}/", {})
        except RejectedError:
            self.ok(entity, "may be read and written")
        except ConnectorError as error:
            self.warn(entity, error.message, error.fix or "")
            if not isinstance(error, TransientError):
                self.unwritable[entity] = everything

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
        self.unreadable[entity] = self.unwritable[entity] = lost
        self.fail(entity, f"{model} has no custom field {', '.join(missing)}",
                  "run interlock provision")  # fmt: skip

    async def _filter(self) -> None:
        try:
            await self._client.get(
                RESOURCES["customer"].path, {f"cf_{REFERENCE_KEY}": "none", "limit": 1}
            )
        except TransientError:
            self.warn("find",
                "custom fields cannot be filtered (BottleCRM on SQLite): looking up our own "
                "references reads every record",
                "run BottleCRM on PostgreSQL",
            )  # fmt: skip
        except ConnectorError:
            return  # the missing right was reported with the entity
