"""Reading records with SOQL: which fields are asked for, and how rows become records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from interlock.connectors.salesforce.client import Client
from interlock.connectors.salesforce.objects import CHILDREN, REFERENCE_FIELD
from interlock.errors import NotPermittedError, RejectedError
from interlock.mapping.codecs import Instant
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Presence, Record

__all__ = ["Layout", "Reader", "any_of", "is_id", "literal", "quoted", "stamp"]

_ID: Final = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_ALWAYS: Final = ("Id", "SystemModstamp", "LastModifiedDate", "IsDeleted")
_STALE: Final = frozenset({"INVALID_FIELD", "INVALID_TYPE"})


class Layout:
    """What ``describe`` told of an object: the fields the connected user sees and may write."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        fields = {str(f["name"]): f for f in described["fields"]}
        self.readable = frozenset(fields)
        self.writable = frozenset(
            n for n, f in fields.items() if f["createable"] or f["updateable"]
        )
        self.children = frozenset(
            str(c["relationshipName"]) for c in described["childRelationships"]
        )
        self.choices = {
            name: tuple(str(v["value"]) for v in f["picklistValues"] if v["active"])
            for name, f in fields.items()
            if f["picklistValues"]
        }

    def shows(self, path: str) -> bool:
        """Say whether a path of an object map can be asked for."""
        return path in self.children if path in CHILDREN else path in self.readable


class Reader:
    """Reads rows of one org and makes records of them."""

    def __init__(self, client: Client, maps: Mapping[str, ObjectMap]) -> None:
        self._client = client
        self._maps = maps
        self._layouts: dict[str, Layout] = {}

    async def layout(self, entity: str, *, afresh: bool = False) -> Layout:
        """Describe an entity's object; remembered until a field is refused."""
        if afresh or entity not in self._layouts:
            name = self._maps[entity].object
            try:
                answer = await self._client.call("GET", f"/sobjects/{name}/describe")
            except RejectedError as error:
                if error.code != "NOT_FOUND":
                    raise
                raise NotPermittedError(
                    f"{self._client.name}: the org has no {name}, or the user no right to it",
                    system=self._client.name, operation="describe", code="no_object",
                    fix=f"switch the feature behind {name} on, or take {entity} out of the map",
                ) from error  # fmt: skip
            self._layouts[entity] = Layout(answer.data)
        return self._layouts[entity]

    def forget_layouts(self) -> None:
        """Describe anew at the next read."""
        self._layouts.clear()

    async def select(self, entity: str, rest: str, *, deleted: bool = False) -> list[Record]:
        """Read the records a condition picks; ``rest``: what follows FROM and the object."""
        try:
            return await self._select(entity, rest, deleted)
        except RejectedError as error:
            if error.code not in _STALE:
                raise
            # a right or a field went since the object was described
            await self.layout(entity, afresh=True)
            return await self._select(entity, rest, deleted)

    async def _select(self, entity: str, rest: str, deleted: bool) -> list[Record]:
        layout = await self.layout(entity)
        mapping = self._maps[entity]
        names = [*_ALWAYS]
        names += [n for n in (REFERENCE_FIELD, "MasterRecordId") if n in layout.readable]
        names += [CHILDREN.get(p, p) for p in mapping.paths if layout.shows(p) and p not in names]
        soql = f"SELECT {', '.join(names)} FROM {mapping.object} {rest}"
        rows = await self._client.query(soql, deleted=deleted)
        return [self._decoded(entity, await self._with_all_children(row)) for row in rows]

    async def _with_all_children(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        more = {
            name: {"records": [*row[name]["records"],
                               *await self._client.rest_of(row[name]["nextRecordsUrl"])]}
            for name in CHILDREN
            if row.get(name) and not row[name]["done"]
        }  # fmt: skip
        return {**row, **more}

    def _decoded(self, entity: str, row: Mapping[str, Any]) -> Record:
        problems: dict[str, str] = {}
        winner = row.get("MasterRecordId")
        presence = Presence.PRESENT
        if row["IsDeleted"]:
            presence = Presence.MERGED if winner else Presence.GONE
        return Record(
            entity=entity,
            id=str(row["Id"]),
            fields=self._maps[entity].decode(row, problems),
            version=str(row["SystemModstamp"]),
            modified=stamp(row["SystemModstamp"]),
            presence=presence,
            merged_into=str(winner) if winner and row["IsDeleted"] else None,
            reference=row.get(REFERENCE_FIELD) or None,
            problems=problems or None,
        )


def stamp(text: Any) -> datetime:
    """Read a stamp of Salesforce's."""
    moment = Instant().decode(text)
    assert moment is not None, "every record has its stamps"
    return moment


def literal(moment: datetime) -> str:
    """Write a moment as SOQL wants it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(text: str) -> str:
    """Write text as SOQL wants it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\n", "\\n").replace("\r", "\\r") + "'"


def is_id(text: str) -> bool:
    """Say whether Salesforce could have given this id; any other makes it refuse the query."""
    return _ID.fullmatch(text) is not None


def any_of(column: str, values: Sequence[str]) -> str:
    """Make the condition that a column has one of these values."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"
