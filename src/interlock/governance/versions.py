"""Versions of the map: what each field's rule and mapping were, so that only what changed counts.

A map has one version as a whole and one for each field.  A base or an observation taken under
another version of the whole map still holds for every field whose own version is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from interlock.governance.compile import never_covers
from interlock.governance.rules import FieldRule, OwnershipMap, Side

__all__ = ["FieldVersion", "MapVersion", "barred", "describe"]


class FieldVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One field as a map has it: its rule, and per side the hash and paths of its mapping.

    What a create sends (``on_create``, ``default``) is left out of ``rule``: it decides nothing
    about records that are there.
    """

    rule: Mapping[str, Any]
    mapped: Mapping[str, str] = msgspec.field(default_factory=dict)
    paths: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, rule: FieldRule, **more: Any) -> FieldVersion:
        """Take what of a rule decides about records that are there."""
        stated = msgspec.to_builtins(rule)
        kept = {k: v for k, v in stated.items() if k not in ("field", "on_create", "default")}
        return cls(rule=kept, **more)

    @property
    def hash(self) -> str:
        """Short text that is the same as long as rule and mapping are."""
        content = msgspec.json.encode((self.rule, self.mapped), order="sorted")
        return sha256(content).hexdigest()[:12]


class MapVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A map as it was or is: ``fields`` by ``entity.field``, ``creates`` by entity.

    ``texts``: file -> what stood in it.  ``at``: when it last became the active one.
    """

    version: str = ""
    at: datetime | None = None
    texts: Mapping[str, str] = msgspec.field(default_factory=dict)
    fields: Mapping[str, FieldVersion] = msgspec.field(default_factory=dict)
    creates: Mapping[str, str] = msgspec.field(default_factory=dict)
    never: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        version: str,
        ownership: OwnershipMap,
        *,
        mapped: Mapping[str, Mapping[str, str]],
        paths: Mapping[str, Mapping[str, tuple[str, ...]]],
        texts: Mapping[str, str],
    ) -> MapVersion:
        """Describe a compiled map; ``mapped`` and ``paths``: side -> ``entity.field`` -> its."""
        return cls(
            version=version,
            texts=texts,
            fields={
                (name := f"{entity}.{field}"): FieldVersion.of(
                    rule,
                    mapped={s: of[name] for s, of in mapped.items() if name in of},
                    paths={s: of[name] for s, of in paths.items() if name in of},
                )
                for entity, rules in ownership.entities.items()
                for field, rule in rules.fields.items()
            },
            creates={e: r.created for e, r in ownership.entities.items()},
            never={s.value: tuple(sorted(ownership.never.get(s, ()))) for s in Side},
        )

    def same(self, other: MapVersion, name: str) -> bool:
        """Say whether a field means the same in both maps; one that neither has does."""
        mine, theirs = self.fields.get(name), other.fields.get(name)
        if mine is None or theirs is None:
            return mine is theirs
        return mine.hash == theirs.hash

    def changed(self, other: MapVersion) -> list[str]:
        """Fields, as ``entity.field``, that do not mean the same in both maps."""
        return sorted(n for n in {*self.fields, *other.fields} if not self.same(other, n))

    def entities_changed(self, other: MapVersion) -> set[str]:
        """Entities with a changed field or another rule of what is created."""
        creates = {e for e in {*self.creates, *other.creates}
                   if self.creates.get(e) != other.creates.get(e)}  # fmt: skip
        return creates | {name.partition(".")[0] for name in self.changed(other)}


def describe(old: MapVersion, new: MapVersion, name: str) -> str:
    """Say in words how a field changed from one map to the next."""
    before, after = old.fields.get(name), new.fields.get(name)
    if before is None:
        return f"newly synced ({_words(after.rule)})" if after is not None else ""
    if after is None:
        return "no longer synced"
    parts = []
    for option in sorted({*before.rule, *after.rule}):
        was, now = before.rule.get(option), after.rule.get(option)
        if was != now:
            parts.append(f"{'owner' if option == 'ownership' else option}: {was} -> {now}")
    parts += [
        f"mapped differently in the {side.upper()}"
        for side in sorted({*before.mapped, *after.mapped})
        if before.mapped.get(side) != after.mapped.get(side)
    ]
    return "; ".join(parts)


def _words(rule: Mapping[str, Any]) -> str:
    return f"owner: {rule.get('ownership')}"


def barred(old: MapVersion, new: MapVersion, known: Mapping[str, FieldVersion]) -> set[str]:
    """Fields, as ``entity.field``, that a name newly put on the ``never`` list covers.

    ``known``: all fields any map ever had.  A name may be the model's or the system's own.
    """
    found: set[str] = set()
    for side in Side:
        added = frozenset(new.never.get(side.value, ())) - frozenset(old.never.get(side.value, ()))
        for name, field in known.items():
            if added and never_covers(added, name, *field.paths.get(side.value, ())):
                found.add(name)
    return found
