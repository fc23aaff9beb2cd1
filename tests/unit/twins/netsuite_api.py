"""Calling the NetSuite twin without a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.netsuite import NetSuiteTwin
from interlock.twins.netsuite.oauth import TOKEN_PATH

BASE = "http://twin.example"
REST = "/services/rest"


class Api:
    """Speaks to a twin as a signed-in program does."""

    def __init__(self, twin: NetSuiteTwin) -> None:
        self.twin = twin
        self.token = "open"
        twin.door._sessions[self.token] = 1e12

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Answer:  # fmt: skip
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        return self.twin.handle(Call(
            method=method, path=REST + path, query=query, headers=sent, base_url=BASE,
            body=b"" if body is None else json.dumps(body, default=str).encode(),
        ))  # fmt: skip

    def record(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        headers = {"x-netsuite-propertynamevalidation": "Error"}
        return self.call(method, "/record/v1" + path, body, headers, **query)

    def made(self, path: str, body: Any) -> str:
        answer = self.record("POST", path, body)
        assert answer.status == 204, answer.body
        return answer.headers["Location"].rpartition("/")[2]

    def query(self, text: str, **query: str) -> Answer:
        return self.call("POST", "/query/v1/suiteql", {"q": text}, {"prefer": "transient"}, **query)

    def rows(self, text: str) -> list[dict[str, Any]]:
        answer = self.query(text)
        assert answer.status == 200, answer.body
        return [{k: v for k, v in row.items() if k != "links"} for row in answer.body["items"]]


def code_of(answer: Answer) -> tuple[int, str, str]:
    """Status, error code and message of a refusal."""
    (detail,) = answer.body["o:errorDetails"]
    assert answer.body["status"] == answer.status
    return answer.status, detail["o:errorCode"], detail["detail"]


def sign_in(twin: NetSuiteTwin, assertion: str) -> Answer:
    """Ask for a session."""
    from urllib.parse import urlencode

    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    return twin.handle(Call(
        method="POST", path=TOKEN_PATH, base_url=BASE, body=urlencode(form).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    ))  # fmt: skip
