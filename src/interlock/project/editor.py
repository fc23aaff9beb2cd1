"""JSON Schemas of the project's files, for editors; ``schemas/`` holds them as they are shipped.

``python -m interlock.project.editor`` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from interlock.governance import compile as ownership
from interlock.governance import compile_pricing as pricing
from interlock.governance.pricing import DEFAULT_VERDICTS, Verdict
from interlock.governance.rules import CROSS_REFERENCE, BornElsewhere, CreatePolicy, Ownership, Side
from interlock.mapping import compile as mapping
from interlock.mapping.expressions import MAX_LENGTH
from interlock.model import Schema
from interlock.model.schema import CUSTOM_TYPES
from interlock.project.config import ProjectDocument

__all__ = ["FOLDER", "render_schemas"]

FOLDER = Path(__file__).parent / "schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_CUSTOM = r"^custom\.[a-z][a-z0-9_]*$"


def render_schemas() -> dict[str, str]:
    """File name -> text of each schema."""
    schemas = {
        "interlock.schema.json": {"$schema": _DRAFT, **_config_schema()},
        "ownership.schema.json": {"$schema": _DRAFT, **_ownership_schema()},
        "mapping.schema.json": {"$schema": _DRAFT, **_mapping_schema()},
        "pricing.schema.json": {"$schema": _DRAFT, **_pricing_schema()},
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def _config_schema() -> dict[str, Any]:
    return ProjectDocument.model_json_schema()


def _object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **more,
    }


def _words(kind: type[StrEnum]) -> dict[str, Any]:
    return {"enum": [word.value for word in kind]}


def _rule_schemas() -> list[dict[str, Any]]:
    """One form per set of options, and the short form that is the owner alone."""
    forms: list[dict[str, Any]] = [_words(Ownership)]
    for owner, options in ownership.OPTIONS.items():
        properties: dict[str, Any] = {"owner": {"const": owner.value}}
        for option, words in options.items():
            if option == "default":
                properties[option] = {}
            else:
                properties[option] = {"type": "boolean"} if words is None else _words(words)
        forms.append(_object(properties, required=["owner"]))
    return forms


def _ownership_schema() -> dict[str, Any]:
    schema = Schema()
    names = {"type": "array", "items": {"type": "string", "minLength": 1}}
    entities = {
        entity: _object(
            {
                "create": _words(CreatePolicy),
                "born_elsewhere": _words(BornElsewhere),
                "fields": _object(
                    {
                        f: {"$ref": "#/$defs/rule"}
                        for f in schema[entity].types
                        if f != CROSS_REFERENCE
                    },
                    patternProperties={_CUSTOM: {"$ref": "#/$defs/rule"}},
                ),
            },
            required=["fields"],
        )
        for entity in schema
    }
    boundary = _object({"never": _object({side.value: names for side in Side})})
    return {
        "title": "ownership.yaml",
        **_object(
            {
                "schema_version": {"const": ownership.SCHEMA_VERSION},
                **entities,
                "boundary": boundary,
            },
            required=["schema_version"],
        ),
        "$defs": {"rule": {"anyOf": _rule_schemas()}},
    }


def _mapping_schema() -> dict[str, Any]:
    schema = Schema()
    text = {"type": "string", "minLength": 1}
    options: dict[str, Any] = {
        "path": text,
        "type": {"enum": list(CUSTOM_TYPES)},
        "values": {"type": "object", "minProperties": 1},
        "decode": {**text, "maxLength": MAX_LENGTH},
        "encode": {**text, "maxLength": MAX_LENGTH},
        "decode_function": text,
        "encode_function": text,
        "inputs": {"type": "object", "additionalProperties": text},
        "max_length": {"type": "integer", "minimum": 1},
        "decimals": {"type": "integer", "minimum": 0},
        "read_only": {"type": "boolean"},
        "off": {"type": "boolean"},
    }
    field = {"$ref": "#/$defs/field"}
    entities = {
        entity: _object(
            {
                "fields": _object(
                    dict.fromkeys(schema[entity].types, field), patternProperties={_CUSTOM: field}
                )
            }
        )
        for entity in schema
    }
    return {
        "title": "mappings/NAME.yaml",
        **_object(
            {"schema_version": {"const": mapping.SCHEMA_VERSION}, **entities},
            required=["schema_version"],
        ),
        "$defs": {"field": {"anyOf": [{"const": "off"}, _object(options)]}},
    }


def _pricing_schema() -> dict[str, Any]:
    text = {"type": ["string", "integer"], "minLength": 1}
    texts = {"type": "array", "items": text}
    one_or_more = {"anyOf": [text, texts]}
    number = {"type": "number", "minimum": 0}
    day = {"type": "string", "format": "date"}
    customer = Schema()["customer"].types
    groups = [name for name, kind in customer.items() if kind is str]
    rule = {
        "name": {"type": "string", "minLength": 1},
        **dict.fromkeys(("sku", "family", "group", "role"), one_or_more),
        "from_quantity": number,
        "valid_from": day,
        "valid_until": day,
        "max_discount": {**number, "maximum": 100},
        "floor": {"type": "string", "pattern": pricing.MONEY.pattern},
    }
    wanted = [{"required": ["max_discount"]}, {"required": ["floor"]}]
    parts = {
        "customer_group": {"anyOf": [{"enum": groups}, {"type": "string", "pattern": _CUSTOM}]},
        "roles": {"type": "object", "additionalProperties": one_or_more},
        "default_role": text,
        "approvers": one_or_more,
        "verdicts": _object(dict.fromkeys(DEFAULT_VERDICTS, _words(Verdict))),
        "rules": {"type": "array", "items": _object(rule, required=["name"], anyOf=wanted)},
    }
    return {
        "title": "pricing.yaml",
        **_object(
            {"schema_version": {"const": pricing.PRICING_VERSION}, **parts},
            required=["schema_version"],
        ),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in render_schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
