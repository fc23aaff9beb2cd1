"""``/_twin/``: looking into a twin and acting as a person at the vendor's screens would.

====== =========================== ===============================================================
method path                        does
====== =========================== ===============================================================
GET    /_twin/                     what it is, its time, how many rows, calls and faults
GET    /_twin/rows/TABLE           rows, deleted ones too; ``?COLUMN=VALUE`` chooses
POST   /_twin/rows/TABLE           makes a row; ``?commit_in=SECONDS`` makes it visible later
PATCH  /_twin/rows/TABLE/ID        changes a row; ``?commit_in=SECONDS`` likewise
DELETE /_twin/rows/TABLE/ID        deletes a row
POST   /_twin/merge/TABLE          ``{"winner": ID, "losers": [ID]}``
POST   /_twin/commit               makes visible what is not yet
GET    /_twin/faults               what is armed; POST arms one, DELETE clears all
GET    /_twin/calls                counts; DELETE counts from nothing
GET    /_twin/requests             the calls themselves; ``?since=NUMBER``
GET    /_twin/clock                the time; POST ``{"advance": SECONDS}``, ``{"stand": TIME}``, {}
GET    /_twin/quota                the day's calls; POST ``{"limit": N, "others": N}``
GET    /_twin/settings             what an administrator has switched on; POST changes it
====== =========================== ===============================================================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from interlock.twins.calls import Answer, Call, Route, Router
from interlock.twins.faults import Fault
from interlock.twins.twin import Twin, UserError

__all__ = ["PREFIX", "inspect"]

PREFIX: Final = "/_twin"


def inspect(twin: Twin, call: Call) -> Answer:
    """Answer a call below ``/_twin/``."""
    found = _ROUTER.match(call.method, call.path)
    if found is None:
        known = _ROUTER.methods(call.path)
        hint = f"it knows {', '.join(known)}" if known else "GET /_twin/ tells what there is"
        return Answer(405 if known else 404, {"error": f"no {call.method} {call.path}: {hint}"})
    handler, names = found
    try:
        return Answer(200, handler(twin, call, **names))
    except (UserError, ValueError, KeyError, TypeError) as error:
        # what a person typed wrongly comes as any of these
        return Answer(400, {"error": f"{error}"})


def _overview(twin: Twin, _call: Call) -> Any:
    return {
        "system": twin.name,
        "now": twin.clock(),
        "tables": {name: len(twin.shown(name)) for name in twin.storage.tables},
        "calls": twin.log.total,
        "faults": twin.faults.listed(),
        "known_faults": sorted(twin.known_faults),
    }


def _rows(twin: Twin, call: Call, table: str) -> Any:
    wanted = call.query.items()
    return [r for r in twin.shown(table) if all(str(r.get(k)) == v for k, v in wanted)]


def _insert(twin: Twin, call: Call, table: str) -> Any:
    with _delayed(twin, call):
        return {"id": twin.insert(table, _object(call))}


def _update(twin: Twin, call: Call, table: str, key: str) -> Any:
    with _delayed(twin, call):
        twin.update(table, key, _object(call))
    return {"id": key}


def _delete(twin: Twin, _call: Call, table: str, key: str) -> Any:
    twin.delete(table, key)
    return {"id": key}


def _merge(twin: Twin, call: Call, table: str) -> Any:
    asked = _object(call)
    twin.merge(table, str(asked["winner"]), [str(loser) for loser in asked["losers"]])
    return {"id": asked["winner"]}


def _commit(twin: Twin, _call: Call) -> Any:
    return {"committed": twin.storage.commit()}


def _faults(twin: Twin, _call: Call) -> Any:
    return twin.faults.listed()


def _arm(twin: Twin, call: Call) -> Any:
    twin.faults.arm(msgspec.convert(_object(call), Fault))
    return twin.faults.listed()


def _disarm(twin: Twin, _call: Call) -> Any:
    twin.faults.clear()
    return []


def _calls(twin: Twin, _call: Call) -> Any:
    return {"total": twin.log.total, "kinds": dict(twin.log.kinds.most_common())}


def _forget_calls(twin: Twin, _call: Call) -> Any:
    twin.log.reset()
    return {"total": 0, "kinds": {}}


def _requests(twin: Twin, call: Call) -> Any:
    return twin.log.entries(int(call.query.get("since", 0)))


def _clock(twin: Twin, _call: Call) -> Any:
    return {"now": twin.clock()}


def _set_clock(twin: Twin, call: Call) -> Any:
    asked = _object(call)
    if "stand" in asked:
        at = datetime.fromisoformat(asked["stand"])
        twin.clock.stand(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    elif "advance" in asked:
        twin.clock.advance(timedelta(seconds=float(asked["advance"])))
    else:
        twin.clock.run()
    return {"now": twin.clock()}


def _quota(twin: Twin, _call: Call) -> Any:
    return {"limit": twin.quota.limit, "used": twin.quota.used, "others": twin.quota.others}


def _set_quota(twin: Twin, call: Call) -> Any:
    asked = _object(call)
    twin.quota.limit = int(asked.get("limit", twin.quota.limit))
    twin.quota.others = int(asked.get("others", twin.quota.others))
    return _quota(twin, call)


def _settings(twin: Twin, _call: Call) -> Any:
    return twin.settings()


def _configure(twin: Twin, call: Call) -> Any:
    twin.configure(_object(call))
    return twin.settings()


def _object(call: Call) -> dict[str, Any]:
    asked = call.json() if call.body.strip() else {}
    if not isinstance(asked, dict):
        raise UserError("the body must be one JSON object")
    return asked


def _delayed(twin: Twin, call: Call) -> Any:
    seconds = call.query.get("commit_in")
    if seconds is None:
        return nullcontext()
    return twin.storage.delayed(timedelta(seconds=float(seconds)))


_ROUTER: Final[Router[Callable[..., Any]]] = Router(
    [
        Route("GET", "/_twin", _overview),
        Route("GET", "/_twin/rows/{table}", _rows),
        Route("POST", "/_twin/rows/{table}", _insert),
        Route("PATCH", "/_twin/rows/{table}/{key}", _update),
        Route("DELETE", "/_twin/rows/{table}/{key}", _delete),
        Route("POST", "/_twin/merge/{table}", _merge),
        Route("POST", "/_twin/commit", _commit),
        Route("GET", "/_twin/faults", _faults),
        Route("POST", "/_twin/faults", _arm),
        Route("DELETE", "/_twin/faults", _disarm),
        Route("GET", "/_twin/calls", _calls),
        Route("DELETE", "/_twin/calls", _forget_calls),
        Route("GET", "/_twin/requests", _requests),
        Route("GET", "/_twin/clock", _clock),
        Route("POST", "/_twin/clock", _set_clock),
        Route("GET", "/_twin/quota", _quota),
        Route("POST", "/_twin/quota", _set_quota),
        Route("GET", "/_twin/settings", _settings),
        Route("POST", "/_twin/settings", _configure),
    ]
)
