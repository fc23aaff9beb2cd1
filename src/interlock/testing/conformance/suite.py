"""What all behaviours share: the harness as a fixture, entities as a parameter, honest skips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from typing import Any, ClassVar, NoReturn, TypeVar

import pytest
import pytest_asyncio

from interlock.connectors.base import (
    Capability,
    Connector,
    EntityCapabilities,
    Page,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.model import Fields, Record, Value
from interlock.testing.conformance.harness import CannotInject, Harness

__all__ = ["REASON_CODES", "Conformance", "bring_about", "need", "read_round"]

T = TypeVar("T")

REASON_CODES = frozenset({
    "invalid_value", "required", "duplicate", "not_found", "not_permitted", "locked",
    "unknown_choice", "too_long", "needs_confirmation", "rejected",
})  # fmt: skip
"""The codes a ``Reason`` may have."""

_numbers = count(1)


def need(capability: Capability, what: str) -> None:
    """Skip when the connector declares that it, or its system, cannot."""
    if not capability:
        note = f" ({capability.note})" if capability.note else ""
        pytest.skip(f"{what}: {capability.level}{note}")


async def bring_about(deed: Callable[..., Awaitable[T]], *given: Any, **options: Any) -> T:
    """Do something through the harness; skip when it names the reason why it cannot."""
    try:
        return await deed(*given, **options)
    except CannotInject:
        _cannot(deed)


def _cannot(deed: Any) -> NoReturn:
    name, harness = deed.__name__, deed.__self__
    reason = harness.cannot.get(name)
    if reason is None:
        pytest.fail(
            f"{type(harness).__name__} neither overrides {name} nor names it in `cannot` "
            "with the reason why it cannot be done"
        )
    pytest.skip(f"{name}: {reason}")


async def read_round(
    read: Callable[[str, str | None], Awaitable[Page]],
    entity: str,
    cursor: str | None,
    between: Callable[[Page], Awaitable[None]] | None = None,
) -> tuple[list[Record], str]:
    """Read pages until none is waiting; ``between`` is awaited after each page but the last."""
    records: list[Record] = []
    cursors: set[str] = set()
    while True:
        page = await read(entity, cursor)
        records += page.records
        cursor = page.cursor
        if not page.more:
            return records, cursor
        assert cursor not in cursors, "the cursor stands still although more is promised"
        cursors.add(cursor)
        if between is not None:
            await between(page)


class Conformance:
    """Root of all behaviours.  A test file sets ``harness_class`` and subclasses each of them.

    Where a harness needs more than itself (a server's address), override the fixture ``harness``.
    """

    harness_class: ClassVar[type[Harness]]
    pytestmark = pytest.mark.asyncio

    @pytest_asyncio.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """Open the harness for one test."""
        async with self.harness_class() as harness:
            yield harness

    @pytest_asyncio.fixture
    async def connector(self, harness: Harness) -> AsyncIterator[Connector]:
        """Connect with every field wanted."""
        async with harness.connect() as connector:
            yield connector

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests that ask for an ``entity`` once for each of the harness's."""
        if "entity" in metafunc.fixturenames:
            metafunc.parametrize("entity", self.harness_class.entities)


def declared(connector: Connector, entity: str) -> EntityCapabilities:
    """Look up what is declared for an entity."""
    found = connector.capabilities.entities.get(entity)
    assert found is not None, f"the harness names {entity}, the connector does not declare it"
    return found


def writable(connector: Connector, entity: str, fields: Fields) -> Fields:
    """Keep the fields that may be written."""
    facts = declared(connector, entity).fields
    return {name: v for name, v in fields.items() if name in facts and facts[name].writable}


def text_of(harness: Harness, connector: Connector, entity: str) -> str:
    """Name the free-text field that tests change."""
    name = harness.text_field[entity]
    facts = declared(connector, entity).fields
    assert name in facts, f"text_field names {entity}.{name}, which the connector does not map"
    return name


def reference_for(harness: Harness) -> str:
    """Make a reference nobody else has."""
    return f"il-4k2m9x-{harness.token.upper()}{next(_numbers):04d}"


def creating(entity: str, fields: Fields, reference: str | None) -> WriteRequest:
    """Ask for a new record."""
    return WriteRequest(
        id=f"w{next(_numbers)}",
        entity=entity,
        kind=WriteKind.CREATE,
        fields=fields,
        reference=reference,
    )


def updating(
    entity: str, record_id: str, fields: Fields, *, seen: Record | None = None
) -> WriteRequest:
    """Ask for a change; ``seen`` is the record the decision was made on."""
    expected: Fields = {}
    if seen is not None:
        expected = {name: seen.fields[name] for name in fields if name in seen.fields}
    return WriteRequest(
        id=f"w{next(_numbers)}", entity=entity, kind=WriteKind.UPDATE, record_id=record_id,
        fields=fields, expected=expected, version=None if seen is None else seen.version,
    )  # fmt: skip


async def write_one(connector: Connector, write: WriteRequest) -> Receipt:
    """Send one write; exactly one receipt must answer it."""
    receipts = await connector.write(write.entity, [write])
    assert [receipt.write_id for receipt in receipts] == [write.id]
    return receipts[0]


async def fetch_one(connector: Connector, entity: str, record_id: str) -> Record:
    """Fetch a record that must be there."""
    records = await connector.fetch(entity, [record_id])
    assert [record.id for record in records] == [record_id]
    return records[0]


def latest(records: Sequence[Record], field: str) -> dict[str, Value | None]:
    """Tell the last value read of a field, by record id."""
    return {record.id: record.fields.get(field) for record in records}
