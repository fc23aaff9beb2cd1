"""NetSuite past its connector: the twin's own pages, with NetSuite's names written down anew."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from hypothesis import strategies as st

from interlock.connectors.netsuite import plugin
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.objects import object_maps
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Line, Ref, Value
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite import NetSuiteTwin
from interlock.twins.serving import Running

TABLES: Mapping[str, str] = {
    "customer": "customer", "contact": "contact", "product": "inventoryItem",
    "order": "salesOrder", "invoice": "invoice",
}  # fmt: skip
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "custentity_interlock_id": {"kind": "text", "length": 300},
    "custbody_interlock_id": {"kind": "text", "length": 300},
    "custcol_interlock_key": {"kind": "text", "length": 300},
}
"""The custom fields, as an administrator makes them."""
NAMES: Mapping[str, str] = {
    "customer.name": "companyName", "customer.website": "url", "product.sku": "itemId",
    "product.name": "displayName", "order.po_number": "otherRefNum", "invoice.number": "tranId",
}  # fmt: skip


class NetSuiteHarness(Harness):
    """One twin, shared by all tests and emptied for each."""

    plugin = plugin
    entities = ("customer", "contact", "product", "order", "invoice")
    text_field: ClassVar[Mapping[str, str]] = MappingProxyType(
        {**Harness.text_field, "invoice": "number"}
    )
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "an item that is inactive is just not sold; transactions are never archived",
        "tear_next_create": "records are created whole",
        "merge": "NetSuite keeps no trace of a merge",
        "plant": "an invoice has nothing on the list of never that a query shows",
    })  # fmt: skip
    running: ClassVar[Running]
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def twin(self) -> NetSuiteTwin:
        twin = self.running.twin
        assert isinstance(twin, NetSuiteTwin)
        return twin

    async def __aenter__(self) -> Self:
        for table in (*self.twin.account.types, "deletedRecord"):
            for row in list(self.twin.storage.rows(table)):
                self.twin.storage.drop(table, row["id"])
        self.twin.faults.clear()
        self.twin.clock.run()
        self.twin.configure({"hidden": [], "slots": 5, "slots_of_others": 0})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.twin.storage.commit()

    def settings(self, wrong: Wrong | None = None) -> NetSuiteSettings:
        known = self.twin.credentials()
        return NetSuiteSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.running.url,
            "account": known["account"],
            "consumer_key": known["consumer_key"], "token_id": known["token_id"],
            "consumer_secret": known["consumer_secret"],
            "token_secret": "0" * 64 if wrong is Wrong.CREDENTIALS else known["token_secret"],
            "currency": "EUR", "subsidiary": "1", "page_size": 3, **self.options,
        })  # fmt: skip

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return object_maps(self.settings())

    def secrets(self) -> Sequence[str]:
        known = self.twin.credentials()
        return [known["consumer_secret"], known["token_secret"]]

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        body = self._body(entity, fields)
        number = body.pop("tranId", None)
        key = self.twin.insert(TABLES[entity], body)
        if number is not None:
            self._renumber(key, number)
        return key

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        if entity == "invoice":
            self._renumber(record_id, str(fields["number"]))
        else:
            self.twin.update(TABLES[entity], record_id, self._changes(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        row = self.twin.storage.get(TABLES[entity], record_id)
        if row is None:
            return None
        if entity == "contact":
            return {"name": f"{row.get('firstName') or ''} {row['lastName']}".strip()}
        field = self.text_field[entity]
        return {field: row[NAMES[f"{entity}.{field}"]]}

    async def ids(self, entity: str) -> set[str]:
        return {row["id"] for row in self.twin.storage.rows(TABLES[entity])}

    def _renumber(self, key: str, number: str) -> None:
        """NetSuite numbers transactions itself; the suite wants a text it can tell apart."""
        row = self.twin.storage.get("invoice", key)
        assert row is not None
        self.twin.account.put("invoice", {**row, "tranId": number})

    def _body(self, entity: str, fields: Fields) -> dict[str, Any]:
        body = self._changes(entity, fields)
        if entity in ("customer", "contact"):
            body["subsidiary"] = "1"
        return body

    def _changes(self, entity: str, fields: Fields) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for name, value in fields.items():
            match name:
                case "name" if entity == "contact":
                    first, _, last = str(value).rpartition(" ")
                    body |= {"firstName": first or None, "lastName": last}
                case "customer":
                    assert isinstance(value, Ref)
                    body["company" if entity == "contact" else "entity"] = value.id
                case "currency":
                    body["currency"] = self._currency(str(value))
                case "active":
                    body["isInactive"] = not value
                case "lines":
                    assert isinstance(value, tuple)
                    body["item"] = [_line(line) for line in value]
                case _:
                    body[NAMES.get(f"{entity}.{name}", name)] = value
        if entity == "invoice" and "number" in body:
            body["tranId"] = body.pop("number")
        return body

    def _currency(self, symbol: str) -> str:
        rows = self.twin.storage.rows("currency")
        return next(row["id"] for row in rows if row["symbol"] == symbol)

    # ── samples ──────────────────────────────────────────────────────────────────────────────

    async def sample(self, entity: str) -> Fields:
        if entity != "invoice":
            fields = await super().sample(entity)
            if entity == "customer":
                number = str(fields["name"]).rpartition("-")[2].split()[0]
                fields |= {
                    "email": f"info@c{number}.example",
                    "website": f"https://c{number}.example",
                }
            return fields
        order = await super().sample("order")
        number = f"{self.token}-{next(self._numbers)}"
        return {"number": f"I-{number}", **{k: order[k] for k in ("customer", "currency", "lines")}}

    async def invalid(self, entity: str) -> Fields:
        fields = await self.sample(entity)
        match entity:
            case "customer":
                return {**fields, "payment_terms": f"Net {self.token}"}
            case "contact":
                return {**fields, "customer": Ref("customer", "999999")}
            case "order":
                (line, *_rest) = fields["lines"]  # type: ignore[misc]
                wrong = Line(key="x", product=Ref("product", "999999"), quantity=line.quantity,
                             unit_price=line.unit_price)  # fmt: skip
                return {**fields, "lines": (wrong,)}
        raise CannotInject

    def values(self, entity: str, field: str) -> Any:
        words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=18)
        match field:
            case "email" | "phone" | "sku" | "website" | "tax_id" | "other_id":
                return words
            case "name" if entity == "contact":
                return st.lists(words.map(lambda w: w[:9]), min_size=1, max_size=3).map(" ".join)
            case "customer":
                return st.sampled_from([Ref("customer", "7"), Ref("customer", "42")])
        return None

    def round_trip(self, entity: str, field: str, value: Value | None) -> Value | None:
        item = self.object_maps()[entity].limited_to({field})
        raw = item.encode({field: value})
        flat = {k: v for name, v in raw.items() if name.startswith("@") for k, v in v.items()}
        return item.decode(flat or raw)[field]

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        if entity not in ("customer", "contact"):
            raise CannotInject
        self.twin.update(TABLES[entity], record_id, {"isInactive": True})

    async def remove(self, entity: str, record_id: str) -> None:
        self.twin.delete(TABLES[entity], record_id)

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        self.twin.clock.stand(self.twin.clock())
        made = [await self.seed(entity, fields) for fields in many]
        self.twin.clock.run()
        return made

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        # nobody can give an invoice a number before it is there
        known = {n: v for n, v in fields.items() if (entity, n) != ("invoice", "number")}
        with self.twin.storage.delayed(timedelta(hours=1)):
            key = await self.seed(entity, known)

        async def commit() -> str:
            self.twin.storage.commit()
            return key

        return commit

    async def lose_next_answer(self, entity: str) -> None:
        self._arm(entity, FaultKind.LOST_ANSWER)

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self._arm(entity, FaultKind.LATE_COMMIT)

        async def finish() -> None:
            self.twin.storage.commit()

        return finish

    def _arm(self, entity: str, kind: FaultKind) -> None:
        path = f"/record/v1/{TABLES[entity]}"
        self.twin.faults.arm(Fault(kind=kind, path=path, times=1, seconds=3600))

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        kind = FaultKind.THROTTLED if status == 429 else FaultKind.UNAVAILABLE
        self.twin.faults.arm(
            Fault(kind=kind, times=1, status=status, html=html, retry_after=retry_after)
        )

    async def hide_field(self, entity: str, field: str) -> None:
        tables = {"product": "item", "order": "transaction", "invoice": "transaction"}
        paths = self.object_maps()[entity].limited_to({field}).paths
        self.twin.configure({"hidden": [f"{tables.get(entity, entity)}.{path}" for path in paths]})

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        if entity == "product":
            price = Decimal(int(self.token, 16) % 10**6) + Decimal("0.47")
            self.twin.update("inventoryItem", record_id, {"cost": price, "averageCost": price})
            return [str(price)]
        if entity == "order":
            row = self.twin.storage.get("salesOrder", record_id)
            assert row is not None
            profit = Decimal(int(self.token, 16) % 10**6) + Decimal("0.47")
            self.twin.account.put("salesOrder", {**row, "estGrossProfit": profit})
            return [str(profit)]
        if entity not in ("customer", "contact"):
            raise CannotInject
        text = f"Planted {self.token}"
        self.twin.update(TABLES[entity], record_id, {"comments": text})
        return [text]

    async def requested(self, entity: str) -> frozenset[str]:
        """Name what was selected, in the queries' words and in those of the object map."""
        asked: set[str] = set()
        for entry in self.twin.log.entries():
            if entry.path.endswith("/suiteql"):
                query = json.loads(entry.body)["q"]
                asked |= set(re.findall(r"\b[a-z]\.(\w+)", query.partition(" FROM ")[0]))
                asked |= set(
                    re.findall(r"FROM (entityaddress|itemprice|aggregate|transactionline)", query)
                )
        self.twin.log.reset()
        own = {
            "addressBook:billing": "entityaddress", "addressBook:shipping": "entityaddress",
            "price:list": "itemprice", "locations:available": "aggregate",
            "item:lines": "transactionline", "item:net": "transactionline",
            "billed:net": "transactionline", "billed:order": "transactionline",
        }  # fmt: skip
        paths = set(self.object_maps()[entity].paths)
        return frozenset(asked | {p for p in paths if own.get(p, p.lower()) in asked})


def _line(line: Line) -> dict[str, Any]:
    assert line.product is not None
    return {"item": line.product.id, "quantity": line.quantity, "rate": line.unit_price,
            "custcol_interlock_key": line.key}  # fmt: skip
