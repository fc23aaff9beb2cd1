"""What a handler of the API is given besides the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.requestlog import Quota
from interlock.twins.salesforce.cursors import Cursors
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.refusals import Refused

__all__ = ["Context", "body_object"]


@dataclass(frozen=True, slots=True)
class Context:
    """One call in one version of the API; ``dispatch`` answers a call inside a composite one."""

    org: Org
    version: str
    cursors: Cursors
    quota: Quota
    dispatch: Callable[[Call], Answer]

    @property
    def base(self) -> str:
        """Give the path of this version of the API."""
        return f"/services/data/v{self.version}"


def body_object(call: Call) -> Mapping[str, Any]:
    """Read the body as one JSON object; raises ``Refused``."""
    try:
        body = call.json()
    except ValueError as error:
        raise Refused("JSON_PARSER_ERROR", f"{error}".partition(":")[0]) from error
    if not isinstance(body, dict):
        raise Refused("JSON_PARSER_ERROR", "The request body is not a JSON object")
    return body
