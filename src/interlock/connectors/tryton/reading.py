"""Reading: pages of all records, of changed ones, and records by id, reference or likeness.

Changes are found by ``last_modified_at``, which an edit of an address, contact mechanism or
identifier moves for that row only: each is a feed of its own, merged into its party's entity.  A
page goes on by id, not by time: ids neither tie nor move while paging, and a record edited behind
the page is found by the next round, whose window begins before this one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from interlock.connectors.base import Found, Page
from interlock.connectors.kit import Window
from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.directory import Directory
from interlock.connectors.tryton.holds import DUNNING, HOLD, SHOWN, hold_domain, holds_of
from interlock.connectors.tryton.invoices import invoice_raw
from interlock.connectors.tryton.objects import MODELS, key_field_of
from interlock.connectors.tryton.parties import Layout, party_raw, party_reference, version
from interlock.connectors.tryton.projects import WORK, project_raw
from interlock.connectors.tryton.sales import order_raw, read_keys
from interlock.connectors.tryton.scope import Scope
from interlock.errors import NotPermittedError, RejectedError
from interlock.model import Fields, Presence, Record

__all__ = ["Reader"]


@dataclass(frozen=True, slots=True)
class _Feed:
    """Rows whose changes are changes of a record.

    ``owner``: the row's field that points to the record, ``None`` for the record itself;
    ``through``: the record's field that points to the row.  ``stamps``: any of these times.
    ``needs``: the field it serves; not asked where that cannot be read.
    """

    model: str
    owner: str | None = None
    through: str | None = None
    stamps: tuple[str, ...] = ("last_modified_at",)
    needs: str = ""


_PARTY_FEEDS = (
    _Feed("party.party"), _Feed("party.address", owner="party"),
    _Feed("party.contact_mechanism", owner="party"), _Feed("party.identifier", owner="party"),
)  # fmt: skip
_FEEDS = {
    # a dunning is no row below the party, and ends without moving when its line is settled
    "customer": (*_PARTY_FEEDS, _Feed(
        DUNNING, owner="party", needs="credit_hold",
        stamps=("last_modified_at", "line.last_modified_at", "level.last_modified_at"))),
    # last_modified_at of a relation is the present time whenever it is read; its columns are not
    "contact": (*_PARTY_FEEDS, _Feed("party.relation.all", owner="from_",
                                     stamps=("create_date", "write_date"))),
    "product": (_Feed("product.product"), _Feed("product.template", through="template")),
    "order": (_Feed("sale.sale"), _Feed("sale.line", owner="sale")),
    "project": (_Feed(WORK, stamps=("last_modified_at", "status.last_modified_at")),),
    # a payment in part or in full moves the invoice's own row, too; a new due date only the line
    "invoice": (_Feed("account.invoice", stamps=(
        "last_modified_at", "move.lines.last_modified_at",
        "additional_moves.lines.last_modified_at")),),
}  # fmt: skip


class _Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """A window for each feed, and the feed being read."""

    windows: tuple[Window, ...]
    at: int = 0


class Reader:
    """Reads one connection's records."""

    def __init__(
        self, client: TrytonClient, directory: Directory, scope: Scope, settings: TrytonSettings
    ) -> None:
        self._client = client
        self._directory = directory
        self._scope = scope
        self._settings = settings

    # ── pages ────────────────────────────────────────────────────────────────────────────────

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read all records, page by page, in the order of their ids."""
        domain = [*await self._scope.domain(entity), ["id", ">", int(cursor or 0)]]
        ids = await self._search(MODELS[entity], domain, limit=self._settings.page_size)
        records = await self.read(entity, ids)
        more = len(ids) == self._settings.page_size
        return Page(records=records, cursor=str(ids[-1]) if ids else cursor or "0", more=more)

    async def changes(self, entity: str, text: str | None) -> Page:
        """Read the next page of changes, feed after feed."""
        feeds, delay = _FEEDS[entity], self._settings.commit_delay
        if text is None:
            begin = Window(since=await self._client.server_now() - delay)
            cursor = _Cursor(windows=(begin,) * len(feeds))
        else:
            cursor = msgspec.json.decode(text.encode(), type=_Cursor)
            # a feed that is new since begins where the others stand
            new = len(feeds) - len(cursor.windows)
            cursor = msgspec.structs.replace(
                cursor, windows=cursor.windows + (Window(since=cursor.windows[0].since),) * new
            )
        readable = {f.field for f in (await self._scope.look(entity)).fields}
        while cursor.at < len(feeds):
            feed, window = feeds[cursor.at], cursor.windows[cursor.at]
            if window.started is None:
                window = window.begin(await self._client.server_now())
            unread = bool(feed.needs) and feed.needs not in readable
            ids, owners = ([], []) if unread else await self._changed(feed, window)
            full = len(ids) == self._settings.page_size
            if full:
                window = msgspec.structs.replace(window, at_id=str(ids[-1]))
            else:
                window = window.finish(delay)
            cursor = _moved(cursor, window, done=not full)
            records = await self.fetch(entity, [str(owner) for owner in owners], feed.through)
            if records:
                return _page(records, cursor)
        return _page([], cursor)

    async def _changed(self, feed: _Feed, window: Window) -> tuple[list[int], list[int]]:
        """Give the next changed rows of a feed, and the records they belong to."""
        since: list[Any] = [[stamp, ">=", window.since] for stamp in feed.stamps]
        domain = [["OR", *since] if len(since) > 1 else since[0]]
        domain.append(["id", ">", int(window.at_id or 0)])
        rows = await self._client.rows(
            feed.model, domain, [feed.owner or "id"], limit=self._settings.page_size,
            order=[["id", "ASC"]], active_test=False,
        )  # fmt: skip
        owners = dict.fromkeys(row[feed.owner or "id"] for row in rows)
        return [row["id"] for row in rows], [key for key in owners if key is not None]

    # ── records ──────────────────────────────────────────────────────────────────────────────

    async def fetch(
        self, entity: str, ids: Sequence[str], through: str | None = None
    ) -> list[Record]:
        """Read records by id; those that are not there or not of this entity are left out.

        ``through``: the ids are of records this field points to.
        """
        found = await self.existing(entity, ids, through)
        size = self._settings.page_size
        pages = [found[start : start + size] for start in range(0, len(found), size)]
        return [record for page in pages for record in await self.read(entity, page)]

    async def existing(
        self, entity: str, ids: Sequence[str], through: str | None = None
    ) -> list[int]:
        """Tell which of these ids are there and of this entity."""
        keys = [int(key) for key in dict.fromkeys(ids) if key.isdecimal()]
        size = self._settings.page_size
        found: list[int] = []
        for start in range(0, len(keys), size):
            part = [through or "id", "in", keys[start : start + size]]
            domain = [*await self._scope.domain(entity), part]
            found += await self._search(MODELS[entity], domain)
        return found

    async def read(self, entity: str, ids: Sequence[int]) -> list[Record]:
        """Decode records known to be there; one deleted meanwhile is left out."""
        layout = await self._scope.layout()
        return [self.record(entity, row, layout) for row in await self.rows(entity, ids)]

    async def rows(self, entity: str, ids: Sequence[int]) -> list[Row]:
        """Read raw rows, only the columns of the object map.

        A right taken away, or a record deleted, between two calls is met by asking again.
        """
        if not ids:
            return []
        model, keys = MODELS[entity], list(ids)
        for attempt in (1, 2, 3):
            try:
                # with the default filter for what is below: archived addresses do not count
                columns = await self._scope.columns(entity)
                language = self._settings.language
                context: dict[str, Any] = {"language": language}
                if "quantity" in columns:
                    context["locations"] = await self._directory.warehouses()
                rows = await self._client.call(model, "read", keys, columns, **context)
                if entity == "customer":
                    await self._add_holds(rows)
                break
            except (RejectedError, NotPermittedError):
                if attempt == 3:
                    raise
                self._directory.forget_fields()
                keys = await self._search(model, [["id", "in", keys]])
                if not keys:
                    return []
        return sorted(rows, key=lambda row: int(row["id"]))

    async def _add_holds(self, customers: Sequence[Row]) -> None:
        """Add to each customer the dunnings that hold it, where they may be read."""
        paths = self._scope.readable["customer"].paths
        if not any(path.startswith(HOLD) for path in paths):
            return
        company = await self._directory.company()
        domain = hold_domain(company.id, [row["id"] for row in customers])
        found = holds_of(await self._client.rows(DUNNING, domain, SHOWN))
        for row in customers:
            row[HOLD] = found.get(row["id"], [])

    def record(self, entity: str, row: Row, layout: Layout) -> Record:
        """Decode one row."""
        if entity in ("customer", "contact"):
            raw, reference = party_raw(row, layout), party_reference(row, layout)
        elif entity in ("order", "project"):
            keys = read_keys(row.get(key_field_of(entity, self._settings)), layout)
            make = order_raw if entity == "order" else project_raw
            raw, reference = make(row, layout, keys), keys.reference
        elif entity == "invoice":
            raw, reference = invoice_raw(row, layout.currency), None
        else:
            raw, reference = _product_raw(row, layout), None
        problems: dict[str, str] = {}
        presence, winner = _presence(row)
        return Record(
            entity=entity, id=str(row["id"]), version=version(row, MODELS[entity]),
            fields=self._scope.readable[entity].decode(raw, problems), reference=reference,
            modified=row["last_modified_at"], presence=presence, merged_into=winner,
            problems=problems or None,
        )  # fmt: skip

    # ── looking up ───────────────────────────────────────────────────────────────────────────

    async def find(self, entity: str, references: Sequence[str]) -> dict[str, list[Found]]:
        """Find the records that carry our references.

        Each record was made in one step with all it has, so one that is found is complete.
        """
        if entity in ("order", "project"):
            return await self._find_by_words(entity, references)
        prefix = (await self._scope.layout()).reference_prefix
        codes = [prefix + reference for reference in references]
        domain = [["type", "=", None], ["code", "in", codes]]
        # archived ones too: a merged party's identifiers live on, archived, on the winner
        rows = await self._client.rows(
            "party.identifier", domain, ["code", "party"], active_test=False
        )
        records = {r.id: r for r in await self.fetch(entity, [str(row["party"]) for row in rows])}
        found: dict[str, list[Found]] = {}
        for row in rows:
            if record := records.get(str(row["party"])):
                found.setdefault(row["code"][len(prefix) :], []).append(Found(record=record))
        return found

    async def _find_by_words(
        self, entity: str, references: Sequence[str]
    ) -> dict[str, list[Found]]:
        layout, field = await self._scope.layout(), key_field_of(entity, self._settings)
        found: dict[str, list[Found]] = {}
        for start in range(0, len(references), 50):
            part = references[start : start + 50]
            like = [
                [field, "like", f"%{_literal(layout.reference_prefix + reference)}%"]
                for reference in part
            ]
            domain = [*await self._scope.domain(entity), ["OR", *like]]
            for record in await self.read(entity, await self._search(MODELS[entity], domain)):
                if record.reference is not None and record.reference in part:
                    found.setdefault(record.reference, []).append(Found(record=record))
        return found

    async def lookup(self, entity: str, probe: Fields) -> list[Record]:
        """Read what could be the same record, archived ones too."""
        either = _likeness(entity, probe)
        if not either:
            return []
        domain = [*await self._scope.domain(entity), ["OR", *either]]
        return await self.read(entity, await self._search(MODELS[entity], domain, limit=50))

    async def _search(
        self, model: str, domain: Sequence[Any], *, limit: int | None = None
    ) -> list[int]:
        found = await self._client.call(
            model, "search", list(domain), 0, limit, [["id", "ASC"]], active_test=False,
            language=self._settings.language,
        )  # fmt: skip
        return [int(key) for key in found]


def _presence(row: Row) -> tuple[Presence, str | None]:
    if row.get("replaced_by"):
        return Presence.MERGED, str(row["replaced_by"])
    if not row.get("active", True):
        return Presence.ARCHIVED, None
    return Presence.PRESENT, None


def _product_raw(row: Row, layout: Layout) -> dict[str, Any]:
    raw = {key.rstrip("."): value for key, value in row.items()}
    # a variant cannot be sold when its template is archived, or not for sale
    if "active" in row:
        template = row.get("template.") or {}
        sold = template.get("active", True) and template.get("salable", True)
        raw["sale:active"] = bool(row["active"] and sold)
    if "sale_price_uom" in row:
        raw["sale:list_price"] = {"amount": row["sale_price_uom"], "currency": layout.currency}
    # without a warehouse Tryton says 0 of everything
    if "quantity" in row and layout.counts_stock:
        raw["stock:quantity"] = row["quantity"]
    for head, column in (("sale_uom", "symbol"), ("account_category", "name")):
        if row.get(f"{head}.", 0) is None:
            raw[head] = {column: None}
    return raw


def _moved(cursor: _Cursor, window: Window, *, done: bool) -> _Cursor:
    windows = list(cursor.windows)
    windows[cursor.at] = window
    return _Cursor(windows=tuple(windows), at=cursor.at + 1 if done else cursor.at)


def _page(records: Sequence[Record], cursor: _Cursor) -> Page:
    more = cursor.at < len(cursor.windows)
    if not more:
        cursor = _Cursor(windows=cursor.windows)
    return Page(records=records, cursor=msgspec.json.encode(cursor).decode(), more=more)


def _likeness(entity: str, probe: Fields) -> list[Any]:
    """Make the alternatives of a domain from the fields of a probe."""
    either: list[Any] = []
    text = {field: value for field, value in probe.items() if isinstance(value, str) and value}
    if entity == "product":
        named = {"sku": "code", "name": "name"}
        return [[column, "ilike", _literal(text[f])] for f, column in named.items() if f in text]
    if name := text.get("name"):
        either.append(["name", "ilike", _literal(" ".join(name.split()))])
    if email := text.get("email"):
        either.append(_mechanism_where("email", _literal(email)))
    if host := _host(text.get("website", "")):
        either.append(_mechanism_where("website", f"%{_literal(host)}%"))
    if tax_id := "".join(c for c in text.get("tax_id", "") if c.isalnum()).upper():
        codes = [tax_id, tax_id[2:]]
        either.append(
            ["identifiers", "where", [["type", "!=", None], ["code_compact", "in", codes]]]
        )
    return either


def _mechanism_where(kind: str, pattern: str) -> list[Any]:
    return ["contact_mechanisms", "where", [["type", "=", kind], ["value", "ilike", pattern]]]


def _host(website: str) -> str:
    host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    return host.removeprefix("www.")


def _literal(text: str) -> str:
    """Escape what has a meaning in a pattern."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
