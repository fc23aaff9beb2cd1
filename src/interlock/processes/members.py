"""Members: what an account shows that is several customers in the ERP (ADR 0014).  Pure.

Amounts worked out from invoices are rolled up by taking the invoices of all members together; here
it is done with the figures the ERP itself shows, and with holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from interlock.model import HOLD_FIELDS, SIGNALS, Fields, Money, Value
from interlock.processes.hold_rules import Members, standing
from interlock.store.signals import Shown

__all__ = ["hold_beside", "rolled_up"]

_SUMS = ("balance", "overdue", "credit_balance", "revenue_12m", "lifetime_revenue")
_OTHERS: dict[str, Callable[[Sequence[date]], date] | Callable[[Sequence[Decimal]], Decimal]] = {
    "oldest_due_on": min,
    "days_overdue": max,
    "last_payment_on": max,
}
"""Of averages, changes and scores no roll-up is true: they come from the invoices or not at all."""


def rolled_up(primary: Shown, others: Sequence[Shown], members: Members) -> tuple[Shown, list[str]]:
    """Put the ERP's own figures of an account together, and say what could not be.

    A figure counts only where every member shows it, and an amount only in one currency.
    """
    rows = [primary, *others]
    fields = {f: v for f, v in primary.fields.items() if f not in SIGNALS["customer"]}
    problems = []
    for name in SIGNALS["customer"]:
        shown = [v for row in rows if (v := row.fields.get(name)) is not None]
        if not shown or name not in (*_SUMS, *_OTHERS):
            continue
        called = name.replace("_", " ")
        if len(shown) < len(rows):
            problems.append(f"not every ERP customer of the account shows its {called}")
            continue
        value = _sum(shown) if name in _SUMS else _OTHERS[name](shown)  # type: ignore[arg-type]
        if value is None:
            problems.append(f"the ERP customers of the account have a {called} in other currencies")
        else:
            fields[name] = value
    if members is Members.ANY:
        held = standing([_hold_of(row) for row in rows], members)
        fields.pop("credit_hold", None)
        if held is not None:
            fields["credit_hold"] = held
    return msgspec.structs.replace(primary, fields=fields), sorted(problems)


def _sum(amounts: Sequence[Value]) -> Money | None:
    money = [m for m in amounts if isinstance(m, Money)]
    if len({m.currency for m in money}) != 1:
        return None
    return Money(sum((m.amount for m in money), Decimal(0)), money[0].currency)


def hold_beside(primary: Shown, others: Sequence[Shown]) -> Fields:
    """What is made public of the holds of members beside the primary: that one of them is on hold.

    Whether the primary is, it shows itself.  While it is not known, what was made public stays.
    """
    held = standing([_hold_of(row) for row in others], Members.ANY)
    if held is None:
        before = primary.signals or {}
        return {f: before[f] for f in HOLD_FIELDS if f in before}
    if not held:
        return {}
    one = next(row for row in others if _hold_of(row))
    reason = one.fields.get("hold_reason")
    text = f": {reason}" if isinstance(reason, str) and reason else ""
    return {"credit_hold": True, "hold_reason": f"ERP customer {one.id}{text}"}


def _hold_of(row: Shown) -> bool | None:
    return bool(row.fields["credit_hold"]) if "credit_hold" in row.fields else None
