"""The HubSpot twin: tokens, limits, the person at the screens, what an administrator can switch."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.hubspot.api import DATED, dispatch, plain_path
from interlock.twins.hubspot.context import Context
from interlock.twins.hubspot.definitions import property_of
from interlock.twins.hubspot.limits import Window
from interlock.twins.hubspot.portal import Portal
from interlock.twins.hubspot.refusals import Refused, missing
from interlock.twins.hubspot.schema import ObjectType
from interlock.twins.hubspot.seed import found
from interlock.twins.hubspot.values import iso
from interlock.twins.storage import Row
from interlock.twins.twin import Twin, UserError

__all__ = ["HubSpotTwin"]

_ID: Final = re.compile(r"/\d{6,}(?=/|$)")
_VERSION: Final = re.compile(r"/(?:v\d|" + "|".join(DATED) + r")(?=/|$)")
_SWITCHES: Final = ("merge_makes_new", "merged_ids_resolve")


class HubSpotTwin(Twin):
    """One portal with one service key and one app that sends webhooks."""

    name: ClassVar[str] = "hubspot"
    daily_calls: ClassVar[int] = 250_000
    known_faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, *, clock: TwinClock | None = None, random_seed: int = 1) -> None:
        super().__init__(clock=clock, random_seed=random_seed)
        self.portal = Portal(self.storage, self.faults)
        found(self.portal)
        self.token = f"pat-eu1-{secrets.token_hex(16)}"
        self.webhook_secret = secrets.token_hex(16)
        kinds = {one.scope for one in self.portal.types.values()}
        kinds |= {scope.replace("crm.objects.", "crm.schemas.") for scope in kinds}
        self.scopes = frozenset(f"{kind}.{way}" for kind in kinds for way in ("read", "write"))
        self.burst = Window(self.clock, 190, 10)
        self.searches = Window(self.clock, 5, 1)
        self._partial = True

    # ── the vendor's API ─────────────────────────────────────────────────────────────────────

    def handle(self, call: Call) -> Answer:
        """Answer a call of the API."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(token, self.token):
            return Refused(
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication "
                "and you can find more details at https://developers.hubspot.com/",
                status=401,
            ).answer()
        if plain_path(call.path) is None:
            return missing("No such endpoint").answer()
        # searches count by themselves, and not among the calls in ten seconds
        window, policy = (
            (self.searches, "SECONDLY")
            if call.path.endswith("/search")
            else (self.burst, "TEN_SECONDLY_ROLLING")
        )
        if not window.take():
            return _too_many(policy)
        index = self.clock() - timedelta(seconds=self.faults.lag())
        return dispatch(Context(self.portal, self.scopes, index, self._partial), call)

    def refuse(self, fault: Fault) -> Answer:
        """Refuse: out of calls, too many at once, or not at home."""
        if fault.kind is FaultKind.UNAVAILABLE:
            return Refused("SERVICE_UNAVAILABLE", "internal error", status=503).answer()
        daily = fault.kind is FaultKind.QUOTA_REACHED
        return _too_many("DAILY" if daily else "TEN_SECONDLY_ROLLING")

    def counts(self, call: Call) -> bool:
        """Count every call of the API."""
        return plain_path(call.path) is not None

    def finish(self, answer: Answer) -> Answer:
        """Say on every answer what is left."""
        return answer.with_headers({
            "X-HubSpot-RateLimit-Max": str(self.burst.limit),
            "X-HubSpot-RateLimit-Remaining": str(self.burst.left),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(self.quota.limit),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(self.quota.limit - self.quota.used, 0)),
        })  # fmt: skip

    def kind(self, call: Call) -> str:
        """Count by method and path, without version, ids and names of properties."""
        path = _ID.sub("/ID", _VERSION.sub("", call.path)).rstrip("/")
        path = re.sub(r"^/crm/(?:objects/)?", "/", path)
        return f"{call.method} {path}"

    def credentials(self) -> Mapping[str, str]:
        """Give the service key, and the secret webhooks are signed with."""
        return {"access_token": self.token, "client_secret": self.webhook_secret}

    # ── a person at the screens ──────────────────────────────────────────────────────────────

    def insert(self, table: str, values: Row) -> str:
        """Make a record; ``"companies": ID`` in the values associates it with that company."""
        return str(_by_person(lambda: self._insert(self._type(table), values)))

    def _insert(self, one: ObjectType, values: Row) -> str:
        ties = {name: key for name, key in values.items() if name in self.portal.types}
        sent = {name: value for name, value in values.items() if name not in ties}
        key = self.portal.create(one, sent, as_user=True)
        for kind, other in ties.items():
            self.portal.ties.tie(one.name, key, kind, str(other))
        return key

    def update(self, table: str, key: str, values: Row) -> None:
        """Change a record; ``{"archived": false}`` takes an archived one back."""
        one = self._type(table)
        if dict(values) == {"archived": False}:
            _by_person(lambda: self.portal.restore(one, key))
            return
        row = self.portal.row(one, key)
        if row is None:
            raise UserError(f"there is no {key} among the {one.name}")
        _by_person(lambda: self.portal.update(one, row, values, as_user=True))

    def delete(self, table: str, key: str) -> None:
        """Put a record away."""
        self.portal.archive(self._type(table), key)

    def merge(self, table: str, winner: str, losers: Sequence[str]) -> None:
        """Merge records into one."""
        one = self._type(table)
        for loser in losers:
            _by_person(partial(self.portal.merge, one, winner, loser))

    def shown(self, table: str) -> Sequence[Mapping[str, Any]]:
        """List a type's records with all properties; associations and owners as they are."""
        if table in ("associations", "owners"):
            return [dict(row) for row in self.storage.rows(table)]
        one = self._type(table)
        return [
            {"id": row["id"], "archived": row["_archived"], "merged": row["_merged"],
             "createdAt": iso(row["_created"]), "updatedAt": iso(row["_updated"]),
             **{name: row.get(name) for name in one.properties}}
            for row in self.storage.rows(one.name)
        ]  # fmt: skip

    def settings(self) -> Mapping[str, Any]:
        """Tell what is switched on, and what the key may not see."""
        return {
            **{name: getattr(self.portal, name) for name in _SWITCHES},
            "partial_batches": self._partial,
            "calls_in_10_seconds": self.burst.limit,
            "searches_a_second": self.searches.limit,
            "hidden": sorted(self.portal.hidden),
            "scopes": sorted(self.scopes),
            "required": {kind: sorted(names) for kind, names in self.portal.required.items()},
            "stages": self.portal.stages,
        }

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Switch features, limits and rights.

        ``merge_makes_new``, ``merged_ids_resolve``: how merges behave.  ``partial_batches``: false
        refuses a whole batch for one bad input.  ``calls_in_10_seconds``, ``searches_a_second``:
        limits.  ``hidden``: properties, as ``companies.name``, the key does not see.  ``scopes``:
        what it may do.  ``required``: type -> properties every new record must have.  ``stages``:
        of deals, each with id, label and probability.  ``properties``: custom properties as an
        administrator makes them: ``{"companies.tier": {definition}}``.
        """
        acts: dict[str, Callable[[Any], None]] = {
            **{name: self._switcher(name) for name in _SWITCHES},
            "partial_batches": lambda on: setattr(self, "_partial", bool(on)),
            "calls_in_10_seconds": lambda n: setattr(self.burst, "limit", int(n)),
            "searches_a_second": lambda n: setattr(self.searches, "limit", int(n)),
            "hidden": lambda names: setattr(self.portal, "hidden", {str(n) for n in names}),
            "scopes": lambda names: setattr(self, "scopes", frozenset(map(str, names))),
            "required": lambda all_: setattr(
                self.portal, "required", {kind: set(names) for kind, names in all_.items()}
            ),
            "stages": lambda stages: setattr(self.portal, "stages", list(stages)),
            "properties": self._make_properties,
        }
        if not acts.keys() >= changes.keys():
            raise UserError(f"known settings are: {', '.join(sorted(acts))}")
        for name, value in changes.items():
            acts[name](value)

    def _switcher(self, name: str) -> Callable[[Any], None]:
        return lambda on: setattr(self.portal, name, bool(on))

    def _make_properties(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        for place, definition in definitions.items():
            kind, _, name = place.partition(".")
            one = self._type(kind)
            group = one.groups[0]
            body = {"label": name, "groupName": group, **definition, "name": name}
            item = _by_person(partial(property_of, body))
            self.portal.put_property(one, item)

    def _type(self, name: str) -> ObjectType:
        try:
            return self.portal.type(name)
        except Refused:
            raise UserError(f"there are no records of type {name!r} in this portal") from None


def _too_many(policy: str) -> Answer:
    limit = {"DAILY": "daily", "SECONDLY": "secondly"}.get(policy, "ten_secondly_rolling")
    return Refused(
        "RATE_LIMITS", f"You have reached your {limit} limit.", status=429,
        more={"errorType": "RATE_LIMIT", "policyName": policy},
    ).answer()  # fmt: skip


def _by_person(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        raise UserError(f"{refused}") from refused
