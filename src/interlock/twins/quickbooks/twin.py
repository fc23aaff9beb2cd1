"""A company of QuickBooks Online as a twin."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import uuid4

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.quickbooks.api import Api
from interlock.twins.quickbooks.books import Books
from interlock.twins.quickbooks.oauth import TOKEN, App
from interlock.twins.quickbooks.refusals import Refused, denied, refusal
from interlock.twins.quickbooks.schema import Object
from interlock.twins.quickbooks.seed import found
from interlock.twins.storage import Row
from interlock.twins.twin import Twin, UserError

__all__ = ["QuickBooksTwin"]

_COMPANY: Final = re.compile(r"/v3/company/([^/]+)(/.*)")
_MINUTE: Final = timedelta(minutes=1)


class QuickBooksTwin(Twin):
    """One company, one connected app.

    ``per_minute``, ``batches_per_minute``: calls let through in any minute.
    """

    name: ClassVar[str] = "quickbooks"
    # a query reads the books themselves, and no row is ever held
    known_faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind) - {
        FaultKind.INDEX_LAG, FaultKind.ROW_LOCKED,
    }  # fmt: skip
    daily_calls: ClassVar[int] = 1_000_000

    def __init__(self, *, clock: TwinClock | None = None, random_seed: int = 1) -> None:
        super().__init__(clock=clock, random_seed=random_seed)
        self.realm = f"934145{secrets.randbelow(10**10):010}"
        self.books = Books(self.storage)
        found(self.books)
        self.app = App(self.clock, self.realm)
        self.verifier_token = str(uuid4())
        self.per_minute, self.batches_per_minute = 500, 40
        self._api = Api(self.books, self.realm)
        self._calls: deque[datetime] = deque()
        self._batches: deque[datetime] = deque()

    # ── the vendor's API ─────────────────────────────────────────────────────────────────────

    def handle(self, call: Call) -> Answer:
        """Answer a call of the Accounting API or of the sign-in service."""
        signing_in = self.app.handle(call)
        if signing_in is not None:
            return signing_in
        now = self.clock()
        if not self.app.knows(call):
            return denied(now)
        place = _COMPANY.fullmatch(call.path)
        if place is None:
            return refusal(404, "ValidationFault", "2010", "Unsupported Operation", now)
        if place[1] != self.realm:
            return refusal(403, "AuthorizationFault", "3100",
                           "ApplicationAuthorizationFailed", now)  # fmt: skip
        if self._too_many(self._calls, self.per_minute) or (
            place[2].rstrip("/") == "/batch"
            and self._too_many(self._batches, self.batches_per_minute)
        ):
            return self.refuse(Fault(kind=FaultKind.THROTTLED))
        return self._api.handle(call, place[2])

    def _too_many(self, times: deque[datetime], limit: int) -> bool:
        now = self.clock()
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= limit:
            return True
        times.append(now)
        return False

    def refuse(self, fault: Fault) -> Answer:
        """Refuse: too many calls, or the service is down."""
        now = self.clock()
        if fault.kind is FaultKind.UNAVAILABLE:
            message = "An application error has occurred while processing your request"
            return refusal(503, "SystemFault", "10000", message, now)
        message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
        return refusal(429, "ValidationFault", "3001", message, now)

    def counts(self, call: Call) -> bool:
        """Count every call of the Accounting API."""
        return call.path.startswith("/v3/")

    def finish(self, answer: Answer) -> Answer:
        """Number every answer, as support asks for."""
        return answer.with_headers({"intuit_tid": f"1-{uuid4().hex[:24]}"})

    def is_secret(self, call: Call) -> bool:
        """Keep no body of a sign-in."""
        return not call.path.startswith("/v3/")

    def kind(self, call: Call) -> str:
        """Count by method and path, without company and ids."""
        path = re.sub(r"^/v3/company/[^/]+", "", call.path).rstrip("/")
        path = re.sub(r"/\d+$", "/ID", path)
        operation = call.query.get("operation")
        return f"{call.method} {path or '/'}" + (f" {operation}" if operation else "")

    def credentials(self) -> Mapping[str, str]:
        """Give what an app has once it is connected."""
        return {
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "realm_id": self.realm,
            "refresh_token": self.app.refresh_token,
            "access_token": self.app.access_token,
            "token_path": TOKEN,
            "verifier_token": self.verifier_token,
        }

    def signature(self, body: bytes) -> str:
        """Sign a webhook: the text of its header ``intuit-signature``."""
        made = hmac.new(self.verifier_token.encode(), body, "sha256").digest()
        return base64.b64encode(made).decode()

    # ── a person at the screens ──────────────────────────────────────────────────────────────

    def insert(self, table: str, values: Row) -> str:
        """Make a row."""
        one = self._table(table)
        return str(_by_person(lambda: self.books.create(one, values))["Id"])

    def update(self, table: str, key: str, values: Row) -> None:
        """Change a row."""
        one, body = self._table(table), {**values, "Id": key}
        _by_person(lambda: self.books.update(one, body, by_person=True))

    def delete(self, table: str, key: str) -> None:
        """Delete a transaction, or make a name or an item inactive."""
        one = self._table(table)
        if one.listed:
            self.update(table, key, {"Active": False})
        else:
            _by_person(lambda: self.books.delete(one, key, None))

    def void(self, key: str) -> None:
        """Void an invoice."""
        _by_person(lambda: self.books.void(self._table("Invoice"), key, None))

    def merge(self, table: str, winner: str, losers: Sequence[str]) -> None:  # noqa: ARG002
        """Refuse: what the API shows of a merge is not known."""
        raise UserError("this twin merges nothing: what the API shows of it is not documented")

    def shown(self, table: str) -> Sequence[Mapping[str, Any]]:
        """List an object's rows with all properties."""
        one = self._table(table)
        return [
            {**self.books.shown(one, row), **({"status": "Deleted"} if row["deleted"] else {})}
            for row in self.storage.rows(one.name)
        ]

    def settings(self) -> Mapping[str, Any]:
        """Tell what is switched on in the company, and the limits."""
        return {
            "home_currency": self.books.home,
            "multi_currency": self.books.multi_currency,
            "custom_numbers": self.books.custom_numbers,
            "tax_rate": self.books.tax_rate,
            "rotate_after": self.app.rotate_after.total_seconds(),
            "per_minute": self.per_minute,
            "batches_per_minute": self.batches_per_minute,
        }

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Switch things as an administrator would.

        ``multi_currency``, ``custom_numbers``: on or off.  ``home_currency``; ``tax_rate`` in
        percent; ``rotate_after``: seconds until a refresh token is replaced; ``per_minute``,
        ``batches_per_minute``; ``end_sessions``: true ends all sessions; ``disconnect``: true ends
        the connection.
        """
        known = {*self.settings(), "end_sessions", "disconnect"}
        if not known.issuperset(changes):
            raise UserError(f"known settings are: {', '.join(sorted(known))}")
        books = self.books
        books.home = str(changes.get("home_currency", books.home))
        books.multi_currency = bool(changes.get("multi_currency", books.multi_currency))
        books.custom_numbers = bool(changes.get("custom_numbers", books.custom_numbers))
        books.tax_rate = Decimal(str(changes.get("tax_rate", books.tax_rate)))
        self.per_minute = int(changes.get("per_minute", self.per_minute))
        self.batches_per_minute = int(changes.get("batches_per_minute", self.batches_per_minute))
        if "rotate_after" in changes:
            self.app.rotate_after = timedelta(seconds=float(changes["rotate_after"]))
        if changes.get("end_sessions"):
            self.app.end_sessions()
        if changes.get("disconnect"):
            self.app.disconnect()

    def _table(self, name: str) -> Object:
        try:
            return self.books.object(name)
        except Refused:
            raise UserError(f"there is no object {name!r} in this company") from None


def _by_person(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        raise UserError(f"{refused}") from refused
