"""What a handler of the API is given besides the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.twins.calls import Call
from interlock.twins.hubspot.portal import Portal
from interlock.twins.hubspot.refusals import Refused
from interlock.twins.hubspot.schema import ObjectType

__all__ = ["Context", "body_object", "inputs_of"]


@dataclass(frozen=True, slots=True)
class Context:
    """One call; ``index``: how far the search index has come; ``partial``: batches do in part."""

    portal: Portal
    scopes: frozenset[str]
    index: datetime
    partial: bool

    def allowed(self, kind: str, *, write: bool, schema: bool = False) -> ObjectType:
        """Find a type of records the token may read, or write."""
        one = self.portal.type(kind)
        scope = f"{one.scope}.{'write' if write else 'read'}"
        if schema:
            scope = scope.replace("crm.objects.", "crm.schemas.")
        if scope not in self.scopes:
            raise Refused(
                "MISSING_SCOPES",
                "This app hasn't been granted all required scopes to make this call.",
                status=403,
                errors=[{
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": [scope]},
                }],
            )  # fmt: skip
        return one


def body_object(call: Call) -> Mapping[str, Any]:
    """Read the body as one JSON object; raises ``Refused``."""
    try:
        body = call.json()
    except ValueError as error:
        raise Refused("VALIDATION_ERROR", "Invalid input JSON") from error
    if not isinstance(body, dict):
        raise Refused("VALIDATION_ERROR", "Invalid input JSON: it is no object")
    return body


def inputs_of(call: Call, most: int) -> list[Mapping[str, Any]]:
    """Read the inputs of a batch; raises ``Refused`` for too many."""
    inputs = body_object(call).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise Refused("VALIDATION_ERROR", "Invalid input JSON: inputs must be a list of objects")
    if len(inputs) > most:
        raise Refused("VALIDATION_ERROR", f"The maximum number of inputs is {most}")
    return inputs
