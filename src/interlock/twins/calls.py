"""A call of a twin's API and its answer, free of any server; and which handler gets which path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec

__all__ = ["Answer", "Call", "Route", "Router"]

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.  ``path`` is still percent-encoded; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""
    """Scheme, host and port the caller used."""

    @property
    def text(self) -> str:
        """Give the body as text."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Read the body; decimals stay exact.  Raises ``ValueError`` for anything but JSON."""
        return json.loads(self.body, parse_float=Decimal)

    def form(self) -> dict[str, str]:
        """Read the body as an HTML form."""
        return dict(parse_qsl(self.text, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; ``body``: anything JSON can hold, bytes as they are, ``None`` for nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Give the body as it goes over the wire."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else _encode(self.body)

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """Add headers."""
        return Answer(self.status, self.body, {**self.headers, **headers})


H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Route(Generic[H]):
    """``pattern``: a path with ``{names}`` in place of its variable segments."""

    method: str
    pattern: str
    handler: H


class Router(Generic[H]):
    """Finds the handler of a path; a slash at the end does not matter."""

    def __init__(self, routes: Sequence[Route[H]]) -> None:
        self._routes = [
            (route.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern)), route)
            for route in routes
        ]

    def match(self, method: str, path: str) -> tuple[H, dict[str, str]] | None:
        """Find the handler and the decoded names in the path."""
        for wanted, pattern, route in self._routes:
            found = pattern.fullmatch(path.rstrip("/") or "/")
            if found and wanted == method:
                return route.handler, {k: unquote(v) for k, v in found.groupdict().items()}
        return None

    def methods(self, path: str) -> list[str]:
        """List the methods a path knows; empty where there is no such path."""
        return [m for m, pattern, _ in self._routes if pattern.fullmatch(path.rstrip("/") or "/")]
