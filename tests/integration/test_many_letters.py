"""Thousands of dead letters at once: chosen by filter, decided by statements on sets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.model import WriteKind
from interlock.service.letters import (
    Retried,
    discard_letters,
    edit_letters,
    letter_filter,
    list_letters,
    retry_letters,
)
from interlock.store import dead_letters, links, outbox
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter, subject_of
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.causes import CAUSES, Cause, cause_of

from .company import Company

CODES = ("required", "too_long", "vendor_code_7", "duplicate")


def fill(company: Company, count: int) -> None:
    """Store writes that were refused, each with its dead letter; one an hour."""
    start = company.clock()

    def _fill(tx: Tx) -> None:
        made = links.create_many(
            tx,
            "customer",
            [([(Side.CRM, "customer", f"c{n}")], "") for n in range(count)],
            origin="alone",
            now=start,
        )
        writes = []
        for n, link_id in enumerate(made):
            fields: Any = {"name": f"Firm {n}", "phone": str(n)}
            writes.append(
                OutboxWrite(
                    id=f"{n:032x}", link_id=link_id, target=Side.ERP, entity="customer",
                    kind=WriteKind.CREATE, record_id=None, source_entity="customer",
                    source_id=f"c{n}", fields=fields, expected={}, bases={}, reasons={},
                    version=None, reference=f"r{n}", revision=1, rev=1, map_version="m",
                    priority=30, state=WriteState.DEAD, needs_approval=False, digest=f"d{n}",
                    waits_for=None, attempts=3, due_at=start, created_at=start,
                )
            )  # fmt: skip
            dead_letters.put(
                tx,
                DeadLetter(
                    subject=subject_of(link_id, Side.ERP, "customer", f"c{n}"), target=Side.ERP,
                    entity="customer", kind=WriteKind.CREATE, cause=CODES[n % 4],
                    field="name" if n % 2 else "phone", message="refused", fix="mend it",
                    fields=fields, digest=f"d{n}", at=start + timedelta(hours=n), link_id=link_id,
                    source_entity="customer", source_id=f"c{n}",
                ),
            )  # fmt: skip
        outbox.put(tx, writes)
        links.set_reconciled(tx, [(i, 1) for i in made])

    company.ask(_fill)


def states(company: Company) -> dict[str, int]:
    found: dict[str, int] = {}
    for w in company.pending():
        found[w.state.value] = found.get(w.state.value, 0) + 1
    return found


class Desk:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.statements = 0

    def filter(self, **words: Any) -> Any:
        return letter_filter(self.company.project(), **words)

    def do(self, work: Any, *args: Any, **kw: Any) -> Retried:
        """Act, counting the statements it takes."""
        with self.company.store() as store:

            def count(*_: Any) -> None:
                self.statements += 1

            self.statements = 0
            event.listen(store.engine, "before_cursor_execute", count)
            try:
                return work(*args, **kw) if work is edit_letters else work(store, *args, **kw)
            finally:
                event.remove(store.engine, "before_cursor_execute", count)

    def retry(self, chosen: Any) -> Retried:
        return self.do(retry_letters, chosen, by="Kim", now=self.company.clock())

    def discard(self, chosen: Any) -> Retried:
        return self.do(discard_letters, chosen, by="Kim", reason="old", now=self.company.clock())

    def edit(self, chosen: Any, **changes: str) -> Retried:
        with self.company.store() as store:
            return self.do(
                edit_letters, self.company.project(), store, chosen, changes,
                by="Kim", reason="as told", now=self.company.clock(),
            )  # fmt: skip


@pytest.fixture
def desk(company: Company) -> Desk:
    fill(company, 2000)
    return Desk(company)


def test_all_are_retried_by_few_statements(desk: Desk) -> None:
    assert len(desk.retry(None).ids) == 2000
    assert desk.statements < 60
    assert states(desk.company) == {"ready": 2000}
    assert {w.attempts for w in desk.company.pending()} == {0}
    due = desk.company.ask(lambda tx: links.due(tx, None, 0, 5000))
    assert len(due) == 2000, "each is decided anew"
    assert len(desk.company.events("retried")) == 2000


def test_only_those_that_fit_are_retried(desk: Desk) -> None:
    assert len(desk.retry(desk.filter(cause="missing")).ids) == 500
    assert states(desk.company) == {"dead": 1500, "ready": 500}
    letters = {d.link_id: d.cause for d in desk.company.letters()}
    ready = {w.link_id for w in desk.company.pending() if w.state is WriteState.READY}
    assert {letters[i] for i in ready} == {"required"}


def test_a_class_of_causes_is_all_its_codes_and_the_last_is_the_rest(desk: Desk) -> None:
    with desk.company.store() as store:
        project = desk.company.project()

        def count(**words: Any) -> int:
            return len(list_letters(project, store, desk.filter(**words)))

        assert count(cause="invalid") == 500
        assert count(cause="too_long") == 500
        assert count(cause="refused") == 500, "the vendor's own code"
        assert count(cause="nothing_like_it") == 0
        assert count(field="name") == 1000
        assert count(field="name", cause="duplicate") == 500
        assert count(entity="contact") == 0
        assert count(system="erp") == 2000
        assert count(system="crm") == 0
        start = min(d.at for d in desk.company.letters())
        assert count(before=start + timedelta(hours=100)) == 100


def test_wrong_words_are_told(desk: Desk) -> None:
    for words in ({"system": "erb"}, {"entity": "custommer"}):
        with pytest.raises(ConfigurationError):
            desk.filter(**words)


def test_those_about_to_be_tried_are_not_given_up(desk: Desk) -> None:
    desk.retry(desk.filter(cause="missing"))
    given_up = desk.discard(desk.filter())
    assert desk.statements < 40
    assert len(given_up.ids) == 1500
    left = desk.company.letters()
    assert {d.cause for d in left} == {"required"}
    assert len(desk.company.events("discarded")) == 1500
    closed = desk.company.ask(lambda tx: dead_letters.closed(tx, 5))
    assert {d.closed_why for d in closed} == {"discarded by Kim: old"}


def test_many_are_edited(desk: Desk) -> None:
    done = desk.edit(desk.filter(cause="missing"), phone="+49 1")
    assert desk.statements < 60
    assert len(done.ids) == 500
    edited = [d for d in desk.company.letters() if d.override]
    assert {str(d.override) for d in edited} == {"{'phone': '+49 1'}"}
    assert {d.cause for d in edited} == {"required"}
    assert states(desk.company) == {"dead": 1500, "ready": 500}
    assert len(desk.company.events("edited")) == 500


def test_ids_may_be_thousands(desk: Desk) -> None:
    ids = [d.id for d in desk.company.letters()]
    result = desk.retry([*ids, 999_999])
    assert (len(result.ids), list(result.missing)) == (2000, [999_999])


def test_every_class_of_causes_tells_why_and_what_to_do() -> None:
    assert set(CAUSES) == set(Cause)
    codes = [code for e in CAUSES.values() for code in e.codes]
    assert len(codes) == len(set(codes)), "a code is in one class"
    assert all(cause_of(c) is cause for cause, e in CAUSES.items() for c in e.codes)
    assert all(e.why and e.fix for e in CAUSES.values())
