"""What is asked for: which parties are customers, which columns are read, in which form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.directory import Directory
from interlock.connectors.tryton.holds import ASKED, DUNNING, HOLD
from interlock.connectors.tryton.objects import MODELS, NEVER, columns_of, key_field_of
from interlock.connectors.tryton.parties import Layout
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Scope"]


class Scope:
    """The part of Tryton one connection may see; every column comes from the object maps."""

    def __init__(
        self, directory: Directory, maps: dict[str, ObjectMap], settings: TrytonSettings,
        other_prefix: str,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._settings = settings
        self._other_prefix = other_prefix
        self.maps = maps
        self.readable = dict(maps)
        """The maps without what this user may not read, as of the last ``look``."""

    async def domain(self, entity: str) -> list[Any]:
        """Give the condition that tells an entity's records from others of the same model."""
        company = await self._directory.company()
        relations = list(self._settings.contact_relations.values())
        persons = ["relations", "where", [["type.name", "in", relations]]]
        if entity == "contact":
            return [["id", "not in", list(company.parties)], persons]
        if entity == "order":
            return [["company", "=", company.id]]
        if entity == "project":
            return [["company", "=", company.id], ["type", "=", "project"]]
        if entity == "invoice":
            return [["company", "=", company.id], ["type", "=", "out"]]
        if entity == "product":
            return []
        domain: list[Any] = [["id", "not in", list(company.parties)]]
        if self._settings.customer_category is not None:
            # an id that does not exist: without the category there are no customers
            category = await self._directory.category(self._settings.customer_category) or -1
            return [*domain, ["categories", "child_of", [category], "parent"]]
        if self._settings.contacts:
            domain.append(["relations", "not where", persons[2]])
        return domain

    async def columns(self, entity: str) -> list[str]:
        """Name the columns to request: those of the mapped fields that may be read."""
        readable = await self.look(entity)
        columns = ["_timestamp", "last_modified_at"]
        key_field = key_field_of(entity, self._settings)
        if MODELS[entity] == "party.party":
            columns += ["active", "replaced_by", *columns_of("identifiers:")]
        elif entity == "product":
            columns += ["active", "replaced_by", "template._timestamp"]
        elif entity in ("order", "project"):
            columns.append(key_field)
        for path in readable.paths:
            columns += columns_of(path, key_field)
        return list(dict.fromkeys(columns))

    async def look(self, entity: str) -> ObjectMap:
        """Find out which mapped fields this user may read and this Tryton has."""
        key_field, places = key_field_of(entity, self._settings), {}
        for item in self.maps[entity].fields:
            columns = [c for path in item.paths for c in columns_of(path, key_field)]
            places[item.field] = await self._places(MODELS[entity], columns)
            if any(path.startswith(HOLD) for path in item.paths):
                places[item.field] = await self._dunning()
        wanted: dict[str, set[str]] = {}
        for model, name in (place for each in places.values() for place in each or ()):
            wanted.setdefault(model, set()).add(name)
        hidden = {
            (model, name)
            for model, names in wanted.items()
            for name in await self._directory.hidden(model, sorted(names))
        }
        keep = [name for name, each in places.items() if each is not None and not each & hidden]
        self.readable[entity] = self.maps[entity].limited_to(keep)
        return self.readable[entity]

    async def _places(self, model: str, columns: Sequence[str]) -> set[tuple[str, str]] | None:
        """Tell of which models columns take which fields; ``None`` when Tryton lacks one."""
        places = set()
        for column in columns:
            here: str | None = model
            for step in column.removesuffix("._timestamp").split("."):
                fields = await self._directory.fields(here) if here else {}
                if here is None or step not in fields or step in NEVER:
                    return None
                places.add((here, step))
                here = fields[step].get("relation")
        return places

    async def _dunning(self) -> set[tuple[str, str]] | None:
        """Tell what holds are made of; ``None`` without one of the two modules."""
        return await self._places(DUNNING, ASKED) if await self._directory.has(DUNNING) else None

    async def layout(self) -> Layout:
        """Give the forms of keys and names of this connection."""
        company = await self._directory.company()
        return Layout(
            other_prefix=self._other_prefix, currency=company.currency,
            relation_types=frozenset(self._settings.contact_relations.values()),
            region=self._settings.regions,
            counts_stock=bool(await self._directory.warehouses()),
        )  # fmt: skip
