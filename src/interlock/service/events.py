"""Events: what other tools are told of, found out from what the store knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.project.outreach import EventEndpoint, EventKind
from interlock.reports.leakage import Tolerances
from interlock.service.leakage import leakage_of_systems
from interlock.service.session import weights_of
from interlock.store import figures, links, observations, outgoing
from interlock.store.database import Store, Tx
from interlock.store.figures import Creation
from interlock.store.outgoing import Endpoint, Outgoing

__all__ = ["DESTINATION", "EventBody", "gather_events", "gather_leaks"]

DESTINATION = "event:"
"""Endpoints by name, among what is to be told."""

_OVERLAP = timedelta(days=7)
"""How far back holds are looked at; what was told before stays told."""
_LEAKS_EVERY = timedelta(days=1)
_LEAKS_AFTER = timedelta(days=2)
"""A deal just won is no leak: its order may still be on its way."""
_CREATED = {"order": EventKind.ORDER_CREATED, "customer": EventKind.CUSTOMER_CREATED}


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: ids and amounts, nothing about anybody.

    ``id`` is the same however often an event is sent; a receiver that has seen it ignores it.
    ``data``: for records their id by system's name; amounts are text with their currency beside.
    """

    id: str
    kind: EventKind
    at: datetime
    installation: str
    data: Mapping[str, object]


def gather_events(tx: Tx, project: Project, now: datetime) -> int:
    """Put what happened since the last time into the outgoing rows; returns how many."""
    names = {side: project.connection(side).name for side in Side}
    count = 0
    for one in project.events:
        state = outgoing.endpoint(tx, one.name)
        if state is None:
            # what was before it is nobody's news
            state = Endpoint(name=one.name, since=now, history_id=figures.last_event(tx))
            outgoing.note_endpoint(tx, state)
        made = figures.creations(tx, state.history_id)
        bodies = [*_created(tx, project, names, made), *_holds(tx, project, names, state, now)]
        count += _put(tx, one, bodies, now)
        if made:
            state = msgspec.structs.replace(state, history_id=made[-1].row)
            outgoing.note_endpoint(tx, state)
    return count


def _put(tx: Tx, to: EventEndpoint, bodies: Sequence[EventBody], now: datetime) -> int:
    rows = [
        Outgoing(
            destination=f"{DESTINATION}{to.name}",
            id=body.id,
            kind=body.kind,
            body=msgspec.json.encode(body),
            at=body.at,
            due_at=now,
        )
        for body in bodies
        if body.kind in to.kinds
    ]
    outgoing.put(tx, rows)
    return len(rows)


def _created(
    tx: Tx, project: Project, names: Mapping[Side, str], made: Sequence[Creation]
) -> list[EventBody]:
    told = [one for one in made if one.entity in _CREATED]
    bundles = links.bundles(tx, sorted({one.link_id for one in told if one.link_id is not None}))
    found = []
    for one in told:
        bundle = bundles.get(one.link_id or 0)
        data: dict[str, object] = {"entity": one.entity, names[one.side]: one.record_id}
        if bundle is not None:
            data |= {names[side]: member.id for side, member in bundle.members.items()}
        if one.entity == "order":
            data |= _amount(tx, one)
        found.append(
            EventBody(
                id=f"{_CREATED[one.entity]}:{names[one.side]}:{one.record_id}",
                kind=_CREATED[one.entity],
                at=one.at,
                installation=project.installation,
                data=data,
            )
        )
    return found


def _amount(tx: Tx, order: Creation) -> dict[str, object]:
    seen = observations.load(tx, order.side, "order", [order.record_id]).get(order.record_id)
    net = None if seen is None else seen.fields.get("net_total")
    currency = None if seen is None else seen.fields.get("currency")
    if not isinstance(net, Decimal) or not isinstance(currency, str):
        return {}
    return {"net": f"{net:f}", "currency": currency}


def _holds(
    tx: Tx, project: Project, names: Mapping[Side, str], state: Endpoint, now: datetime
) -> list[EventBody]:
    since = max(state.since, now - _OVERLAP)
    found = []
    for one in figures.holds_between(tx, since):
        records = {names[Side.CRM]: one.crm_id, names[Side.ERP]: one.erp_id}
        data = {"entity": "customer", "hold": one.id} | {n: i for n, i in records.items() if i}
        for kind, at in (
            (EventKind.HOLD_PLACED, one.began_at),
            (EventKind.HOLD_RELEASED, one.ended_at),
        ):
            if at is not None and at >= since:
                found.append(
                    EventBody(
                        # a store that went back gives the same number to another hold
                        id=f"{kind}:{one.id}:{one.began_at.isoformat()}",
                        kind=kind,
                        at=at,
                        installation=project.installation,
                        data=data,
                    )
                )
    return found


def gather_leaks(project: Project, store: Store, now: datetime) -> int:
    """Once a day tell leaks of deals won since go-live that were not told before.

    A deal counts from two days after it was won.
    """
    due = []
    for one in project.events:
        state = store.run(outgoing.endpoint, one.name)
        late = state is not None and (
            state.leaks_at is None or now >= state.leaks_at + _LEAKS_EVERY
        )
        if state is not None and late and EventKind.LEAK_FOUND in one.kinds:
            due.append((one, state))
    if not due or project.go_live is None or project.go_live > now:
        return 0
    report = leakage_of_systems(
        project, store, Tolerances(), weights=weights_of(project), now=now,
        start=project.go_live.date(), end=(now - _LEAKS_AFTER).date(),
    )  # fmt: skip
    bodies = [
        EventBody(
            id=f"{EventKind.LEAK_FOUND}:{project.crm.name}:{leak.deal}",
            kind=EventKind.LEAK_FOUND,
            at=now,
            installation=project.installation,
            data={
                "entity": "deal", project.crm.name: leak.deal, "cause": leak.cause.value,
                "amount": f"{leak.leaking:f}", "currency": leak.currency,
            },
        )
        for leak in report.leakage.findings
        if leak.deal
    ]  # fmt: skip

    def _keep(tx: Tx) -> int:
        count = 0
        for one, state in due:
            outgoing.note_endpoint(tx, msgspec.structs.replace(state, leaks_at=now))
            count += _put(tx, one, bodies, now)
        return count

    return store.run(_keep)
