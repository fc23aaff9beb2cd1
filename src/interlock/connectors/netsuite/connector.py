"""The NetSuite connector: what cannot be declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Found,
    Page,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.kit import Window
from interlock.connectors.netsuite.check import Inspection
from interlock.connectors.netsuite.client import Client
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.directory import Directory
from interlock.connectors.netsuite.objects import capabilities, object_maps
from interlock.connectors.netsuite.reading import Reader, any_of, moment, quoted, stamp
from interlock.connectors.netsuite.writing import Writer
from interlock.model import Fields, Presence, Record

__all__ = ["NetSuiteConnector"]

_MODIFIED: Final = "SYS_EXTRACT_UTC(t.lastmodifieddate)"
_TELLING: Final = {
    "sku": "t.itemid", "tax_id": "", "email": "t.email", "name": "", "website": "t.url",
}  # fmt: skip
"""Model fields a like record is looked up by, and their columns where they are always the same."""
_FOUND: Final = 200
_REFERENCES: Final = 200
_DELETED: Final = {
    "customer": ("customer",), "contact": ("contact",), "order": ("salesorder", "salesord"),
    "invoice": ("invoice", "creditmemo", "custinvc", "custcred"),
    "product": ("inventoryitem", "noninventorysaleitem", "servicesaleitem", "item"),
}  # fmt: skip
"""How the log of deletions may name what an entity is made of."""
_BOOKED: Final = "'CustInvc', 'CustCred', 'CustPymt'"
"""What moves a customer's balance without touching the customer."""
_MADE_OF: Final = {"order": "'CustInvc', 'ItemShip'", "invoice": "'CustPymt', 'CustCred'"}
"""What moves an order's status, or what is open of an invoice."""


class NetSuiteConnector(Connector):
    """Customers, contacts, items, sales orders and invoices of one subsidiary."""

    def __init__(self, settings: NetSuiteSettings, context: ConnectorContext) -> None:
        self._settings = settings
        self._maps = {
            entity: mapping.with_overrides(context.overrides).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in mapping.fields))
            )
            for entity, mapping in object_maps(settings).items()
        }
        self.capabilities = capabilities(self._maps, settings)
        self._delay = timedelta(seconds=max(settings.commit_delay, settings.read_lag))
        self._client = Client(context.connection, settings, context.clock, context.budget)
        self._directory = Directory(self._client, settings.currency)
        self._reader = Reader(self._client, self._maps, settings, self._directory)
        self._writer = Writer(self._client, self._maps, self._reader, self._directory, settings)

    async def close(self) -> None:
        """Give the sockets back."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at the sign-in, the clock, the currency, each entity's fields, and our beliefs."""
        return await Inspection(self._client, self._reader, self._maps, self._settings).run()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all records in the order of their ids; ids never change, so no row is missed."""
        size = self._settings.page_size
        after = [f"t.id > {int(cursor)}"] if cursor else []
        records = await self._reader.select(entity, after, limit=size)
        more = len(records) == size
        return Page(records=records, cursor=records[-1].id if more else "", more=more)

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what changed in the order of the stamps, then what was deleted or owes otherwise."""
        now = await self._client.server_time()
        window = Window.load(cursor, now=now, delay=self._delay).begin(now)
        where = f"{_MODIFIED} >= {moment(window.since)}"
        if window.at_modified is not None and window.at_id is not None:
            at = moment(window.at_modified)
            where = f"{_MODIFIED} > {at} OR ({_MODIFIED} = {at} AND t.id > {int(window.at_id)})"
        size = self._settings.page_size
        records = await self._reader.select(entity, [where], order=f"{_MODIFIED}, t.id", limit=size)
        if len(records) == size:
            last = records[-1]
            assert last.modified is not None, "every record has its stamp"
            after = window.after(last.modified, last.id)
            return Page(records=records, cursor=after.save(), more=True)
        records += await self._also_moved(entity, window.since, {r.id for r in records})
        records += await self._deleted(entity, window.since)
        return Page(records=records, cursor=window.finish(self._delay).save(), more=False)

    async def _also_moved(self, entity: str, since: datetime, known: set[str]) -> list[Record]:
        """Read what other transactions moved: they need not touch its own stamp."""
        moved = f"{_MODIFIED} >= {moment(since)}"
        shown = {f.field for f in self._maps[entity].fields}
        if entity == "customer" and shown & {"balance", "credit_hold", "hold_reason"}:
            column = "t.entity"
            source = f"transaction t WHERE t.type IN ({_BOOKED}) AND {moved}"
        elif entity in _MADE_OF:
            column = "k.previousdoc"
            source = (
                "nexttransactionlinelink k INNER JOIN transaction t ON t.id = k.nextdoc WHERE "
                f"t.type IN ({_MADE_OF[entity]}) AND {moved}"
            )
        else:
            return []
        rows = await self._client.rows(
            f"SELECT DISTINCT {column} AS id FROM {source} ORDER BY {column}"
        )
        ids = {str(row["id"]) for row in rows if row.get("id")} - known
        return await self._reader.by_id(entity, sorted(ids, key=int))

    async def _deleted(self, entity: str, since: datetime) -> list[Record]:
        if not self._settings.deletions:
            return []
        rows = await self._client.rows(
            "SELECT d.recordid, d.type, TO_CHAR(SYS_EXTRACT_UTC(d.deleteddate), "
            '\'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS stamp FROM deletedrecord d WHERE '
            f"SYS_EXTRACT_UTC(d.deleteddate) >= {moment(since)} ORDER BY d.deleteddate, d.recordid"
        )
        return [
            Record(entity=entity, id=str(row["recordid"]), fields={}, version=str(row["stamp"]),
                   modified=stamp(row["stamp"]), presence=Presence.GONE)
            for row in rows
            if str(row.get("type")).lower().replace(" ", "") in _DELETED[entity]
        ]  # fmt: skip

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id; a deleted one is left out."""
        return await self._reader.by_id(entity, ids)

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references."""
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"Interlock keeps no reference on a {entity} in NetSuite")
        found: dict[str, list[Found]] = {}
        for start in range(0, len(references), _REFERENCES):
            part = any_of("t.externalid", references[start : start + _REFERENCES])
            for record in await self._reader.select(entity, [part]):
                found.setdefault(record.reference or "", []).append(Found(record=record))
        return found

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Ask for records with the same name, e-mail, website, tax id or SKU, in any case."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"no {entity} is looked up in NetSuite")
        asked = []
        for item in self._maps[entity].fields:
            value = probe.get(item.field)
            if item.field in _TELLING and isinstance(value, str) and value:
                asked.append(_like(item.field, item.path, value))
        if not asked:
            return []
        return await self._reader.select(entity, [" OR ".join(asked)], limit=_FOUND)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write a batch, one call a record and as many at once as there are slots for us."""
        able = self.capabilities.entities[entity]
        for request in writes:
            if not (able.create if request.kind is WriteKind.CREATE else able.update):
                raise NotImplementedError(f"no {entity} is {request.kind}d in NetSuite")
        return await self._writer.write(entity, writes) if writes else []


def _like(field: str, path: str, value: str) -> str:
    """Make the condition that a field has a value, in any case."""
    if field == "name" and path.startswith("@"):
        first, _, last = " ".join(value.split()).rpartition(" ")
        parts = [f"LOWER(t.lastname) = {quoted(last.lower())}"]
        parts.append(f"LOWER(t.firstname) = {quoted(first.lower())}" if first
                     else "t.firstname IS NULL")  # fmt: skip
        return f"({' AND '.join(parts)})"
    column = _TELLING[field] or f"t.{path.lower()}"
    if field != "website":
        return f"LOWER({column}) = {quoted(value.lower())}"
    bare = value.lower().rpartition("://")[2].rstrip("/").removeprefix("www.")
    spelt = [f"{scheme}{www}{bare}{slash}" for scheme in ("", "https://", "http://")
             for www in ("", "www.") for slash in ("", "/")]  # fmt: skip
    return any_of(f"LOWER({column})", spelt)
