"""Writing: batches in one call each, and one receipt for each write whatever happens.

A call is one transaction: a batch with one bad record leaves nothing.  Such a batch is sent again
in halves until the bad record is alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from interlock.connectors.base import Outcome, Reason, Receipt, WriteRequest
from interlock.connectors.tryton.directory import RefusedError
from interlock.connectors.tryton.errors import MovedError
from interlock.errors import (
    ConnectorError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from interlock.mapping.codecs import CodecError
from interlock.model import FieldFacts, Fields, Record, agree

__all__ = ["deliver", "failed", "settled"]

Item = TypeVar("Item")
Made = TypeVar("Made")


async def deliver(
    items: Sequence[Item], send: Callable[[Sequence[Item]], Awaitable[Sequence[Made]]], *,
    size: int, begun: bool = False,
) -> list[Made | ConnectorError]:  # fmt: skip
    """Send items in batches; give for each what ``send`` made of it, or its error.

    An error of the connection stops the rest, which then has ``TransientError``: it was not sent.
    It is raised when nothing was sent before; ``begun``: something was.
    """
    results: list[Made | ConnectorError] = []
    batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
    while batches:
        batch = batches.pop(0)
        try:
            results += await send(batch)
        except RejectedError as error:
            if len(batch) == 1:
                results.append(error)
            else:
                middle = len(batch) // 2
                batches[:0] = [batch[:middle], batch[middle:]]
        except UnknownOutcomeError as error:
            results += [error] * len(batch)
            results += [_unsent(error)] * sum(map(len, batches))
            break
        except ConnectorError as error:
            if not begun and not any(_may_be_written(result) for result in results):
                raise
            kept = error if isinstance(error, TransientError) else _unsent(error)
            results += [kept] * (len(batch) + sum(map(len, batches)))
            break
    return results


def _may_be_written(result: object) -> bool:
    return not isinstance(result, ConnectorError) or isinstance(result, UnknownOutcomeError)


def _unsent(error: ConnectorError) -> TransientError:
    return TransientError(
        f"not sent, because of what happened before: {error.message}", system=error.system,
        operation=error.operation, code=error.code,
    )  # fmt: skip


def failed(
    write: WriteRequest, error: ConnectorError | CodecError | RefusedError,
    labels: dict[str, str], current: Record | None = None,
) -> Receipt:  # fmt: skip
    """Make the receipt of a write that did not succeed; ``labels``: Tryton's name -> our field."""
    match error:
        case RefusedError():
            outcome, reason = Outcome.REJECTED, error.reason
        case CodecError():
            outcome = Outcome.REJECTED
            reason = Reason(code="invalid_value", message=error.message, field=error.field,
                            fix=error.fix or "")  # fmt: skip
        case MovedError():
            outcome, reason = Outcome.CONFLICT, _reason(error, labels)
        case RejectedError():
            outcome, reason = Outcome.REJECTED, _reason(error, labels)
        case UnknownOutcomeError():
            outcome, reason = Outcome.UNKNOWN, _reason(error, labels)
        case ThrottledError():
            outcome, reason = Outcome.THROTTLED, _reason(error, labels)
        case _:
            outcome, reason = Outcome.TRANSIENT, _reason(error, labels)
    until = error.until if isinstance(error, ThrottledError) else None
    return Receipt(write_id=write.id, outcome=outcome, record_id=write.record_id, record=current,
                   reason=reason, until=until)  # fmt: skip


def _reason(error: ConnectorError, labels: dict[str, str]) -> Reason:
    code = error.code or "rejected"
    field = labels.get(error.field) if error.field else None
    if field is None:
        field = next((f for label, f in labels.items() if f'"{label}' in error.message), None)
    return Reason(code=code, message=error.message, field=field, fix=error.fix or "")


def settled(write: WriteRequest, record: Record, facts: Mapping[str, FieldFacts]) -> Receipt | None:
    """Give the receipt of an update that need not be sent, or that was decided on an old record."""
    known = write.fields.keys() <= record.fields.keys()
    if known and _agree(write.fields, record, facts):
        outcome, reason = Outcome.UNCHANGED, None
    elif _agree(write.expected, record, facts) and write.version in (None, record.version):
        return None
    else:
        outcome = Outcome.CONFLICT
        reason = Reason(code="rejected", message="the record was changed in Tryton meanwhile")
    return Receipt(
        write_id=write.id, outcome=outcome, record_id=record.id, record=record, reason=reason
    )


def _agree(wanted: Fields, record: Record, facts: Mapping[str, FieldFacts]) -> bool:
    """Say whether every given field that is known of the record has the given value."""
    return all(
        agree(value, record.fields[name], facts[name])
        for name, value in wanted.items()
        if name in record.fields and name in facts
    )
