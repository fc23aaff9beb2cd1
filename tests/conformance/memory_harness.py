"""The memory systems, past their connector: names and forms are written down here a second time."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

from interlock.connectors.base import Webhook
from interlock.connectors.memory import MemorySystem, crm_plugin, erp_plugin, register
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.objects import CRM_MAPS, ERP_MAPS
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Line, Money, Ref, Value
from interlock.testing.clock import VirtualClock
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.testing.faults import Faults, answer_status, drop_column, lose_answer

CRM_NAMES: Mapping[str, Mapping[str, str]] = {
    "customer": {"name": "Name", "email": "Email", "phone": "Phone"},
    "contact": {"name": "PersonName", "customer": "AccountId", "email": "Email"},
    "product": {"sku": "ProductCode", "name": "Name", "active": "IsActive"},
    "deal": {"name": "Name", "customer": "AccountId", "po_number": "PoNumber", "lines": "Lines"},
    "quote": {"number": "QuoteNumber", "deal": "OpportunityId"},
    "task": {"subject": "Subject", "customer": "AccountId"},
}
ERP_NAMES: Mapping[str, Mapping[str, str]] = {
    "customer": {"name": "name", "email": "mail", "phone": "tel"},
    "contact": {"name": "full_name", "customer": "partner_id", "email": "mail"},
    "product": {"sku": "sku", "name": "title"},
    "order": {"customer": "partner_id", "currency": "currency", "po_number": "customer_po",
              "lines": "rows"},
    "price": {"product": "item_id", "price_list": "list"},
    "invoice": {"customer": "partner_id", "number": "number"},
    "project": {"customer": "partner_id", "currency": "currency", "po_number": "customer_po",
                "name": "title", "net_total": "sold_for"},
}  # fmt: skip


class MemoryHarness(Harness):
    """What both sides have in common."""

    kind: ClassVar[str]
    names: ClassVar[Mapping[str, Mapping[str, str]]]
    never: ClassVar[Sequence[str]]
    options: ClassVar[Mapping[str, Any]] = {}
    cannot: ClassVar[Mapping[str, str]] = {
        "plant": "this entity has no never field in the memory systems",
        "tear_next_create": "only orders are made of header and lines",
    }

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.system = self.make_system()
        self.faults = Faults(self.system)
        self.system.faults = self.faults
        self.name = f"conformance-{uuid4().hex}"
        register(self.name, self.system)

    def make_system(self) -> MemorySystem:
        unique = bool(self.options.get("enforces_reference"))
        return MemorySystem(self.kind, clock=self.clock, token="s3cr3t-token",
                            unique_references=unique)  # fmt: skip

    def settings(self, wrong: Wrong | None = None) -> MemorySettings:
        return MemorySettings(
            system="nobody" if wrong is Wrong.ADDRESS else self.name,
            token="s3cr3t-tokem" if wrong is Wrong.CREDENTIALS else "s3cr3t-token",
            page_size=3, batch_size=10, commit_delay=60, webhook_secret="wh-s3cr3t", **self.options,
        )  # fmt: skip

    def secrets(self) -> Sequence[str]:
        return ["s3cr3t-token", "wh-s3cr3t"]

    def now(self) -> datetime:
        return self.clock()

    def webhook_body(self, entity: str, ids: Sequence[str]) -> bytes:
        return json.dumps({"events": [{"entity": entity, "id": i} for i in ids]}).encode()

    def webhook(self, body: bytes, at: datetime, *, secret: str | None = None) -> Webhook:
        stamp = str(int(at.timestamp()))
        key = (secret or "wh-s3cr3t").encode()
        made = hmac.new(key, stamp.encode() + b"." + body, "sha256").hexdigest()
        headers = {"content-type": "application/json", "x-interlock-timestamp": stamp,
                   "x-interlock-signature": f"v1={made}"}  # fmt: skip
        return Webhook(headers=headers, body=body, at=at)

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        self.clock.advance(1)
        return self.system.add(entity, self._cells(entity, fields))

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        self.clock.advance(1)
        self.system.edit(entity, record_id, self._cells(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        cells = self.system.get(entity, record_id)
        if cells is None:
            return None
        plain = ("name", "email", "phone", "sku", "number", "po_number", "price_list", "subject")
        return {f: cells[c] for f, c in self.names[entity].items() if f in plain}

    async def ids(self, entity: str) -> set[str]:
        return set(self.system.all(entity))

    async def invalid(self, entity: str) -> Fields:
        fields = await self.sample(entity)
        if entity in ("order", "project"):
            return {**fields, "customer": Ref("customer", "999999")}
        return {**fields, self.text_field[entity]: None}

    def _cells(self, entity: str, fields: Fields) -> dict[str, Any]:
        return {self.names[entity][name]: self._cell(value) for name, value in fields.items()}

    def _cell(self, value: Value | None) -> Any:
        if isinstance(value, Ref):
            return value.id
        if isinstance(value, Decimal):
            return str(value)
        return [self._line(line) for line in value] if isinstance(value, tuple) else value

    def _line(self, line: Line) -> dict[str, Any]:
        assert line.product is not None
        return {"line_ref": line.key, "item_id": line.product.id, "sku": line.sku,
                "qty": str(line.quantity), "price": str(line.unit_price)}  # fmt: skip

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        self.clock.advance(1)
        self.system.archive(entity, record_id)

    async def remove(self, entity: str, record_id: str) -> None:
        self.clock.advance(1)
        self.system.delete(entity, record_id)

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        self.clock.advance(1)
        self.system.merge(entity, loser, winner)

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        return [self.system.add(entity, self._cells(entity, fields)) for fields in many]

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        finish = self.system.begin_late(entity, self._cells(entity, fields))
        self.clock.advance(20)

        async def commit() -> str:
            self.clock.advance(20)
            return finish()

        return commit

    async def lose_next_answer(self, entity: str) -> None:
        self.faults.arm(lose_answer, operation="write", entity=entity)

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        finish = self.faults.finish_late(entity)

        async def finished() -> None:
            finish()

        return finished

    async def tear_next_create(self, entity: str) -> None:
        if entity != "order":
            raise CannotInject

        def act(call: Any, carry_out: Callable[[], Any]) -> Any:
            return lose_answer(call, lambda: drop_column("rows")(call, carry_out))

        self.faults.arm(act, operation="write", entity=entity)

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        self.faults.arm(answer_status(status, retry_after=retry_after, html=html))

    async def hide_field(self, entity: str, field: str) -> None:
        self.faults.hide(entity, self.names[entity][field])

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        columns = [c for c in self.never if c in self.system.tables[entity].columns]
        if not columns:
            raise CannotInject
        planted = {column: f"planted-{column}-{self.token}" for column in columns}
        self.system.edit(entity, record_id, planted)
        return list(planted.values())

    async def requested(self, entity: str) -> frozenset[str]:
        asked = {column for call in self.faults.seen if call.entity == entity
                 for column in call.columns}  # fmt: skip
        self.faults.seen.clear()
        return frozenset(asked)


class CrmHarness(MemoryHarness):
    plugin = crm_plugin
    kind = "crm"
    entities = ("customer", "contact", "product", "deal", "quote", "task")
    names = CRM_NAMES
    never = ("email_log", "call_notes", "qualification")
    example_ids = ("001-0000001", "001-0000042")

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return CRM_MAPS

    async def read(self, entity: str, record_id: str) -> Fields | None:
        shown = await super().read(entity, record_id)
        if entity == "contact" and shown is not None:
            cells = self.system.all(entity)[record_id]["PersonName"]
            shown["name"] = f"{cells['FirstName']} {cells['LastName']}".strip()
        return shown

    def _cells(self, entity: str, fields: Fields) -> dict[str, Any]:
        cells = super()._cells(entity, fields)
        if entity == "contact" and fields.get("name"):
            first, _, last = str(fields["name"]).rpartition(" ")
            cells["PersonName"] = {"FirstName": first, "LastName": last}
        return cells


class ErpHarness(MemoryHarness):
    plugin = erp_plugin
    kind = "erp"
    entities = ("customer", "contact", "product", "order", "price", "invoice", "project")
    names = ERP_NAMES
    never = ("cost_price", "margin", "supplier_price")

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return ERP_MAPS

    async def price(self) -> tuple[str, Money]:
        price = Money(Decimal(next(self._numbers)) + Decimal("10.1234"), self.currencies[0])
        product = await self.seed_sample("product")
        self.system.edit("product", product, {"list_price": str(price.amount)})
        return product, price

    def _cells(self, entity: str, fields: Fields) -> dict[str, Any]:
        fields = dict(fields)
        if isinstance(price := fields.pop("unit_price", None), Money):
            cells = {"price": str(price.amount), "currency": price.currency}
            return {**super()._cells(entity, fields), **cells}
        if entity == "invoice" and "customer" in fields:
            cells = {"currency": "EUR", "net_amount": "100.00"}
            return {**super()._cells(entity, fields), **cells}
        inactive = fields.pop("active", True) is False
        cells = super()._cells(entity, fields)
        return {**cells, "discontinued": True} if inactive else cells
