"""The QuickBooks connector: what cannot be declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Found,
    Hint,
    Page,
    Receipt,
    Refusal,
    Webhook,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.quickbooks.check import Inspection
from interlock.connectors.quickbooks.client import Client
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.connectors.quickbooks.feeds import Feeds
from interlock.connectors.quickbooks.objects import capabilities, object_maps, sources
from interlock.connectors.quickbooks.reading import Reader, literal, quoted
from interlock.connectors.quickbooks.webhooks import SCHEME, read_hints
from interlock.connectors.quickbooks.writing import Writer
from interlock.model import Fields, Record

__all__ = ["QuickBooksConnector"]

_TELLING = {"customer": {"name": "DisplayName"}, "product": {"sku": "Sku", "name": "Name"}}
"""What a like record is looked up by: entity -> model field -> property that can be asked for."""


class QuickBooksConnector(Connector):
    """Customers, items, estimates and invoices of one company."""

    def __init__(self, settings: QuickBooksSettings, context: ConnectorContext) -> None:
        self._settings = settings
        self._maps = {
            entity: mapping.with_overrides(context.overrides).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in mapping.fields))
            )
            for entity, mapping in object_maps(settings).items()
        }
        self._sources = sources(settings.order_as)
        self._delay = timedelta(seconds=settings.commit_delay)
        self.capabilities = capabilities(self._maps, settings)
        self._client = Client(
            context.connection, settings, context.secrets, context.clock, context.budget
        )
        self._reader = Reader(
            self._client, self._maps, self._sources, home=settings.currency,
            named=settings.named_fields,
        )  # fmt: skip
        self._feeds = Feeds(
            self._client, self._reader, self._sources, page_size=settings.page_size,
            delay=self._delay,
        )  # fmt: skip
        self._writer = Writer(self._client, self._maps, self._reader, self.capabilities.entities)
        self._carried: dict[str, tuple[datetime, dict[str, set[str]]]] = {}

    async def close(self) -> None:
        """Give the sockets back."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at the sign-in, the clock, the company's preferences, and each object."""
        return await Inspection(self._client, self._reader, self._settings, self._sources).run()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all records in the order of their ids."""
        return await self._feeds.sweep(entity, cursor)

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what changed, and which documents were deleted."""
        return await self._feeds.changes(entity, cursor)

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id; deleted ones are not there any more."""
        return await self._reader.fetch(entity, ids)

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references.

        Notes cannot be searched: all of them are read once, and then those that changed since.
        """
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"Interlock keeps no reference on a {entity} in QuickBooks")
        if not references:
            return {}
        (source,) = self._sources[entity]
        now = await self._client.server_time()
        since, carried = self._carried.get(entity, (None, {}))
        where = [] if since is None else [
            f"MetaData.LastUpdatedTime >= {quoted(literal(since))}"
        ]  # fmt: skip
        for reference, key in await self._reader.references(source, where):
            carried.setdefault(reference, set()).add(key)
        self._carried[entity] = (now - self._delay, carried)
        ids = sorted({key for one in references for key in carried.get(one, ())}, key=int)
        found: dict[str, list[Found]] = {}
        for record in await self._reader.fetch(entity, ids):
            if record.reference in references:
                found.setdefault(record.reference or "", []).append(Found(record=record))
        return found

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Ask for customers of the same name, and items of the same SKU or name."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"no {entity} is looked up in QuickBooks")
        (source,) = self._sources[entity]
        records: dict[str, Record] = {}
        for name, column in _TELLING[entity].items():
            if probe.get(name):
                where = [f"{column} = {quoted(str(probe[name]))}"]
                rows = await self._reader.select(entity, source, where, "MAXRESULTS 100")
                for record in await self._reader.records(entity, source, rows):
                    records[record.id] = record
        return list(records.values())

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        """Prove a webhook by its signature and read which records it is about."""
        if self._settings.webhook_token is None:
            raise NotImplementedError("the connection has no webhook_token")
        refusal = SCHEME.refusal(webhook, self._settings.webhook_token.get_secret_value())
        return refusal or read_hints(webhook, self._settings.realm_id, self._settings.order_as)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write customers thirty a call, and documents one by one."""
        able = self.capabilities.entities[entity]
        for request in writes:
            if not (able.create if request.kind is WriteKind.CREATE else able.update):
                raise NotImplementedError(f"no {entity} is {request.kind}d in QuickBooks")
        if not writes:
            return []
        (source,) = self._sources[entity]
        return await self._writer.write(entity, source, writes)
