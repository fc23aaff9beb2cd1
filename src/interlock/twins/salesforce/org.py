"""One org: its records, its users' rights, and what happens when a record is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, Final

from interlock.twins.faults import Faults
from interlock.twins.salesforce.derived import adjust, roll_up
from interlock.twins.salesforce.ids import IdMaker, long_id
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import CURRENCY_FIELD, Field, Schema, SObject, read_objects
from interlock.twins.salesforce.standard import (
    CPQ_OBJECTS,
    MULTI_CURRENCY_OBJECTS,
    OBJECTS,
    QUOTE_OBJECTS,
    TOOLING,
)
from interlock.twins.salesforce.values import read_value
from interlock.twins.storage import Row, Storage

__all__ = ["Org"]

_PACKAGE: Final = tuple(read_objects(CPQ_OBJECTS))
_AUDIT: Final = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp", "CreatedById"})


class Org:
    """Records, schema and rights of one org.

    Every method that reads or writes for a caller raises ``Refused``.  ``as_user`` is somebody at
    the screens: no field is hidden, no fault befalls the write.
    """

    def __init__(self, storage: Storage, faults: Faults) -> None:
        self.storage = storage
        self.faults = faults
        self.ids = IdMaker()
        self.schema = Schema({**read_objects(OBJECTS), **read_objects(CPQ_OBJECTS)})
        self.schema.switch(_PACKAGE, on=False)
        self.tooling = Schema(read_objects(TOOLING))
        self.hidden: set[str] = set()
        """Standard fields, as ``Object.Field``, the connected user has no right to."""
        self.read_only: set[str] = set()
        """Fields, as ``Object.Field``, the connected user may read but not write."""
        self.user_id = ""
        self._numbers = count(1)
        self._grants: dict[str, bool] | None = None
        for one in self.schema:
            self._index(one)

    # ── features and rights ──────────────────────────────────────────────────────────────────

    def switch_quotes(self, *, on: bool) -> None:
        """Switch the Quotes feature."""
        self.schema.switch(QUOTE_OBJECTS, on=on)

    def switch_cpq(self, *, on: bool) -> None:
        """Install or remove the CPQ package."""
        self.schema.switch(_PACKAGE, on=on)
        for name in _PACKAGE if on else ():
            self._index(self.object(name))

    def switch_currencies(self, *, on: bool) -> None:
        """Switch several currencies; in a real org this cannot be undone."""
        for name in MULTI_CURRENCY_OBJECTS:
            one = self.schema.find(name)
            if one is not None:
                changed = (
                    one.with_field(CURRENCY_FIELD) if on else one.without_field("CurrencyIsoCode")
                )
                self.schema.put(changed)

    def object(self, name: str, schema: Schema | None = None) -> SObject:
        """Find an object by name."""
        found = (schema or self.schema).find(name)
        if found is None:
            raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def readable(self, one: SObject, field: Field, *, as_user: bool = False) -> bool:
        """Say whether the connected user sees a field.  One made by the API is seen by nobody."""
        if as_user:
            return True
        key = f"{one.name}.{field.name}"
        return key in self._granted() if field.custom else key not in self.hidden

    def writable(self, one: SObject, field: Field) -> bool:
        """Say whether the connected user may write a field."""
        key = f"{one.name}.{field.name}"
        if key in self.read_only:
            return False
        return self._granted().get(key, False) if field.custom else key not in self.hidden

    def _granted(self) -> dict[str, bool]:
        if self._grants is None:
            rows = self.storage.rows("PermissionSetAssignment")
            sets = {
                r["PermissionSetId"]
                for r in rows
                if r["AssigneeId"] == self.user_id and not r["IsDeleted"]
            }
            grants: dict[str, bool] = {}
            for row in self.storage.rows("FieldPermissions"):
                if row["ParentId"] in sets and not row["IsDeleted"] and row["PermissionsRead"]:
                    edit = grants.get(row["Field"], False)
                    grants[row["Field"]] = edit or row["PermissionsEdit"]
            self._grants = grants
        return self._grants

    # ── custom fields ────────────────────────────────────────────────────────────────────────

    def add_field(self, name: str, field: Field) -> None:
        """Add a custom field; existing records have it empty."""
        self.schema.put(self.object(name).with_field(field))
        self._index(self.object(name))

    def drop_field(self, name: str, field: str) -> None:
        """Remove a custom field, its values and its permissions."""
        one = self.object(name)
        self.schema.put(one.without_field(field))
        for row in list(self.storage.rows(one.name)):
            self.storage.put(one.name, row["Id"], {k: v for k, v in row.items() if k != field})
        for row in list(self.storage.rows("FieldPermissions")):
            if row["Field"] == f"{one.name}.{field}":
                self.storage.drop("FieldPermissions", row["Id"])
        self._grants = None

    def _index(self, one: SObject) -> None:
        for field in one.fields.values():
            if field.unique or field.external_id or field.type == "reference":
                self.storage.index(one.name, field.name)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def row(self, one: SObject, key: str) -> Row | None:
        """Read a record that is not deleted by an id of either length."""
        full = long_id(key)
        row = self.storage.get(one.name, full) if full else None
        return None if row is None or row["IsDeleted"] else row

    def rows(self, one: SObject, *, deleted: bool = False) -> Iterator[Row]:
        """Read all records; ``deleted``: those in the recycle bin, too."""
        return (r for r in self.storage.rows(one.name) if deleted or not r["IsDeleted"])

    def matching(self, one: SObject, field: Field, value: Any) -> list[Row]:
        """Find live records by the value of an indexed field."""
        found = self.storage.find(one.name, field.name, value)
        if field.case_sensitive:
            found = [r for r in found if r.get(field.name) == value]
        return [r for r in found if not r["IsDeleted"]]

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """Tell the time as records carry it: in whole seconds."""
        return self.storage.clock().replace(microsecond=0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take back everything written in the block when it raises."""
        try:
            with self.storage.transaction():
                yield
        finally:
            self._grants = None

    def insert(self, one: SObject, sent: Mapping[str, Any], *, as_user: bool = False) -> str:
        """Make a record; returns its id."""
        if not one.createable and not as_user:
            raise Refused(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type cannot be inserted: {one.label}",
            )
        values = self._read(one, sent, new=True, as_user=as_user)
        key = self.ids.make(one.prefix)
        row = self._blank(one) | values
        row["Id"] = key
        self._set_defaults(one, row, values)
        self._require(one, row)
        self._check_unique(one, row, key)
        self._check_parents(one, row)
        with self.transaction():
            adjust(self, one, row, None)
            self.write(one, row)
            roll_up(self, one, row)
        return key

    def update(
        self, one: SObject, key: str, sent: Mapping[str, Any], *, as_user: bool = False
    ) -> None:
        """Change a record."""
        before = self.live(one, key)
        values = self._read(one, sent, new=False, as_user=as_user)
        self._lock(one, before["Id"], as_user=as_user)
        row = {**before, **values}
        self._require(one, row)
        self._check_unique(one, row, before["Id"])
        with self.transaction():
            row |= {"LastModifiedDate": self.now, "LastModifiedById": self.user_id}
            adjust(self, one, row, before)
            self.write(one, row)
            roll_up(self, one, row)

    def delete(self, one: SObject, key: str, *, as_user: bool = False) -> None:
        """Put a record into the recycle bin, with the records that belong to it."""
        row = self.live(one, key)
        self._lock(one, row["Id"], as_user=as_user)
        with self.transaction():
            self._delete(one, row)
            roll_up(self, one, {**row, "IsDeleted": True})

    def restore(self, one: SObject, key: str) -> None:
        """Take a record out of the recycle bin, as a user does."""
        row = self.storage.get(one.name, long_id(key) or "")
        if row is None or not row["IsDeleted"] or row.get("MasterRecordId"):
            raise Refused("UNDELETE_FAILED", "Entity is not in the recycle bin")
        self.write(one, {**row, "IsDeleted": False})

    def merge(self, one: SObject, winner: str, loser: str) -> None:
        """Merge a record into another: what hangs on the loser moves, the loser is deleted."""
        if not one.mergeable:
            raise Refused("INVALID_TYPE", f"{one.name} cannot be merged")
        kept, gone = self.live(one, winner), self.live(one, loser)
        with self.transaction():
            for child, lookup in self._lookups_of(one.name):
                for row in self.storage.find(child.name, lookup.name, gone["Id"]):
                    if not row["IsDeleted"]:
                        self.write(child, {**row, lookup.name: kept["Id"]})
            self.write(one, {**gone, "IsDeleted": True, "MasterRecordId": kept["Id"]})
            self.write(one, {**kept, "LastModifiedDate": self.now})

    def write(self, one: SObject, row: Mapping[str, Any]) -> None:
        """Store a record with a new system stamp; an insert's other stamps are set, too."""
        stamped = {
            "CreatedDate": self.now, "CreatedById": self.user_id, "LastModifiedDate": self.now,
            "LastModifiedById": self.user_id, "IsDeleted": False,
        }  # fmt: skip
        stamped |= {k: v for k, v in row.items() if v is not None or k not in stamped}
        self.storage.put(one.name, row["Id"], {**stamped, "SystemModstamp": self.now})
        if one.name in ("FieldPermissions", "PermissionSetAssignment"):
            self._grants = None

    def live(self, one: SObject, key: str) -> Row:
        """Read a record about to be written; refuses one that is deleted or unknown."""
        full = long_id(key)
        if full is None:
            raise Refused("MALFORMED_ID", f"{one.label} ID: id value of incorrect type: {key}",
                          fields=["Id"])  # fmt: skip
        row = self.storage.get(one.name, full)
        if row is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def number(self) -> str:
        """Give the next number of records that are numbered by themselves."""
        return f"{next(self._numbers):08}"

    # ── the steps of a write ─────────────────────────────────────────────────────────────────

    def _blank(self, one: SObject) -> dict[str, Any]:
        return {
            f.name: False if f.type == "boolean" else self.number() if f.auto_number else None
            for f in one.fields.values()
            if f.type != "address"
        }

    def _read(
        self, one: SObject, sent: Mapping[str, Any], *, new: bool, as_user: bool
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        forbidden = []
        for name, value in sent.items():
            if name == "attributes":
                continue
            if isinstance(value, dict):
                values |= self._read_foreign(one, name, value)
                continue
            field = one.named(name)
            if field is None or not self.readable(one, field, as_user=as_user):
                raise Refused(
                    "INVALID_FIELD", f"No such column '{name}' on sobject of type {one.name}"
                )
            allowed = field.createable if new else field.updateable
            if not allowed or not (as_user or self.writable(one, field)):
                if as_user and field.name in _AUDIT:
                    values[field.name] = read_value(field, value)
                else:
                    forbidden.append(field.name)
                continue
            values[field.name] = self._checked(field, read_value(field, value))
        if forbidden:
            raise Refused(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(forbidden)}. Please check the "
                "security settings of this field and verify that it is read/write for your "
                "profile or permission set.",
                fields=forbidden,
            )
        return values

    def _checked(self, field: Field, value: Any) -> Any:
        """Check that a lookup's target is of the right kind and there."""
        if field.type != "reference" or value is None:
            return value
        target = self.schema.by_prefix(value)
        if target is None or target.name not in field.refers_to:
            raise Refused(
                "MALFORMED_ID", f"{field.label} ID: id value of incorrect type: {value}",
                fields=[field.name],
            )  # fmt: skip
        row = self.storage.get(target.name, value)
        if row is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted")
        return value

    def _read_foreign(self, one: SObject, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """Read a lookup given as its target's external id: ``{"Account": {"Key__c": "7"}}``."""
        lookup = one.lookup(name)
        keys = {k: v for k, v in value.items() if k != "attributes"}
        if lookup is None or len(keys) != 1:
            raise Refused("INVALID_FIELD", f"Cannot reference a foreign key field {name}.")
        target = self.object(lookup.refers_to[0])
        ((key, wanted),) = keys.items()
        field = target.named(key)
        if field is None or not field.external_id or not self.readable(target, field):
            raise Refused(
                "INVALID_FIELD", f"No such column '{key}' on sobject of type {target.name}"
            )
        found = self.matching(target, field, read_value(field, wanted))
        if len(found) != 1:
            raise Refused(
                "INVALID_FIELD",
                f"Foreign key external ID: {wanted} not found for field {key} in entity "
                f"{target.name}",
            )
        return {lookup.name: found[0]["Id"]}

    def _set_defaults(self, one: SObject, row: dict[str, Any], sent: Mapping[str, Any]) -> None:
        for field in one.fields.values():
            if row.get(field.name) is None and field.default is not None:
                row[field.name] = self.user_id if field.default == "me" else field.default
        if one.name == "Product2" and "IsActive" not in sent:
            row["IsActive"] = False

    def _require(self, one: SObject, row: Mapping[str, Any]) -> None:
        missing = [
            f.name for f in one.fields.values()
            if f.createable and not f.nillable and f.type != "boolean" and row.get(f.name) is None
        ]  # fmt: skip
        if missing:
            raise Refused(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]",
                fields=missing,
            )  # fmt: skip

    def _check_unique(self, one: SObject, row: Mapping[str, Any], key: str) -> None:
        for field in one.fields.values():
            value = row.get(field.name)
            if not field.unique or value is None:
                continue
            for other in self.storage.find(one.name, field.name, value, pending=True):
                if other["Id"] == key or other["IsDeleted"]:
                    continue
                if not field.case_sensitive or other[field.name] == value:
                    raise Refused(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {field.name} duplicates value on record with id: "
                        f"{other['Id'][:15]}",
                    )

    def _check_parents(self, one: SObject, row: Mapping[str, Any]) -> None:
        """A new line locks the record it belongs to."""
        for field in one.fields.values():
            if field.type == "reference" and field.required and row.get(field.name):
                target = self.schema.by_prefix(row[field.name])
                if target and self.storage.is_pending(target.name, row[field.name]):
                    raise _locked(row[field.name])

    def _lock(self, one: SObject, key: str, *, as_user: bool) -> None:
        if self.storage.is_pending(one.name, key) or (not as_user and self.faults.locks_row()):
            raise _locked(key)

    def _delete(self, one: SObject, row: Row) -> None:
        self.write(one, {**row, "IsDeleted": True})
        for cascade in one.cascades:
            name, _, lookup = cascade.partition(".")
            child = self.schema.find(name)
            if child is None:
                continue
            for owned in self.storage.find(child.name, lookup, row["Id"]):
                if not owned["IsDeleted"]:
                    self._delete(child, owned)

    def _lookups_of(self, parent: str) -> Iterator[tuple[SObject, Field]]:
        for one in self.schema:
            for field in one.fields.values():
                if parent in field.refers_to and field.name != "MasterRecordId":
                    yield one, field


def _locked(key: str) -> Refused:
    return Refused(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {key}",
    )


def with_rights(field: Field, *, writable: bool) -> Field:
    """Show a field as somebody sees it who may, or may not, write it."""
    if writable:
        return field
    return replace(field, createable=False, updateable=False)
