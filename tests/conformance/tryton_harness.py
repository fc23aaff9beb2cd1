"""Tryton past its connector: raw calls as an administrator, with Tryton's own names."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from hypothesis import strategies as st

from interlock.connectors.tryton import plugin
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.objects import object_maps
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Line, Money, Ref
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.testing.proxy import Fault, FaultKind, FaultProxy
from tests.real.systems.tryton import TrytonServer
from tests.real.systems.tryton_rpc import TrytonFault, TrytonRpc

MODELS: Mapping[str, str] = {
    "customer": "party.party", "contact": "party.party", "product": "product.product",
    "order": "sale.sale", "project": "project.work",
}  # fmt: skip
TABLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "customer": [("party_party", "id"), ("party_address", "party")],
    "contact": [("party_party", "id"), ("party_relation", "from_")],
    "product": [("product_product", "id")],
    "order": [("sale_sale", "id"), ("sale_line", "sale")],
    "project": [("project_work", "id")],
}
FIELDS: Mapping[tuple[str, str], str] = {("order", "po_number"): "reference"}


def decimal(value: Decimal | str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": str(value)}


class TrytonHarness(Harness):
    """One Tryton, shared by all tests, behind a proxy of the test's own."""

    plugin = plugin
    entities = ("customer", "contact", "product", "order", "project")
    text_field = MappingProxyType({**Harness.text_field, "project": "name"})
    currencies = ("USD",)
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "neither a sale nor a project can be archived",
        "merge": "sales and projects cannot be merged; merging of products was not tried",
        "plant": "only products have fields on Tryton's list of never",
        "tear_next_create": "a sale is made with all its lines in one transaction, a project has none",
    })  # fmt: skip
    server: ClassVar[TrytonServer]
    admin: ClassVar[TrytonRpc]
    user: ClassVar[tuple[str, str]]
    """Login and password of a user who may also set credit limits."""

    options: Mapping[str, Any] = MappingProxyType({})

    async def __aenter__(self) -> Self:
        self.proxy = await FaultProxy(self.server.url).__aenter__()
        self._asked = 0
        self._hidden: list[int] = []
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        if self._hidden:
            self.call("ir.model.field.access", "delete", self._hidden)

    def settings(self, wrong: Wrong | None = None) -> TrytonSettings:
        login, password = self.user
        if wrong is Wrong.CREDENTIALS:
            # not the user's own login: five failures would lock it out
            login, password = f"nobody-{self.token}", "wrong-pass-word"
        return TrytonSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.proxy.url,
            "database": self.server.database, "login": login, "password": password,
            "page_size": 3, "batch_size": 3, "commit_delay": 5, "projects": True, **self.options,
        })  # fmt: skip

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return object_maps(self.settings())

    def secrets(self) -> Sequence[str]:
        return [self.user[1]]

    # ── the system ───────────────────────────────────────────────────────────────────────────

    def call(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        return self.admin.model(model, method, *params, **context)

    def one(self, model: str, record_id: str | int, *columns: str) -> dict[str, Any]:
        [row] = self.call(model, "read", [int(record_id)], list(columns))
        return dict(row)

    async def seed(self, entity: str, fields: Fields) -> str:
        [made] = await self.seed_together(entity, [fields])
        return made

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        values = [getattr(self, f"_{entity}")(fields) for fields in many]
        if entity == "product":
            templates = self.call("product.template", "create", values)
            rows = self.call("product.template", "read", templates, ["products"])
            products = {row["id"]: row["products"] for row in rows}
            return [str(product) for key in templates for product in products[key]]
        return [str(key) for key in self.call(MODELS[entity], "create", values)]

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        [(name, value)] = fields.items()
        if entity == "product":
            template = self.one("product.product", record_id, "template")["template"]
            self.call("product.template", "write", [template], {name: value})
        else:
            values = {FIELDS.get((entity, name), name): value}
            self.call(MODELS[entity], "write", [int(record_id)], values)

    async def read(self, entity: str, record_id: str) -> Fields | None:
        name = self.text_field[entity]
        column = FIELDS.get((entity, name), name)
        rows = self.call(
            MODELS[entity], "search_read", [["id", "=", int(record_id)]], 0, None, None, [column],
            active_test=False,
        )  # fmt: skip
        return {name: rows[0][column]} if rows else None

    async def ids(self, entity: str) -> set[str]:
        domain: list[Any] = []
        if entity == "customer":
            domain = [["categories.name", "=", "Customer"]]
        elif entity == "contact":
            domain = [["relations.type.name", "like", "%ontact of"]]
        elif entity == "project":
            domain = [["type", "=", "project"]]
        return {str(key) for key in self.call(MODELS[entity], "search", domain)}

    async def sample(self, entity: str) -> Fields:
        fields = await super().sample(entity)
        number = f"{self.token}-{next(self._numbers)}"
        if entity == "customer":
            return {
                **fields,
                "email": f"Info@{number}.example",
                "website": f"https://{number}.example",
            }
        if entity == "contact":
            return {**fields, "email": f"person@{number}.example"}
        return fields

    async def price(self) -> tuple[str, Money]:
        price = Money(Decimal(next(self._numbers)) + Decimal("10.1234"), "USD")
        product = await self.seed_sample("product")
        await self.edit("product", product, {"list_price": decimal(price.amount)})
        return product, price

    async def invalid(self, entity: str) -> Fields:
        fields = await self.sample(entity)
        if entity == "order":
            [line, *_] = fields["lines"]  # type: ignore[misc]
            # the unit of the seeded products is counted in whole pieces
            bad = Line(
                key="x", product=line.product, quantity=Decimal("1.5"), unit_price=Decimal(1)
            )
            return {**fields, "lines": (bad,)}
        if entity in ("contact", "project"):
            return {**fields, "customer": Ref("customer", "999999")}
        # Tryton has no such payment term
        return {**fields, "payment_terms": f"Net {self.token}"}

    def values(self, entity: str, field: str) -> Any:
        if field == "tax_id":
            return st.sampled_from(
                ["BE0428759497", "BE 0428.759.497", "US04-2103594", "us042103594", "GB980780684",
                 "DE136695976", "FR40303265045", "NL004495445B01", "EL094259216",
                 "CHE-107.787.577 IVA", "AU 83 914 571 673", "ATU13585627", "NO995525828MVA"]
            )  # fmt: skip
        return None

    def _customer(self, fields: Fields) -> dict[str, Any]:
        ids = self.server.ids
        mechanisms = [
            {"type": kind, "value": fields[kind]} for kind in ("email", "website") if kind in fields
        ]
        address = {
            "street": "1 Main St", "city": "Springfield", "postal_code": "12345",
            "country": ids["countries"]["US"], "invoice": True, "delivery": True,
        }  # fmt: skip
        return {
            "name": fields["name"], "addresses": [["create", [address]]],
            "contact_mechanisms": [["create", mechanisms]],
            "categories": [["add", [ids["party_categories"]["Customer"]]]],
        }  # fmt: skip

    def _contact(self, fields: Fields) -> dict[str, Any]:
        customer = fields["customer"]
        assert isinstance(customer, Ref)
        relation = {"to": int(customer.id), "type": self.server.ids["relation_types"]["Contact of"]}
        return {
            "name": fields["name"], "relations": [["create", [relation]]],
            "contact_mechanisms": [["create", [{"type": "email", "value": fields["email"]}]]],
        }  # fmt: skip

    def _product(self, fields: Fields) -> dict[str, Any]:
        ids = self.server.ids
        return {
            "name": fields["name"], "default_uom": ids["unit"], "type": "goods", "salable": True,
            "sale_uom": ids["unit"], "list_price": decimal("10"), "active": fields["active"],
            "account_category": ids["account_category"],
            "products": [["create", [{"suffix_code": fields["sku"]}]]],
        }  # fmt: skip

    def _order(self, fields: Fields) -> dict[str, Any]:
        customer, lines = fields["customer"], fields["lines"]
        assert isinstance(customer, Ref)
        assert isinstance(lines, tuple)
        party = int(customer.id)
        [address] = self.one("party.party", party, "addresses")["addresses"]
        rows = [
            {"product": int(line.product.id), "quantity": float(line.quantity), "note": line.key,
             "unit": self.server.ids["unit"], "unit_price": decimal(line.unit_price)}
            for line in lines if line.product is not None
        ]  # fmt: skip
        return {
            "party": party, "reference": fields["po_number"], "invoice_address": address,
            "currency": self.server.ids["currencies"][fields["currency"]],
            "lines": [["create", rows]],
        }  # fmt: skip

    def _project(self, fields: Fields) -> dict[str, Any]:
        customer = fields["customer"]
        assert isinstance(customer, Ref)
        [status] = self.call("project.work.status", "search", [["default", "=", True]])
        return {
            "name": fields["name"], "type": "project", "party": int(customer.id), "status": status,
            "company": self.server.ids["company"],
        }  # fmt: skip

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        if entity in ("order", "project"):
            raise CannotInject
        self.call(MODELS[entity], "write", [int(record_id)], {"active": False})

    async def remove(self, entity: str, record_id: str) -> None:
        self.call(MODELS[entity], "delete", [int(record_id)])

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        if entity not in ("customer", "contact"):
            raise CannotInject
        wizard = "wizard.party.replace"
        session, *_ = self.admin.call(f"{wizard}.create", self.admin.context)
        context = {**self.admin.context, "active_model": "party.party",
                   "active_id": int(loser), "active_ids": [int(loser)]}  # fmt: skip
        chosen = {"ask": {"source": int(loser), "destination": int(winner)}}
        for _ in range(5):
            try:
                self.admin.call(f"{wizard}.execute", session, chosen, "replace", context)
            except TrytonFault as fault:
                kind, details = fault.error[:2]
                assert kind == "UserWarning", fault
                self.call("res.user.warning", "skip", details[0], False)
            else:
                return
        raise AssertionError("the merge goes on asking")

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        """Stamp a record with an earlier time than that at which it appeared.

        It is what a transaction that began earlier leaves behind; SQLite itself has one writer, so
        that no such transaction can be kept open beside the connector's.
        """
        began = datetime.now(UTC)

        async def commit() -> str:
            made = await self.seed(entity, fields)
            self.stamp(entity, made, began)
            return made

        return commit

    def stamp(self, entity: str, record_id: str, at: datetime) -> None:
        """Set the change time of a record and of the rows below it."""
        path = Path(self.server.state) / f"{self.server.database}.sqlite"
        text = at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        with closing(sqlite3.connect(path, timeout=30)) as database, database:
            for table, column in TABLES[entity]:
                database.execute(
                    f"UPDATE {table} SET create_date = ?, write_date = NULL WHERE {column} = ?",
                    (text, int(record_id)),
                )

    def end_sessions(self, user: int) -> None:
        """End a user's sessions, as their age would."""
        path = Path(self.server.state) / f"{self.server.database}.sqlite"
        with closing(sqlite3.connect(path, timeout=30)) as database, database:
            database.execute("DELETE FROM ir_session WHERE create_uid = ?", (user,))

    async def lose_next_answer(self, entity: str) -> None:
        self._arm(entity, FaultKind.LOSE_ANSWER)

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self._arm(entity, FaultKind.FORWARD_LATE, seconds=0.5)
        return self.proxy.finish_late

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        page = "<html><h1>Gateway</h1><script>x()</script></html>" if html else ""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.proxy.add(
            Fault(kind=FaultKind.ANSWER, status=status, answer=page, headers=headers)
        )  # fmt: skip

    async def hide_field(self, entity: str, field: str) -> None:
        [access] = self.call("ir.model.field.access", "create", [{
            "model": MODELS[entity], "field": FIELDS.get((entity, field), field),
            "perm_read": False, "perm_write": False, "perm_create": False, "perm_delete": False,
        }])  # fmt: skip
        self._hidden.append(access)

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        if entity != "product":
            raise CannotInject
        price = f"{int(self.token, 16) % 10**6}.4711"
        self.call("product.product", "write", [int(record_id)], {"cost_price": decimal(price)})
        return [price]

    async def requested(self, entity: str) -> frozenset[str]:
        names: set[str] = set()
        for seen in self.proxy.seen[self._asked :]:
            body = json.loads(seen.body)
            model, _, method = body["method"].removeprefix("model.").rpartition(".")
            place = {"read": 1, "search_read": 4}.get(method)
            if model == MODELS[entity] and place is not None:
                names |= set(body["params"][place])
        self._asked = len(self.proxy.seen)
        return frozenset(names)

    def _arm(self, entity: str, kind: FaultKind, seconds: float = 0.0) -> None:
        # one of the two, as one fault, where both would come in turn: create or confirm
        calls = ["c"] if entity == "order" else ["create", "write"]
        for call in calls:
            body = f'"method":"model.{MODELS[entity]}.{call}'
            self.proxy.add(Fault(kind=kind, body=body, seconds=seconds))
        if entity == "order":
            self.proxy.add(
                Fault(kind=kind, body='"method":"model.sale.sale.write', seconds=seconds)
            )
