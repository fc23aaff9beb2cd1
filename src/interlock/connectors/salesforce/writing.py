"""Writing in batches: creates as collections, updates compared with what is there just before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any, Final

from interlock.connectors.base import Outcome, Reason, Receipt, WriteKind, WriteRequest
from interlock.connectors.kit.receipts import rejected
from interlock.connectors.salesforce.client import Client, first_error, told
from interlock.connectors.salesforce.objects import REFERENCE_FIELD, flatten, model_field
from interlock.connectors.salesforce.reading import Reader, any_of, is_id
from interlock.errors import ConnectorError, TransientError, UnknownOutcomeError
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import ANYTHING, Presence, Record, Value, agree

__all__ = ["Writer"]

_COLLECTION: Final = 200
_CHAIN: Final = 25
_CODES: Final = {
    "REQUIRED_FIELD_MISSING": "required",
    "STRING_TOO_LONG": "too_long",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "unknown_choice",
    "DUPLICATE_VALUE": "duplicate",
    "DUPLICATES_DETECTED": "duplicate",
    "ENTITY_IS_DELETED": "not_found",
    "NOT_FOUND": "not_found",
    "INVALID_CROSS_REFERENCE_KEY": "not_found",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "not_permitted",
    "INVALID_FIELD": "not_permitted",
    "INSUFFICIENT_ACCESS_OR_READONLY": "not_permitted",
    "INVALID_EMAIL_ADDRESS": "invalid_value",
    "NUMBER_OUTSIDE_VALID_RANGE": "invalid_value",
    "MALFORMED_ID": "invalid_value",
    "JSON_PARSER_ERROR": "invalid_value",
}
_LATER: Final = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE"})


class Writer:
    """Carries out batches of writes against one org."""

    def __init__(self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader) -> None:
        self._client = client
        self._maps = maps
        self._reader = reader

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> list[Receipt]:
        """Write a batch; raises only when nothing of it can have been written."""
        receipts: dict[str, Receipt] = {}
        bodies: dict[str, dict[str, Any]] = {}
        for request in writes:
            try:
                bodies[request.id] = flatten(self._maps[entity].encode(request.fields))
            except CodecError as error:
                code = "too_long" if "more than" in error.message else "invalid_value"
                receipts[request.id] = rejected(
                    request, code, told(error.message), error.field, error.fix
                )
        open_writes = [w for w in writes if w.id in bodies]
        creates = [w for w in open_writes if w.kind is WriteKind.CREATE]
        updates = [w for w in open_writes if w.kind is WriteKind.UPDATE]
        changed = await self._compared(entity, updates, receipts)
        started = False
        for part in _parts(creates, _COLLECTION):
            started |= await self._do(part, receipts, started, self._create(entity, part, bodies))
        for part in _parts([w for w in updates if w.id in changed], _CHAIN):
            work = self._update(entity, part, bodies, changed)
            started |= await self._do(part, receipts, started, work)
        return [receipts[request.id] for request in writes]

    async def _do(
        self, part: Sequence[WriteRequest], receipts: dict[str, Receipt], started: bool, work: Any
    ) -> bool:
        """Carry out a part; after the first one a failure concerns this part only."""
        try:
            receipts.update({receipt.write_id: receipt for receipt in await work})
        except UnknownOutcomeError as error:
            receipts.update({w.id: _failed(w, Outcome.UNKNOWN, error.message) for w in part})
        except TransientError as error:
            if not started and not any(r.outcome is Outcome.UNKNOWN for r in receipts.values()):
                raise
            receipts.update({w.id: _failed(w, Outcome.TRANSIENT, error.message) for w in part})
        return True

    # ── creating ─────────────────────────────────────────────────────────────────────────────

    async def _create(
        self, entity: str, part: Sequence[WriteRequest], bodies: Mapping[str, dict[str, Any]]
    ) -> list[Receipt]:
        attributes = {"attributes": {"type": self._maps[entity].object}}
        records = []
        for request in part:
            reference = {REFERENCE_FIELD: request.reference} if request.reference else {}
            records.append({**attributes, **bodies[request.id], **reference})
        body = {"allOrNone": False, "records": records}
        answer = await self._client.call("POST", "/composite/sobjects", json=body, writes=True)
        return [
            Receipt(write_id=request.id, outcome=Outcome.CREATED, record_id=str(result["id"]))
            if result["success"]
            else await self._refused(entity, request, result["errors"])
            for request, result in zip(part, answer.data, strict=True)
        ]

    # ── updating ─────────────────────────────────────────────────────────────────────────────

    async def _compared(
        self, entity: str, updates: Sequence[WriteRequest], receipts: dict[str, Receipt]
    ) -> dict[str, Record]:
        """Read what is there now; what moved meanwhile, or is as asked, gets its receipt here."""
        ids = [w.record_id for w in updates if w.record_id and is_id(w.record_id)]
        current: dict[str, Record] = {}
        for part in _parts(ids, _COLLECTION):
            records = await self._reader.select(entity, f"WHERE {any_of('Id', part)}")
            current |= {record.id: record for record in records}
        kept: dict[str, Record] = {}
        for request in updates:
            now = current.get(request.record_id or "")
            if now is None or now.presence is not Presence.PRESENT:
                receipts[request.id] = rejected(request, "not_found", "the record is not there")
                continue
            stop = self._compare(entity, request, now)
            if stop is not None:
                receipts[request.id] = stop
            else:
                kept[request.id] = now
        return kept

    def _compare(self, entity: str, request: WriteRequest, now: Record) -> Receipt | None:
        facts = {f.field: f.codec.facts for f in self._maps[entity].fields}

        def same(name: str, value: Value | None) -> bool:
            return agree(now.fields.get(name), value, facts.get(name, ANYTHING))

        if all(f in now.fields and same(f, v) for f, v in request.fields.items()):
            return Receipt(write_id=request.id, outcome=Outcome.UNCHANGED, record=now,
                           record_id=now.id)  # fmt: skip
        for name, value in request.expected.items():
            if name in (now.problems or {}):
                why = told((now.problems or {})[name])
                return rejected(request, "invalid_value", f"the value there now: {why}", name,
                                 "mend the value in Salesforce")  # fmt: skip
            if name in now.fields and not same(name, value):
                return Receipt(write_id=request.id, outcome=Outcome.CONFLICT, record=now,
                               record_id=now.id)  # fmt: skip
        return None

    async def _update(
        self,
        entity: str,
        part: Sequence[WriteRequest],
        bodies: Mapping[str, dict[str, Any]],
        seen: Mapping[str, Record],
    ) -> list[Receipt]:
        path = f"{self._client.base}/sobjects/{self._maps[entity].object}"
        steps = []
        for number, request in enumerate(part):
            modified = seen[request.id].modified
            assert modified is not None, "every record has its stamps"
            steps.append({
                "method": "PATCH", "url": f"{path}/{request.record_id}",
                "referenceId": f"w{number}", "body": bodies[request.id],
                "httpHeaders": {"If-Unmodified-Since": format_datetime(modified, usegmt=True)},
            })  # fmt: skip
        body = {"allOrNone": False, "compositeRequest": steps}
        answer = await self._client.call("POST", "/composite", json=body, writes=True)
        results = answer.data["compositeResponse"]
        return [
            await self._updated(entity, request, result, seen[request.id])
            for request, result in zip(part, results, strict=True)
        ]

    async def _updated(
        self, entity: str, request: WriteRequest, result: Mapping[str, Any], seen: Record
    ) -> Receipt:
        if result["httpStatusCode"] == 412:
            return Receipt(write_id=request.id, outcome=Outcome.CONFLICT, record_id=seen.id)
        if result["httpStatusCode"] < 300:
            return Receipt(
                write_id=request.id, outcome=Outcome.UPDATED, record_id=request.record_id
            )
        return await self._refused(entity, request, result["body"])

    async def _refused(
        self, entity: str, request: WriteRequest, errors: Sequence[Mapping[str, Any]]
    ) -> Receipt:
        code, message = first_error(list(errors))
        if code in _LATER:
            return _failed(request, Outcome.TRANSIENT, told(message), code)
        if code == "DUPLICATE_VALUE" and REFERENCE_FIELD in message:
            # an earlier try of this very create has arrived: it is to be looked up
            return _failed(request, Outcome.UNKNOWN, "our reference is there already", code)
        names = [str(name) for name in errors[0].get("fields") or ()] if errors else []
        mapping = self._maps[entity]
        field = next((f for name in names if (f := model_field(mapping, name))), None)
        text = f"{code}: {told(message)}"
        if _CODES.get(code) == "unknown_choice":
            allowed = await self._choices(entity, names)
            text += f" (it holds: {', '.join(allowed)})" if allowed else ""
        return rejected(request, _CODES.get(code, "rejected"), text, field)

    async def _choices(self, entity: str, names: Sequence[str]) -> list[str]:
        try:
            known = (await self._reader.layout(entity)).choices
        except ConnectorError:
            # the others of this call are written: what is only told must not undo their receipts
            return []
        return [choice for name in names for choice in known.get(name, ())]


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _failed(request: WriteRequest, outcome: Outcome, message: str, code: str = "") -> Receipt:
    return Receipt(
        write_id=request.id, outcome=outcome, record_id=request.record_id,
        reason=Reason(code="locked" if code == "UNABLE_TO_LOCK_ROW" else "rejected",
                      message=message),
    )  # fmt: skip
