"""Salesforce past its connector: the twin's own pages, with Salesforce's names written down anew."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from hypothesis import strategies as st

from interlock.connectors.salesforce import plugin
from interlock.connectors.salesforce.config import SalesforceSettings
from interlock.connectors.salesforce.objects import flatten, object_maps
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Fields, Ref, Value
from interlock.testing.conformance import CannotInject, Harness, Wrong
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.salesforce import SalesforceTwin
from interlock.twins.serving import Running

OBJECTS: Mapping[str, str] = {
    "customer": "Account", "contact": "Contact", "product": "Product2", "deal": "Opportunity",
    "quote": "Quote",
}  # fmt: skip
TEXT = {"type": "Text", "label": "x", "length": 255}
AMOUNT = {"type": "Currency", "label": "x", "precision": 18, "scale": 2}
NUMBER = {"type": "Number", "label": "x", "precision": 18, "scale": 2}
DAY = {"type": "Date", "label": "x"}
BOX = {"type": "Checkbox", "label": "x", "defaultValue": "false"}
REFERENCE = {"type": "Text", "label": "x", "length": 80, "externalId": True, "unique": True}


def picklist(words: str) -> dict[str, Any]:
    values = [{"fullName": word} for word in words.split()]
    return {"type": "Picklist", "label": "x",
            "valueSet": {"restricted": True, "valueSetDefinition": {"value": values}}}  # fmt: skip


FIELDS: Mapping[str, Mapping[str, Any]] = {
    **{f"{o}.Interlock_Ref__c": REFERENCE for o in ("Account", "Contact", "Product2")},
    **{f"{o}.ERP_Id__c": TEXT for o in ("Account", "Contact", "Opportunity")},
    "Account.Email__c": {"type": "Email", "label": "x"},
    "Account.Tax_Id__c": TEXT,
    "Account.Payment_Terms__c": TEXT,
    "Account.Credit_Limit__c": {"type": "Currency", "label": "x", "precision": 18, "scale": 2},
    "Contact.Role__c": picklist("primary billing other"),
    "Opportunity.Order_Number__c": TEXT,
    "Opportunity.Order_Status__c": picklist("draft open fulfilled cancelled"),
    "Opportunity.PO_Number__c": TEXT,
    "Account.Credit_Hold__c": BOX,
    "Account.Hold_Reason__c": TEXT,
    **{f"Account.{name}__c": AMOUNT for name in (
        "Balance", "Overdue", "Credit_Balance", "Revenue_12m", "Lifetime_Revenue")},
    **{f"Account.{name}__c": NUMBER for name in (
        "Days_Overdue", "Revenue_Change", "Days_To_Pay", "Health_Score")},
    **{f"Account.{name}__c": TEXT for name in ("Health_Reasons", "Tier", "Figures_From")},
    "Account.Oldest_Due_On__c": DAY,
    "Account.Last_Payment_On__c": DAY,
    "Account.Figures_At__c": {"type": "DateTime", "label": "x"},
    "Opportunity.Paused__c": BOX,
    "Opportunity.Paused_Stage__c": TEXT,
    "Opportunity.Payment_Status__c": {
        "type": "Picklist", "label": "x", "valueSet": {"restricted": True, "valueSetDefinition": {
            "value": [{"fullName": word} for word in
                      ("open", "partly paid", "paid", "overdue", "disputed")]}},
    },
    "Opportunity.Invoice_Numbers__c": TEXT,
    "Opportunity.Invoice_Total__c": AMOUNT,
    "Opportunity.Invoice_Due_On__c": DAY,
}  # fmt: skip
"""The custom fields, as an administrator would make them."""


class SalesforceHarness(Harness):
    """One twin, shared by all tests and emptied for each."""

    plugin = plugin
    entities = ("customer", "contact", "product", "deal", "quote")
    example_ids = ("001gK0000000001QAA", "01tgK0000000002QAA")
    cannot: ClassVar[Mapping[str, str]] = MappingProxyType({
        "archive": "Salesforce archives nothing: a product is switched off by its field `active`",
        "tear_next_create": "records are created whole",
        "merge": "Salesforce merges accounts and contacts only",
    })  # fmt: skip
    running: ClassVar[Running]

    @property
    def twin(self) -> SalesforceTwin:
        twin = self.running.twin
        assert isinstance(twin, SalesforceTwin)
        return twin

    async def __aenter__(self) -> Self:
        for table in (*OBJECTS.values(), "OpportunityLineItem", "QuoteLineItem", "PricebookEntry"):
            for row in list(self.twin.storage.rows(table)):
                self.twin.storage.drop(table, row["Id"])
        self.twin.faults.clear()
        self.twin.clock.run()
        self.twin.configure({"hidden": []})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.twin.storage.commit()

    def settings(self, wrong: Wrong | None = None) -> SalesforceSettings:
        known = self.twin.credentials()
        return SalesforceSettings.model_validate({
            "url": "http://127.0.0.1:1" if wrong is Wrong.ADDRESS else self.running.url,
            "client_id": known["client_id"],
            "client_secret": "0" * 64 if wrong is Wrong.CREDENTIALS else known["client_secret"],
            "currency": "EUR",
            "page_size": 3,
        })  # fmt: skip

    def object_maps(self) -> Mapping[str, ObjectMap]:
        return object_maps("EUR")

    def secrets(self) -> Sequence[str]:
        known = self.twin.credentials()
        return [known["client_secret"], known["access_token"]]

    # ── the system ───────────────────────────────────────────────────────────────────────────

    async def seed(self, entity: str, fields: Fields) -> str:
        body = self._body(entity, fields)
        if entity == "deal":
            body = {"StageName": "Prospecting", "CloseDate": "2026-01-31", **body}
        if entity == "quote":
            body.setdefault("Name", "Quote")
        key = self.twin.insert(OBJECTS[entity], body)
        if entity == "quote" and "number" in fields:
            self._renumber(key, str(fields["number"]))
        return key

    async def edit(self, entity: str, record_id: str, fields: Fields) -> None:
        if entity == "quote":
            self._renumber(record_id, str(fields["number"]))
        else:
            self.twin.update(OBJECTS[entity], record_id, self._body(entity, fields))

    async def read(self, entity: str, record_id: str) -> Fields | None:
        row = self.twin.storage.get(OBJECTS[entity], record_id)
        if row is None or row["IsDeleted"]:
            return None
        return {"number": row["QuoteNumber"]} if entity == "quote" else {"name": row["Name"]}

    async def ids(self, entity: str) -> set[str]:
        rows = self.twin.storage.rows(OBJECTS[entity])
        return {row["Id"] for row in rows if not row["IsDeleted"]}

    def _renumber(self, key: str, number: str) -> None:
        """Salesforce numbers quotes itself; the suite wants a text it can tell apart."""
        row = self.twin.storage.get("Quote", key)
        assert row is not None
        self.twin.org.write(self.twin.org.object("Quote"), {**row, "QuoteNumber": number})

    def _body(self, entity: str, fields: Fields) -> dict[str, Any]:
        names = {"customer": "AccountId", "deal": "OpportunityId", "sku": "ProductCode",
                 "active": "IsActive", "name": "Name"}  # fmt: skip
        body: dict[str, Any] = {}
        for name, value in fields.items():
            if name == "name" and entity == "contact":
                first, _, last = str(value).rpartition(" ")
                body |= {"FirstName": first, "LastName": last}
            elif name != "number":
                body[names[name]] = value.id if isinstance(value, Ref) else value
        return body

    # ── samples ──────────────────────────────────────────────────────────────────────────────

    async def sample(self, entity: str) -> Fields:
        fields = await super().sample(entity)
        if entity == "quote":
            fields["number"] = str(fields["number"])[:30]
        return fields

    async def invalid(self, entity: str) -> Fields:
        if entity in ("deal", "quote"):
            raise CannotInject
        return {**await self.sample(entity), "name": None}

    def values(self, entity: str, field: str) -> Any:
        words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30)
        match field:
            case "email" | "phone" | "sku" | "website" | "tax_id" | "other_id":
                return words
            case "billing_address" | "shipping_address":
                return None
            case "name" if entity == "contact":
                return st.lists(words.map(lambda w: w[:9]), min_size=1, max_size=4).map(" ".join)
        return None

    def round_trip(self, entity: str, field: str, value: Value | None) -> Value | None:
        item = self.object_maps()[entity].limited_to({field})
        return item.decode(flatten(item.encode({field: value})))[field]

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    async def remove(self, entity: str, record_id: str) -> None:
        self.twin.delete(OBJECTS[entity], record_id)

    async def merge(self, entity: str, loser: str, winner: str) -> None:
        if entity not in ("customer", "contact"):
            raise CannotInject
        self.twin.merge(OBJECTS[entity], winner, [loser])

    async def seed_together(self, entity: str, many: Sequence[Fields]) -> list[str]:
        self.twin.clock.stand(self.twin.clock())
        made = [await self.seed(entity, fields) for fields in many]
        self.twin.clock.run()
        return made

    async def commit_late(self, entity: str, fields: Fields) -> Callable[[], Awaitable[str]]:
        # nobody can give a quote a number before it is there
        known = {name: value for name, value in fields.items() if name != "number"}
        with self.twin.storage.delayed(timedelta(hours=1)):
            key = await self.seed(entity, known)

        async def commit() -> str:
            self.twin.storage.commit()
            return key

        return commit

    async def lose_next_answer(self, entity: str) -> None:
        self.twin.faults.arm(Fault(kind=FaultKind.LOST_ANSWER, path="/composite", times=1))

    async def finish_next_late(self, entity: str) -> Callable[[], Awaitable[None]]:
        self.twin.faults.arm(
            Fault(kind=FaultKind.LATE_COMMIT, path="/composite", times=1, seconds=3600)
        )

        async def finish() -> None:
            self.twin.storage.commit()

        return finish

    async def fail_next(
        self, status: int, *, retry_after: int | None = None, html: bool = False
    ) -> None:
        kind = FaultKind.THROTTLED if status == 429 else FaultKind.UNAVAILABLE
        self.twin.faults.arm(
            Fault(kind=kind, path="/services/data", times=1, status=status, html=html,
                  retry_after=retry_after)
        )  # fmt: skip

    async def hide_field(self, entity: str, field: str) -> None:
        paths = self.object_maps()[entity].limited_to({field}).paths
        self.twin.configure({"hidden": [f"{OBJECTS[entity]}.{path}" for path in paths]})

    async def plant(self, entity: str, record_id: str) -> Sequence[str]:
        text = f"Planted {self.token}"
        self.twin.update(OBJECTS[entity], record_id, {"Description": text})
        return [text]

    async def requested(self, entity: str) -> frozenset[str]:
        asked: set[str] = set()
        for entry in self.twin.log.entries():
            soql = entry.query.get("q", "")
            if entry.path.endswith(("/query", "/queryAll")):
                outer = re.sub(r"\(SELECT .*? FROM (\w+)[^)]*\)", r"\1", soql)
                asked |= set(re.findall(r"[\w.]+", outer.partition(" FROM ")[0])) - {"SELECT"}
        self.twin.log.reset()
        return frozenset(asked)
