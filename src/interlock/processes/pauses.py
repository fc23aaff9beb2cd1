"""Pauses: the deals a credit hold stops, and how they go on afterwards (rule 26).

What is to be written to a deal, and what it showed before, is kept before it is written.  Each
pause has a link without members, the subject of its writes: a deal's own link is the order's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from interlock.governance.rules import Side
from interlock.model import Fields, Ref, WriteKind
from interlock.processes.hold_rules import (
    PAUSE_FIELDS,
    HoldRules,
    pausable,
    pause_step,
    pausing,
    remembers,
    resumption,
)
from interlock.store import history, holds, links, observations, outbox
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.holds import LIVE, Episode, Pause, PauseState
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.store.outbox import WriteState
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["PAUSE", "Pauses", "add", "adopt", "possible", "step"]

PAUSE = "pause"
"""Entity of the links whose writes pause deals and let them go on."""
_UNSURE = (WriteState.SENDING, WriteState.IN_DOUBT)


def possible(pair: Pair) -> bool:
    """Say whether deals can be paused: the CRM holds what it takes, and it may be read."""
    caps, rules = pair.crm.entity("deal"), pair.rules("deal")
    return (
        caps is not None
        and rules is not None
        and bool(caps.update)
        and all(f in caps.fields and f in rules.fields for f in PAUSE_FIELDS)
        and caps.fields["paused"].writable
    )


def add(tx: Tx, pair: Pair, rules: HoldRules, episodes: Sequence[Episode], now: datetime) -> None:
    """Keep a pause for every deal of these episodes' customers that is to be paused.

    A deal that an earlier episode has not let go of yet is left until it has.
    """
    bundles = links.bundles(tx, [e.link_id for e in episodes]) if possible(pair) else {}
    of_customer = {
        bundles[e.link_id].members[Side.CRM].id: e
        for e in episodes
        if e.link_id in bundles and Side.CRM in bundles[e.link_id].members
    }
    if not of_customer:
        return
    taken = {p.deal_id for p in holds.pauses(tx, states=LIVE)}
    known = {
        (p.episode_id, p.deal_id)
        for p in holds.pauses(tx, episode_ids=[e.id for e in of_customer.values()])
    }
    rows = []
    for deal in observations.present(tx, Side.CRM, "deal"):
        account = deal.fields.get("customer")
        episode = of_customer.get(account.id) if isinstance(account, Ref) else None
        if episode is None or deal.id in taken or (episode.id, deal.id) in known:
            continue
        if deal.there and pausable(rules, deal.known):
            stage = str(deal.known["stage"])
            rows.append(_pause(tx, episode, deal, stage, rules.paused_stage or stage, now))
    holds.add_pauses(tx, rows)


def _pause(
    tx: Tx, episode: Episode, deal: Observation, stage: str, mark_stage: str, now: datetime
) -> Pause:
    return Pause(
        episode_id=episode.id,
        deal_id=deal.id,
        link_id=links.create(
            tx, PAUSE, [], origin="process", evidence=f"hold:{episode.id}", now=now
        ),
        stage=stage,
        mark_stage=mark_stage,
        state=PauseState.PAUSING,
        why="the customer is on credit hold",
        at=now,
    )


def adopt(tx: Tx, episodes: Sequence[Episode], now: datetime) -> None:
    """Take care of deals that show our pause though none is kept: copies, or a store gone back.

    Without a hold an episode is begun for them, which ends as any other does.
    """
    found = [d for d in observations.present(tx, Side.CRM, "deal") if remembers(d.known)]
    if not found:
        return
    taken = {p.deal_id for p in holds.pauses(tx, states=LIVE)}
    orphans = [d for d in found if d.there and d.id not in taken]
    accounts = [a for d in orphans if isinstance(a := d.known.get("customer"), Ref)]
    linked = links.members_of(tx, Side.CRM, [("customer", a.id) for a in accounts])
    open_ones = {e.link_id: e for e in episodes}
    partners = links.partners(tx, Side.CRM, "customer", [a.id for a in accounts])
    rows = []
    for deal in orphans:
        account = deal.known.get("customer")
        crm_id = account.id if isinstance(account, Ref) else ""
        erp_id = partners.get(crm_id, "")
        link_id = linked.get(("customer", crm_id), 0) if erp_id else 0
        if link_id not in open_ones:
            open_ones[link_id] = holds.begin(
                tx,
                Episode(
                    id=0,
                    link_id=link_id,
                    crm_id=crm_id if link_id else "",
                    erp_id=erp_id,
                    reason="deals were found paused",
                    began_at=now,
                ),
            )
        stage = remembers(deal.known) or ""
        shown = deal.known.get("stage")
        mark_stage = shown if isinstance(shown, str) else stage
        rows.append(_pause(tx, open_ones[link_id], deal, stage, mark_stage, now))
    holds.put_pauses(tx, rows)


def step(tx: Tx, now: datetime) -> None:
    """Bring all pauses up to what their deals show."""
    live = holds.pauses(tx, states=LIVE)
    if not live:
        return
    deals = observations.load(tx, Side.CRM, "deal", [p.deal_id for p in live])
    standing = {e.id for e in holds.open_episodes(tx)}
    writes = outbox.of_links(tx, [p.link_id for p in live])
    changed, again = [], []
    for pause in live:
        write = writes.get((pause.link_id, Side.CRM))
        new = pause_step(
            pause,
            _shown(deals.get(pause.deal_id)),
            on_hold=pause.episode_id in standing,
            on_its_way=write is not None and write.state in _UNSURE,
            now=now,
        )
        if new is not pause:
            changed.append(new)
        if new is not pause or write is None:
            again.append(new.link_id)
    holds.put_pauses(tx, changed)
    links.raise_revision(tx, again)
    told = [
        p for p in changed if p.state in (PauseState.PAUSED, PauseState.RESUMED, PauseState.LEFT)
    ]
    history.add(tx, [_event(p, now) for p in told])


def _shown(deal: Observation | None) -> Fields | None:
    """What a deal shows: ``None`` when it is gone, nothing while that is not certain."""
    if deal is None or deal.absent_since is not None:
        return {}
    return deal.known if deal.there else None


def _event(pause: Pause, now: datetime) -> Event:
    return Event(
        at=now,
        event=pause.state.value,
        entity="deal",
        link_id=pause.link_id,
        side=Side.CRM,
        record_id=pause.deal_id,
        why=f"{pause.why}; its stage before: {pause.stage}",
    )


class Pauses:
    """The process on the links of pauses."""

    entity = PAUSE

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    async def prepare(self, run: Run) -> None:
        """Nothing to look at: ``CreditHold`` does."""

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Pause what is to be paused and shows no mark; take back what shows ours."""
        mine = holds.pauses_of_links(tx, [b.link.id for b in bundles])
        deals = observations.load(tx, Side.CRM, "deal", [p.deal_id for p in mine.values()])
        found = {}
        for link_id, pause in mine.items():
            seen = deals.get(pause.deal_id)
            if seen is None or not seen.there:
                continue
            intent = _intent(pause, seen.known)
            if intent is not None:
                found[link_id] = [intent]
        return found


def _intent(pause: Pause, deal: Fields) -> Intent | None:
    if pause.state is PauseState.PAUSING:
        fields, why = pausing(pause, deal), "the customer is on credit hold"
    elif pause.state is PauseState.RESUMING:
        fields, why = resumption(pause, deal), "the credit hold has ended"
    else:
        return None
    if not fields:
        return None
    return Intent(
        target=Side.CRM,
        entity="deal",
        kind=WriteKind.UPDATE,
        record_id=pause.deal_id,
        fields=fields,
        # the stage, too: a deal that somebody moves meanwhile is theirs
        expected={f: deal[f] for f in (*fields, "stage") if f in deal},
        why=why,
        # what takes a pause back was counted with it
        completes=pause.state is PauseState.RESUMING,
    )
