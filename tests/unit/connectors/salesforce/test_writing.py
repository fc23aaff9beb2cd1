"""Writing to Salesforce: what is read only to explain a refusal never undoes what was written."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from interlock.connectors.base import Outcome, WriteRequest
from interlock.connectors.salesforce.writing import Writer
from interlock.errors import BudgetSpentError
from interlock.model import WriteKind


class _Client:
    base = ""

    async def call(self, *_: Any, **__: Any) -> Any:
        refused = {"statusCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "message": "bad value",
                   "fields": ["Industry"]}  # fmt: skip
        return SimpleNamespace(
            data=[
                {"success": True, "id": "001A", "errors": []},
                {"success": False, "errors": [refused]},
            ]
        )


class _Reader:
    async def layout(self, _: str) -> Any:
        raise BudgetSpentError(
            "no calls left", purpose="orders", until=datetime(2026, 1, 1, tzinfo=UTC), system="crm"
        )


async def test_a_record_made_is_told_though_the_others_refusal_cannot_be_explained() -> None:
    names = SimpleNamespace(object="Account", fields=(), encode=dict)
    writer = Writer(
        cast("Any", _Client()), cast("Any", {"customer": names}), cast("Any", _Reader())
    )
    asked = [
        WriteRequest(id=name, entity="customer", kind=WriteKind.CREATE, fields={}, reference=name)
        for name in ("a", "b")
    ]
    made, refused = await writer.write("customer", asked)
    assert (made.outcome, made.record_id) == (Outcome.CREATED, "001A")
    assert refused.outcome is Outcome.REJECTED
