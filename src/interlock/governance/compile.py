"""Compiles ``ownership.yaml``: one rule per field, every mistake named with its line.

What the file does not name is not synced: there are no defaults behind it, so that what people
sign is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from interlock.governance.document import Document, Place, suggest
from interlock.governance.rules import (
    CROSS_REFERENCE,
    BornElsewhere,
    ConflictRule,
    CreatePolicy,
    EntityRules,
    FieldRule,
    FirstLink,
    OnCreate,
    OnForeignEdit,
    Ownership,
    OwnershipMap,
    Side,
)
from interlock.model import SIGNALS, EntitySchema, Schema, Value

__all__ = ["OPTIONS", "SCHEMA_VERSION", "compile_boundary", "compile_ownership", "never_covers"]

SCHEMA_VERSION = 1

_OWNED: Mapping[str, type[StrEnum] | None] = {
    "on_foreign_edit": OnForeignEdit,
    "on_create": OnCreate,
    "default": None,
    "lossy_ok": None,
}
_SHARED: Mapping[str, type[StrEnum] | None] = {
    "conflict": ConflictRule,
    "first_link": FirstLink,
    "may_blank": None,
    "lossy_ok": None,
}
OPTIONS: Mapping[Ownership, Mapping[str, type[StrEnum] | None]] = {
    Ownership.CRM: _OWNED,
    Ownership.ERP: _OWNED,
    Ownership.SHARED: _SHARED,
    Ownership.LOCAL: {},
}
"""Which options a field may have under which owner, and the words of each; none: true or false."""

_Choice = TypeVar("_Choice", bound=StrEnum)


def never_covers(never: frozenset[str], *names: str) -> str | None:
    """Find the boundary name that one of the names, or a step of its dotted path, falls under."""
    barred = {name.casefold(): name for name in never}
    for name in names:
        steps = name.casefold().split(".")
        for start in range(len(steps)):
            for end in range(start + 1, len(steps) + 1):
                if found := barred.get(".".join(steps[start:end])):
                    return found
    return None


def compile_boundary(document: Document) -> dict[Side, frozenset[str]]:
    """Read ``boundary.never`` alone, which mapping files are checked against.

    Mistakes are noted by ``compile_ownership``, which reads it again.
    """
    boundary = document.data.get("boundary") if isinstance(document.data, Mapping) else None
    never = boundary.get("never") if isinstance(boundary, Mapping) else None
    listed = never if isinstance(never, Mapping) else {}
    return {
        side: frozenset(n for n in _items(listed.get(side.value)) if isinstance(n, str))
        for side in Side
    }


def compile_ownership(document: Document, schema: Schema) -> OwnershipMap:
    """Compile the parsed file; raises one ``ConfigurationError`` with all that is wrong.

    ``schema`` knows the custom fields the mapping files declare.
    """
    data = document.mapping((), document.data, "the ownership file")
    _check_boundary(document, data)
    never = compile_boundary(document)
    entities: dict[str, EntityRules] = {}
    for name, body in data.items():
        if name in {"schema_version", "boundary"}:
            continue
        if name in schema:
            entities[name] = _entity(document, schema[name], body, never)
        else:
            document.refuse((name,), f"unknown entity {name!r}", suggest(str(name), schema))
    if not entities and not document.problems:
        document.refuse((), "no entity is named, so nothing would be synced")
    document.finish()
    content = msgspec.json.encode(
        (entities, {side: sorted(names) for side, names in never.items()}), order="sorted"
    )
    return OwnershipMap(entities=entities, never=never, version=sha256(content).hexdigest()[:12])


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_boundary(document: Document, data: Mapping[str, Any]) -> None:
    path: Place = ("boundary",)
    boundary = document.mapping(path, data.get("boundary") or {}, "boundary")
    document.only(path, boundary, ("never",), "part of the boundary")
    never = document.mapping((*path, "never"), boundary.get("never") or {}, "never")
    document.only((*path, "never"), never, [s.value for s in Side], "side")
    for side, names in never.items():
        if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
            document.refuse((*path, "never", side), f"never.{side} must be a list of field names")


def _entity(
    document: Document, schema: EntitySchema, body: Any, never: Mapping[Side, frozenset[str]]
) -> EntityRules:
    path: Place = (schema.name,)
    parts = document.mapping(path, body, schema.name)
    document.only(path, parts, ("create", "born_elsewhere", "fields"), f"part of {schema.name}")
    create = _choice(document, (*path, "create"), parts.get("create", "none"), CreatePolicy)
    elsewhere = _choice(
        document, (*path, "born_elsewhere"), parts.get("born_elsewhere", "flag"), BornElsewhere
    )
    # a new file states `flag`, which asks for nothing
    if elsewhere not in (None, BornElsewhere.FLAG) and create is CreatePolicy.NONE:
        document.refuse(
            (*path, "born_elsewhere"), f"{schema.name}: born_elsewhere has no effect, since "
            "nothing is created (create: none)", "remove it",
        )  # fmt: skip
    fields = document.mapping((*path, "fields"), parts.get("fields"), f"{schema.name}.fields")
    rules: dict[str, FieldRule] = {}
    for field, options in fields.items():
        where = (*path, "fields", field)
        if _may_stand(document, where, schema, field, never):
            rule = _rule(document, where, schema, field, options)
            if rule is not None:
                if elsewhere is not BornElsewhere.ADOPT:
                    _check_create(document, where, rule, options, create)
                rules[field] = rule
    return EntityRules(
        entity=schema.name,
        fields=rules,
        create=create or CreatePolicy.NONE,
        born_elsewhere=elsewhere or BornElsewhere.FLAG,
    )


def _may_stand(
    document: Document,
    path: Place,
    schema: EntitySchema,
    field: str,
    never: Mapping[Side, frozenset[str]],
) -> bool:
    """Say whether a field of this name can be governed at all."""
    name = f"{schema.name}.{field}"
    if field == CROSS_REFERENCE:
        document.refuse(path, f"{name} is Interlock's own and has no owner", "remove the line")
        return False
    if field not in schema:
        if str(field).startswith("custom."):
            fix = f"declare {field} with its type in the mapping file of each system"
        else:
            fix = suggest(str(field), set(schema.types) - {CROSS_REFERENCE})
        document.refuse(path, f"unknown field {name!r}", fix)
        return False
    for side, names in never.items():
        if found := never_covers(names, name):
            document.refuse(
                path,
                f"{name} cannot be synced: it is behind the boundary (never.{side}: {found!r})",
                "remove the field here, or the name from the boundary",
            )
            return False
    return True


def _rule(
    document: Document, path: Place, schema: EntitySchema, field: str, options: Any
) -> FieldRule | None:
    """Compile one field's line: ``name: crm`` or ``name: {owner: crm, ...}``."""
    name = f"{schema.name}.{field}"
    if isinstance(options, str):
        options = {"owner": options}
    if not isinstance(options, Mapping) or "owner" not in options:
        document.refuse(path, f"{name} needs an owner", "write `owner: crm`, erp, shared or local")
        return None
    stated = options["owner"]
    if isinstance(stated, list):
        document.refuse(
            (*path, "owner"), f"{name} has several owners", "name one, or `owner: shared`"
        )
        return None
    if stated == "never":
        document.refuse(
            (*path, "owner"), f"{name} cannot be owned by 'never'",
            "remove the line: what is not named is not synced; list it under boundary.never to "
            "bar it for good",
        )  # fmt: skip
        return None
    ownership = _choice(document, (*path, "owner"), stated, Ownership)
    if ownership is None:
        return None
    if field in SIGNALS.get(schema.name, ()) and ownership not in (Ownership.ERP, Ownership.LOCAL):
        document.refuse(
            (*path, "owner"), f"{name} is a figure of the ERP: it cannot be owned by {stated!r}",
            "write `owner: erp`, or remove the line",
        )  # fmt: skip
        return None
    known = OPTIONS[ownership]
    rule: dict[str, Any] = {}
    for option, value in options.items():
        where = (*path, option)
        if option == "owner":
            continue
        if option not in known:
            _refuse_option(document, where, name, option, ownership)
        elif option == "default":
            rule[option] = _default(document, where, schema, field, value)
        elif (words := known[option]) is not None:
            chosen = _choice(document, where, value, words)
            if chosen is not None:
                rule[option] = chosen
        elif isinstance(value, bool):
            rule[option] = value
        else:
            document.refuse(where, f"{name}: {option} is true or false")
    return FieldRule(field=field, ownership=ownership, **rule)


def _refuse_option(
    document: Document, path: Place, name: str, option: str, ownership: Ownership
) -> None:
    homes = [owner.value for owner, options in OPTIONS.items() if option in options]
    if homes:
        document.refuse(
            path,
            f"{name}: {option!r} means nothing for an owner of {ownership.value!r}",
            f"remove it; it goes with owner {', '.join(homes)}",
        )
    else:
        known = {"owner", *(o for options in OPTIONS.values() for o in options)}
        document.refuse(path, f"{name}: unknown option {option!r}", suggest(str(option), known))


def _default(
    document: Document, path: Place, schema: EntitySchema, field: str, value: Any
) -> Value | None:
    try:
        return schema.convert(field, value)
    except msgspec.ValidationError as error:
        document.refuse(path, f"{schema.name}.{field}: the default does not fit: {error}")
        return None


def _check_create(
    document: Document,
    path: Place,
    rule: FieldRule,
    options: Any,
    create: CreatePolicy | None,
) -> None:
    """Refuse what a create would silently ignore."""
    if not isinstance(options, Mapping):
        return
    name = f"{path[0]}.{rule.field}"
    if rule.on_create is OnCreate.DEFAULT and options.get("default") is None:
        document.refuse((*path, "on_create"), f"{name}: on_create: default needs a `default:`")
    if "default" in options and rule.on_create is not OnCreate.DEFAULT:
        document.refuse(
            (*path, "default"), f"{name}: a default is only sent with on_create: default"
        )
    born = None if create is None else create.value
    if "on_create" in options and rule.ownership.side is not None:
        if born == rule.ownership.value:
            document.refuse(
                (*path, "on_create"),
                f"{name}: on_create has no effect, since new records come from the {born}, "
                "which owns the field",
                "remove it",
            )
        elif born == CreatePolicy.NONE.value:
            document.refuse(
                (*path, "on_create"),
                f"{name}: on_create has no effect, since nothing is created (create: none)",
                "remove it",
            )


def _choice(document: Document, path: Place, value: Any, choices: type[_Choice]) -> _Choice | None:
    """Take one of an enumeration's words; anything else is noted."""
    words = [c.value for c in choices]
    if isinstance(value, str) and value in words:
        return choices(value)
    where = ".".join(str(step) for step in path if step != "fields")
    document.refuse(path, f"{where}: {value!r} is not possible", suggest(str(value), words))
    return None
