"""How the API says no: HubSpot's error body, alone or as one error of a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.twins.calls import Answer

__all__ = ["Refused", "invalid_values", "missing"]

_CORRELATION = "00000000-0000-4000-8000-000000000000"


class Refused(Exception):  # noqa: N818  it is an answer of the API, not an error of the twin
    """A request, or one input of a batch, that is not accepted."""

    def __init__(
        self,
        category: str,
        message: str,
        *,
        status: int = 400,
        context: Mapping[str, Sequence[str]] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        sub_category: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{category}: {message}")
        self.category = category
        self.message = message
        self.status = status
        self.context = dict(context or {})
        self.errors = list(errors)
        self.sub_category = sub_category
        self.more = dict(more or {})

    def answer(self) -> Answer:
        """Give the answer of a call refused for it."""
        body: dict[str, Any] = {
            "status": "error", "message": self.message, "correlationId": _CORRELATION,
            "category": self.category, **self.more,
        }  # fmt: skip
        if self.context:
            body["context"] = self.context
        if self.errors:
            body["errors"] = self.errors
        if self.sub_category:
            body["subCategory"] = self.sub_category
        return Answer(self.status, body)

    def for_batch(self, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Show it as one error of a batch; ``context``: which inputs it is about."""
        return {
            "status": "error", "category": self.category, "message": self.message,
            "context": {**self.context, **context}, "errors": self.errors, "links": {},
        }  # fmt: skip


def invalid_values(problems: Sequence[tuple[str, str, str]]) -> Refused:
    """Refuse values; each with the property's name, the error's code and what is wrong."""
    listed = [
        {"isValid": False, "message": message, "error": code, "name": name,
         "localizedErrorMessage": message}
        for name, code, message in problems
    ]  # fmt: skip
    errors = [
        {"message": message, "code": code, "context": {"propertyName": [name]}}
        for name, code, message in problems
    ]
    text = f"Property values were not valid: {json.dumps(listed, ensure_ascii=False)}"
    return Refused("VALIDATION_ERROR", text, errors=errors)


def missing(what: str = "resource not found") -> Refused:
    """Refuse what is not there."""
    return Refused("OBJECT_NOT_FOUND", what, status=404)
