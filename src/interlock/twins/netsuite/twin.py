"""The account as a twin: signing in, slots, faults, and what an administrator can switch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.documents import apply_payment, transform
from interlock.twins.netsuite.oauth import TOKEN_PATH, Door
from interlock.twins.netsuite.query import Reader
from interlock.twins.netsuite.records import REST, Context, dispatch
from interlock.twins.netsuite.refusals import Refused
from interlock.twins.netsuite.schema import LISTS, Field
from interlock.twins.netsuite.seed import found
from interlock.twins.netsuite.values import show_moment
from interlock.twins.slots import Slots
from interlock.twins.storage import Row
from interlock.twins.twin import Twin, UserError

__all__ = ["NetSuiteTwin"]

_ACCOUNT: Final = "TSTDRV1234567"
_SLOTS: Final = 5
"""Calls at once an account without a service tier may have under way."""
_KINDS: Final = {"text": "text", "number": "number", "flag": "flag", "date": "date"}
_ID: Final = re.compile(r"/(?:\d+|eid:[^/]+)(?=/|$)")


class NetSuiteTwin(Twin):
    """One account with one integration record and the role it runs as."""

    name: ClassVar[str] = "netsuite"
    daily_calls: ClassVar[int] = 1_000_000
    known_faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, *, clock: TwinClock | None = None, random_seed: int = 1) -> None:
        super().__init__(clock=clock, random_seed=random_seed)
        self.account = Account(self.storage, self.faults)
        self.door = Door(self.clock, _ACCOUNT)
        self.slots = Slots(_SLOTS)
        self.zone = "America/Los_Angeles"
        self.hidden: frozenset[str] = frozenset()
        found(self.account)

    # ── the vendor's API ─────────────────────────────────────────────────────────────────────

    def handle(self, call: Call) -> Answer:
        """Answer a call of the record API, the query API or the token endpoint."""
        if call.path == TOKEN_PATH and call.method == "POST":
            return self.door.token(call)
        if not call.path.startswith(REST + "/"):
            return Refused("INVALID_URL", "There is no such service.", status=404).answer()
        if not self.door.knows(call):
            return Refused(
                "INVALID_LOGIN", "Invalid login attempt. For more details, see the Login Audit "
                "Trail in the NetSuite UI at Setup > Users/Roles > User Management > View Login "
                "Audit Trail.", status=401,
            ).answer()  # fmt: skip
        return dispatch(Context(self.account, self._reader, call.base_url), call)

    def _reader(self) -> Reader:
        lag = self.faults.lag()
        at = self.clock() - timedelta(seconds=lag) if lag else None
        return Reader(self.account, self.zone, self.hidden, at)

    def refuse(self, fault: Fault) -> Answer:
        """Refuse: too many at once, too many in a day, or under maintenance."""
        if fault.kind is FaultKind.UNAVAILABLE:
            return Refused("UNEXPECTED_ERROR", "An unexpected error occurred. Error ID: 1",
                           status=503).answer()  # fmt: skip
        return Refused("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request "
                       "blocked.", status=429).answer()  # fmt: skip

    def counts(self, call: Call) -> bool:
        """Count every call but those that sign in."""
        return call.path.startswith(REST + "/") and call.path != TOKEN_PATH

    def finish(self, answer: Answer) -> Answer:
        """Add the time, by which a program can tell how far its clock is off."""
        return answer.with_headers({"Date": self.clock().strftime("%a, %d %b %Y %H:%M:%S GMT")})

    def is_secret(self, call: Call) -> bool:
        """Keep no body of a sign-in."""
        return call.path == TOKEN_PATH

    def kind(self, call: Call) -> str:
        """Count by method and path, without ids."""
        return f"{call.method} {_ID.sub('/ID', call.path.removeprefix(REST)) or '/'}"

    def credentials(self) -> Mapping[str, str]:
        """Give what both ways of signing in need."""
        return {
            "account": _ACCOUNT,
            "client_id": self.door.client_id,
            "certificate_id": self.door.certificate_id,
            "private_key": self.door.private_key,
            "consumer_key": self.door.consumer_key,
            "consumer_secret": self.door.consumer_secret,
            "token_id": self.door.token_id,
            "token_secret": self.door.token_secret,
        }

    # ── a person at the screens ──────────────────────────────────────────────────────────────

    def insert(self, table: str, values: Row) -> str:
        """Make a record, or an entry of one of the lists."""
        if table in LISTS:
            return self.account.add_list(table, **values)
        made = str(_by_person(partial(self.account.insert, table, values)))
        if table == "customerPayment":
            _by_person(partial(apply_payment, self.account, made))
        return made

    def update(self, table: str, key: str, values: Row) -> None:
        """Change a record; ``{"!transform": "invoice"}`` makes a document out of it."""
        if table in LISTS:
            row = self.storage.get(table, key)
            if row is None:
                raise UserError(f"there is no {table} {key}")
            self.storage.put(table, key, {**row, **values})
        elif "!transform" in values:
            rest = {k: v for k, v in values.items() if k != "!transform"}
            _by_person(partial(transform, self.account, table, key, values["!transform"], rest))
        else:
            _by_person(partial(self.account.update, table, key, values))

    def delete(self, table: str, key: str) -> None:
        """Delete a record."""
        _by_person(partial(self.account.delete, table, key))

    def merge(self, table: str, winner: str, losers: Sequence[str]) -> None:
        """Merge customers: what hangs on the losers moves, and they are deleted without a trace."""
        if table != "customer" or self.storage.get(table, winner) is None:
            raise UserError("customers are merged into one that is there")
        for loser in losers:
            for name in ("contact", *(kind.name for kind in self.account.types.values()
                                      if kind.family == "transaction")):  # fmt: skip
                for row in list(self.storage.rows(name)):
                    moved = {k: winner for k in ("company", "entity", "customer")
                             if row.get(k) == loser}  # fmt: skip
                    if moved:
                        self.account.put(name, {**row, **moved})
            _by_person(partial(self.account.delete, table, loser))

    def shown(self, table: str) -> Sequence[Mapping[str, Any]]:
        """List a record type's records with all that is stored."""
        known = {*self.account.types, *LISTS, "deletedRecord"}
        if table not in known:
            raise UserError(
                f"there is no record type {table!r}; there is: {', '.join(sorted(known))}"
            )
        rows = self.storage.rows(table)
        shown = [
            {k: show_moment(v) if k.endswith(("Date", "date", "Created")) and hasattr(v, "tzinfo")
             else v for k, v in row.items()}
            for row in rows
        ]  # fmt: skip
        if table in self.account.types and self.account.types[table].family == "transaction":
            for one, row in zip(shown, self.storage.rows(table), strict=True):
                net, tax = self.account.totals(row)
                one |= {"status": self.account.status_of(table, row), "subtotal": net,
                        "total": net + tax}  # fmt: skip
        return shown

    def settings(self) -> Mapping[str, Any]:
        """Tell what is switched on."""
        return {
            "hidden": sorted(self.hidden), "time_zone": self.zone,
            "tax_rate": str(self.account.tax_rate), "one_world": self.account.one_world,
            "touches_sources": self.account.touches_sources,
            "slots": self.slots.limit if self.slots else 0,
            "slots_of_others": self.slots.others if self.slots else 0,
            "fields": sorted(self.account.custom),
        }  # fmt: skip

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Switch what an administrator can.

        ``hidden``: columns (``customer.phone``) or tables the role may not see.  ``time_zone``: of
        the account.  ``tax_rate``: on what is sold.  ``one_world``: customers need a subsidiary.
        ``touches_sources``: billing and paying move the stamp of what they are made of.
        ``slots``, ``slots_of_others``: calls at once, and those of other programs.
        ``end_sessions``, ``revoke_certificate``: true does it.  ``fields``: custom fields, script
        id -> {"kind": text, number, flag or date, "length": N}.
        """
        acts: dict[str, Callable[[Any], None]] = {
            "hidden": self._hide, "time_zone": self._move, "tax_rate": self._tax,
            "one_world": self._one_world, "touches_sources": self._touch, "slots": self._slots,
            "slots_of_others": self._others, "revoke_certificate": self._revoke,
            "end_sessions": lambda on: self.door.end_sessions() if on else None,
            "fields": self._fields,
        }  # fmt: skip
        if not set(acts).issuperset(changes):
            raise UserError(f"known settings are: {', '.join(sorted(acts))}")
        for name, value in changes.items():
            acts[name](value)

    def _hide(self, names: Sequence[str]) -> None:
        self.hidden = frozenset(str(name).lower() for name in names)

    def _move(self, zone: str) -> None:
        self.zone = str(zone)

    def _tax(self, rate: Any) -> None:
        self.account.tax_rate = Decimal(str(rate))

    def _one_world(self, on: Any) -> None:
        self.account.one_world = bool(on)

    def _touch(self, on: Any) -> None:
        self.account.touches_sources = bool(on)

    def _slots(self, limit: Any) -> None:
        self.slots = Slots(int(limit))

    def _others(self, number: Any) -> None:
        if self.slots is not None:
            self.slots.others = int(number)

    def _revoke(self, on: Any) -> None:
        self.door.certificate_revoked = bool(on)
        self.door.end_sessions()

    def _fields(self, fields: Mapping[str, Mapping[str, Any]]) -> None:
        for name, facts in fields.items():
            if not name.startswith(("custentity", "custbody", "custcol", "custitem")):
                raise UserError("a script id begins with custentity, custbody, custcol or custitem")
            kind = _KINDS.get(str(facts.get("kind", "text")))
            if kind is None:
                raise UserError(f"kinds are: {', '.join(_KINDS)}")
            self.account.custom[name] = Field(name, kind, facts.get("length", 300))


def _by_person(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        raise UserError(f"{refused}") from refused
