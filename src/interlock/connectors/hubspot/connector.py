"""The HubSpot connector: what cannot be declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Found,
    Hint,
    Page,
    Provisioned,
    Receipt,
    Refusal,
    Webhook,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.hubspot.changes import Feed
from interlock.connectors.hubspot.check import Inspection
from interlock.connectors.hubspot.client import Client, parts
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.custom import REFERENCE
from interlock.connectors.hubspot.objects import capabilities, object_maps
from interlock.connectors.hubspot.provisioning import Provisioner
from interlock.connectors.hubspot.reading import MERGED, Reader, Row
from interlock.connectors.hubspot.webhooks import hints
from interlock.connectors.hubspot.writing import Writer
from interlock.connectors.kit import Window
from interlock.model import Fields, Presence, Record

__all__ = ["HubSpotConnector"]

_LIST: Final = 100
"""Records a page of a list may have."""
_TELLING: Final = ("sku", "email", "tax_id", "website", "name", "phone")
"""Model fields a like record is looked up by; a search takes five groups of conditions."""
_GROUPS: Final = 5
_LIVE, _ARCHIVED = "live", "archived"


class HubSpotConnector(Connector):
    """Companies, contacts, products, deals, quotes and our own tasks of one portal."""

    def __init__(self, settings: HubSpotSettings, context: ConnectorContext) -> None:
        self._maps = {
            entity: mapping.with_overrides(context.overrides).limited_to(
                context.wanted.get(entity, frozenset(f.field for f in mapping.fields))
            )
            for entity, mapping in object_maps(settings.currency).items()
        }
        self._settings = settings
        self._delay = timedelta(seconds=settings.index_lag)
        self.capabilities = capabilities(self._maps, settings)
        self._client = Client(context.connection, settings, context.clock, context.budget)
        self._reader = Reader(self._client, self._maps)
        self._feed = Feed(self._reader, settings.page_size)
        self._writer = Writer(self._client, self._maps, self._reader)
        self._provisioner = Provisioner(self._client, self._maps, self._reader, context.other)

    async def close(self) -> None:
        """Give the sockets back."""
        await self._client.close()

    async def check(self) -> CheckReport:
        """Look at the key, the clock, the day's calls, and each type's properties."""
        return await Inspection(
            self._client, self._reader, self._maps, self.capabilities, self._settings
        ).run()

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Create the custom properties the maps use."""
        return await self._provisioner.provision(dry_run=dry_run)

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Archive the custom properties ``provision`` made."""
        return await self._provisioner.deprovision(dry_run=dry_run)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """List all records in the order of their ids, then the archived ones, which are gone."""
        if entity == "task":
            return await self._our_tasks(cursor)
        part, _, after = (cursor or f"{_LIVE}:").partition(":")
        limit = min(self._settings.page_size, _LIST)
        rows, following = await self._reader.page(
            entity, after, archived=part == _ARCHIVED, limit=limit
        )
        if part == _ARCHIVED:
            more = following is not None
            return Page(records=_gone(entity, rows), cursor=f"{part}:{following or ''}", more=more)
        records = [*await self._reader.records(entity, rows), *self._reader.merged(entity, rows)]
        go_on = f"{part}:{following}" if following is not None else f"{_ARCHIVED}:"
        return Page(records=records, cursor=go_on, more=True)

    async def _our_tasks(self, cursor: str | None) -> Page:
        """Read the tasks that carry our reference, by search: other people's are not asked for."""
        conditions: list[dict[str, Any]] = [{"propertyName": REFERENCE, "operator": "HAS_PROPERTY"}]
        if cursor:
            conditions.append({"propertyName": "hs_object_id", "operator": "GT", "value": cursor})
        size = self._settings.page_size
        rows = await self._reader.search("task", [conditions], "hs_object_id", size)
        more = len(rows) == size
        records = await self._reader.records("task", rows)
        return Page(records=records, cursor=rows[-1]["id"] if more else "", more=more)

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what was changed or merged, in the order of the system's stamps."""
        if not self.capabilities.entities[entity].changes:
            raise NotImplementedError(self.capabilities.entities[entity].changes.note)
        now = await self._client.server_time()
        window = Window.load(cursor, now=now, delay=self._delay).begin(now)
        rows, following = await self._feed.page(entity, window)
        mapping = self._maps[entity]
        if window.at_modified is None and "@lines" in mapping.paths:
            known = {row["id"] for row in rows}
            more = await self._feed.with_changed_lines(entity, mapping.object, window.since)
            rows += [row for row in more if row["id"] not in known]
        records = [*await self._reader.records(entity, rows), *self._reader.merged(entity, rows)]
        if following is None:
            return Page(records=records, cursor=window.finish(self._delay).save(), more=False)
        return Page(records=records, cursor=following.save(), more=True)

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id; archived ones come as gone, the losers of a merge as merged."""
        asked = [key for key in dict.fromkeys(ids) if key.isdigit()]
        if not asked:
            return []
        rows = await self._reader.live(entity, asked)
        found = {row["id"] for row in rows} & set(asked)
        records = await self._reader.records(entity, [r for r in rows if r["id"] in found])
        missing = [key for key in asked if key not in found]
        if missing and self._mergeable(entity):
            tombs = await self._merged(entity, missing, rows)
            records += tombs
            missing = [key for key in missing if key not in {tomb.id for tomb in tombs}]
        if missing:
            gone = await self._reader.live(entity, missing, archived=True)
            records += _gone(entity, [row for row in gone if row["id"] in missing])
        return records

    def _mergeable(self, entity: str) -> bool:
        return entity in ("customer", "contact", "deal")

    async def _merged(
        self, entity: str, missing: Sequence[str], rows: Sequence[Row]
    ) -> list[Record]:
        """Find what records became: an old id leads to it, and it names the ids it was made of."""
        tombs = {t.id: t for t in self._reader.merged(entity, rows) if t.id in missing}
        unknown = [key for key in missing if key not in tombs]
        if unknown and MERGED in (await self._reader.layout(entity)).readable:
            for part in parts(unknown):
                condition = {"propertyName": MERGED, "operator": "IN", "values": part}
                rest = await self._reader.search(entity, [[condition]], "hs_object_id", _LIST)
                tombs |= {t.id: t for t in self._reader.merged(entity, rest) if t.id in part}
        return list(tombs.values())

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references, among the records themselves: a search may lag behind."""
        if not self.capabilities.entities[entity].find:
            raise NotImplementedError(f"Interlock keeps no reference on a {entity} in HubSpot")
        rows = await self._reader.live(entity, list(dict.fromkeys(references)), by=REFERENCE)
        found: dict[str, list[Found]] = {}
        for record in await self._reader.records(entity, rows):
            found.setdefault(record.reference or "", []).append(Found(record=record))
        return {key: hits for key, hits in found.items() if key in references}

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Search for records with the same SKU, e-mail, tax id, website, name or phone."""
        if not self.capabilities.entities[entity].lookup:
            raise NotImplementedError(f"no {entity} is looked up in HubSpot")
        layout = await self._reader.layout(entity)
        groups = []
        for item in self._maps[entity].fields:
            if item.field in _TELLING and probe.get(item.field):
                raw = item.codec.encode(probe[item.field])
                values = raw if isinstance(raw, dict) else {item.path: raw}
                if all(name in layout.readable for name in values):
                    groups.append([
                        {"propertyName": name, "operator": "EQ", "value": str(value)}
                        for name, value in values.items() if value is not None
                    ])  # fmt: skip
        if not groups:
            return []
        rows = await self._reader.search(entity, groups[:_GROUPS], "hs_object_id", _LIST)
        return await self._reader.records(entity, rows)

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        """Believe what is signed with the secret of the settings."""
        if not self.capabilities.webhooks:
            raise NotImplementedError(self.capabilities.webhooks.note)
        secret = self._settings.webhook_secret.get_secret_value()
        return hints(webhook, secret, self._maps.keys())

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write a batch: 100 a call."""
        able = self.capabilities.entities[entity]
        for request in writes:
            if not (able.create if request.kind is WriteKind.CREATE else able.update):
                raise NotImplementedError(f"no {entity} is {request.kind}d in HubSpot")
        return await self._writer.write(entity, writes) if writes else []


def _gone(entity: str, rows: Sequence[Row]) -> list[Record]:
    """Make tombstones; what an archived record held is not read."""
    return [Record(entity=entity, id=row["id"], fields={}, presence=Presence.GONE) for row in rows]
