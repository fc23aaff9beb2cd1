"""What reports look at, as the store has observed it: customers, deals, orders, invoices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.matching.customers import company_of
from interlock.matching.table import Company
from interlock.model import Fields, InvoiceStatus, Money, OrderStatus, Ref, StageKind
from interlock.project.load import Project
from interlock.reports.records import DealRecord, InvoiceRecord, OrderRecord, Skipped
from interlock.store import attached, links, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation

__all__ = ["Seen", "look"]

R = TypeVar("R")
Names = Mapping[str, Company]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the store has observed.

    ``partners``: id of a customer in the CRM -> its id in the ERP; orders and invoices of a further
    ERP customer of the account stand under that one, which is no customer by itself.  ``ordered``:
    id of a deal -> its order's id; ``others``: deals that are not won; ``fields``: what the CRM
    shows of each deal.
    """

    customers: Mapping[Side, Names]
    partners: Mapping[str, str]
    won: Sequence[DealRecord]
    others: Sequence[DealRecord]
    fields: Mapping[str, Fields]
    ordered: Mapping[str, str]
    orders: Sequence[OrderRecord]
    invoices: Sequence[InvoiceRecord]
    skipped: Sequence[Skipped]


def look(tx: Tx, project: Project, *, today: date) -> Seen:
    """Take what the last look at both systems showed; raises if there was none."""
    for side, entity in ((Side.CRM, "deal"), (Side.ERP, "order")):
        if entity not in project.ownership.entities:
            raise ConfigurationError(
                f"{entity}s are not synced", fix=f"list the fields of {entity} in ownership.yaml"
            )
        if not observations.count(tx, side, "customer"):
            raise ConfigurationError(
                f"nothing has been read from {project.connection(side).name} yet",
                fix="interlock plan",
            )
    customers: dict[Side, Names] = {
        side: {
            o.id: company_of(o.id, o.known, billing=True)
            for o in observations.present(tx, side, "customer")
        }
        for side in Side
    }
    accounts = attached.accounts(tx, "customer", away=True)
    main_of = {i: main for main, ids in accounts.items() for i in ids}
    customers[Side.ERP] = {i: c for i, c in customers[Side.ERP].items() if i not in main_of}
    ours, theirs = customers[Side.CRM], customers[Side.ERP]
    deals = observations.present(tx, Side.CRM, "deal")
    skipped: list[Skipped] = []
    won, others = list[Observation](), list[Observation]()
    for deal in deals:
        (won if deal.known.get("stage_kind") == StageKind.WON else others).append(deal)
    billed = [
        i
        for i in observations.present(tx, Side.ERP, "invoice")
        if i.known.get("status") not in (InvoiceStatus.DRAFT, InvoiceStatus.CANCELLED)
    ]
    return Seen(
        customers=customers,
        partners=links.partners(tx, Side.CRM, "customer", list(ours)),
        won=_usable("won deal", won, lambda o: _deal(o, ours), skipped),
        # what is not won need not be complete: it is only compared with
        others=_usable("deal", others, lambda o: _deal(o, ours, today), []),
        fields={d.id: d.known for d in deals},
        ordered=links.partners(tx, Side.CRM, "deal", [d.id for d in deals]),
        orders=_usable("order", observations.present(tx, Side.ERP, "order"),
                       lambda o: _order(o, theirs, main_of), skipped),
        invoices=_usable("invoice", billed, lambda o: _invoice(o, theirs, main_of), skipped),
        skipped=skipped,
    )  # fmt: skip


def _usable(
    what: str,
    seen: Sequence[Observation],
    make: Callable[[Observation], R | str],
    skipped: list[Skipped],
) -> list[R]:
    """Make records; what cannot be used is noted with its reason."""
    found: list[R] = []
    for one in seen:
        made = make(one)
        if isinstance(made, str):
            skipped.append(Skipped(file=f"{what} {one.id}", line=0, why=made))
        else:
            found.append(made)
    return found


def _customer(
    fields: Fields, names: Names, main_of: Mapping[str, str] | None = None
) -> tuple[str, str]:
    ref = fields.get("customer")
    if not isinstance(ref, Ref):
        return "", ""
    key = (main_of or {}).get(ref.id, ref.id)
    return key, names[key].name if key in names else ""


def _deal(seen: Observation, names: Names, day: date | None = None) -> DealRecord | str:
    fields = seen.known
    amount, won_at = fields.get("amount"), fields.get("won_at")
    if not isinstance(amount, Money):
        return "it has no amount"
    if isinstance(won_at, datetime):
        day = won_at.date()
    if day is None:
        return "the CRM does not say when it was won"
    customer_id, customer = _customer(fields, names)
    return DealRecord(
        id=seen.id,
        name=_text(fields, "name"),
        customer_id=customer_id,
        customer=customer,
        amount=amount.amount,
        currency=amount.currency,
        won_on=day,
        order_number=_text(fields, "order_number"),
        owner=_text(fields, "owner"),
    )


def _order(seen: Observation, names: Names, main_of: Mapping[str, str]) -> OrderRecord | str:
    fields = seen.known
    total, day = fields.get("net_total"), fields.get("ordered_on")
    if not isinstance(total, Decimal):
        return "it has no net total"
    customer_id, customer = _customer(fields, names, main_of)
    return OrderRecord(
        id=seen.id,
        number=_text(fields, "number") or seen.id,
        customer_id=customer_id,
        customer=customer,
        amount=total,
        currency=_text(fields, "currency"),
        # a draft may have no day yet
        ordered_on=day if isinstance(day, date) else seen.first_seen.date(),
        cancelled=fields.get("status") == OrderStatus.CANCELLED,
        deal=_text(fields, "other_id"),
    )


def _invoice(seen: Observation, names: Names, main_of: Mapping[str, str]) -> InvoiceRecord | str:
    fields = seen.known
    net, total, left = (fields.get(name) for name in ("net", "total", "open"))
    day, order = fields.get("issued_on"), fields.get("order")
    if not (isinstance(net, Money) and isinstance(total, Money) and isinstance(left, Money)):
        return "it has no amounts"
    if not isinstance(day, date):
        return "it has no day of issue"
    if {total.currency, left.currency} != {net.currency}:
        return "its amounts are in several currencies"
    customer_id, customer = _customer(fields, names, main_of)
    return InvoiceRecord(
        id=seen.id,
        number=_text(fields, "number") or seen.id,
        customer_id=customer_id,
        customer=customer,
        net=net.amount,
        total=total.amount,
        open=left.amount,
        currency=net.currency,
        issued_on=day,
        order=order.id if isinstance(order, Ref) else "",
    )


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
