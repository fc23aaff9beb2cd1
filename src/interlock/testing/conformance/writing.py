"""Writing: creates are not blind, updates lose nobody's work, one bad record spoils no batch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.connectors.base import Connector, Outcome, Receipt, WriteRequest
from interlock.errors import ThrottledError, TransientError
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import (
    REASON_CODES,
    Conformance,
    bring_about,
    creating,
    declared,
    fetch_one,
    need,
    reference_for,
    text_of,
    updating,
    writable,
    write_one,
)

__all__ = ["BaseBatch", "BaseCreate", "BaseThrottling", "BaseUpdate"]


async def _new(harness: Harness, connector: Connector, entity: str) -> WriteRequest:
    """Ask for a sample record with a reference."""
    able = declared(connector, entity)
    need(able.create, f"create {entity}")
    fields = writable(connector, entity, await harness.sample(entity))
    return creating(entity, fields, reference_for(harness) if able.find else None)


class BaseCreate(Conformance):
    """A create is never blind: whatever happens, the record is there once and can be found."""

    async def test_created_record_is_there_with_its_reference(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The answer names its id; the system shows the values; a fetch shows the reference."""
        write = await _new(harness, connector, entity)
        before = await harness.ids(entity)
        receipt = await write_one(connector, write)
        assert receipt.outcome is Outcome.CREATED, receipt.reason
        assert receipt.record_id is not None
        assert await harness.ids(entity) - before == {receipt.record_id}
        shown = await harness.read(entity, receipt.record_id)
        assert shown is not None
        assert {n: v for n, v in shown.items() if n == harness.text_field[entity]} == {
            harness.text_field[entity]: write.fields[harness.text_field[entity]]
        }
        record = await fetch_one(connector, entity, receipt.record_id)
        assert record.reference == write.reference

    async def test_find_finds_by_reference_and_only_that(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Several references at once; one that nobody carries is missing from the answer."""
        need(declared(connector, entity).find, f"find {entity}")
        writes = [await _new(harness, connector, entity) for _ in range(2)]
        receipts = [await write_one(connector, write) for write in writes]
        nobody = reference_for(harness)
        references = [write.reference or "" for write in writes]
        found = await connector.find(entity, [nobody, *references])
        assert {key: [f.record.id for f in hits] for key, hits in found.items()} == {
            key: [receipt.record_id] for key, receipt in zip(references, receipts, strict=True)
        }
        assert all(hit.complete for hits in found.values() for hit in hits)

    async def test_lost_answer_is_found_not_doubled(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The outcome is unknown (or already looked up); one record is there, complete."""
        need(declared(connector, entity).find, f"find {entity}")
        write = await _new(harness, connector, entity)
        before = await harness.ids(entity)
        await bring_about(harness.lose_next_answer, entity)
        receipt = await write_one(connector, write)
        assert receipt.outcome in (Outcome.UNKNOWN, Outcome.CREATED)
        await self._found_once(harness, connector, write, before)

    async def test_create_finished_after_we_gave_up_is_found_not_doubled(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The outcome is unknown, never a failure that invites a second try."""
        need(declared(connector, entity).find, f"find {entity}")
        write = await _new(harness, connector, entity)
        before = await harness.ids(entity)
        finish = await bring_about(harness.finish_next_late, entity)
        receipt = await write_one(connector, write)
        assert receipt.outcome is Outcome.UNKNOWN
        assert await harness.ids(entity) == before
        await finish()
        await self._found_once(harness, connector, write, before)

    async def test_enforced_reference_admits_no_second_record(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Where the system itself refuses it, the very same create twice makes one record."""
        if not declared(connector, entity).enforces_reference:
            pytest.skip(f"enforces_reference is declared false for {entity}")
        write = await _new(harness, connector, entity)
        before = await harness.ids(entity)
        await write_one(connector, write)
        assert (await write_one(connector, write)).outcome is not Outcome.CREATED
        assert len(await harness.ids(entity) - before) == 1

    async def _found_once(
        self, harness: Harness, connector: Connector, write: WriteRequest, before: set[str]
    ) -> None:
        [made] = await harness.ids(write.entity) - before
        assert write.reference is not None
        found = await connector.find(write.entity, [write.reference])
        assert [(hit.record.id, hit.complete) for hit in found[write.reference]] == [(made, True)]


class BaseUpdate(Conformance):
    """An update changes what it names and overwrites nobody's later work."""

    async def test_changes_only_the_named_fields(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Everything else stays; the answer shows the record as it now is, or nothing."""
        need(declared(connector, entity).update, f"update {entity}")
        record_id = await harness.seed_sample(entity)
        seen = await fetch_one(connector, entity, record_id)
        field, text = text_of(harness, connector, entity), f"Updated {harness.token}"
        receipt = await write_one(connector, updating(entity, record_id, {field: text}, seen=seen))
        assert receipt.outcome is Outcome.UPDATED, receipt.reason
        now = await fetch_one(connector, entity, record_id)
        assert dict(now.fields) == {**seen.fields, field: text}
        shown = await harness.read(entity, record_id)
        assert shown is not None
        assert shown[field] == text
        if receipt.record is not None:
            assert receipt.record == now
        else:
            assert not declared(connector, entity).answers_with_values

    async def test_record_changed_meanwhile_is_a_conflict(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """By version check, or by reading just before; the other's value stands."""
        need(declared(connector, entity).update, f"update {entity}")
        field = text_of(harness, connector, entity)
        record_id = await harness.seed_sample(entity)
        seen = await fetch_one(connector, entity, record_id)
        await harness.edit(entity, record_id, {field: f"Theirs {harness.token}"})
        write = updating(entity, record_id, {field: f"Ours {harness.token}"}, seen=seen)
        assert (await write_one(connector, write)).outcome is Outcome.CONFLICT
        shown = await harness.read(entity, record_id)
        assert shown is not None
        assert shown[field] == f"Theirs {harness.token}"

    async def test_lost_answer_is_unknown_and_done(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """It is neither a failure nor a success made up; the next fetch shows it."""
        need(declared(connector, entity).update, f"update {entity}")
        record_id = await harness.seed_sample(entity)
        seen = await fetch_one(connector, entity, record_id)
        field, text = text_of(harness, connector, entity), f"Updated {harness.token}"
        await bring_about(harness.lose_next_answer, entity)
        receipt = await write_one(connector, updating(entity, record_id, {field: text}, seen=seen))
        assert receipt.outcome in (Outcome.UNKNOWN, Outcome.UPDATED)
        assert (await fetch_one(connector, entity, record_id)).fields[field] == text

    async def test_deleted_record_is_not_reported_as_updated(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """It is refused, or a conflict."""
        need(declared(connector, entity).update, f"update {entity}")
        record_id = await harness.seed_sample(entity)
        seen = await fetch_one(connector, entity, record_id)
        await bring_about(harness.remove, entity, record_id)
        field = text_of(harness, connector, entity)
        write = updating(entity, record_id, {field: f"Late {harness.token}"}, seen=seen)
        receipt = await write_one(connector, write)
        assert receipt.outcome in (Outcome.REJECTED, Outcome.CONFLICT)
        assert await harness.read(entity, record_id) is None


class BaseBatch(Conformance):
    """A batch answers for each record by itself."""

    async def test_one_bad_record_spoils_no_other(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The bad one is refused with a reason, its neighbours are written."""
        first = await _new(harness, connector, entity)
        last = await _new(harness, connector, entity)
        refused = await bring_about(harness.invalid, entity)
        bad = creating(entity, refused, reference_for(harness) if first.reference else None)
        before = await harness.ids(entity)
        receipts = await connector.write(entity, [first, bad, last])
        assert [receipt.write_id for receipt in receipts] == [first.id, bad.id, last.id]
        assert [receipt.outcome for receipt in receipts] == [
            Outcome.CREATED, Outcome.REJECTED, Outcome.CREATED,
        ]  # fmt: skip
        made = {receipts[0].record_id, receipts[2].record_id}
        assert await harness.ids(entity) - before == made
        reason = receipts[1].reason
        assert reason is not None
        assert reason.code in REASON_CODES
        assert reason.message

    async def test_empty_batch_has_no_receipts(self, connector: Connector, entity: str) -> None:
        """Nothing is asked, nothing is answered."""
        assert list(await connector.write(entity, [])) == []


class BaseThrottling(Conformance):
    """Slowing down and outages use up no record's patience and write nothing twice."""

    async def test_throttled_read_says_until_when(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The wait the system asks for is passed on."""
        await bring_about(harness.fail_next, 429, retry_after=7)
        with pytest.raises(ThrottledError) as caught:
            await connector.sweep(harness.entities[0], None)
        until = caught.value.until
        assert until is not None
        assert abs(until - harness.now() - timedelta(seconds=7)) < timedelta(seconds=5)
        await connector.sweep(harness.entities[0], None)

    @pytest.mark.parametrize("status", [429, 503])
    async def test_refused_write_is_repeated_without_a_double(
        self, harness: Harness, connector: Connector, entity: str, status: int
    ) -> None:
        """What is reported as not written was not; what is unsure is found."""
        write = await _new(harness, connector, entity)
        before = await harness.ids(entity)
        await bring_about(harness.fail_next, status)
        receipt = await self._try(connector, write)
        made = await harness.ids(entity) - before
        if receipt is None or receipt.outcome in (Outcome.THROTTLED, Outcome.TRANSIENT):
            assert not made
        else:
            assert receipt.outcome is Outcome.UNKNOWN
            assert status == 503, "429 says for sure that nothing was done"
        if not made:
            assert (await write_one(connector, write)).outcome is Outcome.CREATED
        assert len(await harness.ids(entity) - before) == 1

    async def _try(self, connector: Connector, write: WriteRequest) -> Receipt | None:
        try:
            return await write_one(connector, write)
        except TransientError:
            return None
