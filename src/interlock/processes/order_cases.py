"""What is noted of deals on their way to an order: cases, dead letters, history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from interlock.governance.rules import Side
from interlock.model import Record, WriteKind
from interlock.processes.order_intent import subject_of
from interlock.processes.order_kinds import OrderKind
from interlock.processes.snapshot import Refusal
from interlock.processes.sold import last_change
from interlock.store import cases, dead_letters, history, outbox
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event
from interlock.sync.progress import Run

__all__ = ["OPEN", "is_given_up", "note", "not_ordered", "put", "settling", "tell"]

OPEN = ("settling", "waiting", "held", "refused")
"""States of a case that an order may still come of by itself."""
_NEVER_SEEN = b""
"""In place of a digest: whatever the deal shows next counts as a change."""


def put(tx: Tx, case: Case, **changes: Any) -> None:
    """Keep a case with changes."""
    cases.put(tx, [msgspec.structs.replace(case, **changes)])


def settling(
    case: Case, seen: bytes, deal: Record, quote: Record | None, quiet: timedelta, now: datetime
) -> tuple[Case, timedelta]:
    """Note what the deal looks like now, and how long it must not change from now on."""
    if case.seen_hash != seen:
        # a system's time of change need not move with the lines: it is believed only once
        quiet_since = last_change(deal, quote) if case.seen_hash is None else None
        case = msgspec.structs.replace(
            case,
            seen_hash=seen,
            stable_since=min(quiet_since, now) if quiet_since is not None else now,
        )
    assert case.stable_since is not None
    return case, case.stable_since + quiet - now


def not_ordered(tx: Tx, kind: OrderKind, case: Case, why: str, now: datetime) -> Case:
    """Close the case of a deal that nothing of this kind is to be made of any more."""
    dead_letters.close(tx, [subject_of(kind, case.source_id)], why=why, now=now)
    # won again, it settles from then on, even if it looks just as before
    return msgspec.structs.replace(
        case, state="ignored", why=why, fix="", at=now, seen_hash=_NEVER_SEEN
    )


def tell(
    tx: Tx, kind: OrderKind, deal: Record, case: Case, refusal: Refusal, message: str, now: datetime
) -> None:
    """Open a dead letter about what a deal cannot be ordered as."""
    dead_letters.put(
        tx,
        DeadLetter(
            subject=subject_of(kind, deal.id),
            target=Side.ERP,
            entity=kind.entity,
            kind=WriteKind.CREATE,
            source_entity="deal",
            source_id=deal.id,
            cause=refusal.code,
            field=refusal.field,
            message=f"deal {deal.fields.get('name')!r}: {message}",
            fix=refusal.fix,
            fields={},
            digest=case.seen_hash.hex() if case.seen_hash else "",
            at=now,
        ),
    )


def note(
    tx: Tx, event: str, deal_id: str, link_id: int, why: str, *, run: Run, now: datetime
) -> None:
    """Tell the history of a deal."""
    noted = Event(
        at=now,
        event=event,
        entity="deal",
        link_id=link_id,
        side=Side.CRM,
        record_id=deal_id,
        run_id=run.id,
        why=why,
    )
    history.add(tx, [noted])


def is_given_up(tx: Tx, kind: OrderKind, link_id: int, deal_id: str) -> bool:
    """Say whether a person gave the refused create up."""
    write = outbox.of_links(tx, [link_id]).get((link_id, Side.ERP))
    if write is None:
        return False
    subject = dead_letters.subject_of(link_id, Side.ERP, kind.entity, deal_id)
    return dead_letters.discarded(tx, subject, write.digest) is not None
