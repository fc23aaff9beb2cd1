"""Cursors over a modified-since feed that lose nothing (rule 9 of the engine contract).

A round reads everything changed since the last round's start, page by page, ordered by
(modified, id).  The next round starts at this round's start on the *system's* clock less the
commit delay, so that a change committed late with an early timestamp is still seen.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

__all__ = ["Window"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed stands.

    ``since``: lower bound of the round.  ``started``: system clock when the round's first request
    was sent, ``None`` before it.  ``at_modified``, ``at_id``: last record of the last page read.
    """

    since: datetime
    started: datetime | None = None
    at_modified: datetime | None = None
    at_id: str | None = None

    @classmethod
    def load(cls, cursor: str | None, *, now: datetime, delay: timedelta) -> Window:
        """Read a saved cursor; without one start at ``now`` less the commit delay."""
        if cursor is None:
            return cls(since=now.astimezone(UTC) - delay)
        return msgspec.json.decode(cursor.encode(), type=cls)

    def save(self) -> str:
        """Give the text to keep."""
        return msgspec.json.encode(self).decode()

    def begin(self, server_now: datetime) -> Window:
        """Note the system's clock at the round's first request; later calls change nothing."""
        if self.started is not None:
            return self
        return msgspec.structs.replace(self, started=server_now)

    def after(self, modified: datetime, record_id: str) -> Window:
        """Move behind the last record of a page."""
        return msgspec.structs.replace(self, at_modified=modified, at_id=record_id)

    def finish(self, delay: timedelta) -> Window:
        """Close the round: the next one starts at this one's start less the commit delay.

        It never moves back behind the present lower bound.
        """
        if self.started is None:
            return self
        return Window(since=max(self.since, self.started - delay))
