"""Writing customers and contacts: names to ids, one call for a batch, a check before updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.connectors.base import Outcome, Receipt, WriteKind, WriteRequest
from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.directory import Directory, RefusedError
from interlock.connectors.tryton.parties import Layout, party_values, stamps
from interlock.connectors.tryton.reading import Reader
from interlock.connectors.tryton.scope import Scope
from interlock.connectors.tryton.writing import deliver, failed, settled
from interlock.errors import ConnectorError
from interlock.mapping.codecs import CodecError
from interlock.model import ContactRole, Presence, Record, Ref

__all__ = ["PartyDesk"]

_LABELS = {
    "Name": "name", "Code": "tax_id", "Type": "tax_id", "Identifier": "tax_id",
    "Credit Limit Amount": "credit_limit", "Customer Payment Term": "payment_terms",
    "Street": "billing_address", "City": "billing_address", "Country": "billing_address",
    "Subdivision": "billing_address", "Value": "email",
}  # fmt: skip
"""Tryton's names of fields, in English, and the model's."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write ready to be sent; ``row`` is what an update starts from."""

    request: WriteRequest
    values: dict[str, Any]
    row: Row | None = None


class PartyDesk:
    """Creates and updates parties."""

    def __init__(
        self, client: TrytonClient, directory: Directory, scope: Scope, reader: Reader,
        settings: TrytonSettings,
    ) -> None:  # fmt: skip
        self._client = client
        self._directory = directory
        self._scope = scope
        self._reader = reader
        self._settings = settings

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> list[Receipt]:
        """Write creates in batches, then updates; receipts in the order of the writes."""
        receipts: dict[str, Receipt] = {}
        ready = await self._ready(entity, writes, receipts)
        creates = [w for w in ready if w.row is None]
        updates = [w for w in ready if w.row is not None]
        await self._send(entity, creates, self._create, Outcome.CREATED, receipts)
        await self._send(entity, updates, self._update, Outcome.UPDATED, receipts)
        return [receipts[write.id] for write in writes]

    async def _ready(
        self, entity: str, writes: Sequence[WriteRequest], receipts: dict[str, Receipt]
    ) -> list[_Write]:
        """Prepare what can be sent; the others get their receipt here."""
        layout = await self._scope.layout()
        ids = [w.record_id for w in writes if w.kind is WriteKind.UPDATE and w.record_id]
        rows = {str(row["id"]): row for row in await self._present(entity, ids)}
        customers = await self._customers(writes)
        ready = []
        for write in writes:
            row = rows.get(write.record_id or "")
            record = self._reader.record(entity, row, layout) if row else None
            try:
                if write.kind is WriteKind.UPDATE:
                    receipt = self._settled(entity, write, record)
                    if receipt is not None:
                        receipts[write.id] = receipt
                        continue
                raw = self._scope.maps[entity].encode(write.fields)
                raw = await self._resolved(entity, raw, layout, row, customers)
                values = party_values(raw, row, layout, reference=write.reference)
                ready.append(_Write(write, values, row))
            except (CodecError, RefusedError) as error:
                receipts[write.id] = failed(write, error, _LABELS, record)
        return ready

    async def _customers(self, writes: Sequence[WriteRequest]) -> frozenset[int]:
        """Tell which customers that contacts are to belong to are there."""
        named = [write.fields.get("customer") for write in writes]
        ids = [value.id for value in named if isinstance(value, Ref)]
        return frozenset(await self._reader.existing("customer", ids))

    async def _present(self, entity: str, ids: Sequence[str]) -> list[Row]:
        records = await self._reader.existing(entity, ids)
        return await self._reader.rows(entity, records)

    def _settled(self, entity: str, write: WriteRequest, record: Record | None) -> Receipt | None:
        """Give the receipt of an update that need not or must not be sent."""
        if record is None:
            raise RefusedError(
                "not_found", f"there is no {entity} {write.record_id} in Tryton",
                fix="it was deleted, or is no longer marked as one",
            )  # fmt: skip
        if record.presence is not Presence.PRESENT:
            raise RefusedError(
                "locked", f"the {entity} is {record.presence} in Tryton and cannot be changed",
                fix="bring it back in Tryton, or unlink it",
            )  # fmt: skip
        return settled(write, record, self._scope.maps[entity].facts())

    async def _resolved(
        self, entity: str, raw: Mapping[str, Any], layout: Layout, row: Row | None,
        customers: frozenset[int],
    ) -> dict[str, Any]:  # fmt: skip
        """Replace names by ids; add what makes a new party a customer or a contact."""
        out = dict(raw)
        if "customer_payment_term" in raw:
            name = raw["customer_payment_term"]["name"]
            out["customer_payment_term"] = name and await self._directory.payment_term(name)
        if raw.get("credit_limit_amount"):
            out["credit_limit_amount"] = _amount(raw["credit_limit_amount"], layout.currency)
        for path, field in _ADDRESS_FIELDS.items():
            if raw.get(path):
                out[path] = await self._address(raw[path], field)
        if not raw.get("name", row is not None):
            raise RefusedError("required", f"a {entity} needs a name", field="name")
        if entity == "contact":
            await self._relation(out, customers, new=row is None)
        elif row is None and self._settings.customer_category is not None:
            out["categories"] = [["add", [await self._category()]]]
        return out

    async def _relation(self, out: dict[str, Any], customers: frozenset[int], *, new: bool) -> None:
        customer = out.get("relations:customer")
        if customer is None and (new or "relations:customer" in out):
            raise RefusedError(
                "required", "a contact needs its customer", field="customer",
                fix="link the contact to an account",
            )  # fmt: skip
        if customer is not None and customer not in customers:
            raise RefusedError(
                "not_found", "the contact's customer is not in Tryton", field="customer",
                fix="link the contact to an account that is",
            )  # fmt: skip
        if new or "relations:role" in out:
            names = self._settings.contact_relations
            name = out.get("relations:role") or names[ContactRole.OTHER]
            out["relations:role"] = await self._directory.relation(name)

    async def _address(self, raw: Row, field: str) -> Row:
        parts, code = dict(raw), raw["country"]
        if code is not None:
            parts["country"] = await self._directory.country(code, field)
        if "region" in parts:
            region = parts.pop("region")
            parts["subdivision"] = region and await self._directory.subdivision(
                parts["country"], code, region, field
            )
        return parts

    async def _category(self) -> int:
        name = self._settings.customer_category or ""
        found = await self._directory.category(name)
        if found is None:
            raise RefusedError(
                "not_found", f"Tryton has no party category {name!r}",
                fix="make it under Party > Categories, or name another in customer_category",
            )  # fmt: skip
        return found

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    async def _send(
        self, entity: str, ready: Sequence[_Write], send: Any, outcome: Outcome,
        receipts: dict[str, Receipt],
    ) -> None:  # fmt: skip
        begun = any(r.outcome in (Outcome.CREATED, Outcome.UNKNOWN) for r in receipts.values())
        results = await deliver(ready, send, size=self._settings.batch_size, begun=begun)
        done = {r for r in results if isinstance(r, int)}
        records = await self.shown(entity, done)
        for item, result in zip(ready, results, strict=True):
            write = item.request
            if isinstance(result, ConnectorError):
                receipts[write.id] = failed(write, result, _LABELS)
            else:
                receipts[write.id] = Receipt(
                    write_id=write.id, outcome=outcome, record_id=str(result),
                    record=records.get(str(result)),
                )  # fmt: skip

    async def shown(self, entity: str, ids: Sequence[int] | set[int]) -> dict[str, Record]:
        """Read what was written; when that fails the receipts go without it."""
        try:
            return {r.id: r for r in await self._reader.read(entity, sorted(ids))}
        except ConnectorError:
            # whatever it is, it is done by now
            return {}

    async def _create(self, batch: Sequence[_Write]) -> list[int]:
        values = [item.values for item in batch]
        made = await self._client.call("party.party", "create", values, writes=True)
        return [int(key) for key in made]

    async def _update(self, batch: Sequence[_Write]) -> list[int]:
        """Write ids and values in turn, on condition that no row moved since it was read."""
        arguments: list[Any] = []
        moved: dict[str, str] = {}
        ids: list[int] = []
        for item in batch:
            assert item.row is not None
            ids.append(item.row["id"])
            arguments += [[item.row["id"]], item.values]
            moved |= stamps(item.row, "party.party")
        await self._client.call("party.party", "write", *arguments, writes=True, _timestamp=moved)
        return ids


_ADDRESS_FIELDS = {
    "addresses:invoice": "billing_address", "addresses:delivery": "shipping_address",
}  # fmt: skip


def _amount(money: Mapping[str, Any], currency: str) -> Any:
    if money["currency"] != currency:
        raise RefusedError(
            "invalid_value", f"Tryton keeps credit limits in {currency}", field="credit_limit",
            fix=f"give the amount in {currency}",
        )  # fmt: skip
    return money["amount"]
