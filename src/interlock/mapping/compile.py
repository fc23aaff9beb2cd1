"""Compiles a parsed ``mappings/NAME.yaml`` into overrides of one connection's object maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

from interlock.governance.compile import never_covers
from interlock.governance.document import Document, Place, suggest
from interlock.mapping.codecs import (
    Boolean,
    Codec,
    CodecError,
    Date,
    Instant,
    Number,
    Text,
    ValueMap,
)
from interlock.mapping.computed import Computed, Step
from interlock.mapping.expressions import Expression
from interlock.mapping.functions import Function, load_function
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import ENTITIES, EntitySchema, FieldFacts
from interlock.model.schema import CUSTOM_TYPES

__all__ = ["OPTIONS", "SCHEMA_VERSION", "compile_mapping"]

SCHEMA_VERSION = 1

OPTIONS = (
    "path", "type", "values", "decode", "encode", "decode_function", "encode_function", "inputs",
    "max_length", "decimals", "read_only", "off",
)  # fmt: skip
"""What a mapping file may say of a field."""

_CODECS: Mapping[str, Callable[[FieldFacts], Codec]] = {
    "text": Text, "number": Number, "boolean": Boolean, "date": Date, "datetime": Instant,
}  # fmt: skip
_CUSTOM = re.compile(r"custom\.[a-z][a-z0-9_]*")
_INPUT = re.compile(r"[a-z][a-z0-9_]*")
_T = TypeVar("_T")
_Overrides: TypeAlias = Mapping[str, Mapping[str, FieldOverride]]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of the file being compiled."""

    document: Document
    path: Place
    name: str
    """Entity and field, for messages."""
    kind: str | None
    """The model's type by its name in mapping files; ``None`` for addresses, money and the like."""
    options: Mapping[str, Any]
    root: Path

    def refuse(self, message: str, fix: str | None = None, option: str | None = None) -> None:
        path = self.path if option is None else (*self.path, option)
        self.document.refuse(path, f"{self.name}: {message}", fix)

    def take(self, option: str, kind: type[_T], what: str) -> _T | None:
        """Read an option of one type; a wrong one is noted."""
        value = self.options.get(option)
        if value is None:
            return None
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self.refuse(f"{option} must be {what}", option=option)
        return None


def compile_mapping(
    document: Document, *, root: Path, never: frozenset[str] = frozenset()
) -> MappingOverrides:
    """Compile one file; raises one ``ConfigurationError`` with all that is wrong.

    ``root`` is the project folder, for its own functions.  ``never``: names of this side's
    boundary, which no path may touch.
    """
    data = document.mapping((), document.data, "the mapping file")
    fields: dict[str, dict[str, FieldOverride]] = {}
    stated: dict[str, Mapping[str, Any]] = {}
    custom: dict[str, dict[str, str]] = {}
    for entity, body in data.items():
        if entity == "schema_version":
            continue
        if entity not in ENTITIES:
            document.refuse((entity,), f"unknown entity {entity!r}", suggest(str(entity), ENTITIES))
            continue
        parts = document.mapping((entity,), body, entity)
        document.only((entity,), parts, ("fields",), f"part of {entity}")
        listed = document.mapping((entity, "fields"), parts.get("fields"), f"{entity}.fields")
        stated[entity] = listed
        for field, options in listed.items():
            item = _field(document, root, entity, field, options)
            if item is None:
                continue
            _check_boundary(item, never)
            fields.setdefault(entity, {})[field] = _override(item)
            if field.startswith("custom.") and item.kind is not None:
                custom.setdefault(entity, {})[field.removeprefix("custom.")] = item.kind
    document.finish()
    return MappingOverrides(
        fields=fields,
        custom=custom,
        version=_version(stated, fields),
        versions={
            f"{entity}.{field}": _version(
                {entity: {field: stated[entity][field]}}, {entity: {field: override}}
            )
            for entity, listed in fields.items()
            for field, override in listed.items()
        },
    )


def _field(document: Document, root: Path, entity: str, field: str, options: Any) -> _Field | None:
    path: Place = (entity, "fields", field)
    name = f"{entity}.{field}"
    if options == "off":
        options = {"off": True}
    options = document.mapping(path, options, name)
    document.only(path, options, OPTIONS, "option")
    schema = EntitySchema(entity)
    if field in schema:
        kinds = {python: word for word, python in CUSTOM_TYPES.items()}
        return _Field(document, path, name, kinds.get(schema.types[field]), options, root)
    if not _CUSTOM.fullmatch(str(field)):
        fix = (
            "write custom. and a name of small letters, digits and _"
            if str(field).startswith("custom")
            else f"{suggest(str(field), schema.types)} A field of your own is called custom.NAME"
        )
        document.refuse(path, f"unknown field {name!r}", fix)
        return None
    kind = options.get("type")
    if kind not in CUSTOM_TYPES and not options.get("off"):
        document.refuse(path, f"{name}: a custom field needs a type", _one_of(CUSTOM_TYPES))
        return None
    if not (options.get("path") or options.get("inputs") or options.get("off")):
        document.refuse(path, f"{name}: a custom field needs a path", "name the system's field")
        return None
    return _Field(document, path, name, kind, options, root)


def _one_of(words: Mapping[str, object]) -> str:
    return f"one of {', '.join(words)}"


def _check_boundary(item: _Field, never: frozenset[str]) -> None:
    inputs = item.options.get("inputs")
    paths = list(inputs.values()) if isinstance(inputs, Mapping) else []
    for path in (item.options.get("path"), *paths):
        if isinstance(path, str) and (found := never_covers(never, path)):
            item.refuse(
                f"path {path!r} is behind the boundary (boundary.never lists {found!r})",
                "remove the mapping, or the name from ownership.yaml",
                option="path" if path == item.options.get("path") else "inputs",
            )


def _override(item: _Field) -> FieldOverride:
    if item.take("off", bool, "true or false"):
        if len(item.options) > 1:
            item.refuse("a field that is off takes no other option")
        return FieldOverride(off=True)
    inputs = _inputs(item)
    reads, writes = _step(item, "decode", inputs), _step(item, "encode", {})
    if inputs and reads is None:
        item.refuse("inputs need an expression that reads them", "add `decode`", "inputs")
    codec = _codec(item, reads, writes, bool(inputs))
    return FieldOverride(
        path=_path(item),
        codec=codec,
        max_length=_limit(item, "max_length", least=1),
        decimals=_limit(item, "decimals", least=0),
        inputs=inputs,
        read_only=bool(item.take("read_only", bool, "true or false"))
        or (reads is not None and writes is None),
    )


def _path(item: _Field) -> str | None:
    path = item.take("path", str, "the name of the system's field")
    if path is not None and not all(path.split(".")):
        item.refuse(f"{path!r} is not a path", "write names joined by dots", "path")
    return path


def _limit(item: _Field, option: str, *, least: int) -> int | None:
    number = item.take(option, int, "a whole number")
    if number is not None and number < least:
        item.refuse(f"{option} must be at least {least}", option=option)
    return number


def _inputs(item: _Field) -> dict[str, str]:
    inputs = item.options.get("inputs")
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping) or not all(isinstance(p, str) for p in inputs.values()):
        item.refuse("inputs must be `name: path` lines", option="inputs")
        return {}
    for name in inputs:
        if not isinstance(name, str) or not _INPUT.fullmatch(name):
            item.refuse(f"input {name!r} must be small letters, digits and _", option="inputs")
            return {}
    return dict(inputs)


def _step(item: _Field, option: str, inputs: Mapping[str, str]) -> Step | None:
    """Compile ``decode``/``encode`` or load ``decode_function``/``encode_function``."""
    source = item.take(option, str, "an expression")
    name = item.take(f"{option}_function", str, "a function's name")
    if source is not None and name is not None:
        item.refuse(f"{option} and {option}_function exclude each other", option=option)
        return None
    try:
        if source is not None:
            return Expression.compile(source, f"{item.name} {option}", tuple(inputs) or ("value",))
        if name is not None:
            return load_function(name, item.root)
    except CodecError as error:
        where = option if source is not None else f"{option}_function"
        item.document.refuse((*item.path, where), error.message, error.fix)
    return None


def _codec(item: _Field, reads: Step | None, writes: Step | None, several: bool) -> Codec | None:
    """Make the codec the options ask for; ``None`` keeps the connector's."""
    stated = item.options.get("type")
    values = item.options.get("values")
    if stated is None and values is None and reads is None and writes is None:
        return None
    if item.kind is None:
        item.refuse(
            "its type cannot be mapped by hand, only its path, limits or off",
            "addresses, money, references and lines keep the connector's own form",
        )
        return None
    if stated is not None and stated != item.kind:
        item.refuse(f"type {stated!r} does not fit", f"the field is {item.kind}", "type")
        return None
    if values is not None and (reads is not None or writes is not None):
        item.refuse("values and expressions exclude each other", option="values")
        return None
    if values is not None:
        return _value_map(item, values)
    plain = _CODECS[item.kind](FieldFacts())
    if reads is None and writes is None:
        return plain
    if reads is None:
        item.refuse("what is written by an expression must be read by one", "add `decode`")
        return None
    # nobody can say what a computed field is written as unless the user does
    held = plain if writes is not None else _CODECS[item.kind](FieldFacts(writable=False))
    return Computed(held, reads, writes, several)


def _value_map(item: _Field, values: Any) -> ValueMap | None:
    if item.kind not in {"text", "boolean", "number"}:
        item.refuse(f"a {item.kind} field takes no values", option="values")
        return None
    if not isinstance(values, Mapping) or not values:
        item.refuse("values must be `theirs: ours` lines", option="values")
        return None
    pairs: list[tuple[str | int | bool, str | bool | Decimal]] = []
    seen: dict[str, object] = {}
    for theirs, ours in values.items():
        model = _model_value(ours, item.kind)
        code = str(theirs).strip().casefold()
        if model is None or isinstance(theirs, Decimal | None) or not code:
            item.document.refuse(
                (*item.path, "values", theirs), f"{item.name}: {theirs!r}: {ours!r} is no pair",
                f"ours must be {item.kind}; put text that looks like a number into quotes",
            )  # fmt: skip
        elif seen.setdefault(code, model) != model:
            item.document.refuse(
                (*item.path, "values", theirs),
                f"{item.name}: {theirs!r} stands for two different values",
            )
        else:
            pairs.append((theirs, model))
    choices = tuple(dict.fromkeys(v for _, v in pairs if isinstance(v, str)))
    return ValueMap(tuple(pairs), FieldFacts(choices=choices or None))


def _model_value(value: Any, kind: str) -> str | bool | Decimal | None:
    match kind:
        case "text" if isinstance(value, str) and value.strip() == value:
            return value or None
        case "boolean" if isinstance(value, bool):
            return value
        case "number" if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        case _:
            return None


def _version(fields: Mapping[str, Mapping[str, Any]], compiled: _Overrides) -> str:
    """Hash what is mapped, and the code of the project's functions it names.

    The order of fields means nothing; of values it does: the first of two is written.
    """
    if not any(fields.values()):
        return MappingOverrides().version
    stated = {
        f"{entity}.{field}": _ordered(options)
        for entity, listed in fields.items()
        for field, options in listed.items()
    }
    digests = [
        step.digest
        for overrides in compiled.values()
        for _, override in sorted(overrides.items())
        if isinstance(override.codec, Computed)
        for step in (override.codec.reads, override.codec.writes)
        if isinstance(step, Function)
    ]
    content = msgspec.json.encode((stated, digests), order="sorted")
    return sha256(content).hexdigest()[:12]


def _ordered(options: Any) -> Any:
    if isinstance(options, Mapping) and isinstance(options.get("values"), Mapping):
        return {**options, "values": list(options["values"].items())}
    return options
