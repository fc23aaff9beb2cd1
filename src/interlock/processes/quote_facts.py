"""What a quote is checked against: read live within a time budget, else as last seen."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from interlock.errors import ConnectorError
from interlock.governance.pricing import BeforeOrder, PricingRules
from interlock.governance.rules import Side
from interlock.governance.signals import SignalRules
from interlock.model import Asked, Fields, Line, Money, Offer, Presence, Ref, price_of
from interlock.processes.catalogue import level_of
from interlock.processes.publishing import today_of
from interlock.processes.quote_check import (
    Answer,
    Credit,
    Looked,
    Question,
    QuoteLine,
    Sold,
    check_quote,
)
from interlock.store import holds, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.sync.pair import Pair

__all__ = ["QuoteSettings", "Quotes", "Wanted", "digest_of_quote"]

_FRESH = timedelta(seconds=30)
"""How long the index of SKUs is believed without asking whether anything newer was seen."""


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


@dataclass(slots=True)
class _Index:
    """The ERP's products by folded SKU, and the prices of each, as long as nothing newer is seen.

    A quote has a few lines, a catalogue many thousand products: whether something newer was seen is
    asked only now and then, and when a SKU is not known.
    """

    asked_at: datetime | None = None
    state: str = ""
    skus: dict[str, str | None] = field(default_factory=dict)
    prices_state: str = ""
    prices: dict[str, list[Fields]] = field(default_factory=dict)

    def products(self, tx: Tx, skus: Iterable[str], now: datetime) -> list[str | None]:
        """Give the id of each SKU's product; ``None`` where it has none, or several on sale."""
        folded = [sku.strip().casefold() for sku in skus]
        fresh = self.asked_at is not None and now - self.asked_at < _FRESH
        if not fresh or any(sku not in self.skus for sku in folded):
            self.asked_at = now
            state = observations.state_of(tx, Side.ERP, "product")
            if state != self.state:
                self.state, self.skus = state, _by_sku(tx)
        return [self.skus.get(sku) for sku in folded]

    def prices_of(self, tx: Tx) -> Mapping[str, Sequence[Fields]]:
        """The prices of every product as last seen."""
        state = observations.state_of(tx, Side.ERP, "price")
        if state != self.prices_state:
            self.prices, self.prices_state = {}, state
            for row in observations.present(tx, Side.ERP, "price"):
                ref = row.fields.get("product")
                if isinstance(ref, Ref):
                    self.prices.setdefault(ref.id, []).append(row.fields)
        return self.prices


def _by_sku(tx: Tx) -> dict[str, str | None]:
    found: dict[str, dict[str, bool]] = {}
    for row in observations.present(tx, Side.ERP, "product"):
        sku = row.fields.get("sku")
        if isinstance(sku, str):
            on_sale = row.fields.get("active") is not False
            found.setdefault(sku.strip().casefold(), {})[row.id] = on_sale
    return {sku: _chosen(ids) for sku, ids in found.items()}


def _chosen(ids: Mapping[str, bool]) -> str | None:
    on_sale = [i for i, sold in ids.items() if sold]
    if len(on_sale) > 1:
        return None
    return on_sale[0] if on_sale else next(iter(ids))


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one moment; ``offers``: line key -> what its product costs."""

    products: Mapping[str, Fields]
    offers: Mapping[str, Offer | None] | None
    customer: Fields
    as_of: datetime


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of a question: all of the facts, older."""

    seen: _Seen
    held: bool
    released_here: bool
    """Whether an override lets this very deal through a hold."""


class Quotes:
    """Checks quotes of one pair of systems."""

    def __init__(self, pair: Pair, settings: QuoteSettings) -> None:
        self.pair = pair
        self.settings = settings
        self._index = _Index()

    # ── from the CRM's words to the ERP's ────────────────────────────────────────────────────

    def resolve(self, tx: Tx, lines: Sequence[Line], linked: Mapping[str, str]) -> list[QuoteLine]:
        """Name the ERP's product of each line of a deal or quote; ``linked``: CRM id -> ERP id."""
        by_sku = self._index.products(tx, [line.sku or "" for line in lines], self.pair.clock())
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
        by_sku = self._index.products(tx, [line.sku for line in lines], self.pair.clock())
        return [
            line if line.product is not None else msgspec.structs.replace(line, product=same)
            for line, same in zip(lines, by_sku, strict=True)
        ]

    # ── checking ─────────────────────────────────────────────────────────────────────────────

    async def check(self, wanted: Wanted, *, live: bool = True) -> Answer:
        """Check a quote; without ``live``, or where the ERP fails, as it was last seen."""
        pair, now = self.pair, self.pair.clock()
        on = today_of(now, self.settings.signals)
        remembered = await pair.store.call(self._remember, wanted)
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
            age = max(now - seen.as_of, timedelta(0))
            looked = Looked(
                live=False, as_of=seen.as_of, age=age, old=age > self.settings.stale_after, why=why
            )
        if seen.offers is None:
            offers = await pair.store.call(self._listed, wanted, seen, on)
            seen = msgspec.structs.replace(seen, offers=offers)
        pricing = self.settings.pricing
        customer = {**remembered.seen.customer, **seen.customer}
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

    def _listed(self, tx: Tx, wanted: Wanted, seen: _Seen, on: date) -> dict[str, Offer | None]:
        """Work prices out from price lists as last seen, and list prices as ``seen``."""
        prices = self._index.prices_of(tx)
        named, found = seen.customer.get("price_list"), {}
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
        return found

    async def _look(self, wanted: Wanted, on: date, now: datetime) -> _Seen:
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
        return _Seen(
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

    def _remember(self, tx: Tx, wanted: Wanted) -> _Remembered:
        ids = [line.product for line in wanted.lines if line.product is not None]
        products = observations.load(tx, Side.ERP, "product", ids)
        shown: Observation | None = None
        if wanted.customer is not None:
            known = observations.load(tx, Side.ERP, "customer", [wanted.customer])
            shown = known.get(wanted.customer)
        customer: Fields = {}
        if shown is not None:
            customer |= shown.known
        instants = [o.instant for o in products.values()]
        instants += [shown.instant] if shown is not None else []
        episode = None
        if shown is not None and shown.link_id is not None:
            episode = holds.episodes_of(tx, [shown.link_id]).get(shown.link_id)
        released = episode is not None and (episode.id, wanted.deal) in holds.overrides(tx)
        return _Remembered(
            seen=_Seen(
                products={
                    i: {**o.known, "active": False}
                    if o.presence is Presence.ARCHIVED
                    else dict(o.known)
                    for i, o in products.items()
                },
                offers=None,
                customer=customer,
                as_of=min(instants, default=self.pair.clock()),
            ),
            held=episode is not None,
            released_here=released,
        )

    def _sold(self, wanted: Wanted, seen: _Seen) -> dict[str, Sold]:
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


def _credit(customer: Fields, remembered: _Remembered) -> Credit:
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
