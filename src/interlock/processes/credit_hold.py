"""Credit hold: episodes, told to the people concerned, with the deals they pause (rule 26).

Reconciling a customer's link notes what the ERP shows; ``prepare`` does what takes time or a
second look: pausing further deals, releasing a hold that has been off for long enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.connectors.budget import calls_for
from interlock.errors import ConnectorError
from interlock.governance.budget import Purpose
from interlock.governance.rules import Side
from interlock.model import Fields
from interlock.processes import pauses
from interlock.processes.hold_rules import HoldRules, Members, Step, next_step, standing
from interlock.processes.order_to_cash import OrderToCash
from interlock.processes.receivables import arrears
from interlock.processes.roles import Role, Roles
from interlock.store import alerts, attached, feeds, history, holds, links, observations
from interlock.store.alerts import Alert
from interlock.store.database import Tx, chunks
from interlock.store.history import Event
from interlock.store.holds import LIVE, Episode
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now, note_failure
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["CreditHold", "read_customers", "seen_on_hold", "shown_holds", "subject_of"]


_LOOKED = "credit_hold"


def seen_on_hold(seen: Observation | None) -> bool | None:
    """Say whether the ERP shows a customer on hold; ``None``: that is not known.

    Where the ERP has no holds, its customers show what ``OrderToCash`` works out by rule.
    """
    if seen is None or not seen.there or "credit_hold" not in seen.known:
        return None
    # blank is a box nobody ticked; a field that was not shown is not
    return bool(seen.known["credit_hold"])


async def read_customers(pair: Pair, cash: OrderToCash, ids: Iterable[str], run: Run) -> None:
    """Read customers of the ERP, and what their holds follow from, right now (rule 26)."""
    caps = pair.erp.entity("customer")
    assert caps is not None
    named = set(ids)
    wanted = sorted(await pair.store.call(attached.with_members, "customer", named))
    for part in chunks(wanted, caps.page_size):
        await fetch_now(pair, Side.ERP, "customer", part, run)
    if cash.works_out_holds:
        await cash.look_again(wanted, run)
    elif len(wanted) > len(named):
        # what the account shows of the holds of all its customers follows from these looks
        await cash.prepare(run)


def subject_of(episode: Episode) -> str:
    """Name an episode in alerts."""
    return f"hold:{episode.id}"


class CreditHold:
    """The process on customers' links."""

    entity = "customer"

    def __init__(self, pair: Pair, rules: HoldRules, roles: Roles, cash: OrderToCash) -> None:
        self.pair = pair
        self.rules = rules
        self.roles = roles
        self.cash = cash
        self._run: Run | None = None

    # ── what reconcile sees ──────────────────────────────────────────────────────────────────

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Note holds that were placed or seen off; what is written belongs to other links."""
        whole = {b.link.id: b for b in bundles if len(b.members) == len(Side)}
        known = holds.episodes_of(tx, whole)
        shown = shown_holds(tx, list(whole.values()), self.rules.members)
        now = self.pair.clock()
        placed = []
        for link_id, bundle in whole.items():
            episode = known.get(link_id)
            match next_step(episode, shown[link_id], now, self.rules.release_after):
                case Step.PLACE:
                    placed.append(self._place(tx, bundle, now))
                case Step.NOTE_OFF if episode is not None:
                    holds.note(tx, msgspec.structs.replace(episode, off_since=now))
                case Step.FORGET_OFF if episode is not None:
                    holds.note(tx, msgspec.structs.replace(episode, off_since=None))
                case _:
                    pass
        if placed:
            pauses.add(tx, self.pair, self.rules, placed, now)
            if self._run is not None:
                # what follows from it is decided in this very cycle
                self._run.counts["moved"] += 1
                self._run.counts["holds_placed"] += len(placed)
        return {}

    def _place(self, tx: Tx, bundle: Bundle, now: datetime) -> Episode:
        erp, crm = bundle.members[Side.ERP], bundle.members[Side.CRM]
        shown = bundle.seen[Side.ERP].known
        text = shown.get("hold_reason")
        episode = holds.begin(
            tx,
            Episode(
                id=0,
                link_id=bundle.link.id,
                crm_id=crm.id,
                erp_id=erp.id,
                reason=text if isinstance(text, str) else arrears(shown),
                began_at=now,
            ),
        )
        seen = bundle.seen.get(Side.CRM)
        customer = {} if seen is None else seen.known
        alerts.raise_alerts(tx, self._alerts(episode, customer, shown, now))
        self._tell(tx, "hold placed", episode, episode.reason or "the ERP shows it", now)
        return episode

    def _alerts(
        self, episode: Episode, customer: Fields, shown: Fields, now: datetime
    ) -> list[Alert]:
        owed = arrears(shown)
        message = "placed on credit hold" + (f": {owed}" if owed else "")
        told = (Role.OWNER, Role.CUSTOMER_SUCCESS, Role.SALES_MANAGER)
        return [
            Alert(
                kind="hold.placed",
                subject=subject_of(episode),
                role=role,
                user=self.roles.user(role, customer),
                customer_id=episode.crm_id,
                message=message,
                at=now,
                link_id=0 if role is Role.OWNER else None,
            )
            for role in told
        ]

    def _tell(self, tx: Tx, event: str, episode: Episode, why: str, now: datetime) -> None:
        told = Event(
            at=now,
            event=event,
            entity="customer",
            link_id=episode.link_id or None,
            side=Side.ERP,
            record_id=episode.erp_id,
            run_id=None if self._run is None else self._run.id,
            why=why,
        )
        history.add(tx, [told])

    # ── what takes time ──────────────────────────────────────────────────────────────────────

    async def prepare(self, run: Run) -> None:
        """Release what has been off for long enough; bring pauses up to what deals show."""
        self._run = run
        pair = self.pair
        if "customer" not in pair.observed(Side.ERP) or "deal" not in pair.observed(Side.CRM):
            return
        over = await pair.store.call(self._over)
        if over and not run.paused:
            with calls_for(Purpose.CREDIT):
                await self._read_again(over, run)
        await pair.store.call(self._step)

    def _over(self, tx: Tx) -> list[Episode]:
        """Episodes that end if one more look says so."""
        return [
            e for e, step in self._steps(tx, holds.open_episodes(tx)) if step is Step.READ_AGAIN
        ]

    def _steps(self, tx: Tx, found: Sequence[Episode]) -> list[tuple[Episode, Step]]:
        """Decide on open episodes; that a customer is not linked any more counts as off."""
        now, steps = self.pair.clock(), []
        bundles = links.bundles(tx, [e.link_id for e in found]) if found else {}
        whole = [b for b in bundles.values() if len(b.members) == len(Side)]
        shown = shown_holds(tx, whole, self.rules.members)
        for episode in found:
            seen = shown.get(episode.link_id, False)
            steps.append((episode, next_step(episode, seen, now, self.rules.release_after)))
        return steps

    async def _read_again(self, over: Sequence[Episode], run: Run) -> None:
        """Read customers and deals right before the release (rule 26)."""
        pair, asked = self.pair, self.pair.clock()
        linked = await pair.store.call(self._erp_ids, over)
        deals = await pair.store.call(_paused_deals, [e.id for e in over])
        caps = pair.crm.entity("deal")
        assert caps is not None
        try:
            await read_customers(pair, self.cash, linked, run)
        except ConnectorError as error:
            note_failure(pair.erp, run, error, "customer")
            return
        try:
            for part in chunks(sorted(deals), caps.page_size):
                await fetch_now(pair, Side.CRM, "deal", part, run)
        except ConnectorError as error:
            note_failure(pair.crm, run, error, "deal")
            return
        await pair.store.call(self._release, [e.id for e in over], asked, run)

    def _erp_ids(self, tx: Tx, over: Iterable[Episode]) -> set[str]:
        bundles = links.bundles(tx, [e.link_id for e in over])
        return {b.members[Side.ERP].id for b in bundles.values() if Side.ERP in b.members}

    def _release(self, tx: Tx, ids: Sequence[int], asked: datetime, run: Run) -> None:
        now = self.pair.clock()
        found = [e for e in holds.open_episodes(tx) if e.id in set(ids)]
        bundles = links.bundles(tx, [e.link_id for e in found])
        further = _further(tx, list(bundles.values()))
        for episode, step in self._steps(tx, found):
            bundle = bundles.get(episode.link_id)
            primary = None if bundle is None else bundle.seen.get(Side.ERP)
            looked = [primary, *further.get(episode.link_id, ())]
            if step is Step.READ_AGAIN and all(o is None or o.instant >= asked for o in looked):
                self._end(tx, episode, bundle, now)
                run.counts["holds_released"] += 1

    def _end(self, tx: Tx, episode: Episode, bundle: Bundle | None, now: datetime) -> None:
        why = "the ERP has released it" if bundle is not None else "the customer is not linked"
        holds.note(tx, msgspec.structs.replace(episode, ended_at=now, ended_why=why))
        done = alerts.end(tx, subject_of(episode), why=why, now=now)
        links.raise_revision(tx, done)
        self._tell(tx, "hold released", episode, why, now)
        if not episode.crm_id:
            return
        seen = None if bundle is None else bundle.seen.get(Side.CRM)
        notice = Alert(
            kind="hold.released",
            subject=subject_of(episode),
            role=Role.OWNER,
            user=self.roles.user(Role.OWNER, {} if seen is None else seen.known),
            customer_id=episode.crm_id,
            message="released from credit hold",
            at=now,
            # a notice: nothing is to be done about it
            ended_at=now,
            ended_why="a notice",
        )
        alerts.raise_alerts(tx, [notice])

    def _step(self, tx: Tx) -> None:
        now = self.pair.clock()
        possible = pauses.possible(self.pair)
        moved = possible and self._moved(tx)
        if moved:
            pauses.adopt(tx, holds.open_episodes(tx), now)
        found = holds.open_episodes(tx)
        for episode, step in self._steps(tx, found):
            # what was found paused, or is no pair any more, is not reconciled: its time begins here
            if step is Step.NOTE_OFF:
                holds.note(tx, msgspec.structs.replace(episode, off_since=now))
        if moved:
            pauses.add(tx, self.pair, self.rules, found, now)
        if possible:
            pauses.step(tx, now)

    def _moved(self, tx: Tx) -> bool:
        """Say whether deals are to be looked through: not while all is as it was at the last look.

        That look reads every deal; deals, holds, pauses, links and the settings decide it.
        """
        rules = self.rules
        bundles = links.bundles(tx, [e.link_id for e in holds.open_episodes(tx)])
        parts = (
            (sorted(rules.pause), sorted(rules.kinds.items()), rules.paused_stage),
            observations.state_of(tx, Side.CRM, "deal"),
            sorted((i, sorted(str(m.id) for m in b.members.values())) for i, b in bundles.items()),
            [(p.episode_id, p.deal_id, p.state) for p in holds.pauses(tx, states=LIVE)],
        )
        state = hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()
        if feeds.get_meta(tx, _LOOKED) == state:
            return False
        feeds.set_meta(tx, _LOOKED, state)
        return True


def shown_holds(tx: Tx, bundles: Sequence[Bundle], members: Members) -> dict[int, bool | None]:
    """What the ERP shows of each account: link id -> on hold, or not, or not known."""
    further = _further(tx, bundles)
    return {
        b.link.id: standing(
            [seen_on_hold(o) for o in (b.seen.get(Side.ERP), *further[b.link.id])], members
        )
        for b in bundles
    }


def _further(tx: Tx, bundles: Sequence[Bundle]) -> dict[int, list[Observation | None]]:
    """What was last seen of the ERP customers beside the primary one, by link."""
    beside = attached.of_links(tx, [b.link.id for b in bundles])
    ids = [one.id for members in beside.values() for one in members]
    seen = observations.load(tx, Side.ERP, "customer", ids) if ids else {}
    return {
        b.link.id: [seen.get(one.id) for one in beside.get(b.link.id, ()) if not one.away]
        for b in bundles
    }


def _paused_deals(tx: Tx, episode_ids: Sequence[int]) -> set[str]:
    return {p.deal_id for p in holds.pauses(tx, episode_ids=episode_ids) if p.state in LIVE}
