"""The paths below ``/v3/company/REALM`` and what answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from interlock.twins.calls import Answer, Call, Route, Router
from interlock.twins.quickbooks.books import Books, stamp
from interlock.twins.quickbooks.query import run
from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.quickbooks.schema import OBJECTS, Object

__all__ = ["Api"]

_BATCH: Final = 30
_CAPTURED: Final = 1000
_LOOK_BACK: Final = timedelta(days=30)
_REQUEST_ID: Final = 50
Handler = Callable[..., Mapping[str, Any]]


class Api:
    """The Accounting API of one company, once a caller is let in."""

    def __init__(self, books: Books, realm: str) -> None:
        self.books = books
        self.realm = realm
        self._replies: dict[str, Answer] = {}
        self._router: Router[Handler] = Router([
            Route("GET", "/query", self._query),
            Route("POST", "/query", self._query),
            Route("GET", "/cdc", self._captured),
            Route("POST", "/batch", self._batch),
            Route("GET", "/companyinfo/{key}", self._company),
            Route("GET", "/preferences", self._preferences),
            Route("POST", "/{name}", self._write),
            Route("GET", "/{name}/{key}", self._read),
        ])  # fmt: skip

    def handle(self, call: Call, path: str) -> Answer:
        """Answer; a POST with a ``requestid`` seen before gets the former answer again."""
        found = self._router.match(call.method, path)
        now = self.books.clock()
        if found is None:
            kind = "ValidationFault"
            return Refused("2010", "Unsupported Operation", kind=kind, status=404).answer(now)
        request_id = call.query.get("requestid", "") if call.method == "POST" else ""
        if request_id in self._replies:
            return self._replies[request_id]
        handler, names = found
        try:
            if len(request_id) > _REQUEST_ID:
                raise Refused("2050", "requestid is too long", element="requestid")
            answer = Answer(200, {**handler(call, **names), "time": stamp(now)})
        except Refused as refused:
            answer = refused.answer(now)
        if request_id:
            self._replies[request_id] = answer
        return answer

    # ── single objects ───────────────────────────────────────────────────────────────────────

    def _read(self, _call: Call, name: str, key: str) -> Mapping[str, Any]:
        one = self._object(name)
        return {one.name: self.books.shown(one, self.books.row(one, key))}

    def _write(self, call: Call, name: str) -> Mapping[str, Any]:
        one = self._object(name)
        operation = call.query.get("operation") or "write"
        return {one.name: self._do(one, operation, _body(call))}

    def _do(self, one: Object, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        books = self.books
        key, token = str(body.get("Id") or ""), str(body.get("SyncToken", ""))
        match operation:
            case "delete":
                books.delete(one, key, token)
                return {"Id": key, "status": "Deleted", "domain": "QBO"}
            case "void" if one.name == "Invoice":
                return books.shown(one, books.void(one, key, token))
            case "create":
                return books.shown(one, books.create(one, body))
            case "update":
                return books.shown(one, books.update(one, body))
            case "write":
                write = books.update if key else books.create
                return books.shown(one, write(one, body))
        raise Refused("2010", f"Operation {operation} is not supported.", element="operation")

    # ── many objects ─────────────────────────────────────────────────────────────────────────

    def _query(self, call: Call) -> Mapping[str, Any]:
        text = call.query.get("query") or call.text
        return {"QueryResponse": run(self.books, text)}

    def _captured(self, call: Call) -> Mapping[str, Any]:
        """Answer change data capture: at most 30 days back, at most 1,000 objects in all."""
        names = [n.strip() for n in call.query.get("entities", "").split(",") if n.strip()]
        if not names:
            raise Refused("2020", "Required parameter entities is missing", element="entities")
        try:
            since = datetime.fromisoformat(call.query.get("changedSince", "").replace(" ", "+"))
        except ValueError as error:
            raise Refused("2010", "changedSince is not a time", element="changedSince") from error
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        if since < self.books.clock() - _LOOK_BACK:
            raise Refused("4001", "changedSince is more than 30 days ago", element="changedSince")
        answers, left = [], _CAPTURED
        for name in names:
            one = self._object(name)
            rows = sorted(
                (r for r in self.books.storage.rows(one.name) if r["updated"] >= since),
                key=lambda r: r["updated"],
            )[:left]
            left -= len(rows)
            shown = [
                {"Id": r["Id"], "status": "Deleted", "domain": "QBO",
                 "MetaData": {"LastUpdatedTime": stamp(r["updated"])}}
                if r["deleted"] else self.books.shown(one, r)
                for r in rows
            ]  # fmt: skip
            answers.append(
                {one.name: shown, "startPosition": 1, "maxResults": len(shown)} if shown else {}
            )
        return {"CDCResponse": [{"QueryResponse": answers}]}

    def _batch(self, call: Call) -> Mapping[str, Any]:
        items = _body(call).get("BatchItemRequest")
        if not isinstance(items, list):
            raise Refused("2020", "Required parameter BatchItemRequest is missing")
        if len(items) > _BATCH:
            raise Refused("6000", f"The maximum number of batch items is {_BATCH}")
        return {"BatchItemResponse": [self._item(item) for item in items]}

    def _item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        known = {"bId": str(item.get("bId", ""))}
        try:
            if "Query" in item:
                return {"QueryResponse": run(self.books, str(item["Query"])), **known}
            name = next((n for n in item if n in OBJECTS), None)
            if name is None:
                raise Refused("2010", "The item of the batch has no object")
            done = self._do(OBJECTS[name], str(item.get("operation")), item[name])
        except Refused as refused:
            return {"Fault": refused.fault(), **known}
        return {name: done, **known}

    # ── the company ──────────────────────────────────────────────────────────────────────────

    def _company(self, _call: Call, key: str) -> Mapping[str, Any]:
        if key != self.realm:
            raise Refused("610")
        return {"CompanyInfo": {
            "CompanyName": "Twin Trading Company", "LegalName": "Twin Trading Company",
            "Country": "US", "FiscalYearStartMonth": "January", "domain": "QBO", "sparse": False,
            "Id": "1", "SyncToken": "0",
        }}  # fmt: skip

    def _preferences(self, _call: Call) -> Mapping[str, Any]:
        books = self.books
        return {"Preferences": {
            "SalesFormsPrefs": {"CustomTxnNumbers": books.custom_numbers, "AllowEstimates": True},
            "CurrencyPrefs": {"MultiCurrencyEnabled": books.multi_currency,
                              "HomeCurrency": {"value": books.home}},
            "domain": "QBO", "sparse": False, "Id": "1", "SyncToken": "0",
        }}  # fmt: skip

    def _object(self, name: str) -> Object:
        for known, one in OBJECTS.items():
            if known.lower() == name.lower():
                return one
        raise Refused("2010", f"Unsupported object {name}", status=404)


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body = call.json()
    except ValueError as error:
        raise Refused("2010", "The body is not JSON") from error
    if not isinstance(body, Mapping):
        raise Refused("2010", "The body must be an object")
    return body
