"""Honesty: what is declared works, what is not declared refuses, and nothing else is claimed."""

from __future__ import annotations

import pytest

from interlock.connectors.base import Connector, Kind, WriteKind, WriteRequest
from interlock.model import ENTITIES, WRITTEN, Fields
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import (
    Conformance,
    declared,
    fetch_one,
    need,
)

__all__ = ["BaseHonesty"]

_TELLING = ("tax_id", "email", "name", "website", "sku")


class BaseHonesty(Conformance):
    """Capabilities are the truth."""

    async def test_plugin_and_entities_are_of_the_model(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Names, kind and every declared entity are known to the engine."""
        assert harness.plugin.name.isidentifier()
        assert harness.plugin.kind in Kind
        assert set(connector.capabilities.entities) <= {*ENTITIES, *WRITTEN}
        assert set(harness.object_maps()) == set(connector.capabilities.entities)

    async def test_declared_fields_are_the_mapped_ones(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """With the very facts of the object map, and all of them of the model."""
        facts = harness.object_maps()[entity].facts()
        assert dict(declared(connector, entity).fields) == facts
        assert set(facts) <= set({**ENTITIES, **WRITTEN}[entity].__struct_fields__)

    async def test_sizes_and_reference_make_sense(self, connector: Connector, entity: str) -> None:
        """A page and a batch hold something; what can be found has a place for the reference."""
        able = declared(connector, entity)
        assert able.page_size >= 1
        assert able.batch_size >= 1
        assert bool(able.find) == bool(able.reference)
        assert not able.enforces_reference or able.reference
        assert entity in ("order", "project") or not able.drafts

    async def test_undeclared_abilities_refuse(self, connector: Connector, entity: str) -> None:
        """With NotImplementedError, before the system is touched."""
        able = declared(connector, entity)
        if not able.changes:
            with pytest.raises(NotImplementedError):
                await connector.changes(entity, None)
        if not able.find:
            with pytest.raises(NotImplementedError):
                await connector.find(entity, ["il-4k2m9x-NOBODY"])
        if not able.lookup:
            with pytest.raises(NotImplementedError):
                await connector.lookup(entity, {"name": "x"})
        for kind, ability in ((WriteKind.CREATE, able.create), (WriteKind.UPDATE, able.update)):
            if not ability:
                write = WriteRequest(id="w", entity=entity, kind=kind, fields={}, record_id="1")
                with pytest.raises(NotImplementedError):
                    await connector.write(entity, [write])

    async def test_lookup_finds_by_a_telling_field(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The record just seeded, by each telling field it has; and nothing for nobody."""
        need(declared(connector, entity).lookup, f"lookup {entity}")
        record_id = await harness.seed_sample(entity)
        seen = await fetch_one(connector, entity, record_id)
        probes: list[Fields] = [
            {name: seen.fields[name]} for name in _TELLING if seen.fields.get(name)
        ]
        assert probes, "the sample fills no field a record can be looked up by"
        for probe in probes:
            assert record_id in {record.id for record in await connector.lookup(entity, probe)}
        nobody: Fields = {name: f"nobody{harness.token}" for probe in probes for name in probe}
        assert list(await connector.lookup(entity, nobody)) == []

    async def test_provision_is_declared_and_repeatable(self, connector: Connector) -> None:
        """A dry run makes nothing, a second run finds everything present."""
        if not connector.capabilities.provision:
            with pytest.raises(NotImplementedError):
                await connector.provision(dry_run=True)
            return
        planned = await connector.provision(dry_run=True)
        assert {step.action for step in planned} <= {"present", "would create"}
        done = await connector.provision(dry_run=False)
        assert [step.subject for step in done] == [step.subject for step in planned]
        again = await connector.provision(dry_run=False)
        assert {step.action for step in again} == {"present"}
