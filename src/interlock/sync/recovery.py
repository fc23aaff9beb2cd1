"""Recovery: what became of a write whose answer never came (rule 19)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from interlock.connectors.base import (
    EntityCapabilities,
    Found,
    Outcome,
    Reason,
    Receipt,
    WriteRequest,
)
from interlock.errors import ConnectorError, RejectedError
from interlock.model import WriteKind
from interlock.store import outbox
from interlock.store.database import Tx
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.observe import fetch_now
from interlock.sync.outcomes import Settlement, bury, unanswered
from interlock.sync.pair import Connection, Pair
from interlock.sync.progress import Run

__all__ = ["Recovery", "reason_of", "rejected", "request_of"]

T = TypeVar("T")


class Recovery(ABC):
    """Looks for what was sent, takes it as the outcome, or lets the write be sent again."""

    def __init__(
        self, pair: Pair, connection: Connection, entity: str, caps: EntityCapabilities, run: Run
    ) -> None:
        self.pair, self.connection, self.entity = pair, connection, entity
        self.caps, self.run, self.side = caps, run, connection.side
        self.progress = 0

    @abstractmethod
    async def _settle(self, receipts: Sequence[Receipt], writes: Sequence[OutboxWrite]) -> None:
        """Store receipts."""

    def _settlement(self, at: datetime) -> Settlement:
        return Settlement(self.pair, self.run, self.side, self.entity, self.caps, at)

    async def recover(self, writes: Sequence[OutboxWrite]) -> None:
        """Find out what became of writes whose answer never came (rule 19)."""
        updates = [w for w in writes if w.kind is WriteKind.UPDATE]
        if updates:
            # an update with unknown outcome is never uncertain: observe and merge again
            ids = [w.record_id for w in updates if w.record_id is not None]
            await fetch_now(self.pair, self.side, self.entity, ids, self.run)
            await self._settle(
                [Receipt(write_id=w.id, outcome=Outcome.UNKNOWN) for w in updates], updates
            )
        creates = [w for w in writes if w.kind is WriteKind.CREATE and w.reference]
        if not creates:
            return
        asked = self.pair.clock()
        found: Mapping[str, Sequence[Found]] = {}
        if self.caps.find:
            found, creates = await self._find(creates)
        for w in creates:
            mine = list(found.get(w.reference or "", ()))
            if mine:
                await self._adopt(w, mine)
            else:
                await self.pair.store.call(self._not_found, w, asked)

    def _not_found(self, tx: Tx, w: OutboxWrite, asked: datetime) -> None:
        """Decide on a create that was not found by a look that began at ``asked``."""
        safe, patience = self._safe_at(w), self.pair.patience
        if asked < safe:
            outbox.release(tx, w, state=WriteState.IN_DOUBT, due_at=safe)
            self.run.counts["in_doubt"] += 1
        elif not self.caps.find:
            bury(tx, self._settlement(asked), w, _cannot_tell(w), state=WriteState.UNCERTAIN)
        elif w.attempts >= patience.max_attempts:
            bury(tx, self._settlement(asked), w, unanswered(w))
        else:
            # absent after the settle time: the call did not take effect
            due_at = asked + patience.unanswered(w.attempts)
            outbox.release(tx, w, state=WriteState.READY, due_at=due_at, record_id=None)

    async def _find(
        self, writes: Sequence[OutboxWrite]
    ) -> tuple[Mapping[str, Sequence[Found]], list[OutboxWrite]]:
        """Look for our references; a write that may not be looked for is settled and left out."""
        references = [w.reference for w in writes if w.reference is not None]
        try:
            return await self.connection.connector.find(self.entity, references), list(writes)
        except RejectedError as error:
            if len(writes) == 1:
                await self._settle([rejected(writes[0], reason_of(error))], writes)
                return {}, []
        half = len(writes) // 2
        left, kept = await self._find(writes[:half])
        right, others = await self._find(writes[half:])
        return {**left, **right}, kept + others

    def _safe_at(self, w: OutboxWrite) -> datetime:
        assert w.sent_at is not None
        return w.sent_at + self.caps.settle_time

    async def _adopt(self, w: OutboxWrite, found: Sequence[Found]) -> None:
        """Take a record that carries our reference as the outcome of the create."""
        if len(found) > 1:
            ids = ", ".join(f.record.id for f in found)
            await self._settle(
                [
                    rejected(
                        w,
                        Reason(
                            code="several_found",
                            message=f"several records carry our reference: {ids}",
                            fix="keep one of them and clear the reference on the others",
                        ),
                    )
                ],
                [w],
            )
            return
        only = found[0]
        if only.complete:
            receipt = Receipt(
                write_id=w.id, outcome=Outcome.CREATED, record_id=only.record.id, record=only.record
            )
        else:
            try:
                receipt = await self._keep(
                    [w], self.connection.connector.resume(self.entity, request_of(w), only)
                )
            except RejectedError as error:
                receipt = rejected(w, reason_of(error))
            receipt = msgspec.structs.replace(receipt, record_id=only.record.id)
        self.run.counts["recovered"] += 1
        await self._settle([receipt], [w])

    async def _keep(self, writes: Sequence[OutboxWrite], call: Awaitable[T]) -> T:
        """Hold on to writes for as long as a call about them takes."""
        renewing = asyncio.ensure_future(self._renew(writes))
        try:
            return await call
        finally:
            renewing.cancel()
            # a lease that could not be renewed shows when the answer is stored
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, writes: Sequence[OutboxWrite]) -> None:
        every = max(self.caps.settle_time.total_seconds() / 3, 0.05)
        while True:
            await self.pair.sleep(every)
            await self.pair.store.call(self._prolong, writes)

    def _prolong(self, tx: Tx, writes: Sequence[OutboxWrite]) -> None:
        now = self.pair.clock()
        outbox.renew(tx, writes, now=now, until=now + self.caps.settle_time)


def request_of(w: OutboxWrite) -> WriteRequest:
    """Turn a write of the outbox into what a connector takes."""
    return WriteRequest(
        id=w.id,
        entity=w.entity,
        kind=w.kind,
        fields=w.fields,
        record_id=w.record_id,
        expected=w.expected,
        version=w.version,
        reference=w.reference,
    )


def rejected(w: OutboxWrite, reason: Reason) -> Receipt:
    """Give the receipt of a write that is refused for good."""
    return Receipt(write_id=w.id, outcome=Outcome.REJECTED, reason=reason)


def reason_of(error: ConnectorError) -> Reason:
    """Tell a refusal's reason."""
    return Reason(
        code=error.code or "rejected",
        message=error.message,
        field=error.field,
        fix=error.fix or "",
    )


def _cannot_tell(w: OutboxWrite) -> Reason:
    return Reason(
        code="uncertain",
        message=f"no answer came, and a {w.entity} there cannot be looked for by our reference",
        fix=f"look for the {w.entity} there: if it is there, it is linked once both match; "
        "only if it is not, retry",
    )
