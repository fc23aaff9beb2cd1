"""What dunnings say of a customer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from interlock.connectors.tryton.holds import HOLD, hold_raw, holds_of
from interlock.connectors.tryton.parties import Layout, party_raw


def dunning(key: int, party: int, due: date, amount: str = "120.00") -> dict[str, Any]:
    return {"id": key, "party": party, "maturity_date": due, "amount": Decimal(amount),
            "procedure.": {"id": 1, "name": "Standard"}, "currency.": {"id": 1, "code": "USD"}}  # fmt: skip


def test_the_oldest_debt_is_the_reason() -> None:
    rows = [dunning(8, 3, date(2026, 10, 20)), dunning(9, 3, date(2026, 9, 14), "1050.50"),
            dunning(7, 4, date(2026, 1, 1))]  # fmt: skip
    found = holds_of(rows)
    assert hold_raw(found[3]) == {
        "dunning:hold": True,
        "dunning:reason": "dunned (Standard): 1050.50 USD due since 2026-09-14, and 1 more",
    }
    assert hold_raw(found[4])["dunning:reason"].endswith("120.00 USD due since 2026-01-01")


def test_no_dunning_is_no_hold_and_none_asked_for_is_not_known() -> None:
    shown = party_raw({"id": 3, HOLD: []}, Layout(other_prefix="crm:"))
    assert (shown["dunning:hold"], shown["dunning:reason"]) == (False, None)
    assert "dunning:hold" not in party_raw({"id": 3}, Layout(other_prefix="crm:"))
