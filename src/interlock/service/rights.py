"""Rights: what the credentials may read and write, held against the map once a day (rule 1)."""

from __future__ import annotations

from datetime import datetime, timedelta

from interlock.connectors.base import Severity
from interlock.service.checking import rights_findings
from interlock.service.session import Session
from interlock.store import feeds
from interlock.sync.progress import Run

__all__ = ["watch_rights"]

EVERY = timedelta(days=1)


async def watch_rights(session: Session, run: Run) -> None:
    """Say which fields of the map may not be read or written; asks once a day and for a new map.

    A right that is lost stops the field, not the run: what cannot be read counts as unknown.
    """
    pair = session.pair
    now = pair.clock()
    checked = await session.store.call(feeds.get_meta, "rights_checked")
    version, _, at = (checked or "").partition(" ")
    if at and version == pair.map_version and now < datetime.fromisoformat(at) + EVERY:
        return
    reached, findings = await rights_findings(session)
    for found in findings:
        if found.severity is Severity.ERROR:
            run.problem(found.subject, found.message, found.fix, "rights")
    if reached:
        stamp = f"{pair.map_version} {now.isoformat()}"
        await session.store.call(feeds.set_meta, "rights_checked", stamp)
