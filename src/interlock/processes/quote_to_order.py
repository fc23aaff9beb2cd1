"""Quote to order: a won deal becomes exactly one ERP order (rules 20, 24, 25).

``prepare`` looks at won deals, takes a snapshot of each and keeps it as a case; ``intents`` then
decides purely from case and observations what should be written, as often as it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from interlock.errors import ConnectorError
from interlock.governance.rules import Side
from interlock.model import SIGNALS, Fields, Record, Ref, StageKind, WriteKind
from interlock.processes.hold_gate import ON_HOLD, why_held
from interlock.processes.lost_orders import lost_order
from interlock.processes.order_intent import OrderSettings, intent_of, subject_of
from interlock.processes.snapshot import Draft, Refusal, draft_order
from interlock.processes.sold import difference, digest_of, last_change, pack, unpack
from interlock.store import cases, dead_letters, history, links, observations, outbox
from interlock.store.cases import Case
from interlock.store.database import Tx, chunks
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now, note_failure
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["OrderSettings", "QuoteToOrder", "order_as_deal"]

PROCESS = "quote_to_order"
LINK_ENTITY = "deal"

_OPEN = ("settling", "waiting", "held", "refused")
"""States of a case that an order may still come of by itself."""
_NEVER_SEEN = b""
"""In place of a digest: whatever the deal shows next counts as a change."""


def order_as_deal(order: Fields) -> Fields:
    """See an order as the deal it belongs to: the fields the ERP owns on the deal."""
    out: Fields = {}
    if "number" in order:
        out["order_number"] = order["number"]
    if "status" in order:
        out["order_status"] = order["status"]
    out |= {f: order[f] for f in SIGNALS["order"] if f in order}
    return out


@dataclass(frozen=True, slots=True)
class _Index:
    """What all deals of one look are compared with.

    ``skus``: folded SKU -> products of the ERP.  ``quotes``: deal -> its quotes.
    """

    skus: Mapping[str, Sequence[str]]
    quotes: Mapping[str, Sequence[str]]


class QuoteToOrder:
    """The process.  Its links have the deal on the CRM side and the order on the ERP side."""

    entity = LINK_ENTITY

    def __init__(self, pair: Pair, settings: OrderSettings) -> None:
        self.pair = pair
        self.settings = settings

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    async def prepare(self, run: Run) -> None:
        """Bring the cases of all won deals up to date; those that are ready get a link."""
        pair = self.pair
        if "deal" not in pair.observed(Side.CRM) or "order" not in pair.observed(Side.ERP):
            return
        close = await pair.store.call(self._sort, run)
        if not close or Side.CRM in run.paused:
            return
        index = await pair.store.call(self._index)
        caps = pair.crm.entity("deal")
        assert caps is not None
        for part in chunks(close, caps.page_size):
            try:
                await self._consider(part, index, run)
            except ConnectorError as error:
                note_failure(pair.crm, run, error, "deal")
            if Side.CRM in run.paused:
                return

    def _sort(self, tx: Tx, run: Run) -> list[str]:
        """Note deals that are none of our business; return those to look at closely."""
        known = cases.load(tx, PROCESS)
        deals = observations.present(tx, Side.CRM, "deal")
        unsent = links.alone(tx, [d.link_id for d in deals if d.link_id is not None])
        now = self.pair.clock()
        noted, close = [], []
        for deal in deals:
            case = known.get(deal.id)
            won = deal.fields.get("stage_kind") == StageKind.WON
            run.counts["deals_won"] += won or deal.link_id is not None
            if deal.link_id in unsent:
                close.append(deal.id)
            elif deal.link_id is not None:
                noted += self._amended(tx, deal, case, now)
            elif not won:
                if case is not None and case.state in _OPEN:
                    noted.append(_lost(tx, case, now))
            else:
                why = self._not_ours(deal) or lost_order(tx, deal)
                if why is None:
                    close.append(deal.id)
                elif case is None or (case.state, case.why) != why:
                    noted.append(
                        Case(process=PROCESS, source_id=deal.id, state=why[0], why=why[1], at=now)
                    )
        cases.put(tx, noted)
        return close

    def _index(self, tx: Tx) -> _Index:
        skus: dict[str, list[str]] = {}
        for product in observations.present(tx, Side.ERP, "product"):
            sku = product.fields.get("sku")
            if isinstance(sku, str) and product.fields.get("active") is not False:
                skus.setdefault(sku.strip().casefold(), []).append(product.id)
        quotes: dict[str, list[str]] = {}
        if "quote" in self.pair.observed(Side.CRM):
            for quote in observations.present(tx, Side.CRM, "quote"):
                deal = quote.fields.get("deal")
                if isinstance(deal, Ref):
                    quotes.setdefault(deal.id, []).append(quote.id)
        return _Index(skus, quotes)

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
        """An ordered deal that changes afterwards is shown, never written to the order."""
        if case is None or case.snapshot is None or case.state not in ("ordered", "changed"):
            return []
        changed = difference(tx, unpack(case.snapshot), deal.fields)
        why = "ordered" if changed is None else f"{changed} after its order was made"
        if why == case.why or (changed is None and case.state == "ordered"):
            return []
        state = "ordered" if changed is None else "changed"
        return [msgspec.structs.replace(case, state=state, why=why, at=now)]

    async def _consider(self, ids: Sequence[str], index: _Index, run: Run) -> None:
        """Fetch deals, quotes and accounts together, and decide whether orders can be made."""
        deals = await self._fetched("deal", ids, run)
        wanted = [q for deal_id in deals for q in index.quotes.get(deal_id, ())]
        quotes = await self._fetched("quote", wanted, run)
        accounts = [a.id for d in deals.values() if isinstance(a := d.fields.get("customer"), Ref)]
        await self._fetched("customer", sorted(set(accounts)), run)
        for deal in deals.values():
            quote = _accepted(
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

    def _decide(self, tx: Tx, deal: Record, quote: Record | None, index: _Index, run: Run) -> None:
        now = self.pair.clock()
        case = cases.load(tx, PROCESS, [deal.id]).get(deal.id) or Case(
            process=PROCESS, source_id=deal.id, state="settling", why="", at=now
        )
        seen = digest_of(tx, deal, quote)
        outcome = self._draft(tx, deal, quote, index)
        link_id = links.members_of(tx, Side.CRM, [("deal", deal.id)]).get(("deal", deal.id))
        if link_id is not None:
            # what was made or sent meanwhile is not taken back
            unsent = links.alone(tx, [link_id], hold=True)
            if not unsent or self._upheld(tx, link_id, case, seen, outcome, deal):
                return
            case = self._taken_back(tx, link_id, case, run)
        if deal.fields.get("stage_kind") != StageKind.WON:
            cases.put(tx, [_lost(tx, case, now)])
            return
        if case.seen_hash != seen:
            # a system's time of change need not move with the lines: it is believed only once
            quiet_since = last_change(deal, quote) if case.seen_hash is None else None
            case = msgspec.structs.replace(
                case,
                seen_hash=seen,
                stable_since=min(quiet_since, now) if quiet_since is not None else now,
            )
        assert case.stable_since is not None
        rest = case.stable_since + self.settings.quiet_time - now
        given_up = dead_letters.discarded(tx, subject_of(deal.id), seen.hex())
        if rest > timedelta(0):
            run.counts["settling"] += 1
            until = (now + rest).isoformat(timespec="seconds")
            why = f"waits {self.settings.quiet_time} without a change, until {until}"
            _put(tx, case, state="settling", why=why, at=now)
        elif given_up is not None:
            # an order entered by hand may stand behind it: none is made until the deal changes
            why = f"given up until the deal changes: {given_up}"
            _put(tx, case, state="ignored", why=why, fix="", at=now)
        elif isinstance(outcome, Refusal):
            self._refuse(tx, deal, case, outcome, run)
        else:
            source = "its accepted quote" if quote is not None else "its lines"
            self._order(tx, deal, case, outcome, f"won deal, from {source}", run)

    def _order(self, tx: Tx, deal: Record, case: Case, draft: Draft, why: str, run: Run) -> None:
        """Decide on an order: from now on the link's intent is to create it."""
        now = self.pair.clock()
        dead_letters.close(tx, [subject_of(deal.id)], why="the deal can be ordered now", now=now)
        link_id = links.create(
            tx,
            LINK_ENTITY,
            [(Side.CRM, "deal", deal.id)],
            origin="process",
            evidence="won deal",
            now=now,
        )
        _put(
            tx,
            case,
            state="ordered",
            why="order decided",
            fix="",
            at=now,
            link_id=link_id,
            snapshot=pack(tx, draft, dict(deal.fields)),
        )
        self._note(tx, "won", deal.id, link_id, why, run)

    def _note(self, tx: Tx, event: str, deal_id: str, link_id: int, why: str, run: Run) -> None:
        noted = Event(
            at=self.pair.clock(),
            event=event,
            entity="deal",
            link_id=link_id,
            side=Side.CRM,
            record_id=deal_id,
            run_id=run.id,
            why=why,
        )
        history.add(tx, [noted])

    def _upheld(
        self, tx: Tx, link_id: int, case: Case, seen: bytes, outcome: Draft | Refusal, deal: Record
    ) -> bool:
        """Say whether an order that was not sent yet is still the one to make."""
        if case.link_id != link_id:
            return False
        if case.seen_hash == seen and _is_given_up(tx, link_id, deal.id):
            return True
        if isinstance(outcome, Refusal):
            return False
        packed = pack(tx, outcome, dict(deal.fields))
        if packed == case.snapshot:
            return True
        if case.seen_hash != seen:
            return False
        # the same deal, but another link or address of its customer: nothing to wait for
        _put(tx, case, snapshot=packed, at=self.pair.clock())
        links.raise_revision(tx, [link_id])
        return True

    def _taken_back(self, tx: Tx, link_id: int, case: Case, run: Run) -> Case:
        """Undo the decision on an order that was not sent yet; the deal settles anew."""
        now = self.pair.clock()
        why = "the deal changed before its order was made"
        links.dissolve(tx, link_id, now, why=why)
        self._note(tx, "taken_back", case.source_id, link_id, why, run)
        return msgspec.structs.replace(
            case, state="settling", why=why, snapshot=None, link_id=None, at=now
        )

    def _draft(self, tx: Tx, deal: Record, quote: Record | None, index: _Index) -> Draft | Refusal:
        pair = self.pair
        caps = pair.erp.entity("order")
        assert caps is not None
        account = deal.fields.get("customer")
        customer_link = (
            links.members_of(tx, Side.CRM, [("customer", account.id)]).get(("customer", account.id))
            if isinstance(account, Ref)
            else None
        )
        if customer_link is not None:
            why = why_held(tx, customer_link, deal.id)
            if why is not None:
                return Refusal(
                    code=ON_HOLD,
                    message=why,
                    fix="wait for its release, or `interlock holds override DEAL --reason TEXT`",
                    waits=True,
                )
        fields = quote.fields if quote is not None else deal.fields
        lines = fields.get("lines")
        wanted = (
            [line.product.id for line in lines if line.product is not None]
            if isinstance(lines, tuple)
            else []
        )
        return draft_order(
            dict(deal.fields),
            dict(quote.fields) if quote is not None else None,
            products=links.partners(tx, Side.CRM, "product", wanted),
            by_sku=index.skus,
            customer=Ref("customer", f"@{customer_link}") if customer_link is not None else None,
            customer_fields=self._customer(tx, customer_link),
            facts=caps.fields,
            tolerance=self.settings.tolerance,
        )

    def _customer(self, tx: Tx, link_id: int | None) -> Fields:
        """The customer as the ERP shows it, else as the CRM does."""
        if link_id is None:
            return {}
        seen = links.bundles(tx, [link_id])[link_id].seen
        out: Fields = {}
        for side in (Side.CRM, Side.ERP):
            if side in seen:
                out |= {f: v for f, v in seen[side].fields.items() if v is not None}
        return out

    def _refuse(self, tx: Tx, deal: Record, case: Case, refusal: Refusal, run: Run) -> None:
        now = self.pair.clock()
        state = "waiting" if refusal.waits else "refused"
        if refusal.code == ON_HOLD:
            state = "held"
        _put(tx, case, state=state, why=refusal.message, fix=refusal.fix, at=now)
        run.counts[f"deals_{state}"] += 1
        if refusal.waits:
            return
        name = deal.fields.get("name")
        dead_letters.put(
            tx,
            DeadLetter(
                subject=subject_of(deal.id),
                target=Side.ERP,
                entity="order",
                kind=WriteKind.CREATE,
                source_entity="deal",
                source_id=deal.id,
                cause=refusal.code,
                field=refusal.field,
                message=f"deal {name!r}: {refusal.message}",
                fix=refusal.fix,
                fields={},
                digest=case.seen_hash.hex() if case.seen_hash else "",
                at=now,
            ),
        )

    # ── deciding ─────────────────────────────────────────────────────────────────────────────

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Create the order where there is none; confirm a draft whose total is right."""
        deals = {b.link.id: b.members[Side.CRM].id for b in bundles if Side.CRM in b.members}
        known = cases.load(tx, PROCESS, list(deals.values()))
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
        return intent_of(tx, self.pair, self.settings, bundle, case)


def _put(tx: Tx, case: Case, **changes: Any) -> None:
    cases.put(tx, [msgspec.structs.replace(case, **changes)])


def _is_given_up(tx: Tx, link_id: int, deal_id: str) -> bool:
    """Say whether a person gave the refused create of an order up."""
    write = outbox.of_links(tx, [link_id]).get((link_id, Side.ERP))
    if write is None:
        return False
    subject = dead_letters.subject_of(link_id, Side.ERP, "order", deal_id)
    return dead_letters.discarded(tx, subject, write.digest) is not None


def _lost(tx: Tx, case: Case, now: datetime) -> Case:
    """Close the case of a deal that is not won any more and has no order."""
    why = "the deal was lost or reopened before an order was made"
    dead_letters.close(tx, [subject_of(case.source_id)], why=why, now=now)
    # won again, it settles from then on, even if it looks just as before
    return msgspec.structs.replace(
        case, state="ignored", why=why, fix="", at=now, seen_hash=_NEVER_SEEN
    )


def _accepted(quotes: Sequence[Record], deal_id: str) -> Record | None:
    """The accepted quote of a deal; the latest of several."""
    accepted = [
        q
        for q in quotes
        if q.fields.get("accepted") is True and q.fields.get("deal") == Ref("deal", deal_id)
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(accepted, key=lambda q: (q.modified or oldest, q.id), default=None)
