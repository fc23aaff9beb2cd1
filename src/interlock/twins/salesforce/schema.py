"""What objects and fields an org has, and which of them the connected user may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

__all__ = ["CURRENCIES", "CURRENCY_FIELD", "Field", "SObject", "Schema", "read_objects"]

CURRENCIES: Final = ("USD", "EUR", "GBP")
_TEXTS: Final = ("string", "textarea", "email", "phone", "url", "picklist")
_NUMBERS: Final = ("currency", "double", "percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, with what ``describe`` tells of it."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    default: Any = None
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    child_relationship: str | None = None
    compound: str | None = None
    """The compound field this one is a part of."""
    custom: bool = False
    auto_number: bool = False
    calculated: bool = False

    @property
    def required(self) -> bool:
        """Say whether a new record must bring a value."""
        return self.createable and not self.nillable and self.default is None

    @property
    def is_text(self) -> bool:
        """Say whether its values are text of limited length."""
        return self.type in _TEXTS

    @property
    def is_number(self) -> bool:
        """Say whether its values are numbers with decimals."""
        return self.type in _NUMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class SObject:
    """One kind of records."""

    name: str
    prefix: str
    label: str
    plural: str
    fields: Mapping[str, Field]
    replicateable: bool = True
    createable: bool = True
    mergeable: bool = False
    cascades: tuple[str, ...] = field(default=())
    """Lookups of other objects, as ``Object.Field``, whose records go when this one does."""

    def with_field(self, added: Field) -> SObject:
        """Add a field or replace it."""
        return replace(self, fields={**self.fields, added.name: added})

    def without_field(self, name: str) -> SObject:
        """Take a field away."""
        return replace(self, fields={k: v for k, v in self.fields.items() if k != name})

    def named(self, name: str) -> Field | None:
        """Find a field; case does not matter."""
        found = self.fields.get(name)
        if found is None:
            low = name.lower()
            found = next((f for f in self.fields.values() if f.name.lower() == low), None)
        return found

    def lookup(self, relationship: str) -> Field | None:
        """Find the lookup behind a relationship's name; case does not matter."""
        low = relationship.lower()
        return next(
            (f for f in self.fields.values() if (f.relationship or "").lower() == low), None
        )


CURRENCY_FIELD: Final = Field(
    name="CurrencyIsoCode", type="picklist", label="Currency ISO Code", length=3, nillable=False,
    default=CURRENCIES[0], restricted=True, values=CURRENCIES,
)  # fmt: skip


class Schema:
    """The objects of one org.  Names are found whatever their case."""

    def __init__(self, objects: Mapping[str, SObject]) -> None:
        self._objects = dict(objects)
        self._switched_off: set[str] = set()

    def __iter__(self) -> Iterator[SObject]:
        return (o for o in self._objects.values() if o.name not in self._switched_off)

    def find(self, name: str) -> SObject | None:
        """Find an object; ``None`` where the org has none of that name, or has it switched off."""
        low = name.lower()
        return next((o for o in self if o.name.lower() == low), None)

    def put(self, changed: SObject) -> None:
        """Add an object or replace it."""
        self._objects[changed.name] = changed

    def switch(self, names: tuple[str, ...], *, on: bool) -> None:
        """Switch objects on or off, as a feature does."""
        if on:
            self._switched_off -= set(names)
        else:
            self._switched_off |= set(names)

    def by_prefix(self, key: str) -> SObject | None:
        """Find the object an id belongs to."""
        return next((o for o in self if o.prefix == key[:3]), None)

    def children(self, parent: str) -> Iterator[tuple[SObject, Field]]:
        """List the lookups that point at an object, by the objects they are on."""
        for one in self:
            for item in one.fields.values():
                if parent in item.refers_to and item.child_relationship:
                    yield one, item


# ── reading the table of standard objects ────────────────────────────────────────────────────

_STAMPS: Final = """
Id              id ro
IsDeleted       boolean ro =false
CreatedDate     datetime ro
CreatedById     reference ro ->User/CreatedBy
LastModifiedDate datetime ro
LastModifiedById reference ro ->User/LastModifiedBy
SystemModstamp  datetime ro
"""


def read_objects(text: str) -> dict[str, SObject]:
    """Read the table of ``standard.py``."""
    objects: dict[str, SObject] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.strip().splitlines()
        name, prefix, labels, *marks = head.split("|")
        label, plural = labels.split("/")
        fields = [_read_field(line) for line in (*_STAMPS.strip().splitlines(), *lines)]
        cascades = tuple(m.removeprefix("cascade ") for m in marks if m.startswith("cascade "))
        objects[name] = SObject(
            name=name,
            prefix=prefix,
            label=label,
            plural=plural,
            fields={f.name: f for f in fields},
            replicateable="fixed" not in marks,
            createable="fixed" not in marks,
            mergeable="mergeable" in marks,
            cascades=cascades,
        )
    return objects


def _read_field(line: str) -> Field:
    text, _, choices = line.partition(": ")
    name, kind, *marks = text.split()
    kind, _, size = kind.partition("(")
    numbers = [int(n) for n in size.rstrip(")").split(",")] if size else []
    facts: dict[str, Any] = {
        "name": name, "type": kind, "label": _label(name), "values": tuple(choices.split("|"))
        if choices else (),
    }  # fmt: skip
    if kind in ("currency", "double", "percent", "int"):
        facts |= {"precision": numbers[0], "scale": numbers[1]} if numbers else {"precision": 9}
    elif kind in ("id", "reference"):
        facts["length"] = 18
    else:
        facts["length"] = numbers[0] if numbers else 255 if kind == "picklist" else 0
    if kind == "boolean":
        facts |= {"nillable": False, "default": False}
    for mark in marks:
        facts |= _read_mark(mark)
    if kind == "id":
        facts |= {"nillable": False}
    return Field(**facts)


def _read_mark(mark: str) -> dict[str, Any]:
    if mark.startswith("->"):
        target, _, names = mark[2:].partition("/")
        relationship, _, children = names.partition("/")
        return {
            "refers_to": tuple(target.split(",")),
            "relationship": relationship,
            "child_relationship": children or None,
        }
    if mark.startswith("="):
        value: Any = {"=true": True, "=false": False}.get(mark, mark[1:].replace("_", " "))
        return {"default": value, "nillable": False}
    if mark.startswith("in:"):
        return {"compound": mark[3:]}
    return {
        "*": {"nillable": False},
        "ro": {"createable": False, "updateable": False},
        "calc": {"createable": False, "updateable": False, "calculated": True},
        "auto": {"createable": False, "updateable": False, "auto_number": True},
        "fixed": {"updateable": False},
        "restricted": {"restricted": True},
        "unique": {"unique": True},
    }[mark]


def _label(name: str) -> str:
    spaced = "".join(f" {c}" if c.isupper() and n else c for n, c in enumerate(name))
    return spaced.removesuffix(" Id").removesuffix("2")
