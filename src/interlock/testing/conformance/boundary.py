"""The boundary: nothing is asked for, read or shown that is not wanted; nothing secret is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from interlock.connectors.base import Connector
from interlock.errors import ConnectorError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields
from interlock.testing.conformance.harness import Harness, Wrong
from interlock.testing.conformance.suite import (
    Conformance,
    bring_about,
    creating,
    declared,
    fetch_one,
    need,
    read_round,
    reference_for,
    text_of,
    updating,
    write_one,
)

__all__ = ["BaseBoundary", "BaseRedaction"]


def _roots(item: ObjectMap) -> set[str]:
    return {path.split(".", 1)[0] for path in item.paths}


class BaseBoundary(Conformance):
    """Fields outside the ownership map do not exist for us."""

    async def test_reads_only_wanted_fields(self, harness: Harness, entity: str) -> None:
        """In sweeps, fetches and answers to writes."""
        record_id = await harness.seed_sample(entity)
        async with harness.connect() as everything:
            field = text_of(harness, everything, entity)
        async with harness.connect(wanted={entity: frozenset({field})}) as connector:
            records, _ = await read_round(connector.sweep, entity, None)
            seen = await fetch_one(connector, entity, record_id)
            assert set(seen.fields) == {field}
            if declared(connector, entity).update:
                write = updating(entity, record_id, {field: f"New {harness.token}"}, seen=seen)
                receipt = await write_one(connector, write)
                assert receipt.record is None or set(receipt.record.fields) == {field}
        assert all(set(record.fields) <= {field} for record in records)

    async def test_asks_only_for_wanted_fields(self, harness: Harness, entity: str) -> None:
        """The system is not even asked for the others."""
        record_id = await harness.seed_sample(entity)
        item = harness.object_maps()[entity]
        field = harness.text_field[entity]
        wanted = item.limited_to({field})
        unwanted = (set(item.paths) | _roots(item)) - set(wanted.paths) - _roots(wanted)
        async with harness.connect(wanted={entity: frozenset({field})}) as connector:
            await bring_about(harness.requested, entity)
            await connector.fetch(entity, [record_id])
            await connector.sweep(entity, None)
            asked = await bring_about(harness.requested, entity)
            assert _roots(wanted) & {name.split(".", 1)[0] for name in asked}
            assert not asked & unwanted
            assert not asked & set(connector.capabilities.never)

    async def test_never_fields_are_nowhere(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Not in records, receipts, look-ups or errors, even with every field wanted."""
        record_id = await harness.seed_sample(entity)
        texts = await bring_about(harness.plant, entity, record_id)
        assert texts
        told: list[Any] = list((await read_round(connector.sweep, entity, None))[0])
        seen = await fetch_one(connector, entity, record_id)
        told.append(seen)
        able = declared(connector, entity)
        if able.update:
            field = text_of(harness, connector, entity)
            # the second is decided on an old record: its refusal is looked at too
            told += [
                await write_one(connector, updating(entity, record_id, {field: text}, seen=seen))
                for text in (f"One {harness.token}", f"Two {harness.token}")
            ]
        if able.lookup:
            told += await connector.lookup(entity, dict(seen.fields))
        if able.changes:
            told += (await read_round(connector.changes, entity, None))[0]
        assert not [text for text in texts if text in repr(told)]

    async def test_never_fields_are_not_mapped(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """No object map reads what the connector itself says is never read."""
        steps = {step for path in harness.object_maps()[entity].paths for step in path.split(".")}
        assert connector.capabilities.never, "every connector ships its list of never fields"
        assert not steps & set(connector.capabilities.never)

    async def test_hidden_field_is_unknown_not_blank(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """A lost right must not look like an emptied field; check names it."""
        field = text_of(harness, connector, entity)
        record_id = await harness.seed_sample(entity)
        await bring_about(harness.hide_field, entity, field)
        assert field not in (await fetch_one(connector, entity, record_id)).fields
        report = await connector.check()
        assert field in report.unreadable.get(entity, frozenset())


class BaseRedaction(Conformance):
    """Errors and representations tell neither secrets nor personal values."""

    async def test_secrets_show_up_nowhere(self, harness: Harness, connector: Connector) -> None:
        """Not in settings, the connector, check reports or errors."""
        told = [repr(harness.settings()), str(harness.settings()), repr(connector)]
        told.append(repr(await connector.check()))
        for wrong in Wrong:
            async with harness.connect(wrong=wrong) as other:
                told.append(repr(await other.check()))
                with pytest.raises(ConnectorError) as caught:
                    await other.sweep(harness.entities[0], None)
                told += [str(caught.value), repr(vars(caught.value))]
        secrets = [*harness.secrets(), *_secrets(harness.settings(Wrong.CREDENTIALS))]
        assert secrets, "a harness names the credentials it uses"
        assert not [secret for secret in secrets if any(secret in text for text in told)]

    async def test_refusals_quote_no_personal_value(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """A reason names the field, not what stood in it."""
        able = declared(connector, entity)
        need(able.create, f"create {entity}")
        fields: Fields = dict(await bring_about(harness.invalid, entity))
        personal: list[str] = []
        for name in ("email", "phone"):
            if name in able.fields and able.fields[name].writable and name not in fields:
                fields[name] = _PERSONAL[name]
                personal.append(_PERSONAL[name])
        write = creating(entity, fields, reference_for(harness) if able.find else None)
        receipt = await write_one(connector, write)
        assert not receipt.outcome.succeeded
        assert not [text for text in personal if text in repr(receipt.reason)]


_PERSONAL = {
    "email": "ada.qzx@example.org",
    "phone": "+49 30 901820777",
}


def _secrets(settings: Any) -> Sequence[str]:
    """Name the wrong credentials too: a mistyped password is nearly the right one."""
    from pydantic import SecretStr

    held = [getattr(settings, name) for name in type(settings).model_fields]
    return [secret.get_secret_value() for secret in held if isinstance(secret, SecretStr)]
