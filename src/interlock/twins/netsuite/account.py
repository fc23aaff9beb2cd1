"""An account's records and the rules they follow, whoever changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from interlock.twins.faults import Faults
from interlock.twins.netsuite.refusals import Refused
from interlock.twins.netsuite.schema import ITEMS, LISTS, TRANSACTIONS, TYPES, Field, RecordType
from interlock.twins.netsuite.values import read_value
from interlock.twins.storage import Row, Storage

__all__ = ["Account"]

_CENT: Final = Decimal("0.01")
_PREFIXES: Final = {
    "salesOrder": "SO", "invoice": "INV", "creditMemo": "CM", "itemFulfillment": "IF",
    "customerPayment": "PYMT",
}  # fmt: skip
_KEYS: Final = {"addressBook": "id", "item": "line"}
"""Sublist -> what tells its lines apart."""


class Account:
    """Records, lists and preferences of one account."""

    def __init__(self, storage: Storage, faults: Faults) -> None:
        self.storage = storage
        self.faults = faults
        self.types: dict[str, RecordType] = dict(TYPES)
        self.custom: dict[str, Field] = {}
        """Custom fields by script id: of entities, of transaction bodies and of their lines."""
        self.tax_rate = Decimal("0.19")
        self.one_world = True
        self.touches_sources = False
        """Whether billing, shipping and paying move the stamp of what they are made of."""
        self._next: dict[str, int] = {}
        for name in self.types:
            self.storage.index(name, "externalId")

    # ── looking up ───────────────────────────────────────────────────────────────────────────

    def type_of(self, name: str) -> RecordType:
        """Find a record type, in any case; raises ``Refused``."""
        for known, found in self.types.items():
            if known.lower() == name.lower():
                return found
        raise Refused("INVALID_RECORD_TYPE", f"Record type '{name}' does not exist.", status=404)

    def fields_of(self, kind: RecordType) -> Mapping[str, Field]:
        """List a record type's properties, custom ones too."""
        prefix = {"entity": "custentity", "transaction": "custbody", "item": "custitem"}
        start = prefix[kind.family]
        return {**kind.fields, **{k: f for k, f in self.custom.items() if k.startswith(start)}}

    def columns_of(self, kind: RecordType, sublist: str) -> Mapping[str, Field]:
        """List the properties of a sublist's lines, custom ones too."""
        own = kind.sublists[sublist]
        if kind.family != "transaction" or sublist != "item":
            return own
        return {**own, **{k: f for k, f in self.custom.items() if k.startswith("custcol")}}

    def get(self, name: str, key: str) -> Row | None:
        """Read a record by internal id, or by ``eid:`` and external id."""
        if not key.startswith("eid:"):
            return self.storage.get(name, key)
        found = self.storage.find(name, "externalId", key.removeprefix("eid:"))
        return found[0] if found else None

    def family(self, name: str) -> Iterator[tuple[str, Row]]:
        """Go through the records of a family that is spread over several types."""
        for kind in ITEMS if name == "item" else TRANSACTIONS:
            for row in self.storage.rows(kind):
                yield kind, row

    def find(self, target: str, given: Any) -> str | None:
        """Find a record that is pointed to by id or external id; an inactive one is not taken."""
        if isinstance(given, Mapping):
            given = given["id"] if "id" in given else f"eid:{given.get('externalId')}"
        key = str(given)
        for name in ITEMS if target == "item" else (target,):
            row = self.get(name, key)
            if row is not None:
                return None if row.get("isInactive") and target in LISTS else str(row["id"])
        return None

    def name_of(self, target: str, key: str) -> str:
        """Tell what a record is called."""
        for name in ITEMS if target == "item" else (target,):
            row = self.storage.get(name, key)
            if row is not None:
                for part in ("tranId", "companyName", "itemId", "entityId", "name"):
                    if row.get(part):
                        return str(row[part])
        return ""

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def add_list(self, name: str, /, **values: Any) -> str:
        """Add to one of the administrator's lists."""
        key = self._number(name, 1)
        self.storage.put(name, key, {"id": key, "isInactive": False, **values})
        return key

    def insert(self, name: str, values: Mapping[str, Any]) -> str:
        """Make a record; returns its internal id."""
        kind = self.type_of(name)
        given = self.read(kind, values)
        self._refuse_duplicate(kind, given.get("externalId"))
        key = self._number(
            kind.family, {"entity": 100, "item": 10, "transaction": 1000}[kind.family]
        )
        now = self._now()
        row = {"id": key, "dateCreated": now, **_usual(kind), **given}
        self._complete(kind, row)
        self._require(kind, row)
        self._write(kind, row)
        return key

    def update(
        self, name: str, key: str, values: Mapping[str, Any], replace: Sequence[str] = ()
    ) -> None:
        """Change a record; ``replace``: sublists of which nothing stays that is not given."""
        kind = self.type_of(name)
        before = self.storage.get(kind.name, key)
        if before is None:
            raise _missing()
        if self.faults.locks_row() or self.storage.is_pending(kind.name, key):
            raise Refused("RCRD_HAS_BEEN_CHANGED", "Error while accessing a resource. Record has "
                          "been changed.", status=400)  # fmt: skip
        given = self.read(kind, values, before, replace)
        if given.get("externalId") != before.get("externalId"):
            self._refuse_duplicate(kind, given.get("externalId"))
        row = {**before, **given}
        if kind.name == "salesOrder" and "orderStatus" in given:
            self._approve(row, before)
        self._require(kind, row)
        self._write(kind, row)

    def delete(self, name: str, key: str) -> None:
        """Delete a record; one that others hang on is kept."""
        kind = self.type_of(name)
        row = self.storage.get(kind.name, key)
        if row is None:
            raise _missing()
        if kind.name == "customer" and any(
            key in (r.get("entity"), r.get("customer")) for _, r in self.family("transaction")
        ):
            raise Refused("THIS_RECORD_CANNOT_BE_DELETED_BECAUSE_IT_HAS_DEPENDENT_RECORDS",
                          "Error while accessing a resource. This record cannot be deleted because "
                          "it has dependent records.")  # fmt: skip
        self.storage.drop(kind.name, key)
        stamp = self._number("deletedRecord", 1)
        self.storage.put("deletedRecord", stamp, {
            "id": stamp, "recordid": key, "type": kind.name, "deleteddate": self._now(),
            "externalid": row.get("externalId"), "name": "",
        })  # fmt: skip

    def put(self, name: str, row: Row, *, touch: bool = True) -> None:
        """Write a row as it is, with a new stamp unless it is not touched."""
        self._write(self.type_of(name), dict(row), touch=touch)

    def read(
        self, kind: RecordType, values: Mapping[str, Any], before: Row | None = None,
        replace: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """Check what is handed in; raises ``Refused``."""
        fields = self.fields_of(kind)
        out: dict[str, Any] = {}
        for name, value in values.items():
            if name in kind.sublists:
                old = () if before is None or name in replace else before.get(name) or ()
                out[name] = self._lines(kind, name, value, old)
            elif name not in fields or name in ("id", "links"):
                raise Refused("INVALID_CONTENT", f"Unknown reference or field named '{name}' in "
                              "the request body.", path=name)  # fmt: skip
            elif fields[name].fixed:
                raise Refused("INVALID_CONTENT", f"Field '{name}' is read-only.", path=name)
            else:
                out[name] = read_value(fields[name], value, name, self.find)
        return out

    def _lines(
        self, kind: RecordType, name: str, value: Any, old: Sequence[Row]
    ) -> list[dict[str, Any]]:
        items = value.get("items", []) if isinstance(value, Mapping) else value
        columns, key = self.columns_of(kind, name), _KEYS.get(name)
        lines = [dict(line) for line in old]
        for position, item in enumerate(items):
            where = f"{name}.items[{position}]"
            known = {k: v for k, v in item.items() if k not in (key, "links")}
            for column in known:
                if column not in columns:
                    raise Refused("INVALID_CONTENT", f"Unknown field named '{column}'.",
                                  path=f"{where}.{column}")  # fmt: skip
            given = {
                c: read_value(columns[c], v, f"{where}.{c}", self.find) for c, v in known.items()
            }
            at = next((x for x in lines if key and item.get(key) is not None
                       and str(x[key]) == str(item[key])), None)  # fmt: skip
            if at is None:
                made = {key: self._line_key(name, lines)} if key else {}
                at = {**made, **dict.fromkeys(columns), **made}
                lines.append(at)
            at.update(given)
            if name == "addressBook":
                _keep_one_default(lines, at)
        return lines

    def _line_key(self, name: str, lines: Sequence[Row]) -> Any:
        if name == "addressBook":
            return self._number("addressBook", 500)
        return max((int(x["line"]) for x in lines), default=0) + 1

    # ── rules ────────────────────────────────────────────────────────────────────────────────

    def _complete(self, kind: RecordType, row: dict[str, Any]) -> None:
        """Fill in what the system sets on a new record."""
        if kind.name == "customer":
            row.setdefault("entityId", f"CUST{row['id']}")
            row.setdefault("currency", self._first("currency"))
            row.setdefault("creditHoldOverride", "AUTO")
        elif kind.name == "contact":
            name = " ".join(x for x in (row.get("firstName"), row.get("lastName")) if x)
            row.setdefault("entityId", name or None)
        elif kind.family == "transaction":
            buyer = (
                self.storage.get("customer", row.get("entity") or row.get("customer") or "") or {}
            )
            row.setdefault("tranId", f"{_PREFIXES[kind.name]}{row['id']}")
            row.setdefault("tranDate", self._now().date())
            row.setdefault("exchangeRate", Decimal(1))
            for name in ("currency", "subsidiary", "terms"):
                if name in kind.fields and not row.get(name):
                    row[name] = buyer.get(name)
            if kind.name == "salesOrder":
                row.setdefault("orderStatus", "A")
            if kind.name in ("invoice", "creditMemo"):
                row["amountPaid"] = Decimal(0)
                row.setdefault("dueDate", row["tranDate"] + timedelta(days=self._days(row)))

    def _days(self, row: Row) -> int:
        term = self.storage.get("term", row.get("terms") or "")
        return int(term["daysUntilNetDue"]) if term else 0

    def _require(self, kind: RecordType, row: Row) -> None:
        missing = [f.name for f in kind.fields.values() if f.required and row.get(f.name) is None]
        if kind.name == "customer":
            if not row.get("companyName") and not row.get("isPerson"):
                missing.append("companyName")
            if self.one_world and not row.get("subsidiary"):
                missing.append("subsidiary")
        if kind.name == "contact" and not row.get("entityId"):
            missing.append("entityId")
        if kind.name in ("salesOrder", "invoice", "creditMemo") and not row.get("item"):
            missing.append("item")
        if missing:
            raise Refused("USER_ERROR", "Error while accessing a resource. Please enter value(s) "
                          f"for: {', '.join(missing)}.", path=missing[0])  # fmt: skip
        for line in row.get("item") or ():
            if line.get("item") is None:
                raise Refused("USER_ERROR", "Error while accessing a resource. Please choose an "
                              "item to add", path="item.items[0].item")  # fmt: skip
        if kind.name == "contact":
            self._refuse_namesake(row)

    def _refuse_namesake(self, row: Row) -> None:
        for other in self.storage.rows("contact"):
            if other["id"] != row.get("id") and all(
                other.get(part) == row.get(part) for part in ("entityId", "company")
            ):
                raise Refused("CONTACT_ALREADY_EXISTS", "Error while accessing a resource. A "
                              "contact record with this name already exists. Every contact record "
                              "must have a unique name.", path="entityId")  # fmt: skip

    def _refuse_duplicate(self, kind: RecordType, external: Any) -> None:
        if external and self.storage.find(kind.name, "externalId", external, pending=True):
            raise Refused("USER_ERROR", "Error while accessing a resource. This record already "
                          "exists.", path="externalId")  # fmt: skip

    def _approve(self, row: dict[str, Any], before: Row) -> None:
        if row["orderStatus"] == before["orderStatus"]:
            return
        if self.status_of("salesOrder", before) not in ("A", "B"):
            raise Refused("USER_ERROR", "Error while accessing a resource. The order's status "
                          "cannot be changed any more.", path="orderStatus")  # fmt: skip

    def _write(self, kind: RecordType, row: dict[str, Any], *, touch: bool = True) -> None:
        for line in row.get("item") or ():
            if line.get("quantity") is not None and line.get("rate") is not None:
                line["amount"] = (line["quantity"] * line["rate"]).quantize(_CENT, ROUND_HALF_UP)
        if touch:
            row["lastModifiedDate"] = self._now()
        self.storage.put(kind.name, row["id"], row)

    # ── what follows from what is stored ─────────────────────────────────────────────────────

    def totals(self, row: Row) -> tuple[Decimal, Decimal]:
        """Add up net and tax of a transaction's lines."""
        net = sum((x["amount"] or Decimal(0) for x in row.get("item") or ()), Decimal(0))
        return net, (net * self.tax_rate).quantize(_CENT, ROUND_HALF_UP)

    def remaining(self, row: Row) -> Decimal:
        """Tell what is left to pay of an invoice, or to apply of a credit memo."""
        return Decimal(sum(self.totals(row), Decimal(0)) - row["amountPaid"])

    def status_of(self, name: str, row: Row) -> str:
        """Give a transaction's status."""
        if name in ("invoice", "creditMemo"):
            return "A" if self.remaining(row) > 0 else "B"
        if name != "salesOrder":
            return "C"
        lines = row["item"]
        if all(x.get("isClosed") for x in lines):
            return "H"
        if row["orderStatus"] == "A":
            return "A"
        shipped = [x.get("quantityFulfilled") or 0 for x in lines]
        billed = [x.get("quantityBilled") or 0 for x in lines]
        wanted = [x.get("quantity") or 0 for x in lines]
        if billed == wanted:
            return "G"
        if shipped == wanted:
            return "F"
        if any(shipped):
            return "E" if any(billed) else "D"
        return "B"

    def debts(self, customer: str) -> list[tuple[date, Decimal]]:
        """List due date and amount of a customer's open invoices."""
        return [
            (row["dueDate"], self.remaining(row))
            for row in self.storage.rows("invoice")
            if row["entity"] == customer and self.remaining(row) > 0
        ]

    def balance(self, customer: str) -> Decimal:
        """Add up what a customer owes, less credits and payments not applied."""
        owed = sum((amount for _, amount in self.debts(customer)), Decimal(0))
        for row in self.storage.rows("creditMemo"):
            if row["entity"] == customer:
                owed -= self.remaining(row)
        for row in self.storage.rows("customerPayment"):
            if row["customer"] == customer:
                used = [x["amount"] for x in row.get("apply") or () if x.get("apply")]
                owed -= row["payment"] - sum(used, Decimal(0))
        return owed

    def overdue(self, customer: str) -> tuple[Decimal, int]:
        """Tell how much of it is overdue, and for how many days."""
        today = self._now().date()
        late = [(due, amount) for due, amount in self.debts(customer) if due < today]
        days = (today - min(due for due, _ in late)).days if late else 0
        return sum((amount for _, amount in late), Decimal(0)), days

    # ── small things ─────────────────────────────────────────────────────────────────────────

    def _now(self) -> Any:
        return self.storage.clock().replace(microsecond=0)

    def _number(self, series: str, first: int) -> str:
        number = self._next.get(series, first)
        self._next[series] = number + 1
        return str(number)

    def _first(self, name: str) -> str | None:
        return next((str(row["id"]) for row in self.storage.rows(name)), None)


def _usual(kind: RecordType) -> dict[str, Any]:
    flags = {f.name: False for f in kind.fields.values() if f.kind == "flag"}
    return {**flags, **{name: [] for name in kind.sublists}}


def _keep_one_default(lines: Sequence[dict[str, Any]], at: Row) -> None:
    for flag in ("defaultBilling", "defaultShipping"):
        if at.get(flag):
            for line in lines:
                if line is not at:
                    line[flag] = False


def _missing() -> Refused:
    return Refused(
        "NONEXISTENT_ID", "The record instance does not exist. Provide a valid record instance ID.",
        status=404,
    )  # fmt: skip
