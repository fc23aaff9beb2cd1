"""HubSpot past its connector: the twin's own pages, with HubSpot's names written down anew."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from hypothesis import strategies as st

from interlock.connectors.base import Webhook
from interlock.connectors.hubspot import plugin
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.objects import flatten, object_maps
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Ref, Value
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.hubspot import HubSpotTwin
from interlock.twins.hubspot.webhooks import body_of, changed_events, signed_headers
from interlock.twins.serving import Running

OBJECTS: Mapping[str, str] = {
    "customer": "companies", "contact": "contacts", "product": "products", "deal": "deals",
    "quote": "quotes", "task": "tasks",
}  # fmt: skip
PUBLIC = "https://interlock.acme.example/webhooks/crm?from=hub%2Fspot&n=%20"
"""The address HubSpot was told to call; of what is encoded in it, HubSpot decodes only some."""

_KINDS = {
    "text": ("string", "text"), "number": ("number", "number"), "date": ("date", "date"),
    "time": ("datetime", "date"), "flag": ("bool", "booleancheckbox"),
}  # fmt: skip
_PROPERTIES = """
companies text: other_id email tax_id payment_terms hold_reason health_reasons tier figures_from
companies number: credit_limit balance overdue days_overdue credit_balance revenue_12m
companies number: revenue_change lifetime_revenue days_to_pay health_score
companies date: oldest_due_on last_payment_on
companies time: figures_at
companies flag: credit_hold
contacts text: other_id
contacts primary|billing|other: role
products flag: active
products in|low|out: stock
deals text: other_id order_number po_number paused_stage invoice_numbers quote_check
deals text: quote_check_reason
deals number: invoice_total
deals date: invoice_due_on
deals time: quote_checked_at
deals flag: paused
deals draft|open|fulfilled|cancelled: order_status
deals open|partly paid|paid|overdue|disputed: payment_status
quotes flag: accepted
"""


def choice(words: Sequence[str]) -> dict[str, Any]:
    options = [{"label": word, "value": word} for word in words]
    return {"type": "enumeration", "fieldType": "select", "options": options}


def _definitions() -> dict[str, dict[str, Any]]:
    reference = {"type": "string", "fieldType": "text", "hasUniqueValue": True}
    found: dict[str, dict[str, Any]] = {
        f"{kind}.interlock_ref": reference
        for kind in ("companies", "contacts", "products", "tasks")
    }
    for line in _PROPERTIES.strip().splitlines():
        head, _, names = line.partition(": ")
        kind, _, form = head.partition(" ")
        made = choice(form.split("|"))
        if form in _KINDS:
            made = {"type": _KINDS[form][0], "fieldType": _KINDS[form][1]}
        found |= {f"{kind}.interlock_{name}": made for name in names.split()}
    return found


FIELDS: Mapping[str, Mapping[str, Any]] = _definitions()
"""The custom properties, as an administrator would make them."""


class HubSpotHarness(Harness):
    """One twin, shared by all tests and emptied for each."""

    plugin = plugin
    entities = ("customer", "contact", "product", "deal", "quote")
    example_ids = ("10000000123", "42")
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "what HubSpot calls archiving is deleting: the record is gone from every screen",
        "tear_next_create": "records are created whole",
        "merge": "HubSpot merges companies, contacts and deals only",
    })  # fmt: skip
    running: ClassVar[Running]
    options: ClassVar[Mapping[str, Any]] = {}

    @property
    def twin(self) -> HubSpotTwin:
        twin = self.running.twin
        assert isinstance(twin, HubSpotTwin)
        return twin

    async def __aenter__(self) -> Self:
        for table in (*OBJECTS.values(), "line_items", "associations"):
            for row in list(self.twin.storage.rows(table)):
                self.twin.storage.drop(table, row["id"])
        self.twin.faults.clear()
        self.twin.clock.run()
        self.twin.configure({"hidden": [], "required": {}, "merge_makes_new": False})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.twin.storage.commit()

    def settings(self, wrong: Wrong | None = None) -> HubSpotSettings:
        bad = wrong is Wrong.CREDENTIALS
        return HubSpotSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.running.url,
            "access_token": "pat-eu1-" + "0" * 32 if bad else self.twin.token,
            "webhook_secret": self.twin.webhook_secret,
            "currency": "EUR",
            "page_size": 3,
            "searches_a_second": 1_000_000,
            **self.options,
        })  # fmt: skip

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return object_maps("EUR")

    def secrets(self) -> Sequence[str]:
        return [self.twin.token, self.twin.webhook_secret]

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        more: dict[str, Any] = {}
        if entity == "deal":
            more = {"dealstage": "qualifiedtobuy"}
        if entity == "quote":
            more = {"hs_title": "Quote", "hs_expiration_date": "2027-01-01"}
        return self.twin.insert(OBJECTS[entity], more | self._values(entity, fields))

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        self.twin.update(OBJECTS[entity], record_id, self._values(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        row = self.twin.storage.get(OBJECTS[entity], record_id)
        if row is None or row["_archived"] or row["_merged"]:
            return None
        if entity == "contact":
            return {"name": " ".join(filter(None, (row.get("firstname"), row.get("lastname"))))}
        if entity == "quote":
            return {"number": row["hs_quote_number"]}
        return {"name": row["dealname" if entity == "deal" else "name"]}

    async def ids(self, entity: str) -> set[str]:
        rows = self.twin.storage.rows(OBJECTS[entity])
        return {row["id"] for row in rows if not row["_archived"] and not row["_merged"]}

    def _values(self, entity: str, fields: Fields) -> dict[str, Any]:
        names = {"customer": "companies", "deal": "deals", "sku": "hs_sku", "name": "name",
                 "active": "interlock_active", "number": "hs_quote_number"}  # fmt: skip
        values: dict[str, Any] = {}
        for name, value in fields.items():
            if name == "name" and entity == "contact":
                first, _, last = str(value).rpartition(" ")
                values |= {"firstname": first, "lastname": last}
            elif name == "name" and entity == "deal":
                values["dealname"] = value
            else:
                values[names[name]] = value.id if isinstance(value, Ref) else value
        return values

    # ── samples ──────────────────────────────────────────────────────────────────────────────

    async def invalid(self, entity: str) -> Fields:
        sample = await self.sample(entity)
        if entity == "contact":
            # a person needs no name where there is an e-mail
            return {**sample, "customer": Ref("customer", "99999999999")}
        return {**sample, "name": None}

    def values(self, entity: str, field: str) -> Any:
        words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30)
        match field:
            case "email" | "phone" | "sku" | "website" | "tax_id" | "other_id":
                return words
            case "name" if entity == "contact":
                return st.lists(words.map(lambda w: w[:9]), min_size=1, max_size=4).map(" ".join)
        return None

    def round_trip(self, entity: str, field: str, value: Value | None) -> Value | None:
        item = self.object_maps()[entity].limited_to({field})
        return item.decode(flatten(item.encode({field: value})))[field]

    # ── webhooks ─────────────────────────────────────────────────────────────────────────────

    def webhook_body(self, entity: str, ids: Sequence[str]) -> bytes:
        one = self.twin.portal.types[OBJECTS[entity]]
        return body_of(changed_events(one, ids, self.now()))

    def webhook(self, body: bytes, at: datetime, *, secret: str | None = None) -> Webhook:
        headers = signed_headers(secret or self.twin.webhook_secret, PUBLIC, body, at)
        return Webhook(url=PUBLIC, headers=headers, body=body, at=at)

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def remove(self, entity: str, record_id: str) -> None:
        self.twin.delete(OBJECTS[entity], record_id)

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        if entity not in ("customer", "contact", "deal"):
            raise CannotInject
        self.twin.merge(OBJECTS[entity], winner, [loser])

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
        self._break(FaultKind.LOST_ANSWER)

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self._break(FaultKind.LATE_COMMIT)

        async def finish() -> None:
            self.twin.storage.commit()

        return finish

    def _break(self, kind: FaultKind) -> None:
        writes = r"/crm/objects/.*/batch/(create|upsert|update)"
        self.twin.faults.arm(Fault(kind=kind, path=writes, times=1, seconds=3600))

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        kind = FaultKind.THROTTLED if status == 429 else FaultKind.UNAVAILABLE
        self.twin.faults.arm(
            Fault(kind=kind, path="/crm/", times=1, status=status, html=html,
                  retry_after=retry_after)
        )  # fmt: skip

    async def hide_field(self, entity: str, field: str) -> None:
        paths = self.object_maps()[entity].limited_to({field}).paths
        self.twin.configure({"hidden": [f"{OBJECTS[entity]}.{path}" for path in paths]})

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        text = f"Planted {self.token}"
        name = {"contact": "message", "quote": "hs_comments"}.get(entity, "description")
        self.twin.update(OBJECTS[entity], record_id, {name: text})
        return [text]

    async def requested(self, entity: str) -> frozenset[str]:
        asked: set[str] = set()
        for entry in self.twin.log.entries():
            tie = re.search(r"/associations/[^/]+/\w+/(\w+)/batch/read", entry.path)
            if tie:
                asked.add({"companies": "@customer", "deals": "@deal"}.get(tie[1], "@lines"))
            elif "/objects/" in entry.path and "line_items" not in entry.path:
                body = json.loads(entry.body) if entry.body else {}
                asked |= set(entry.query.get("properties", "").split(",")) - {""}
                asked |= set(body.get("properties") or ())
        self.twin.log.reset()
        return frozenset(asked)
