"""What the memory systems check and work out when a record is saved, as vendors do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from interlock.connectors.memory.shelf import Shelf
from interlock.connectors.memory.storage import Row, State
from interlock.connectors.memory.tables import Column, Refused, Type
from interlock.model.currencies import round_money

__all__ = ["DERIVED", "check_cells", "check_unique"]

_NEXT_STATES = {
    "quotation": {"confirmed", "canceled"},
    "confirmed": {"shipped", "canceled"},
    "shipped": set(),
    "canceled": set(),
}
_NEXT_STAGES = {
    "planned": {"running", "dropped"},
    "running": {"closed", "dropped"},
    "closed": set(),
    "dropped": set(),
}
_AMOUNTS = ("net_amount", "tax_amount", "paid_amount")
_STAGE_KINDS = {"Closed Won": "won", "Closed Lost": "lost"}


def check_cells(
    shelves: Mapping[str, Shelf], entity: str, cells: Mapping[str, Any], number: int
) -> None:
    """Refuse cells that a column does not admit; ``number`` is the record's own."""
    shelf = shelves[entity]
    for name, value in cells.items():
        column = shelf.table.columns.get(name)
        if column is None:
            raise Refused("no_such_column", f"{shelf.table.name} has no column {name}", name)
        blank = value in (None, "", [])
        if blank:
            if column.required:
                raise Refused("required", f"{name} must be filled", name)
            continue
        _check_form(column, value)
        if column.unique:
            check_unique(shelf, column.name, value, number)
        if column.type is Type.REF:
            _check_ref(shelves[column.target], column, value)


def check_unique(shelf: Shelf, column: str, value: str, number: int) -> None:
    """Refuse a value that another record has."""
    if any(row.number != number for row in shelf.search(column, [value])):
        raise Refused("duplicate", f"another record has this {column}", column)


def _check_form(column: Column, value: Any) -> None:
    name = column.name
    if column.choices and value not in column.choices:
        raise Refused("bad_choice", f"{name} must be one of {', '.join(column.choices)}", name)
    if column.length is not None and not isinstance(value, str):
        raise Refused("bad_value", f"{name} is text", name)
    if column.length is not None and len(value) > column.length:
        raise Refused("too_long", f"{name} takes at most {column.length} characters", name)
    if column.type is Type.NUMBER:
        read_number(value, name, column.decimals)
    if column.type is Type.DATE:
        _check_date(value, name)
    if column.type is Type.BOOLEAN and not isinstance(value, bool):
        raise Refused("bad_value", f"{name} is yes or no", name)


def _check_date(value: Any, name: str) -> None:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Refused("bad_value", f"{name} is a date", name) from None


def _check_ref(target: Shelf, column: Column, value: str) -> None:
    row = target.row(value)
    if row is None or row.state in (State.DELETED, State.MERGED):
        raise Refused("no_such_record", f"{column.name}: there is no such record", column.name)


def read_number(value: Any, name: str, decimals: int | None = None) -> Decimal:
    """Read a decimal kept as text."""
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise Refused("bad_value", f"{name} is a number", name) from None
    digits = number.as_tuple().exponent
    if not isinstance(digits, int):
        raise Refused("bad_value", f"{name} is a number", name)
    if decimals is not None and -digits > decimals:
        raise Refused("bad_value", f"{name} takes at most {decimals} decimals", name)
    return number


def derive_deal(
    _shelves: Mapping[str, Shelf], before: Row | None, cells: dict[str, Any], now: datetime
) -> None:
    """Set what a stage means and when the deal was won; a time given by the user stays."""
    kind = _STAGE_KINDS.get(cells.get("StageName") or "", "open")
    was = None if before is None else before.cells.get("StageKind")
    cells["StageKind"] = kind
    if kind != "won":
        cells["WonAt"] = None
    elif was != "won" and cells.get("WonAt") is None:
        cells["WonAt"] = now.isoformat()


def derive_order(
    shelves: Mapping[str, Shelf], before: Row | None, cells: dict[str, Any], now: datetime
) -> None:
    """Check the order's state and lines; work out each line's net and the order's net total."""
    state = cells.get("state") or "quotation"
    was = "quotation" if before is None else before.cells["state"]
    if state != was and state not in _NEXT_STATES[was]:
        raise Refused("locked", f"an order that is {was} cannot become {state}", "state")
    if before is not None and was != "quotation":
        for name in ("rows", "partner_id", "currency"):
            if cells.get(name) != before.cells.get(name):
                raise Refused("locked", f"{name} of an order that is {was} is fixed", name)
    if state == "confirmed" and not cells.get("rows"):
        raise Refused("required", "an order without lines cannot be confirmed", "rows")
    if before is None or cells.get("partner_id") != before.cells.get("partner_id"):
        partner = shelves["customer"].row(cells["partner_id"])
        if partner is not None and partner.state is State.ARCHIVED:
            raise Refused("locked", "the customer is archived", "partner_id")
    if cells.get("ordered_on") is None:
        cells["ordered_on"] = now.date().isoformat()
    if before is None or any(cells.get(c) != before.cells.get(c) for c in ("rows", "currency")):
        currency = cells["currency"]
        rows = [_order_row(shelves["product"], line, position, currency)
                for position, line in enumerate(cells.get("rows") or (), 1)]  # fmt: skip
        cells["rows"] = rows
        total = sum((Decimal(r["net"]) for r in rows), Decimal(0))
        cells["net_total"] = format(round_money(total, currency), "f")


def derive_project(
    _shelves: Mapping[str, Shelf], before: Row | None, cells: dict[str, Any], _now: datetime
) -> None:
    """Check the project's state; once it has ended, what it was sold for is fixed."""
    state = cells.get("state") or "planned"
    was = "planned" if before is None else before.cells["state"]
    if state != was and state not in _NEXT_STAGES[was]:
        raise Refused("locked", f"a project that is {was} cannot become {state}", "state")
    if before is not None and was in ("closed", "dropped"):
        for name in ("sold_for", "partner_id", "currency"):
            if cells.get(name) != before.cells.get(name):
                raise Refused("locked", f"{name} of a project that is {was} is fixed", name)


def derive_invoice(
    _shelves: Mapping[str, Shelf], before: Row | None, cells: dict[str, Any], _now: datetime
) -> None:
    """Work out total and open amount; a posted invoice keeps its amounts and customer."""
    was = "draft" if before is None else before.cells["state"]
    state = cells.get("state") or "draft"
    if before is not None and was != "draft":
        for name in ("partner_id", "currency", "net_amount", "tax_amount"):
            if cells.get(name) != before.cells.get(name):
                raise Refused("locked", f"{name} of an invoice that is {was} is fixed", name)
    net, tax, paid = (Decimal(cells.get(n) or "0") for n in _AMOUNTS)
    total, left = net + tax, net + tax - paid
    if state in ("posted", "paid"):
        state = "posted" if left else "paid"
    elif paid:
        raise Refused("locked", f"an invoice that is {state} cannot be paid", "paid_amount")
    if abs(left) > abs(total) or left * total < 0:
        raise Refused("bad_value", "more is paid than was billed", "paid_amount")
    cells["state"] = state
    shown = {"net": net, "total": total, "open": left if state == "posted" else Decimal(0)}
    for name, amount in shown.items():
        coins = round_money(amount, cells["currency"])
        cells[name] = {"amt": format(coins, "f"), "cur": cells["currency"]}


def _order_row(
    items: Shelf, line: Mapping[str, Any], position: int, currency: str
) -> dict[str, Any]:
    label = f"line {position}"
    item = _find_item(items, line, label)
    if item.cells.get("discontinued"):
        raise Refused("locked", f"{label}: item {item.cells['sku']} is discontinued", "rows")
    try:
        price = read_number(line.get("price"), f"{label}: price", 4)
        quantity = read_number(line.get("qty"), f"{label}: qty")
    except Refused as refused:
        raise Refused(refused.code, refused.message, "rows") from None
    return {
        "line_ref": line.get("line_ref"), "item_id": item.id, "sku": item.cells["sku"],
        "text": line.get("text") or item.cells["title"], "qty": format(quantity, "f"),
        "price": format(price, "f"),
        "net": format(round_money(quantity * price, currency), "f"),
    }  # fmt: skip


def _find_item(items: Shelf, line: Mapping[str, Any], label: str) -> Row:
    if line.get("item_id"):
        row = items.row(line["item_id"])
        if row is None or row.state in (State.DELETED, State.MERGED):
            raise Refused("no_such_record", f"{label}: there is no such item", "rows")
        return row
    found = items.search("sku", [line.get("sku") or ""])
    if not found:
        raise Refused("no_such_record", f"{label}: no item has the given sku", "rows")
    return found[0]


Derive = Callable[[Mapping[str, Shelf], Row | None, dict[str, Any], datetime], None]
DERIVED: Mapping[str, Derive] = {
    "deal": derive_deal,
    "order": derive_order,
    "project": derive_project,
    "invoice": derive_invoice,
}
"""Entity -> what the system works out before saving."""
