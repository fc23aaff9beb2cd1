"""Making the custom properties, in a group of their own, and taking them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from interlock.connectors.base import Provisioned
from interlock.connectors.hubspot.client import Client, RefusedError
from interlock.connectors.hubspot.custom import CUSTOM, GROUP, REFERENCE, CustomProperty
from interlock.connectors.hubspot.reading import Reader
from interlock.errors import ConnectorError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Provisioner", "needed_properties"]

_THERE: Final = frozenset({"OBJECT_ALREADY_EXISTS", "CONFLICT"})


def needed_properties(maps: Mapping[str, ObjectMap]) -> Iterator[tuple[str, CustomProperty]]:
    """List the custom properties the maps use, with the entities they are for."""
    for entity, mapping in maps.items():
        used = {*mapping.paths, REFERENCE}
        for item in CUSTOM.get(mapping.object, ()):
            if item.name in used:
                yield entity, item


class Provisioner:
    """Makes and takes back the custom properties; both may be repeated."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader, other: str
    ) -> None:
        self._client = client
        self._maps = maps
        self._reader = reader
        self._other = other or "ERP"

    async def provision(self, *, dry_run: bool) -> list[Provisioned]:
        """Create what is missing."""
        self._reader.forget_layouts()
        done = []
        grouped: set[str] = set()
        for entity, item in needed_properties(self._maps):
            kind = self._maps[entity].object
            place = f"{kind}.{item.name}"
            if item.name in (await self._reader.layout(entity)).readable:
                done.append(Provisioned(subject=place, action="present"))
            elif dry_run:
                done.append(Provisioned(subject=place, action="would create"))
            else:
                done.append(await self._attempt(kind, item, place, grouped))
        self._reader.forget_layouts()
        return done

    async def deprovision(self, *, dry_run: bool) -> list[Provisioned]:
        """Archive the properties with the values in them, and then their groups."""
        self._reader.forget_layouts()
        done = []
        kinds: dict[str, None] = {}
        for entity, item in needed_properties(self._maps):
            kind = self._maps[entity].object
            place = f"{kind}.{item.name}"
            if item.name not in (await self._reader.layout(entity)).readable:
                done.append(Provisioned(subject=place, action="absent"))
            elif dry_run:
                done.append(Provisioned(subject=place, action="would remove"))
            else:
                kinds[kind] = None
                path = self._client.paths.properties(kind, f"/{item.name}")
                await self._client.call("DELETE", path, writes=True)
                done.append(Provisioned(subject=place, action="removed"))
        for kind in kinds:
            path = self._client.paths.properties(kind, f"/groups/{GROUP}")
            await self._client.call("DELETE", path, writes=True)
        self._reader.forget_layouts()
        return done

    async def _attempt(
        self, kind: str, item: CustomProperty, place: str, grouped: set[str]
    ) -> Provisioned:
        try:
            if kind not in grouped:
                await self._group(kind)
                grouped.add(kind)
            path = self._client.paths.properties(kind)
            await self._client.call("POST", path, json=item.definition(self._other), writes=True)
        except ConnectorError as error:
            told = f"{error.message} ({error.fix})" if error.fix else error.message
            return Provisioned(subject=place, action="failed", message=told)
        return Provisioned(subject=place, action="created")

    async def _group(self, kind: str) -> None:
        path = self._client.paths.properties(kind, "/groups")
        answer = await self._client.call("GET", path)
        if any(group["name"] == GROUP for group in answer.data["results"]):
            return
        body = {"name": GROUP, "label": "Interlock", "displayOrder": -1}
        try:
            await self._client.call("POST", path, json=body, writes=True)
        except RefusedError as error:
            if error.problem.code not in _THERE:
                raise
