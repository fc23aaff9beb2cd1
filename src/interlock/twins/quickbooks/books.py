"""The books of one company: rules every change goes through, whoever makes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from interlock.twins.quickbooks import sales
from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.quickbooks.schema import OBJECTS, Object
from interlock.twins.quickbooks.values import read_value
from interlock.twins.storage import Row, Storage

__all__ = ["Books"]

_IGNORED: Final = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status"})
_NAMED: Final = ("Customer", "Vendor", "Employee")
_NAME_OF: Final = {"Item": "Name", "Term": "Name", "Account": "Name", "CompanyCurrency": "Code"}
_REFERRED: Final = {
    "CustomerRef": "Customer", "SalesTermRef": "Term", "ParentRef": "", "ItemRef": "Item",
    "IncomeAccountRef": "Account",
}  # fmt: skip
_OFF: Final = " (deleted)"
_ZONE: Final = timezone(timedelta(hours=-8))


class Books:
    """Customers, items, sales and payments of one company."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock: Callable[[], datetime] = storage.clock
        self.home = "USD"
        self.multi_currency = False
        self.custom_numbers = False
        self.tax_rate = Decimal(0)
        self._ids: Counter[str] = Counter()
        self._numbers = 1000

    def object(self, name: str) -> Object:
        """Find an object type by its name in any case."""
        for known, one in OBJECTS.items():
            if known.lower() == name.lower():
                return one
        raise Refused("4001", f"QueryValidationError: {name} is not a valid entity")

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def row(self, one: Object, key: str) -> Row:
        """Give a row that is there; raises ``Refused``."""
        found = self.storage.get(one.name, key)
        if found is None or found["deleted"]:
            raise Refused(
                "610", "Object Not Found : Something you're trying to use has been made inactive."
            )
        return found

    def shown(self, one: Object, row: Row) -> dict[str, Any]:
        """Show a row as the API does; a blank property is left out."""
        out: dict[str, Any] = {}
        for name, item in one.properties.items():
            value = row.get(name)
            if value is None or value in ([], {}):
                continue
            out[name] = self._named(name, value) if item.kind == "ref" else value
        meta = {"CreateTime": stamp(row["created"]), "LastUpdatedTime": stamp(row["updated"])}
        return {**out, "domain": "QBO", "sparse": False, "Id": row["Id"],
                "SyncToken": str(row["SyncToken"]), "MetaData": meta}  # fmt: skip

    def _named(self, name: str, value: Mapping[str, str]) -> dict[str, str]:
        table = _REFERRED.get(name)
        found = self.storage.get(table, value["value"]) if table and value else None
        title = found and (found.get("DisplayName") or found.get("Name"))
        return {**value, "name": str(title)} if title else dict(value)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def create(self, one: Object, body: Mapping[str, Any]) -> Row:
        """Make a row."""
        if one.ids == "currencies" and not self.multi_currency:
            raise Refused("6000", "Multi Currency should be enabled to perform this operation")
        values = self._read(one, body)
        now = self._now()
        row: dict[str, Any] = {
            "SyncToken": 0, "created": now, "updated": now, "deleted": False,
            **({"Active": True} if "Active" in one.properties else {}), **values,
        }  # fmt: skip
        with self._guarded():
            self._complete(one, row, None)
            self._ids[one.ids] += 1
            row["Id"] = str(self._ids[one.ids])
            self.storage.put(one.name, row["Id"], row)
            sales.after_change(self, one.name, None, row)
        return row

    def update(self, one: Object, body: Mapping[str, Any], *, by_person: bool = False) -> Row:
        """Change a row: all of it, or with ``sparse`` what is named; the token must be right."""
        before = self.row(one, str(body.get("Id", "")))
        if not by_person and str(body.get("SyncToken", "")) != str(before["SyncToken"]):
            raise Refused(
                "5010", "Stale Object Error : You and another user were working on this at the "
                "same time.",
            )  # fmt: skip
        values = self._read(one, body)
        sparse = by_person or str(body.get("sparse", "")).lower() == "true"
        kept = before if sparse else _not_cleared(one, before)
        row = {**kept, **values}
        row["SyncToken"], row["updated"] = before["SyncToken"] + 1, self._now()
        with self._guarded():
            self._complete(one, row, before)
            self.storage.put(one.name, row["Id"], row)
            sales.after_change(self, one.name, before, row)
        return row

    def delete(self, one: Object, key: str, token: str | None) -> Row:
        """Delete a transaction; its row stays as a tombstone."""
        before = self.row(one, key)
        if one.listed:
            raise Refused("2010", "Operation delete is not supported.", element="operation")
        if token is not None and token != str(before["SyncToken"]):
            raise Refused("5010")
        row = {**before, "deleted": True, "updated": self._now()}
        with self._guarded():
            sales.before_delete(self, one.name, before)
            self.storage.put(one.name, key, row)
            sales.after_change(self, one.name, before, row)
        return row

    def void(self, one: Object, key: str, token: str | None) -> Row:
        """Set an invoice's amounts to nothing; it stays in the books."""
        before = self.row(one, key)
        if token is not None and token != str(before["SyncToken"]):
            raise Refused("5010")
        with self._guarded():
            row = sales.voided(self, before, self._now())
            self.storage.put(one.name, key, row)
            sales.after_change(self, one.name, before, row)
        return row

    def touch(self, one: Object, key: str, changes: Mapping[str, Any]) -> None:
        """Note what QuickBooks itself works out on a row."""
        row = self.storage.get(one.name, key)
        if row is not None:
            self.storage.put(one.name, key, {
                **row, **changes, "SyncToken": row["SyncToken"] + 1, "updated": self._now(),
            })  # fmt: skip

    def next_number(self) -> str:
        """Give the next document number."""
        self._numbers += 1
        return str(self._numbers)

    # ── rules ────────────────────────────────────────────────────────────────────────────────

    def _read(self, one: Object, body: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in body.items():
            item = one.properties.get(name)
            if item is None:
                if name not in _IGNORED:
                    raise Refused(
                        "2010", f"Property Name:{name} specified is unsupported or invalid",
                        element=name,
                    )  # fmt: skip
            elif item.writable:
                values[name] = read_value(item, value)
        return values

    def _complete(self, one: Object, row: dict[str, Any], before: Row | None) -> None:
        for name, item in one.properties.items():
            if item.kind == "ref" and row.get(name) and name in _REFERRED:
                self._check_reference(one, name, row[name], before)
        if one.name in _NAMED:
            self._complete_name(one, row, before)
        elif one.name in _NAME_OF:
            self._check_unique(one, row, _NAME_OF[one.name], (one.name,))
            if one.name == "Item":
                self._complete_item(row)
        else:
            sales.complete(self, one.name, row, before)

    def _check_reference(
        self, one: Object, name: str, value: Mapping[str, str], before: Row | None
    ) -> None:
        if not value or (before is not None and before.get(name) == value):
            return
        found = self.storage.get(_REFERRED[name] or one.name, value["value"])
        if found is None or found["deleted"] or not found.get("Active", True):
            raise Refused(
                "2500", f"Invalid Reference Id : {name} element id {value['value']} not found",
                element=name,
            )  # fmt: skip

    def _complete_name(self, one: Object, row: dict[str, Any], before: Row | None) -> None:
        if not row.get("DisplayName"):
            parts = [row.get(k) for k in ("Title", "GivenName", "MiddleName", "FamilyName")]
            row["DisplayName"] = " ".join(p for p in parts if p) or None
        name = row["DisplayName"]
        if not name:
            raise Refused("2020", "Required parameter DisplayName is missing in the request",
                          element="DisplayName")  # fmt: skip
        if any(c in name for c in ":\t\n"):
            raise Refused("2040", "Invalid String : DisplayName", element="DisplayName")
        was = before["Active"] if before is not None else True
        if was and not row["Active"]:
            row["DisplayName"] = name + _OFF
        elif not was and row["Active"]:
            row["DisplayName"] = name.removesuffix(_OFF)
        self._check_unique(one, row, "DisplayName", _NAMED)
        if one.name == "Customer":
            row.setdefault("Balance", Decimal(0))
            row["BalanceWithJobs"] = row["Balance"]
            row["FullyQualifiedName"] = row["DisplayName"]
            row["PrintOnCheckName"] = row.get("PrintOnCheckName") or row["DisplayName"][:110]
            row["CurrencyRef"] = self.currency(row.get("CurrencyRef"), before)

    def currency(self, given: Mapping[str, str] | None, before: Row | None) -> dict[str, str]:
        """Check a currency; it stays what it was when the row was made."""
        fixed = before.get("CurrencyRef") if before is not None else None
        code = given["value"] if given else (fixed or {}).get("value", self.home)
        if fixed and fixed["value"] != code:
            raise Refused("6000", "The currency cannot be changed", element="CurrencyRef")
        if code != self.home and not self.multi_currency:
            raise Refused(
                "6000", "Multi Currency should be enabled to perform this operation",
                element="CurrencyRef",
            )  # fmt: skip
        known = {r["Code"] for r in self.storage.rows("CompanyCurrency") if r["Active"]}
        if code != self.home and code not in known:
            raise Refused(
                "2500", f"Invalid Reference Id : CurrencyRef {code} is not a currency of the "
                "company, or not active", element="CurrencyRef",
            )  # fmt: skip
        return {"value": code}

    def _complete_item(self, row: dict[str, Any]) -> None:
        row["Type"] = row.get("Type") or "Service"
        row["FullyQualifiedName"] = row["Name"]
        if row["Type"] != "Category" and not row.get("IncomeAccountRef"):
            raise Refused(
                "6000", "Business Validation Error: select an account for this transaction",
                element="IncomeAccountRef",
            )  # fmt: skip

    def _check_unique(self, one: Object, row: Row, column: str, tables: tuple[str, ...]) -> None:
        value = row.get(column)
        if not value:
            raise Refused("2020", f"Required parameter {column} is missing in the request",
                          element=column)  # fmt: skip
        for table in tables:
            self.storage.index(table, column)
            for other in self.storage.find(table, column, value, pending=True):
                if (table, other["Id"]) != (one.name, row.get("Id")):
                    raise Refused(
                        "6240", f"The name supplied already exists. : Id={other['Id']}",
                        element=column,
                    )  # fmt: skip

    # ── time ─────────────────────────────────────────────────────────────────────────────────

    def today(self) -> str:
        """Tell the day in the company's zone."""
        return self.clock().astimezone(_ZONE).date().isoformat()

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC).replace(microsecond=0)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        ids, numbers = self._ids.copy(), self._numbers
        try:
            with self.storage.transaction():
                yield
        except BaseException:
            self._ids, self._numbers = ids, numbers
            raise


def _not_cleared(one: Object, row: Row) -> dict[str, Any]:
    """Keep what a full update leaves alone: what QuickBooks works out, and what is fixed."""
    fixed = ("Active", "CurrencyRef")
    known = one.properties
    return {k: v for k, v in row.items() if k not in known or not known[k].writable or k in fixed}


def stamp(moment: datetime) -> str:
    """Write a moment as the API does: in the company's zone, whole seconds."""
    return moment.astimezone(_ZONE).isoformat(timespec="seconds")
