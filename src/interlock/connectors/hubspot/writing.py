"""Writing in batches of 100: creates by our reference, updates compared with what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from interlock.connectors.base import Outcome, Reason, Receipt, WriteKind, WriteRequest
from interlock.connectors.hubspot.batches import Answered, Batches
from interlock.connectors.hubspot.client import Client, RefusedError
from interlock.connectors.hubspot.custom import REFERENCE
from interlock.connectors.hubspot.objects import OTHER_ENDS, flatten, model_field
from interlock.connectors.hubspot.problems import Problem
from interlock.connectors.hubspot.reading import Reader
from interlock.connectors.kit.comparison import compare
from interlock.connectors.kit.receipts import failed, rejected
from interlock.errors import ConnectorError
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Record, Ref

__all__ = ["Writer"]

_CODES: Final = {
    "REQUIRED": "required", "REQUIRED_PROPERTY": "required",
    "INVALID_OPTION": "unknown_choice",
    "PROPERTY_DOESNT_EXIST": "not_permitted", "READ_ONLY_VALUE": "not_permitted",
    "OBJECT_NOT_FOUND": "not_found",
    "CONFLICT": "duplicate", "OBJECT_ALREADY_EXISTS": "duplicate",
    "PROPERTY_VALUE_TOO_LONG": "too_long",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Body:
    """One write: its properties, and where its associations are to lead."""

    properties: dict[str, str] = field(default_factory=dict)
    ends: dict[str, str | None] = field(default_factory=dict)


class Writer:
    """Carries out batches of writes against one portal."""

    def __init__(self, client: Client, maps: Mapping[str, ObjectMap], reader: Reader) -> None:
        self._client = client
        self._maps = maps
        self._reader = reader

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> list[Receipt]:
        """Write a batch; raises only when nothing of it can have been written."""
        receipts: dict[str, Receipt] = {}
        bodies: dict[str, _Body] = {}
        for request in writes:
            try:
                bodies[request.id] = self._body(entity, request)
            except CodecError as error:
                code = "too_long" if "more than" in error.message else "invalid_value"
                receipts[request.id] = rejected(
                    request, code, error.message, error.field, error.fix
                )
        todo = [request for request in writes if request.id in bodies]
        batches = Batches(self._client)
        creates = [request for request in todo if request.kind is WriteKind.CREATE]
        updates = [request for request in todo if request.kind is WriteKind.UPDATE]
        seen = await self._compared(entity, updates, receipts)
        if creates:
            await self._create(entity, creates, bodies, batches, receipts)
        kept = [request for request in updates if request.id in seen]
        if kept:
            await self._update(entity, kept, bodies, seen, batches, receipts)
        await self._confirm(entity, receipts)
        return [receipts[request.id] for request in writes]

    def _body(self, entity: str, request: WriteRequest) -> _Body:
        raw = flatten(self._maps[entity].encode(request.fields))
        body = _Body()
        for name, value in raw.items():
            if (entity, name) in OTHER_ENDS:
                body.ends[name] = value
            elif value is not None or request.kind is WriteKind.UPDATE:
                # a blank is an empty text; a new record just lacks it
                body.properties[name] = "" if value is None else str(value)
        if request.kind is WriteKind.CREATE and request.reference:
            body.properties[REFERENCE] = request.reference
        return body

    # ── creating ─────────────────────────────────────────────────────────────────────────────

    async def _create(
        self, entity: str, creates: Sequence[WriteRequest], bodies: Mapping[str, _Body],
        batches: Batches, receipts: dict[str, Receipt],
    ) -> None:  # fmt: skip
        """Create by upsert; what has associations, which an upsert cannot carry, by create."""
        kind = self._maps[entity].object
        types = {
            path: await self._reader.ties.types(kind, to)
            for (name, path), to in OTHER_ENDS.items()
            if name == entity and any(bodies[r.id].ends.get(path) for r in creates)
        }

        def upsert(request: WriteRequest) -> dict[str, Any]:
            return {"idProperty": REFERENCE, "id": request.reference,
                    "properties": bodies[request.id].properties}  # fmt: skip

        def create(request: WriteRequest) -> dict[str, Any]:
            body = bodies[request.id]
            ends = [
                {"to": {"id": key}, "types": types[path]} for path, key in body.ends.items() if key
            ]
            return {"properties": body.properties, "associations": ends}

        plain = [r for r in creates if r.reference and not any(bodies[r.id].ends.values())]
        tied = [r for r in creates if r not in plain]
        paths = self._client.paths
        for part, rest, build in (
            (plain, "/batch/upsert", upsert), (tied, "/batch/create", create),
        ):  # fmt: skip
            answered = await batches.send(paths.objects(kind, rest), part, build)
            ours = await self._arrived(entity, part, answered)
            for request in part:
                found = answered[request.id]
                unsure = ours is None and isinstance(found, Problem) and request.reference
                if isinstance(found, Mapping) and found.get("new", True):
                    receipts[request.id] = Receipt(
                        write_id=request.id, outcome=Outcome.CREATED, record_id=str(found["id"])
                    )
                elif isinstance(found, Mapping) or unsure or request.reference in (ours or ()):
                    receipts[request.id] = _to_be_looked_up(request)
                else:
                    receipts[request.id] = await self._not_done(entity, request, found)

    async def _arrived(
        self, entity: str, part: Sequence[WriteRequest], answered: Mapping[str, Answered]
    ) -> set[str] | None:
        """Look whether an earlier try of what was refused has arrived: how that is told varies.

        ``None``: nobody can say now.
        """
        asked = [r.reference for r in part if isinstance(answered[r.id], Problem) and r.reference]
        if not asked:
            return set()
        try:
            rows = await self._reader.live(entity, asked, by=REFERENCE)
        except ConnectorError:
            return None
        return {str(row.get(REFERENCE)) for row in rows}

    # ── updating ─────────────────────────────────────────────────────────────────────────────

    async def _compared(
        self, entity: str, updates: Sequence[WriteRequest], receipts: dict[str, Receipt]
    ) -> dict[str, Record]:
        """Read what is there now; what moved meanwhile, or is as asked, gets its receipt here."""
        ids = list(dict.fromkeys(r.record_id for r in updates if r.record_id))
        rows = await self._reader.live(entity, [key for key in ids if key.isdigit()])
        current = {record.id: record for record in await self._reader.records(entity, rows)}
        seen: dict[str, Record] = {}
        for request in updates:
            now = current.get(request.record_id or "")
            stop = compare(request, now, self._maps[entity])
            if stop is not None:
                receipts[request.id] = stop
            elif now is not None:
                seen[request.id] = now
        return seen

    async def _update(
        self, entity: str, updates: Sequence[WriteRequest], bodies: Mapping[str, _Body],
        seen: Mapping[str, Record], batches: Batches, receipts: dict[str, Receipt],
    ) -> None:  # fmt: skip
        await self._retie(entity, updates, bodies, seen, batches, receipts)
        left = [r for r in updates if r.id not in receipts and bodies[r.id].properties]
        path = self._client.paths.objects(self._maps[entity].object, "/batch/update")
        answered = await batches.send(
            path, left, lambda r: {"id": r.record_id, "properties": bodies[r.id].properties}
        )
        for request in updates:
            if request.id in receipts:
                continue
            found = answered.get(request.id, {})
            receipts[request.id] = (
                Receipt(write_id=request.id, outcome=Outcome.UPDATED, record_id=request.record_id)
                if isinstance(found, Mapping)
                else await self._not_done(entity, request, found)
            )

    async def _retie(
        self, entity: str, updates: Sequence[WriteRequest], bodies: Mapping[str, _Body],
        seen: Mapping[str, Record], batches: Batches, receipts: dict[str, Receipt],
    ) -> None:  # fmt: skip
        """Lead associations elsewhere; what does not succeed gets its receipt here."""
        kind, ties = self._maps[entity].object, self._reader.ties
        for (name, path), to in OTHER_ENDS.items():
            if name != entity:
                continue
            tied, untied = {}, {}
            for request in updates:
                ends, key = bodies[request.id].ends, request.record_id or ""
                old = seen[request.id].fields.get(model_field(self._maps[entity], path) or "")
                if ends.get(path):
                    tied[request.id] = (key, str(ends[path]))
                elif path in ends and isinstance(old, Ref):
                    untied[request.id] = (key, old.id)
            for pairs, act in ((tied, ties.tie), (untied, ties.untie)):
                failures = await self._each(kind, to, pairs, act, batches)
                for request in updates:
                    if request.id in failures:
                        error = failures[request.id]
                        receipts[request.id] = await self._not_done(entity, request, error)

    async def _each(
        self, kind: str, to: str, pairs: Mapping[str, tuple[str, str]],
        act: Callable[[str, str, Sequence[tuple[str, str]]], Awaitable[None]], batches: Batches,
    ) -> dict[str, Answered]:  # fmt: skip
        """Carry out changes of associations in one call, or one by one when that is refused."""
        if not pairs:
            return {}
        try:
            await act(kind, to, list(pairs.values()))
        except RefusedError as error:
            if len(pairs) == 1:
                return dict.fromkeys(pairs, error.problem)
            failures: dict[str, Answered] = {}
            for name, pair in pairs.items():
                failures |= await self._each(kind, to, {name: pair}, act, batches)
            return failures
        except ConnectorError as error:
            batches.happened(error)
            return dict.fromkeys(pairs, error)
        batches.began()
        return {}

    # ── receipts ─────────────────────────────────────────────────────────────────────────────

    async def _confirm(self, entity: str, receipts: dict[str, Receipt]) -> None:
        """Read what was written, from the records themselves: a search may not show it yet."""
        done = {
            receipt.record_id: name
            for name, receipt in receipts.items()
            if receipt.outcome in (Outcome.CREATED, Outcome.UPDATED) and receipt.record_id
        }
        if not done:
            return
        try:
            rows = await self._reader.live(entity, [key for key in done if key])
            records = await self._reader.records(entity, rows)
        except ConnectorError:
            # it is written all the same; the next fetch shows it
            return
        for record in records:
            name = done.get(record.id)
            if name is not None:
                receipts[name] = msgspec.structs.replace(receipts[name], record=record)

    async def _not_done(self, entity: str, request: WriteRequest, found: Answered) -> Receipt:
        if isinstance(found, ConnectorError):
            return failed(request, found)
        assert isinstance(found, Problem), "a record was written"
        mapping = self._maps[entity]
        names = [n for part in found.properties for n in part.split("/")]
        model = next((f for name in names if (f := model_field(mapping, name))), None)
        code = _CODES.get(found.code, "invalid_value" if names else "rejected")
        text = found.told
        if code == "unknown_choice":
            allowed = await self._choices(entity, names)
            text += f" (it holds: {', '.join(allowed)})" if allowed else ""
        return rejected(request, code, text, model)

    async def _choices(self, entity: str, names: Sequence[str]) -> list[str]:
        try:
            known = (await self._reader.layout(entity)).choices
        except ConnectorError:
            return []
        return [choice for name in names for choice in known.get(name, ())]


def _to_be_looked_up(request: WriteRequest) -> Receipt:
    """An earlier try of this very create has arrived, or may have."""
    return Receipt(
        write_id=request.id, outcome=Outcome.UNKNOWN,
        reason=Reason(code="duplicate", message="our reference is there already, or may be"),
    )  # fmt: skip
