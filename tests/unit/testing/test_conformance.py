"""How the suite skips, and how it notices a connector that never ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from interlock.connectors.base import Capability, Level, Page
from interlock.connectors.memory import crm_plugin
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields
from interlock.testing.conformance import BEHAVIOURS, Harness, Wrong
from interlock.testing.conformance.suite import bring_about, need, read_round


class Bare(Harness):
    plugin = crm_plugin
    entities = ("customer",)
    cannot = {"merge": "nobody can merge here"}

    def settings(self, wrong: Wrong | None = None) -> Any:
        return None

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return {}

    async def seed(self, entity: str, fields: Fields) -> str:
        return f"{entity}-1"

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        return

    async def read(self, entity: str, record_id: str) -> Fields | None:
        return None

    async def ids(self, entity: str) -> set[str]:
        return set()

    def secrets(self) -> Sequence[str]:
        return []


async def test_a_fault_is_skipped_only_with_its_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="merge: nobody can merge here"):
        await bring_about(Bare().merge, "customer", "1", "2")
    with pytest.raises(pytest.fail.Exception, match="neither overrides remove nor names it"):
        await bring_about(Bare().remove, "customer", "1")


def test_an_ability_is_skipped_only_when_declared_missing() -> None:
    need(Capability(Level.FROM_VERSION, "2.0"), "merges")
    with pytest.raises(pytest.skip.Exception, match=r"merges: not implemented \(soon\)"):
        need(Capability(Level.NOT_IMPLEMENTED, "soon"), "merges")


async def test_a_cursor_that_stands_still_is_noticed() -> None:
    async def read(_entity: str, _cursor: str | None) -> Page:
        return Page(records=[], cursor="same", more=True)

    with pytest.raises(AssertionError, match="stands still"):
        await read_round(read, "customer", None)


async def test_samples_differ_and_bring_what_they_need() -> None:
    harness = Bare()
    names = [(await harness.sample("customer"))["name"] for _ in range(2)]
    assert names[0] != names[1]
    order = await harness.sample("order")
    lines = order["lines"]
    assert isinstance(lines, tuple)
    assert len({line.key for line in lines}) == len(lines) == 2


def test_every_behaviour_has_tests() -> None:
    for behaviour in BEHAVIOURS:
        assert [name for name in vars(behaviour) if name.startswith("test_")], behaviour
