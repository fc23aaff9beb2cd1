"""Which object types a portal has, and the properties of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = ["ObjectType", "Property", "read_types"]

_FIELD_TYPES: Final = {
    "string": "text", "number": "number", "date": "date", "datetime": "date",
    "bool": "booleancheckbox", "enumeration": "select", "phone_number": "phonenumber",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property, with what the properties API tells of it."""

    name: str
    type: str
    field_type: str
    label: str
    group: str
    options: tuple[tuple[str, str], ...] = ()
    """Values a choice may have, with their labels."""
    external_options: bool = False
    read_only: bool = False
    unique: bool = False
    calculated: bool = False
    custom: bool = False

    def shown(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            "name": self.name, "label": self.label, "type": self.type,
            "fieldType": self.field_type, "description": "", "groupName": self.group,
            "options": [
                {"label": label, "value": value, "displayOrder": n, "hidden": False}
                for n, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1, "calculated": self.calculated,
            "externalOptions": self.external_options, "hasUniqueValue": self.unique,
            "hidden": False, "hubspotDefined": not self.custom, "formField": False,
            "archived": False,
            "modificationMetadata": {
                "archivable": self.custom, "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only,
            },
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One type of records.

    ``scope``: what the scope for it is called.  ``modified``: the property with the time of the
    last change.  ``needs``: a new record must have one of each of these sets.
    """

    id: str
    name: str
    singular: str
    scope: str
    properties: Mapping[str, Property]
    groups: tuple[str, ...]
    modified: str = "hs_lastmodifieddate"
    mergeable: bool = False
    needs: tuple[tuple[str, ...], ...] = ()

    def with_property(self, added: Property) -> ObjectType:
        """Add a property or replace it."""
        return replace(self, properties={**self.properties, added.name: added})

    def without_property(self, name: str) -> ObjectType:
        """Take a property away."""
        kept = {k: v for k, v in self.properties.items() if k != name}
        return replace(self, properties=kept)

    def with_group(self, name: str) -> ObjectType:
        """Add a group of properties."""
        return replace(self, groups=(*self.groups, name))

    def without_group(self, name: str) -> ObjectType:
        """Take a group away."""
        return replace(self, groups=tuple(g for g in self.groups if g != name))

    @property
    def defaults(self) -> tuple[str, ...]:
        """Name the properties given where none are asked for, and always."""
        return ("createdate", "hs_object_id", self.modified)


_STAMPS: Final = """
hs_object_id number ro
createdate datetime ro
hs_merged_object_ids enumeration ro external
hubspot_owner_id enumeration external
"""


def read_types(text: str) -> dict[str, ObjectType]:
    """Read the table of ``standard.py``."""
    types: dict[str, ObjectType] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.strip().splitlines()
        key, name, singular, scope, *marks = head.split("|")
        facts = dict(mark.partition("=")[::2] for mark in marks)
        modified = facts.get("modified", "hs_lastmodifieddate")
        group = f"{singular.lower()}information"
        stamps = [*_STAMPS.strip().splitlines(), f"{modified} datetime ro"]
        properties = [_read_property(line, group) for line in (*stamps, *lines)]
        types[name] = ObjectType(
            id=key,
            name=name,
            singular=singular,
            scope=scope,
            properties={one.name: one for one in properties},
            groups=(group,),
            modified=modified,
            mergeable="mergeable" in facts,
            needs=tuple(tuple(one.split("/")) for one in facts.get("needs", "").split(",") if one),
        )
    return types


def _read_property(line: str, group: str) -> Property:
    text, _, choices = line.partition(": ")
    name, kind, *marks = text.split()
    kind, _, field = kind.partition("=")
    values = tuple((one, one.replace("_", " ").capitalize()) for one in choices.split("|") if one)
    if kind == "bool":
        values = (("true", "True"), ("false", "False"))
    return Property(
        name=name,
        type=kind,
        field_type=field or _FIELD_TYPES[kind],
        label=name.removeprefix("hs_").replace("_", " ").capitalize(),
        group=group,
        options=values,
        external_options="external" in marks,
        read_only="ro" in marks or "calc" in marks,
        unique="unique" in marks,
        calculated="calc" in marks,
    )
