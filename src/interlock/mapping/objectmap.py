"""Object maps: a vendor's object declared as a table of fields, decoded and encoded by it.

The raw form is a flat or nested ``dict`` in the vendor's own names; ``path`` uses dots.  Only
declared paths are read, so a field outside the map never enters Interlock (the boundary).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from interlock.mapping.codecs import Codec, CodecError, Narrowed
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import FieldFacts, Fields, Value

__all__ = ["MISSING", "FieldMap", "ObjectMap", "read_path", "write_path"]

MISSING: Any = object()


def read_path(raw: Mapping[str, Any], path: str) -> Any:
    """Read a dotted path; ``MISSING`` when a step is not there."""
    here: Any = raw
    for step in path.split("."):
        if not isinstance(here, Mapping) or step not in here:
            return MISSING
        here = here[step]
    return here


def write_path(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path, making the mappings in between."""
    *steps, last = path.split(".")
    for step in steps:
        raw = raw.setdefault(step, {})
    raw[last] = value


@dataclass(frozen=True, slots=True)
class FieldMap:
    """One model field and where the vendor keeps it; ``writable`` is false for computed fields.

    ``inputs``: name -> path; the codec then reads these values together, as a mapping, and
    ``path`` is not read.
    """

    field: str
    path: str
    codec: Codec
    writable: bool = True
    required: bool = False
    inputs: Mapping[str, str] = default(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """The vendor's fields it is read from."""
        return tuple(self.inputs.values()) or (self.path,)

    def changed(self, change: FieldOverride) -> FieldMap:
        """Apply a user's override."""
        codec = change.codec or self.codec
        if change.max_length is not None or change.decimals is not None:
            codec = Narrowed(codec, change.max_length, change.decimals)
        return FieldMap(
            self.field,
            change.path or self.path,
            codec,
            self.writable and not change.read_only,
            self.required,
            change.inputs or self.inputs,
        )

    def read(self, raw: Mapping[str, Any]) -> Any:
        """Take the value from a vendor's object; ``MISSING`` when any part is not there."""
        if not self.inputs:
            return read_path(raw, self.path)
        values = {name: read_path(raw, path) for name, path in self.inputs.items()}
        return MISSING if any(v is MISSING for v in values.values()) else values


@dataclass(frozen=True, slots=True)
class ObjectMap:
    """The fields of one entity in one vendor's object."""

    entity: str
    object: str
    fields: tuple[FieldMap, ...]

    def with_overrides(self, overrides: MappingOverrides) -> ObjectMap:
        """Apply a user's overrides: other paths and codecs, custom fields, fields switched off."""
        changes = dict(overrides.fields.get(self.entity, {}))
        fields: list[FieldMap] = []
        for item in self.fields:
            change = changes.pop(item.field, None)
            if change is None:
                fields.append(item)
            elif not change.off:
                fields.append(item.changed(change))
        for name, change in changes.items():
            if not change.off:
                if change.codec is None or not (change.path or change.inputs):
                    raise CodecError(f"{self.entity}.{name}: a new field needs a path and a type")
                new = FieldMap(name, change.path or "", change.codec)
                fields.append(new.changed(change))
        return ObjectMap(self.entity, self.object, tuple(fields))

    def limited_to(self, wanted: Collection[str]) -> ObjectMap:
        """Keep only the fields the ownership map lets through."""
        return ObjectMap(
            self.entity, self.object, tuple(f for f in self.fields if f.field in wanted)
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The vendor's fields to request, by name, in order."""
        return tuple(dict.fromkeys(path for f in self.fields for path in f.paths))

    def facts(self) -> dict[str, FieldFacts]:
        """What the vendor can hold, per model field."""
        from msgspec.structs import replace

        return {
            f.field: replace(
                f.codec.facts,
                writable=f.writable and f.codec.facts.writable,
                required=f.required or f.codec.facts.required,
            )
            for f in self.fields
        }

    def decode(self, raw: Mapping[str, Any], problems: dict[str, str] | None = None) -> Fields:
        """Read a vendor's object; a path that is not there leaves the field unknown.

        A value that cannot be read leaves its field unknown too and is named in ``problems``;
        without ``problems`` it raises ``CodecError``.
        """
        out: Fields = {}
        for item in self.fields:
            value = item.read(raw)
            if value is not MISSING:
                try:
                    out[item.field] = item.codec.decode(value)
                except CodecError as error:
                    error.field = item.field
                    if problems is None:
                        raise
                    problems[item.field] = error.message
        return out

    def encode(self, fields: Mapping[str, Value | None]) -> dict[str, Any]:
        """Make a vendor's (partial) object of the given fields; unmapped fields are an error."""
        maps = {f.field: f for f in self.fields}
        raw: dict[str, Any] = {}
        for name, value in fields.items():
            item = maps.get(name)
            if item is None or not item.writable:
                error = CodecError(f"{self.entity}.{name} cannot be written to {self.object}")
                error.field = name
                raise error
            try:
                write_path(raw, item.path, item.codec.encode(value))
            except CodecError as error:
                error.field = name
                raise
        return raw
