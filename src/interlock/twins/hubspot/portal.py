"""One portal: its records, and what happens when one is written, archived or merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final

from interlock.twins.faults import Faults
from interlock.twins.hubspot.refusals import Refused, invalid_values, missing
from interlock.twins.hubspot.schema import ObjectType, Property, read_types
from interlock.twins.hubspot.standard import OBJECT_TYPES, STAGES
from interlock.twins.hubspot.ties import Ties
from interlock.twins.hubspot.values import BadValue, iso, read_value
from interlock.twins.storage import Row, Storage

__all__ = ["FIRST_PIPELINE", "Portal"]

FIRST_PIPELINE: Final = "default"
_COPIED: Final = ("name", "hs_sku", "price")
"""What a line item takes over from its product when it is made."""


class Portal:
    """Records, schema and switches of one portal.

    Every method that reads or writes for a caller raises ``Refused``.  ``as_user`` is somebody at
    the screens: nothing is hidden, no fault befalls the write.  A row holds its properties by name;
    names that begin with ``_`` are the portal's own.
    """

    def __init__(self, storage: Storage, faults: Faults) -> None:
        self.storage = storage
        self.faults = faults
        self.types = read_types(OBJECT_TYPES)
        self.ties = Ties(storage)
        self.hidden: set[str] = set()
        """Properties, as ``companies.name``, the token's scopes do not show."""
        self.required: dict[str, set[str]] = {}
        """Type -> properties an administrator wants on every new record."""
        self.merge_makes_new = True
        """A merge makes a record with a new id; before 2025 the primary record kept its own."""
        self.merged_ids_resolve = True
        """The ids of merged records lead to the record they became."""
        self.stages: list[dict[str, Any]] = [
            {"id": key, "label": label, "probability": share} for key, label, share in STAGES
        ]
        self._numbers = count(10_000_000_001)
        self._became: dict[tuple[str, str], str] = {}
        for one in self.types.values():
            for item in one.properties.values():
                self._index(one, item)

    # ── schema ───────────────────────────────────────────────────────────────────────────────

    def type(self, name: str) -> ObjectType:
        """Find a type of records by name or id."""
        wanted = name.lower()
        for one in self.types.values():
            if wanted in (one.name, one.id, one.singular.lower()):
                return one
        raise Refused("VALIDATION_ERROR", f"Unable to infer object type from: {name}")

    def put_property(self, one: ObjectType, item: Property) -> None:
        """Add a property; existing records have it empty."""
        self.types[one.name] = self.types[one.name].with_property(item)
        self._index(one, item)

    def drop_property(self, one: ObjectType, name: str) -> None:
        """Archive a property; its values are not shown any more."""
        self.types[one.name] = self.types[one.name].without_property(name)

    def sees(self, one: ObjectType, name: str) -> bool:
        """Say whether the token sees a property."""
        return name in one.properties and f"{one.name}.{name}" not in self.hidden

    def choices(self, item: Property) -> list[str]:
        """List the values a choice may have now."""
        if item.name == "hubspot_owner_id":
            return [str(row["id"]) for row in self.storage.rows("owners")]
        if item.name == "dealstage":
            return [str(stage["id"]) for stage in self.stages]
        if item.name == "pipeline":
            return [FIRST_PIPELINE]
        return [value for value, _ in item.options]

    def _index(self, one: ObjectType, item: Property) -> None:
        if item.unique:
            self.storage.index(one.name, item.name)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def row(self, one: ObjectType, key: str, *, archived: bool = False) -> Row | None:
        """Find a record by id; the id of a merged one leads to what it became."""
        if self.merged_ids_resolve:
            while (one.name, key) in self._became:
                key = self._became[one.name, key]
        row = self.storage.get(one.name, key)
        if row is None or row["_merged"] or row["_archived"] is not archived:
            return None
        return row

    def row_by(
        self, one: ObjectType, id_property: str | None, key: str, *, archived: bool = False
    ) -> Row | None:
        """Find a record by id or by a property whose values are unique."""
        if id_property in (None, "", "hs_object_id"):
            return self.row(one, key, archived=archived)
        item = self.unique(one, str(id_property))
        found = self.storage.find(one.name, item.name, key)
        return next((r for r in found if r["_archived"] is archived and not r["_merged"]), None)

    def unique(self, one: ObjectType, name: str) -> Property:
        """Find a property whose values are unique."""
        item = one.properties.get(name)
        if item is None or not item.unique:
            raise Refused("VALIDATION_ERROR", f"idProperty {name} is not a unique property")
        return item

    def rows(
        self, one: ObjectType, *, archived: bool = False, as_of: datetime | None = None
    ) -> Iterator[Row]:
        """Read the live records, or the archived ones."""
        for row in self.storage.rows(one.name, as_of):
            if row["_archived"] is archived and not row["_merged"]:
                yield row

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def create(self, one: ObjectType, sent: Mapping[str, Any], *, as_user: bool = False) -> str:
        """Make a record; returns its id."""
        self._strike(as_user)
        one = self.types[one.name]
        values = self._checked(one, sent, None, as_user=as_user)
        if one.name == "line_items":
            values = {**self._from_product(values), **values}
        if one.name == "deals":
            values.setdefault("pipeline", FIRST_PIPELINE)
        self._need(one, values)
        key, now = str(next(self._numbers)), self._now()
        row = {
            "id": key, "_archived": False, "_archived_at": None, "_created": now, "_merged": False,
            **values, "hs_object_id": key, "createdate": iso(now),
        }  # fmt: skip
        self._save(one, row, now)
        return key

    def update(
        self, one: ObjectType, row: Row, sent: Mapping[str, Any], *, as_user: bool = False
    ) -> Row:
        """Change a record; returns it as it is now."""
        self._strike(as_user)
        values = self._checked(self.types[one.name], sent, str(row["id"]), as_user=as_user)
        return self._save(one, {**row, **values}, self._now())

    def touch(self, one: ObjectType, row: Row) -> None:
        """Give a record a new time of its last change."""
        self._save(one, row, self._now())

    def archive(self, one: ObjectType, key: str) -> None:
        """Put a record away; one that is not there stays so."""
        row = self.row(one, key)
        if row is not None:
            now = self._now()
            self.storage.put(one.name, row["id"], {**row, "_archived": True, "_archived_at": now,
                                                   "_updated": now})  # fmt: skip

    def restore(self, one: ObjectType, key: str) -> None:
        """Take a record back."""
        row = self.row(one, key, archived=True)
        if row is None:
            raise missing()
        self._save(one, {**row, "_archived": False, "_archived_at": None}, self._now())

    def merge(self, one: ObjectType, primary: str, other: str) -> Row:
        """Merge two records into one; returns what they became."""
        if not one.mergeable:
            raise Refused("VALIDATION_ERROR", f"Objects of type {one.singular} cannot be merged")
        first, second = self.row(one, primary), self.row(one, other)
        if first is None or second is None or first["id"] == second["id"]:
            raise missing("No object to merge was found")
        gone = [first, second] if self.merge_makes_new else [second]
        key = str(next(self._numbers)) if self.merge_makes_new else str(first["id"])
        known = [
            k for r in (first, second) for k in (r.get("hs_merged_object_ids") or "").split(";")
        ]
        merged = dict.fromkeys([*filter(None, known), *(str(r["id"]) for r in gone)])
        values = {**{k: v for k, v in second.items() if v is not None},
                  **{k: v for k, v in first.items() if v is not None}}  # fmt: skip
        now = self._now()
        for row in gone:
            self.storage.put(one.name, row["id"], {**row, "_merged": True, "_updated": now})
            self._became[one.name, str(row["id"])] = key
        made = self._save(one, {
            **values, "id": key, "hs_object_id": key, "hs_merged_object_ids": ";".join(merged),
        }, now)  # fmt: skip
        for row in gone:
            self.ties.move(one.name, str(row["id"]), key)
        return made

    def _save(self, one: ObjectType, row: Mapping[str, Any], now: datetime) -> Row:
        saved = {**row, "_updated": now, one.modified: iso(now)}
        if one.name == "line_items":
            saved["amount"] = _net(saved)
        if one.name == "deals":
            shares = {stage["id"]: stage["probability"] for stage in self.stages}
            saved["hs_deal_stage_probability"] = shares.get(saved.get("dealstage"))
        self.storage.put(one.name, str(row["id"]), saved)
        return saved

    def _now(self) -> datetime:
        now = self.storage.clock()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _strike(self, as_user: bool) -> None:
        if not as_user and self.faults.locks_row():
            raise Refused("LOCKED", "The object is locked by another write", status=423)

    # ── checking ─────────────────────────────────────────────────────────────────────────────

    def _checked(
        self, one: ObjectType, sent: Mapping[str, Any], key: str | None, *, as_user: bool
    ) -> dict[str, Any]:
        problems: list[tuple[str, str, str]] = []
        values: dict[str, Any] = {}
        for name, raw in sent.items():
            item = one.properties.get(name)
            if item is None or not (as_user or self.sees(one, name)):
                problems.append(
                    (name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
                )
            elif item.read_only and not as_user:
                problems.append((name, "READ_ONLY_VALUE", f'"{name}" is a read only property'))
            else:
                try:
                    values[name] = read_value(item, raw, self.choices(item))
                except BadValue as bad:
                    problems.append((name, bad.code, bad.message))
        if problems:
            raise invalid_values(problems)
        self._check_unique(one, values, key)
        return values

    def _check_unique(self, one: ObjectType, values: Mapping[str, Any], key: str | None) -> None:
        for name, value in values.items():
            if value is None or not one.properties[name].unique:
                continue
            for row in self.storage.find(one.name, name, value, pending=True):
                if row["id"] != key and not row["_archived"] and not row["_merged"]:
                    raise Refused(
                        "CONFLICT",
                        f"{one.singular} already exists with this value of {name}. "
                        f"Existing ID: {row['id']}",
                        status=409,
                        context={"propertyName": [name]},
                    )

    def _need(self, one: ObjectType, values: Mapping[str, Any]) -> None:
        wanted = [*one.needs, *((name,) for name in sorted(self.required.get(one.name, ())))]
        blank = ["/".join(names) for names in wanted if not any(values.get(n) for n in names)]
        if blank:
            raise Refused(
                "VALIDATION_ERROR",
                f"Error creating {one.singular}. Some required properties were not set.",
                context={"properties": blank},
            )

    def _from_product(self, values: Mapping[str, Any]) -> dict[str, Any]:
        key = values.get("hs_product_id")
        if key is None:
            return {}
        product = self.row(self.types["products"], str(key))
        if product is None:
            raise invalid_values([("hs_product_id", "INVALID_PRODUCT", "there is no such product")])
        return {name: product.get(name) for name in _COPIED}


def _net(row: Mapping[str, Any]) -> str | None:
    if row.get("price") is None or row.get("quantity") is None:
        return None
    each = Decimal(row["price"]) - Decimal(row.get("discount") or 0)
    net = each * Decimal(row["quantity"])
    net -= net * Decimal(row.get("hs_discount_percentage") or 0) / 100
    return format(net.quantize(Decimal("0.01")), "f")
