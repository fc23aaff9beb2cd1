"""What the store knows of a quote's facts: all that a check needs, as last seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from interlock.governance.rules import Side
from interlock.model import Fields, Offer, Presence, Ref
from interlock.store import attached, feeds, holds, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation

__all__ = ["Asking", "Memory", "Remembered", "Seen", "remember"]

_FRESH = timedelta(seconds=30)
"""How long the index of SKUs is believed without asking whether anything newer was seen."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one moment; ``offers``: line key -> what its product costs."""

    products: Mapping[str, Fields]
    offers: Mapping[str, Offer | None] | None
    customer: Fields
    as_of: datetime


class Asking(msgspec.Struct, frozen=True):
    """Whose facts are asked: products and a customer by their ids in the ERP, a deal in the CRM."""

    products: Sequence[str]
    customer: str | None
    deal: str


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of a question: all of the facts, older."""

    seen: Seen
    held: bool
    released_here: bool
    """Whether an override lets this very deal through a hold."""
    further: bool = False
    """Whether the account is several customers in the ERP: its figures are those of all."""


def remember(tx: Tx, asking: Sequence[Asking], now: datetime) -> list[Remembered]:
    """Give what the store knows of each question."""
    ids = sorted({product for each in asking for product in each.products})
    whose = sorted({each.customer for each in asking if each.customer is not None})
    products = observations.load(tx, Side.ERP, "product", ids)
    customers = observations.load(tx, Side.ERP, "customer", whose)
    linked = [c.link_id for c in customers.values() if c.link_id is not None]
    episodes = holds.episodes_of(tx, linked)
    overrides = holds.overrides(tx) if episodes else {}
    accounts = attached.accounts(tx, "customer")
    found = []
    for each in asking:
        customer = customers.get(each.customer or "")
        mine = {i: products[i] for i in each.products if i in products and _sold(products[i])}
        instants = [o.instant for o in (*mine.values(), customer) if o is not None]
        episode = None
        if customer is not None and customer.link_id is not None:
            episode = episodes.get(customer.link_id)
        seen = Seen(
            products={i: _product(o) for i, o in mine.items()},
            offers=None,
            customer={} if customer is None else dict(customer.known),
            as_of=min(instants, default=now),
        )
        released = episode is not None and (episode.id, each.deal) in overrides
        found.append(
            Remembered(
                seen=seen,
                held=episode is not None,
                released_here=released,
                further=each.customer in accounts,
            )
        )
    return found


def _sold(seen: Observation) -> bool:
    return seen.presence in (Presence.PRESENT, Presence.ARCHIVED)


def _product(seen: Observation) -> Fields:
    archived: Fields = {"active": False} if seen.presence is Presence.ARCHIVED else {}
    return {**seen.known, **archived}


@dataclass(slots=True)
class Memory:
    """The ERP's products by folded SKU, and the prices of each, as long as nothing newer is seen.

    A quote has a few lines, a catalogue many thousand products: whether something newer was seen is
    asked only now and then, and when a SKU is not known.
    """

    asked_at: datetime | None = None
    state: str = ""
    skus: dict[str, str | None] = field(default_factory=dict)
    prices_state: str = ""
    prices: dict[str, list[Fields]] = field(default_factory=dict)
    prices_as_of: dict[str, datetime] = field(default_factory=dict)
    """Product -> when the oldest of its prices was seen."""

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
            self.prices, self.prices_as_of, self.prices_state = {}, {}, state
            for row in observations.present(tx, Side.ERP, "price"):
                ref = row.fields.get("product")
                if isinstance(ref, Ref):
                    self.prices.setdefault(ref.id, []).append(row.fields)
                    before = self.prices_as_of.get(ref.id, row.instant)
                    self.prices_as_of[ref.id] = min(before, row.instant)
        return self.prices

    def lists_of(
        self, tx: Tx, products: Sequence[str]
    ) -> tuple[Mapping[str, Sequence[Fields]], datetime | None]:
        """The prices of every product, and when those of these products were seen.

        ``None``: the ERP's price lists are not read, so that its list prices hold for all.
        """
        prices = self.prices_of(tx)
        read = feeds.get(tx, Side.ERP, "price").complete_at
        found = [self.prices_as_of.get(product, read) for product in products] or [read]
        return prices, min((at for at in found if at is not None), default=None)


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
