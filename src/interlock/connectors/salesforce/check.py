"""What ``interlock check`` looks at in Salesforce."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.connectors.base import Capabilities, CheckReport
from interlock.connectors.kit.checkup import Checkup
from interlock.connectors.salesforce.client import Client
from interlock.connectors.salesforce.objects import CUSTOM_FIELDS, REFERENCE_FIELD
from interlock.connectors.salesforce.reading import Layout, Reader
from interlock.errors import ConnectorError, InterlockError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Inspection"]


class Inspection(Checkup):
    """One run of ``check``: asks, collects findings, never raises for what it can report."""

    def __init__(
        self,
        client: Client,
        reader: Reader,
        maps: Mapping[str, ObjectMap],
        capabilities: Capabilities,
    ) -> None:
        super().__init__()
        self._client = client
        self._reader = reader
        self._maps = maps
        self._capabilities = capabilities

    async def run(self) -> CheckReport:
        """Look at the sign-in, the clock, the day's calls, and each object's fields."""
        try:
            await self._connection()
        except InterlockError as error:
            self.failed("connection", error)
        else:
            for entity in self._maps:
                await self._entity(entity)
        self.version = self._client.base.rpartition("/")[2]
        return self.report()

    async def _connection(self) -> None:
        answer = await self._client.call("GET", "/limits")
        self.clock(answer.server_time, answer.sent_at)
        self.ok("connection", "signed in")
        used, limit = self._client.usage or (0, 0)
        self.ok("calls", f"{used} of {limit} calls of the day are used")

    async def _entity(self, entity: str) -> None:
        mapping = self._maps[entity]
        try:
            layout = await self._reader.layout(entity, afresh=True)
        except ConnectorError as error:
            # a feature that is off is no fault of the connection
            self.hidden(entity, error, (f.field for f in mapping.fields))
            return
        self._rights(entity, mapping, layout)
        if "CurrencyIsoCode" in layout.readable and mapping.object == "Account":
            self.fail(entity, "several currencies are switched on; this connector "
                      "reads amounts in one", "wait for a version that does")  # fmt: skip

    def _rights(self, entity: str, mapping: ObjectMap, layout: Layout) -> None:
        hidden = {f.field: [p for p in f.paths if not layout.shows(p)] for f in mapping.fields}
        fixed = {
            f.field: [p for p in f.paths if p not in layout.writable]
            for f in mapping.fields
            if f.writable and self._capabilities.entities[entity].update
        }
        missing = {path for paths in hidden.values() for path in paths}
        if self._capabilities.entities[entity].reference:
            missing |= {REFERENCE_FIELD} - layout.readable
        ours = {item.name for item in CUSTOM_FIELDS.get(mapping.object, ())}
        self.unreadable[entity] = frozenset(field for field, paths in hidden.items() if paths)
        self.unwritable[entity] = frozenset(field for field, paths in fixed.items() if paths)
        if missing & ours:
            names = ", ".join(sorted(missing & ours))
            self.fail(entity, f"{mapping.object} has no {names}, or the user may "
                      "not see it", "run interlock provision")  # fmt: skip
        if missing - ours:
            names = ", ".join(sorted(missing - ours))
            self.fail(entity, f"the user may not see {names} of {mapping.object}",
                      "grant the fields by a permission set")  # fmt: skip
        if not missing:
            self.ok(entity, f"{mapping.object} can be read")
