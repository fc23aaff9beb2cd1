"""Routes: each says what scope it asks for and what it answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from fastapi import FastAPI, Response

from interlock.service.tables import Sheet, csv_text
from interlock.service.tokens import Scope
from interlock.web.problems import MEDIA_TYPE, Problem

__all__ = ["CSV", "PUBLIC", "SCOPE", "Routes", "answer", "describe", "table"]

SCOPE = "x-interlock-scope"
"""In the OpenAPI document: the least scope of a token that may call; ``public`` needs none."""
PUBLIC = "public"

_JSON = "application/json"
CSV = "text/csv"
_REF = "#/components/schemas/{name}"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    method: str
    scope: str
    returns: Any
    media: Sequence[str]
    takes: Any
    endpoint: Callable[..., Any]


@dataclass(slots=True)
class Routes:
    """Routes of one part of the API, in order."""

    tag: str
    found: list[_Route] = field(default_factory=list)

    def get(
        self,
        path: str,
        *,
        returns: Any,
        scope: Scope | str = Scope.VIEWER,
        media: Sequence[str] = (_JSON,),
    ) -> Callable[[_Endpoint], _Endpoint]:
        """Declare what is read; ``media``: the forms it comes in."""
        return self._declare(path, "GET", scope, returns, media, None)

    def post(
        self, path: str, *, returns: Any, scope: Scope | str = Scope.OPERATOR, takes: Any = None
    ) -> Callable[[_Endpoint], _Endpoint]:
        """Declare what is decided or asked; ``takes``: the body, where the endpoint reads it."""
        return self._declare(path, "POST", scope, returns, (_JSON,), takes)

    def _declare(
        self,
        path: str,
        method: str,
        scope: Scope | str,
        returns: Any,
        media: Sequence[str],
        takes: Any,
    ) -> Callable[[_Endpoint], _Endpoint]:
        def declare(endpoint: _Endpoint) -> _Endpoint:
            self.found.append(_Route(path, method, str(scope), returns, media, takes, endpoint))
            return endpoint

        return declare

    def add_to(self, app: FastAPI, schemas: Mapping[Any, dict[str, Any]]) -> None:
        """Put the routes into an app; ``schemas``: of the types they answer with and take."""
        for route in self.found:
            extra: dict[str, Any] = {SCOPE: route.scope}
            if route.takes is not None:
                extra["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": schemas[route.takes]}},
                }
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=[route.method],
                response_class=Response,
                response_model=None,
                tags=[self.tag],
                responses=_responses(route, schemas),
                openapi_extra=extra,
            )


def _responses(
    route: _Route, schemas: Mapping[Any, dict[str, Any]]
) -> dict[int | str, dict[str, Any]]:
    text = {"type": "string"}
    content = {
        media: {"schema": schemas[route.returns] if media == _JSON else text}
        for media in route.media
    }
    refused = {MEDIA_TYPE: {"schema": schemas[Problem]}}
    return {
        200: {"description": "Done.", "content": content},
        "default": {"description": "Refused or failed.", "content": refused},
    }


def describe(parts: Iterable[Routes]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Give the schema of each type that is answered or taken, and those they are made of, by name.

    All at once: two types of one name are told apart only where they meet.
    """
    kinds = [k for part in parts for r in part.found for k in (r.returns, r.takes) if k is not None]
    kinds = [*dict.fromkeys(kinds), Problem]
    schemas, named = msgspec.json.schema_components(
        kinds, ref_template=_REF, schema_hook=_any_value
    )
    return dict(zip(kinds, schemas, strict=True)), named


def _any_value(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "any value"}
    raise NotImplementedError


def answer(result: Any) -> Response:
    """Answer with a result of a use case."""
    return Response(msgspec.json.encode(result), media_type="application/json")


def table(sheet: Sheet, name: str) -> Response:
    """Answer with a table."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_text(sheet), media_type="text/csv; charset=utf-8", headers=headers)
