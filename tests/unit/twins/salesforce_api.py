"""The Salesforce twin's API called without a server, and what tests ask of it again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.salesforce import SalesforceTwin, make

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Api:
    """An org with a clock that stands still, and a client signed in to it."""

    def __init__(self, seed: str = "empty") -> None:
        self.clock = TwinClock(START)
        self.twin: SalesforceTwin = make(seed=seed, clock=self.clock)
        self.version = "67.0"

    def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None,
        **query: str,
    ) -> Answer:  # fmt: skip
        token = self.twin.app.access_token
        return self.twin.handle(
            Call(
                method=method,
                path=f"/services/data/v{self.version}{path}",
                query=query,
                headers={"authorization": f"Bearer {token}", **(headers or {})},
                body=b"" if body is None else json.dumps(body).encode(),
                base_url="http://127.0.0.1:1",
            )
        )

    def get(self, path: str, **query: str) -> Any:
        return self.ok("GET", path, **query)

    def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = self.call(method, path, body, **query)
        assert answer.status < 300, answer
        return json.loads(answer.encoded() or b"null")

    def create(self, name: str, **fields: Any) -> str:
        return str(self.ok("POST", f"/sobjects/{name}", fields)["id"])

    def query(self, soql: str) -> list[dict[str, Any]]:
        return list(self.get("/query", q=soql)["records"])

    def names(self, soql: str) -> list[Any]:
        return [record["Name"] for record in self.query(soql)]

    def error(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Status and the one error of a call that must be refused."""
        answer = self.call(method, path, body, **query)
        assert answer.status >= 300, answer
        (error,) = json.loads(answer.encoded())
        return answer.status, error

    def key_field(self, table: str = "Account", **more: Any) -> None:
        """Make the external id field ``Key__c`` as an administrator."""
        metadata = {"type": "Text", "label": "Key", "length": 80, "externalId": True, **more}
        self.twin.configure({"fields": {f"{table}.Key__c": metadata}})

    def price(self, name: str = "Pump", price: int = 100) -> str:
        """Make a product with a standard price; returns the price book entry's id."""
        product = self.create("Product2", Name=name, ProductCode=name.upper(), IsActive=True)
        (book,) = self.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
        return self.create(
            "PricebookEntry", Pricebook2Id=book["Id"], Product2Id=product, UnitPrice=price,
            IsActive=True,
        )  # fmt: skip

    def deal(self, **fields: Any) -> str:
        known = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-04-01"}
        return self.create("Opportunity", **(known | fields))
