"""The HubSpot twin's API called without a server, and what tests ask of it again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.clock import TwinClock
from interlock.twins.hubspot import HubSpotTwin, make

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REFERENCE = {"type": "string", "fieldType": "text", "hasUniqueValue": True}


class Api:
    """A portal with a clock that stands still, and a client with its key."""

    def __init__(self, seed: str = "empty", version: str = "2026-03") -> None:
        self.clock = TwinClock(START)
        self.twin: HubSpotTwin = make(seed=seed, clock=self.clock)
        self.twin.configure({
            "calls_in_10_seconds": 1_000, "searches_a_second": 1_000,
            "properties": {"companies.ref": REFERENCE},
        })  # fmt: skip
        self.version = version

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        return self.twin.handle(
            Call(
                method=method,
                path=path.replace("VERSION", self.version),
                query=query,
                headers={"authorization": f"Bearer {self.twin.token}"},
                body=b"" if body is None else json.dumps(body).encode(),
                base_url="http://127.0.0.1:1",
            )
        )

    def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = self.call(method, path, body, **query)
        assert answer.status < 300, answer
        return json.loads(answer.encoded() or b"null")

    def objects(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        return self.ok(method, f"/crm/objects/VERSION/{path}", body, **query)

    def create(self, kind: str, **properties: Any) -> str:
        made = self.objects("POST", kind, {"properties": properties, "associations": []})
        return str(made["id"])

    def found(self, kind: str, *filters: dict[str, Any], **more: Any) -> list[str]:
        """Names of the records a search finds."""
        body = {"filterGroups": [{"filters": list(filters)}], "properties": ["name"], "limit": 100,
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}], **more}  # fmt: skip
        answer = self.objects("POST", f"{kind}/search", body)
        return [row["properties"]["name"] for row in answer["results"]]

    def error(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of a call that must be refused."""
        answer = self.call(method, f"/crm/objects/VERSION/{path}", body, **query)
        assert answer.status >= 300, answer
        return answer.status, json.loads(answer.encoded())


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """One condition of a search."""
    given = {} if value is None else {"value": str(value)}
    return {"propertyName": name, "operator": operator, **given, **more}
