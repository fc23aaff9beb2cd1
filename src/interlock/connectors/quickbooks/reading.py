"""Reading rows, with what has to be looked up for them, and making records of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from interlock.connectors.quickbooks.client import Client
from interlock.connectors.quickbooks.note import read_note
from interlock.connectors.quickbooks.objects import NOTES, Source
from interlock.mapping.codecs import Instant
from interlock.mapping.objectmap import ObjectMap, write_path
from interlock.model import Presence, Record

__all__ = ["Raw", "Reader", "every", "literal", "quoted", "stamp"]

_IDS: Final = 100
"""Ids a query: its address is limited."""
_ALWAYS: Final = ("Id", "SyncToken", "MetaData")
_INACTIVE: Final = " (deleted)"
_NOT_SOLD: Final = frozenset({"Category", "Group"})

Raw = dict[str, Any]


class Reader:
    """Reads rows of one company and makes records of them."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap],
        known: Mapping[str, tuple[Source, ...]], *,
        home: str, named: bool,
    ) -> None:  # fmt: skip
        self._client = client
        self._maps = maps
        self._sources = known
        self._home = home
        self._named = named
        self._terms: dict[str, str] = {}
        self._skus: dict[str, str | None] = {}

    # ── records ──────────────────────────────────────────────────────────────────────────────

    async def fetch(self, entity: str, ids: Sequence[str]) -> list[Record]:
        """Read records by id; deleted ones are not there any more."""
        records: list[Record] = []
        for source, keys in self.keys(entity, ids):
            records += await self.records(entity, source, await self.rows(entity, source, keys))
        return records

    def keys(self, entity: str, ids: Iterable[str]) -> list[tuple[Source, list[str]]]:
        """Sort ids by the object they are of; what cannot be an id is left out."""
        found: list[tuple[Source, list[str]]] = []
        for source in self._sources[entity]:
            bare = [
                one[len(source.prefix) :]
                for one in dict.fromkeys(ids)
                if one.startswith(source.prefix)
            ]
            found.append((source, [key for key in bare if key.isascii() and key.isdigit()]))
        return found

    async def rows(self, entity: str, source: Source, keys: Sequence[str]) -> list[Raw]:
        """Read rows by id."""
        rows: list[Raw] = []
        for start in range(0, len(keys), _IDS):
            part = ", ".join(quoted(key) for key in keys[start : start + _IDS])
            where = [*every(source), f"Id IN ({part})"]
            rows += await self.select(entity, source, where, f"MAXRESULTS {_IDS}")
        return rows

    async def select(
        self, entity: str, source: Source, where: Sequence[str], rest: str
    ) -> list[Raw]:
        """Run a query for the properties of an entity's map."""
        names = ", ".join(self._names(entity, source))
        text = f"SELECT {names} FROM {source.object} WHERE {' AND '.join(where)} {rest}"
        return [dict(row) for row in await self._client.query(text, source.object)]

    def _names(self, entity: str, source: Source) -> list[str]:
        if not self._named:
            # a company that refuses names: Sku is the one property that * leaves out
            return ["*", "Sku"] if source.object == "Item" else ["*"]
        names = list(_ALWAYS)
        if source.object == "Item":
            names.append("Type")
        if source.object == "Customer":
            names.append("Active")
        if entity in ("customer", "order"):
            names.append(NOTES[source.object])
        for path in self._maps[entity].paths:
            root = path.split(".", 1)[0]
            if not path.startswith("@") and root not in source.lacks:
                names.append(source.instead.get(root, root))
        return list(dict.fromkeys(names))

    async def references(self, source: Source, where: Sequence[str]) -> list[tuple[str, str]]:
        """Give reference and id of all rows that have our words in their note."""
        column, found, last = NOTES[source.object], [], "0"
        while True:
            conditions = " AND ".join([*every(source), *where, f"Id > {quoted(last)}"])
            rows = await self._client.query(
                f"SELECT Id, {column} FROM {source.object} WHERE {conditions} "
                "ORDERBY Id MAXRESULTS 1000",
                source.object,
            )
            for row in rows:
                reference = read_note(row.get(column)).reference
                if reference is not None:
                    found.append((reference, str(row["Id"])))
            if len(rows) < 1000:
                return found
            last = str(rows[-1]["Id"])

    async def records(self, entity: str, source: Source, rows: Sequence[Raw]) -> list[Record]:
        """Make records of rows, with what has to be looked up for them."""
        wanted = {f.field for f in self._maps[entity].fields}
        if source.object == "Item":
            rows = [row for row in rows if row.get("Type") not in _NOT_SOLD]
        if "payment_terms" in wanted:
            await self._name_terms(rows)
        if "lines" in wanted:
            await self._add_skus(rows)
        paid = await self._paid_on(rows) if "paid_on" in wanted else {}
        return [self._record(entity, source, row, paid) for row in rows]

    def _record(self, entity: str, source: Source, row: Raw, paid: Mapping[str, str]) -> Record:
        raw = dict(row)
        note = read_note(row.get(NOTES.get(source.object, "PrivateNote")))
        raw["PrivateNote"] = {**note.raw(), "rest": note.rest}
        raw["CurrencyRef"] = row.get("CurrencyRef") or {"value": self._home}
        for ours, theirs in source.instead.items():
            raw[ours] = row.get(theirs)
        credit = source.object == "CreditMemo"
        raw["@credit"], raw["@itself"] = credit, None if credit else row["Id"]
        raw["@document"] = source.object.lower()
        raw["@paid_on"] = None if row.get("Balance") else paid.get(str(row["Id"]))
        presence = Presence.PRESENT
        if source.object == "Customer" and row.get("Active") is False:
            presence = Presence.ARCHIVED
            if row.get("DisplayName"):
                raw["DisplayName"] = str(row["DisplayName"]).removesuffix(_INACTIVE)
        mapping = self._maps[entity]
        for path in mapping.paths:
            _fill(raw, path)
        problems: dict[str, str] = {}
        return Record(
            entity=entity,
            id=source.prefix + str(row["Id"]),
            fields=mapping.decode(raw, problems),
            version=f"{int(row['SyncToken']):010}",
            modified=stamp(row),
            presence=presence,
            reference=note.reference if entity in ("customer", "order") else None,
            problems=problems or None,
        )

    # ── what is looked up ────────────────────────────────────────────────────────────────────

    async def terms(self, *, afresh: bool = False) -> Mapping[str, str]:
        """Give the names of the payment terms by id."""
        if afresh or not self._terms:
            rows = await self._client.query(
                "SELECT Id, Name FROM Term WHERE Active IN (true, false) MAXRESULTS 1000", "Term"
            )
            self._terms = {str(row["Id"]): str(row["Name"]) for row in rows}
        return self._terms

    async def _name_terms(self, rows: Sequence[Raw]) -> None:
        used = {str(row["SalesTermRef"]["value"]) for row in rows if row.get("SalesTermRef")}
        if not used:
            return
        known = await self.terms(afresh=not used <= set(self._terms))
        for row in rows:
            if row.get("SalesTermRef"):
                key = str(row["SalesTermRef"]["value"])
                row["SalesTermRef"] = {"value": key, "name": known.get(key)}

    async def _add_skus(self, rows: Sequence[Raw]) -> None:
        items = [
            ref
            for row in rows
            for line in row.get("Line") or ()
            if (ref := (line.get("SalesItemLineDetail") or {}).get("ItemRef"))
        ]
        unknown = sorted({str(i["value"]) for i in items} - set(self._skus), key=int)
        for start in range(0, len(unknown), _IDS):
            part = ", ".join(quoted(key) for key in unknown[start : start + _IDS])
            for row in await self._client.query(
                f"SELECT Id, Sku FROM Item WHERE Active IN (true, false) AND Id IN ({part}) "
                f"MAXRESULTS {_IDS}",
                "Item",
            ):
                self._skus[str(row["Id"])] = row.get("Sku")
        for item in items:
            item["sku"] = self._skus.get(str(item["value"]))

    async def _paid_on(self, rows: Sequence[Raw]) -> Mapping[str, str]:
        """Tell when the last payment on each settled invoice was made."""
        linked = {
            str(row["Id"]): [
                str(x["TxnId"]) for x in row.get("LinkedTxn") or () if x["TxnType"] == "Payment"
            ]
            for row in rows
            if not row.get("Balance")
        }
        wanted = sorted({key for keys in linked.values() for key in keys}, key=int)
        days: dict[str, str] = {}
        for start in range(0, len(wanted), _IDS):
            part = ", ".join(quoted(key) for key in wanted[start : start + _IDS])
            for row in await self._client.query(
                f"SELECT Id, TxnDate FROM Payment WHERE Id IN ({part}) MAXRESULTS {_IDS}",
                "Payment",
            ):
                days[str(row["Id"])] = str(row["TxnDate"])
        return {
            key: max(days[p] for p in payments if p in days)
            for key, payments in linked.items()
            if any(p in days for p in payments)
        }


# ── the query language ───────────────────────────────────────────────────────────────────────


def quoted(text: str) -> str:
    """Write text as the query language wants it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literal(moment: datetime) -> str:
    """Write a moment as the query language and change data capture want it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(row: Mapping[str, Any]) -> datetime:
    """Read when a row was changed last."""
    moment = Instant().decode(row["MetaData"]["LastUpdatedTime"])
    assert moment is not None, "every row has its stamps"
    return moment


def every(source: Source) -> list[str]:
    """Give the condition without which a list shows its active rows only."""
    return ["Active IN (true, false)"] if source.listed else []


def _fill(raw: Raw, path: str) -> None:
    """Put a blank where the answer has left a blank property out."""
    root, _, leaf = path.partition(".")
    if not leaf:
        raw.setdefault(root, None)
    elif not isinstance(raw.get(root), Mapping):
        raw.pop(root, None)
        write_path(raw, path, None)
    elif leaf not in raw[root]:
        raw[root] = {**raw[root], leaf: None}
