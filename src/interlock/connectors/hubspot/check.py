"""What ``interlock check`` looks at in HubSpot."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.connectors.base import Capabilities, CheckReport
from interlock.connectors.hubspot.client import Client
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.custom import CUSTOM, REFERENCE
from interlock.connectors.hubspot.reading import Layout, Reader
from interlock.connectors.kit.checkup import Checkup
from interlock.errors import ConnectorError, InterlockError, NeedsAuthError
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
        settings: HubSpotSettings,
    ) -> None:
        super().__init__()
        self._client = client
        self._reader = reader
        self._maps = maps
        self._capabilities = capabilities
        self.version = settings.api_version

    async def run(self) -> CheckReport:
        """Look at the key, the clock, the day's calls, and each type's properties."""
        try:
            await self._connection()
        except InterlockError as error:
            self.failed("connection", error)
        else:
            for entity in self._maps:
                await self._entity(entity)
        return self.report()

    async def _connection(self) -> None:
        answer = await self._client.call("GET", self._client.paths.properties("companies"))
        self.clock(answer.server_time, answer.sent_at)
        self.ok("connection", "the key is accepted")
        if self._client.usage is not None:
            used, limit = self._client.usage
            self.ok("calls", f"{used} of {limit} calls of the day are used")

    async def _entity(self, entity: str) -> None:
        mapping = self._maps[entity]
        try:
            layout = await self._reader.layout(entity, afresh=True)
            if entity != "task":
                # of tasks only our own are read
                await self._reader.page(entity, "", archived=False, limit=1)
        except NeedsAuthError:
            raise
        except ConnectorError as error:
            # a scope that is not granted is no fault of the rest
            self.hidden(entity, error, (f.field for f in mapping.fields))
            return
        self._rights(entity, mapping, layout)

    def _rights(self, entity: str, mapping: ObjectMap, layout: Layout) -> None:
        hidden = {f.field: [p for p in f.paths if not layout.shows(p)] for f in mapping.fields}
        fixed = {
            f.field: [p for p in f.paths if not p.startswith("@") and p not in layout.writable]
            for f in mapping.fields
            if f.writable and self._capabilities.entities[entity].update
        }
        missing = {path for paths in hidden.values() for path in paths}
        if self._capabilities.entities[entity].reference:
            missing |= {REFERENCE} - layout.readable
        ours = {item.name for item in CUSTOM.get(mapping.object, ())}
        self.unreadable[entity] = frozenset(field for field, paths in hidden.items() if paths)
        self.unwritable[entity] = frozenset(field for field, paths in fixed.items() if paths)
        if missing & ours:
            names = ", ".join(sorted(missing & ours))
            self.fail(entity, f"the {mapping.object} have no {names}", "run interlock provision")
        if missing - ours:
            names = ", ".join(sorted(missing - ours))
            self.fail(entity, f"the key does not see {names} of the {mapping.object}",
                      "grant the scopes, or take the fields out of the map")  # fmt: skip
        if not missing:
            self.ok(entity, f"the {mapping.object} can be read")
