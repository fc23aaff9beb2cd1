"""One record of one system, decoded: the only form in which systems' data travels upward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from interlock.model.values import Value

__all__ = ["Presence", "Record", "WriteKind"]


class Presence(StrEnum):
    """Whether a record is there; only a tombstone or two failed fetches make it ``gone``."""

    PRESENT = "present"
    HIDDEN = "hidden"
    ARCHIVED = "archived"
    MERGED = "merged"
    GONE = "gone"


class WriteKind(StrEnum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector read of one record.

    ``fields``: a missing name is unknown, ``None`` is blank.  ``version`` is the system's token
    (opaque), ``modified`` its own change time (aware UTC).  ``reference`` is Interlock's key if
    the record carries one.  ``changed_at`` gives per-field change times where a system keeps
    them; ``problems`` names the fields that could not be decoded (they stay unknown) and why,
    without the value.
    """

    entity: str
    id: str
    fields: Mapping[str, Value | None]
    version: str | None = None
    modified: datetime | None = None
    presence: Presence = Presence.PRESENT
    merged_into: str | None = None
    reference: str | None = None
    changed_at: Mapping[str, datetime] | None = None
    problems: Mapping[str, str] | None = None
