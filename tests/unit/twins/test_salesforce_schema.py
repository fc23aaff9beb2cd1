"""The twin's standard objects held against the published schema of a plain developer org."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interlock.twins.salesforce.schema import read_objects
from interlock.twins.salesforce.standard import OBJECTS, QUOTE_OBJECTS

PUBLISHED: dict[str, dict[str, tuple[str, bool]]] = json.loads(
    (Path(__file__).parent / "salesforce_schema.json").read_text(encoding="utf-8")
)["objects"]
TWIN = read_objects(OBJECTS)
JSON_TYPES = {
    "boolean": "boolean", "currency": "number", "double": "number", "percent": "number",
    "int": "number", "date": "DateString", "datetime": "DateString", "address": "Address",
}  # fmt: skip
NOT_PUBLISHED = {*QUOTE_OBJECTS, "PermissionSet", "PermissionSetAssignment", "FieldPermissions"}


def test_every_object_is_published_or_known_not_to_be() -> None:
    assert set(TWIN) == set(PUBLISHED) | NOT_PUBLISHED


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_field_is_published_with_this_type(name: str) -> None:
    wrong: list[Any] = []
    for field in TWIN[name].fields.values():
        published = PUBLISHED[name].get(field.name)
        if published is None:
            # an object that cannot be deleted has no such mark; the twin keeps it for itself
            if field.name != "IsDeleted":
                wrong.append((field.name, "not published"))
        elif published[0].split(" ")[0] != JSON_TYPES.get(field.type, "string"):
            wrong.append((field.name, published[0], field.type))
    assert wrong == []


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_field_the_twin_requires_may_not_be_null_in_the_published_schema(name: str) -> None:
    required = {f.name for f in TWIN[name].fields.values() if f.required}
    assert {field for field in required if PUBLISHED[name][field][1]} == set()
