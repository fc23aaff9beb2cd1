"""Sweeps and feeds that lose nothing.

Pages go on behind the last row instead of by position, so that rows that come, go and change
meanwhile move no other out of sight.  Stamps are whole seconds and may be shared by many rows: a
second is read to its end by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from interlock.connectors.base import Page
from interlock.connectors.quickbooks.client import Client
from interlock.connectors.quickbooks.objects import Source
from interlock.connectors.quickbooks.reading import Raw, Reader, every, literal, quoted, stamp
from interlock.model import Presence, Record

__all__ = ["Feeds"]

_LOOK_BACK: Final = timedelta(days=30) - timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed stands: ``at`` is the second being read, ``last`` the last id read of it."""

    since: datetime
    started: datetime | None = None
    source: int = 0
    at: datetime | None = None
    last: str = ""


class Feeds:
    """Reads all rows of an entity, or those that changed."""

    def __init__(
        self, client: Client, reader: Reader, known: Mapping[str, tuple[Source, ...]], *,
        page_size: int, delay: timedelta,
    ) -> None:  # fmt: skip
        self._client = client
        self._reader = reader
        self._sources = known
        self._size = page_size
        self._delay = delay

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all rows in the order of their ids; ids never change, so no row is missed."""
        number, _, last = (cursor or "0:").partition(":")
        source = self._sources[entity][int(number)]
        where = [*every(source), f"Id > {quoted(last or '0')}"]
        rows = await self._reader.select(
            entity, source, where, f"ORDERBY Id MAXRESULTS {self._size}"
        )
        if len(rows) == self._size:
            cursor = f"{number}:{rows[-1]['Id']}"
        elif int(number) + 1 < len(self._sources[entity]):
            cursor = f"{int(number) + 1}:"
        else:
            cursor = ""
        records = await self._reader.records(entity, source, rows)
        return Page(records=records, cursor=cursor, more=bool(cursor))

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what changed since the cursor, deleted documents first."""
        now = await self._client.server_time()
        place = (
            Place(since=now.astimezone(UTC) - self._delay)
            if cursor is None
            else msgspec.json.decode(cursor.encode(), type=Place)
        )
        gone: list[Record] = []
        if place.started is None:
            place = msgspec.structs.replace(place, started=now)
            gone = await self._deleted(entity, place.since, now)
        source = self._sources[entity][place.source]
        rows, following = await self._next(entity, source, place)
        records = gone + await self._reader.records(entity, source, rows)
        if following is None and place.source + 1 < len(self._sources[entity]):
            following = Place(since=place.since, started=place.started, source=place.source + 1)
        more = following is not None
        if following is None:
            assert place.started is not None
            following = Place(since=max(place.since, place.started - self._delay))
        return Page(records=records, cursor=msgspec.json.encode(following).decode(), more=more)

    async def _next(
        self, entity: str, source: Source, place: Place
    ) -> tuple[list[Raw], Place | None]:
        """Read the rest of a second, and what follows; ``None``: that was all."""
        rows: list[Raw] = []
        size = f"MAXRESULTS {self._size}"
        lower = place.since
        if place.at is not None:
            lower = place.at + _SECOND
            rows = await self._reader.select(
                entity, source,
                [*every(source), *_between(place.at, lower), f"Id > {quoted(place.last or '0')}"],
                f"ORDERBY Id {size}",
            )  # fmt: skip
            if len(rows) == self._size:
                return rows, msgspec.structs.replace(place, last=rows[-1]["Id"])
        later = await self._reader.select(
            entity, source, [*every(source), *_between(lower, None)],
            f"ORDERBY MetaData.LastUpdatedTime {size}",
        )  # fmt: skip
        if len(later) < self._size:
            return rows + later, None
        # how rows of one second are ordered is not said: the last second is read again by id
        edge = _second(later[-1])
        rows += [row for row in later if _second(row) < edge]
        return rows, msgspec.structs.replace(place, at=edge, last="")

    async def _deleted(self, entity: str, since: datetime, now: datetime) -> list[Record]:
        """Ask change data capture for documents that were deleted; lists know no deletion.

        It looks back 30 days and gives 1,000 objects in all: beyond that a full sweep shows
        what is missing.  Of changed objects, which come whole, nothing is kept.
        """
        asked = [source for source in self._sources[entity] if not source.listed]
        if not asked or since < now - _LOOK_BACK:
            return []
        answer = await self._client.call("GET", "/cdc", params={
            "entities": ",".join(source.object for source in asked),
            "changedSince": literal(since),
        })  # fmt: skip
        return [
            Record(
                entity=entity, id=source.prefix + str(row["Id"]), fields={}, version=None,
                modified=None, presence=Presence.GONE,
            )
            for part in answer.data["CDCResponse"]
            for response in part.get("QueryResponse") or ()
            for source in asked
            for row in response.get(source.object) or ()
            if row.get("status") == "Deleted"
        ]  # fmt: skip


def _second(row: Raw) -> datetime:
    return stamp(row).replace(microsecond=0)


def _between(lower: datetime, upper: datetime | None) -> list[str]:
    where = [f"MetaData.LastUpdatedTime >= {quoted(literal(lower))}"]
    if upper is not None:
        where.append(f"MetaData.LastUpdatedTime < {quoted(literal(upper))}")
    return where
