"""The BottleCRM connector: what cannot be declared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

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
from interlock.connectors.bottlecrm.check import Inspection
from interlock.connectors.bottlecrm.client import Client, is_absent, is_id
from interlock.connectors.bottlecrm.codecs import PersonName
from interlock.connectors.bottlecrm.config import BottleCrmSettings
from interlock.connectors.bottlecrm.objects import MAPS, capabilities
from interlock.connectors.bottlecrm.organization import Definitions, OrganizationReader
from interlock.connectors.bottlecrm.paging import ListReader
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES
from interlock.connectors.bottlecrm.rows import decode
from interlock.connectors.bottlecrm.writing import Writer, settle
from interlock.errors import ConnectorError, TransientError
from interlock.model import Fields, Record

__all__ = ["BottleCrmConnector"]

T = TypeVar("T")
R = TypeVar("R")

_PRODUCTS = RESOURCES["product"].path


class BottleCrmConnector(Connector):
    """Accounts, contacts, products, opportunities, estimates and our tasks of one organization."""

    def __init__(self, settings: BottleCrmSettings, context: ConnectorContext) -> None:
        self._maps = {
            entity: mapping.with_overrides(context.overrides).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in mapping.fields))
            )
            for entity, mapping in MAPS.items()
        }
        self.capabilities = capabilities(self._maps, settings.page_size, settings.settle_time)
        self._client = Client(context.connection, settings, context.clock, context.budget)
        self._organization = OrganizationReader(self._client, context)
        self._definitions = Definitions(self._client, self._maps, context.other)
        self._writer = Writer(
            self._client, self._maps, self._organization, self._read, self._products, self._made
        )
        self._limit = asyncio.Semaphore(settings.concurrency)
        self._page_size = settings.page_size
        self._sweeps = {entity: self._reader(entity) for entity in RESOURCES}

    async def close(self) -> None:
        """Give the sockets back."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at the token, its scopes, the custom fields, the clock and the database's filter."""
        return await Inspection(
            self._client, self._organization, self._maps, self.capabilities
        ).run()

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Create the custom fields the maps use."""
        done = await self._definitions.provision(dry_run=dry_run)
        await self._organization.read(afresh=True)
        return done

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Deactivate the custom fields ``provision`` made."""
        done = await self._definitions.deprovision(dry_run=dry_run)
        await self._organization.read(afresh=True)
        return done

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read the whole list; deals come with their lines, quotes without."""
        rows, position = await self._sweeps[entity].read(cursor)
        return Page(
            records=await self._decoded(entity, rows),
            cursor="" if position is None else position.save(),
            more=position is not None,
        )

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records one by one, a few at a time."""
        found = await self._each(dict.fromkeys(ids), lambda one: self._read(entity, one))
        return [record for record in found if record is not None]

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references: filtered by the server or, on SQLite, by reading the list."""
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"BottleCRM keeps no reference on a {entity}")
        try:
            rows = [row for reference in references
                    for row in await self._rows_with(entity, REFERENCE_KEY, reference)]  # fmt: skip
        except TransientError as error:
            if error.code != "server_error":
                raise
            rows = await self._everything(entity)
        wanted, found = set(references), dict[str, list[Found]]()
        if RESOURCES[entity].bare:
            records = await self.fetch(entity, [str(row["id"]) for row in rows])
        else:
            records = await self._decoded(entity, rows)
        for record in records:
            if record.reference in wanted:
                found.setdefault(record.reference or "", []).append(Found(record=record))
        return found

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Ask for records like these by name, e-mail, phone, website, tax id or SKU."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"no {entity} is looked up in BottleCRM")
        if entity == "product":
            asked = {key: str(probe[key]) for key in ("sku", "name") if probe.get(key)}
            found = [p for key, text in asked.items() for p in await self._products(key, text)]
            return list({record.id: record for record in found}.values())
        ids = await self._similar(entity, probe)
        if entity == "customer":
            ids |= await self._same_tax_id(probe)
        return await self.fetch(entity, sorted(ids))

    async def _similar(self, entity: str, probe: Fields) -> set[str]:
        """Ask BottleCRM's own duplicate search, which knows spellings of names and websites."""
        names = ("name", "email", "phone", "website")
        asked = {name: str(probe[name]) for name in names if probe.get(name)}
        if entity == "contact" and "name" in asked:
            asked |= PersonName().encode(asked.pop("name"))
        if not asked:
            return set()
        answer = await self._client.ask(f"{RESOURCES[entity].path}duplicates/", asked)
        return {str(row["id"]) for row in answer["duplicates"]}

    async def _same_tax_id(self, probe: Fields) -> set[str]:
        item = next((f for f in self._maps["customer"].fields if f.field == "tax_id"), None)
        if item is None or not probe.get("tax_id"):
            return set()
        key = item.path.removeprefix("custom_fields.")
        try:
            rows = await self._rows_with("customer", key, str(probe["tax_id"]))
        except TransientError as error:
            if error.code != "server_error":
                raise
            return set()  # SQLite cannot filter; name, e-mail and website still match
        return {str(row["id"]) for row in rows}

    async def _rows_with(self, entity: str, key: str, value: str) -> list[Mapping[str, Any]]:
        resource = RESOURCES[entity]
        least = resource.passes[0] if resource.bare else {}
        answer = await self._client.get(resource.path, {f"cf_{key}": value, "limit": 20, **least})
        return resource.rows_of(answer.data)

    async def _everything(self, entity: str) -> list[Mapping[str, Any]]:
        reader, rows, cursor = self._reader(entity), list[Mapping[str, Any]](), None
        while True:
            page, position = await reader.read(cursor)
            rows += page
            if position is None:
                return rows
            cursor = position.save()

    async def _read(self, entity: str, record_id: str) -> Record | None:
        resource = RESOURCES[entity]
        if not is_id(record_id):
            return None  # the server would answer with the page for an unknown address
        answer = await self._client.get(f"{resource.path}{record_id}/")
        if is_absent(answer):
            return None
        row = answer.data[resource.one] if resource.one else answer.data
        if entity == "quote":
            row = await self._with_skus(row)
        return (await self._decoded(entity, [row]))[0]

    async def _made(self, entity: str, reference: str) -> Record | None:
        """Find what a create made whose answer does not say."""
        found = (await self.find(entity, [reference])).get(reference, ())
        return found[0].record if found else None

    async def _with_skus(self, estimate: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add each line's SKU: an estimate's lines name their product by id only."""
        ids = {item["product"] for item in estimate["line_items"] if item.get("product")}
        answers = [await self._client.get(f"{_PRODUCTS}{one}/") for one in sorted(ids)]
        products = {a.data["id"]: a.data for a in answers if not is_absent(a)}
        lines = [{**item, "product": products.get(item["product"], item["product"])}
                 for item in estimate["line_items"]]  # fmt: skip
        return {**estimate, "line_items": lines}

    async def _products(self, key: str, text: str) -> Sequence[Record]:
        """List the products with exactly this SKU or name; the server's search is a loose one."""
        answer = await self._client.get(_PRODUCTS, {"search": text, "limit": 1000})
        rows = [row for row in RESOURCES["product"].rows_of(answer.data) if row.get(key) == text]
        return await self._decoded("product", rows)

    async def _decoded(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        organization = await self._organization.read()
        return [decode(entity, row, organization, self._maps[entity]) for row in rows]

    def _reader(self, entity: str) -> ListReader:
        resource = RESOURCES[entity]

        async def fetch(query: Mapping[str, str | int]) -> Mapping[str, Any]:
            answer = await self._client.get(resource.path, query)
            data: Mapping[str, Any] = answer.data
            return data

        return ListReader(resource, self._page_size, fetch)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write records one by one, a few at a time."""
        able = self.capabilities.entities[entity]
        for request in writes:
            if not (able.create if request.kind is WriteKind.CREATE else able.update):
                raise NotImplementedError(f"no {entity} is {request.kind}d in BottleCRM")

        async def attempt(request: WriteRequest) -> Receipt | ConnectorError:
            try:
                return await self._writer.write(entity, request)
            except ConnectorError as error:
                return error

        return settle(writes, await self._each(writes, attempt))

    async def _each(self, items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
        async def one(item: T) -> R:
            async with self._limit:
                return await work(item)

        return await asyncio.gather(*(one(item) for item in items))
