"""What is told of customers' figures: alerts, once an episode, and problems of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from interlock.governance.rules import Side
from interlock.model import Fields
from interlock.processes.receivables import arrears
from interlock.processes.roles import Role, Roles
from interlock.store import alerts, billed, links, observations
from interlock.store.alerts import Alert
from interlock.store.database import Tx
from interlock.sync.progress import Run

__all__ = [
    "DIFFERS", "LATER", "OVERDUE", "UNHEARD", "UNKNOWN", "raise_and_end", "tell_problems",
]  # fmt: skip

OVERDUE = "overdue"
"""Kind of the alert that a customer has come into arrears."""
_BALANCE = "balance"
"""Kind of the alert that the ERP's balance is not what its invoices come to."""
DIFFERS, UNKNOWN = "differs", "unknown"
"""What may be wrong with a customer's figures."""
LATER, UNHEARD = "later", "unheard"
"""Figures that are made public tomorrow; alerts that wait until the CRM has the customer."""
_NAMED = 3
"""Records a problem names one by one."""


def tell_problems(tx: Tx, run: Run, name: str) -> None:
    """Tell what is wrong with figures, of ``name``'s customers; whenever they are looked at."""
    unlike = billed.notes(tx, DIFFERS)
    for record_id, difference in unlike[:_NAMED]:
        run.problem(
            f"{name} customer {record_id}", difference,
            "find the booking in the ERP that stands on one side only", "balance_differs",
        )  # fmt: skip
    if len(unlike) > _NAMED:
        more = len(unlike) - _NAMED
        run.problem(f"{name} customer", f"so it is with {more} others", "", "balance_differs")
    unknown: dict[str, list[str]] = {}
    for record_id, why in billed.notes(tx, UNKNOWN):
        unknown.setdefault(why, []).append(record_id)
    for why, ids in sorted(unknown.items()):
        run.problem(
            f"{name} customer",
            f"{why}: figures of {len(ids)} are not known ({', '.join(ids[:_NAMED])})",
            "state rates in rules.yaml, or complete the invoices in the ERP",
            "figures_unknown",
        )


def raise_and_end(
    tx: Tx,
    roles: Roles,
    *,
    looked: Collection[str],
    late: Mapping[str, Fields],
    settled: Collection[str],
    unlike: Mapping[str, str],
    now: datetime,
) -> set[str]:
    """Alert once per episode: from the first day in arrears until nothing is overdue.

    ``looked``: all customers of the ERP this is about.  Returns those that are to be alerted about
    as soon as the CRM has them.
    """
    told = _by_customer(tx, OVERDUE)
    owed = {i: arrears(fields) for i, fields in late.items() if i not in told}
    unheard = _raise(tx, roles, OVERDUE, Role.CUSTOMER_SUCCESS, owed, now)
    for i in sorted(told.keys() & set(settled)):
        alerts.end(tx, told[i].subject, why="nothing is overdue any more", now=now)
    told = _by_customer(tx, _BALANCE)
    new = {i: why for i, why in unlike.items() if i not in told}
    unheard |= _raise(tx, roles, _BALANCE, Role.FINANCE, new, now)
    for i in sorted(told.keys() & set(looked) - unlike.keys()):
        alerts.end(tx, told[i].subject, why="both are the same now", now=now)
    return unheard


def _raise(
    tx: Tx, roles: Roles, kind: str, role: Role, messages: Mapping[str, str], now: datetime
) -> set[str]:
    """Tell a role of customers of the ERP; returns those the CRM does not have."""
    crm_ids = links.partners(tx, Side.ERP, "customer", sorted(messages))
    seen = observations.load(tx, Side.CRM, "customer", sorted(crm_ids.values()))
    alerts.raise_alerts(
        tx,
        [
            Alert(
                kind=kind,
                subject=_subject(kind, i, now),
                role=role,
                user=roles.user(role, seen[crm_id].known if crm_id in seen else {}),
                customer_id=crm_id,
                message=messages[i],
                at=now,
            )
            for i, crm_id in sorted(crm_ids.items())
        ],
    )
    return messages.keys() - crm_ids.keys()


def _subject(kind: str, record_id: str, now: datetime) -> str:
    """Name an episode: a later one of the same customer is another one."""
    return f"{kind}:{record_id}:{now:%Y%m%dT%H%M%S}"


def _by_customer(tx: Tx, kind: str) -> dict[str, Alert]:
    """Open alerts of a kind by the ERP's customer."""
    return {
        a.subject.removeprefix(f"{kind}:").rpartition(":")[0]: a
        for a in alerts.opened(tx)
        if a.kind == kind
    }
