"""QuickBooks past its connector: the twin's own pages, with its names written down anew."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from hypothesis import strategies as st

from interlock.connectors.base import Webhook
from interlock.connectors.quickbooks import plugin
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.connectors.quickbooks.objects import object_maps
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Ref, Value
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.quickbooks import QuickBooksTwin
from interlock.twins.serving import Running

OBJECTS: Mapping[str, str] = {"customer": "Customer", "product": "Item", "order": "Estimate"}
NAMES: Mapping[str, str] = {"Customer": "DisplayName", "Item": "Name"}


class QuickBooksHarness(Harness):
    """One twin, shared by all tests and emptied for each."""

    plugin = plugin
    entities = ("customer", "product", "order")
    webhooks_dated = False
    currencies = ("USD",)
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "only customers are made inactive: an estimate is deleted, and an item is "
        "switched off by its field `active`",
        "remove": "QuickBooks deletes no customers and items: they are made inactive",
        "merge": "QuickBooks does not show what became of merged customers",
        "tear_next_create": "documents are created whole",
        "hide_field": "QuickBooks has no rights to single fields",
        "invalid": "Interlock makes no items",
    })  # fmt: skip
    running: ClassVar[Running]
    order_as: ClassVar[str] = "estimate"

    @property
    def twin(self) -> QuickBooksTwin:
        twin = self.running.twin
        assert isinstance(twin, QuickBooksTwin)
        return twin

    def table(self, entity: str) -> str:
        return self.order_as.capitalize() if entity == "order" else OBJECTS[entity]

    async def __aenter__(self) -> Self:
        for table in ("Customer", "Item", "Estimate", "Invoice", "CreditMemo", "Payment"):
            for row in list(self.twin.storage.rows(table)):
                self.twin.storage.drop(table, row["Id"])
        self.twin.faults.clear()
        self.twin.clock.run()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.twin.storage.commit()

    def settings(self, wrong: Wrong | None = None) -> QuickBooksSettings:
        known = self.twin.credentials()
        return QuickBooksSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.running.url,
            "realm_id": known["realm_id"],
            "client_id": known["client_id"],
            "client_secret": "0" * 40 if wrong is Wrong.CREDENTIALS else known["client_secret"],
            "refresh_token": known["refresh_token"],
            "webhook_token": known["verifier_token"],
            "order_as": self.order_as,
            "currency": "USD",
            "page_size": 3,
        })  # fmt: skip

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return object_maps(self.settings())

    def secrets(self) -> Sequence[str]:
        known = self.twin.credentials()
        return [known[name] for name in ("client_secret", "refresh_token", "access_token",
                                         "verifier_token")]  # fmt: skip

    # ── webhooks ─────────────────────────────────────────────────────────────────────────────

    def webhook_body(self, entity: str, ids: Sequence[str]) -> bytes:
        events = [
            {"specversion": "1.0", "id": f"e-{n}", "source": "intuit.x=", "datacontenttype":
             "application/json", "type": f"qbo.{self.table(entity).lower()}.updated.v1",
             "time": "2026-03-02T09:00:00Z", "intuitentityid": key,
             "intuitaccountid": self.twin.realm, "data": {}}
            for n, key in enumerate(ids)
        ]  # fmt: skip
        return json.dumps(events).encode()

    def webhook(self, body: bytes, at: datetime, *, secret: str | None = None) -> Webhook:
        key = (secret or self.twin.verifier_token).encode()
        made = base64.b64encode(hmac.new(key, body, "sha256").digest()).decode()
        headers = {"content-type": "application/json", "intuit-signature": made}
        return Webhook(headers=headers, body=body, at=at)

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        body = self._body(entity, fields)
        if entity == "product":
            body["IncomeAccountRef"] = {"value": "1"}
        return self.twin.insert(self.table(entity), body)

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        self.twin.update(self.table(entity), record_id, self._body(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        row = self.twin.storage.get(self.table(entity), record_id)
        if row is None or row["deleted"]:
            return None
        if entity != "order":
            return {"name": row[NAMES[self.table(entity)]]}
        found = re.search(r" po:([^\s\]]*)", row.get("PrivateNote") or "")
        text = found[1] if found else None
        for code, sign in (("%20", " "), ("%5D", "]"), ("%25", "%")):
            text = text.replace(code, sign) if text else None
        return {"po_number": text}

    async def ids(self, entity: str) -> set[str]:
        rows = self.twin.storage.rows(self.table(entity))
        return {row["Id"] for row in rows if not row["deleted"]}

    def _body(self, entity: str, fields: Fields) -> dict[str, Any]:
        body: dict[str, Any] = {}
        keys: tuple[str, ...] = ()
        for name, value in fields.items():
            match name:
                case "name":
                    body[NAMES[self.table(entity)]] = value
                case "sku":
                    body["Sku"] = value
                case "active":
                    body["Active"] = value
                case "customer":
                    assert isinstance(value, Ref)
                    body["CustomerRef"] = {"value": value.id}
                case "currency":
                    body["CurrencyRef"] = {"value": value}
                case "lines":
                    assert isinstance(value, tuple)
                    keys = tuple(line.key for line in value)
                    body["Line"] = [_line(line) for line in value]
        words = [f"lines:{'|'.join(keys)}"] if keys else []
        if fields.get("po_number"):
            text = str(fields["po_number"])
            for sign, code in (("%", "%25"), (" ", "%20"), ("]", "%5D")):
                text = text.replace(sign, code)
            words.insert(0, f"po:{text}")
        if words:
            body["PrivateNote"] = f"typed by hand [interlock {' '.join(words)}]"
        return body

    # ── samples ──────────────────────────────────────────────────────────────────────────────

    async def invalid(self, entity: str) -> Fields:
        if entity == "product":
            raise CannotInject
        fields = await self.sample(entity)
        if entity == "order":
            return {**fields, "customer": Ref("customer", "987654321")}
        return {**fields, "name": None}

    def values(self, entity: str, field: str) -> Any:
        words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30)
        match field:
            case "email" | "phone" | "website":
                return words
            case "name":
                return st.text(
                    st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters=":"),
                    max_size=110,
                )
        return None

    def round_trip(self, entity: str, field: str, value: Value | None) -> Value | None:
        item = self.object_maps()[entity].limited_to({field})
        if field == "lines":
            if value is None:
                return None
            raw = item.encode({field: value})["@lines"]
            shown = {"Line": raw["Line"], "PrivateNote": {"lines": raw["lines"]}}
            return item.decode(shown)[field]
        if field == "status" and self.order_as == "invoice":
            return value
        return item.decode(item.encode({field: value}))[field]

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        if entity != "customer":
            raise CannotInject
        self.twin.update("Customer", record_id, {"Active": False})

    async def remove(self, entity: str, record_id: str) -> None:
        if entity != "order":
            raise CannotInject
        self.twin.delete(self.table(entity), record_id)

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        self.twin.clock.stand(self.twin.clock())
        made = [await self.seed(entity, fields) for fields in many]
        self.twin.clock.run()
        return made

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        with self.twin.storage.delayed(timedelta(hours=1)):
            key = await self.seed(entity, fields)

        async def commit() -> str:
            self.twin.storage.commit()
            return key

        return commit

    async def lose_next_answer(self, entity: str) -> None:
        self.twin.faults.arm(Fault(kind=FaultKind.LOST_ANSWER, method="POST",
                                   path=self._writes(entity), times=1))  # fmt: skip

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self.twin.faults.arm(Fault(kind=FaultKind.LATE_COMMIT, method="POST", times=1,
                                   path=self._writes(entity), seconds=3600))  # fmt: skip

        async def finish() -> None:
            self.twin.storage.commit()

        return finish

    def _writes(self, entity: str) -> str:
        return f"/(batch|{self.table(entity).lower()})"

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        kind = FaultKind.THROTTLED if status == 429 else FaultKind.UNAVAILABLE
        self.twin.faults.arm(
            Fault(kind=kind, path="/v3/company", times=1, status=status, html=html,
                  retry_after=retry_after)
        )  # fmt: skip

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        texts = [f"Planted {n} {self.token}" for n in range(3)]
        body: dict[str, Any] = {
            "customer": {"Fax": {"FreeFormNumber": texts[0]}, "PrimaryTaxIdentifier": texts[1],
                         "Notes": texts[2]},
            "product": {"PurchaseDesc": texts[0], "PurchaseCost": Decimal("4711.0815")},
            "order": {"CustomerMemo": {"value": texts[0]}},
        }[entity]  # fmt: skip
        self.twin.update(self.table(entity), record_id, body)
        return [*texts, "4711.0815"]

    async def requested(self, entity: str) -> frozenset[str]:
        asked: set[str] = set()
        for entry in self.twin.log.entries():
            text = entry.query.get("query", "")
            if f" FROM {self.table(entity)} " in text:
                outer = text.partition(" FROM ")[0].removeprefix("SELECT ")
                asked |= {name.strip() for name in outer.split(",")}
        self.twin.log.reset()
        return frozenset(asked)


def _line(line: Any) -> dict[str, Any]:
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": (line.quantity * line.unit_price).quantize(Decimal("0.01")),
        "SalesItemLineDetail": {"ItemRef": {"value": line.product.id}, "Qty": line.quantity,
                                "UnitPrice": line.unit_price},
    }  # fmt: skip
