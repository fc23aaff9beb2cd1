"""Receipts of writes that did not succeed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interlock.connectors.base import Outcome, WriteKind, WriteRequest
from interlock.connectors.kit.receipts import failed, rejected
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

LATER = datetime(2026, 5, 1, tzinfo=UTC)
WRITE = WriteRequest(id="w1", entity="customer", kind=WriteKind.UPDATE, fields={}, record_id="7")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ThrottledError("busy", until=LATER), Outcome.THROTTLED),
        (TransientError("down"), Outcome.TRANSIENT),
        (NeedsAuthError("expired"), Outcome.TRANSIENT),
        (UnknownOutcomeError("no answer"), Outcome.UNKNOWN),
        (RejectedError("too long"), Outcome.REJECTED),
        (NotPermittedError("no right"), Outcome.REJECTED),
    ],
)
def test_what_was_raised_says_what_became_of_the_write(
    error: ConnectorError, outcome: Outcome
) -> None:
    receipt = failed(WRITE, error)
    assert (receipt.write_id, receipt.record_id, receipt.outcome) == ("w1", "7", outcome)
    assert receipt.until == (LATER if outcome is Outcome.THROTTLED else None)


def test_a_refusal_says_what_to_do_even_where_the_system_does_not() -> None:
    receipt = rejected(WRITE, "required", "LastName is missing", "name")
    assert receipt.reason is not None
    assert receipt.reason.fix == "fill the field in the source"
    assert receipt.reason.field == "name"
