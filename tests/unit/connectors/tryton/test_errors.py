"""Answers as Tryton 8.2 gave them, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.connectors.base import Outcome, WriteKind, WriteRequest
from interlock.connectors.tryton.directory import RefusedError
from interlock.connectors.tryton.errors import ConfirmationNeededError, MovedError, refusal
from interlock.connectors.tryton.writing import deliver, failed
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from interlock.mapping.codecs import CodecError


def user_error(message: str) -> list[Any]:
    return ["UserError", [message, "Within groups: Sales", {"name": {"help": "Acme Ltd"}}]]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ("The code on party must be unique.", "duplicate", None),
        ('A value is required for field "Unit" in record "3" of "Sale Line".', "required", "Unit"),
        ('You are not allowed to access "Party.Credit Limit Amount".', "not_permitted",
         "Credit Limit Amount"),
        ('You are not allowed to access "Party Category".', "not_permitted", None),
        ('You are not allowed to modify the field "Code" in record "Acme Ltd" of "Party".',
         "locked", "Code"),
        (
            'The value "x" for field "Type" of "Id" is not one of the allowed options.',
            "unknown_choice",
            "Type",
        ),
        (
            'The number of digits in the value "\'1.00001\'" for field "Unit Price" exceeds "4".',
            "invalid_value",
            "Unit Price",
        ),
        ('The Belgian VAT Number "BE0428759498" for party "Acme Ltd" is not valid.',
         "invalid_value", None),
        ('You are trying to read records "999999" of "Party" that don\'t exist.', "not_found",
         None),
        ('You can not call "confirm" on "2 [Acme Ltd]" of "Sale".', "locked", None),
        ('The party "Acme Ltd" will exceed their $10.00 credit limit by $90.00.', "rejected",
         None),
        ("Le code doit rester secret.", "rejected", None),
    ],
)  # fmt: skip
def test_a_user_error_is_told_by_its_text(message: str, code: str, field: str | None) -> None:
    error = refusal(user_error(message), "model.party.party.create")
    assert type(error) is RejectedError
    assert (error.code, error.field) == (code, field)
    for personal in ("Acme", "0428759498", "1.00001"):
        assert personal not in error.message


def test_a_warning_keeps_its_name_and_asks_for_a_person() -> None:
    error = refusal(["UserWarning", ["ab12.credit_limit_amount", "Over the limit?", ""]], "confirm")
    assert isinstance(error, ConfirmationNeededError)
    assert (error.name, error.code) == ("ab12.credit_limit_amount", "needs_confirmation")
    assert error.message == "Over the limit?"


def test_a_record_that_moved_is_told_apart() -> None:
    error = refusal(["ConcurrencyException", "Records were modified in the meanwhile"], "write")
    assert isinstance(error, MovedError)


@pytest.mark.parametrize("error", [["'bogus'", ""], [], [None], ["UserError", "x"]])
def test_untyped_errors_are_permanent(error: list[Any]) -> None:
    assert refusal(error, "read").code == "rejected"


def test_a_secret_in_a_message_is_removed() -> None:
    assert "hunter2" not in refusal(user_error("no hunter2 here"), "read", "hunter2").message


# ── receipts ─────────────────────────────────────────────────────────────────────────────────

WRITE = WriteRequest(id="w", entity="customer", kind=WriteKind.CREATE, fields={})


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RejectedError("no"), Outcome.REJECTED),
        (RefusedError("required", "no"), Outcome.REJECTED),
        (CodecError("no"), Outcome.REJECTED),
        (MovedError("moved"), Outcome.CONFLICT),
        (UnknownOutcomeError("?"), Outcome.UNKNOWN),
        (TransientError("later"), Outcome.TRANSIENT),
        (NeedsAuthError("login"), Outcome.TRANSIENT),
    ],
)
def test_each_error_has_its_outcome(error: Any, outcome: Outcome) -> None:
    receipt = failed(WRITE, error, {})
    assert receipt.outcome is outcome
    assert receipt.reason is not None


def test_a_throttled_write_says_until_when() -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    receipt = failed(WRITE, ThrottledError("slow", until=until), {})
    assert (receipt.outcome, receipt.until) == (Outcome.THROTTLED, until)


def test_trytons_name_of_a_field_becomes_ours() -> None:
    error = refusal(user_error('A value is required for field "Name" in record "1" of "P".'), "x")
    reason = failed(WRITE, error, {"Name": "name"}).reason
    assert reason is not None
    assert reason.field == "name"


# ── batches ──────────────────────────────────────────────────────────────────────────────────


class Server:
    """Refuses batches with a bad number; breaks off at a given call."""

    def __init__(self, *, breaks: int = 0, error: ConnectorError | None = None) -> None:
        self.calls: list[list[int]] = []
        self.breaks = breaks
        self.error = error

    async def __call__(self, batch: Sequence[int]) -> list[int]:
        self.calls.append(list(batch))
        if self.error is not None and len(self.calls) == self.breaks:
            raise self.error
        if any(number < 0 for number in batch):
            raise RejectedError("bad")
        return [number * 10 for number in batch]


async def test_one_bad_record_is_found_by_halving() -> None:
    server = Server()
    results = await deliver([1, 2, 3, -4, 5, 6, 7, 8], server, size=8)
    assert [r if isinstance(r, int) else type(r) for r in results] == [
        10, 20, 30, RejectedError, 50, 60, 70, 80,
    ]  # fmt: skip
    assert len(server.calls) == 7


async def test_a_lost_answer_leaves_its_batch_unknown_and_the_rest_unsent() -> None:
    server = Server(breaks=2, error=UnknownOutcomeError("lost"))
    results = await deliver([1, 2, 3, 4, 5, 6], server, size=2)
    kinds = [r if isinstance(r, int) else type(r) for r in results]
    unknown, unsent = UnknownOutcomeError, TransientError
    assert kinds == [10, 20, unknown, unknown, unsent, unsent]
    assert len(server.calls) == 2


@pytest.mark.parametrize("error", [TransientError("down"), NeedsAuthError("login")])
async def test_an_error_of_the_connection_is_raised_only_when_nothing_was_sent(
    error: ConnectorError,
) -> None:
    with pytest.raises(type(error)):
        await deliver([1, 2], Server(breaks=1, error=error), size=1)
    with pytest.raises(type(error)):
        await deliver([-1, 2], Server(breaks=2, error=error), size=1)
    results = await deliver([1, 2], Server(breaks=2, error=error), size=1)
    assert results[0] == 10
    assert isinstance(results[1], TransientError)
    results = await deliver([1], Server(breaks=1, error=error), size=1, begun=True)
    assert isinstance(results[0], TransientError)
