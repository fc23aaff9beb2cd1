"""What a connector offers.  The engine reads these facts; it never asks a system's name.

A connector observes (``changes``, ``sweep``, ``fetch``, ``find``, ``lookup``), writes (``write``)
and tells about itself (``capabilities``, ``check``).  All calls are async.  Errors are those of
``interlock.errors``; one record's failure inside a batch is a ``Receipt``, never an exception.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self

import msgspec
from pydantic import BaseModel

from interlock.connectors.budget import FREE, CallBudget
from interlock.governance.budget import BudgetLimits
from interlock.mapping.overrides import MappingOverrides
from interlock.model import Asked, FieldFacts, Fields, Offer, Record, WriteKind

__all__ = [
    "Capabilities",
    "Capability",
    "CheckReport",
    "Connector",
    "ConnectorContext",
    "EntityCapabilities",
    "Finding",
    "Found",
    "Hint",
    "Kind",
    "Level",
    "Outcome",
    "Page",
    "Plugin",
    "Provisioned",
    "Reason",
    "Receipt",
    "Refusal",
    "RefusalCode",
    "Secrets",
    "Severity",
    "Webhook",
    "WriteKind",
    "WriteRequest",
]


class Kind(StrEnum):
    """Which side of the company a system serves."""

    CRM = "crm"
    ERP = "erp"


# ── capabilities: what a system can do, as data ──────────────────────────────────────────────


class Level(StrEnum):
    """How far an ability goes: "the system cannot" differs from "we have not"."""

    UNSUPPORTED = "unsupported by the system"
    NOT_IMPLEMENTED = "not implemented"
    FROM_VERSION = "from version"
    FULL = "full"


class Capability(msgspec.Struct, frozen=True):
    """An optional ability with its level and, where it helps, a note (a version, a condition)."""

    level: Level
    note: str = ""

    def __bool__(self) -> bool:
        """Say whether it can be used."""
        return self.level in (Level.FULL, Level.FROM_VERSION)


UNSUPPORTED = Capability(Level.UNSUPPORTED)
NOT_IMPLEMENTED = Capability(Level.NOT_IMPLEMENTED)
FULL = Capability(Level.FULL)


class EntityCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with one entity in one system.

    ``changes``: has a modified-since feed; without it the engine sweeps and compares content.
    ``version_check``: a write is refused when the record moved since ``WriteRequest.version``.
    ``newest_version_comparable``: versions of one record can be ordered as text.
    ``reference``: where our key of a created record is kept and searched ("" = nowhere).
    ``enforces_reference``: the system itself refuses a second record with the same reference.
    ``drafts``: an order is created as a draft whose total can be read before it is confirmed.
    ``amends``: statuses in which the lines of an order may still be replaced by a write.
    ``cancels``: statuses in which an order may still be cancelled by a write.
    ``settle_time``: longest time an unanswered write may still take effect, search lag included.
    ``read_lag``: how long a read may still show the state before a finished write.
    ``commit_delay``: how late a change may appear with an earlier change time.
    ``read_every``: without a changes feed, how often all of it is read; each time by default.
    """

    changes: Capability = UNSUPPORTED
    create: Capability = UNSUPPORTED
    update: Capability = UNSUPPORTED
    find: Capability = UNSUPPORTED
    lookup: Capability = UNSUPPORTED
    version_check: Capability = UNSUPPORTED
    newest_version_comparable: bool = False
    reference: str = ""
    enforces_reference: bool = False
    drafts: bool = False
    amends: frozenset[str] = frozenset()
    cancels: frozenset[str] = frozenset()
    answers_with_values: bool = False
    page_size: int = 100
    batch_size: int = 1
    settle_time: timedelta = timedelta(seconds=30)
    read_lag: timedelta = timedelta(0)
    commit_delay: timedelta = timedelta(0)
    fields: Mapping[str, FieldFacts] = msgspec.field(default_factory=dict)
    ages: tuple[str, ...] = ()
    read_every: timedelta = timedelta(0)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """All a system can do; a missing entity does not exist there."""

    entities: Mapping[str, EntityCapabilities]
    deletions: Capability = UNSUPPORTED
    merges: Capability = UNSUPPORTED
    webhooks: Capability = UNSUPPORTED
    provision: Capability = UNSUPPORTED
    prices: Capability = UNSUPPORTED
    """Says what a customer pays for a quantity now (``Connector.prices``)."""
    calls: BudgetLimits = BudgetLimits()
    """How many calls the system allows, as far as it is known for every customer of the vendor."""
    never: tuple[str, ...] = ()
    """Fields of this system (its own names) that are never requested, stored or logged."""


# ── reading ──────────────────────────────────────────────────────────────────────────────────


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of records and where to go on.

    ``cursor``: opaque text to pass next.  ``more``: whether another page is waiting now.  When
    ``more`` is false the cursor is the safe place to start the next round from.
    """

    records: Sequence[Record]
    cursor: str
    more: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A record that carries one of our references; ``complete`` when no step is missing."""

    record: Record
    complete: bool = True


# ── webhooks ─────────────────────────────────────────────────────────────────────────────────


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a system to us, as it came in.

    ``url``: the address the system was told to call, query included.  ``headers``: by lower-case
    name.  ``body``: the raw bytes, which is what was signed.  ``at``: when it arrived.
    """

    method: str = "POST"
    url: str = ""
    headers: Mapping[str, str]
    body: bytes
    at: datetime


class Hint(msgspec.Struct, frozen=True):
    """What a webhook says: look at this record.  Without an id: look at what changed of these."""

    entity: str
    record_id: str = ""


class RefusalCode(StrEnum):
    """Why a webhook is not believed."""

    NOT_SET_UP = "not_set_up"
    """The connection's settings name no secret to prove one with."""
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"
    OUT_OF_TIME = "out_of_time"
    """Signed longer ago, or later, than the replay window allows."""
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """Proven, but not of the form the system is known to send."""


class Refusal(msgspec.Struct, frozen=True):
    """A webhook that is not believed; ``message`` repeats nothing of what it carried."""

    code: RefusalCode
    message: str


# ── writing ──────────────────────────────────────────────────────────────────────────────────


class WriteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One write; ``fields`` holds only what changes, ``expected`` what it replaces.

    ``reference`` is set on creates: our key, to be stored on the record in the same step.
    ``version`` is the token the decision was made on, for the system's own version check.
    """

    id: str
    entity: str
    kind: WriteKind
    fields: Fields
    record_id: str | None = None
    expected: Fields = msgspec.field(default_factory=dict)
    version: str | None = None
    reference: str | None = None


class Outcome(StrEnum):
    """What became of a write."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    UNKNOWN = "unknown"

    @property
    def succeeded(self) -> bool:
        """Say whether the record now is as asked."""
        return self in (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED)


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a write failed: a code of ours, the model field concerned, a cleaned plain message."""

    code: str
    message: str
    field: str | None = None
    fix: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one write.

    ``record`` is the record as the system now shows it when the answer carried values; without
    it the written fields stay unconfirmed until the next fetch.  ``record_id`` on a create that
    did not succeed: the record it left there, incomplete.
    """

    write_id: str
    outcome: Outcome
    record_id: str | None = None
    record: Record | None = None
    reason: Reason | None = None
    until: datetime | None = None
    request_id: str | None = None


# ── checking and provisioning ────────────────────────────────────────────────────────────────


class Severity(StrEnum):
    """How much a finding of ``check`` matters."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``interlock check``: what was looked at, what is wrong, how to mend it."""

    severity: Severity
    subject: str
    message: str
    fix: str = ""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``check`` found out about a connection.

    ``unreadable`` and ``unwritable``: entity -> model fields the credentials have no right to.
    ``clock_skew``: the system's clock minus ours.
    """

    findings: Sequence[Finding]
    system_version: str = ""
    clock_skew: timedelta | None = None
    unreadable: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    unwritable: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether nothing keeps the connection from working."""
        return all(f.severity is not Severity.ERROR for f in self.findings)


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing ``provision`` made, found, or would make (``dry_run``)."""

    subject: str
    action: str
    """"created", "present", "would create" or "failed"."""
    message: str = ""


# ── the connector ────────────────────────────────────────────────────────────────────────────


class Secrets(Protocol):
    """Where one connection keeps secrets that change while it works: rotating refresh tokens."""

    def load(self, name: str) -> str | None:
        """Give what was saved last; ``None`` when nothing was, or it cannot be read."""
        ...

    def save(self, name: str, value: str) -> None:
        """Keep a secret; when this returns it would survive a loss of power."""
        ...

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """Keep everybody else, in other processes too, from a secret for a while."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorContext:
    """What the engine hands a connector besides its settings.

    ``wanted``: entity -> model fields the ownership map lets through; nothing else is requested.
    ``installation``: this installation's id, part of every reference.
    ``other``: the other connection's name, for labels of the cross-reference field.
    ``budget``: asked before every call to the system.
    ``secrets``: a durable place for secrets that change; ``None`` where there is none.
    """

    connection: str
    installation: str
    clock: Callable[[], datetime]
    wanted: Mapping[str, frozenset[str]]
    overrides: MappingOverrides = field(default_factory=MappingOverrides)
    other: str = ""
    budget: CallBudget = FREE
    secrets: Secrets | None = None


class Connector(ABC):
    """A connection to one system.  Use as an async context manager."""

    capabilities: Capabilities

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back sockets and sessions."""
        return

    @abstractmethod
    async def check(self) -> CheckReport:
        """Look at credentials, rights, schema and clock; never raises for what it can report."""

    @abstractmethod
    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read every record, archived ones too; safe when rows come and go while paging."""

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read what changed since ``cursor``; ``None`` starts a feed, before the first full sweep.

        It starts at the system's clock less the commit delay and the read lag: what is younger may
        be missing from a sweep begun now.
        The final page's cursor lies at most at the system's clock when the round's first request
        started, less the commit delay or the read lag, whichever is longer.  Equal timestamps and
        edits while paging lose nothing; a record may come more than once.
        """
        raise NotImplementedError(entity, cursor)

    @abstractmethod
    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read records by id.  One that is not there, or may not be seen, is left out."""

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references; a reference nobody carries is missing from the answer."""
        raise NotImplementedError(entity, references)

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Read live what could be the same record: same tax id, name, e-mail, website or sku."""
        raise NotImplementedError(entity, probe)

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        """Read live what each product costs one customer on a day, in order.

        ``customer``: its id here; ``None`` for somebody who is no customer yet.  An answer of
        ``None``: the system does not say.  Cost and margin are neither read nor given.
        """
        raise NotImplementedError(customer, asked, currency, on)

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        """Prove that a webhook is the system's own, and read which records it is about.

        Declared as ``capabilities.webhooks``.  Pure and quick: the system waits for the answer.
        Nothing but entity and id is taken from the body; what is none of ours is left out.
        ``kit.webhooks`` has the signature schemes.
        """
        raise NotImplementedError(webhook.method)

    @abstractmethod
    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write a batch; one receipt per write, in order.

        Raises only when nothing of the batch can have been written.  Where that is not sure, each
        write that may have been gets ``Outcome.UNKNOWN``.
        """

    async def resume(self, entity: str, write: WriteRequest, found: Found) -> Receipt:
        """Do the missing steps of a create whose record was found incomplete."""
        raise NotImplementedError(entity, write, found)

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Create the fields that hold our references and signals; repeating it changes nothing."""
        raise NotImplementedError(dry_run)

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Remove what ``provision`` made."""
        raise NotImplementedError(dry_run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What a connector package exports; found by entry point ``interlock.connectors``.

    ``settings`` is a pydantic model whose secrets are ``SecretStr``; ``connect`` builds a
    connector from valid settings and does no I/O.
    """

    name: str
    title: str
    kind: Kind
    settings: type[BaseModel]
    connect: Callable[[Any, ConnectorContext], Connector]
