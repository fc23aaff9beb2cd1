"""What stands there just before an update, against what the update was decided on."""

from __future__ import annotations

from interlock.connectors.base import Outcome, Receipt, WriteRequest
from interlock.connectors.kit.receipts import rejected
from interlock.mapping.objectmap import ObjectMap
from interlock.model import ANYTHING, Presence, Record, Value, agree

__all__ = ["compare"]


def compare(request: WriteRequest, now: Record | None, mapping: ObjectMap) -> Receipt | None:
    """Give the receipt of an update that is not to be sent; ``None`` when it may be.

    For systems that check no version themselves.  Not sent is what is there already, what somebody
    changed meanwhile, and what would overwrite a value nobody could read.
    """
    if now is None or now.presence is not Presence.PRESENT:
        return rejected(request, "not_found", "the record is not there")
    facts = {f.field: f.codec.facts for f in mapping.fields}

    def same(name: str, value: Value | None) -> bool:
        return agree(now.fields.get(name), value, facts.get(name, ANYTHING))

    if all(f in now.fields and same(f, v) for f, v in request.fields.items()):
        return Receipt(write_id=request.id, outcome=Outcome.UNCHANGED, record=now, record_id=now.id)
    for name, value in request.expected.items():
        if name in (now.problems or {}):
            return rejected(
                request, "invalid_value", "the value there now cannot be read", name,
                "mend the value in the system",
            )  # fmt: skip
        if name in now.fields and not same(name, value):
            return Receipt(
                write_id=request.id, outcome=Outcome.CONFLICT, record=now, record_id=now.id
            )
    return None
