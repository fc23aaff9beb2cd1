"""What must be known of the organization, and the custom fields made in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from interlock.connectors.base import ConnectorContext, Provisioned
from interlock.connectors.bottlecrm.client import Client
from interlock.connectors.bottlecrm.objects import CUSTOM_FIELDS
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES, CustomField
from interlock.connectors.bottlecrm.rows import Organization, custom_keys
from interlock.errors import ConnectorError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Definitions", "OrganizationReader", "needed_fields"]

_FRESH = timedelta(minutes=5)
_DEFINITIONS = "/api/custom-fields/"


class OrganizationReader:
    """Reads the organization's facts and keeps them for five minutes."""

    def __init__(self, client: Client, context: ConnectorContext) -> None:
        self._client = client
        self._clock = context.clock
        self._known: Organization | None = None
        self._read_at: datetime | None = None

    async def read(self, *, afresh: bool = False) -> Organization:
        """Give the facts; ``afresh`` after something that may have changed them."""
        now = self._clock()
        if self._known is None or afresh or self._read_at is None or now - self._read_at > _FRESH:
            settings = (await self._client.get("/api/org/settings/")).data
            custom: dict[str, dict[str, str]] = {}
            for row in await read_definitions(self._client):
                if row["is_active"]:
                    custom.setdefault(row["target_model"], {})[row["key"]] = row["field_type"]
            self._known = Organization(str(settings["default_currency"]), custom)
            self._read_at = now
        return self._known


async def read_definitions(client: Client) -> Sequence[Mapping[str, Any]]:
    """List every custom-field definition, deactivated ones too."""
    # Without this the server counts, for each definition, the records that lack it.
    answer = await client.get(_DEFINITIONS, {"include_counts": "false"})
    rows: Sequence[Mapping[str, Any]] = answer.data["definitions"]
    return rows


def needed_fields(maps: Mapping[str, ObjectMap]) -> Iterator[tuple[str, CustomField]]:
    """List the custom fields the maps use and ``provision`` can make, with their entity."""
    for entity, fields in CUSTOM_FIELDS.items():
        used = {
            *custom_keys(entity, maps[entity]),
            REFERENCE_KEY,
        }  # the reference is no model field
        yield from ((entity, item) for item in fields if item.key in used)


class Definitions:
    """Makes and takes back the custom fields; both may be repeated."""

    def __init__(self, client: Client, maps: Mapping[str, ObjectMap], other: str) -> None:
        self._client = client
        self._needed = tuple(needed_fields(maps))
        self._other = other or "ERP"

    async def provision(self, *, dry_run: bool) -> list[Provisioned]:
        """Create what is missing and reactivate what was deactivated."""
        known = await self._known()
        return [await self._make(e, f, known.get(self._place(e, f)), dry_run=dry_run)
                for e, f in self._needed]  # fmt: skip

    async def deprovision(self, *, dry_run: bool) -> list[Provisioned]:
        """Deactivate our definitions; BottleCRM keeps the values and they return with the field.

        A field of the same key that somebody else made (another label or type) is left alone.
        """
        known = await self._known()
        return [await self._take_back(e, f, known.get(self._place(e, f)), dry_run=dry_run)
                for e, f in self._needed]  # fmt: skip

    async def _known(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(r["target_model"], r["key"]): r for r in await read_definitions(self._client)}

    def _place(self, entity: str, item: CustomField) -> tuple[str, str]:
        return RESOURCES[entity].model, item.key

    def _label(self, item: CustomField) -> str:
        return item.label.format(other=self._other)[:128]

    async def _make(
        self, entity: str, item: CustomField, row: Mapping[str, Any] | None, *, dry_run: bool
    ) -> Provisioned:
        subject = ".".join(self._place(entity, item))
        if row is not None and row["field_type"] != item.kind:
            return Provisioned(
                subject=subject, action="failed",
                message=f"there is one of type {row['field_type']}, {item.kind} is needed: "
                        "map the field to another key in mappings/",
            )  # fmt: skip
        missing = [] if row is None else _missing_options(item, row)
        if row is not None and row["is_active"] and not missing:
            return Provisioned(subject=subject, action="present")
        if dry_run:
            return Provisioned(subject=subject, action="would create")
        try:
            if row is None:
                await self._client.send("POST", _DEFINITIONS, self._definition(entity, item))
            else:
                change: dict[str, Any] = {"is_active": True}
                if missing:
                    change["options"] = [*(row["options"] or ()), *missing]
                await self._client.send("PUT", f"{_DEFINITIONS}{row['id']}/", change)
        except ConnectorError as error:
            return Provisioned(subject=subject, action="failed", message=_told(error))
        return Provisioned(subject=subject, action="created")

    def _definition(self, entity: str, item: CustomField) -> dict[str, Any]:
        body: dict[str, Any] = {
            "target_model": RESOURCES[entity].model, "key": item.key, "label": self._label(item),
            "field_type": item.kind,
        }  # fmt: skip
        if item.options:
            body["options"] = [{"value": o, "label": o.capitalize()} for o in item.options]
        return body

    async def _take_back(
        self, entity: str, item: CustomField, row: Mapping[str, Any] | None, *, dry_run: bool
    ) -> Provisioned:
        subject = ".".join(self._place(entity, item))
        if row is None or not row["is_active"]:
            return Provisioned(subject=subject, action="absent")
        if (row["label"], row["field_type"]) != (self._label(item), item.kind):
            return Provisioned(subject=subject, action="kept", message="not made by Interlock")
        if dry_run:
            return Provisioned(subject=subject, action="would remove")
        try:
            await self._client.send("DELETE", f"{_DEFINITIONS}{row['id']}/")
        except ConnectorError as error:
            return Provisioned(subject=subject, action="failed", message=_told(error))
        return Provisioned(subject=subject, action="removed")


def _missing_options(item: CustomField, row: Mapping[str, Any]) -> list[dict[str, str]]:
    present = {option["value"] for option in row["options"] or ()}
    return [{"value": o, "label": o.capitalize()} for o in item.options if o not in present]


def _told(error: ConnectorError) -> str:
    return f"{error.message} ({error.fix})" if error.fix else error.message
