"""Calls to BottleCRM and what its answers mean.

Facts the classification rests on: a bad token is answered 403, not 401; a missing scope is a 403
that names it; an absent record is a JSON 404, an unknown route an HTML 404; validation is a 400 in
one of four shapes; a crash is an HTML 500 and may come after the record was stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from interlock.connectors.bottlecrm.config import BottleCrmSettings
from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit import Answer, HttpClient, clean
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["Client", "Refusal", "classify", "is_absent", "is_id", "refusals"]

_BAD_TOKEN = re.compile(
    r"organization context|invalid token|revoked or expired|is inactive|credentials were not"
    r"|no longer have access|given token not valid",
    re.IGNORECASE,
)
_SCOPE = re.compile(r"needs the (\S+) scope")
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^”]*”")
_CODES = (
    ("duplicate", re.compile(r"already exists|must be unique|already taken", re.IGNORECASE)),
    ("too_long", re.compile(r"no more than \d+ (characters|digits)", re.IGNORECASE)),
    ("unknown_choice", re.compile(r"valid choice|must be one of|not a stage", re.IGNORECASE)),
    ("required", re.compile(r"required|may not be (blank|null)|cannot be closed without"
                            r"|has to record", re.IGNORECASE)),
    ("not_found", re.compile(r"no such|does not exist|not found", re.IGNORECASE)),
    ("invalid_value", re.compile(r"valid|must be|must not|cannot be", re.IGNORECASE)),
)  # fmt: skip


class Refusal(NamedTuple):
    """One complaint of a 400: a code of ours, BottleCRM's field (dotted) or "", a clean text."""

    code: str
    field: str
    message: str


class Client:
    """The API with a personal access token; every failure is one of our errors."""

    def __init__(
        self, connection: str, settings: BottleCrmSettings, now: Any, budget: CallBudget = FREE
    ) -> None:
        token = settings.token.get_secret_value()
        self.name = connection
        self._now = now
        self._http = HttpClient(
            connection,
            settings.url,
            headers={"Authorization": f"Bearer {token}"},
            secrets=(token,),
            timeout=settings.timeout,
            connections=settings.concurrency,
            now=now,
            budget=budget,
        )

    async def close(self) -> None:
        """Close the sockets."""
        await self._http.close()

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """Read; an absent record is an answer too (see ``is_absent``)."""
        answer = await self._http.request("GET", path, params=params)
        if not is_absent(answer):
            self._raise(answer, f"GET {path}", writes=False)
        return answer

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST that changes nothing and give the answer's data."""
        answer = await self._http.request("POST", path, json=body)
        self._raise(answer, f"POST {path}", writes=False)
        return answer.data

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something and give the answer's data."""
        answer = await self._http.request(method, path, json=body, writes=True)
        self._raise(answer, f"{method} {path}", writes=True)
        return answer.data

    def _raise(self, answer: Answer, operation: str, *, writes: bool) -> None:
        error = classify(
            answer, system=self.name, operation=operation, writes=writes, now=self._now()
        )
        if error is not None:
            raise error


def is_absent(answer: Answer) -> bool:
    """Say whether the answer means "no such record", as against "no such address"."""
    return (
        answer.status == 404
        and isinstance(answer.data, Mapping)
        and answer.data.get("code") != "module_off"
    )


def is_id(text: str) -> bool:
    """Say whether BottleCRM could have given this id; any other is an unknown address to it."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def classify(
    answer: Answer, *, system: str, operation: str, writes: bool, now: datetime
) -> ConnectorError | None:
    """Say what an answer means for the engine; ``None`` when it is a success."""
    match answer.status:
        case status if 200 <= status < 300:
            return None if answer.is_json else _not_the_api(system, operation, writes=writes)
        case 401:
            return _needs_auth(system, operation)
        case 403:
            return _forbidden(answer, system, operation)
        case 404 if answer.is_json:
            return _not_found(answer, system, operation)
        case status if 300 <= status < 400 or status == 404:
            return _not_the_api(system, operation, writes=False)
        case 429:
            return ThrottledError(
                f"{system}: asks to slow down",
                until=answer.retry_after(now),
                system=system,
                operation=operation,
            )
        case status if status >= 500 or status == 408:
            # Nothing tells a crash before the record was stored from one after it.
            kind = UnknownOutcomeError if writes and status != 503 else TransientError
            return kind(
                f"{system}: HTTP {status} to {operation}",
                system=system,
                operation=operation,
                code="server_error",
            )
    first = next(refusals(answer.data), Refusal("rejected", "", _text(answer)))
    return RejectedError(
        f"{system}: {first.message}",
        system=system,
        operation=operation,
        code=first.code,
        field=first.field or None,
    )


def refusals(data: Any) -> Iterator[Refusal]:
    """List the complaints of a 400 in any of its shapes.

    ``{error, errors: {field: [text]}}``, the same with a map nested under a field (custom fields)
    or a plain text, ``{error, message}``, ``{detail}``, and the bare ``{field: [text]}``.
    """
    if not isinstance(data, Mapping):
        return
    errors = data.get("errors", data.get("message", data.get("detail")))
    if errors is None:
        errors = {name: value for name, value in data.items() if name != "error"}
    yield from _walk(errors, "")


def _walk(value: Any, path: str) -> Iterator[Refusal]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            nested = "" if name == "non_field_errors" else str(name)
            yield from _walk(inner, f"{path}.{nested}" if path and nested else path or nested)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner, path)
    elif value is not None:
        message = _clean(str(value))
        code = next((c for c, pattern in _CODES if pattern.search(message)), "rejected")
        field = path.removeprefix("custom_fields.")
        yield Refusal(code, path, f"{field}: {message}" if field else message)


def _clean(text: str) -> str:
    """Drop quoted parts: BottleCRM quotes the value it refuses."""
    return clean(_QUOTED.sub("…", text))


def _text(answer: Answer) -> str:
    if not answer.is_json:
        return "answered with a page instead of JSON"
    return next((r.message for r in refusals(answer.data)), "no reason given")


def _needs_auth(system: str, operation: str) -> NeedsAuthError:
    return NeedsAuthError(
        f"{system}: the access token is not accepted (wrong, expired, revoked or its owner "
        "inactive)",
        system=system,
        operation=operation,
        code="bad_token",
        fix="create a personal access token in BottleCRM and put it into the connection",
    )


def _forbidden(answer: Answer, system: str, operation: str) -> ConnectorError:
    text, raw = _text(answer), str(answer.data)  # cleaning takes words after "Token" away
    if _BAD_TOKEN.search(raw):
        return _needs_auth(system, operation)
    scope = _SCOPE.search(raw)
    if scope:
        return NotPermittedError(
            f"{system}: the access token lacks the scope {scope[1]}",
            system=system,
            operation=operation,
            code=scope[1],
            fix=f"create a token that has {scope[1]}",
        )
    return NotPermittedError(
        f"{system}: {text}", system=system, operation=operation, code="not_permitted",
        fix="the token acts as its owner: give the owner the right in BottleCRM",
    )  # fmt: skip


def _not_found(answer: Answer, system: str, operation: str) -> ConnectorError:
    if is_absent(answer):
        return RejectedError(
            f"{system}: the record is not there",
            system=system,
            operation=operation,
            code="not_found",
        )
    return NotPermittedError(
        f"{system}: {_text(answer)}",
        system=system,
        operation=operation,
        code="module_off",
        fix="switch the module on in BottleCRM's settings",
    )


def _not_the_api(system: str, operation: str, *, writes: bool) -> ConnectorError:
    kind = UnknownOutcomeError if writes else TransientError
    return kind(
        f"{system}: the address answers {operation} with something that is not BottleCRM's API",
        system=system,
        operation=operation,
        code="not_the_api",
        fix="check the connection's url: the API's address, not the web application's",
    )
