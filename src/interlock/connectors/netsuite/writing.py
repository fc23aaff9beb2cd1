"""Writing one record a call: creates by POST with our external id, updates compared just before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from interlock.connectors.base import Outcome, Reason, Receipt, WriteKind, WriteRequest
from interlock.connectors.kit.comparison import compare
from interlock.connectors.kit.receipts import failed, rejected
from interlock.connectors.netsuite.client import Client, told
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.directory import Directory
from interlock.connectors.netsuite.objects import REFERENCE_FIELD
from interlock.connectors.netsuite.reading import Reader, any_of, is_id
from interlock.errors import ConnectorError, RejectedError, TransientError, UnknownOutcomeError
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import OrderStatus, Record

__all__ = ["Writer"]

_CODES: Final = {
    "EXCEEDED_MAX_FIELD_LENGTH": "too_long",
    "INVALID_KEY_OR_REF": "not_found",
    "NONEXISTENT_ID": "not_found",
    "CONTACT_ALREADY_EXISTS": "duplicate",
    "INVALID_CONTENT": "invalid_value",
    "USER_ERROR": "rejected",
    "INSUFFICIENT_PERMISSION": "not_permitted",
}
_FIXED: Final = {"customer": "entity", "currency": "currency"}
"""Fields of an order that stand once it is made."""


class Writer:
    """Carries out batches of writes against one account."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader,
        directory: Directory, settings: NetSuiteSettings,
    ) -> None:  # fmt: skip
        self._client = client
        self._maps = maps
        self._reader = reader
        self._directory = directory
        self._settings = settings

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> list[Receipt]:
        """Write a batch; raises only when nothing of it can have been written."""
        batch = _Batch(self, entity)
        current = await self._current(entity, writes)
        await asyncio.gather(*(batch.do(w, current.get(w.record_id or "")) for w in writes))
        return batch.receipts(writes)

    async def _current(self, entity: str, writes: Sequence[WriteRequest]) -> dict[str, Record]:
        """Read what is there now of what is to be changed."""
        ids = [w.record_id for w in writes if w.kind is WriteKind.UPDATE and w.record_id]
        return {record.id: record for record in await self._reader.by_id(entity, ids)}

    # ── creating ─────────────────────────────────────────────────────────────────────────────

    async def create(self, entity: str, request: WriteRequest) -> Receipt:
        """Make a record.  It is a POST: with PUT a second try would overwrite what came since."""
        body = await self._body(entity, request, None)
        if self._settings.subsidiary is not None and entity in ("customer", "contact"):
            body["subsidiary"] = {"id": self._settings.subsidiary}
        if entity == "customer":
            body["isPerson"] = False
        if entity == "order":
            body.setdefault("orderStatus", {"id": "A"})
        if request.reference:
            body[REFERENCE_FIELD] = request.reference
        name = self._maps[entity].object
        try:
            answer = await self._client.record("POST", f"/{name}", body)
        except RejectedError:
            if request.reference and await self._is_there(name, request.reference):
                # an earlier try of this very create has arrived: it is to be looked up
                return _known_already(request)
            raise
        key = (answer.headers.get("Location") or "").rstrip("/").rpartition("/")[2]
        if not is_id(key):
            raise UnknownOutcomeError(
                f"{self._client.name}: NetSuite made a {name} and did not say which",
                system=self._client.name, operation=f"POST /{name}", code="no_location",
            )  # fmt: skip
        return Receipt(write_id=request.id, outcome=Outcome.CREATED, record_id=key)

    async def _is_there(self, name: str, reference: str) -> bool:
        try:
            path = f"/{name}/eid:{reference}"
            await self._client.record("GET", path, params={"fields": REFERENCE_FIELD})
        except RejectedError:
            return False
        return True

    # ── updating ─────────────────────────────────────────────────────────────────────────────

    async def update(self, entity: str, request: WriteRequest, now: Record | None) -> Receipt:
        """Change a record, if it still is what the decision was made on."""
        stop = compare(request, now, self._maps[entity])
        if stop is not None:
            return stop
        assert now is not None, "what is not there has its receipt"
        stop = _stands(entity, request, now)
        if stop is not None:
            return stop
        body = await self._body(entity, request, now)
        emptied = [name for name, value in body.items() if value is None]
        params: dict[str, str] = {}
        if entity == "order" and "item" in body:
            params["replace"] = "item"
        if emptied:
            names = [*filter(None, [params.get("replace")]), *emptied]
            params = {"replaceSelectedFields": "true", "replace": ",".join(names)}
        path = f"/{self._maps[entity].object}/{now.id}"
        await self._client.record("PATCH", path, body, params=params)
        return Receipt(write_id=request.id, outcome=Outcome.UPDATED, record_id=now.id)

    # ── bodies ───────────────────────────────────────────────────────────────────────────────

    async def _body(self, entity: str, request: WriteRequest, now: Record | None) -> dict[str, Any]:
        """Make what the record API takes; raises ``_Refusal`` for what it would not."""
        body: dict[str, Any] = {}
        book: list[dict[str, Any]] = []
        for path, value in self._maps[entity].encode(request.fields).items():
            if path.startswith("addressBook:"):
                book += await self._address(path.partition(":")[2], value, now, book)
            elif path.startswith("@"):
                body |= value
            elif path == "terms":
                body["terms"] = value and {"id": await self._term(value)}
            elif path == "currency":
                found = await self._currency(value.get("symbol"))
                body |= {"currency": {"id": found}} if found else {}
            elif path in ("entity", "company"):
                body[path] = value and {"id": value}
            elif path == "status":
                body["orderStatus"] = value and {"id": value}
            elif path == "item:lines":
                body["item"] = {"items": await self._lines(value or [])}
            else:
                body[path] = value
        if book:
            body["addressBook"] = {"items": book}
        # a blank needs no words on a record that is new
        return body if now is not None else {k: v for k, v in body.items() if v is not None}

    async def _term(self, name: str) -> str:
        found = await self._known(self._directory.terms, name)
        if found is None:
            allowed = ", ".join(sorted(await self._directory.terms()))
            raise _Refusal("unknown_choice", "NetSuite has no such payment terms (it has: "
                           f"{allowed})", "payment_terms")  # fmt: skip
        return found

    async def _known(self, read: Any, name: str) -> str | None:
        """Find a name in a list, in any case; the list is read again before it is given up."""
        for attempt in range(2):
            if attempt:
                self._directory.forget()
            for known, key in (await read()).items():
                if known.casefold() == name.casefold():
                    return str(key)
        return None

    async def _currency(self, symbol: str | None) -> str:
        found = await self._directory.currency(symbol or "")
        if found is None:
            self._directory.forget()
            found = await self._directory.currency(symbol or "")
        if found is None:
            allowed = ", ".join(await self._directory.active_symbols())
            raise _Refusal(
                "unknown_choice", f"{symbol} is not in use in NetSuite (in use: {allowed})",
                "currency", "switch the currency on under Lists > Accounting > Currencies, or "
                "change the deal",
            )  # fmt: skip
        return found

    async def _address(
        self, kind: str, value: Mapping[str, Any] | None, now: Record | None,
        begun: Sequence[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Change the customer's own line, or add one; a line that serves both is left alone."""
        del begun
        flag = f"default{kind.capitalize()}"
        known = (await self._reader.address_lines([now.id])).get(now.id, []) if now else []
        old = next((x for x in known if x.get(flag.lower()) == "T"), None)
        if value is None:
            return [] if old is None else [{"id": str(old["line_id"]), flag: False}]
        both = old is not None and all(
            old.get(f"default{k}") == "T" for k in ("billing", "shipping")
        )
        line: dict[str, Any] = {flag: True, "addressBookAddress": _place(value)}
        if old is not None and not both:
            line["id"] = str(old["line_id"])
        return [line]

    async def _lines(self, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not lines:
            raise _Refusal("required", "an order needs at least one line", "lines")
        ids = [x["item"] for x in lines if x["item"] and is_id(x["item"])]
        codes = [x["sku"] for x in lines if not x["item"] and x["sku"]]
        wanted = [f"t.id IN ({', '.join(ids)})"] if ids else []
        wanted += [any_of("t.itemid", codes)] if codes else []
        rows = await self._client.page("SELECT t.id, t.itemid, t.isinactive FROM item t WHERE "
            f"{' OR '.join(wanted) or 't.id = 0'} ORDER BY t.id", 1000,
        )  # fmt: skip
        made = []
        for line in lines:
            item = _item_of(line, rows)
            row: dict[str, Any] = {
                "item": {"id": item}, "quantity": line["quantity"], "rate": line["rate"],
                self._settings.line_key_field: line["line_key"],
            }  # fmt: skip
            if self._settings.custom_price:
                row["price"] = {"id": self._settings.custom_price}
            if line["memo"]:
                row["description"] = line["memo"]
            made.append(row)
        return made


class _Refusal(Exception):  # noqa: N818  it is a receipt on its way
    """A write that NetSuite would refuse, told before it is sent."""

    def __init__(self, code: str, message: str, field: str | None = None, fix: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.fix = code, message, field, fix


class _Batch:
    """The writes of one batch, several under way at once; the first trouble stops the rest."""

    def __init__(self, writer: Writer, entity: str) -> None:
        self._writer = writer
        self._entity = entity
        self._done: dict[str, Receipt] = {}
        self._trouble: ConnectorError | None = None
        self._begun = False

    async def do(self, request: WriteRequest, now: Record | None) -> None:
        """Carry out one write."""
        if self._trouble is not None:
            self._done[request.id] = _unsent(request, self._trouble)
            return
        try:
            if request.kind is WriteKind.CREATE:
                receipt = await self._writer.create(self._entity, request)
            else:
                receipt = await self._writer.update(self._entity, request, now)
            self._begun = True
        except CodecError as error:
            code = "too_long" if "more than" in error.message else "invalid_value"
            receipt = rejected(request, code, told(error.message), error.field, error.fix)
        except _Refusal as refusal:
            receipt = rejected(request, refusal.code, refusal.message, refusal.field, refusal.fix)
        except RejectedError as error:
            receipt = self._refused(request, error)
        except ConnectorError as error:
            self._begun |= isinstance(error, UnknownOutcomeError)
            if error.code != "locked":
                self._trouble = error
            receipt = failed(request, error)
        self._done[request.id] = receipt

    def receipts(self, writes: Sequence[WriteRequest]) -> list[Receipt]:
        """Give the receipts in order; raises when trouble kept all of it from being sent."""
        waiting = (Outcome.THROTTLED, Outcome.TRANSIENT)
        if (
            self._trouble is not None
            and not self._begun
            and all(self._done[w.id].outcome in waiting for w in writes)
        ):
            raise self._trouble
        return [self._done[request.id] for request in writes]

    def _refused(self, request: WriteRequest, error: RejectedError) -> Receipt:
        path = (error.field or "").partition(".")[0]
        field = _FIELDS.get(self._entity, {}).get(path) or next(
            (f.field for f in self._writer._maps[self._entity].fields if path in f.paths),  # noqa: SLF001
            None,
        )
        code = _CODES.get(error.code or "", "rejected")
        if error.code == "USER_ERROR" and "enter value" in error.message:
            code = "required"
        return rejected(request, code, error.message, field, error.fix)


_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "customer": {"addressBook": "billing_address"},
    "contact": {"firstName": "name", "lastName": "name", "entityId": "name"},
    "order": {"item": "lines", "currency": "currency", "orderStatus": "status"},
}
"""Entity -> the record API's field -> ours, where the object map does not say."""


def _stands(entity: str, request: WriteRequest, now: Record) -> Receipt | None:
    """Give the receipt of a change that an order in its state does not take."""
    if entity != "order":
        return None
    status = now.fields.get("status")
    wanted = request.fields.get("status")
    if wanted == OrderStatus.OPEN and status == OrderStatus.FULFILLED:
        return Receipt(write_id=request.id, outcome=Outcome.UNCHANGED, record_id=now.id)
    for name in _FIXED:
        if name in request.fields:
            return rejected(request, "locked", "an order keeps its customer and currency", name,
                            "change the order in NetSuite")  # fmt: skip
    if "lines" in request.fields and status != OrderStatus.DRAFT:
        return rejected(request, "locked", f"the lines of an order that is {status} stand",
                        "lines", "change the order in NetSuite")  # fmt: skip
    if wanted == OrderStatus.DRAFT or (wanted and status == OrderStatus.CANCELLED):
        return rejected(request, "locked", f"an order that is {status} cannot become {wanted}",
                        "status", "look at the order in NetSuite")  # fmt: skip
    return None


def _known_already(request: WriteRequest) -> Receipt:
    return Receipt(
        write_id=request.id, outcome=Outcome.UNKNOWN,
        reason=Reason(code="duplicate", message="our reference is there already"),
    )  # fmt: skip


def _unsent(request: WriteRequest, error: ConnectorError) -> Receipt:
    told_so = TransientError(
        f"not sent, because of what happened before: {error.message}", system=error.system,
        operation=error.operation, code=error.code,
    )  # fmt: skip
    return failed(request, told_so)


def _item_of(line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Choose the item of a line, or refuse the order naming the line."""
    name = f"line {line['line_key']}" + (f" (product {line['sku']})" if line["sku"] else "")
    column, wanted = ("id", line["item"]) if line["item"] else ("itemid", line["sku"])
    found = [row for row in rows if str(row.get(column)) == str(wanted)]
    if not found:
        raise _Refusal("not_found", f"{name}: NetSuite has no such item", "lines",
                       "make the item in NetSuite with this name, or correct the line")  # fmt: skip
    if len(found) > 1:
        raise _Refusal("duplicate", f"{name}: NetSuite has several items of this name", "lines",
                       "give them different names")  # fmt: skip
    if found[0].get("isinactive") == "T":
        raise _Refusal("invalid_value", f"{name}: the item is inactive in NetSuite", "lines",
                       "make it active in NetSuite, or take another product")  # fmt: skip
    return str(found[0]["id"])


def _place(value: Mapping[str, Any]) -> dict[str, Any]:
    country = value.get("country")
    return {**value, "country": country and {"id": country}}
