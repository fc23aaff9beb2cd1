"""The Tryton connector: an ERP with customers, contacts, products, orders and projects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    UNSUPPORTED,
    Capabilities,
    Capability,
    CheckReport,
    Connector,
    ConnectorContext,
    EntityCapabilities,
    Found,
    Level,
    Outcome,
    Page,
    Provisioned,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.tryton import checkup
from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.customers import PartyDesk
from interlock.connectors.tryton.directory import Directory, RefusedError
from interlock.connectors.tryton.objects import NEVER, object_maps
from interlock.connectors.tryton.orders import OrderDesk
from interlock.connectors.tryton.parties import Layout
from interlock.connectors.tryton.prices import PriceDesk
from interlock.connectors.tryton.projects import COMMENT, ProjectDesk
from interlock.connectors.tryton.reading import Reader
from interlock.connectors.tryton.scope import Scope
from interlock.connectors.tryton.writing import deliver, failed, settled
from interlock.errors import ConnectorError
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import Asked, Fields, Offer, OrderStatus, Record

__all__ = ["TrytonConnector"]

_ORDER_LABELS = {
    "Party": "customer", "Invoice Address": "billing_address", "Currency": "currency",
    "Shipment Address": "shipping_address", "Payment Term": "payment_terms", "Product": "lines",
    "Reference": "po_number", "Unit Price": "lines", "Quantity": "lines", "Unit": "lines",
}  # fmt: skip
_PROJECT_LABELS = {"Party": "customer", "Name": "name", "Status": "status"}


class TrytonConnector(Connector):
    """A connection to one company in one Tryton database."""

    def __init__(self, settings: TrytonSettings, context: ConnectorContext) -> None:
        self._settings = settings
        maps = {
            entity: _usable(item.with_overrides(context.overrides)).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in item.fields))
            )
            for entity, item in object_maps(settings).items()
        }
        self.capabilities = _capabilities(settings, maps)
        self._client = TrytonClient(settings, context.clock, context.budget)
        self._directory = Directory(self._client, settings.language, settings.warehouses)
        self._prices = PriceDesk(self._client, self._directory, settings, maps["price"])
        prefix = settings.other_prefix or f"{context.other or 'crm'}:"
        read = {entity: item for entity, item in maps.items() if entity != "price"}
        self._scope = Scope(self._directory, read, settings, prefix)
        self._reader = Reader(self._client, self._directory, self._scope, settings)
        self._parties = PartyDesk(
            self._client, self._directory, self._scope, self._reader, settings
        )
        self._orders = OrderDesk(
            self._client, self._directory, key_field=settings.order_key_field,
            accept_warnings=settings.accept_warnings,
        )  # fmt: skip
        self._projects = ProjectDesk(self._client, self._directory)
        # confirming locks whole tables of Tryton, and SQLite has one writer
        self._writing = asyncio.Lock()

    async def close(self) -> None:
        """Close the sockets."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at login, version, company, modules, rights, lists and the clock."""
        return await checkup.check(self._client, self._directory, self._scope, self._settings)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all records by id."""
        self._known(entity)
        if entity == "price":
            return await self._prices.sweep(cursor)
        return await self._reader.sweep(entity, cursor)

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read changed records, also those of which only an address or the like changed."""
        self._known(entity)
        if not self.capabilities.entities[entity].changes:
            raise NotImplementedError(entity)
        return await self._reader.changes(entity, cursor)

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id."""
        self._known(entity)
        if entity == "price":
            return await self._prices.fetch(ids)
        return await self._reader.fetch(entity, ids)

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Find customers, contacts, orders and projects by our references."""
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(entity)
        return await self._reader.find(entity, references)

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Read what could be the same record."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(entity)
        return await self._reader.lookup(entity, probe)

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        """Ask Tryton what each costs this customer, by its price list if it has one."""
        return await self._prices.offers(customer, asked, currency, on)

    def _known(self, entity: str) -> None:
        if entity not in self.capabilities.entities:
            raise NotImplementedError(entity)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write a batch, one at a time with other batches of this connection."""
        self._known(entity)
        if not writes:
            return []
        if entity in ("product", "price", "invoice"):
            raise NotImplementedError(entity)
        async with self._writing:
            if entity == "order":
                return await _one_by_one(
                    writes, self._create_order, self._update_order, _ORDER_LABELS
                )
            if entity == "project":
                return await _one_by_one(
                    writes, self._create_project, self._update_project, _PROJECT_LABELS
                )
            return await self._parties.write(entity, writes)

    async def _create_order(self, write: WriteRequest) -> Receipt:
        raw = self._scope.maps["order"].encode(write.fields)
        made = await self._orders.create(raw, await self._scope.layout(), write.reference)
        return await self._receipt("order", write, Outcome.CREATED, made)

    async def _update_order(self, write: WriteRequest) -> Receipt:
        layout, orders = await self._scope.layout(), self._scope.maps["order"]
        row, receipt = await self._decided_on("order", write, layout)
        if receipt is not None:
            return receipt
        raw = orders.encode(write.fields)
        values = await self._orders.header_values(raw, row, layout)
        if "lines" in raw:
            values |= await self._orders.other_lines(raw["lines"] or [], row)
        if values:
            await self._client.call(
                "sale.sale",
                "write",
                [row["id"]],
                values,
                writes=True,
                _timestamp={f"sale.sale,{row['id']}": row["_timestamp"]},
            )
        done = bool(values)
        if raw.get("state"):
            done |= await self._orders.bring_to(row["id"], raw["state"])
        outcome = Outcome.UPDATED if done else Outcome.UNCHANGED
        return await self._receipt("order", write, outcome, row["id"])

    async def _create_project(self, write: WriteRequest) -> Receipt:
        raw = self._scope.maps["project"].encode(write.fields)
        made = await self._projects.create(raw, await self._scope.layout(), write.reference)
        return await self._receipt("project", write, Outcome.CREATED, made)

    async def _update_project(self, write: WriteRequest) -> Receipt:
        layout = await self._scope.layout()
        row, receipt = await self._decided_on("project", write, layout)
        if receipt is not None:
            return receipt
        raw = self._scope.maps["project"].encode(write.fields)
        done = await self._projects.update(raw, row, layout)
        outcome = Outcome.UPDATED if done else Outcome.UNCHANGED
        return await self._receipt("project", write, outcome, row["id"])

    async def _decided_on(
        self, entity: str, write: WriteRequest, layout: Layout
    ) -> tuple[Row, Receipt | None]:
        """Read what an update is of, and its receipt when it need or may not be sent."""
        ids = await self._reader.existing(entity, [write.record_id or ""])
        rows: list[Row] = await self._reader.rows(entity, ids)
        if not rows:
            raise RefusedError("not_found", f"there is no {entity} {write.record_id} in Tryton")
        record = self._reader.record(entity, rows[0], layout)
        return rows[0], settled(write, record, self._scope.maps[entity].facts())

    async def _receipt(
        self, entity: str, write: WriteRequest, outcome: Outcome, made: int
    ) -> Receipt:
        shown = await self._parties.shown(entity, [made])
        return Receipt(write_id=write.id, outcome=outcome, record_id=str(made),
                       record=shown.get(str(made)))  # fmt: skip

    # ── provisioning ─────────────────────────────────────────────────────────────────────────

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Make the category and relation types the settings name; our keys need nothing made."""
        return await checkup.provision(
            self._client, self._directory, self._settings, dry_run=dry_run
        )

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Remove nothing: category and relation types are the company's own once in use."""
        del dry_run
        return []


async def _one_by_one(
    writes: Sequence[WriteRequest],
    create: Callable[[WriteRequest], Awaitable[Receipt]],
    update: Callable[[WriteRequest], Awaitable[Receipt]],
    labels: dict[str, str],
) -> list[Receipt]:
    """Write orders or projects: each is a transaction or more of its own."""

    async def send(batch: Sequence[WriteRequest]) -> list[Receipt]:
        (write,) = batch
        try:
            return [await (create if write.kind is WriteKind.CREATE else update)(write)]
        except (CodecError, RefusedError) as error:
            return [failed(write, error, labels)]

    results = await deliver(writes, send, size=1)
    return [
        failed(write, result, labels) if isinstance(result, ConnectorError) else result
        for write, result in zip(writes, results, strict=True)
    ]


def _usable(item: ObjectMap) -> ObjectMap:
    """Drop fields that must never be read; a column of another record can only be read."""
    fields = []
    for one in item.fields:
        if any(set(path.split(".")) & set(NEVER) for path in one.paths):
            continue
        own = "." not in one.path or one.path in _NAMED
        fields.append(
            FieldMap(one.field, one.path, one.codec, one.writable and own, one.required, one.inputs)
        )
    return ObjectMap(item.entity, item.object, tuple(fields))


_NAMED = frozenset({"customer_payment_term.name", "payment_term.name", "currency.code"})


_LEDGER = Capability(Level.NOT_IMPLEMENTED, "invoices are the accountants' own business")


_WORKED_OUT = Capability(
    Level.UNSUPPORTED, "Tryton works prices out by formula, whenever it is asked"
)


def _capabilities(settings: TrytonSettings, maps: Mapping[str, ObjectMap]) -> Capabilities:
    shared: dict[str, Any] = {
        "changes": FULL, "page_size": settings.page_size,
        "settle_time": settings.settle_time, "commit_delay": settings.commit_delay,
    }  # fmt: skip
    written: dict[str, Any] = {
        **shared, "create": FULL, "update": FULL, "find": FULL, "version_check": FULL,
        "answers_with_values": True,
    }  # fmt: skip
    entities: dict[str, EntityCapabilities] = {}
    for entity, item in maps.items():
        if entity == "product":
            entities[entity] = EntityCapabilities(
                **shared, lookup=FULL, create=NOT_IMPLEMENTED, update=NOT_IMPLEMENTED,
                fields=item.facts(),
            )  # fmt: skip
        elif entity == "price":
            entities[entity] = EntityCapabilities(
                changes=_WORKED_OUT, create=_WORKED_OUT, update=_WORKED_OUT,
                page_size=settings.page_size, read_every=timedelta(days=1), fields=item.facts(),
            )  # fmt: skip
        elif entity == "invoice":
            entities[entity] = EntityCapabilities(
                **shared, create=_LEDGER, update=_LEDGER, fields=item.facts()
            )
        elif entity == "order":
            entities[entity] = EntityCapabilities(
                **written, reference=settings.order_key_field, drafts=True, batch_size=10,
                amends=frozenset({OrderStatus.DRAFT}), cancels=frozenset({OrderStatus.DRAFT}),
                lookup=NOT_IMPLEMENTED, fields=item.facts(),
            )  # fmt: skip
        elif entity == "project":
            entities[entity] = EntityCapabilities(
                **written, reference=COMMENT, batch_size=10, lookup=NOT_IMPLEMENTED,
                fields=item.facts(),
            )  # fmt: skip
        else:
            entities[entity] = EntityCapabilities(
                **written, lookup=FULL, reference="identifiers", batch_size=settings.batch_size,
                fields=item.facts(),
            )  # fmt: skip
    return Capabilities(
        entities=entities, prices=FULL,
        deletions=Capability(
            Level.NOT_IMPLEMENTED, "only an administrator may read Tryton's log of deletions"
        ),
        merges=FULL, webhooks=UNSUPPORTED, provision=FULL, never=NEVER,
    )  # fmt: skip
