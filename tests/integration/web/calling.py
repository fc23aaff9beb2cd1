"""Calls an app in this process, as a server would: no port, no thread of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from interlock.service.tokens import Scope, create_token
from interlock.web import make_app
from tests.integration.company import Company

__all__ = ["Answered", "Caller", "serving"]


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Somebody with a token, or without."""

    app: FastAPI
    token: str = ""

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answered:
        path, _, query = path.partition("?")
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {"host": "sync.example.org", "content-type": "application/json"}
        if self.token:
            given["authorization"] = f"Bearer {self.token}"
        given |= headers or {}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "https", "path": path, "raw_path": quote(path).encode(),
            "query_string": query.encode(), "root_path": "", "server": ("sync.example.org", 443),
            "client": ("10.0.0.1", 40000),
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in given.items()],
        }  # fmt: skip
        parts = [sent[i : i + 65536] for i in range(0, len(sent), 65536)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": i < len(parts) - 1}
            for i, part in enumerate(parts)
        ]
        out: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            out.append(message)

        await self.app(scope, receive, send)
        start = next(m for m in out if m["type"] == "http.response.start")
        answered = {n.decode(): v.decode() for n, v in start["headers"]}
        return Answered(start["status"], answered, b"".join(m.get("body", b"") for m in out[1:]))

    def named(self, token: str) -> Caller:
        return Caller(self.app, token)


@asynccontextmanager
async def serving(company: Company, **options: Any) -> AsyncIterator[dict[str, Caller]]:
    """Serve a company; callers by scope, and one without a token as ``nobody``."""
    async with company.session() as session:
        app = make_app(session, **options)
        callers = {"nobody": Caller(app)}
        for scope in Scope:
            made = create_token(
                session.store, f"{scope}-test", scope, by="tester", now=company.clock()
            )
            callers[scope.value] = Caller(app, made.token)
        async with app.router.lifespan_context(app):
            yield callers
