"""Links, history, dead letters, cases, feeds and plans: what is put comes back, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from interlock.governance.rules import Side
from interlock.model import Address, Money, Record, Ref, Schema, WriteKind
from interlock.store import (
    cases,
    dead_letters,
    feeds,
    history,
    letter_batches,
    links,
    observations,
    open_fields,
    plans,
    refusals,
    suggestions,
)
from interlock.store.cases import Case
from interlock.store.database import Store, Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.feeds import Feed
from interlock.store.history import Event, plain
from interlock.store.tables import member, record
from interlock.store.vault import Vault

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
CRM, ERP = Side.CRM, Side.ERP


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    found = Store.open(store_url, Schema(), vault=Vault.passing())
    yield found
    found.close()


def see(store: Store, side: Side, *ids: str, entity: str = "customer", **fields: Any) -> None:
    found = [Record(entity=entity, id=i, fields=fields or {"name": f"n{i}"}) for i in ids]
    store.run(observations.save_page, side, entity, found, read_from=T0, map_version="m", sweep=1)


def link(store: Store, crm: str | None = "c1", erp: str | None = "e1", entity: str = "customer",
         origin: str = "match") -> int:  # fmt: skip
    members = [(s, entity, i) for s, i in ((CRM, crm), (ERP, erp)) if i is not None]
    return store.run(links.create, entity, members, origin=origin, evidence="tax id", now=T0)


def bundle(store: Store, link_id: int) -> links.Bundle:
    return store.run(links.bundles, [link_id])[link_id]


class TestLinks:
    def test_a_link_with_its_members_and_what_was_seen_of_them(self, store: Store) -> None:
        see(store, CRM, "c1", name="Acme")
        see(store, ERP, "e1", name="ACME")
        found = bundle(store, link(store))
        assert found.link.evidence == "tax id"
        assert {s: m.id for s, m in found.members.items()} == {CRM: "c1", ERP: "e1"}
        assert found.seen[CRM].fields == {"name": "Acme"}
        assert found.seen[ERP].link_id == found.link.id

    def test_a_record_has_one_link(self, store: Store) -> None:
        see(store, CRM, "c1")
        link(store, erp=None)
        with pytest.raises(IntegrityError):
            link(store, erp=None)

    def test_a_link_id_never_comes_back(self, store: Store) -> None:
        see(store, CRM, "c1")
        first = link(store, erp=None)
        store.run(links.dissolve, first, T0)
        assert link(store, erp=None) > first

    def test_bases_come_back_typed(self, store: Store) -> None:
        see(store, CRM, "c1")
        link_id = link(store, erp=None)
        base = {
            "name": "Acme", "phone": None, "credit_limit": Money(Decimal("5.00"), "EUR"),
            "billing_address": Address(city="Ulm"),
        }  # fmt: skip
        held = msgspec.structs.replace(
            bundle(store, link_id).members[CRM], base=base, base_map_version="m2",
            unconfirmed=frozenset({"name", "phone"}), unconfirmed_since=T0,
        )  # fmt: skip
        store.run(links.save_bases, [(link_id, held)])
        assert bundle(store, link_id).members[CRM] == held

    def test_due_until_reconciled_at_that_revision(self, store: Store) -> None:
        see(store, CRM, "c1", "c2")
        one, two = link(store, "c1", None), link(store, "c2", None)
        assert [b.link.id for b in store.run(links.due, None, 0, 10)] == [one, two]
        rev = bundle(store, one).link.rev
        store.run(links.set_reconciled, [(one, rev)])
        assert [b.link.id for b in store.run(links.due, "customer", 0, 10)] == [two]
        store.run(links.raise_revision, [one])
        assert [b.link.id for b in store.run(links.due, None, 0, 10)] == [one, two]
        store.run(links.set_reconciled, [(one, rev - 1)])
        assert bundle(store, one).link.reconciled_rev == rev, "compare and set: never back"
        assert [b.link.id for b in store.run(links.due, None, one, 10)] == [two]
        assert store.run(links.due, "contact", 0, 10) == []

    def test_who_is_linked_to_whom(self, store: Store) -> None:
        see(store, CRM, "c1", "c2")
        see(store, ERP, "e1")
        whole, half = link(store), link(store, "c2", None, origin="alone")
        refs = [("customer", "c1"), ("customer", "c2"), ("customer", "c9"), ("contact", "c1")]
        assert store.run(links.members_of, CRM, refs) == {
            ("customer", "c1"): whole, ("customer", "c2"): half,
        }  # fmt: skip
        assert store.run(links.partners, CRM, "customer", ["c1", "c2"]) == {"c1": "e1"}
        assert store.run(links.partners, ERP, "customer", ["e1"]) == {"e1": "c1"}
        assert store.run(links.half, "customer") == {(CRM, "c2"): half}
        assert store.run(links.live_members, ERP, [whole, half]) == {whole: ("customer", "e1")}

    def test_an_absent_record_is_no_live_member(self, store: Store) -> None:
        see(store, CRM, "c1")
        see(store, ERP, "e1")
        link_id = link(store)
        store.run(observations.note_absent, ERP, "customer", ["e1"], T0, rights_proven=True,
                  patience=timedelta(hours=1))  # fmt: skip
        assert store.run(links.live_members, ERP, [link_id]) == {}

    def test_undoing_parks_both_and_refuses_the_pair_for_good(self, store: Store) -> None:
        see(store, CRM, "c1")
        see(store, ERP, "e1")
        link_id = link(store)
        store.run(open_fields.save, link_id, {"name": ("conflict", "why")}, frozenset(), T0)
        store.run(links.forget_link, link_id, reason="wrong", now=T0)
        assert store.run(links.bundles, [link_id]) == {}
        assert store.run(refusals.load, "customer") == {("c1", "e1")}
        assert store.run(open_fields.load) == {}
        for side, i in ((CRM, "c1"), (ERP, "e1")):
            assert store.run(observations.load, side, "customer", [i])[i].unlinked == "parked"

    def test_open_fields_keep_the_time_they_were_opened(self, store: Store) -> None:
        see(store, CRM, "c1")
        link_id = link(store, erp=None)
        later = T0 + timedelta(hours=1)
        store.run(open_fields.save, link_id, {"a": ("conflict", "x"), "b": ("flagged", "y")},
                  frozenset(), T0)  # fmt: skip
        store.run(open_fields.save, link_id, {"a": ("conflict", "z")}, frozenset({"b"}), later)
        assert store.run(open_fields.load, [link_id]) == {
            link_id: {"a": ("conflict", "z"), "b": ("flagged", "y")}
        }
        store.run(open_fields.save, link_id, {}, frozenset(), later)
        assert store.run(open_fields.load) == {}

    def test_suggestions_end_when_one_of_the_two_is_linked(self, store: Store) -> None:
        see(store, CRM, "c1", "c2")
        see(store, ERP, "e1", "e2")
        pairs = [("c1", "e1", "name"), ("c1", "e2", "name"), ("c2", "e2", "name")]
        store.run(suggestions.replace, "customer", pairs, T0)
        assert store.run(suggestions.load, "customer") == pairs
        link(store, "c1", "e1")
        assert store.run(suggestions.load, "customer") == [("c2", "e2", "name")]
        store.run(refusals.add, "customer", "c2", "e2", reason="no", now=T0)
        assert store.run(suggestions.load, "customer") == []

    def test_counts(self, store: Store) -> None:
        see(store, CRM, "c1", "c2", "c3")
        see(store, ERP, "e1")
        link(store)
        link(store, "c2", None)
        counts = store.run(links.counts)
        assert counts["customer"] == {"linked": 1, "half": 1, "crm:new": 1}

    def test_a_thousand_at_once(self, store: Store) -> None:
        ids = [f"c{i:04}" for i in range(1000)]
        see(store, CRM, *ids)

        def _link(tx: Tx) -> None:
            for i in ids:
                links.create(
                    tx, "customer", [(CRM, "customer", i)], origin="a", evidence="", now=T0
                )

        store.run(_link)
        assert len(store.run(links.due, None, 0, 2000)) == 1000
        assert len(store.run(links.members_of, CRM, [("customer", i) for i in ids])) == 1000


class TestHistory:
    def test_events_come_back_newest_first_with_plain_values(self, store: Store) -> None:
        address = plain(Address(street="1 Main", city="Ulm"))
        store.run(
            history.add,
            [
                Event(at=T0, event="linked", entity="customer", why="tax id", link_id=7),
                Event(at=T0, event="written", entity="customer", why="crm owns", link_id=7,
                      side=ERP, record_id="e1", field="billing_address", old=None, new=address),
                Event(at=T0, event="written", entity="customer", why="x", link_id=7, side=ERP,
                      record_id="e1", field="credit_limit", old=plain(Money(Decimal("1.10"), "EUR")),
                      new=plain(Decimal("2.50"))),
                Event(at=T0, event="written", entity="customer", why="x", link_id=8),
            ],
        )  # fmt: skip
        found = store.run(history.about, 7, [])
        assert [e.event for e in found] == ["written", "written", "linked"]
        assert found[1].new == {"street": "1 Main", "city": "Ulm"}
        assert found[0].old == {"amount": "1.10", "currency": "EUR"}, "to the cent, as text"
        assert found[0].new == "2.50"
        assert len(store.run(history.about, None, [(ERP, "customer", "e1")])) == 2
        assert len(store.run(history.about, 7, [], 1)) == 1

    def test_a_run_is_told_in_order_and_by_link(self, store: Store) -> None:
        store.run(
            history.add,
            [
                Event(at=T0, event="created", entity="customer", why="created as r", link_id=1,
                      side=ERP, record_id="e1", fields={"name": "Acme", "email": None},
                      reasons={"name": "seed", "email": "seed"}, run_id="r1"),
                Event(at=T0, event="written", entity="product", why="x", link_id=2, side=ERP,
                      record_id="p1", field="name", old="a", new="b", run_id="r1"),
                Event(at=T0, event="written", entity="product", why="x", link_id=2, run_id="r2"),
            ],
        )  # fmt: skip
        assert [e.event for e in store.run(history.of_run, "r1")] == ["created", "written"]
        [created] = store.run(history.of_run, "r1", 1)
        assert created.fields == {"name": "Acme", "email": None}
        assert created.reasons == {"name": "seed", "email": "seed"}
        assert [(e.field, e.new, e.why) for e in history.changes(created)] == [
            ("name", "Acme", "seed"), ("email", None, "seed"),
        ]  # fmt: skip


class TestWhatVendorsSay:
    """Codes, messages and ids of any length and script; one must not stop a whole batch."""

    ODD = ["x" * 300, "名前 🎉 ‮", "tab\tline\nend", "'; DROP TABLE link; --", "%s {} \\x00"]

    @pytest.mark.parametrize("odd", ODD)
    def test_a_dead_letter_holds_them(self, store: Store, odd: str) -> None:
        letter = DeadLetter(
            subject="erp:customer:1", target=ERP, entity="customer", kind=WriteKind.UPDATE,
            cause=odd, message=odd, fix=odd, fields={"name": odd}, digest="d", at=T0, field=odd,
            record_id="1",
        )  # fmt: skip
        assert store.run(dead_letters.put, letter)
        [kept] = store.run(dead_letters.opened)
        assert kept.message == odd
        assert kept.fields == {"name": odd}

    @pytest.mark.parametrize("odd", ODD)
    def test_history_holds_them(self, store: Store, odd: str) -> None:
        event = Event(at=T0, event="dead", entity="customer", why=odd, link_id=1, field=odd,
                      old=odd, request_id=odd)  # fmt: skip
        store.run(history.add, [event])
        [kept] = store.run(history.about, 1, [])
        assert (kept.why, kept.old, kept.request_id) == (odd, odd, odd)

    @pytest.mark.parametrize("odd", ODD)
    def test_observations_hold_them(self, store: Store, odd: str) -> None:
        found = Record(entity="customer", id="1", fields={"name": odd}, version=odd,
                       problems={odd: odd})  # fmt: skip
        store.run(observations.save_page, CRM, "customer", [found], read_from=T0, map_version="m")
        kept = store.run(observations.load, CRM, "customer", ["1"])["1"]
        assert (kept.fields, kept.version, kept.problems) == ({"name": odd}, odd, {odd: odd})


class TestDeadLetters:
    def letter(self, **changes: Any) -> DeadLetter:
        values: dict[str, Any] = {
            "subject": "erp:customer:1", "target": ERP, "entity": "customer",
            "kind": WriteKind.UPDATE, "cause": "required", "message": "m", "fix": "f",
            "fields": {"name": "a"}, "digest": "d", "at": T0, "link_id": 1,
        }  # fmt: skip
        return DeadLetter(**(values | changes))

    def test_a_subject_has_one_open_letter(self, store: Store) -> None:
        assert store.run(dead_letters.put, self.letter())
        assert not store.run(dead_letters.put, self.letter(message="again"))
        [kept] = store.run(dead_letters.opened)
        assert kept.message == "again"
        assert store.run(dead_letters.count_open) == 1

    def test_it_closes_and_a_new_one_opens(self, store: Store) -> None:
        store.run(dead_letters.put, self.letter())
        [first] = store.run(dead_letters.opened)
        assert store.run(dead_letters.close, [first.subject, "other"], why="done", now=T0) == 1
        assert store.run(dead_letters.opened) == []
        assert store.run(dead_letters.close, [first.subject], why="done", now=T0) == 0
        closed = store.run(dead_letters.get, first.id)
        assert closed is not None
        assert (closed.closed_at, closed.closed_why) == (T0, "done")
        assert store.run(dead_letters.put, self.letter())
        assert store.run(dead_letters.get, 99) is None

    def test_an_override_is_kept_with_author_and_reason(self, store: Store) -> None:
        store.run(dead_letters.put, self.letter())
        [first] = store.run(dead_letters.opened)
        store.run(letter_batches.override, [(first, {"name": "b"})], by="jo", reason="typo")
        [found] = store.run(dead_letters.overrides, [first.subject])[first.subject]
        assert found.fields == {"name": "b"}
        assert found.instead_of == {"name": "a"}
        assert found.why == "set by jo: typo"

    def test_an_edited_letter_that_is_refused_again_keeps_what_was_edited(
        self, store: Store
    ) -> None:
        store.run(dead_letters.put, self.letter())
        [first] = store.run(dead_letters.opened)
        store.run(letter_batches.override, [(first, {"name": "b"})], by="jo", reason="typo")
        assert store.run(dead_letters.put, self.letter(message="still"))
        [second] = store.run(dead_letters.opened)
        assert second.id != first.id
        assert second.override is None
        kept = store.run(dead_letters.get, first.id)
        assert kept is not None
        assert kept.override == {"name": "b"}

    def test_giving_one_up_holds_for_that_very_decision(self, store: Store) -> None:
        store.run(dead_letters.put, self.letter())
        [first] = store.run(dead_letters.opened)
        store.run(letter_batches.discard, [first.id], by="jo", reason="r" * 900, now=T0)
        assert store.run(dead_letters.discarded, first.subject, "d") is not None
        assert store.run(dead_letters.discarded, first.subject, "other") is None
        assert store.run(dead_letters.discarded, "nobody", "d") is None


def test_feeds(store: Store) -> None:
    assert store.run(feeds.get, CRM, "customer") == Feed(side=CRM, entity="customer")
    feed = Feed(side=CRM, entity="customer", cursor="c" * 5000, sweep_cursor="s", sweep_no=2,
                sweep_started=T0, complete_at=None, map_version="m", shortfall=3)  # fmt: skip
    store.run(feeds.put, feed)
    assert store.run(feeds.get, CRM, "customer") == feed
    store.run(feeds.put, msgspec.structs.replace(feed, complete_at=T0))
    assert not store.run(feeds.all_complete, "customer"), "one side only"
    store.run(feeds.put, msgspec.structs.replace(feed, side=ERP, complete_at=T0))
    assert store.run(feeds.all_complete, "customer")
    store.run(feeds.set_meta, "k", "1")
    store.run(feeds.set_meta, "k", "2")
    assert store.run(feeds.get_meta, "k") == "2"
    assert store.run(feeds.get_meta, "none") is None


def test_plans_and_runs(store: Store) -> None:
    assert store.run(plans.get_plan, None) is None
    store.run(plans.save_plan, "aa11", ["d2", "d1", "d1"], T0)
    store.run(plans.save_plan, "bb22", [], T0 + timedelta(seconds=1))
    latest = store.run(plans.get_plan, None)
    assert latest is not None
    assert latest.id == "bb22"
    by_start = store.run(plans.get_plan, "aa")
    assert by_start is not None
    assert by_start.digests == ("d1", "d2")
    assert store.run(plans.get_plan, "a%") is None
    store.run(plans.mark_approved, "aa11", T0)
    approved = store.run(plans.get_plan, "aa11")
    assert approved is not None
    assert approved.approved_at == T0
    assert store.run(plans.last_run) is None
    run = plans.RunRow(id="r", started_at=T0, ended_at=None, counts={})
    store.run(plans.save_run, run)
    store.run(plans.save_run, msgspec.structs.replace(run, ended_at=T0, counts={"read": 3}))
    last = store.run(plans.last_run)
    assert last is not None
    assert (last.ended_at, last.counts) == (T0, {"read": 3})


def test_cases(store: Store) -> None:
    case = Case(
        process="p",
        source_id="d1",
        state="waiting",
        why="w",
        at=T0,
        fix="f",
        seen_hash=b"\x00\xff",
        stable_since=T0,
        snapshot=b"\x00",
        revision=2,
        link_id=None,
    )
    store.run(cases.put, [case, msgspec.structs.replace(case, source_id="d2")])
    store.run(cases.put, [msgspec.structs.replace(case, state="ordered")])
    found = store.run(cases.load, "p", ["d1"])
    assert found == {"d1": msgspec.structs.replace(case, state="ordered")}
    assert set(store.run(cases.load, "p")) == {"d1", "d2"}
    assert store.run(cases.load, "q") == {}


class TestInstants:
    def test_they_come_back_as_utc_to_the_microsecond_and_sort(self, store: Store) -> None:
        there = datetime(2026, 3, 2, 18, 0, 0, 1, tzinfo=timezone(timedelta(hours=9)))
        see(store, CRM, "c1")
        store.run(observations.mark_refetch, CRM, "customer", ["c1"], there)

        def _kept(tx: Tx) -> Any:
            return tx.conn.execute(select(record.c.refetch_at)).scalar()

        assert store.run(_kept) == there
        assert store.run(_kept).utcoffset() == timedelta(0)
        just_before, at = T0, T0 + timedelta(microseconds=1)
        assert not store.run(observations.due_refetch, CRM, "customer", just_before, 9)
        assert store.run(observations.due_refetch, CRM, "customer", at, 9) == ["c1"]

    def test_a_naive_time_is_refused(self, store: Store) -> None:
        see(store, CRM, "c1")
        with pytest.raises(Exception, match="naive"):
            store.run(observations.mark_refetch, CRM, "customer", ["c1"], datetime(2026, 3, 2))  # noqa: DTZ001


def test_references_in_bases_are_packed_too(store: Store) -> None:
    see(store, CRM, "p1", entity="contact", name="Jo", customer=Ref("customer", "c1"))
    link_id = link(store, "p1", None, entity="contact")
    found = bundle(store, link_id)
    assert found.seen[CRM].fields["customer"] == Ref("customer", "c1")

    def _rows(tx: Tx) -> int:
        return len(tx.conn.execute(select(member)).all())

    assert store.run(_rows) == 1
