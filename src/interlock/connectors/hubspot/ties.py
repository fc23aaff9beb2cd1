"""Associations: read in batches, written as primary, taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from interlock.connectors.hubspot.client import Client, parts

__all__ = ["Ties"]

_ASKED: Final = 1_000
_PRIMARY: Final = "primary"


class Ties:
    """The associations of one portal."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._types: dict[tuple[str, str], list[dict[str, Any]]] = {}

    async def ends(self, kind: str, to: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Read where records lead; the primary one first, else in the order of their ids."""
        found: dict[str, list[tuple[bool, int, str]]] = {}
        path = self._client.paths.associations(kind, to, "/batch/read")
        for part in parts(ids, _ASKED):
            asked: list[dict[str, Any]] = [{"id": key} for key in part]
            while asked:
                answer = await self._client.call("POST", path, json={"inputs": asked})
                asked = []
                for item in answer.data.get("results") or ():
                    start = str(item["from"]["id"])
                    found.setdefault(start, []).extend(_end(end) for end in item["to"])
                    after = ((item.get("paging") or {}).get("next") or {}).get("after")
                    if after:
                        asked.append({"id": start, "after": after})
        return {start: [key for _, _, key in sorted(ends)] for start, ends in found.items()}

    async def types(self, kind: str, to: str) -> list[dict[str, Any]]:
        """Look up the types HubSpot itself defines: the plain one, and the primary one."""
        if (kind, to) not in self._types:
            path = self._client.paths.associations(kind, to, "/labels")
            answer = await self._client.call("GET", path)
            self._types[kind, to] = [
                {"associationCategory": item["category"], "associationTypeId": item["typeId"]}
                for item in answer.data["results"]
                if item["category"] == "HUBSPOT_DEFINED" and _is_ours(item)
            ]
        return self._types[kind, to]

    async def tie(self, kind: str, to: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Associate records; where there is such a thing, as the primary association."""
        types = await self.types(kind, to)
        path = self._client.paths.associations(kind, to, "/batch/create")
        inputs = [{"from": {"id": a}, "to": {"id": b}, "types": types} for a, b in pairs]
        await self._client.call("POST", path, json={"inputs": inputs}, writes=True)

    async def untie(self, kind: str, to: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Take associations away."""
        path = self._client.paths.associations(kind, to, "/batch/archive")
        inputs = [{"from": {"id": a}, "to": [{"id": b}]} for a, b in pairs]
        await self._client.call("POST", path, json={"inputs": inputs}, writes=True)


def _is_ours(item: Mapping[str, Any]) -> bool:
    label = item.get("label")
    return not label or str(label).casefold() == _PRIMARY


def _end(end: Mapping[str, Any]) -> tuple[bool, int, str]:
    labels = {str(t.get("label") or "").casefold() for t in end.get("associationTypes") or ()}
    key = str(end["toObjectId"])
    return _PRIMARY not in labels, int(key), key
