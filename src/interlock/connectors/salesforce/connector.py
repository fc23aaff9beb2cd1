"""The Salesforce connector: what cannot be declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Found,
    Page,
    Provisioned,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.kit import Window
from interlock.connectors.salesforce.check import Inspection
from interlock.connectors.salesforce.client import Client
from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.connectors.salesforce.objects import REFERENCE_FIELD, capabilities, object_maps
from interlock.connectors.salesforce.provisioning import Provisioner
from interlock.connectors.salesforce.reading import Reader, any_of, is_id, literal, quoted
from interlock.connectors.salesforce.writing import Writer
from interlock.model import Fields, Record

__all__ = ["SalesforceConnector"]

_IDS: Final = 200
"""Ids a query: its address may have 16 kB."""
_TELLING: Final = ("sku", "tax_id", "email", "website", "phone", "name")
"""Model fields a like record is looked up by."""


class SalesforceConnector(Connector):
    """Accounts, contacts, products, opportunities and quotes of one org."""

    def __init__(self, settings: SalesforceSettings, context: ConnectorContext) -> None:
        self._maps = {
            entity: mapping.with_overrides(context.overrides).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in mapping.fields))
            )
            for entity, mapping in object_maps(settings.currency).items()
        }
        self._delay = timedelta(seconds=settings.commit_delay)
        self.capabilities = capabilities(
            self._maps, settings.page_size, settings.settle_time, self._delay
        )
        self._client = Client(context.connection, settings, context.clock, context.budget)
        self._reader = Reader(self._client, self._maps)
        self._writer = Writer(self._client, self._maps, self._reader)
        self._provisioner = Provisioner(self._client, self._maps, self._reader, context.other)
        self._page_size = settings.page_size

    async def close(self) -> None:
        """Give the sockets back."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at the sign-in, the clock, the day's calls, and each object's fields."""
        return await Inspection(self._client, self._reader, self._maps, self.capabilities).run()

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Create the custom fields the maps use, with the rights to them."""
        return await self._provisioner.provision(dry_run=dry_run)

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Delete the custom fields ``provision`` made."""
        return await self._provisioner.deprovision(dry_run=dry_run)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all records in the order of their ids; ids never change, so no row is missed."""
        after = f"WHERE Id > {quoted(cursor)} " if cursor else ""
        rest = f"{after}ORDER BY Id LIMIT {self._page_size}"
        records = await self._reader.select(entity, rest)
        more = len(records) == self._page_size
        return Page(records=records, cursor=records[-1].id if more else "", more=more)

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what changed, was deleted or merged, in the order of the system's stamps."""
        await self._reader.layout(entity)
        now = await self._client.server_time()
        window = Window.load(cursor, now=now, delay=self._delay).begin(now)
        where = f"SystemModstamp >= {literal(window.since)}"
        if window.at_modified is not None and window.at_id is not None:
            at = literal(window.at_modified)
            where = (
                f"SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {quoted(window.at_id)})"
            )
        rest = f"WHERE {where} ORDER BY SystemModstamp, Id LIMIT {self._page_size}"
        records = await self._reader.select(entity, rest, deleted=True)
        if len(records) < self._page_size:
            return Page(records=records, cursor=window.finish(self._delay).save(), more=False)
        last = records[-1]
        assert last.modified is not None, "every record has its stamps"
        return Page(records=records, cursor=window.after(last.modified, last.id).save(), more=True)

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id; those in the recycle bin come as gone or merged."""
        asked = [one for one in dict.fromkeys(ids) if is_id(one)]
        records: list[Record] = []
        for start in range(0, len(asked), _IDS):
            part = any_of("Id", asked[start : start + _IDS])
            records += await self._reader.select(entity, f"WHERE {part}", deleted=True)
        return records

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references."""
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"Interlock keeps no reference on a {entity} in Salesforce")
        found: dict[str, list[Found]] = {}
        for start in range(0, len(references), _IDS):
            part = any_of(REFERENCE_FIELD, references[start : start + _IDS])
            for record in await self._reader.select(entity, f"WHERE {part}"):
                found.setdefault(record.reference or "", []).append(Found(record=record))
        return found

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Ask for records with the same name, e-mail, phone, website, tax id or SKU."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"no {entity} is looked up in Salesforce")
        layout = await self._reader.layout(entity)
        asked = []
        for item in self._maps[entity].fields:
            # a person's name is kept in two fields and searched in a third
            column = "Name" if item.path.startswith("@") else item.path
            value = probe.get(item.field)
            if item.field in _TELLING and value and column in layout.readable:
                asked.append(f"{column} = {quoted(str(value))}")
        if not asked:
            return []
        return await self._reader.select(entity, f"WHERE {' OR '.join(asked)} LIMIT 200")

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write a batch: 200 creates or 25 updates a call."""
        able = self.capabilities.entities[entity]
        for request in writes:
            if not (able.create if request.kind is WriteKind.CREATE else able.update):
                raise NotImplementedError(f"no {entity} is {request.kind}d in Salesforce")
        return await self._writer.write(entity, writes) if writes else []
