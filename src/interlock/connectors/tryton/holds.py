"""Credit holds: dunnings at a level that blocks credit, which is what stops Tryton's own orders.

Tryton has no mark for it on the party.  Its rule is that of ``check_credit_limit``: a dunning on an
open receivable line, not blocked itself, whose level has the box *Credit Limit* ticked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interlock.connectors.tryton.client import Row

__all__ = ["ASKED", "DUNNING", "HOLD", "SHOWN", "hold_domain", "hold_raw", "holds_of"]

DUNNING = "account.dunning"
HOLD = "dunning:"
"""Begins the paths of fields made of dunnings."""

SHOWN = ("party", "procedure.name", "maturity_date", "amount", "currency.code")
"""Columns read of a dunning."""
ASKED = ("company", "line", "blocked", "level.credit_limit", *SHOWN)
"""Those, and what dunnings are searched by."""


def hold_domain(company: int, parties: Sequence[int]) -> list[Any]:
    """Give the condition of dunnings that hold these parties; settled ones are not active."""
    return [["company", "=", company], ["party", "in", list(parties)],
            ["level.credit_limit", "=", True], ["blocked", "!=", True]]  # fmt: skip


def holds_of(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    """Sort dunnings by party, those of the oldest debt first."""
    found: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda r: (str(r["maturity_date"]), r["id"])):
        found.setdefault(row["party"], []).append(row)
    return found


def hold_raw(dunnings: Sequence[Row]) -> dict[str, Any]:
    """Give the values behind the paths of a customer's hold."""
    if not dunnings:
        return {"dunning:hold": False, "dunning:reason": None}
    first, *others = dunnings
    name = (first.get("procedure.") or {}).get("name") or "dunning"
    currency = (first.get("currency.") or {}).get("code") or ""
    amount = f"{first['amount']} {currency}".strip()
    told = f"dunned ({name}): {amount} due since {first['maturity_date']}"
    if others:
        told += f", and {len(others)} more"
    return {"dunning:hold": True, "dunning:reason": told}
