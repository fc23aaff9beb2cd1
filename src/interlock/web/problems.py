"""Problems: every refusal and failure as one document (RFC 9457) that says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from interlock.errors import (
    ConfigurationError,
    ConnectorError,
    InterlockError,
    StaleStateError,
    StoreError,
    ThrottledError,
)

__all__ = ["MEDIA_TYPE", "Problem", "of_error", "of_failure", "of_http", "of_validation", "respond"]

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong (``detail``), what mends it (``fix``), where in the call (``problems``)."""

    title: str
    status: int
    detail: str
    fix: str = ""
    problems: Sequence[str] = ()


def respond(
    status: int,
    detail: str,
    fix: str = "",
    *,
    problems: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, fix=fix, problems=problems
    )
    return Response(
        msgspec.json.encode(problem), status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


async def of_error(_: Request, error: Exception) -> Response:
    """Answer with an error of ours."""
    assert isinstance(error, InterlockError)
    return respond(_status(error), error.message, error.fix or "")


def _status(error: InterlockError) -> int:
    match error:
        case ConfigurationError():
            return 404 if error.message.startswith("there is no ") else 422
        case StaleStateError():
            return 409
        case StoreError() | ThrottledError():
            return 503
        case ConnectorError():
            return 502
        case _:
            return 500


async def of_http(_: Request, error: Exception) -> Response:
    """Answer where no endpoint could."""
    assert isinstance(error, HTTPException)
    fix = "see /v1/openapi.json" if error.status_code in (404, 405) else ""
    return respond(error.status_code, str(error.detail), fix, headers=error.headers)


async def of_validation(_: Request, error: Exception) -> Response:
    """Say which parts of a call are wrong, without repeating what they hold."""
    assert isinstance(error, RequestValidationError)
    found = [_told(one) for one in error.errors()]
    return respond(422, "the call is not as it should be", "see /v1/openapi.json", problems=found)


def _told(one: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in one["loc"])
    message = str(one["msg"])
    # a parser quotes what it stumbled over
    return f"{where}: {'this is no JSON' if one['type'] == 'json_invalid' else message}"


def of_failure(error: Exception) -> Response:
    """Answer when something failed that no use case foresaw."""
    if isinstance(error, exc.OperationalError | exc.TimeoutError):
        return respond(
            503, "the store does not answer; what was asked may not have been done",
            "try again in a minute; /health/ready says when it answers",
        )  # fmt: skip
    return respond(
        500, "this is a bug in Interlock; what was asked may not have been done",
        "the service's log names the place; look at the record before you repeat the call",
    )  # fmt: skip
