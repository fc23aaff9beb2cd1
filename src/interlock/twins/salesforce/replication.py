"""Which records were deleted or changed in a window: ``/deleted/`` and ``/updated/``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import SObject
from interlock.twins.salesforce.values import show_moment

__all__ = ["deleted_in", "updated_in"]

_REACH: Final = timedelta(days=30)


def deleted_in(org: Org, one: SObject, query: Mapping[str, str]) -> dict[str, Any]:
    """List what was deleted in the window."""
    start, end = _window(org, one, query)
    gone = [
        {"id": row["Id"], "deletedDate": show_moment(row["SystemModstamp"])}
        for row in org.rows(one, deleted=True)
        if row["IsDeleted"] and start <= row["SystemModstamp"] <= end
    ]
    return {
        "deletedRecords": gone,
        "earliestDateAvailable": show_moment(org.now - _REACH),
        "latestDateCovered": show_moment(min(end, org.now)),
    }


def updated_in(org: Org, one: SObject, query: Mapping[str, str]) -> dict[str, Any]:
    """List what was made or changed in the window and is not deleted."""
    start, end = _window(org, one, query)
    ids = [r["Id"] for r in org.rows(one) if start <= r["SystemModstamp"] <= end]
    return {"ids": ids, "latestDateCovered": show_moment(min(end, org.now))}


def _window(org: Org, one: SObject, query: Mapping[str, str]) -> tuple[datetime, datetime]:
    if not one.replicateable:
        raise Refused("INVALID_TYPE", f"entity type {one.name} cannot be replicated")
    start, end = _moment(query, "start"), _moment(query, "end")
    if start < org.now - _REACH:
        raise Refused("INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
    # seconds are ignored, as the documents say
    if (end - start) < timedelta(minutes=1):
        raise Refused(
            "INVALID_REPLICATION_DATE",
            "endDate must be at least one minute greater than startDate",
        )
    return start, end


def _moment(query: Mapping[str, str], name: str) -> datetime:
    text = query.get(name, "").replace(" ", "+")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("INVALID_REPLICATION_DATE", f"{name} is not a date: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
