"""Status: how things stand, from the store alone; no system is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from interlock.governance.rules import Side
from interlock.model import Fields, Value
from interlock.processes.order_kinds import noted
from interlock.processes.quote_to_order import order_as_deal
from interlock.project.load import Project
from interlock.service.drift import LastDrift, last_drift
from interlock.service.holds import AlertView, read_alerts
from interlock.service.labels import label_of_link
from interlock.service.pausing import PauseView, read_pauses
from interlock.service.running import CadenceView, read_cadences
from interlock.service.stops import StopView, read_stops
from interlock.service.webhooks import WebhookCounts, read_webhooks
from interlock.store import (
    dead_letters,
    epochs,
    feeds,
    history,
    links,
    observations,
    open_fields,
    outbox,
    plans,
    scores,
)
from interlock.store.database import Store, Tx
from interlock.store.epochs import Hold
from interlock.store.links import Bundle
from interlock.store.outbox import WriteState
from interlock.sync.pair import ENTITY_ORDER

__all__ = [
    "DealsWaiting", "EntityStatus", "LastRun", "OpenField", "Status",
    "read_status", "shown_fields",
]  # fmt: skip


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The sync that started last; without ``ended_at`` it is running or was broken off."""

    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]


class EntityStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One entity.

    ``records``: system -> records known.  ``read_at``: system -> when all of them were last read
    in full, ``None`` when never.  ``linked``: pairs; ``single``: records that wait for their
    counterpart to be created.  ``unlinked``: system -> state -> records without a link.
    """

    entity: str
    records: Mapping[str, int]
    read_at: Mapping[str, datetime | None]
    linked: int
    single: int
    unlinked: Mapping[str, Mapping[str, int]]


class OpenField(msgspec.Struct, frozen=True, kw_only=True):
    """A field that differs and is not written until a person decides; ``values`` by system."""

    link: int
    entity: str
    label: str
    records: Mapping[str, str]
    field: str
    kind: str
    why: str
    values: Mapping[str, object]


class DealsWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """Won deals that are not ordered, by reason."""

    count: int
    state: str
    why: str
    fix: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand.

    ``hold``: why nothing at all is written.  ``to_send``: writes decided and not delivered yet;
    ``uncertain``: of these, those whose outcome only a person can find out.  ``pairs_to_review``:
    customers that may be the same, in the queue of ``match review``.
    """

    installation: str
    hold: Hold | None
    systems: Mapping[str, str]
    go_live: datetime | None
    last_run: LastRun | None
    entities: Sequence[EntityStatus]
    to_approve: int
    to_send: int
    in_doubt: int
    uncertain: int
    dead_letters: int
    pairs_to_review: int
    open_fields: Sequence[OpenField]
    deals: Sequence[DealsWaiting]
    stops: Sequence[StopView] = ()
    drift: LastDrift | None = None
    alerts: Sequence[AlertView] = ()
    webhooks: Mapping[str, WebhookCounts] = {}
    """System -> what it called us with."""
    paused: Sequence[PauseView] = ()
    cadences: Sequence[CadenceView] = ()

    @property
    def needs_person(self) -> bool:
        """Say whether something waits for a person."""
        return bool(
            self.hold
            or self.to_approve
            or self.uncertain
            or self.dead_letters
            or self.open_fields
            or self.stops
        )


def read_status(project: Project, store: Store) -> Status:
    """Read how things stand."""
    found = store.run(_status, project)
    return msgspec.structs.replace(found, cadences=read_cadences(project, store))


def shown_fields(bundle: Bundle, side: Side) -> Fields:
    """What a member of a link shows, in the names of the link's entity."""
    seen = bundle.seen.get(side)
    if seen is None:
        return {}
    as_deal = (bundle.link.entity, seen.entity) == ("deal", "order")
    return order_as_deal(seen.known) if as_deal else seen.known


def _status(tx: Tx, project: Project) -> Status:
    names = {side: project.connection(side).name for side in Side}
    states: Counter[WriteState] = Counter()
    to_approve = 0
    for write in outbox.pending(tx):
        states[write.state] += 1
        # a dead write is counted as a dead letter
        to_approve += write.needs_approval and write.state is not WriteState.DEAD
    run = plans.last_run(tx)
    return Status(
        installation=project.installation,
        hold=epochs.hold_of(tx),
        systems={side.value: names[side] for side in Side},
        go_live=project.go_live,
        last_run=None
        if run is None
        else LastRun(started_at=run.started_at, ended_at=run.ended_at, counts=run.counts),
        entities=_entities(tx, project, names),
        to_approve=to_approve,
        to_send=states[WriteState.READY] + states[WriteState.WAITING] - to_approve,
        in_doubt=states[WriteState.IN_DOUBT] + states[WriteState.SENDING],
        uncertain=states[WriteState.UNCERTAIN],
        dead_letters=dead_letters.count_open(tx),
        pairs_to_review=scores.count_suggestions(tx, "customer"),
        open_fields=_open_fields(tx, names),
        deals=_deals(tx),
        stops=read_stops(tx, names),
        drift=last_drift(tx),
        alerts=read_alerts(tx),
        webhooks=read_webhooks(tx, names),
        paused=read_pauses(tx, project, datetime.now(UTC)),
    )


def _entities(tx: Tx, project: Project, names: Mapping[Side, str]) -> list[EntityStatus]:
    counts = links.counts(tx)
    found = []
    for entity in ENTITY_ORDER:
        if entity not in project.ownership.entities:
            continue
        states = counts.get(entity, {})
        records = {n: observations.count(tx, side, entity) for side, n in names.items()}
        read = {n: feeds.get(tx, side, entity).complete_at for side, n in names.items()}
        if not any(records.values()):
            continue
        unlinked: dict[str, dict[str, int]] = {}
        for key, count in states.items():
            side, _, state = key.partition(":")
            if state:
                unlinked.setdefault(names[Side(side)], {})[state] = count
        found.append(
            EntityStatus(
                entity=entity,
                records=records,
                read_at=read,
                linked=states.get("linked", 0),
                single=states.get("half", 0),
                unlinked=unlinked,
            )
        )
    return found


def _open_fields(tx: Tx, names: Mapping[Side, str]) -> list[OpenField]:
    opened = open_fields.load(tx)
    bundles = links.bundles(tx, sorted(opened))
    found = []
    for link_id, fields in sorted(opened.items()):
        bundle = bundles[link_id]
        for field, (kind, why) in sorted(fields.items()):
            values = {}
            for side, name in names.items():
                value: Value | None = shown_fields(bundle, side).get(field)
                values[name] = history.plain(value)
            found.append(
                OpenField(
                    link=link_id,
                    entity=bundle.link.entity,
                    label=label_of_link(bundle),
                    records={names[s]: m.id for s, m in bundle.members.items()},
                    field=field,
                    kind=kind,
                    why=why,
                    values=values,
                )
            )
    return found


def _deals(tx: Tx) -> list[DealsWaiting]:
    groups: Counter[tuple[str, str, str]] = Counter()
    for case in noted(tx).values():
        if case.state != "ordered":
            groups[case.state, case.why, case.fix] += 1
    return [
        DealsWaiting(count=n, state=state, why=why, fix=fix)
        for (state, why, fix), n in sorted(groups.items())
    ]
