"""The two connections that are kept in agreement, with everything decisions are made from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interlock.connectors.base import Capabilities, Connector, EntityCapabilities
from interlock.connectors.budget import FREE, CallBudget
from interlock.governance.limits import Limits
from interlock.governance.rules import EntityRules, OwnershipMap, Side
from interlock.governance.versions import MapVersion
from interlock.matching.score import Weights, default_weights
from interlock.model import Fields
from interlock.store.database import Store
from interlock.store.outbox import OutboxWrite
from interlock.sync.lists import Lists
from interlock.sync.progress import Run

__all__ = ["Connection", "Gate", "Pair", "Patience", "View"]

View = Callable[[Fields], Fields]
"""How a member of another entity is seen as the link's entity (an order as a deal)."""

Gate = Callable[["Pair", Run, Sequence[OutboxWrite]], Awaitable[Mapping[str, str]]]
"""Looks at creates right before they are sent; says of those that must wait why, by write id."""

ENTITY_ORDER = (
    "product",
    "customer",
    "price",
    "contact",
    "quote",
    "deal",
    "order",
    "project",
    "invoice",
    "task",
)
"""Observed and delivered in this order: what others refer to comes first."""

PRIORITY: Mapping[str, int] = {
    "order": 10,
    "project": 10,
    "deal": 20,
    "customer": 30,
    "contact": 40,
    "product": 50,
    "price": 60,
}
"""Lower goes first: orders before customers before the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the engine waits for what."""

    gone_after: timedelta = timedelta(hours=1)
    retry_base: timedelta = timedelta(seconds=5)
    retry_cap: timedelta = timedelta(hours=1)
    max_attempts: int = 8
    sweep_every: timedelta = timedelta(hours=24)
    """A change feed is checked by a full read this often: deletions, and what it missed."""
    believe_shortfall: int = 20
    """A sweep may miss this many known records, or 5 %, before it is doubted."""

    def unanswered(self, attempts: int) -> timedelta:
        """How long to wait after attempts nobody answered; the first is repeated at once."""
        if attempts <= 1:
            return timedelta(0)
        return min(self.retry_base * float(2 ** (attempts - 2)), self.retry_cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One side: its permanent id, its name and its connector.

    ``unwritable`` and ``unreadable``: fields ``check`` found no right for; they count as unknown.
    """

    side: Side
    id: str
    name: str
    connector: Connector
    budget: CallBudget = FREE

    @property
    def capabilities(self) -> Capabilities:
        """What the system can do."""
        return self.connector.capabilities

    def entity(self, entity: str) -> EntityCapabilities | None:
        """What it can do with one entity; ``None`` when it has no such thing."""
        return self.capabilities.entities.get(entity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both connections, the rules, the store, and the passed-in clock and ids.

    ``views``: (link entity, member entity) -> how to see the member as the link's entity.
    ``counterpart``: link entity -> side -> entity of that side's member, where it differs.
    ``gates``: entity -> what lets its creates through.
    ``weights``: what customers are matched with; ``lists``: what matching remembers of them.
    """

    crm: Connection
    erp: Connection
    store: Store
    ownership: OwnershipMap
    map_version: str
    installation: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    jitter: Callable[[], float] = lambda: 0.5
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    active_map: MapVersion = field(default_factory=MapVersion)
    views: Mapping[tuple[str, str], View] = field(default_factory=dict)
    counterpart: Mapping[tuple[str, Side], str] = field(default_factory=dict)
    weights: Weights = field(default_factory=default_weights)
    lists: Lists = field(default_factory=Lists)
    gates: Mapping[str, Gate] = field(default_factory=dict)

    def side(self, side: Side) -> Connection:
        """The connection of one side."""
        return self.crm if side is Side.CRM else self.erp

    def rules(self, entity: str) -> EntityRules | None:
        """The rules of an entity; ``None`` when it is not synced."""
        return self.ownership.entities.get(entity)

    def member_entity(self, entity: str, side: Side) -> str:
        """The entity of a link's member on one side."""
        return self.counterpart.get((entity, side), entity)

    def observed(self, side: Side) -> list[str]:
        """Entities read from one side, in order."""
        return [
            e
            for e in ENTITY_ORDER
            if e in self.ownership.entities and self.side(side).entity(e) is not None
        ]

    def merged(self) -> list[str]:
        """Entities that both sides have, so that their records are linked and merged."""
        return [
            e
            for e in ENTITY_ORDER
            if e in self.ownership.entities
            and self.crm.entity(self.member_entity(e, Side.CRM)) is not None
            and self.erp.entity(self.member_entity(e, Side.ERP)) is not None
        ]
