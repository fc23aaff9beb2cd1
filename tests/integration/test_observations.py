"""Which look at a record replaces the last one, and when a record is held to be gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.governance.rules import Side
from interlock.model import Presence, Record, Schema
from interlock.store import links, observations
from interlock.store.database import Store
from interlock.store.observations import Observation, PageResult

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    found = Store.open(store_url, Schema())
    yield found
    found.close()


def customer(record_id: str = "1", version: str | None = "1", **fields: Any) -> Record:
    more = {k: fields.pop(k) for k in ("presence", "reference", "problems") if k in fields}
    return Record(entity="customer", id=record_id, fields=fields, version=version, **more)


def save(store: Store, *records: Record, at: float = 0, **options: Any) -> PageResult:
    return store.run(
        observations.save_page,
        Side.CRM,
        "customer",
        records,
        read_from=T0 + timedelta(seconds=at),
        map_version="m",
        **options,
    )


def seen(store: Store, record_id: str = "1") -> Observation:
    return store.run(observations.load, Side.CRM, "customer", [record_id])[record_id]


def rev(store: Store, link_id: int) -> int:
    return store.run(links.bundles, [link_id])[link_id].link.rev


def link(store: Store, record_id: str = "1") -> int:
    return store.run(
        links.create,
        "customer",
        [(Side.CRM, "customer", record_id)],
        origin="alone",
        evidence="",
        now=T0,
    )


class TestNewerOnly:
    """Rule 7."""

    def test_a_new_record(self, store: Store) -> None:
        assert save(store, customer(name="a")).new == ("1",)
        assert seen(store).fields == {"name": "a"}
        assert seen(store).first_seen == T0

    def test_a_later_read_replaces(self, store: Store) -> None:
        save(store, customer(name="a"))
        assert save(store, customer(name="b", version="2"), at=1).changed == ("1",)
        assert seen(store).fields == {"name": "b"}

    @pytest.mark.parametrize("at", [-1, 0])
    def test_a_read_that_began_earlier_or_at_once_is_dropped_and_asked_for_again(
        self, store: Store, at: float
    ) -> None:
        save(store, customer(name="a"))
        result = save(store, customer(name="b", version="2"), at=at)
        assert result.dropped == ("1",)
        assert seen(store).fields == {"name": "a"}
        due = store.run(observations.due_refetch, Side.CRM, "customer", T0, 10)
        assert due == ["1"]

    def test_a_read_within_the_read_lag_may_still_show_the_old_state(self, store: Store) -> None:
        lag = timedelta(seconds=5)
        save(store, customer(name="ours", version="2"), own_write=True)
        assert save(store, customer(name="old"), at=5, read_lag=lag).dropped == ("1",)
        assert seen(store).fields == {"name": "ours"}
        assert not store.run(
            observations.due_refetch, Side.CRM, "customer", T0 + timedelta(seconds=9), 10
        )
        assert save(store, customer(name="new", version="3"), at=5.1, read_lag=lag).changed

    def test_comparable_versions_decide_whatever_the_times(self, store: Store) -> None:
        save(store, customer(name="b", version="0002"), at=5, comparable_versions=True)
        late = save(store, customer(name="a", version="0001"), at=9, comparable_versions=True)
        assert late.dropped == ("1",)
        early = save(store, customer(name="c", version="0003"), at=1, comparable_versions=True)
        assert early.changed == ("1",)
        assert seen(store).fields == {"name": "c"}

    def test_equal_versions_prove_nothing(self, store: Store) -> None:
        """Rule 8: content is what is compared."""
        save(store, customer(name="a"), comparable_versions=True)
        assert save(store, customer(name="b"), at=1, comparable_versions=True).changed == ("1",)

    def test_the_answer_to_our_own_write_is_newer_than_any_read(self, store: Store) -> None:
        save(store, customer(name="a"), at=9)
        assert save(store, customer(name="ours"), at=1, own_write=True).changed == ("1",)

    def test_of_two_writes_answered_without_values_the_later_counts(self, store: Store) -> None:
        save(store, customer(name="theirs"))
        for at, name in ((1, "first"), (2, "second")):
            save(store, customer(name=name), at=at, own_write=True, assumed=("1",))
        assert seen(store).fields == {"name": "second"}

    def test_a_double_changes_nothing(self, store: Store) -> None:
        save(store, customer(name="a"))
        link_id = link(store)
        before = rev(store, link_id)
        assert save(store, customer(name="a"), at=1) == PageResult(same=1)
        assert save(store, customer(name="a", version="9"), at=2).changed == ()
        assert rev(store, link_id) == before

    def test_a_change_raises_the_revision_of_its_link(self, store: Store) -> None:
        save(store, customer(name="a"), customer("2", name="x"))
        link_id, other = link(store), link(store, "2")
        before, others = rev(store, link_id), rev(store, other)
        save(store, customer(name="b", version="2"), at=1)
        assert rev(store, link_id) == before + 1
        assert rev(store, other) == others

    def test_the_same_record_twice_in_a_page_counts_once_with_its_last_state(
        self, store: Store
    ) -> None:
        save(store, customer(name="a"), customer(name="b", version="2"))
        assert seen(store).fields == {"name": "b"}

    def test_a_page_of_a_thousand(self, store: Store) -> None:
        many = [customer(f"{i:04}", name=f"n{i}") for i in range(1000)]
        assert len(save(store, *many).new) == 1000
        result = save(store, *many[:-1], customer("0999", name="x", version="2"), at=1)
        assert (result.same, result.changed) == (999, ("0999",))


class TestUnknownFields:
    """Rule 1."""

    def test_what_was_seen_earlier_is_kept(self, store: Store) -> None:
        save(store, customer(name="a", phone="1"))
        save(store, customer(name="b", version="2"), at=1)
        assert seen(store).fields == {"name": "b", "phone": "1"}

    def test_a_field_turning_unknown_keeps_its_value_but_is_not_known(self, store: Store) -> None:
        save(store, customer(name="a", phone="1"))
        link_id = link(store)
        before = rev(store, link_id)
        assert save(store, customer(name="a"), at=1).changed == ()
        assert seen(store).fields == {"name": "a", "phone": "1"}
        assert seen(store).known == {"name": "a"}
        assert rev(store, link_id) == before + 1, "a write decided before must be withdrawn"
        save(store, customer(name="a", phone="1"), at=2)
        assert seen(store).known == {"name": "a", "phone": "1"}
        assert rev(store, link_id) == before + 2

    def test_a_blank_is_a_change(self, store: Store) -> None:
        save(store, customer(name="a", phone="1"))
        save(store, customer(name="a", phone=None, version="2"), at=1)
        assert seen(store).fields == {"name": "a", "phone": None}

    def test_a_value_that_cannot_be_read_is_remembered_as_such(self, store: Store) -> None:
        save(store, customer(name="a", problems={"phone": "not a phone"}))
        assert seen(store).problems == {"phone": "not a phone"}
        save(store, customer(name="a", phone="1", version="2"), at=1)
        assert seen(store).problems == {}


class TestAbsence:
    """Rule 10."""

    def note(self, store: Store, at: timedelta, *, proven: bool = True) -> list[str]:
        return store.run(
            observations.note_absent,
            Side.CRM,
            "customer",
            ["1"],
            T0 + at,
            rights_proven=proven,
            patience=HOUR,
        )

    def test_one_look_is_not_enough(self, store: Store) -> None:
        save(store, customer(name="a"))
        link_id = link(store)
        before = rev(store, link_id)
        assert self.note(store, timedelta(0)) == []
        assert seen(store).presence is Presence.PRESENT
        assert not seen(store).there
        assert rev(store, link_id) == before + 1, "its link must be looked at"

    def test_two_looks_an_hour_apart_are(self, store: Store) -> None:
        save(store, customer(name="a"))
        self.note(store, timedelta(0))
        assert self.note(store, HOUR - timedelta(seconds=1)) == []
        assert self.note(store, HOUR) == ["1"]
        assert seen(store).presence is Presence.GONE

    def test_not_without_proof_of_the_right_to_read(self, store: Store) -> None:
        save(store, customer(name="a"))
        self.note(store, timedelta(0))
        assert self.note(store, 2 * HOUR, proven=False) == []
        assert self.note(store, 3 * HOUR) == ["1"]

    def test_seen_again_it_is_back(self, store: Store) -> None:
        save(store, customer(name="a"))
        link_id = link(store)
        self.note(store, timedelta(0))
        before = rev(store, link_id)
        save(store, customer(name="a"), at=60)
        assert seen(store).there
        assert rev(store, link_id) == before + 1
        assert self.note(store, 2 * HOUR) == [], "it starts anew"

    def test_gone_can_come_back(self, store: Store) -> None:
        save(store, customer(name="a"))
        self.note(store, timedelta(0))
        self.note(store, HOUR)
        save(store, customer(name="a"), at=9000)
        assert seen(store).there

    def test_a_tombstone_says_it_at_once(self, store: Store) -> None:
        save(store, customer(name="a"))
        save(store, customer(version="2", presence=Presence.GONE), at=1)
        assert seen(store).presence is Presence.GONE

    def test_nothing_is_noted_of_what_was_never_seen(self, store: Store) -> None:
        assert self.note(store, timedelta(0)) == []


class TestSweeps:
    def test_what_a_sweep_did_not_show_is_named(self, store: Store) -> None:
        save(store, customer("1", name="a"), customer("2", name="b"), sweep=1)
        save(store, customer("1", name="a"), at=10, sweep=2)
        absent = store.run(observations.absent, Side.CRM, "customer", 2, T0 + timedelta(seconds=5))
        assert absent == ["2"]

    def test_what_was_made_or_read_since_it_began_is_not(self, store: Store) -> None:
        save(store, customer("1", name="a"), customer("2", name="b"), sweep=1)
        save(store, customer("3", name="c"), at=6)
        save(store, customer("2", name="b"), at=7)
        save(store, customer("1", name="a"), at=10, sweep=2)
        started = T0 + timedelta(seconds=5)
        assert store.run(observations.absent, Side.CRM, "customer", 2, started) == []

    def test_a_stale_page_still_proves_presence(self, store: Store) -> None:
        save(store, customer("1", name="a", version="0002"), sweep=1, comparable_versions=True)
        save(store, customer("1", name="old", version="0001"), at=10, sweep=2,
             comparable_versions=True)  # fmt: skip
        started = T0 + timedelta(seconds=5)
        assert store.run(observations.absent, Side.CRM, "customer", 2, started) == []
