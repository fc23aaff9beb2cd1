"""Edits that gave way, or were shown to a person, read from history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from interlock.governance.merge import AT_FIRST_LINK, PUT_BACK
from interlock.governance.rules import Side
from interlock.store import history
from interlock.store.database import Tx
from interlock.store.history import Event

__all__ = ["Edit", "edits_since"]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of one side that did not stand; ``shown``: left as it was and shown to a person."""

    at: datetime
    entity: str
    field: str
    side: Side
    record_id: str
    shown: bool


def edits_since(tx: Tx, since: datetime) -> Iterator[Edit]:
    """Read edits that gave way since an instant, oldest first.

    A write is told once, however often it was sent; what the first link overwrote is no edit.
    """
    told: set[tuple[str, str]] = set()
    for event in history.everything(
        tx, since=since, names=("overruled", "written", "sent", "opened")
    ):
        if event.side is None or event.field is None or event.record_id is None:
            continue
        if not _is_edit(event):
            continue
        if event.write_id is not None:
            if (event.write_id, event.field) in told:
                continue
            told.add((event.write_id, event.field))
        yield Edit(
            at=event.at,
            entity=event.entity,
            field=event.field,
            side=event.side,
            record_id=event.record_id,
            shown=event.event == "opened",
        )


def _is_edit(event: Event) -> bool:
    match event.event:
        case "overruled":
            return not event.why.startswith(AT_FIRST_LINK)
        case "opened":
            return True
        case _:
            # a blank that was filled again, or a write whose answer never came
            return event.why.startswith(PUT_BACK)
