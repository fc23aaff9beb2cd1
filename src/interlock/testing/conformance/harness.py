"""What a connector's author writes for the conformance suite: the way past the connector.

The suite talks to the connector under test and, through the harness, to the system itself, as a
user with the vendor's own screens or API would.  A harness never uses the connector it is for.
"""

# ruff: noqa: ARG002  the defaults exist to be overridden; their arguments are the contract

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import count
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self
from uuid import uuid4

from pydantic import BaseModel

from interlock.connectors.base import Connector, ConnectorContext, Plugin, Webhook
from interlock.mapping.objectmap import ObjectMap
from interlock.mapping.overrides import MappingOverrides
from interlock.model import ENTITIES, Fields, Line, Money, Ref, Value

__all__ = ["CannotInject", "Harness", "Wrong"]


class CannotInject(Exception):  # noqa: N818  it is an answer, not an error
    """The harness has no way to bring this about; the suite skips with ``Harness.cannot``."""


class Wrong(StrEnum):
    """What is wrong with a connection's settings."""

    CREDENTIALS = "credentials"
    """The right address, a password or token nobody has."""
    ADDRESS = "address"
    """An address where nothing listens."""


class Harness(ABC):
    """One system for one test.  Entered before the test, left after it.

    The connector should be given small pages (2 to 5) and batches (3 or more) where its settings
    allow, because the suite seeds a little more than two pages.  The system may hold records of
    other tests; the suite looks only at those it made.

    Three kinds of methods: *the system* (must be written), *samples* (have defaults), *faults*
    (each either overridden or named in ``cannot`` with the reason, which becomes the skip's text).
    """

    plugin: ClassVar[Plugin]
    entities: ClassVar[tuple[str, ...]]
    """Entities the suite runs on."""
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Name of a fault method below -> why this system or harness has no way to do it."""
    text_field: ClassVar[Mapping[str, str]] = MappingProxyType({
        "customer": "name", "contact": "name", "product": "name", "deal": "name",
        "quote": "number", "order": "po_number", "price": "price_list", "invoice": "number",
        "task": "subject", "project": "po_number",
    })  # fmt: skip
    """Entity -> a free-text field that users write, and the connector where it may."""
    example_ids: ClassVar[tuple[str, ...]] = ("1", "42")
    """Ids of the form the system uses, for the round trip of references."""
    currencies: ClassVar[tuple[str, ...]] = ("EUR",)
    """Currencies the system holds; prices are in the first."""
    foreign_currency: ClassVar[str] = "CHF"
    """One that the system has neither a price nor a rate of exchange of its own in."""

    webhooks_dated: ClassVar[bool] = True
    """Whether the system's webhooks are signed together with their time."""

    def __init__(self) -> None:
        self.token = uuid4().hex[:8]
        """Part of every sample, so that a record is recognised among those of other tests."""
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    # ── the connector ────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def settings(self, wrong: Wrong | None = None) -> BaseModel:
        """Make the connector's settings, right ones or wrong ones."""

    @abstractmethod
    def object_maps(self) -> Mapping[str, ObjectMap]:
        """Give the connector's declared object maps, entity -> map."""

    def now(self) -> datetime:
        """Tell the time given to the connector as its clock."""
        return datetime.now(UTC)

    def connect(
        self,
        *,
        wanted: Mapping[str, frozenset[str]] | None = None,
        overrides: MappingOverrides | None = None,
        wrong: Wrong | None = None,
    ) -> Connector:
        """Make a connector; ``wanted`` defaults to every field of the model."""
        everything = {name: frozenset(kind.__struct_fields__) for name, kind in ENTITIES.items()}
        context = ConnectorContext(
            connection="under-test",
            installation="4k2m9x",
            clock=self.now,
            wanted={**everything, **(wanted or {})},
            overrides=overrides or MappingOverrides(),
            other="other",
        )
        return self.plugin.connect(self.settings(wrong), context)

    # ── the system, past the connector ───────────────────────────────────────────────────────

    @abstractmethod
    async def seed(self, entity: str, fields: Fields) -> str:
        """Make a record as a user would; returns its id as the connector gives it."""

    @abstractmethod
    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        """Change a record as a user would."""

    @abstractmethod
    async def read(self, entity: str, record_id: str) -> Fields | None:
        """Show a record in model terms, read past the connector; ``None`` when it is not there.

        Fields that are awkward to show may be left out, but not the one in ``text_field``.
        """

    @abstractmethod
    async def ids(self, entity: str) -> set[str]:
        """List the ids of all live records, to see whether one was doubled."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Name the credentials in ``settings()``; they may not show up anywhere."""

    # ── samples ──────────────────────────────────────────────────────────────────────────────

    async def sample(self, entity: str) -> Fields:  # noqa: PLR0911  one line an entity
        """Make up fields the system accepts for a new record, different each time.

        Seeds what the record needs first (a contact's customer, an order's product).
        """
        number = f"{self.token}-{next(self._numbers)}"
        match entity:
            case "customer":
                return {"name": f"Conformance {number} Ltd"}
            case "contact":
                customer = await self.seed_sample("customer")
                return {"name": f"Person {number}", "customer": Ref("customer", customer)}
            case "product":
                return {"sku": f"SKU-{number}", "name": f"Product {number}", "active": True}
            case "deal":
                customer = await self.seed_sample("customer")
                return {"name": f"Deal {number}", "customer": Ref("customer", customer)}
            case "quote":
                deal = await self.seed_sample("deal")
                return {"number": f"Q-{number}", "deal": Ref("deal", deal)}
            case "order":
                return await self._order_sample(number)
            case "price":
                product = await self.seed_sample("product")
                return {
                    "product": Ref("product", product), "price_list": f"List {number}",
                    "unit_price": Money(Decimal("19.99"), self.currencies[0]),
                }  # fmt: skip
            case "invoice":
                customer = await self.seed_sample("customer")
                return {"number": f"INV-{number}", "customer": Ref("customer", customer)}
            case "task":
                customer = await self.seed_sample("customer")
                return {"subject": f"Task {number}", "customer": Ref("customer", customer)}
            case "project":
                customer = await self.seed_sample("customer")
                return {
                    "name": f"Project {number}", "customer": Ref("customer", customer),
                    "currency": self.currencies[0], "net_total": Decimal("309.97"),
                    "po_number": f"PO-{number}",
                }  # fmt: skip
        raise LookupError(entity)

    async def _order_sample(self, number: str) -> Fields:
        customer = await self.seed_sample("customer")
        product_fields = await self.sample("product")
        product = await self.seed("product", product_fields)
        sku = product_fields.get("sku")
        lines = tuple(
            Line(key=f"{number}/{key}", product=Ref("product", product), sku=str(sku),
                 quantity=Decimal(quantity), unit_price=Decimal(price))
            for key, quantity, price in ((1, "3", "19.99"), (2, "1", "250.00"))
        )  # fmt: skip
        return {
            "customer": Ref("customer", customer), "currency": self.currencies[0],
            "po_number": f"PO-{number}", "lines": lines,
        }  # fmt: skip

    async def seed_sample(self, entity: str) -> str:
        """Seed a made-up record; returns its id."""
        return await self.seed(entity, await self.sample(entity))

    async def price(self) -> tuple[str, Money]:
        """Make a product that everybody pays this price for; another price each time.

        Only where the connector declares ``prices``; returns the product's id.
        """
        raise CannotInject("price")

    async def invalid(self, entity: str) -> Fields:
        """Make up fields for a new record that the connector can send and the system refuses."""
        raise CannotInject("invalid")

    def values(self, entity: str, field: str) -> Any:
        """Give a hypothesis strategy for a field's values, where the default will not do.

        The default comes from the field's type and facts (length, decimals, choices).
        """
        return None

    def round_trip(self, entity: str, field: str, value: Value | None) -> Value | None:
        """Encode and decode one value; to be overridden where a field is not one path."""
        item = self.object_maps()[entity].limited_to({field})
        return item.decode(item.encode({field: value}))[field]

    # ── webhooks: to be written where ``capabilities.webhooks`` is declared ──────────────────

    def webhook_body(self, entity: str, ids: Sequence[str]) -> bytes:
        """Make the body the system sends when these records changed."""
        raise NotImplementedError("webhook_body")

    def webhook(self, body: bytes, at: datetime, *, secret: str | None = None) -> Webhook:
        """Sign a body as the system does at an instant, and send it then.

        ``secret``: somebody else's, instead of the one in ``settings()``.
        """
        raise NotImplementedError("webhook")

    # ── faults: override, or name in ``cannot`` ──────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        """Archive (deactivate) a record as a user would."""
        raise CannotInject("archive")

    async def remove(self, entity: str, record_id: str) -> None:
        """Delete a record as a user would."""
        raise CannotInject("remove")

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        """Merge one record into another as a user would."""
        raise CannotInject("merge")

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        """Make records that carry one and the same change time."""
        raise CannotInject("seed_together")

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        """Begin a change whose change time is now; awaiting the answer commits it: its id."""
        raise CannotInject("commit_late")

    async def lose_next_answer(self, entity: str) -> None:
        """Let the system carry out the next write of this entity and its answer get lost."""
        raise CannotInject("lose_next_answer")

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        """Break the connector's next write off; awaiting the answer lets the system do it."""
        raise CannotInject("finish_next_late")

    async def tear_next_create(self, entity: str) -> None:
        """Let the next create stop after its header: the lines are missing, the answer is lost."""
        raise CannotInject("tear_next_create")

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        """Have the next call answered with this status (503 overloaded, 429 throttled).

        ``html``: with a page of markup as the body, whatever the status.
        """
        raise CannotInject("fail_next")

    async def hide_field(self, entity: str, field: str) -> None:
        """Take the connector's right to read a model field away."""
        raise CannotInject("hide_field")

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        """Fill fields of ``capabilities.never`` with texts found nowhere else: the texts."""
        raise CannotInject("plant")

    async def requested(self, entity: str) -> frozenset[str]:
        """Name the system's own fields the connector has asked for since the last call."""
        raise CannotInject("requested")
