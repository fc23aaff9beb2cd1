"""What a user's ``mappings/*.yaml`` changes in a connector's object maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.mapping.codecs import Codec

__all__ = ["FieldOverride", "MappingOverrides"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOverride:
    """One model field, mapped anew.

    ``path``: the vendor's field; ``None`` keeps the connector's.  ``codec``: replaces the
    connector's.  ``max_length`` and ``decimals``: the field holds less than the codec says.
    ``inputs``: name -> vendor's field, read together by a computed field.  ``read_only``: never
    written.  ``off``: the field is not mapped at all.
    """

    path: str | None = None
    codec: Codec | None = None
    max_length: int | None = None
    decimals: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    off: bool = False


@dataclass(frozen=True, slots=True)
class MappingOverrides:
    """Overrides of one connection: entity -> model field -> override; ``version`` is their hash."""

    fields: Mapping[str, Mapping[str, FieldOverride]] = field(default_factory=dict)
    custom: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Custom fields declared here: entity -> name -> type name of ``CUSTOM_TYPES``."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = "0"
    versions: Mapping[str, str] = field(default_factory=dict)
    """``entity.field`` -> hash of that field's mapping alone."""
