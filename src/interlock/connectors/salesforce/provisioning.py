"""Making the custom fields, and giving the connected user the right to them.

A field made through the API is seen by nobody: a permission set of ours grants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from interlock.connectors.base import Provisioned
from interlock.connectors.salesforce.client import Client
from interlock.connectors.salesforce.objects import CUSTOM_FIELDS, REFERENCE_FIELD, CustomField
from interlock.connectors.salesforce.reading import Reader, quoted
from interlock.errors import ConnectorError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Provisioner", "needed_fields"]

_PERMISSION_SET: Final = "Interlock"
_FIELDS: Final = "/tooling/sobjects/CustomField"


def needed_fields(maps: Mapping[str, ObjectMap]) -> Iterator[tuple[str, CustomField]]:
    """List the custom fields the maps use, with the entities they are for."""
    for entity, mapping in maps.items():
        used = {*mapping.paths, REFERENCE_FIELD}
        for item in CUSTOM_FIELDS.get(mapping.object, ()):
            if item.name in used:
                yield entity, item


class Provisioner:
    """Makes and takes back the custom fields; both may be repeated."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader, other: str
    ) -> None:
        self._client = client
        self._maps = maps
        self._reader = reader
        self._other = other or "ERP"

    async def provision(self, *, dry_run: bool) -> list[Provisioned]:
        """Create and grant what the connected user does not see."""
        done = []
        for entity, item in needed_fields(self._maps):
            place = f"{self._maps[entity].object}.{item.name}"
            layout = await self._reader.layout(entity, afresh=True)
            if item.name in layout.writable:
                done.append(Provisioned(subject=place, action="present"))
            elif dry_run:
                done.append(Provisioned(subject=place, action="would create"))
            else:
                done.append(await self._attempt(entity, item, place))
        return done

    async def deprovision(self, *, dry_run: bool) -> list[Provisioned]:
        """Delete the custom fields with the values in them, and the permission set."""
        done = []
        for entity, item in needed_fields(self._maps):
            place = f"{self._maps[entity].object}.{item.name}"
            key = await self._known(self._maps[entity].object, item.name)
            if key is None:
                done.append(Provisioned(subject=place, action="absent"))
            elif dry_run:
                done.append(Provisioned(subject=place, action="would remove"))
            else:
                await self._client.call("DELETE", f"{_FIELDS}/{key}", writes=True)
                done.append(Provisioned(subject=place, action="removed"))
        if not dry_run:
            for row in await self._query("PermissionSet", f"Name = {quoted(_PERMISSION_SET)}"):
                path = f"/sobjects/PermissionSet/{row['Id']}"
                await self._client.call("DELETE", path, writes=True)
            self._reader.forget_layouts()
        return done

    async def _attempt(self, entity: str, item: CustomField, place: str) -> Provisioned:
        try:
            if await self._known(self._maps[entity].object, item.name) is None:
                await self._make(place, item)
            await self._grant(place)
            layout = await self._reader.layout(entity, afresh=True)
        except ConnectorError as error:
            told = f"{error.message} ({error.fix})" if error.fix else error.message
            return Provisioned(subject=place, action="failed", message=told)
        if item.name not in layout.writable:
            return Provisioned(
                subject=place, action="failed", message="made, but still not visible"
            )
        return Provisioned(subject=place, action="created")

    async def _make(self, place: str, item: CustomField) -> None:
        label = item.label.format(other=self._other)[:40]
        body = {"FullName": place, "Metadata": {**item.metadata, "label": label}}
        await self._client.call("POST", _FIELDS, json=body, writes=True)

    async def _grant(self, place: str) -> None:
        granted = await self._permission_set()
        where = f"ParentId = {quoted(granted)} AND Field = {quoted(place)}"
        if not await self._query("FieldPermissions", where):
            await self._insert("FieldPermissions", {
                "ParentId": granted, "SobjectType": place.partition(".")[0], "Field": place,
                "PermissionsRead": True, "PermissionsEdit": True,
            })  # fmt: skip

    async def _permission_set(self) -> str:
        """Find or make our permission set, and assign it to the connected user."""
        found = await self._query("PermissionSet", f"Name = {quoted(_PERMISSION_SET)}")
        made = {"Name": _PERMISSION_SET, "Label": "Interlock"}
        key = str(found[0]["Id"]) if found else await self._insert("PermissionSet", made)
        user = await self._client.user_id()
        where = f"PermissionSetId = {quoted(key)} AND AssigneeId = {quoted(user)}"
        if not await self._query("PermissionSetAssignment", where):
            assigned = {"PermissionSetId": key, "AssigneeId": user}
            await self._insert("PermissionSetAssignment", assigned)
        return key

    async def _known(self, name: str, field: str) -> str | None:
        where = (
            f"TableEnumOrId = {quoted(name)} AND "
            f"DeveloperName = {quoted(field.removesuffix('__c'))}"
        )
        soql = f"SELECT Id FROM CustomField WHERE {where}"
        answer = await self._client.call("GET", "/tooling/query", params={"q": soql})
        rows = answer.data["records"]
        return str(rows[0]["Id"]) if rows else None

    async def _query(self, name: str, where: str) -> Sequence[Mapping[str, Any]]:
        return await self._client.query(f"SELECT Id FROM {name} WHERE {where}")

    async def _insert(self, name: str, values: Mapping[str, Any]) -> str:
        answer = await self._client.call("POST", f"/sobjects/{name}", json=values, writes=True)
        return str(answer.data["id"])
