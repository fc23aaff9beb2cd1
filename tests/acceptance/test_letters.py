"""What a person decides about dead letters and links holds, end to end with the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import ConfigurationError, StaleStateError
from interlock.service.explaining import Explanation, explain
from interlock.service.letters import (
    LetterView,
    discard_letters,
    edit_letter,
    list_letters,
    retry_letters,
)
from interlock.service.linking import Undone, undo_link
from interlock.testing.faults import change_cells, fail_before
from tests.integration.company import Company

LINE = {
    "Id": "a", "Product2Id": None, "ProductCode": "W-1", "Description": None,
    "Quantity": "2", "UnitPrice": "10.00",
}  # fmt: skip


class Desk(Company):
    """A company, and the person who looks after its integration."""

    def list(self) -> list[LetterView]:
        with self.store() as store:
            return list_letters(self.project(), store)

    def edit(self, letter: int, **changes: str) -> LetterView:
        with self.store() as store:
            return edit_letter(
                self.project(), store, letter, changes, by="Kim", reason="asked them",
                now=self.clock(),
            )  # fmt: skip

    def retry(self, *ids: int) -> None:
        with self.store() as store:
            retry_letters(store, ids or None, by="Kim", now=self.clock())

    def discard(self, *ids: int) -> None:
        with self.store() as store:
            discard_letters(store, ids, by="Kim", reason="done by hand", now=self.clock())

    def undo(self, *key: str) -> Undone:
        with self.store() as store:
            return undo_link(
                self.project(), store, key, by="Kim", reason="a branch", now=self.clock()
            )

    def explain(self, entity: str, record: str, field: str | None = None) -> Explanation:
        with self.store() as store:
            return explain(self.project(), store, entity, record, field=field)

    def add_contact(self, name: str, **cells: Any) -> str:
        first, _, last = name.rpartition(" ")
        parts = {"FirstName": first, "LastName": last}
        return self.crm.add(
            "contact", {"AccountId": self.acme, "PersonName": parts, "Email": "a@b.example"} | cells
        )

    def win(self, sku: str = "W-1", amount: str = "20.00") -> str:
        return self.crm.add(
            "deal",
            {
                "Name": "Big deal",
                "AccountId": self.acme,
                "StageName": "Closed Won",
                "Amount": {"Amount": amount, "CurrencyIsoCode": "EUR"},
                "Lines": [{**LINE, "ProductCode": sku}],
            },
        )

    acme: str


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    found.acme = found.crm.add("customer", {"Name": "Acme"})
    found.erp.add("product", {"sku": "W-1", "title": "Widget"})
    yield found
    found.close()


# ── edit ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_write_that_was_approved_needs_no_second_approval_once_edited(desk: Desk) -> None:
    desk.add_contact("")
    await desk.go()
    (letter,) = desk.list()
    desk.edit(letter.id, name="Ann Other")
    assert (await desk.sync()).to_approve == 0
    assert [c["full_name"] for c in desk.erp.all("contact").values()] == ["Ann Other"]
    assert desk.list() == []


async def test_an_edit_is_not_undone_by_the_next_syncs(desk: Desk) -> None:
    await desk.go()
    contact = desk.add_contact("")
    await desk.sync()
    desk.edit(desk.list()[0].id, name="Ann Other", email="ann@b.example")
    await desk.rest()
    (shown,) = desk.erp.all("contact").values()
    assert (shown["full_name"], shown["mail"]) == ("Ann Other", "ann@b.example")
    desk.crm.edit("contact", contact, {"Phone": "555"})
    await desk.rest()
    (shown,) = desk.erp.all("contact").values()
    assert (shown["mail"], shown["tel"]) == ("ann@b.example", "555")


async def test_a_later_correction_at_the_source_goes_before_the_edit(desk: Desk) -> None:
    await desk.go()
    contact = desk.add_contact("")
    await desk.sync()
    desk.edit(desk.list()[0].id, name="Ann Other")
    await desk.rest()
    desk.crm.edit("contact", contact, {"PersonName": {"FirstName": "Anna", "LastName": "Other"}})
    await desk.rest()
    assert [c["full_name"] for c in desk.erp.all("contact").values()] == ["Anna Other"]


async def test_an_edit_that_is_refused_again_can_be_edited_on(desk: Desk) -> None:
    await desk.go()
    desk.add_contact("")
    await desk.sync()
    (first,) = desk.list()
    desk.edit(first.id, email="kept@b.example")
    await desk.sync()
    (second,) = desk.list()
    assert second.id != first.id, "the first one keeps what was edited in it"
    desk.edit(second.id, name="Ann Other")
    await desk.rest()
    (shown,) = desk.erp.all("contact").values()
    assert (shown["full_name"], shown["mail"]) == ("Ann Other", "kept@b.example")


async def test_an_edited_write_is_explained_by_its_author(desk: Desk) -> None:
    await desk.go()
    contact = desk.add_contact("")
    await desk.sync()
    desk.edit(desk.list()[0].id, name="Ann Other")
    await desk.rest()
    (field,) = desk.explain("contact", contact, "name").fields
    came_from = field.systems["erp"].came_from
    assert came_from is not None
    assert came_from.why == "set by Kim: asked them"


# ── retry and discard ────────────────────────────────────────────────────────────────────────


async def test_a_retry_writes_once_the_system_takes_it(desk: Desk) -> None:
    await desk.go()
    desk.add_contact("")
    await desk.sync()
    desk.erp_faults.arm(
        change_cells(lambda cells: {**cells, "full_name": "(none)"}),
        operation="write", entity="contact",
    )  # fmt: skip
    await desk.sync()
    assert desk.erp.all("contact") == {}, "a dead letter is not tried again by itself"
    desk.retry()
    assert [letter.state for letter in desk.list()] == ["retry"]
    await desk.sync()
    assert len(desk.erp.all("contact")) == 1
    assert desk.list() == []


async def test_a_letter_about_to_be_tried_again_is_not_discarded(desk: Desk) -> None:
    await desk.go()
    desk.add_contact("")
    await desk.sync()
    (letter,) = desk.list()
    desk.retry(letter.id)
    with pytest.raises(StaleStateError, match="about to be tried again"):
        desk.discard(letter.id)


async def test_a_refused_order_is_decided_anew_at_every_sync(desk: Desk) -> None:
    await desk.go()
    desk.win(sku="W-2")
    await desk.sync()
    (letter,) = desk.list()
    assert letter.cause == "unknown_product"
    with pytest.raises(ConfigurationError, match="a decision, not a write"):
        desk.edit(letter.id, currency="EUR")
    desk.retry(letter.id)
    await desk.sync()
    assert [x.id for x in desk.list()] == [letter.id]
    desk.erp.add("product", {"sku": "W-2", "title": "Gadget"})
    await desk.rest()
    assert desk.list() == []
    assert len(desk.erp.all("order")) == 1


async def test_a_discarded_order_is_not_made_even_when_it_could_be(desk: Desk) -> None:
    """Somebody may have typed it in by hand: a second one would be the greater harm."""
    await desk.go()
    deal = desk.win(sku="W-2")
    await desk.sync()
    desk.discard(desk.list()[0].id)
    desk.erp.add("product", {"sku": "W-2", "title": "Gadget"})
    await desk.rest()
    assert desk.erp.all("order") == {}
    assert desk.list() == []
    assert "done by hand" in desk.cases()[deal].why
    desk.crm.edit("deal", deal, {"PoNumber": "PO-7"})
    await desk.rest()
    assert [o["customer_po"] for o in desk.erp.all("order").values()] == ["PO-7"]


async def _overpriced(desk: Desk) -> str:
    """Win a deal whose order the ERP prices higher than asked."""

    def price(cells: Any) -> dict[str, Any]:
        return {**cells, "rows": [{**cells["rows"][0], "price": "11.00"}]}

    await desk.go()
    desk.erp_faults.arm(change_cells(price), operation="write", entity="order")
    desk.win()
    await desk.sync()
    (order,) = desk.erp.all("order")
    return order


async def test_a_discarded_wrong_total_comes_back_only_with_another_total(desk: Desk) -> None:
    order = await _overpriced(desk)
    rows = desk.erp.all("order")[order]["rows"]
    (letter,) = desk.list()
    assert letter.cause == "wrong_total"
    desk.discard(letter.id)
    await desk.sync(full=True)
    assert desk.list() == []
    desk.erp.edit("order", order, {"rows": [{**rows[0], "price": "12.00"}]})
    await desk.sync()
    assert [x.cause for x in desk.list()] == ["wrong_total"]
    desk.erp.edit("order", order, {"rows": [{**rows[0], "price": "10.00"}]})
    await desk.rest()
    assert desk.list() == []
    assert desk.erp.all("order")[order]["state"] == "confirmed"


async def test_a_wrong_total_is_closed_when_a_person_confirms_the_draft(desk: Desk) -> None:
    order = await _overpriced(desk)
    assert len(desk.list()) == 1
    desk.erp.edit("order", order, {"state": "confirmed"})
    await desk.sync()
    assert desk.list() == []


# ── undo ─────────────────────────────────────────────────────────────────────────────────────


async def test_undoing_the_link_of_an_order_never_makes_a_second_one(desk: Desk) -> None:
    await desk.go()
    deal = desk.win()
    await desk.rest()
    assert len(desk.erp.all("order")) == 1
    desk.undo("deal", deal)
    await desk.rest()
    desk.crm.edit("deal", deal, {"PoNumber": "PO-7"})
    await desk.rest()
    assert len(desk.erp.all("order")) == 1
    assert desk.cases()[deal].why == "the link with its order was undone"


async def test_a_link_whose_write_is_under_way_is_not_undone(desk: Desk) -> None:
    desk.erp_faults.arm(fail_before, operation="write", entity="customer")
    await desk.go()
    with pytest.raises(StaleStateError, match="under way"):
        desk.undo("customer", desk.acme)
    desk.advance(minutes=5)
    await desk.rest()
    assert desk.undo("customer", desk.acme).members["crm"] == desk.acme


async def test_undoing_a_link_takes_its_dead_letters_along(desk: Desk) -> None:
    await desk.go()
    contact = desk.add_contact("")
    await desk.sync()
    assert desk.undo("contact", contact).closed_letters == 1
    await desk.rest()
    assert desk.list() == []
