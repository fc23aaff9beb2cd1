"""The QuickBooks twin's API called without a server, and what tests ask of it again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.quickbooks import QuickBooksTwin, make

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Api:
    """A company with a clock that stands still, and a client signed in to it."""

    def __init__(self, seed: str = "empty") -> None:
        self.clock = TwinClock(START)
        self.twin: QuickBooksTwin = make(seed=seed, clock=self.clock)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        token = self.twin.app.access_token
        return self.twin.handle(
            Call(
                method=method,
                path=f"/v3/company/{self.twin.realm}{path}",
                query=query,
                headers={"authorization": f"Bearer {token}"},
                body=b"" if body is None else json.dumps(body).encode(),
                base_url="http://127.0.0.1:1",
            )
        )

    def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = self.call(method, path, body, **query)
        assert answer.status == 200, answer
        return json.loads(answer.encoded())

    def make(self, name: str, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.ok("POST", f"/{name.lower()}", fields)[name]
        return made

    def query(self, text: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ok("GET", "/query", query=text)["QueryResponse"]
        return found

    def refused(self, method: str, path: str, body: Any = None, **query: str) -> tuple[str, Any]:
        """Code and element of a call that must be refused."""
        answer = self.call(method, path, body, **query)
        assert answer.status == 400, answer
        (error,) = json.loads(answer.encoded())["Fault"]["Error"]
        return error["code"], error.get("element")

    def item(self, **fields: Any) -> str:
        made = {"Name": "Pump", "IncomeAccountRef": {"value": "1"}, "UnitPrice": 10, **fields}
        return str(self.make("Item", **made)["Id"])

    def customer(self, name: str = "Acme", **fields: Any) -> str:
        return str(self.make("Customer", DisplayName=name, **fields)["Id"])

    def sale(self, name: str, customer: str, item: str, quantity: int = 2, price: int = 10,
             **fields: Any) -> dict[str, Any]:  # fmt: skip
        line = {
            "DetailType": "SalesItemLineDetail", "Amount": quantity * price,
            "SalesItemLineDetail": {"ItemRef": {"value": item}, "Qty": quantity,
                                    "UnitPrice": price},
        }  # fmt: skip
        return self.make(name, CustomerRef={"value": customer}, Line=[line], **fields)
