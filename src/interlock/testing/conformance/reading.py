"""Reading: sweeps and change feeds lose nothing, absence is told apart."""

from __future__ import annotations

from interlock.connectors.base import Connector, Page
from interlock.model import Presence
from interlock.testing.conformance.harness import CannotInject, Harness
from interlock.testing.conformance.suite import (
    Conformance,
    bring_about,
    declared,
    fetch_one,
    latest,
    need,
    read_round,
    text_of,
)

__all__ = ["BaseChanges", "BasePresence", "BaseSweep"]


def _pages(connector: Connector, entity: str) -> int:
    """Count the records that make a little more than two pages."""
    return 2 * declared(connector, entity).page_size + 1


async def _seed(harness: Harness, entity: str, number: int) -> list[str]:
    return [await harness.seed_sample(entity) for _ in range(number)]


class BaseSweep(Conformance):
    """A sweep reads every record."""

    async def test_reaches_every_record(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """More than two pages, each record once, and what was not there comes next time."""
        seeded = await _seed(harness, entity, _pages(connector, entity))
        records, _ = await read_round(connector.sweep, entity, None)
        found = [record.id for record in records]
        assert set(seeded) <= set(found)
        assert len(found) == len(set(found))
        assert all(record.entity == entity for record in records)
        late = await harness.seed_sample(entity)
        records, _ = await read_round(connector.sweep, entity, None)
        assert late in {record.id for record in records}

    async def test_loses_nothing_while_rows_come_and_go(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Rows before the present page change, disappear and appear; the rest still comes."""
        seeded = await _seed(harness, entity, _pages(connector, entity))
        field = text_of(harness, connector, entity)
        untouched = set(seeded)
        disturbed = False

        async def disturb(page: Page) -> None:
            nonlocal disturbed
            read = [record.id for record in page.records if record.id in seeded]
            if disturbed or not read:
                return
            disturbed = True
            await harness.edit(entity, read[-1], {field: f"Edited {harness.token}"})
            await harness.seed_sample(entity)
            for vanish in (harness.remove, harness.archive):
                try:
                    await vanish(entity, read[0])
                except CannotInject:
                    continue
                untouched.discard(read[0])
                break

        records, _ = await read_round(connector.sweep, entity, None, disturb)
        assert disturbed
        assert untouched <= {record.id for record in records}

    async def test_what_is_read_is_what_the_system_shows(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Text arrives as it is; change times are aware."""
        record_id = await harness.seed_sample(entity)
        shown = await harness.read(entity, record_id)
        field = text_of(harness, connector, entity)
        assert shown is not None
        records, _ = await read_round(connector.sweep, entity, None)
        [record] = [record for record in records if record.id == record_id]
        assert record.fields[field] == shown[field]
        assert record.presence is Presence.PRESENT
        assert not record.problems
        assert record.modified is None or record.modified.tzinfo is not None
        assert await fetch_one(connector, entity, record_id) == record


class BaseChanges(Conformance):
    """A change feed loses nothing."""

    async def test_shows_what_came_and_what_changed_since(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """A round starts where the last one ended; an old cursor may be used again."""
        need(declared(connector, entity).changes, f"changes of {entity}")
        field = text_of(harness, connector, entity)
        before = await harness.seed_sample(entity)
        _, start = await read_round(connector.changes, entity, None)
        made = await harness.seed_sample(entity)
        records, cursor = await read_round(connector.changes, entity, start)
        assert made in {record.id for record in records}
        await harness.edit(entity, before, {field: f"Edited {harness.token}"})
        records, _ = await read_round(connector.changes, entity, cursor)
        assert latest(records, field)[before] == f"Edited {harness.token}"
        again, _ = await read_round(connector.changes, entity, start)
        assert {before, made} <= {record.id for record in again}

    async def test_equal_change_times_lose_nothing(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """More records than two pages hold carry one change time."""
        need(declared(connector, entity).changes, f"changes of {entity}")
        _, cursor = await read_round(connector.changes, entity, None)
        many = [await harness.sample(entity) for _ in range(_pages(connector, entity))]
        seeded = await bring_about(harness.seed_together, entity, many)
        records, _ = await read_round(connector.changes, entity, cursor)
        assert set(seeded) <= {record.id for record in records}

    async def test_edits_while_paging_lose_nothing(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Records read and not yet read change between pages; the last state is seen."""
        need(declared(connector, entity).changes, f"changes of {entity}")
        field = text_of(harness, connector, entity)
        _, cursor = await read_round(connector.changes, entity, None)
        seeded = await _seed(harness, entity, _pages(connector, entity))
        edited = {seeded[0]: f"First {harness.token}", seeded[-1]: f"Last {harness.token}"}
        todo = dict(edited)

        async def edit_one(_page: Page) -> None:
            if todo:
                record_id, text = todo.popitem()
                await harness.edit(entity, record_id, {field: text})

        first, cursor = await read_round(connector.changes, entity, cursor, edit_one)
        second, _ = await read_round(connector.changes, entity, cursor)
        assert not todo, "two edits need two pages before the last"
        seen = latest([*first, *second], field)
        assert set(seeded) <= set(seen)
        assert {record_id: seen[record_id] for record_id in edited} == edited

    async def test_late_commit_is_seen(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """A change stamped before a round but committed after it comes in the next."""
        need(declared(connector, entity).changes, f"changes of {entity}")
        _, cursor = await read_round(connector.changes, entity, None)
        commit = await bring_about(harness.commit_late, entity, await harness.sample(entity))
        await harness.seed_sample(entity)
        _, cursor = await read_round(connector.changes, entity, cursor)
        late = await commit()
        records, _ = await read_round(connector.changes, entity, cursor)
        assert late in {record.id for record in records}


class BasePresence(Conformance):
    """Archived, deleted and merged records are told apart."""

    async def test_fetch_gives_those_asked_for_and_leaves_out_the_unknown(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """No record is made up."""
        ids = await _seed(harness, entity, 2)
        gone = await self._removed(harness, entity)
        records = await connector.fetch(entity, [*ids, gone])
        present = {record.id for record in records if record.presence is Presence.PRESENT}
        assert present == set(ids)
        assert list(await connector.fetch(entity, [])) == []

    async def test_archived_record_is_read_as_archived(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """It is in the sweep, so that its absence is never mistaken for a deletion."""
        record_id = await harness.seed_sample(entity)
        await bring_about(harness.archive, entity, record_id)
        records, _ = await read_round(connector.sweep, entity, None)
        [record] = [record for record in records if record.id == record_id]
        assert record.presence is Presence.ARCHIVED
        assert (await fetch_one(connector, entity, record_id)).presence is Presence.ARCHIVED

    async def test_deleted_record_is_never_present(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """Neither fetch nor sweep shows it; a feed of deletions gives its tombstone."""
        need_feed = declared(connector, entity).changes and connector.capabilities.deletions
        cursor = None
        if need_feed:
            _, cursor = await read_round(connector.changes, entity, None)
        gone = await self._removed(harness, entity)
        assert all(r.presence is Presence.GONE for r in await connector.fetch(entity, [gone]))
        records, _ = await read_round(connector.sweep, entity, None)
        assert all(r.presence is Presence.GONE for r in records if r.id == gone)
        if need_feed:
            records, _ = await read_round(connector.changes, entity, cursor)
            seen = {record.id: record.presence for record in records}
            assert seen.get(gone) is Presence.GONE

    async def test_merged_record_names_its_winner(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """So that its link can follow."""
        need(connector.capabilities.merges, "merges")
        loser, winner = await _seed(harness, entity, 2)
        await bring_about(harness.merge, entity, loser, winner)
        record = await fetch_one(connector, entity, loser)
        assert (record.presence, record.merged_into) == (Presence.MERGED, winner)

    async def _removed(self, harness: Harness, entity: str) -> str:
        record_id = await harness.seed_sample(entity)
        await bring_about(harness.remove, entity, record_id)
        return record_id
