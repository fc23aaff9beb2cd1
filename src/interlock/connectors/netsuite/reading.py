"""Reading records with SuiteQL: what is asked for, and how rows become records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from interlock.connectors.netsuite.client import Client
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.directory import Directory
from interlock.connectors.netsuite.objects import COLUMNS, PARTS
from interlock.errors import RejectedError
from interlock.mapping.codecs import Instant
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Presence, Record

__all__ = ["SHEETS", "Reader", "Sheet", "any_of", "is_id", "moment", "quoted", "stamp"]

_NO_FIELD: Final = re.compile(r"Field '(\w+)' for record '(\w+)' was not found")
_STAMP: Final = '\'YYYY-MM-DD"T"HH24:MI:SS"Z"\''
_IDS: Final = 500
"""Ids in one list of a query; a thousand is the database's limit."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The table an entity is read from, with what picks its rows."""

    table: str
    where: str
    archives: bool = False
    """An inactive record is archived; a product that is inactive is just not sold."""


SHEETS: Final[Mapping[str, Sheet]] = {
    "customer": Sheet("customer", "t.isperson = 'F'", archives=True),
    "contact": Sheet("contact", "", archives=True),
    "product": Sheet("item", "t.itemtype IN ('InvtPart', 'NonInvtPart', 'Service')"),
    "order": Sheet("transaction", "t.type = 'SalesOrd'"),
    "invoice": Sheet("transaction", "t.type IN ('CustInvc', 'CustCred')"),
}


class Reader:
    """Reads rows of one account and makes records of them."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap], settings: NetSuiteSettings,
        directory: Directory,
    ) -> None:  # fmt: skip
        self._client = client
        self._maps = maps
        self._settings = settings
        self._directory = directory
        self.hidden: dict[str, set[str]] = {}
        """Table -> columns the role may not see; found out by being refused."""

    def forget(self) -> None:
        """Ask for everything again at the next read."""
        self.hidden.clear()
        self._directory.forget()

    async def select(
        self, entity: str, where: Sequence[str], *, order: str = "t.id", limit: int = 1000
    ) -> list[Record]:
        """Read the records that meet all conditions."""
        rows = await self._rows(entity, where, order, limit)
        raws = [self._raw(entity, row) for row in rows]
        await self._put_together(entity, rows, raws)
        return [self._record(entity, row, raw) for row, raw in zip(rows, raws, strict=True)]

    async def by_id(self, entity: str, ids: Iterable[str]) -> list[Record]:
        """Read records by id; what is not there is left out."""
        asked = [one for one in dict.fromkeys(ids) if is_id(one)]
        records: list[Record] = []
        for part in _parts(asked):
            records += await self.select(entity, [f"t.id IN ({', '.join(part)})"])
        return records

    async def probe(self, entity: str) -> None:
        """Ask once for all that is read of an entity, whether there are records or not."""
        await self.select(entity, [], limit=1)
        await self._put_together(entity, [{"id": "0"}], [{}])

    def columns(self, entity: str) -> dict[str, str]:
        """Say what a query selects, by the name it comes back under."""
        sheet, hidden = SHEETS[entity], self.hidden.get(SHEETS[entity].table, set())
        asked = {"id": "t.id", "stamp": f"TO_CHAR(SYS_EXTRACT_UTC(t.lastmodifieddate), {_STAMP})",
                 "externalid": "t.externalid"}  # fmt: skip
        if sheet.archives:
            asked["isinactive"] = "t.isinactive"
        for path in self._maps[entity].paths:
            for name in PARTS.get(path, (path,)):
                asked[name.lower()] = COLUMNS.get(name, f"t.{name.lower()}")
        return {name: sql for name, sql in asked.items() if not hidden & _named(sql)}

    def missing(self, entity: str) -> frozenset[str]:
        """Name the model fields that cannot be read now."""
        out = set()
        shown = self.columns(entity)
        for item in self._maps[entity].fields:
            needed = [n.lower() for path in item.paths for n in PARTS.get(path, (path,))]
            if self._directory.one_currency:
                needed = [name for name in needed if name != "currency"]
            lines = self._settings.line_key_field in self.hidden.get("transactionline", ())
            if any(name not in shown for name in needed) or (item.path == "item:lines" and lines):
                out.add(item.field)
        return frozenset(out)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    async def _rows(
        self, entity: str, where: Sequence[str], order: str, limit: int
    ) -> list[Mapping[str, Any]]:
        while True:
            columns = ", ".join(f"{sql} AS {name}" for name, sql in self.columns(entity).items())
            conditions = " AND ".join(f"({c})" for c in (*where, SHEETS[entity].where) if c)
            query = (
                f"SELECT {columns} FROM {self._source(entity)} WHERE {conditions or 't.id > 0'} "
                f"ORDER BY {order}"
            )
            try:
                return await self._client.page(query, limit)
            except RejectedError as error:
                if not self._hides(error):
                    raise

    def _source(self, entity: str) -> str:
        table = f"{SHEETS[entity].table} t"
        if entity != "customer" or self._settings.subsidiary is None:
            return table
        return (
            f"{table} INNER JOIN customersubsidiaryrelationship r ON r.entity = t.id AND "
            f"r.isprimarysub = 'T' AND r.subsidiary = {self._settings.subsidiary}"
        )

    def _hides(self, error: RejectedError) -> bool:
        """Note a column that was refused; says whether there is a reason to ask again."""
        found = _NO_FIELD.search(error.message)
        if found is None:
            return False
        known = self.hidden.setdefault(found[2].lower(), set())
        if found[1].lower() in known or found[1].lower() in ("id", "lastmodifieddate"):
            return False
        known.add(found[1].lower())
        return True

    def _raw(self, entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = self.columns(entity)
        return {
            path: row.get(path.lower())
            for path in self._maps[entity].paths
            if path not in PARTS and path.lower() in shown
        }

    def _record(self, entity: str, row: Mapping[str, Any], raw: Mapping[str, Any]) -> Record:
        problems: dict[str, str] = {}
        nested = {k: v for k, v in raw.items() if k != "currency.symbol"}
        if "currency.symbol" in raw:
            nested["currency"] = {"symbol": raw["currency.symbol"]}
        archived = SHEETS[entity].archives and row.get("isinactive") == "T"
        return Record(
            entity=entity,
            id=str(row["id"]),
            fields=self._maps[entity].decode(nested, problems),
            version=str(row["stamp"]),
            modified=stamp(row["stamp"]),
            presence=Presence.ARCHIVED if archived else Presence.PRESENT,
            reference=row.get("externalid"),
            problems=problems or None,
        )

    # ── what stands in other tables ──────────────────────────────────────────────────────────

    async def _put_together(
        self, entity: str, rows: Sequence[Mapping[str, Any]], raws: Sequence[dict[str, Any]]
    ) -> None:
        paths = set(self._maps[entity].paths)
        if not rows or not paths & set(PARTS):
            return
        ids = [str(row["id"]) for row in rows]
        if any(path.startswith("addressBook:") for path in paths):
            await self._addresses(ids, raws, paths)
        if "price:list" in paths:
            await self._prices(ids, raws)
        if "locations:available" in paths:
            await self._stock(ids, raws)
        if paths & {"item:lines", "item:net", "billed:net", "billed:order"}:
            await self._lines(rows, raws, paths)
        if any(path.startswith("billed:") or path == "currency.symbol" for path in paths):
            await self._amounts(rows, raws, paths)

    async def _all(self, query: str, ids: Sequence[str], order: str) -> list[Mapping[str, Any]]:
        """Run a query over a list of ids, part by part; a hidden column is left out of it."""
        found: list[Mapping[str, Any]] = []
        for part in _parts(ids):
            full = query.format(ids=", ".join(part)) + f" ORDER BY {order}"
            found += await self._client.rows(full)
        return found

    async def _addresses(
        self, ids: Sequence[str], raws: Sequence[dict[str, Any]], paths: set[str]
    ) -> None:
        found = await self.address_lines(ids)
        for key, raw in zip(ids, raws, strict=True):
            for kind in ("billing", "shipping"):
                if f"addressBook:{kind}" in paths:
                    raw[f"addressBook:{kind}"] = next(
                        (x for x in found.get(key, ()) if x.get(f"default{kind}") == "T"), None
                    )

    async def address_lines(self, ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Read customers' address books; a line carries its id as ``line_id``."""
        rows = await self._all(
            "SELECT b.entity, b.internalid AS line_id, b.defaultbilling, b.defaultshipping, "
            "a.addr1, a.addr2, a.addr3, a.city, a.state, a.zip, a.country FROM entityaddressbook b "
            "INNER JOIN entityaddress a ON a.nkey = b.addressbookaddress "
            "WHERE b.entity IN ({ids})", ids, "b.internalid",
        )  # fmt: skip
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            found.setdefault(str(row["entity"]), []).append(row)
        return found

    async def _prices(self, ids: Sequence[str], raws: Sequence[dict[str, Any]]) -> None:
        currency = await self._directory.currency(self._settings.currency)
        if currency is None:
            # a price in another currency is none of ours
            return
        rows = await self._all(
            "SELECT p.item, p.price FROM itemprice p WHERE p.item IN ({ids}) AND "
            f"p.pricelevelname = {quoted(self._settings.price_level)}"
            + (f" AND p.currency = {currency}" if currency else ""),
            ids, "p.item",
        )  # fmt: skip
        prices = {str(row["item"]): row.get("price") for row in rows}
        for key, raw in zip(ids, raws, strict=True):
            raw["price:list"] = prices.get(key)

    async def _stock(self, ids: Sequence[str], raws: Sequence[dict[str, Any]]) -> None:
        chosen = ""
        if self._settings.locations is not None:
            names = ", ".join(quoted(name) for name in self._settings.locations)
            chosen = f" AND BUILTIN.DF(s.location) IN ({names})"
        rows = await self._all(
            "SELECT s.item, s.location, s.quantityavailable AS left_over FROM "
            "aggregateitemlocation s WHERE s.item IN ({ids})" + chosen, ids, "s.item, s.location",
        )  # fmt: skip
        stock: dict[str, Decimal] = {}
        for row in rows:
            key = str(row["item"])
            stock[key] = stock.get(key, Decimal(0)) + Decimal(str(row.get("left_over") or 0))
        for key, raw in zip(ids, raws, strict=True):
            # what is nowhere in stock, such as a service, has no quantity at all
            raw["locations:available"] = stock.get(key)

    async def _lines(
        self, rows: Sequence[Mapping[str, Any]], raws: Sequence[dict[str, Any]], paths: set[str]
    ) -> None:
        found = await self.booked([str(row["id"]) for row in rows])
        for row, raw in zip(rows, raws, strict=True):
            head, lines = found.get(str(row["id"]), (None, []))
            net = sum((x["amount"] for x in lines), Decimal(0))
            if "item:lines" in paths:
                raw["item:lines"] = lines
            if "item:net" in paths:
                raw["item:net"] = net
            if "billed:net" in paths:
                raw["billed:net"] = net
            if "billed:order" in paths:
                raw["billed:order"] = (head or {}).get("createdfrom")

    async def booked(
        self, ids: Sequence[str]
    ) -> dict[str, tuple[Mapping[str, Any] | None, list[dict[str, Any]]]]:
        """Read transactions' main lines and what was sold, with its signs turned round."""
        while True:
            key = self._settings.line_key_field.lower()
            shown = key not in self.hidden.get("transactionline", ())
            custom = f", l.{key} AS line_key" if shown else ""
            try:
                rows = await self._all(
                    "SELECT l.transaction, l.linesequencenumber AS line_number, l.mainline, "
                    "l.item, BUILTIN.DF(l.item) AS sku, l.quantity, l.rate, "
                    "l.foreignamount AS amount, "
                    f"l.memo, l.createdfrom{custom} FROM transactionline l WHERE "
                    "l.transaction IN ({ids}) AND l.taxline = 'F'",
                    ids, "l.transaction, l.linesequencenumber",
                )  # fmt: skip
                break
            except RejectedError as error:
                if not self._hides(error):
                    raise
        found: dict[str, tuple[Mapping[str, Any] | None, list[dict[str, Any]]]] = {}
        for row in rows:
            head, lines = found.get(str(row["transaction"]), (None, []))
            if row.get("mainline") == "T":
                head = row
            else:
                lines.append({**row, "quantity": _turned(row.get("quantity")),
                              "amount": _turned(row.get("amount"))})  # fmt: skip
            found[str(row["transaction"])] = (head, lines)
        return found

    async def _amounts(
        self, rows: Sequence[Mapping[str, Any]], raws: Sequence[dict[str, Any]], paths: set[str]
    ) -> None:
        symbols = await self._directory.symbols()
        for row, raw in zip(rows, raws, strict=True):
            one = self._directory.one_currency
            symbol = self._settings.currency if one else symbols.get(str(row.get("currency")))
            if "currency.symbol" in paths:
                raw["currency.symbol"] = symbol
            amounts = {"billed:total": row.get("foreigntotal"), "billed:open": _open(row),
                       "billed:net": raw.get("billed:net")}  # fmt: skip
            for path in paths & set(amounts):
                raw[path] = {"amount": amounts[path], "currency": symbol}


def _open(row: Mapping[str, Any]) -> Decimal:
    """Tell what is left: to be paid of an invoice, to be used of a credit memo."""
    if row.get("type") == "CustCred":
        return -Decimal(str(row.get("foreignpaymentamountunused") or 0))
    return Decimal(str(row.get("foreignamountunpaid") or 0))


def _turned(value: Any) -> Decimal:
    return -Decimal(str(value or 0)) + 0


def _named(sql: str) -> set[str]:
    return set(re.findall(r"\bt\.(\w+)", sql))


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _IDS] for start in range(0, len(ids), _IDS)]


def stamp(text: Any) -> datetime:
    """Read a stamp as our queries ask for it: UTC, whole seconds."""
    found = Instant().decode(text)
    assert found is not None, "every record has its stamp"
    return found


def moment(at: datetime) -> str:
    """Write a moment to compare one in UTC with."""
    text = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"TO_TIMESTAMP('{text}', 'YYYY-MM-DD HH24:MI:SS')"


def quoted(text: str) -> str:
    """Write text as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def is_id(text: str) -> bool:
    """Say whether NetSuite could have given this id; any other makes it refuse the query."""
    return text.isascii() and text.isdigit()


def any_of(column: str, values: Sequence[str]) -> str:
    """Make the condition that a column has one of these values."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"
