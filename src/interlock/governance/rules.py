"""The ownership map, compiled: one rule per field of each entity."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from interlock.model import ENTITIES, Value

__all__ = [
    "BornElsewhere",
    "ConflictRule",
    "CreatePolicy",
    "EntityRules",
    "FieldRule",
    "FirstLink",
    "OnCreate",
    "OnForeignEdit",
    "Ownership",
    "OwnershipMap",
    "Side",
    "CROSS_REFERENCE",
]

CROSS_REFERENCE = "other_id"
"""The field that holds the partner record's id: written by the engine, owned by neither side."""


class Side(StrEnum):
    """One of the two systems of a link."""

    CRM = "crm"
    ERP = "erp"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.ERP if self is Side.CRM else Side.CRM


class Ownership(StrEnum):
    """Whose a field is.  ``never`` fields are not part of a compiled map: they do not exist."""

    CRM = "crm"
    ERP = "erp"
    SHARED = "shared"
    LOCAL = "local"

    @property
    def side(self) -> Side | None:
        """The owning side, if there is one."""
        return Side(self.value) if self in (Ownership.CRM, Ownership.ERP) else None


class OnForeignEdit(StrEnum):
    """What happens to an edit by the side that does not own the field."""

    REVERT = "revert"
    FLAG = "flag"


class ConflictRule(StrEnum):
    """Who wins when both sides changed a shared field."""

    CRM = "crm"
    ERP = "erp"
    NEWEST = "newest"
    MANUAL = "manual"


class FirstLink(StrEnum):
    """Whose value is taken for a shared field when there is no base yet."""

    CRM = "crm"
    ERP = "erp"
    CONFLICT = "conflict"


class OnCreate(StrEnum):
    """What a create sends for a field whose owner has no record yet."""

    SEED = "seed"
    DEFAULT = "default"
    OMIT = "omit"


class CreatePolicy(StrEnum):
    """Where records of an entity are born, so that they may be created on the other side."""

    CRM = "crm"
    ERP = "erp"
    NONE = "none"


class BornElsewhere(StrEnum):
    """What becomes of a record born on the side where ``create`` expects none.

    FLAG: it is shown to a person.  ADOPT: it is created on the other side all the same.
    IGNORE: it stays where it is, and nobody is told.
    """

    FLAG = "flag"
    ADOPT = "adopt"
    IGNORE = "ignore"


class FieldRule(msgspec.Struct, frozen=True, kw_only=True):
    """How one field is governed.

    ``may_blank``: a blank in a shared field erases the other side's value.  ``lossy_ok``: a
    narrower value may overwrite a wider one it equals as far as it goes.  ``default``: what a
    create sends with ``on_create: default``.
    """

    field: str
    ownership: Ownership
    on_foreign_edit: OnForeignEdit = OnForeignEdit.REVERT
    conflict: ConflictRule = ConflictRule.MANUAL
    first_link: FirstLink = FirstLink.CONFLICT
    may_blank: bool = False
    lossy_ok: bool = False
    on_create: OnCreate = OnCreate.SEED
    default: Value | None = None


class EntityRules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of one entity."""

    entity: str
    fields: Mapping[str, FieldRule]
    create: CreatePolicy = CreatePolicy.NONE
    born_elsewhere: BornElsewhere = BornElsewhere.FLAG

    def creates_from(self, side: Side) -> bool:
        """Say whether a record that only this side has is created on the other one."""
        if self.create is CreatePolicy.NONE:
            return False
        return self.create.value == side.value or self.born_elsewhere is BornElsewhere.ADOPT

    def ignores_from(self, side: Side) -> bool:
        """Say whether a record that only this side has stays there, and nobody is told."""
        expected = self.create is CreatePolicy.NONE or self.create.value == side.value
        return not expected and self.born_elsewhere is BornElsewhere.IGNORE

    @property
    def created(self) -> str:
        """From which side records are created: crm, erp, both or none."""
        sides = [side.value for side in Side if self.creates_from(side)]
        return "both" if len(sides) == len(Side) else "".join(sides) or "none"

    def readable(self) -> frozenset[str]:
        """Fields a connector may request."""
        return frozenset(self.fields)

    def merged(self) -> tuple[FieldRule, ...]:
        """The rules that take part in a merge: all but ``local``."""
        return tuple(r for r in self.fields.values() if r.ownership is not Ownership.LOCAL)


class OwnershipMap(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled ``ownership.yaml``.

    ``never``: per side, names (model fields or vendor fields) that must not be mapped anywhere.
    ``version``: short hash of the content, stamped on observations and writes.
    """

    entities: Mapping[str, EntityRules]
    never: Mapping[Side, frozenset[str]]
    version: str

    def wanted(self) -> dict[str, frozenset[str]]:
        """Entity -> fields that may be requested from a system.

        The cross-reference is among them though no ownership file names it: it is the engine's.
        """
        return {
            name: rules.readable() | {CROSS_REFERENCE}
            if CROSS_REFERENCE in ENTITIES[name].__struct_fields__
            else rules.readable()
            for name, rules in self.entities.items()
        }
