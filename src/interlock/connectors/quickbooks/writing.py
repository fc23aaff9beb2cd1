"""Writing: customers in batches of thirty, documents one by one with a request id of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from interlock.connectors.base import (
    EntityCapabilities,
    Outcome,
    Reason,
    Receipt,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.kit.comparison import compare
from interlock.connectors.kit.receipts import failed, rejected
from interlock.connectors.quickbooks.client import Client, Fault, read_fault, request_id_of
from interlock.connectors.quickbooks.note import LONGEST, Note, read_note
from interlock.connectors.quickbooks.objects import NOTES, Source
from interlock.connectors.quickbooks.reading import Reader
from interlock.errors import (
    ConnectorError,
    NotPermittedError,
    RejectedError,
    UnknownOutcomeError,
)
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import OrderStatus, Record

__all__ = ["Writer"]

_BATCH: Final = 30
_STALE: Final = "5010"
_CODES: Final = {
    "610": "not_found", "2500": "not_found", "2020": "required", "2050": "too_long",
    "2040": "invalid_value", "2090": "invalid_value", "2010": "invalid_value",
    "6070": "invalid_value", "6140": "duplicate", "6240": "duplicate",
}  # fmt: skip
_DUPLICATE_NAME: Final = (
    "a customer, vendor or employee of this name is there already: link the two records, or "
    "change one of the names"
)

Body = dict[str, Any]


class _Refused(Exception):  # noqa: N818  it becomes a receipt
    def __init__(self, code: str, message: str, field: str, fix: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.fix = code, message, field, fix


class Writer:
    """Carries out writes against one company."""

    def __init__(
        self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader,
        able: Mapping[str, EntityCapabilities],
    ) -> None:  # fmt: skip
        self._client = client
        self._maps = maps
        self._reader = reader
        self._able = able

    async def write(
        self, entity: str, source: Source, writes: Sequence[WriteRequest]
    ) -> list[Receipt]:
        """Write a batch; raises only when nothing of it can have been written."""
        receipts: dict[str, Receipt] = {}
        updates = [w for w in writes if w.kind is WriteKind.UPDATE]
        current = await self._current(entity, source, updates)
        ready: list[tuple[WriteRequest, str, Body]] = []
        for request in writes:
            try:
                prepared = await self._prepare(entity, source, request, current, receipts)
            except CodecError as error:
                code = "too_long" if "more than" in error.message else "invalid_value"
                receipts[request.id] = rejected(
                    request, code, error.message, error.field, error.fix
                )
            except _Refused as error:
                receipts[request.id] = rejected(
                    request, error.code, error.message, error.field, error.fix or None
                )
            else:
                if prepared is not None:
                    ready.append((request, *prepared))
        started = False
        for part in _parts(ready, _BATCH if source.listed else 1):
            work = self._send(entity, source, part)
            await self._do([request for request, _, _ in part], work, receipts, started=started)
            started = True
        return [receipts[request.id] for request in writes]

    async def _do(
        self, part: Sequence[WriteRequest], work: Awaitable[Sequence[Receipt]],
        receipts: dict[str, Receipt], *, started: bool,
    ) -> None:  # fmt: skip
        """Carry out a part; after the first one a failure concerns this part only."""
        try:
            receipts.update({receipt.write_id: receipt for receipt in await work})
        except UnknownOutcomeError as error:
            receipts.update({w.id: failed(w, error) for w in part})
        except ConnectorError as error:
            if not started and not isinstance(error, RejectedError | NotPermittedError):
                # nothing was written; what was settled without a call will be again
                raise
            receipts.update({w.id: failed(w, error) for w in part})

    # ── preparing ────────────────────────────────────────────────────────────────────────────

    async def _current(
        self, entity: str, source: Source, updates: Sequence[WriteRequest]
    ) -> Mapping[str, tuple[dict[str, Any], Record]]:
        if not updates:
            return {}
        ((_, keys),) = self._reader.keys(entity, [w.record_id or "" for w in updates])
        rows = await self._reader.rows(entity, source, keys)
        records = await self._reader.records(entity, source, rows)
        return {record.id: (row, record) for row, record in zip(rows, records, strict=True)}

    async def _prepare(
        self, entity: str, source: Source, request: WriteRequest,
        current: Mapping[str, tuple[dict[str, Any], Record]], receipts: dict[str, Receipt],
    ) -> tuple[str, Body] | None:  # fmt: skip
        """Make operation and body of a write; what needs no call gets its receipt here."""
        body = self._maps[entity].encode(request.fields)
        body.pop("@document", None)
        if request.kind is WriteKind.CREATE:
            self._begin(entity, body)
            await self._resolve(source, body, "", Note(reference=request.reference))
            if entity == "customer" and "DisplayName" in body:
                body["CompanyName"] = body["DisplayName"]
            return "create", _without_blanks(body)
        row, now = current.get(request.record_id or "", ({}, None))
        stop = compare(request, now, self._maps[entity])
        if stop is not None or now is None:
            assert stop is not None, "what is not there is refused"
            receipts[request.id] = stop
            return None
        if request.version is not None and request.version != now.version:
            receipts[request.id] = Receipt(
                write_id=request.id, outcome=Outcome.CONFLICT, record=now, record_id=now.id
            )
            return None
        operation = self._advance(entity, request, now, body)
        before = str(row.get(NOTES[source.object]) or "")
        await self._resolve(source, body, before, read_note(before))
        body |= {"Id": now.id, "SyncToken": str(row["SyncToken"]), "sparse": True}
        return operation, body

    def _begin(self, entity: str, body: Body) -> None:
        """Refuse an order that is to begin otherwise than as what it begins as."""
        if entity != "order":
            return
        drafts = self._able["order"].drafts
        word = (body.pop("@status", None) or {}).get("word")
        if word not in (None, OrderStatus.OPEN) or body.get("TxnStatus", "Pending") != "Pending":
            begins = "as a draft" if drafts else "open"
            raise _Refused("invalid_value", f"an order begins {begins}", "status")

    def _advance(self, entity: str, request: WriteRequest, now: Record, body: Body) -> str:
        """Check what an order's status allows; says which operation the write is."""
        if entity != "order":
            return "update"
        able, status = self._able["order"], now.fields.get("status")
        if "lines" in request.fields and status not in able.amends:
            raise _Refused("locked", f"the lines of an order that is {status} are fixed", "lines",
                           "change the document in QuickBooks")  # fmt: skip
        for name in ("customer", "currency"):
            if name in request.fields:
                raise _Refused("locked", f"the {name} of an order is fixed", name,
                               "change the document in QuickBooks")  # fmt: skip
        wanted = request.fields.get("status")
        if wanted is None or wanted == status:
            return "update"
        allowed = {OrderStatus.DRAFT} if wanted == OrderStatus.OPEN else (
            able.cancels if wanted == OrderStatus.CANCELLED else ()
        )  # fmt: skip
        if status not in allowed:
            raise _Refused("locked", f"an order that is {status} does not become {wanted}",
                           "status", "look at the document in QuickBooks")  # fmt: skip
        return "void" if body.pop("@status", None) is not None else "update"

    async def _resolve(self, source: Source, body: Body, before: str, note: Note) -> None:
        """Turn what is no property into properties: keys, terms, lines.

        ``before``: the note's text as it is there now; ``note``: what that text says.
        """
        words = dict(body.pop("PrivateNote", None) or {})
        lines = body.pop("@lines", None)
        if lines is not None:
            body["Line"] = [_bare(row) for row in lines["Line"]]
            words["lines"] = lines["lines"]
            if any("TaxCodeRef" in r["SalesItemLineDetail"] for r in body["Line"]):
                body["GlobalTaxCalculation"] = "TaxExcluded"
        text = note.changed(words).text()
        if words or note != read_note(before):
            if len(text) > LONGEST:
                raise _Refused("too_long", f"the note has more than {LONGEST} characters",
                               "lines", "shorten the note in QuickBooks")  # fmt: skip
            body[NOTES[source.object]] = text
        if "SalesTermRef" in body:
            body["SalesTermRef"] = {"value": await self._term(body["SalesTermRef"]["name"])}
        for root in ("PrimaryEmailAddr", "PrimaryPhone", "WebAddr"):
            if root in body:
                body[root] = {k: "" if v is None else v for k, v in body[root].items()}

    async def _term(self, name: str | None) -> str:
        if name is None:
            return ""
        for afresh in (False, True):
            known = await self._reader.terms(afresh=afresh)
            for key, title in known.items():
                if title.casefold() == name.casefold():
                    return key
        raise _Refused(
            "unknown_choice",
            f"QuickBooks has no payment terms of this name (it has: {', '.join(known.values())})",
            "payment_terms",
        )

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    async def _send(
        self, entity: str, source: Source, part: Sequence[tuple[WriteRequest, str, Body]]
    ) -> list[Receipt]:
        if len(part) == 1:
            return [await self._send_one(entity, source, *part[0])]
        items = [
            {"bId": request.id, "operation": operation, source.object: body}
            for request, operation, body in part
        ]
        answer = await self._client.call(
            "POST", "/batch", json={"BatchItemRequest": items}, writes=True
        )
        answers = {str(one.get("bId")): one for one in answer.data["BatchItemResponse"]}
        receipts = []
        for request, _, _ in part:
            one = answers.get(request.id, {})
            fault = read_fault(one)
            if fault is not None:
                receipts.append(self._refused(entity, request, fault))
            else:
                receipts.append(_done(source, request, one.get(source.object)))
        return receipts

    async def _send_one(
        self, entity: str, source: Source, request: WriteRequest, operation: str, body: Body
    ) -> Receipt:
        path = f"/{source.object.lower()}"
        params = {"operation": "void"} if operation == "void" else {}
        try:
            if source.listed:
                # names are unique: a second call makes no second record
                answer = await self._client.call("POST", path, json=body, writes=True)
            else:
                key = request_id_of(request.reference or request.record_id, body)
                answer = await self._client.write_once(path, body, key, params)
        except RejectedError as error:
            fault = Fault("", error.code or "", error.message.partition(": ")[2], error.field or "")
            return self._refused(entity, request, fault, told=error.message)
        return _done(source, request, answer.data.get(source.object))

    def _refused(self, entity: str, request: WriteRequest, fault: Fault, told: str = "") -> Receipt:
        if fault.code == _STALE:
            return Receipt(
                write_id=request.id, outcome=Outcome.CONFLICT, record_id=request.record_id
            )
        if fault.kind.lower().startswith("system"):
            return Receipt(
                write_id=request.id, outcome=Outcome.UNKNOWN, record_id=request.record_id,
                reason=Reason(code="rejected", message=fault.told),
            )  # fmt: skip
        code = _CODES.get(fault.code, "rejected")
        named = _field_of(self._maps[entity], fault.element)
        if fault.code == "6240":
            return rejected(request, code, fault.told, named or "name", _DUPLICATE_NAME)
        return rejected(request, code, told or fault.told, named)


def _done(source: Source, request: WriteRequest, row: Mapping[str, Any] | None) -> Receipt:
    if row is None:
        return Receipt(
            write_id=request.id, outcome=Outcome.UNKNOWN, record_id=request.record_id,
            reason=Reason(code="rejected", message="the answer does not name the record"),
        )  # fmt: skip
    created = request.kind is WriteKind.CREATE
    return Receipt(
        write_id=request.id, outcome=Outcome.CREATED if created else Outcome.UPDATED,
        record_id=source.prefix + str(row["Id"]),
    )  # fmt: skip


def _field_of(mapping: ObjectMap, element: str) -> str | None:
    """Name the model field behind a property a Fault names."""
    parts = element.split(".")
    roots = {path.split(".", 1)[0]: f.field for f in mapping.fields for path in f.paths}
    return next((roots[part] for part in parts if part in roots), None)


def _bare(row: Mapping[str, Any]) -> Body:
    detail = dict(row["SalesItemLineDetail"])
    detail["ItemRef"] = {"value": detail["ItemRef"]["value"]}
    return {**row, "SalesItemLineDetail": detail}


def _without_blanks(body: Body) -> Body:
    """Leave blanks out of a new record."""
    out: Body = {}
    for name, value in body.items():
        kept = _without_blanks(value) if isinstance(value, dict) else value
        if kept not in (None, "", {}):
            out[name] = kept
    return out


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
