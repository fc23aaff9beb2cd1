"""Receipts of writes that did not succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from interlock.connectors.base import Outcome, Reason, Receipt, WriteRequest
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

__all__ = ["failed", "rejected"]

_FIXES: Final[Mapping[str, str]] = {
    "duplicate": "link the two records, or change the value in one of them",
    "required": "fill the field in the source",
    "not_found": "the record was deleted, or the connected user may not see it",
    "not_permitted": "give the connected user the right, then run interlock check",
    "unknown_choice": "add the value to the field's choices, or map it",
}
"""What a person does about a refusal for which the system itself names nothing."""


def rejected(
    request: WriteRequest, code: str, message: str, field: str | None = None, fix: str | None = None
) -> Receipt:
    """Say that the system refuses this write, and what a person can do."""
    return Receipt(
        write_id=request.id,
        outcome=Outcome.REJECTED,
        record_id=request.record_id,
        reason=Reason(code=code, message=message, field=field, fix=fix or _FIXES.get(code, "")),
    )


def failed(request: WriteRequest, error: ConnectorError) -> Receipt:
    """Turn what was raised for one write of several into its receipt."""
    outcome = _outcome_of(error)
    if outcome is Outcome.REJECTED:
        code = "not_permitted" if isinstance(error, NotPermittedError) else error.code or "rejected"
        return rejected(request, code, error.message, error.field, error.fix)
    return Receipt(
        write_id=request.id,
        outcome=outcome,
        record_id=request.record_id,
        reason=Reason(code=error.code or "rejected", message=error.message, field=error.field,
                      fix=error.fix or ""),
        until=error.until if isinstance(error, ThrottledError) else None,
    )  # fmt: skip


def _outcome_of(error: ConnectorError) -> Outcome:
    """Say what a failure means for the write it happened to."""
    match error:
        case ThrottledError():
            return Outcome.THROTTLED
        case TransientError() | NeedsAuthError():
            return Outcome.TRANSIENT
        case UnknownOutcomeError():
            return Outcome.UNKNOWN
        case _:
            return Outcome.REJECTED
