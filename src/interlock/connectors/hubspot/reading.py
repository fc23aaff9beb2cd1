"""Reading records: which properties are asked for, and how rows become records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from interlock.connectors.hubspot.client import Client, RefusedError, parts
from interlock.connectors.hubspot.custom import REFERENCE
from interlock.connectors.hubspot.objects import MODIFIED, OTHER_ENDS
from interlock.connectors.hubspot.ties import Ties
from interlock.mapping.codecs import Instant
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Presence, Record

__all__ = ["LINE", "MERGED", "Layout", "Reader", "Row", "stamp"]

Row = dict[str, Any]
LINE: Final = "@line"
"""Stands for line items where an entity is asked for: only which ones changed is read of them."""
MERGED: Final = "hs_merged_object_ids"
"""Property with the ids of the records that were merged into this one."""
_LINE_PROPERTIES: Final = ("hs_product_id", "hs_sku", "quantity", "price", "amount")
_BEHIND: Final = {"@outcome": ("dealstage",)}
"""Paths the reader works out -> the properties it needs for it."""
_SEARCH_BODY: Final = 3_000


class Layout:
    """What the properties API told of a type: what the key sees, may write, and may choose."""

    def __init__(self, properties: Iterable[Mapping[str, Any]]) -> None:
        known = {str(p["name"]): p for p in properties if not p.get("archived")}
        self.readable = frozenset(known)
        self.writable = frozenset(
            name
            for name, p in known.items()
            if not (p.get("modificationMetadata") or {}).get("readOnlyValue")
            and not p.get("calculated")
        )
        self.choices = {
            name: tuple(str(o["value"]) for o in p["options"])
            for name, p in known.items()
            if p.get("options")
        }

    def shows(self, path: str) -> bool:
        """Say whether a path of an object map can be asked for."""
        if path.startswith("@"):
            return all(name in self.readable for name in _BEHIND.get(path, ()))
        return path in self.readable


class Reader:
    """Reads rows of one portal and makes records of them."""

    def __init__(self, client: Client, maps: Mapping[str, ObjectMap]) -> None:
        self._client = client
        self._maps = {**maps, LINE: ObjectMap(LINE, "line_items", ())}
        self._layouts: dict[str, Layout] = {}
        self._outcomes: dict[str, str] = {}
        self.ties = Ties(client)

    def modified(self, entity: str) -> str:
        """Name the property with the time of the last change."""
        return MODIFIED.get(self._maps[entity].object, "hs_lastmodifieddate")

    async def layout(self, entity: str, *, afresh: bool = False) -> Layout:
        """Ask which properties an entity's type has; remembered until they are asked for afresh."""
        if afresh or entity not in self._layouts:
            path = self._client.paths.properties(self._maps[entity].object)
            answer = await self._client.call("GET", path)
            self._layouts[entity] = Layout(answer.data["results"])
        return self._layouts[entity]

    def forget_layouts(self) -> None:
        """Ask anew at the next read."""
        self._layouts.clear()

    async def names(self, entity: str) -> list[str]:
        """List the properties to ask for: those of the map, and those every record is known by."""
        if entity == LINE:
            return [self.modified(entity)]
        layout = await self.layout(entity)
        behind = [n for p in self._maps[entity].paths for n in _BEHIND.get(p, (p,))]
        wanted = [*behind, REFERENCE, MERGED, self.modified(entity)]
        seen = [n for n in wanted if not n.startswith("@") and n in layout.readable]
        return list(dict.fromkeys(seen))

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    async def search(
        self, entity: str, groups: Sequence[Sequence[Mapping[str, Any]]], sort: str, limit: int
    ) -> list[Row]:
        """Find the first rows any group of conditions picks, in ascending order."""
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters} for filters in groups],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": await self.names(entity), "limit": limit, "after": "0",
        }  # fmt: skip
        path = self._client.paths.objects(self._maps[entity].object, "/search")
        if len(msgspec.json.encode(body)) < _SEARCH_BODY:
            answer = await self._client.call("POST", path, json=body)
            return _rows(answer.data["results"])
        # too many names for the body a search may have: it finds the ids, a batch the values
        body["properties"] = [self.modified(entity)]
        answer = await self._client.call("POST", path, json=body)
        ids = [str(row["id"]) for row in answer.data["results"]]
        found = {row["id"]: row for row in await self.live(entity, ids)}
        return [found[key] for key in ids if key in found]

    async def page(
        self, entity: str, after: str, *, archived: bool, limit: int
    ) -> tuple[list[Row], str | None]:
        """List a page of all records, in the order of their ids, and where the next one begins."""
        params = {"limit": str(limit), "properties": ",".join(await self.names(entity)),
                  "archived": str(archived).lower()}  # fmt: skip
        if after:
            params["after"] = after
        path = self._client.paths.objects(self._maps[entity].object)
        answer = await self._client.call("GET", path, params=params)
        following = (answer.data.get("paging") or {}).get("next") or {}
        return _rows(answer.data["results"]), following.get("after")

    async def live(
        self, entity: str, ids: Sequence[str], *, by: str | None = None, archived: bool = False
    ) -> list[Row]:
        """Read rows by id, or by a unique property, from the records themselves."""
        if not ids:
            return []
        body: dict[str, Any] = {
            "properties": await self.names(entity), "propertiesWithHistory": [],
        }  # fmt: skip
        if by is not None:
            body["idProperty"] = by
        path = self._client.paths.objects(self._maps[entity].object, "/batch/read")
        params = {"archived": "true"} if archived else None
        rows: list[Row] = []
        for part in parts(ids):
            inputs = {"inputs": [{"id": key} for key in part]}
            try:
                answer = await self._client.call("POST", path, json=body | inputs, params=params)
            except RefusedError as error:
                # nobody of this part is there
                if error.problem.code != "OBJECT_NOT_FOUND":
                    raise
                continue
            rows += _rows(answer.data.get("results") or ())
        return rows

    # ── records ──────────────────────────────────────────────────────────────────────────────

    async def records(self, entity: str, rows: Sequence[Row]) -> list[Record]:
        """Make records of rows, with what is behind their associations and stages."""
        await self._add_ends(entity, rows)
        await self._add_outcomes(entity, rows)
        await self._add_lines(entity, rows)
        return [self._decoded(entity, row) for row in rows]

    def merged(self, entity: str, rows: Iterable[Row]) -> list[Record]:
        """Make the tombstones of the records that were merged into these."""
        return [
            Record(entity=entity, id=key, fields={}, presence=Presence.MERGED,
                   merged_into=row["id"])
            for row in rows
            for key in (row.get(MERGED) or "").split(";")
            if key and key != row["id"]
        ]  # fmt: skip

    async def _add_ends(self, entity: str, rows: Sequence[Row]) -> None:
        mapping = self._maps[entity]
        for path in mapping.paths:
            to = OTHER_ENDS.get((entity, path))
            if to is not None and rows:
                ends = await self.ties.ends(mapping.object, to, [row["id"] for row in rows])
                for row in rows:
                    row[path] = next(iter(ends.get(row["id"], ())), None)

    async def _add_outcomes(self, entity: str, rows: Sequence[Row]) -> None:
        if "@outcome" not in self._maps[entity].paths:
            return
        stages = {row["dealstage"] for row in rows if row.get("dealstage")}
        if stages - self._outcomes.keys():
            answer = await self._client.call("GET", self._client.paths.pipelines("deals"))
            self._outcomes = {
                str(stage["id"]): _outcome(stage.get("metadata") or {})
                for pipeline in answer.data["results"]
                for stage in pipeline["stages"]
            }
        for row in rows:
            if row.get("dealstage") in self._outcomes:
                row["@outcome"] = self._outcomes[row["dealstage"]]

    async def _add_lines(self, entity: str, rows: Sequence[Row]) -> None:
        mapping = self._maps[entity]
        if "@lines" not in mapping.paths or not rows:
            return
        ends = await self.ties.ends(mapping.object, "line_items", [row["id"] for row in rows])
        ids = list(dict.fromkeys(key for keys in ends.values() for key in keys))
        path = self._client.paths.objects("line_items", "/batch/read")
        lines: dict[str, Row] = {}
        for part in parts(ids):
            body = {"properties": _LINE_PROPERTIES, "propertiesWithHistory": [],
                    "inputs": [{"id": key} for key in part]}  # fmt: skip
            answer = await self._client.call("POST", path, json=body)
            lines |= {row["id"]: row for row in _rows(answer.data.get("results") or ())}
        for row in rows:
            keys = sorted(ends.get(row["id"], ()), key=int)
            row["@lines"] = [lines[key] for key in keys if key in lines]

    def _decoded(self, entity: str, row: Row) -> Record:
        problems: dict[str, str] = {}
        moment = stamp(row.get(self.modified(entity)) or row["updated"])
        return Record(
            entity=entity,
            id=row["id"],
            fields=self._maps[entity].decode(row, problems),
            version=_version(moment),
            modified=moment,
            presence=Presence.GONE if row["archived"] else Presence.PRESENT,
            reference=row.get(REFERENCE) or None,
            problems=problems or None,
        )


def _rows(results: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Flatten records: their properties, their id, their time, and whether they are archived."""
    return [
        {
            **item["properties"], "id": str(item["id"]), "updated": item.get("updatedAt"),
            "archived": bool(item.get("archived")),
        }
        for item in results
    ]  # fmt: skip


def _outcome(metadata: Mapping[str, Any]) -> str:
    """Tell what a stage means; 1.0 is won, whatever it is called."""
    share = float(metadata.get("probability") or 0)
    if share >= 1:
        return "won"
    closed = str(metadata.get("isClosed", share == 0)).lower() == "true"
    return "lost" if closed and share == 0 else "open"


def stamp(text: Any) -> datetime:
    """Read a time of HubSpot's."""
    moment = Instant().decode(text)
    assert moment is not None, "every record has its times"
    return moment


def _version(moment: datetime) -> str:
    """Write a time so that the later one is the greater text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
