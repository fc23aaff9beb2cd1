"""Writes decided but not delivered: replacement, claims and leases."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from interlock.governance.rules import Side
from interlock.model import Schema, WriteKind
from interlock.store import approvals, creations, links, outbox
from interlock.store.database import Store
from interlock.store.outbox import OutboxWrite, WriteState

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    found = Store.open(store_url, Schema())
    yield found
    found.close()


@pytest.fixture
def other(store_url: str, store: Store) -> Iterator[Store]:
    """A second worker on the same store."""
    found = Store.open(store_url, Schema())
    yield found
    found.close()


def make_link(store: Store, record_id: str = "1") -> int:
    return store.run(
        links.create,
        "customer",
        [(Side.CRM, "customer", record_id)],
        origin="alone",
        evidence="",
        now=T0,
    )


def write(link_id: int, name: str = "w", **changes: Any) -> OutboxWrite:
    values: dict[str, Any] = {
        "id": name, "link_id": link_id, "target": Side.ERP, "entity": "customer",
        "kind": WriteKind.CREATE, "record_id": None, "source_entity": "customer",
        "source_id": "1", "fields": {"name": "Acme"}, "expected": {}, "bases": {"name": "Acme"},
        "reasons": {"name": "why"}, "version": None, "reference": f"il-{link_id}", "revision": 1,
        "rev": 1, "map_version": "m", "priority": 30, "state": WriteState.READY,
        "needs_approval": False, "digest": f"d{name}", "waits_for": None, "attempts": 0,
        "due_at": T0, "created_at": T0,
    }  # fmt: skip
    return OutboxWrite(**(values | changes))


def claim(
    store: Store, lease: str = "a", *, at: float = 0, limit: int = 10, entity: str = "customer"
) -> list[OutboxWrite]:
    return store.run(
        outbox.claim,
        Side.ERP,
        entity,
        now=T0 + timedelta(seconds=at),
        lease=lease,
        lease_for=LEASE,
        limit=limit,
    )


def pending(store: Store) -> list[OutboxWrite]:
    return store.run(outbox.pending)


class TestPlace:
    """Rule 16."""

    def test_it_comes_back_as_it_was_put(self, store: Store) -> None:
        put = write(make_link(store), version="v", waits_for="a customer", attempts=3, sent_at=T0)
        store.run(outbox.put, [put])
        assert pending(store) == [put]
        assert store.run(outbox.of_links, [put.link_id]) == {(put.link_id, Side.ERP): put}

    def test_a_newer_decision_replaces_the_undelivered_one(self, store: Store) -> None:
        link_id = make_link(store)
        store.run(outbox.put, [write(link_id, "old")])
        store.run(outbox.put, [write(link_id, "new")])
        assert [w.id for w in pending(store)] == ["new"]

    def test_each_side_has_its_own(self, store: Store) -> None:
        link_id = make_link(store)
        store.run(outbox.put, [write(link_id, "e"), write(link_id, "c", target=Side.CRM)])
        assert {w.id for w in pending(store)} == {"e", "c"}

    def test_what_is_being_sent_is_not_replaced(self, store: Store) -> None:
        link_id = make_link(store)
        store.run(outbox.put, [write(link_id, "old", state=WriteState.SENDING)])
        with pytest.raises(IntegrityError):
            store.run(outbox.put, [write(link_id, "new")])
        assert [w.id for w in pending(store)] == ["old"]

    def test_five_hundred_at_once(self, store: Store) -> None:
        ids = [make_link(store, str(i)) for i in range(500)]
        store.run(outbox.put, [write(i, f"old{i}") for i in ids])
        store.run(outbox.put, [write(i, f"new{i}") for i in ids])
        assert {w.id for w in pending(store)} == {f"new{i}" for i in ids}


class TestClaims:
    """Rule 17."""

    @pytest.mark.parametrize(
        ("changes", "claimed"),
        [
            ({}, True),
            ({"due_at": T0 + timedelta(seconds=1)}, False),
            ({"needs_approval": True}, False),
            ({"state": WriteState.WAITING}, True),
            ({"state": WriteState.IN_DOUBT}, True),
            ({"state": WriteState.UNCERTAIN}, False),
            ({"state": WriteState.DEAD}, False),
            ({"lease": "x", "lease_until": T0 + timedelta(seconds=1)}, False),
            ({"lease": "x", "lease_until": T0}, True),
            ({"state": WriteState.SENDING, "lease": "x", "lease_until": T0}, True),
            ({"state": WriteState.SENDING, "lease": "x", "lease_until": T0 + LEASE}, False),
            ({"target": Side.CRM}, False),
            ({"entity": "contact", "fields": {}, "bases": {}}, False),
        ],
    )
    def test_what_is_due(self, store: Store, changes: dict[str, Any], claimed: bool) -> None:
        store.run(outbox.put, [write(make_link(store), **changes)])
        assert bool(claim(store)) is claimed

    def test_two_workers_never_get_the_same(self, store: Store, other: Store) -> None:
        store.run(outbox.put, [write(make_link(store, str(i)), f"w{i}") for i in range(10)])
        one = {w.id for w in claim(store, "one", limit=4)}
        two = {w.id for w in claim(other, "two", limit=20)}
        assert (len(one), len(two)) == (4, 6)
        assert not one & two

    def test_urgent_ones_first_then_the_oldest(self, store: Store) -> None:
        store.run(
            outbox.put,
            [
                write(make_link(store, "1"), "late", created_at=T0 + LEASE),
                write(make_link(store, "2"), "early"),
                write(make_link(store, "3"), "urgent", priority=1, created_at=T0 + LEASE),
            ],
        )
        assert [claim(store, limit=1)[0].id for _ in range(3)] == ["urgent", "early", "late"]

    def test_a_dead_workers_write_is_taken_over_when_its_lease_has_run_out(
        self, store: Store, other: Store
    ) -> None:
        store.run(outbox.put, [write(make_link(store))])
        mine = claim(store, "one")
        sent = store.run(outbox.mark_sending, mine, now=T0, until=T0 + LEASE)
        assert claim(other, "two", at=29) == []
        taken = claim(other, "two", at=30)
        assert [(w.id, w.state, w.sent_at) for w in taken] == [("w", WriteState.SENDING, T0)]
        # the first worker was only slow: whatever it does now counts for nothing
        assert store.run(outbox.held, sent) == set()
        assert store.run(outbox.finish, sent) == set()
        assert not store.run(outbox.release, sent[0], state=WriteState.DEAD)
        assert store.run(outbox.mark_sending, sent, now=T0, until=T0 + 2 * LEASE) == []
        assert [w.lease for w in pending(store)] == ["two"]

    def test_only_what_is_still_ours_is_sent(self, store: Store) -> None:
        store.run(outbox.put, [write(make_link(store, str(i)), f"w{i}") for i in range(2)])
        mine = claim(store, "one")
        store.run(outbox.release, mine[0])
        sending = store.run(outbox.mark_sending, mine, now=T0, until=T0 + LEASE)
        assert [w.id for w in sending] == [mine[1].id]

    def test_fields_and_revision_are_stored_as_they_are_sent(self, store: Store) -> None:
        store.run(outbox.put, [write(make_link(store))])
        [mine] = claim(store)
        resolved = msgspec.structs.replace(mine, fields={"name": "resolved"}, rev=7)
        store.run(outbox.mark_sending, [resolved], now=T0, until=T0 + LEASE)
        [kept] = pending(store)
        assert (kept.fields, kept.rev, kept.state, kept.sent_at) == (
            {"name": "resolved"}, 7, WriteState.SENDING, T0,
        )  # fmt: skip

    def test_transactions_of_two_workers_take_turns(self, store: Store, other: Store) -> None:
        """Nobody gets in between the look at a lease and the mark that the write is sent."""
        done: list[str] = []
        second = threading.Thread(target=lambda: other.run(lambda _tx: done.append("second")))
        with store.begin() as tx:
            tx.conn.execute(text("SELECT 1"))
            second.start()
            second.join(0.2)
            assert second.is_alive()
            done.append("first")
        second.join(10)
        assert done == ["first", "second"]

    def test_released_with_changes(self, store: Store) -> None:
        store.run(outbox.put, [write(make_link(store))])
        [mine] = claim(store)
        later = T0 + timedelta(minutes=5)
        assert store.run(outbox.release, mine, attempts=2, due_at=later)
        [kept] = pending(store)
        assert (kept.attempts, kept.due_at, kept.lease, kept.lease_until) == (2, later, None, None)

    def test_given_back_only_if_nothing_happened_since(self, store: Store) -> None:
        store.run(outbox.put, [write(make_link(store))])
        [mine] = claim(store)
        store.run(outbox.mark_sending, [mine], now=T0, until=T0 + LEASE)
        store.run(outbox.release_if, mine, state=WriteState.READY)
        assert pending(store)[0].state is WriteState.SENDING


class TestCreations:
    """Rules 19 and 24."""

    def test_a_reference_is_known_from_before_it_is_sent_and_done_once(self, store: Store) -> None:
        w = write(make_link(store))
        store.run(creations.issue, [w, w], T0)
        store.run(creations.issue, [w], T0 + LEASE)
        assert store.run(creations.made_as, [w.reference]) == {}
        store.run(creations.finish, [(w.reference, "77")], T0)
        store.run(creations.finish, [(w.reference, "78")], T0 + LEASE)
        assert store.run(creations.made_as, [w.reference, "il-none"]) == {w.reference: "77"}


class TestApproval:
    def test_it_lets_go_what_was_shown_and_only_that(self, store: Store) -> None:
        store.run(
            outbox.put,
            [
                write(make_link(store, "1"), "shown", needs_approval=True),
                write(make_link(store, "2"), "changed", needs_approval=True),
            ],
        )
        released = store.run(
            approvals.approve, ["dshown", "dshown", "dgone"], plan_id="p", by="me", now=T0
        )
        assert released == 1
        assert {w.id: w.needs_approval for w in pending(store)} == {
            "shown": False, "changed": True,
        }  # fmt: skip
        assert store.run(approvals.approved, ["dshown", "dchanged"]) == {"dshown"}
        again = store.run(approvals.approve, ["dshown"], plan_id="q", by="you", now=T0)
        assert again == 0


def test_when_the_next_look_is_due(store: Store) -> None:
    assert store.run(outbox.earliest_due, list(Side)) is None
    store.run(
        outbox.put,
        [
            write(make_link(store, "1"), "a", due_at=T0 + timedelta(seconds=1)),
            write(make_link(store, "2"), "b", state=WriteState.IN_DOUBT,
                  due_at=T0 + timedelta(seconds=9)),
            write(make_link(store, "3"), "c", state=WriteState.SENDING, lease="x",
                  lease_until=T0 + timedelta(seconds=5)),
        ],
    )  # fmt: skip
    assert store.run(outbox.earliest_due, [Side.ERP]) == T0 + timedelta(seconds=5)
    assert store.run(outbox.earliest_due, [Side.CRM]) is None


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    link_id = make_link(store)

    def _half(tx: Any) -> None:
        outbox.put(tx, [write(link_id)])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.run(_half)
    assert pending(store) == []


async def test_a_cancelled_caller_does_not_cut_a_transaction_in_half(store: Store) -> None:
    link_id = make_link(store)
    entered, go_on = threading.Event(), threading.Event()

    def _slow(tx: Any) -> None:
        tx.conn.execute(text("SELECT 1"))
        entered.set()
        go_on.wait(5)
        outbox.put(tx, [write(link_id)])

    task = asyncio.ensure_future(store.call(_slow))
    await asyncio.to_thread(entered.wait, 5)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    store.close()
    assert [w.id for w in pending(store)] == ["w"]
