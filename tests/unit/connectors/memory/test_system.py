"""The memory systems' own behaviour, without any connector."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem, Refused
from interlock.connectors.memory.storage import State
from interlock.testing.clock import VirtualClock


def refused(code: str) -> Any:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def order(erp: MemorySystem, *prices: str, **cells: Any) -> str:
    partner = erp.add("customer", {"name": "Acme"})
    skus = [f"S{position}" for position, _ in enumerate(prices)]
    for sku in skus:
        if not any(item["sku"] == sku for item in erp.all("product").values()):
            erp.add("product", {"sku": sku, "title": f"Item {sku}"})
    rows = [{"line_ref": sku, "sku": sku, "qty": "3", "price": price}
            for sku, price in zip(skus, prices, strict=True)]  # fmt: skip
    return erp.add("order", {"partner_id": partner, "currency": "EUR", "rows": rows, **cells})


def test_records_are_numbered_versioned_and_timed(
    erp: MemorySystem, crm: MemorySystem, clock: VirtualClock
) -> None:
    first = erp.add("customer", {"name": "Acme"})
    assert erp.get("customer", first) is not None
    assert erp.get("customer", first)["number"] == "C00001"  # type: ignore[index]
    assert crm.add("customer", {"Name": "Acme"}) == "001-0000001"
    made = erp.row("customer", first)
    clock.advance(5)
    erp.edit("customer", first, {"tel": "1"})
    edited = erp.row("customer", first)
    assert made is not None
    assert edited is not None
    assert (made.version, edited.version) == (1, 2)
    assert (edited.modified - made.modified).total_seconds() == 5
    erp.edit("customer", first, {"tel": "1"})
    assert erp.row("customer", first) == edited, "an edit that changes nothing leaves no trace"


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({}, "required"),
        ({"name": ""}, "required"),
        ({"name": "x" * 101}, "too_long"),
        ({"name": 5}, "bad_value"),
        ({"name": "A", "terms": "N99"}, "bad_choice"),
        ({"name": "A", "credit_limit": "1.234"}, "bad_value"),
        ({"name": "A", "credit_limit": "NaN"}, "bad_value"),
        ({"name": "A", "credit_limit": "much"}, "bad_value"),
        ({"name": "A", "colour": "red"}, "no_such_column"),
    ],
)
def test_bad_customers_are_refused(erp: MemorySystem, cells: dict[str, Any], code: str) -> None:
    with refused(code):
        erp.add("customer", cells)
    assert erp.all("customer") == {}


def test_a_refused_edit_changes_nothing(erp: MemorySystem) -> None:
    record_id = erp.add("customer", {"name": "Acme"})
    with refused("bad_choice"):
        erp.edit("customer", record_id, {"name": "Other", "terms": "N99"})
    assert erp.all("customer")[record_id]["name"] == "Acme"


def test_duplicates(clock: VirtualClock) -> None:
    strict = MemorySystem("erp", clock=clock, unique_tax_ids=True, unique_references=True)
    first = strict.add("customer", {"name": "A", "vat_no": "DE1", "ext_ref": "il-1"})
    with refused("duplicate"):
        strict.add("customer", {"name": "B", "vat_no": "de1"})
    with refused("duplicate"):
        strict.add("customer", {"name": "B", "ext_ref": "il-1"})
    strict.edit("customer", first, {"vat_no": "DE1", "tel": "1"})
    strict.delete("customer", first)
    strict.add("customer", {"name": "B", "vat_no": "DE1"})
    strict.add("product", {"sku": "S", "title": "T"})
    with refused("duplicate"):
        strict.add("product", {"sku": "s", "title": "T"})
    lenient = MemorySystem("erp", clock=clock)
    for name in ("A", "B"):
        lenient.add("customer", {"name": name, "vat_no": "DE1"})


def test_references_must_lead_somewhere(erp: MemorySystem) -> None:
    with refused("no_such_record"):
        erp.add("contact", {"partner_id": "7", "full_name": "Ada"})
    for unknown in ("x", "", "\u0661", "001-0000001"):
        assert erp.row("customer", unknown) is None


def test_orders_add_up_per_line_rounded(erp: MemorySystem) -> None:
    cells = erp.get("order", order(erp, "0.335", "19.99"))
    assert cells is not None
    assert [row["net"] for row in cells["rows"]] == ["1.01", "59.97"]
    assert cells["net_total"] == "60.98"
    assert cells["number"] == "SO00001"
    assert cells["rows"][0]["item_id"] == "1"
    assert cells["rows"][0]["text"] == "Item S0"


def test_order_states_follow_their_order(erp: MemorySystem) -> None:
    record_id = order(erp, "1")
    with refused("locked"):
        erp.edit("order", record_id, {"state": "shipped"})
    erp.edit("order", record_id, {"state": "confirmed"})
    with refused("locked"):
        erp.edit("order", record_id, {"rows": []})
    with refused("locked"):
        erp.edit("order", record_id, {"currency": "USD"})
    erp.edit("order", record_id, {"state": "shipped", "customer_po": "PO 1"})
    with refused("locked"):
        erp.edit("order", record_id, {"state": "canceled"})


def test_orders_are_refused_for_what_cannot_be_sold(erp: MemorySystem) -> None:
    partner = erp.add("customer", {"name": "Acme"})
    item = erp.add("product", {"sku": "OLD", "title": "Old", "discontinued": True})
    base = {"partner_id": partner, "currency": "EUR"}
    for row, code in (
        ({"sku": "NEW"}, "no_such_record"),
        ({"item_id": "99"}, "no_such_record"),
        ({"item_id": item}, "locked"),
    ):
        with refused(code):
            erp.add("order", {**base, "rows": [{"qty": "1", "price": "1", **row}]})
    erp.edit("product", item, {"discontinued": False})
    for wrong in ({"price": "1.00001"}, {"price": "x"}, {"qty": None}):
        with refused("bad_value"):
            erp.add("order", {**base, "rows": [{"sku": "OLD", "qty": "1", "price": "1", **wrong}]})
    empty = erp.add("order", base)
    with refused("required"):
        erp.edit("order", empty, {"state": "confirmed"})
    erp.archive("customer", partner)
    with refused("locked"):
        erp.add("order", base)


def test_a_deal_is_won_when_its_stage_says_so(crm: MemorySystem, clock: VirtualClock) -> None:
    deal = crm.add("deal", {"Name": "D"})
    assert crm.all("deal")[deal]["StageKind"] == "open"
    crm.edit("deal", deal, {"StageName": "Closed Won"})
    won_at = clock().isoformat()
    clock.advance(60)
    crm.edit("deal", deal, {"Name": "D2"})
    assert crm.all("deal")[deal]["WonAt"] == won_at
    crm.edit("deal", deal, {"StageName": "Negotiation"})
    assert crm.all("deal")[deal]["WonAt"] is None
    old = crm.add("deal", {"Name": "O", "StageName": "Closed Won", "WonAt": "2025-01-01T00:00:00Z"})
    assert crm.all("deal")[old]["WonAt"] == "2025-01-01T00:00:00Z"


def test_archived_deleted_merged(crm: MemorySystem) -> None:
    keep, lose, gone = (crm.add("customer", {"Name": name}) for name in ("K", "L", "G"))
    deal = crm.add("deal", {"Name": "D", "AccountId": lose})
    crm.archive("customer", keep)
    assert keep in crm.all("customer")
    crm.archive("customer", keep, back=True)
    crm.merge("customer", lose, keep)
    crm.delete("customer", gone)
    assert set(crm.all("customer")) == {keep}
    assert crm.all("deal")[deal]["AccountId"] == keep
    merged, deleted = crm.row("customer", lose), crm.row("customer", gone)
    assert merged is not None
    assert deleted is not None
    assert (merged.state, merged.merged_into) == (State.MERGED, keep)
    assert (deleted.state, deleted.cells) == (State.DELETED, {})
    for record_id in (lose, gone, "001-9999999"):
        assert crm.get("customer", record_id) is None
        with refused("no_such_record"):
            crm.edit("customer", record_id, {"Name": "X"})


def test_a_late_commit_keeps_the_time_it_began(crm: MemorySystem, clock: VirtualClock) -> None:
    began = clock()
    add = crm.begin_late("customer", {"Name": "Late"})
    clock.advance(10)
    soon = crm.add("customer", {"Name": "Soon"})
    late = add()
    shelf = crm.shelf("customer")
    assert [row.id for row in shelf.changed(began, None, 10)] == [late, soon]
    clock.advance(10)
    began = clock()
    edit = crm.begin_late("customer", {"Phone": "1"}, soon)
    clock.advance(10)
    edit()
    assert shelf.changed(began, None, 10)[0].modified == began


def test_the_feed_stays_in_order_and_small_however_often_a_record_changes(
    crm: MemorySystem, clock: VirtualClock
) -> None:
    start = clock()
    ids = [crm.add("customer", {"Name": f"C{n}"}) for n in range(4)]
    for turn in range(400):
        clock.advance(1)
        crm.edit("customer", ids[turn % 4], {"Phone": str(turn)})
    shelf = crm.shelf("customer")
    rows = shelf.changed(start, None, 100)
    assert [row.id for row in rows] == ids
    assert len(shelf._feed) < 200
    first = rows[0]
    rest = shelf.changed(start, (first.modified, first.number), 2)
    assert [row.id for row in rest] == ids[1:3]


def test_search_keeps_up_with_changes(crm: MemorySystem) -> None:
    record_id = crm.add("customer", {"Name": "Straße"})
    shelf = crm.shelf("customer")
    assert [row.id for row in shelf.search("Name", ["STRASSE"])] == [record_id]
    crm.edit("customer", record_id, {"Name": "Weg"})
    assert shelf.search("Name", ["Straße"]) == []
    crm.add("contact", {"PersonName": {"FirstName": "Ada", "LastName": "Byron"}})
    assert len(crm.shelf("contact").search("PersonName", ["ada byron"])) == 1
    crm.delete("customer", record_id)
    assert shelf.search("Name", ["Weg"]) == []
