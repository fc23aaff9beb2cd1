"""What a quote is checked against: read live within a time budget, else as last seen."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from interlock.errors import ConnectorError
from interlock.governance.pricing import BeforeOrder, PricingRules
from interlock.governance.rules import Side
from interlock.governance.signals import SignalRules
from interlock.model import (
    HOLD_FIELDS,
    SIGNALS,
    Asked,
    Fields,
    Line,
    Money,
    Offer,
    Presence,
    price_of,
)
from interlock.processes.catalogue import level_of
from interlock.processes.publishing import today_of
from interlock.processes.quote_basis import gist_of
from interlock.processes.quote_check import (
    Answer,
    Credit,
    Looked,
    Question,
    QuoteLine,
    Sold,
    check_quote,
)
from interlock.processes.quote_memory import Asking, Memory, Remembered, Seen, remember
from interlock.store import holds, observations, signals
from interlock.store.database import Tx
from interlock.sync.pair import Pair

__all__ = ["QuoteSettings", "Quotes", "Wanted", "digest_of_quote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSettings:
    """``budget``: seconds the ERP may take.  ``stale_after``: an older observation is a finding.

    ``go_live``: quotes and deals last saved before it get no verdict; without it none do.
    """

    pricing: PricingRules = field(default_factory=PricingRules)
    signals: SignalRules = field(default_factory=SignalRules)
    budget: float = 0.8
    stale_after: timedelta = timedelta(days=1)
    before_order: BeforeOrder = BeforeOrder.WARN
    go_live: datetime | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A quote as somebody asks about it.

    ``customer`` is its id in the ERP.  ``user``: the CRM user who quotes, ``role``: instead of the
    user's.  ``deal``: its id in the CRM, for the overrides it was given.
    """

    currency: str
    lines: Sequence[QuoteLine]
    customer: str | None = None
    user: str | None = None
    role: str | None = None
    deal: str = ""


def digest_of_quote(wanted: Wanted) -> bytes:
    """Digest what a verdict is about: another one is due as soon as this differs."""
    lines = [
        (
            line.product or line.sku,
            format(line.quantity.normalize(), "f"),
            None if line.unit_price is None else format(line.unit_price.normalize(), "f"),
        )
        for line in wanted.lines
    ]
    parts = (wanted.deal, wanted.customer or "", wanted.currency, lines)
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).digest()


class Quotes:
    """Checks quotes of one pair of systems."""

    def __init__(self, pair: Pair, settings: QuoteSettings) -> None:
        self.pair = pair
        self.settings = settings
        self._memory = Memory()

    # ── from the CRM's words to the ERP's ────────────────────────────────────────────────────

    def resolve(self, tx: Tx, lines: Sequence[Line], linked: Mapping[str, str]) -> list[QuoteLine]:
        """Name the ERP's product of each line of a deal or quote; ``linked``: CRM id -> ERP id."""
        by_sku = self._memory.products(tx, [line.sku or "" for line in lines], self.pair.clock())
        found = []
        for line, same in zip(lines, by_sku, strict=True):
            product = linked.get(line.product.id) if line.product is not None else None
            if product is None and line.sku:
                product = same
            price = line.unit_price
            if line.net is not None and line.quantity:
                price = line.net / line.quantity
            found.append(
                QuoteLine(
                    key=line.key,
                    quantity=line.quantity,
                    unit_price=price,
                    sku=line.sku or "",
                    product=product,
                )
            )
        return found

    def find_products(self, tx: Tx, lines: Sequence[QuoteLine]) -> list[QuoteLine]:
        """Find the ERP's product of lines that name a SKU only."""
        by_sku = self._memory.products(tx, [line.sku for line in lines], self.pair.clock())
        return [
            line if line.product is not None else msgspec.structs.replace(line, product=same)
            for line, same in zip(lines, by_sku, strict=True)
        ]

    # ── checking ─────────────────────────────────────────────────────────────────────────────

    async def check(self, wanted: Wanted, *, live: bool = True) -> Answer:
        """Check a quote; without ``live``, or where the ERP fails, as it was last seen."""
        pair, now = self.pair, self.pair.clock()
        on = self.today()
        [remembered] = await pair.store.call(remember, [_asking(wanted)], now)
        seen, why = None, "the ERP cannot be reached"
        if live:
            try:
                async with asyncio.timeout(self.settings.budget):
                    seen = await self._look(wanted, on, now)
            except TimeoutError:
                why = f"the ERP did not answer within {self.settings.budget:g} s"
            except ConnectorError:
                why = "the ERP gave no answer"
        looked = Looked(live=True, as_of=now)
        if seen is None:
            seen = remembered.seen
            looked = self._as_seen(seen.as_of, now, why=why)
        if seen.offers is None:
            prices, priced_at = await pair.store.call(self._memory.lists_of, list(seen.products))
            seen = self._listed(wanted, seen, prices, on)
            if looked.live and priced_at is not None:
                why = "the ERP cannot be asked for prices"
                looked = self._as_seen(priced_at, now, lists_only=True, why=why)
        return self._judge(wanted, seen, remembered, looked, on)

    def gists(self, tx: Tx, wanted: Sequence[Wanted]) -> list[bytes]:
        """Digest what the store's own facts come to for each quote; asks nobody."""
        now, on = self.pair.clock(), self.today()
        found = []
        known, prices = remember(tx, [_asking(w) for w in wanted], now), self._memory.prices_of(tx)
        for each, remembered in zip(wanted, known, strict=True):
            seen = self._listed(each, remembered.seen, prices, on)
            looked = Looked(live=True, as_of=now)
            found.append(gist_of(self._judge(each, seen, remembered, looked, on), on))
        return found

    def state_of(self, tx: Tx) -> str:
        """Describe all that gists are made of: another text once any of it may have moved."""
        seen = [observations.state_of(tx, Side.ERP, e) for e in ("product", "price", "customer")]
        held = [(e.id, e.reason) for e in holds.open_episodes(tx)]
        parts = (
            *seen,
            observations.state_of(tx, Side.CRM, "deal"),
            signals.state_of(tx, "customer"),
            held,
            sorted(holds.overrides(tx)) if held else (),
            self.today(),
            self.settings,
        )
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def today(self) -> date:
        """Give the day prices and rules are looked up for."""
        return today_of(self.pair.clock(), self.settings.signals)

    def _as_seen(
        self, as_of: datetime, now: datetime, *, lists_only: bool = False, why: str
    ) -> Looked:
        age = max(now - as_of, timedelta(0))
        return Looked(
            live=False,
            lists_only=lists_only,
            as_of=as_of,
            age=age,
            old=age > self.settings.stale_after,
            why=why,
        )

    def _judge(
        self, wanted: Wanted, seen: Seen, remembered: Remembered, looked: Looked, on: date
    ) -> Answer:
        pricing = self.settings.pricing
        customer = {**remembered.seen.customer, **_by_itself(seen.customer, remembered)}
        group = customer.get(pricing.customer_group)
        question = Question(
            currency=wanted.currency,
            lines=wanted.lines,
            role=wanted.role or pricing.role_of(wanted.user),
            on=on,
            group=group if isinstance(group, str) else None,
            known_customer=wanted.customer is not None,
        )
        credit = _credit(customer, remembered)
        return check_quote(question, self._sold(wanted, seen), credit, pricing, looked)

    def _listed(
        self, wanted: Wanted, seen: Seen, prices: Mapping[str, Sequence[Fields]], on: date
    ) -> Seen:
        """Work prices out from price lists as last seen, and list prices as ``seen``."""
        named = seen.customer.get("price_list")
        found: dict[str, Offer | None] = {}
        for line in wanted.lines:
            product = seen.products.get(line.product or "")
            if product is None:
                continue
            price = product.get("list_price")
            found[line.key] = price_of(
                prices.get(line.product or "", ()),
                price if isinstance(price, Money) else None,
                customer=wanted.customer,
                price_list=named if isinstance(named, str) else None,
                quantity=line.quantity,
                currency=wanted.currency,
                on=on,
            )
        return msgspec.structs.replace(seen, offers=found)

    async def _look(self, wanted: Wanted, on: date, now: datetime) -> Seen:
        """Ask the ERP, everything at once."""
        connector, caps = self.pair.erp.connector, self.pair.erp.capabilities
        lines = [line for line in wanted.lines if line.product is not None]
        ids = list(dict.fromkeys(line.product for line in lines if line.product is not None))
        asked = [Asked(line.product or "", line.quantity) for line in lines]
        whose = [wanted.customer] if wanted.customer is not None else []

        async def _prices() -> Sequence[Offer | None] | None:
            if not caps.prices:
                return None
            return await connector.prices(wanted.customer, asked, currency=wanted.currency, on=on)

        products, customers, offers = await asyncio.gather(
            connector.fetch("product", ids), connector.fetch("customer", whose), _prices()
        )
        customer: Fields = {}
        for record in customers:
            # figures the ERP leaves to us stay as they were worked out last; a blank hold is none
            customer.update({f: v for f, v in record.fields.items() if v is not None})
            if record.fields.get("credit_hold", False) is None:
                customer["credit_hold"] = False
        return Seen(
            products={
                r.id: {**r.fields, "active": False}
                if r.presence is Presence.ARCHIVED
                else dict(r.fields)
                for r in products
            },
            offers=None
            if offers is None
            else {line.key: offer for line, offer in zip(lines, offers, strict=True)},
            customer=customer,
            as_of=now,
        )

    def _sold(self, wanted: Wanted, seen: Seen) -> dict[str, Sold]:
        found = {}
        for line in wanted.lines:
            fields = seen.products.get(line.product or "")
            if fields is None:
                continue
            sku, family, active = fields.get("sku"), fields.get("family"), fields.get("active")
            floor, lead = fields.get("floor_price"), fields.get("lead_time")
            quantity = fields.get("stock_quantity")
            found[line.key] = Sold(
                sku=sku if isinstance(sku, str) else line.sku or line.key,
                family=family if isinstance(family, str) else None,
                active=active if isinstance(active, bool) else None,
                offer=(seen.offers or {}).get(line.key),
                floor=floor if isinstance(floor, Money) else None,
                quantity=quantity if isinstance(quantity, Decimal) else None,
                level=level_of(fields, self.settings.signals.stock),
                lead_time=lead if isinstance(lead, Decimal) else None,
            )
        return found


def _asking(wanted: Wanted) -> Asking:
    products = dict.fromkeys(line.product for line in wanted.lines if line.product is not None)
    return Asking(tuple(products), wanted.customer, wanted.deal)


def _by_itself(customer: Fields, remembered: Remembered) -> Fields:
    """What a live look at one customer of the ERP says of its account."""
    if not remembered.further:
        return customer
    kept = {f: v for f, v in customer.items() if f not in SIGNALS["customer"]}
    if remembered.seen.customer.get("credit_hold") and not kept.get("credit_hold"):
        kept = {f: v for f, v in kept.items() if f not in HOLD_FIELDS}
    return kept


def _credit(customer: Fields, remembered: Remembered) -> Credit:
    """Put what is seen together: a hold lasts until its episode has ended (rule 26)."""
    shown, reason = customer.get("credit_hold"), customer.get("hold_reason")
    hold = shown if isinstance(shown, bool) else None
    if remembered.held or remembered.released_here:
        hold = not remembered.released_here

    def _money(name: str) -> Money | None:
        value = customer.get(name)
        return value if isinstance(value, Money) else None

    days = customer.get("days_overdue")
    return Credit(
        hold=hold,
        hold_reason=reason if isinstance(reason, str) and hold else None,
        balance=_money("balance"),
        overdue=_money("overdue"),
        days_overdue=days if isinstance(days, Decimal) else None,
        limit=_money("credit_limit"),
    )
