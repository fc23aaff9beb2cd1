"""The paths of the API, in its dated form and in the older one, and what answers them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from interlock.twins.calls import Answer, Call, Route, Router
from interlock.twins.hubspot import associations, definitions, records
from interlock.twins.hubspot.context import Context
from interlock.twins.hubspot.refusals import Refused, missing

__all__ = ["DATED", "dispatch", "plain_path"]

DATED: Final = ("2026-03", "2026-09")
"""Versions named by a date; beside them ``v3`` and, for associations, ``v4``."""
_NEW: Final = re.compile(r"/(crm/\w+|account-info)/(" + "|".join(DATED) + r")(/.*)?")
_OLD: Final = re.compile(r"/(crm|account-info)/(v[34])/?(.*)")

Handler = Callable[..., Answer]


def plain_path(path: str) -> str | None:
    """Take the version out of a path; ``None`` for one there is not."""
    new = _NEW.fullmatch(path)
    if new is not None:
        return f"/{new[1]}{new[3] or ''}"
    old = _OLD.fullmatch(path)
    if old is None:
        return None
    tied = old[3].startswith("associations") or "/associations/" in old[3]
    if (old[2] == "v4") is not tied:
        return None
    return f"/{old[1]}/{old[3]}".rstrip("/")


def dispatch(context: Context, call: Call) -> Answer:
    """Answer a call; never raises."""
    path = plain_path(call.path)
    found = ROUTER.match(call.method, path) if path else None
    if found is None:
        if path and ROUTER.methods(path):
            return Refused("METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed", status=405).answer()
        return missing("No such endpoint").answer()
    handler, names = found
    try:
        return handler(context, call, **names)
    except Refused as refused:
        return refused.answer()
    except (KeyError, TypeError, ValueError, AttributeError):
        # a body of another form than documented: HubSpot reads it into classes of its own
        return Refused("VALIDATION_ERROR", "Invalid input JSON").answer()


def _account(_context: Context, _call: Call) -> Answer:
    return Answer(200, {
        "portalId": 4242, "accountType": "DEVELOPER_TEST", "timeZone": "Europe/Berlin",
        "companyCurrency": "EUR", "additionalCurrencies": ["USD"], "utcOffset": "+01:00",
        "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    })  # fmt: skip


_OBJECTS: Final = "/crm/objects/{kind}"
_TIES: Final = "/crm/associations/{kind}/{to}"
_PROPERTIES: Final = "/crm/properties/{kind}"

ROUTER: Final[Router[Handler]] = Router(
    [
        Route("GET", "/account-info/details", _account),
        Route("GET", "/crm/owners", definitions.list_owners),
        Route("GET", "/crm/pipelines/{kind}", definitions.list_pipelines),
        Route("GET", f"{_PROPERTIES}/groups", definitions.list_groups),
        Route("POST", f"{_PROPERTIES}/groups", definitions.create_group),
        Route("DELETE", f"{_PROPERTIES}/groups/{{name}}", definitions.archive_group),
        Route("GET", _PROPERTIES, definitions.list_properties),
        Route("POST", _PROPERTIES, definitions.create_property),
        Route("GET", f"{_PROPERTIES}/{{name}}", definitions.read_property),
        Route("DELETE", f"{_PROPERTIES}/{{name}}", definitions.archive_property),
        Route("GET", f"{_TIES}/labels", associations.labels),
        Route("POST", f"{_TIES}/batch/read", associations.read_many),
        Route("POST", f"{_TIES}/batch/create", associations.tie_many),
        Route("POST", f"{_TIES}/batch/archive", associations.untie_many),
        Route("GET", f"{_OBJECTS}/{{key}}/associations/{{to}}", associations.list_of),
        Route("PUT", f"{_OBJECTS}/{{key}}/associations/default/{{to}}/{{to_key}}",
              associations.tie_default),
        Route("PUT", f"{_OBJECTS}/{{key}}/associations/{{to}}/{{to_key}}", associations.tie_one),
        Route("DELETE", f"{_OBJECTS}/{{key}}/associations/{{to}}/{{to_key}}",
              associations.untie_one),
        Route("POST", f"{_OBJECTS}/search", records.find),
        Route("POST", f"{_OBJECTS}/merge", records.merge),
        Route("POST", f"{_OBJECTS}/batch/read", records.read_many),
        Route("POST", f"{_OBJECTS}/batch/create", records.create_many),
        Route("POST", f"{_OBJECTS}/batch/update", records.change_many),
        Route("POST", f"{_OBJECTS}/batch/upsert", records.upsert_many),
        Route("POST", f"{_OBJECTS}/batch/archive", records.archive_many),
        Route("GET", _OBJECTS, records.list_all),
        Route("POST", _OBJECTS, records.create_one),
        Route("GET", f"{_OBJECTS}/{{key}}", records.read_one),
        Route("PATCH", f"{_OBJECTS}/{{key}}", records.change_one),
        Route("DELETE", f"{_OBJECTS}/{{key}}", records.archive_one),
    ]
)  # fmt: skip
