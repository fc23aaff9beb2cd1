"""Quote to order: a won deal becomes exactly one ERP order (rules 20, 24, 25).

``prepare`` looks at won deals, takes a snapshot of each and keeps it as a case; ``intents`` then
decides purely from case and observations what should be written, as often as it is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import select

from interlock.errors import ConnectorError
from interlock.governance.rules import Side
from interlock.model import (
    Fields,
    OrderStatus,
    Presence,
    Record,
    Ref,
    StageKind,
    Value,
    WriteKind,
    agree,
)
from interlock.processes.snapshot import Draft, Refusal, draft_order
from interlock.store import cases, dead_letters, history, links, observations
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.tables import record
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now, note_failure
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["OrderSettings", "QuoteToOrder", "order_as_deal"]

PROCESS = "quote_to_order"
LINK_ENTITY = "deal"

_SOLD = {"amount": "amount", "lines": "lines", "customer": "customer", "po_number": "PO number"}
"""What of a deal went into its order, and how it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """``go_live``: deals won before are never ordered; without it none is.

    ``quiet_time``: how long a deal must not change before its order is made.  ``tolerance``: how
    far net totals may differ, in the deal's currency.  ``confirm``: whether a draft whose total is
    right is confirmed.
    """

    go_live: datetime | None
    quiet_time: timedelta = timedelta(minutes=2)
    tolerance: Decimal = Decimal("0.01")
    confirm: bool = True


def order_as_deal(order: Fields) -> Fields:
    """See an order as the deal it belongs to: the fields the ERP owns on the deal."""
    out: Fields = {}
    if "number" in order:
        out["order_number"] = order["number"]
    if "status" in order:
        out["order_status"] = order["status"]
    return out


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
        won = await pair.store.call(self._won_or_ordered)
        for deal_id in await pair.store.call(self._sort, won, run):
            if Side.CRM in run.paused:
                return
            try:
                await self._consider(deal_id, run)
            except ConnectorError as error:
                note_failure(pair.crm, run, error, "deal")

    def _won_or_ordered(self, tx: Tx) -> list[observations.Observation]:
        rows = tx.conn.execute(
            select(record)
            .where(
                record.c.side == Side.CRM,
                record.c.entity == "deal",
                record.c.presence == Presence.PRESENT,
            )
            .order_by(record.c.id)
        )
        seen = [observations.from_row(tx, row) for row in rows]
        return [
            o for o in seen if o.link_id is not None or o.fields.get("stage_kind") == StageKind.WON
        ]

    def _sort(self, tx: Tx, won: Sequence[observations.Observation], run: Run) -> list[str]:
        """Note deals that are none of our business; return those to look at closely."""
        known = cases.load(tx, PROCESS, [o.id for o in won])
        now = self.pair.clock()
        noted, close = [], []
        for deal in won:
            case = known.get(deal.id)
            if deal.link_id is not None:
                noted += self._amended(tx, deal, case, now)
                continue
            why = self._not_ours(deal)
            if why is None:
                close.append(deal.id)
            elif case is None or (case.state, case.why) != why:
                noted.append(
                    Case(process=PROCESS, source_id=deal.id, state=why[0], why=why[1], at=now)
                )
        cases.put(tx, noted)
        run.counts["deals_won"] += len(won)
        return close

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
        sold = tx.schema["deal"].decode(_unpack(case.snapshot).sold)
        changed = [f for f, v in sold.items() if f in deal.fields and not agree(v, deal.fields[f])]
        why = "ordered"
        if deal.fields.get("stage_kind", StageKind.WON) != StageKind.WON:
            why = "the deal is no longer won although its order was made"
        elif changed:
            what = " and ".join(_SOLD[f] for f in changed)
            why = f"the deal's {what} changed after its order was made"
        if why == case.why or (why == "ordered" and case.state == "ordered"):
            return []
        state = "ordered" if why == "ordered" else "changed"
        return [msgspec.structs.replace(case, state=state, why=why, at=now)]

    async def _consider(self, deal_id: str, run: Run) -> None:
        """Fetch deal, quote and account together, and decide whether an order can be made."""
        pair = self.pair
        deal = (await fetch_now(pair, Side.CRM, "deal", [deal_id], run)).get(deal_id)
        if deal is None:
            return
        quote = await self._accepted_quote(deal_id, run)
        account = deal.fields.get("customer")
        if isinstance(account, Ref):
            await fetch_now(pair, Side.CRM, "customer", [account.id], run)
        await pair.store.call(self._decide, deal, quote, run)

    async def _accepted_quote(self, deal_id: str, run: Run) -> Record | None:
        pair = self.pair
        if "quote" not in pair.observed(Side.CRM):
            return None

        def _ids(tx: Tx) -> list[str]:
            rows = tx.conn.execute(
                select(record).where(
                    record.c.side == Side.CRM,
                    record.c.entity == "quote",
                    record.c.presence == Presence.PRESENT,
                )
            )
            return [
                row.id
                for row in rows
                if tx.schema["quote"].decode(row.fields).get("deal") == Ref("deal", deal_id)
            ]

        ids = await pair.store.call(_ids)
        fetched = await fetch_now(pair, Side.CRM, "quote", ids, run) if ids else {}
        accepted = [q for q in fetched.values() if q.fields.get("accepted") is True]
        return (
            max(
                accepted,
                key=lambda q: (
                    q.modified or datetime.min.replace(tzinfo=self.pair.clock().tzinfo),
                    q.id,
                ),
            )
            if accepted
            else None
        )

    def _decide(self, tx: Tx, deal: Record, quote: Record | None, run: Run) -> None:
        now = self.pair.clock()
        if links.members_of(tx, Side.CRM, [("deal", deal.id)]):
            return  # another worker was faster
        case = cases.load(tx, PROCESS, [deal.id]).get(deal.id) or Case(
            process=PROCESS, source_id=deal.id, state="settling", why="", at=now
        )
        seen = _digest(tx, deal, quote)
        if case.seen_hash != seen:
            quiet_since = _last_change(deal, quote)
            case = msgspec.structs.replace(
                case,
                seen_hash=seen,
                stable_since=min(quiet_since, now) if quiet_since is not None else now,
            )
        assert case.stable_since is not None
        rest = case.stable_since + self.settings.quiet_time - now
        if rest > timedelta(0):
            run.counts["settling"] += 1
            cases.put(
                tx,
                [
                    msgspec.structs.replace(
                        case,
                        state="settling",
                        at=now,
                        why=f"waits {self.settings.quiet_time} without a change, until "
                        f"{(now + rest).isoformat(timespec='seconds')}",
                    )
                ],
            )
            return
        given_up = dead_letters.discarded(tx, _subject(deal.id), seen.hex())
        if given_up is not None:
            # an order entered by hand may stand behind it: none is made until the deal changes
            cases.put(
                tx,
                [
                    msgspec.structs.replace(
                        case,
                        state="ignored",
                        why=f"given up until the deal changes: {given_up}",
                        fix="",
                        at=now,
                    )
                ],
            )
            return
        outcome = self._draft(tx, deal, quote)
        if isinstance(outcome, Refusal):
            self._refuse(tx, deal, case, outcome, run)
            return
        dead_letters.close(tx, [_subject(deal.id)], why="the deal can be ordered now", now=now)
        link_id = links.create(
            tx,
            LINK_ENTITY,
            [(Side.CRM, "deal", deal.id)],
            origin="process",
            evidence="won deal",
            now=now,
        )
        cases.put(
            tx,
            [
                msgspec.structs.replace(
                    case,
                    state="ordered",
                    why="order decided",
                    fix="",
                    at=now,
                    link_id=link_id,
                    snapshot=_pack(tx, outcome, deal.fields),
                )
            ],
        )
        history.add(
            tx,
            [
                Event(
                    at=now,
                    event="won",
                    entity="deal",
                    link_id=link_id,
                    side=Side.CRM,
                    record_id=deal.id,
                    run_id=run.id,
                    why="won deal, from its accepted quote"
                    if quote is not None
                    else "won deal, from its lines",
                )
            ],
        )

    def _draft(self, tx: Tx, deal: Record, quote: Record | None) -> Draft | Refusal:
        pair = self.pair
        caps = pair.erp.entity("order")
        assert caps is not None
        account = deal.fields.get("customer")
        customer_link = (
            links.members_of(tx, Side.CRM, [("customer", account.id)]).get(("customer", account.id))
            if isinstance(account, Ref)
            else None
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
            by_sku=self._skus(tx),
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

    def _skus(self, tx: Tx) -> dict[str, str]:
        rows = tx.conn.execute(
            select(record).where(
                record.c.side == Side.ERP,
                record.c.entity == "product",
                record.c.presence == Presence.PRESENT,
            )
        )
        found = {}
        for row in rows:
            fields = tx.schema["product"].decode(row.fields)
            sku = fields.get("sku")
            if isinstance(sku, str) and fields.get("active") is not False:
                found[sku.strip().casefold()] = row.id
        return found

    def _refuse(self, tx: Tx, deal: Record, case: Case, refusal: Refusal, run: Run) -> None:
        now = self.pair.clock()
        state = "waiting" if refusal.waits else "refused"
        cases.put(
            tx,
            [
                msgspec.structs.replace(
                    case, state=state, why=refusal.message, fix=refusal.fix, at=now
                )
            ],
        )
        run.counts[f"deals_{state}"] += 1
        if refusal.waits:
            return
        name = deal.fields.get("name")
        dead_letters.put(
            tx,
            DeadLetter(
                subject=_subject(deal.id),
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
        assert case.snapshot is not None
        snapshot = _unpack(case.snapshot)
        caps = self.pair.erp.entity("order")
        assert caps is not None
        if Side.ERP not in bundle.members:
            fields = tx.schema["order"].decode(snapshot.fields)
            if "other_id" in caps.fields and caps.fields["other_id"].writable:
                fields["other_id"] = case.source_id
            return Intent(
                target=Side.ERP,
                entity="order",
                kind=WriteKind.CREATE,
                fields=fields,
                why="won deal",
                revision=case.revision,
            )
        order = bundle.seen.get(Side.ERP)
        if order is None or not caps.drafts:
            return None
        if order.fields.get("status") != OrderStatus.DRAFT:
            dead_letters.close(
                tx,
                [_subject(case.source_id)],
                now=self.pair.clock(),
                why="the order is no longer a draft",
            )
            return None
        total = order.fields.get("net_total")
        expected = Decimal(snapshot.net_total)
        if not isinstance(total, Decimal):
            return None
        if abs(total - expected) > self.settings.tolerance:
            self._wrong_total(tx, bundle, case, total, expected)
            return None
        dead_letters.close(
            tx, [_subject(case.source_id)], why="the total is right now", now=self.pair.clock()
        )
        if not self.settings.confirm:
            return None
        return Intent(
            target=Side.ERP,
            entity="order",
            kind=WriteKind.UPDATE,
            record_id=order.id,
            fields={"status": OrderStatus.OPEN.value},
            why=f"the ERP's net total {total} is the deal's",
        )

    def _wrong_total(
        self, tx: Tx, bundle: Bundle, case: Case, total: Decimal, expected: Decimal
    ) -> None:
        order = bundle.seen[Side.ERP]
        if dead_letters.discarded(tx, _subject(case.source_id), str(total)) is not None:
            return
        dead_letters.put(
            tx,
            DeadLetter(
                subject=_subject(case.source_id),
                link_id=bundle.link.id,
                target=Side.ERP,
                entity="order",
                kind=WriteKind.UPDATE,
                record_id=order.id,
                source_entity="deal",
                source_id=case.source_id,
                cause="wrong_total",
                field="net_total",
                message=f"the ERP computes a net total of {total} instead of {expected}; "
                f"the order was left as a draft",
                fix="correct prices or discounts of the draft in the ERP",
                fields={},
                digest=str(total),
                at=self.pair.clock(),
            ),
        )


def _subject(deal_id: str) -> str:
    return dead_letters.subject_of(None, Side.ERP, "order", deal_id)


def _last_change(deal: Record, quote: Record | None) -> datetime | None:
    """When the systems say deal and quote last changed; ``None`` when one does not say."""
    times = [deal.modified] + ([quote.modified] if quote is not None else [])
    known = [t for t in times if t is not None]
    return max(known) if len(known) == len(times) else None


def _digest(tx: Tx, deal: Record, quote: Record | None) -> bytes:
    """Digest what the order is made of; what Interlock itself writes on the deal is left out."""
    own = {"order_number", "order_status", "other_id"}
    digest = hashlib.blake2b(
        tx.schema["deal"].encode({f: v for f, v in deal.fields.items() if f not in own}),
        digest_size=16,
    )
    if quote is not None:
        digest.update(tx.schema["quote"].encode(quote.fields))
    return digest.digest()


class _Snapshot(msgspec.Struct):
    """What a case keeps of the decided order: its packed fields, the total it must come to, and
    the deal's fields that say what was sold.
    """

    fields: bytes
    net_total: str
    sold: bytes


def _pack(tx: Tx, draft: Draft, deal: Mapping[str, Value | None]) -> bytes:
    return msgspec.msgpack.encode(
        _Snapshot(
            fields=tx.schema["order"].encode(draft.fields),
            net_total=str(draft.net_total),
            sold=tx.schema["deal"].encode({f: deal[f] for f in _SOLD if f in deal}),
        )
    )


def _unpack(data: bytes) -> _Snapshot:
    return msgspec.msgpack.decode(data, type=_Snapshot)
