"""Writing single records: read just before, compare, send, and say what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from interlock.connectors.base import Outcome, Receipt, WriteKind, WriteRequest
from interlock.connectors.bottlecrm.client import Client, is_id
from interlock.connectors.bottlecrm.organization import OrganizationReader
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES
from interlock.connectors.bottlecrm.rows import Organization, decode, flatten, model_field
from interlock.connectors.kit import clean
from interlock.connectors.kit.receipts import failed, rejected
from interlock.errors import (
    ConnectorError,
    NotPermittedError,
    RejectedError,
    UnknownOutcomeError,
)
from interlock.mapping.codecs import CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import ANYTHING, Record, Value, agree

__all__ = ["Writer", "settle"]


class Writer:
    """Carries out one write at a time against BottleCRM."""

    def __init__(
        self,
        client: Client,
        maps: Mapping[str, ObjectMap],
        organization: OrganizationReader,
        read: Callable[[str, str], Awaitable[Record | None]],
        products: Callable[[str, str], Awaitable[Sequence[Record]]],
        made: Callable[[str, str], Awaitable[Record | None]],
    ) -> None:
        self._client = client
        self._maps = maps
        self._organization = organization
        self._read = read
        self._products = products
        self._made = made

    async def write(self, entity: str, request: WriteRequest) -> Receipt:
        """Create or update; failures that concern only this record are receipts."""
        try:
            if request.kind is WriteKind.CREATE:
                return await self._create(entity, request)
            return await self._update(entity, request)
        except CodecError as error:
            code = "too_long" if "more than" in error.message else "invalid_value"
            return rejected(request, code, clean(error.message), error.field, error.fix)
        except RejectedError as error:
            field = model_field(entity, self._maps[entity], error.field or "")
            return rejected(request, error.code or "rejected", error.message,
                             field or error.field, error.fix)  # fmt: skip

    async def _create(self, entity: str, request: WriteRequest) -> Receipt:
        resource = RESOURCES[entity]
        body = await self._body(entity, request)
        if entity == "product":
            taken = await self._sku_taken(request)
            if taken is not None:
                return taken
        data = await self._client.send("POST", resource.path, body)
        if resource.bare:
            return await self._told(entity, request)
        # Accounts and contacts answer with the bare id, products with the product.
        row = data.get("product") if entity == "product" else data
        if not isinstance(row, Mapping) or "id" not in row:
            raise UnknownOutcomeError(
                f"{self._client.name}: the answer to a create names no record",
                system=self._client.name, operation=f"POST {resource.path}", code="no_id",
            )  # fmt: skip
        return Receipt(
            write_id=request.id, outcome=Outcome.CREATED, record_id=str(row["id"]),
            record=await self._shown(entity, row) if entity == "product" else None,
        )  # fmt: skip

    async def _told(self, entity: str, request: WriteRequest) -> Receipt:
        """Look up what was made: the answer says no more than that it was."""
        try:
            record = await self._made(entity, request.reference or "")
        except ConnectorError:
            # it was made, whatever becomes of this look
            record = None
        if record is None:
            raise UnknownOutcomeError(
                f"{self._client.name}: the {entity} just created is not found by its reference",
                system=self._client.name, operation=f"POST {RESOURCES[entity].path}", code="no_id",
            )  # fmt: skip
        return Receipt(write_id=request.id, outcome=Outcome.CREATED, record_id=record.id,
                       record=record)  # fmt: skip

    async def _update(self, entity: str, request: WriteRequest) -> Receipt:
        resource = RESOURCES[entity]
        if not is_id(request.record_id or ""):
            return rejected(request, "not_found", "the record is not there")
        body = await self._body(entity, request)
        if request.expected:
            current = await self._read(entity, request.record_id or "")
            if current is None:
                return rejected(request, "not_found", "the record is not there")
            stop = self._compare(request, current)
            if stop is not None:
                return stop
        if entity == "product" and request.fields.get("sku") is not None:
            taken = await self._sku_taken(request)
            if taken is not None:
                return taken
        data = await self._client.send(
            resource.update, f"{resource.path}{request.record_id}/", body
        )
        return Receipt(
            write_id=request.id, outcome=Outcome.UPDATED, record_id=request.record_id,
            record=await self._shown(entity, data["product"]) if entity == "product" else None,
        )  # fmt: skip

    def _compare(self, request: WriteRequest, current: Record) -> Receipt | None:
        """Stop when the record moved since the decision, or already is as asked."""
        facts = {f.field: f.codec.facts for f in self._maps[request.entity].fields}

        def same(field: str, value: Value | None) -> bool:
            return agree(current.fields.get(field), value, facts.get(field, ANYTHING))

        if all(f in current.fields and same(f, v) for f, v in request.fields.items()):
            return Receipt(write_id=request.id, outcome=Outcome.UNCHANGED, record=current,
                           record_id=current.id)  # fmt: skip
        for field, value in request.expected.items():
            if field in (current.problems or {}):
                told = (current.problems or {})[field]
                return rejected(request, "invalid_value", f"the value there now: {clean(told)}",
                                 field, "mend the value in BottleCRM")  # fmt: skip
            if field in current.fields and not same(field, value):
                return Receipt(write_id=request.id, outcome=Outcome.CONFLICT, record=current,
                               record_id=current.id)  # fmt: skip
        return None

    async def _body(self, entity: str, request: WriteRequest) -> dict[str, Any]:
        body = flatten(entity, self._maps[entity].encode(request.fields))
        model = RESOURCES[entity].model
        if request.kind is WriteKind.CREATE:
            body = {**RESOURCES[entity].required, **body}
        if request.kind is WriteKind.CREATE and request.reference and model:
            body.setdefault("custom_fields", {})[REFERENCE_KEY] = request.reference
        await self._refuse_unknown(model, set(body.get("custom_fields", ())))
        return body

    async def _refuse_unknown(self, model: str, keys: set[str]) -> None:
        """Refuse keys without a definition: BottleCRM answers 200 and drops their values."""
        if not keys:
            return
        missing = keys - (await self._organization.read()).custom.get(model, {}).keys()
        if missing:
            organization = await self._organization.read(afresh=True)
            missing = keys - organization.custom.get(model, {}).keys()
        if missing:
            raise NotPermittedError(
                f"{self._client.name}: {model} has no custom field {', '.join(sorted(missing))}",
                system=self._client.name,
                operation="write",
                code="missing_field",
                fix="run interlock provision, or map the field to one that exists",
            )

    async def _sku_taken(self, request: WriteRequest) -> Receipt | None:
        """Look the SKU up first: BottleCRM crashes on a second one instead of refusing it."""
        sku = request.fields.get("sku")
        holders = await self._products("sku", str(sku)) if sku is not None else ()
        if all(holder.id == request.record_id for holder in holders):
            return None
        return rejected(request, "duplicate", "another product has this SKU", "sku")

    async def _shown(self, entity: str, row: Mapping[str, Any]) -> Record | None:
        """Read the answer to a write; it is written, whether it can be read now or not."""
        try:
            return await self._decoded(entity, row)
        except ConnectorError:
            return None

    async def _decoded(self, entity: str, row: Mapping[str, Any]) -> Record:
        organization: Organization = await self._organization.read()
        return decode(entity, row, organization, self._maps[entity])


def settle(
    requests: Sequence[WriteRequest], results: Sequence[Receipt | ConnectorError]
) -> list[Receipt]:
    """Make one receipt per write; raise the failure when nothing can have been written."""
    failures = [r for r in results if isinstance(r, ConnectorError)]
    if (
        failures
        and len(failures) == len(results)
        and not any(isinstance(f, UnknownOutcomeError) for f in failures)
    ):
        raise failures[0]
    return [
        failed(request, result) if isinstance(result, ConnectorError) else result
        for request, result in zip(requests, results, strict=True)
    ]
