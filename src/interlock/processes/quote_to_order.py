"""Quote to order: a won deal becomes exactly one ERP order (rules 20, 24, 25).

``prepare`` looks at won deals, takes a snapshot of each and keeps it as a case; ``intents`` then
decides purely from case and observations what should be written, as often as it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from interlock.connectors.budget import calls_for
from interlock.errors import ConnectorError
from interlock.governance.budget import Purpose
from interlock.governance.rules import Side
from interlock.governance.targets import Targets, Unclear
from interlock.model import SIGNALS, Fields, Record, Ref, StageKind
from interlock.processes.amendments import Policy, of_deal
from interlock.processes.hold_gate import ON_HOLD
from interlock.processes.lost_orders import lost_order
from interlock.processes.order_amending import Amending
from interlock.processes.order_cases import (
    OPEN,
    is_given_up,
    not_ordered,
    note,
    put,
    settling,
    tell,
)
from interlock.processes.order_drafts import Drafting, Index, accepted
from interlock.processes.order_intent import OrderSettings, intent_of, subject_of
from interlock.processes.order_kinds import KINDS, ORDER, OrderKind, made, targets_of
from interlock.processes.snapshot import Draft, Refusal
from interlock.processes.sold import difference, digest_of, pack, unpack
from interlock.store import cases, dead_letters, links, observations
from interlock.store.cases import Case
from interlock.store.database import Tx, chunks
from interlock.store.links import Bundle
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now, note_failure
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["PROCESS", "OrderSettings", "QuoteToOrder", "order_as_deal"]

PROCESS = ORDER.process


def order_as_deal(order: Fields) -> Fields:
    """See an order as the deal it belongs to: the fields the ERP owns on the deal."""
    out: Fields = {}
    if "number" in order:
        out[ORDER.number] = order["number"]
    if "status" in order:
        out[ORDER.status] = order["status"]
    out |= {f: order[f] for f in SIGNALS["order"] if f in order}
    return out


class QuoteToOrder:
    """The process.  Its links have the deal on the CRM side and the order on the ERP side."""

    kind: OrderKind = ORDER
    entity = ORDER.links

    def __init__(self, pair: Pair, settings: OrderSettings) -> None:
        self.pair = pair
        self.settings = settings
        self.amending = Amending(pair, settings, self.kind)
        self.drafting = Drafting(pair, settings, self.kind)

    @property
    def _is_possible(self) -> bool:
        return "deal" in self.pair.observed(Side.CRM) and (
            self.kind.entity in self.pair.observed(Side.ERP)
        )

    def _links_of(
        self, deals: Sequence[observations.Observation], _known: Mapping[str, Case]
    ) -> dict[str, int]:
        """The links in which the deals' orders are, or are to be, by deal."""
        return {d.id: d.link_id for d in deals if d.link_id is not None}

    def _link_of(self, tx: Tx, case: Case) -> int | None:
        key = ("deal", case.source_id)
        return links.members_of(tx, Side.CRM, [key]).get(key)

    def _new_link(self, tx: Tx, deal_id: str) -> int:
        return links.create(
            tx,
            self.entity,
            [(Side.CRM, "deal", deal_id)],
            origin="process",
            evidence="won deal",
            now=self.pair.clock(),
        )

    def _targets(self, deal: Fields, others: Sequence[Case | None]) -> Targets | Unclear:
        return targets_of(self.settings.targets, others, deal)

    def _others(self, tx: Tx, ids: Sequence[str] | None = None) -> list[Mapping[str, Case]]:
        """What was made of the same deals as the other kinds of what they become."""
        return [made(tx, k, ids) for k in KINDS if k is not self.kind]

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    async def prepare(self, run: Run) -> None:
        """Bring the cases of all won deals up to date; those that are ready get a link."""
        pair = self.pair
        if not self._is_possible:
            return
        close = await pair.store.call(self._sort, run)
        if not close or Side.CRM in run.paused:
            return
        index = await pair.store.call(self.drafting.index)
        caps = pair.crm.entity("deal")
        assert caps is not None
        for part in chunks(close, caps.page_size):
            try:
                with calls_for(Purpose.ORDERS):
                    await self._consider(part, index, run)
            except ConnectorError as error:
                note_failure(pair.crm, run, error, "deal")
            if Side.CRM in run.paused:
                return

    def _sort(self, tx: Tx, run: Run) -> list[str]:
        """Note deals that are none of our business; return those to look at closely."""
        known, others = cases.load(tx, self.kind.process), self._others(tx)
        deals = observations.present(tx, Side.CRM, "deal")
        linked = self._links_of(deals, known)
        unsent = links.alone(tx, list(linked.values()), members=self.kind.unmade)
        now = self.pair.clock()
        noted, close, ordered = [], [], []
        for deal in deals:
            case, link_id = known.get(deal.id), linked.get(deal.id)
            won = deal.fields.get("stage_kind") == StageKind.WON
            if self.kind is ORDER:
                run.counts["deals_won"] += won or link_id is not None
            if link_id in unsent:
                close.append(deal.id)
            elif link_id is not None:
                noted += self._amended(tx, deal, case, now)
                ordered.append((deal, link_id))
            elif not won:
                if case is not None and case.state in OPEN:
                    noted.append(not_ordered(tx, self.kind, case, _LOST, now))
            else:
                targets = self._targets(deal.fields, [o.get(deal.id) for o in others])
                why = self._not_ours(deal) or lost_order(tx, deal, self.kind)
                if isinstance(targets, Targets) and not self.kind.is_wanted(targets):
                    if case is not None and case.state in OPEN:
                        noted.append(not_ordered(tx, self.kind, case, f"it is a {targets}", now))
                elif why is None and isinstance(targets, Targets):
                    close.append(deal.id)
                elif self.kind is ORDER or isinstance(targets, Targets):
                    # what is unclear is told once, whatever it may become
                    state, text = why or ("waiting", _unclear(targets))
                    if case is None or (case.state, case.why) != (state, text):
                        noted.append(
                            Case(process=self.kind.process, source_id=deal.id, state=state,
                                 why=text, at=now)
                        )  # fmt: skip
        cases.put(tx, noted)
        links.raise_revision(tx, {c.link_id for c in noted if c.link_id is not None})
        return close + self.amending.due(tx, ordered)

    def _not_ours(self, deal: observations.Observation) -> tuple[str, str] | None:
        go_live = self.settings.go_live
        won_at = deal.fields.get("won_at")
        if deal.unlinked == "parked":
            return "ignored", "the link with its order was undone"
        if go_live is None:
            return "ignored", "orders are off: no go-live instant is set"
        if not isinstance(won_at, datetime):
            return "waiting", "the system does not say when the deal was won"
        if won_at < go_live:
            return "ignored", "won before go-live"
        return None

    def _amended(
        self, tx: Tx, deal: observations.Observation, case: Case | None, now: datetime
    ) -> list[Case]:
        """Note whether an ordered deal changed afterwards."""
        if case is None or case.snapshot is None or case.state not in ("ordered", "changed"):
            return []
        sold = unpack(case.snapshot)
        changed = difference(tx, sold, deal.fields)
        state, why = "ordered", "ordered"
        if changed is not None:
            amended = of_deal(tx.schema["deal"].decode(sold.deal), deal.fields)
            ignored = amended is not None and (
                self.settings.after_won.of(amended.kind) is Policy.IGNORE
            )
            state = "ordered" if ignored else "changed"
            why = f"{changed} after its {self.kind.entity} was made"
            why += ", which is ignored" if ignored else ""
        if case.why.startswith(why) or (changed is None and case.state == "ordered"):
            return []
        return [msgspec.structs.replace(case, state=state, why=why, fix="", at=now)]

    async def _consider(self, ids: Sequence[str], index: Index, run: Run) -> None:
        """Fetch deals, quotes and accounts together, and decide whether orders can be made."""
        deals = await self._fetched("deal", ids, run)
        wanted = [q for deal_id in deals for q in index.quotes.get(deal_id, ())]
        quotes = await self._fetched("quote", wanted, run)
        accounts = [a.id for d in deals.values() if isinstance(a := d.fields.get("customer"), Ref)]
        await self._fetched("customer", sorted(set(accounts)), run)
        for deal in deals.values():
            quote = accepted(
                [quotes[i] for i in index.quotes.get(deal.id, ()) if i in quotes], deal.id
            )
            await self.pair.store.call(self._decide, deal, quote, index, run)

    async def _fetched(self, entity: str, ids: Sequence[str], run: Run) -> dict[str, Record]:
        caps = self.pair.crm.entity(entity)
        found: dict[str, Record] = {}
        if caps is not None:
            for part in chunks(list(ids), caps.page_size):
                found |= await fetch_now(self.pair, Side.CRM, entity, part, run)
        return found

    def _decide(self, tx: Tx, deal: Record, quote: Record | None, index: Index, run: Run) -> None:
        now = self.pair.clock()
        case = cases.load(tx, self.kind.process, [deal.id]).get(deal.id) or Case(
            process=self.kind.process, source_id=deal.id, state="settling", why="", at=now
        )
        others = [found.get(deal.id) for found in self._others(tx, [deal.id])]
        targets = self._targets(dict(deal.fields), others)
        seen = digest_of(tx, deal, quote)
        outcome = self.drafting.draft(tx, deal, quote, index, targets)
        link_id = self._link_of(tx, case)
        if link_id is not None:
            # what was made or sent meanwhile is not taken back
            if not links.alone(tx, [link_id], hold=True, members=self.kind.unmade):
                self.amending.amend(tx, link_id, case, seen, outcome, deal, quote, run)
                return
            if self._upheld(tx, link_id, case, seen, outcome, deal, targets):
                return
            case = self._taken_back(tx, link_id, case, run)
        if deal.fields.get("stage_kind") != StageKind.WON:
            cases.put(tx, [not_ordered(tx, self.kind, case, _LOST, now)])
            return
        if isinstance(targets, Targets) and not self.kind.is_wanted(targets):
            cases.put(tx, [not_ordered(tx, self.kind, case, f"it is a {targets}", now)])
            return
        case, rest = settling(case, seen, deal, quote, self.settings.quiet_time, now)
        given_up = dead_letters.discarded(tx, subject_of(self.kind, deal.id), seen.hex())
        if rest > timedelta(0):
            run.counts["settling"] += 1
            until = (now + rest).isoformat(timespec="seconds")
            why = f"waits {self.settings.quiet_time} without a change, until {until}"
            put(tx, case, state="settling", why=why, at=now)
        elif given_up is not None:
            # an order entered by hand may stand behind it: none is made until the deal changes
            why = f"given up until the deal changes: {given_up}"
            put(tx, case, state="ignored", why=why, fix="", at=now)
        elif isinstance(outcome, Refusal) or isinstance(targets, Unclear):
            refusal = outcome if isinstance(outcome, Refusal) else _UNCLEAR
            self._refuse(tx, deal, case, refusal, run)
        else:
            source = "its accepted quote" if quote is not None else "its lines"
            self._order(tx, deal, case, outcome, targets, f"won deal, from {source}", run)

    def _order(
        self,
        tx: Tx,
        deal: Record,
        case: Case,
        draft: Draft,
        targets: Targets,
        why: str,
        run: Run,
    ) -> None:
        """Decide on an order: from now on the link's intent is to create it."""
        now, what = self.pair.clock(), self.kind.entity
        subject = subject_of(self.kind, deal.id)
        dead_letters.close(tx, [subject], why="the deal can be ordered now", now=now)
        link_id = self._new_link(tx, deal.id)
        put(
            tx,
            case,
            state="ordered",
            why=f"{what} decided",
            fix="",
            at=now,
            link_id=link_id,
            snapshot=pack(tx, what, draft, dict(deal.fields), targets),
        )
        note(tx, "won", deal.id, link_id, why, run=run, now=now)

    def _upheld(
        self,
        tx: Tx,
        link_id: int,
        case: Case,
        seen: bytes,
        outcome: Draft | Refusal,
        deal: Record,
        targets: Targets | Unclear,
    ) -> bool:
        """Say whether an order that was not sent yet is still the one to make."""
        if case.link_id != link_id:
            return False
        if case.seen_hash == seen and is_given_up(tx, self.kind, link_id, deal.id):
            return True
        if isinstance(outcome, Refusal) or isinstance(targets, Unclear):
            return False
        if not self.kind.is_wanted(targets):
            return False
        packed = pack(tx, self.kind.entity, outcome, dict(deal.fields), targets)
        if packed == case.snapshot:
            return True
        if case.seen_hash != seen:
            return False
        # the same deal, but another link or address of its customer: nothing to wait for
        put(tx, case, snapshot=packed, at=self.pair.clock())
        links.raise_revision(tx, [link_id])
        return True

    def _taken_back(self, tx: Tx, link_id: int, case: Case, run: Run) -> Case:
        """Undo the decision on an order that was not sent yet; the deal settles anew."""
        now = self.pair.clock()
        why = f"the deal changed before its {self.kind.entity} was made"
        links.dissolve(tx, link_id, now, why=why)
        note(tx, "taken_back", case.source_id, link_id, why, run=run, now=now)
        return msgspec.structs.replace(
            case, state="settling", why=why, snapshot=None, link_id=None, at=now
        )

    def _refuse(self, tx: Tx, deal: Record, case: Case, refusal: Refusal, run: Run) -> None:
        now = self.pair.clock()
        state = "waiting" if refusal.waits else "refused"
        if refusal.code == ON_HOLD:
            state = "held"
        put(tx, case, state=state, why=refusal.message, fix=refusal.fix, at=now)
        run.counts[f"deals_{state}"] += 1
        if not refusal.waits:
            tell(tx, self.kind, deal, case, refusal, refusal.message, now)

    # ── deciding ─────────────────────────────────────────────────────────────────────────────

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Create the order where there is none; confirm a draft whose total is right."""
        deals = {b.link.id: b.members[Side.CRM].id for b in bundles if Side.CRM in b.members}
        known = cases.load(tx, self.kind.process, list(deals.values()))
        out: dict[int, Sequence[Intent]] = {}
        for bundle in bundles:
            case = known.get(deals.get(bundle.link.id, ""))
            if case is None or case.snapshot is None:
                continue
            intent = self._intent(tx, bundle, case)
            if intent is not None:
                out[bundle.link.id] = [intent]
        return out

    def _intent(self, tx: Tx, bundle: Bundle, case: Case) -> Intent | None:
        return intent_of(tx, self.pair, self.settings, self.kind, bundle, case)


_LOST = "the deal was lost or reopened before an order was made"


def _unclear(targets: Targets | Unclear) -> str:
    field = targets.field if isinstance(targets, Unclear) else ""
    return f"the deal does not show its {field}, which says what is made of it"


_UNCLEAR = Refusal(
    code="no_target",
    message="the deal does not show what says what is made of it",
    fix="let Interlock read what order_targets in rules.yaml asks for",
    waits=True,
)
