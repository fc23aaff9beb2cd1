"""BottleCRM past its connector: its own API with its own names, written down a second time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

import aiohttp
from hypothesis import strategies as st

from interlock.connectors.bottlecrm import plugin
from interlock.connectors.bottlecrm.config import BottleCrmSettings
from interlock.connectors.bottlecrm.objects import MAPS
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Money, Ref
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.testing.proxy import Fault, FaultKind, FaultProxy
from tests.real.systems.bottlecrm import BottleCrmServer

PATHS: Mapping[str, str] = {
    "customer": "/api/accounts/",
    "contact": "/api/contacts/",
    "product": "/api/invoices/products/",
    "deal": "/api/opportunities/",
}
ENVELOPES: Mapping[str, str] = {
    "customer": "account_obj", "contact": "contact_obj", "deal": "opportunity_obj",
}  # fmt: skip
DEFINITIONS: Sequence[tuple[str, str, str]] = (
    ("Account", "interlock_ref", "text"),
    ("Account", "erp_customer_id", "text"),
    ("Account", "tax_id", "text"),
    ("Account", "payment_terms", "text"),
    ("Account", "credit_limit", "number"),
    ("Account", "credit_limit_currency", "text"),
    ("Account", "shipping_street", "textarea"),
    ("Account", "shipping_city", "text"),
    ("Account", "shipping_region", "text"),
    ("Account", "shipping_postcode", "text"),
    ("Account", "shipping_country", "text"),
    *(
        ("Account", name + end, kind)
        for name in ("balance", "overdue", "credit_balance", "revenue_12m", "lifetime_revenue")
        for end, kind in (("", "number"), ("_currency", "text"))
    ),
    ("Account", "oldest_due_on", "date"),
    ("Account", "days_overdue", "number"),
    ("Account", "revenue_change", "number"),
    ("Account", "days_to_pay", "number"),
    ("Account", "last_payment_on", "date"),
    ("Account", "health_score", "number"),
    ("Account", "health_reasons", "textarea"),
    ("Account", "tier", "text"),
    ("Account", "figures_from", "textarea"),
    ("Account", "figures_at", "text"),
    ("Account", "credit_hold", "checkbox"),
    ("Account", "hold_reason", "textarea"),
    ("Contact", "interlock_ref", "text"),
    ("Contact", "erp_contact_id", "text"),
    ("Contact", "contact_role", "primary|billing|other"),
    ("Opportunity", "erp_order_id", "text"),
    ("Opportunity", "erp_order_number", "text"),
    ("Opportunity", "erp_order_status", "draft|open|fulfilled|cancelled"),
    ("Opportunity", "po_number", "text"),
    ("Opportunity", "paused", "checkbox"),
    ("Opportunity", "paused_stage", "text"),
    ("Opportunity", "invoice_numbers", "textarea"),
    ("Opportunity", "invoice_total", "number"),
    ("Opportunity", "invoice_total_currency", "text"),
    ("Opportunity", "invoice_due_on", "date"),
    ("Opportunity", "payment_status", "open|partly paid|paid|overdue|disputed"),
    ("Opportunity", "quote_check", "ok|warn|stop"),
    ("Opportunity", "quote_check_reason", "textarea"),
    ("Opportunity", "quote_checked_at", "text"),
    ("Task", "interlock_ref", "text"),
)


class Api:
    """BottleCRM's API as a user's own script would call it; every failure is an assertion."""

    def __init__(self, server: BottleCrmServer) -> None:
        self.server = server
        self._session = aiohttp.ClientSession(server.base_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, *, ok: tuple[int, ...] = (200, 201),
        signed_in: bool = False,
    ) -> Any:  # fmt: skip
        token = self.server.jwt_access if signed_in else self.server.token
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            data = await answer.json(content_type=None)
            assert answer.status in ok, f"{method} {path}: {answer.status} {data}"
            return data

    async def define_fields(self) -> None:
        """Make the custom fields, as an administrator on the settings page would."""
        for model, key, kind in DEFINITIONS:
            options = kind.split("|") if "|" in kind else []
            body = {"target_model": model, "key": key, "label": key,
                    "field_type": "dropdown" if options else kind}  # fmt: skip
            if options:
                body |= {"options": [{"value": o, "label": o} for o in options]}
            await self.call("POST", "/api/custom-fields/", body, ok=(201,))


class BottleCrmHarness(Harness):
    """One BottleCRM, shared by all tests, behind a proxy of the test's own."""

    plugin = plugin
    entities = ("customer", "contact", "product", "deal")
    example_ids = ("71acc63b-1090-471e-b531-cff331a8a3f4", "b691fd76-ca27-460d-b410-aa0236d21088")
    currencies = ("EUR", "USD", "JPY")
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "a product is not archived: switching it off is its field `active`",
        "hide_field": "BottleCRM has no rights on single fields",
        "requested": "BottleCRM lets no caller choose the fields of an answer",
    })  # fmt: skip
    server: ClassVar[BottleCrmServer]

    async def __aenter__(self) -> Self:
        self.credential = self.server.token
        self.api = await Api(self.server).__aenter__()
        self.proxy = await FaultProxy(self.server.base_url).__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        await self.api.__aexit__()

    def settings(self, wrong: Wrong | None = None) -> BottleCrmSettings:
        nobody = f"bcrm_pat_{'q' * 43}"
        return BottleCrmSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.proxy.url,
            "token": nobody if wrong is Wrong.CREDENTIALS else self.credential,
            "page_size": 3,
        })  # fmt: skip

    async def limit_token(self, *scopes: str) -> None:
        """Connect from now on with a token that has only these scopes."""
        made = await self.api.call(
            "POST", "/api/profile/tokens/", {"name": self.token, "scopes": scopes}, signed_in=True
        )
        self.credential = made["token"]

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return MAPS

    def secrets(self) -> Sequence[str]:
        return [self.server.token]

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        data = await self.api.call("POST", PATHS[entity], self._body(entity, fields))
        return str(data["product"]["id"] if entity == "product" else data["id"])

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        await self._change(entity, record_id, self._body(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        data = await self.api.call("GET", f"{PATHS[entity]}{record_id}/", ok=(200, 404))
        row = data.get(ENVELOPES[entity]) if entity in ENVELOPES else data
        if not row or "id" not in row:
            return None
        if entity == "contact":
            return {"name": f"{row['first_name']} {row['last_name']}".removesuffix(" -")}
        return {"name": row["name"]}

    async def ids(self, entity: str) -> set[str]:
        data = await self.api.call("GET", f"{PATHS[entity]}?limit=10000")
        match entity:
            case "customer":
                rows = (data["active_accounts"]["open_accounts"]
                        + data["closed_accounts"]["close_accounts"])  # fmt: skip
            case "deal":
                rows = data["opportunities"]
            case _:
                rows = data["results"]
        return {row["id"] for row in rows}

    async def sample(self, entity: str) -> Fields:
        fields = await super().sample(entity)
        if entity == "contact":
            number = f"{self.token}{next(self._numbers)}"
            return {**fields, "email": f"person-{number}@example.org"}
        return fields

    async def invalid(self, entity: str) -> Fields:
        return {**await self.sample(entity), "name": None}

    def values(self, entity: str, field: str) -> Any:
        words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30)
        match field:
            case "website":
                return words.map(lambda path: f"https://acme.example/{path}")
            case "phone":
                return st.text("0123456789 +-().", min_size=5, max_size=22).map(
                    lambda number: f"1{number}2"
                )
            case "email" | "sku":
                return words
            case "list_price":
                # 0 is what stands there when nobody stated a price
                cents = st.integers(1, 10**12 - 1).map(lambda n: Decimal(n).scaleb(-2))
                return st.builds(Money, cents, st.sampled_from(self.currencies))
            case "name" if entity == "contact":
                # "-" stands for the missing half of a name
                usual = words.filter(lambda word: word != "-")
                return st.lists(usual, min_size=1, max_size=4).map(" ".join)
        return None

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def archive(self, entity: str, record_id: str) -> None:
        if entity == "product":
            raise CannotInject
        await self._change(entity, record_id, {"is_active": False})

    async def remove(self, entity: str, record_id: str) -> None:
        await self.api.call("DELETE", f"{PATHS[entity]}{record_id}/")

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        await self.api.call("POST", f"{PATHS[entity]}{winner}/merge/", {"merge_id": loser})

    async def lose_next_answer(self, entity: str) -> None:
        self._arm(entity, FaultKind.LOSE_ANSWER)

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self._arm(entity, FaultKind.FORWARD_LATE, seconds=1.0)
        return self.proxy.finish_late

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        page = "<html><h1>Gateway</h1><script>x()</script></html>" if html else ""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.proxy.add(
            Fault(kind=FaultKind.ANSWER, status=status, answer=page, headers=headers)
        )  # fmt: skip

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        text = f"planted-{self.token}"
        await self._change(entity, record_id, {"description": text})
        return [text]

    def _arm(self, entity: str, kind: FaultKind, seconds: float = 0.0) -> None:
        for method in ("POST", "PUT" if entity == "product" else "PATCH"):
            path = f"^{PATHS[entity]}" + ("$" if method == "POST" else "")
            self.proxy.add(Fault(kind=kind, method=method, path=path, seconds=seconds))

    async def _change(self, entity: str, record_id: str, body: Mapping[str, Any]) -> None:
        method = "PUT" if entity == "product" else "PATCH"
        await self.api.call(method, f"{PATHS[entity]}{record_id}/", body)

    def _body(self, entity: str, fields: Fields) -> dict[str, Any]:
        names = {"active": "is_active", "customer": "account"}
        body = {names.get(name, name): value.id if isinstance(value, Ref) else value
                for name, value in fields.items()}  # fmt: skip
        if entity == "contact" and "name" in body:
            first, _, last = str(body.pop("name")).rpartition(" ")
            body |= {"first_name": first or "-", "last_name": last}
        return body
