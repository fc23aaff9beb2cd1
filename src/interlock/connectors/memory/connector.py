"""The connector of the memory systems: the reference implementation of ``connectors.base``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Finding,
    Found,
    Hint,
    Outcome,
    Page,
    Provisioned,
    Receipt,
    Refusal,
    Severity,
    Webhook,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.kit.windows import Window
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.client import Client
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.facts import REFERENCE, capabilities, maps
from interlock.connectors.memory.objects import ERP_MAPS
from interlock.connectors.memory.storage import Row, State
from interlock.connectors.memory.tables import CRM_TABLES, ERP_TABLES
from interlock.connectors.memory.webhooks import hints
from interlock.connectors.memory.writing import Batch
from interlock.errors import InterlockError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Asked, Fields, Money, Offer, Presence, Record, price_of

__all__ = ["MemoryConnector"]

_PRESENCE = {
    State.LIVE: Presence.PRESENT,
    State.ARCHIVED: Presence.ARCHIVED,
    State.MERGED: Presence.MERGED,
    State.DELETED: Presence.GONE,
}
_PROBED = ("tax_id", "name", "email", "website", "sku")


@dataclass(frozen=True, slots=True)
class Reader:
    """Which columns of an entity are asked for and how they become a record."""

    map: ObjectMap
    reference: str
    columns: tuple[str, ...]
    versions: str

    def record(self, row: Row) -> Record:
        """Decode a row."""
        problems: dict[str, str] = {}
        alive = row.state in (State.LIVE, State.ARCHIVED)
        return Record(
            entity=row.entity,
            id=row.id,
            fields=self.map.decode(row.cells, problems) if alive else {},
            version=self._version(row),
            modified=row.modified,
            presence=_PRESENCE[row.state],
            merged_into=row.merged_into,
            reference=row.cells.get(self.reference) or None,
            problems=problems or None,
        )

    def _version(self, row: Row) -> str | None:
        match self.versions:
            case "counted":
                return f"{row.version:08d}"
            case "seconds":
                return row.modified.isoformat(timespec="seconds")
            case _:
                return None


class MemoryConnector(Connector):
    """A connection to a memory CRM or ERP."""

    def __init__(self, kind: str, settings: MemorySettings, context: ConnectorContext) -> None:
        self.capabilities = capabilities(kind, settings, context.overrides)
        self._kind = kind
        self._settings = settings
        self._clock = context.clock
        self._client = Client(settings, kind, context.clock, context.budget)
        self._readers = {
            entity: _reader(kind, entity, item, context, settings.versions)
            for entity, item in maps(kind, settings, context.overrides).items()
        }

    async def close(self) -> None:
        """Close the file, if the company is kept in one."""
        self._client.close()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read by number, so that records coming and going shift no page."""
        reader, size = self._readers[entity], self._settings.page_size
        after = int(cursor) if cursor else 0
        rows = await self._client.call(
            f"sweep {entity}", MemoryApi.listed, entity, reader.columns, after=after, limit=size
        )
        more = len(rows) == size
        return Page(records=[reader.record(row) for row in rows],
                    cursor=str(rows[-1].number) if more else "", more=more)  # fmt: skip

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read by (change time, id) from the last round's start less the commit delay."""
        declared = self.capabilities.entities[entity]
        if not declared.changes:
            raise NotImplementedError(f"{entity} has no changes feed")
        reader, size, name = self._readers[entity], self._settings.page_size, f"changes {entity}"
        # a sweep may not show yet what changed within the read lag before it
        delay, now = max(declared.commit_delay, declared.read_lag), self._clock()
        if cursor is None or Window.load(cursor, now=now, delay=delay).started is None:
            now = await self._client.call(name, MemoryApi.server_time)
        window = Window.load(cursor, now=now, delay=delay).begin(now)
        after = None
        if window.at_modified is not None and window.at_id is not None:
            after = (window.at_modified, window.at_id)
        rows = await self._client.call(
            name, MemoryApi.changed, entity, reader.columns,
            since=window.since, after=after, limit=size,
        )  # fmt: skip
        more = len(rows) == size
        if more:
            window = window.after(rows[-1].modified, rows[-1].id)
        else:
            window = window.finish(delay)
        return Page(records=[reader.record(row) for row in rows], cursor=window.save(), more=more)

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read by id; a merged record comes as such, a deleted one not at all."""
        reader, size = self._readers[entity], self._settings.page_size
        records: list[Record] = []
        for start in range(0, len(ids), size):
            part = ids[start : start + size]
            rows = await self._client.call(
                f"fetch {entity}", MemoryApi.fetched, entity, reader.columns, part
            )
            records += [reader.record(row) for row in rows]
        return records

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Search our keys; an order without lines is a create that was broken off."""
        reader = self._readers[entity]
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"{entity} keeps no reference")
        rows = await self._client.call(
            f"find {entity}", MemoryApi.searched, entity, reader.columns, reader.reference,
            references,
        )  # fmt: skip
        found: dict[str, list[Found]] = {}
        for row in rows:
            record = reader.record(row)
            if record.reference is not None and record.reference in references:
                whole = "lines" not in record.fields or record.fields["lines"] is not None
                complete = entity != "order" or whole
                found.setdefault(record.reference, []).append(
                    Found(record=record, complete=complete)
                )
        return found

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Search each telling field for the very same text, in any case."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"{entity} cannot be looked up")
        reader = self._readers[entity]
        found: dict[str, Record] = {}
        for item in reader.map.fields:
            value = probe.get(item.field)
            if item.field not in _PROBED or not isinstance(value, str):
                continue
            texts = _spellings(value) if item.field == "website" else [value]
            rows = await self._client.call(
                f"lookup {entity}", MemoryApi.searched, entity, reader.columns, item.path, texts
            )
            found.update((row.id, reader.record(row)) for row in rows)
        return list(found.values())

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        """Read list prices and price lists now, and choose as the system does on its orders."""
        if not self.capabilities.prices:
            raise NotImplementedError("this system has no prices")
        ids = list(dict.fromkeys(each.product for each in asked))
        items = {row.id: row for row in await self._read("product", ids, ("list_price",))}
        buyer = await self._read("customer", [customer] if customer else [], ("price_list",))
        named = buyer[0].cells.get("price_list") if buyer else None
        columns = tuple(dict.fromkeys(ERP_MAPS["price"].paths))
        rows = await self._client.call(
            "prices", MemoryApi.searched, "price", columns, "item_id", ids
        )
        listed: dict[str, list[Fields]] = {}
        for row in rows:
            if row.state is State.LIVE:
                listed.setdefault(row.cells["item_id"], []).append(
                    ERP_MAPS["price"].decode(row.cells)
                )
        return [
            price_of(
                listed.get(each.product, ()),
                _list_price(items.get(each.product)),
                customer=customer, price_list=named or None, quantity=each.quantity,
                currency=currency, on=on,
            )
            for each in asked
        ]  # fmt: skip

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        """Believe what is signed with the secret of the settings."""
        if not self.capabilities.webhooks:
            raise NotImplementedError(self.capabilities.webhooks.note)
        secret = self._settings.webhook_secret.get_secret_value()
        return hints(webhook, secret, frozenset(self._readers))

    async def _read(self, entity: str, ids: Sequence[str], columns: tuple[str, ...]) -> list[Row]:
        if not ids:
            return []
        return await self._client.call(f"prices {entity}", MemoryApi.fetched, entity, columns, ids)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write in batches of the declared size."""
        declared = self.capabilities.entities[entity]
        for kind, able in (
            (WriteKind.CREATE, declared.create),
            (WriteKind.UPDATE, declared.update),
        ):
            if not able and any(write.kind is kind for write in writes):
                raise NotImplementedError(f"{entity}: {kind} is {able.level}")
        reader = self._readers[entity]
        batch = Batch(entity, writes, reader.map, reader.reference,
                      check_versions=bool(declared.version_check))  # fmt: skip
        if not declared.version_check:
            batch.compare(await self.fetch(entity, batch.compared_ids()))
        for ops in batch.parts(self._settings.batch_size):
            try:
                answers = await self._client.call(
                    f"write {entity}", MemoryApi.write, entity, reader.columns,
                    [op for _, op in ops],
                )  # fmt: skip
            except InterlockError as error:
                if not batch.failed(ops, error):
                    raise
                break
            records = self._settings.answers_with_values
            batch.answered(ops, answers, reader.record if records else None)
        return batch.receipts()

    async def resume(self, entity: str, write: WriteRequest, found: Found) -> Receipt:
        """Give an order its lines."""
        if entity != "order":
            raise NotImplementedError(f"a {entity} is created in one step")
        lines = WriteRequest(
            id=write.id, entity=entity, kind=WriteKind.UPDATE, record_id=found.record.id,
            version=found.record.version, fields={"lines": write.fields.get("lines")},
        )  # fmt: skip
        [receipt] = await self.write(entity, [lines])
        if receipt.outcome.succeeded:
            return Receipt(write_id=write.id, outcome=Outcome.CREATED, record_id=found.record.id,
                           record=receipt.record)  # fmt: skip
        return receipt

    # ── about the connection ─────────────────────────────────────────────────────────────────

    async def check(self) -> CheckReport:
        """Try the token, compare the columns there are with those that are needed."""
        findings: list[Finding] = []
        unreadable: dict[str, frozenset[str]] = {}
        try:
            skew = await self._client.call("check", MemoryApi.server_time) - self._clock()
            for entity, reader in self._readers.items():
                there = await self._client.call("check", MemoryApi.describe, entity)
                missing = frozenset(reader.columns) - there
                fields = {f.field for f in reader.map.fields if f.path.split(".")[0] in missing}
                if fields:
                    unreadable[entity] = frozenset(fields)
                findings += [self._missing(entity, column) for column in sorted(missing)]
        except InterlockError as error:
            return CheckReport(findings=[Finding(
                severity=Severity.ERROR, subject="connection", message=error.message,
                fix=error.fix or "",
            )])  # fmt: skip
        if not findings:
            findings.append(
                Finding(severity=Severity.OK, subject="connection", message="every column is there")
            )
        return CheckReport(findings=findings, clock_skew=skew, unreadable=unreadable,
                           unwritable=unreadable)  # fmt: skip

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Make the columns that hold our keys."""
        return await self._alter("would create", "created", "present", dry_run=dry_run)

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Drop them again, with their values."""
        return await self._alter("would remove", "removed", "absent", dry_run=dry_run, drop=True)

    async def _alter(
        self, planned: str, done: str, already: str, *, dry_run: bool, drop: bool = False
    ) -> list[Provisioned]:
        steps: list[Provisioned] = []
        wrong: list[str] = []
        for entity in self._readers:
            there = await self._client.call("provision", MemoryApi.describe, entity)
            for column in self._custom(entity):
                name = f"{entity}.{column}"
                if (column in there) is not drop:
                    steps.append(Provisioned(subject=name, action=already))
                else:
                    wrong.append(name)
                    steps.append(Provisioned(subject=name, action=planned if dry_run else done))
        if wrong and not dry_run:
            make, drops = ([], wrong) if drop else (wrong, [])
            await self._client.call("provision", MemoryApi.alter, make=make, drop=drops)
        return steps

    def _custom(self, entity: str) -> list[str]:
        table = (CRM_TABLES if self._kind == "crm" else ERP_TABLES)[entity]
        return [column.name for column in table.columns.values() if column.custom]

    def _missing(self, entity: str, column: str) -> Finding:
        if column in self._custom(entity):
            keyed = column == REFERENCE[self._kind]
            return Finding(
                severity=Severity.ERROR if keyed else Severity.WARNING,
                subject=f"{entity}.{column}",
                message="the column for Interlock's key is not there",
                fix="run interlock provision",
            )
        return Finding(
            severity=Severity.WARNING,
            subject=f"{entity}.{column}",
            message="the token has no right to read this column",
            fix="grant it, or take the field out of the ownership map",
        )


def _reader(
    kind: str, entity: str, item: ObjectMap, context: ConnectorContext, versions: str
) -> Reader:
    table = (CRM_TABLES if kind == "crm" else ERP_TABLES)[entity]
    if entity in context.wanted:
        item = item.limited_to(context.wanted[entity])
    reference = REFERENCE[kind] if REFERENCE[kind] in table.columns else ""
    columns = [path.split(".")[0] for path in item.paths]
    columns = list(dict.fromkeys([*columns, *filter(None, [reference])]))
    return Reader(item, reference, tuple(columns), versions)


def _list_price(item: Row | None) -> Money | None:
    if item is None:
        return None
    price = ERP_MAPS["product"].limited_to({"list_price"}).decode(item.cells).get("list_price")
    return price if isinstance(price, Money) else None


def _spellings(website: str) -> list[str]:
    bare = website.rpartition("://")[2].rstrip("/").removeprefix("www.")
    return [f"{scheme}{www}{bare}{slash}" for scheme in ("", "https://", "http://")
            for www in ("", "www.") for slash in ("", "/")]  # fmt: skip
