"""What is wrong, as HubSpot says it: reduced to codes and names, for messages quote values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from interlock.connectors.kit import clean

__all__ = ["Problem", "read_problem"]

_LISTED: Final = "Property values were not valid:"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal.

    ``code``: of the value where one is named, else the category.  ``properties``: the names of the
    properties it is about.  ``policy``: which limit was reached.  ``ids``: records named.
    """

    code: str = ""
    message: str = ""
    properties: Sequence[str] = ()
    policy: str = ""
    scopes: Sequence[str] = ()

    @property
    def told(self) -> str:
        """Say it without any value."""
        if self.properties:
            return f"{self.code}: refuses {', '.join(self.properties)}"
        return f"{self.code}: {self.message}" if self.code else self.message or "no reason given"


def read_problem(data: Any) -> Problem:
    """Read the body of an error, or one error of a batch; every part may be missing."""
    if not isinstance(data, Mapping):
        return Problem()
    message = str(data.get("message") or "")
    codes, names, scopes = [], [], []
    for item in (*_items(data.get("errors")), *_listed(message)):
        context = item.get("context")
        context = context if isinstance(context, Mapping) else {}
        codes.append(str(item.get("code") or item.get("error") or ""))
        names += [str(n) for n in context.get("propertyName") or ()]
        names += [str(item["name"])] if item.get("name") else []
        scopes += [str(s) for s in context.get("requiredGranularScopes") or ()]
    context = data.get("context")
    for key in ("propertyName", "properties"):
        names += [str(n) for n in (context or {}).get(key) or ()] if context else []
    code = next((c for c in codes if c), "") or str(data.get("category") or "")
    if context and context.get("properties") and not any(codes):
        code = "REQUIRED"
    return Problem(
        code=code,
        message=_without_values(message),
        properties=tuple(dict.fromkeys(names)),
        policy=str(data.get("policyName") or ""),
        scopes=tuple(dict.fromkeys(scopes)),
    )


def _items(found: Any) -> list[Mapping[str, Any]]:
    return [item for item in found or () if isinstance(item, Mapping)]


def _listed(message: str) -> list[Mapping[str, Any]]:
    """Older answers put the list of what is wrong into the text."""
    if not message.startswith(_LISTED):
        return []
    try:
        return _items(json.loads(message[len(_LISTED) :]))
    except ValueError:
        return []


def _without_values(message: str) -> str:
    return clean(message.partition(_LISTED)[0] or "the values were not valid")
