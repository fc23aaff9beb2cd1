"""The org as a twin: signing in, versions, limits, and what an administrator can switch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.salesforce.api import dispatch
from interlock.twins.salesforce.context import Context
from interlock.twins.salesforce.cursors import Cursors
from interlock.twins.salesforce.oauth import ClientApp
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.refusals import Refused, refusal
from interlock.twins.salesforce.schema import SObject
from interlock.twins.salesforce.seed import found
from interlock.twins.salesforce.tooling import field_of
from interlock.twins.salesforce.values import show_value
from interlock.twins.storage import Row
from interlock.twins.twin import Twin, UserError

__all__ = ["SalesforceTwin"]

_LATEST: Final = 67
_OLDEST: Final = 31
_DATA: Final = "/services/data"
_TOKEN: Final = "/services/oauth2/token"  # noqa: S105  a path
_VERSIONED: Final = re.compile(r"/services/data/v(\d+\.\d)(/.*)?")
_ID: Final = re.compile(r"/(?:[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?|01g\w+-\d+)(?=/|$)")
_USERNAME: Final = "integration@twin.example"


class SalesforceTwin(Twin):
    """One org with one external client app and its integration user."""

    name: ClassVar[str] = "salesforce"
    daily_calls: ClassVar[int] = 15_000
    # a query reads the records themselves: there is no index to lag behind
    known_faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind) - {FaultKind.INDEX_LAG}

    def __init__(self, *, clock: TwinClock | None = None, random_seed: int = 1) -> None:
        super().__init__(clock=clock, random_seed=random_seed)
        self.org = Org(self.storage, self.faults)
        org_id = found(self.org, _USERNAME)
        self.app = ClientApp(self.clock, _USERNAME, org_id)
        self.app.user_id = self.org.user_id
        self._cursors = Cursors(self.clock, self.org.ids)
        self._switches: dict[str, bool] = {"quotes": True, "cpq": False, "multi_currency": False}

    # ── the vendor's API ─────────────────────────────────────────────────────────────────────

    def handle(self, call: Call) -> Answer:
        """Answer a call of the REST API or of the token endpoint."""
        path = call.path.rstrip("/")
        if path == _TOKEN and call.method == "POST":
            return self.app.token(call)
        if path == _DATA and call.method == "GET":
            return Answer(200, [_version(n) for n in range(_OLDEST, _LATEST + 1)])
        if not self.app.knows(call):
            return refusal("INVALID_SESSION_ID", "Session expired or invalid", 401)
        versioned = _VERSIONED.fullmatch(call.path)
        if versioned is None or not _OLDEST <= float(versioned[1]) <= _LATEST:
            return refusal("NOT_FOUND", "The requested resource does not exist", 404)
        return self._context(versioned[1]).dispatch(call)

    def _context(self, version: str) -> Context:
        context = Context(
            self.org, version, self._cursors, self.quota, lambda call: dispatch(context, call)
        )
        return context

    def refuse(self, fault: Fault) -> Answer:
        """Refuse: out of calls, too many at once, or under maintenance."""
        if fault.kind is FaultKind.UNAVAILABLE:
            return refusal("SERVER_UNAVAILABLE", "Server is too busy. Please try again later.", 503)
        limit = (
            "TotalRequests" if fault.kind is FaultKind.QUOTA_REACHED else "ConcurrentPerOrgLongTxn"
        )
        return refusal("REQUEST_LIMIT_EXCEEDED", f"{limit} Limit exceeded.", 403)

    def counts(self, call: Call) -> bool:
        """Count every call of the data API."""
        return call.path.startswith(_DATA + "/v")

    def finish(self, answer: Answer) -> Answer:
        """Say on every answer how much of the day's calls is used."""
        usage = f"api-usage={self.quota.used}/{self.quota.limit}"
        return answer.with_headers({"Sforce-Limit-Info": usage})

    def is_secret(self, call: Call) -> bool:
        """Keep no body of a sign-in."""
        return call.path.startswith("/services/oauth2")

    def kind(self, call: Call) -> str:
        """Count by method and path, without version, ids and external ids."""
        path = re.sub(r"^/services/data(/v\d+\.\d)?", "", call.path).rstrip("/")
        path = _ID.sub("/ID", path)
        path = re.sub(r"^(/sobjects/\w+/\w+__c)/.+", r"\1/KEY", path)
        return f"{call.method} {path or '/'}"

    def credentials(self) -> Mapping[str, str]:
        """Give what both sign-in flows need, and an open session."""
        return {
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "username": self.app.username,
            "private_key": self.app.private_key,
            "access_token": self.app.access_token,
        }

    # ── a person at the screens ──────────────────────────────────────────────────────────────

    def insert(self, table: str, values: Row) -> str:
        """Make a record."""
        return str(_by_person(lambda: self.org.insert(self._table(table), values, as_user=True)))

    def update(self, table: str, key: str, values: Row) -> None:
        """Change a record; ``{"IsDeleted": false}`` takes it out of the recycle bin."""
        one = self._table(table)
        if dict(values) == {"IsDeleted": False}:
            _by_person(lambda: self.org.restore(one, key))
        else:
            _by_person(lambda: self.org.update(one, key, values, as_user=True))

    def delete(self, table: str, key: str) -> None:
        """Put a record into the recycle bin."""
        _by_person(lambda: self.org.delete(self._table(table), key, as_user=True))

    def merge(self, table: str, winner: str, losers: Sequence[str]) -> None:
        """Merge records into one."""
        for loser in losers:
            _by_person(partial(self.org.merge, self._table(table), winner, loser))

    def shown(self, table: str) -> Sequence[Mapping[str, Any]]:
        """List an object's records with all fields."""
        one = self.org.schema.find(table) or self.org.tooling.find(table)
        if one is None:
            raise UserError(f"there is no object {table!r} in this org")
        rows = self.storage.rows(one.name)
        return [{f.name: show_value(f, row) for f in one.fields.values()} for row in rows]

    def settings(self) -> Mapping[str, Any]:
        """Tell which features are on and what the connected user has no right to."""
        return {
            **self._switches,
            "hidden": sorted(self.org.hidden),
            "read_only": sorted(self.org.read_only),
            "query_page": self._cursors.page,
        }

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Switch features and rights.

        ``quotes``, ``cpq``, ``multi_currency``: on or off.  ``hidden``, ``read_only``: fields, as
        ``Object.Field``, the connected user may not see or not write.  ``query_page``: rows a page.
        ``end_sessions``: true ends all sessions.  ``fields``: custom fields as an administrator
        makes them, with rights for everybody: ``{"Account.Tax_Id__c": {metadata}}``.
        """
        known = {*self._switches, "hidden", "read_only", "query_page", "end_sessions", "fields"}
        if not known.issuperset(changes):
            raise UserError(f"known settings are: {', '.join(sorted(known))}")
        switches: dict[str, Callable[..., None]] = {
            "quotes": self.org.switch_quotes, "cpq": self.org.switch_cpq,
            "multi_currency": self.org.switch_currencies,
        }  # fmt: skip
        for name, switch in switches.items():
            if name in changes:
                self._switches[name] = bool(changes[name])
                switch(on=self._switches[name])
        if "hidden" in changes:
            self.org.hidden = {str(name) for name in changes["hidden"]}
        if "read_only" in changes:
            self.org.read_only = {str(name) for name in changes["read_only"]}
        if "query_page" in changes:
            self._cursors.page = changes["query_page"]
        if changes.get("end_sessions"):
            self.app.end_sessions()
        for name, metadata in changes.get("fields", {}).items():
            table, _, field = name.partition(".")
            _by_person(partial(self._make_field, table, field, metadata))

    def _make_field(self, table: str, name: str, metadata: Mapping[str, Any]) -> None:
        one = self.org.object(table)
        self.org.add_field(one.name, field_of(name, metadata))
        key = f"{one.name}.{name}"
        permission = {"SobjectType": one.name, "Field": key, "PermissionsRead": True,
                      "PermissionsEdit": True, "ParentId": self._everybody()}  # fmt: skip
        self.org.insert(self.org.object("FieldPermissions"), permission, as_user=True)

    def _everybody(self) -> str:
        """Find or make the permission set behind fields an administrator has made."""
        for row in self.storage.rows("PermissionSet"):
            if row["Name"] == "Administrator_Fields":
                return str(row["Id"])
        made = self.insert("PermissionSet", {"Name": "Administrator_Fields", "Label": "Fields"})
        assigned = {"PermissionSetId": made, "AssigneeId": self.org.user_id}
        self.insert("PermissionSetAssignment", assigned)
        return made

    def _table(self, name: str) -> SObject:
        found_object = self.org.schema.find(name)
        if found_object is None:
            raise UserError(f"there is no object {name!r} in this org")
        return found_object


def _by_person(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        raise UserError(f"{refused}") from refused


def _version(number: int) -> dict[str, str]:
    age = number - _OLDEST
    season = ("Summer", "Winter", "Spring")[age % 3]
    return {
        "label": f"{season} '{14 + (age + 2) // 3}",
        "url": f"{_DATA}/v{number}.0",
        "version": f"{number}.0",
    }
