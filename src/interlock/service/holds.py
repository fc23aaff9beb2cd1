"""Holds: which customers are on credit hold, what waits for them, and letting a deal through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.model import Ref
from interlock.processes.order_kinds import noted
from interlock.project.load import Project
from interlock.service.labels import label_of, labels_of_links
from interlock.service.tables import Kind, Sheet
from interlock.store import alerts, history, holds, links, observations
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.holds import Episode, Override

__all__ = [
    "AlertView", "HoldView", "Overridden", "PausedDeal", "list_holds", "override_hold",
    "read_alerts", "sheet_of", "show_hold",
]  # fmt: skip


class PausedDeal(msgspec.Struct, frozen=True, kw_only=True):
    """A deal a hold concerns; ``stage``: before the hold, "" for a won deal that waits."""

    deal: str
    label: str
    state: str
    stage: str
    why: str
    overridden_by: str = ""
    override_reason: str = ""


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """One credit hold; ``off_since``: the ERP has shown it off since then."""

    id: int
    customer: str
    records: dict[str, str]
    reason: str
    began_at: datetime
    off_since: datetime | None
    ended_at: datetime | None
    ended_why: str
    deals: Sequence[PausedDeal]


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert; ``user``: the CRM user the role stands for, "" for nobody."""

    kind: str
    customer: str
    label: str
    role: str
    user: str
    message: str
    at: datetime
    has_task: bool


class Overridden(msgspec.Struct, frozen=True, kw_only=True):
    """A deal that is ordered in spite of its customer's hold."""

    deal: str
    hold: int
    by: str
    reason: str


def list_holds(project: Project, store: Store, *, ended: bool = False) -> list[HoldView]:
    """List holds, the latest first; ``ended``: those that are over, too."""
    return store.run(lambda tx: [_view(tx, project, e) for e in holds.episodes(tx, ended=ended)])


def sheet_of(found: Sequence[HoldView]) -> Sheet:
    """Holds as a table, a row for each."""
    columns: list[tuple[str, Kind]] = [
        ("hold", int), ("customer", str), ("records", str), ("reason", str), ("began_at", str),
        ("ended_at", str), ("ended_why", str), ("deals", str),
    ]  # fmt: skip
    rows = [
        (h.id, h.customer, ", ".join(f"{name} {i}" for name, i in h.records.items()), h.reason,
         h.began_at.isoformat(), "" if h.ended_at is None else h.ended_at.isoformat(),
         h.ended_why, " ".join(d.deal for d in h.deals))
        for h in found
    ]  # fmt: skip
    return Sheet(columns, rows)


def show_hold(project: Project, store: Store, number: int) -> HoldView:
    """Show one hold."""

    def _show(tx: Tx) -> HoldView:
        episode = holds.find(tx, number)
        if episode is None:
            raise ConfigurationError(f"there is no hold {number}", fix="see `interlock holds list`")
        return _view(tx, project, episode)

    return store.run(_show)


def _view(tx: Tx, project: Project, episode: Episode) -> HoldView:
    records = {Side.CRM: episode.crm_id, Side.ERP: episode.erp_id}
    return HoldView(
        id=episode.id,
        customer=labels_of_links(tx, [episode.link_id]).get(episode.link_id, ""),
        records={project.connection(side).name: i for side, i in records.items() if i},
        reason=episode.reason,
        began_at=episode.began_at,
        off_since=episode.off_since,
        ended_at=episode.ended_at,
        ended_why=episode.ended_why,
        deals=_deals(tx, episode),
    )


def _deals(tx: Tx, episode: Episode) -> list[PausedDeal]:
    paused = holds.pauses(tx, episode_ids=[episode.id])
    given = {d: o for (e, d), o in holds.overrides(tx).items() if e == episode.id}
    held = {}
    if episode.ended_at is None:
        held = {i: c for i, c in noted(tx).items() if c.state == "held"}
    seen = observations.load(tx, Side.CRM, "deal", [*(p.deal_id for p in paused), *given, *held])
    account = Ref("customer", episode.crm_id)
    held = {
        i: c for i, c in held.items() if i in seen and seen[i].fields.get("customer") == account
    }
    labels = {i: label_of(o.fields) for i, o in seen.items()}
    found = [
        PausedDeal(
            deal=p.deal_id,
            label=labels.get(p.deal_id, ""),
            state=p.state.value,
            stage=p.stage,
            why=p.why,
        )
        for p in paused
    ]
    for deal_id in sorted({*held, *given}):
        by = given.get(deal_id)
        found.append(
            PausedDeal(
                deal=deal_id,
                label=labels.get(deal_id, ""),
                state="overridden" if by is not None else "held",
                stage="",
                why=held[deal_id].why if deal_id in held else "",
                overridden_by="" if by is None else by.by,
                override_reason="" if by is None else by.reason,
            )
        )
    return found


def override_hold(store: Store, deal_id: str, *, by: str, reason: str, now: datetime) -> Overridden:
    """Let a won deal be ordered during its customer's present hold; recorded with its reason."""

    def _override(tx: Tx) -> Overridden:
        episode = _hold_of_deal(tx, deal_id)
        given = Override(episode_id=episode.id, deal_id=deal_id, by=by, reason=reason, at=now)
        holds.override(tx, given)
        told = Event(
            at=now,
            event="hold overridden",
            entity="deal",
            side=Side.CRM,
            record_id=deal_id,
            why=f"{by}: {reason}",
        )
        history.add(tx, [told])
        return Overridden(deal=deal_id, hold=episode.id, by=by, reason=reason)

    if not reason.strip():
        raise ConfigurationError("an override needs a reason", fix="add --reason TEXT")
    return store.run(_override)


def _hold_of_deal(tx: Tx, deal_id: str) -> Episode:
    deal = observations.load(tx, Side.CRM, "deal", [deal_id]).get(deal_id)
    if deal is None:
        raise ConfigurationError(f"there is no deal {deal_id}", fix="see `interlock holds list`")
    account = deal.fields.get("customer")
    key = ("customer", account.id if isinstance(account, Ref) else "")
    link_id = links.members_of(tx, Side.CRM, [key]).get(key, 0)
    episode = holds.episodes_of(tx, [link_id]).get(link_id)
    if episode is None:
        raise ConfigurationError(
            f"the customer of deal {deal_id} is not on credit hold",
            fix="nothing is to be overridden; `interlock status` says what the deal waits for",
        )
    return episode


def read_alerts(tx: Tx) -> list[AlertView]:
    """Open alerts with the customers they are about."""
    found = alerts.opened(tx)
    seen = observations.load(tx, Side.CRM, "customer", sorted({a.customer_id for a in found}))
    return [
        AlertView(
            kind=a.kind,
            customer=a.customer_id,
            label=label_of(seen[a.customer_id].fields) if a.customer_id in seen else "",
            role=a.role,
            user=a.user,
            message=a.message,
            at=a.at,
            has_task=bool(a.link_id),
        )
        for a in found
    ]
