"""A connection under watch: a rehearsal's view of a system, and what it wrote there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Self

import msgspec

from interlock.connectors.base import (
    CheckReport,
    Connector,
    Found,
    Outcome,
    Page,
    Provisioned,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.model import Asked, Fields, Offer, Record

__all__ = ["Shows", "Watched"]

Shows = Mapping[str, Callable[[Record], bool]]
"""Entity -> which of its records the engine may see; all where an entity is not named."""


class Watched(Connector):
    """Passes everything on, but shows chosen records only, and notes every write.

    ``lose_answer``: the next record created of this entity is made, and its answer gets lost.
    """

    def __init__(self, inner: Connector, side: str) -> None:
        self.inner = inner
        self.side = side
        self.capabilities = inner.capabilities
        self.shows: Shows = {}
        self.written: list[tuple[str, str]] = []
        """("erp order", id) of every record written, in order; the id is "" where none came."""
        self.lose_answer: str | None = None
        self.lost: str | None = None
        """The record whose answer was lost."""

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def close(self) -> None:
        """Give back what the connection holds."""
        await self.inner.close()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def check(self) -> CheckReport:
        """Look at credentials and rights."""
        return await self.inner.check()

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        """Read the chosen records of all."""
        return self._page(entity, await self.inner.sweep(entity, cursor))

    async def changes(self, entity: str, cursor: str | None) -> Page:
        """Read the chosen records of those that changed."""
        return self._page(entity, await self.inner.changes(entity, cursor))

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        """Read by id; whoever knows an id may see the record."""
        return await self.inner.fetch(entity, ids)

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        """Look up our references."""
        return await self.inner.find(entity, references)

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        """Read what could be the same record, chosen or not."""
        return await self.inner.lookup(entity, probe)

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        """Ask what products cost."""
        return await self.inner.prices(customer, asked, currency=currency, on=on)

    def _page(self, entity: str, page: Page) -> Page:
        chosen = self.shows.get(entity)
        if chosen is None:
            return page
        return msgspec.structs.replace(page, records=[r for r in page.records if chosen(r)])

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        """Write, note what was written, and lose the answer that is to be lost."""
        receipts = list(await self.inner.write(entity, writes))
        for place, (write, receipt) in enumerate(zip(writes, receipts, strict=True)):
            record_id = receipt.record_id or write.record_id or ""
            self.written.append((f"{self.side} {entity}", record_id))
            created = write.kind is WriteKind.CREATE and receipt.outcome is Outcome.CREATED
            if self.lose_answer == entity and created:
                self.lose_answer, self.lost = None, record_id
                receipts[place] = Receipt(write_id=write.id, outcome=Outcome.UNKNOWN)
        return receipts

    async def resume(self, entity: str, write: WriteRequest, found: Found) -> Receipt:
        """Do the missing steps of a create."""
        self.written.append((f"{self.side} {entity}", found.record.id))
        return await self.inner.resume(entity, write, found)

    async def provision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Refuse: a rehearsal changes no system's fields."""
        raise NotImplementedError(dry_run)

    async def deprovision(self, *, dry_run: bool) -> Sequence[Provisioned]:
        """Refuse: a rehearsal changes no system's fields."""
        raise NotImplementedError(dry_run)
