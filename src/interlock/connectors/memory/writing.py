"""One batch of writes on its way: encoding, answers, receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from interlock.connectors.base import Outcome, Reason, Receipt, WriteKind, WriteRequest
from interlock.connectors.memory.calls import Answered, Op
from interlock.connectors.memory.storage import Row
from interlock.connectors.memory.tables import Refused
from interlock.errors import InterlockError, ThrottledError, TransientError, UnknownOutcomeError
from interlock.mapping.codecs import Choice, CodecError
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Record, agree

__all__ = ["Batch"]

_CODES = {
    "required": "required", "too_long": "too_long", "bad_value": "invalid_value",
    "bad_choice": "unknown_choice", "duplicate": "duplicate", "no_such_record": "not_found",
    "no_such_column": "not_permitted", "not_permitted": "not_permitted", "locked": "locked",
}  # fmt: skip
"""The system's code -> ours."""
_FIXES = {
    "no_such_column": "run interlock provision",
    "required": "fill the field in the system that owns it",
    "duplicate": "link the record that has this value, or change the value",
}

Sent = Sequence[tuple[WriteRequest, Op]]


class Batch:
    """Writes of one entity; each ends with exactly one receipt."""

    def __init__(
        self,
        entity: str,
        writes: Sequence[WriteRequest],
        item: ObjectMap,
        reference: str,
        *,
        check_versions: bool,
    ) -> None:
        self._writes = writes
        self._map = item
        self._reference = reference
        self._entity = entity
        self._receipts: dict[str, Receipt] = {}
        self._ops: list[tuple[WriteRequest, Op]] = []
        self._sent = False
        for write in writes:
            try:
                self._ops.append((write, self._op(write, check_versions=check_versions)))
            except CodecError as error:
                self._receipts[write.id] = self._not_encodable(write, error)

    def compared_ids(self) -> list[str]:
        """Name the records whose present values decide whether an update may go out."""
        return [w.record_id for w, _ in self._ops if w.record_id is not None and w.expected]

    def compare(self, present: Sequence[Record]) -> None:
        """Hold back updates whose record no longer shows what they expect to replace."""
        shown = {record.id: record for record in present}
        facts = self._map.facts()
        kept = []
        for write, op in self._ops:
            record = shown.get(write.record_id or "")
            moved = record is not None and any(
                name in record.fields and not agree(record.fields[name], value, facts[name])
                for name, value in write.expected.items()
                if name in facts
            )
            if moved:
                self._receipts[write.id] = Receipt(
                    write_id=write.id, outcome=Outcome.CONFLICT, record_id=write.record_id,
                    record=record,
                )  # fmt: skip
            else:
                kept.append((write, op))
        self._ops = kept

    def parts(self, size: int) -> Iterator[Sent]:
        """Cut what is to be sent into batches."""
        for start in range(0, len(self._ops), size):
            yield self._ops[start : start + size]

    def answered(
        self, sent: Sent, answers: Sequence[Answered], record: Callable[[Row], Record] | None
    ) -> None:
        """Note the answers to one part; without ``record`` the values in them are not used."""
        self._sent = True
        if len(answers) != len(sent):
            self._all(sent, Outcome.UNKNOWN)
            return
        for (write, _), answer in zip(sent, answers, strict=True):
            self._receipts[write.id] = self._receipt(write, answer, record)

    def failed(self, sent: Sent, error: InterlockError) -> bool:
        """Note that a part failed as a whole; false when nothing can have been written at all."""
        unsure = isinstance(error, UnknownOutcomeError)
        if not unsure and not self._sent:
            return False
        left = self._ops[self._ops.index(sent[0]) :]
        if unsure:
            self._all(sent, Outcome.UNKNOWN)
            self._all(left[len(sent) :], Outcome.TRANSIENT)
        elif isinstance(error, ThrottledError):
            self._all(left, Outcome.THROTTLED, error)
        elif isinstance(error, TransientError):
            self._all(left, Outcome.TRANSIENT, error)
        else:
            reason = Reason(code="rejected", message=error.message, fix=error.fix or "")
            for write, _ in left:
                self._receipts[write.id] = Receipt(
                    write_id=write.id, outcome=Outcome.TRANSIENT, record_id=write.record_id,
                    reason=reason,
                )  # fmt: skip
        return True

    def receipts(self) -> list[Receipt]:
        """Give one receipt per write, in order."""
        return [self._receipts[write.id] for write in self._writes]

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _op(self, write: WriteRequest, *, check_versions: bool) -> Op:
        cells = self._map.encode(write.fields)
        if write.kind is WriteKind.CREATE:
            if write.reference is not None:
                cells[self._reference] = write.reference
            return Op(cells=cells)
        version = int(write.version) if check_versions and write.version else None
        return Op(cells=cells, id=write.record_id, version=version)

    def _all(self, sent: Sent, outcome: Outcome, error: InterlockError | None = None) -> None:
        until = error.until if isinstance(error, ThrottledError) else None
        for write, _ in sent:
            self._receipts[write.id] = Receipt(
                write_id=write.id, outcome=outcome, record_id=write.record_id, until=until
            )

    def _receipt(
        self, write: WriteRequest, answer: Answered, record: Callable[[Row], Record] | None
    ) -> Receipt:
        if answer.refused is not None:
            return self._refused(write, answer.refused)
        row = answer.row
        if write.kind is WriteKind.CREATE:
            if row is None:
                return Receipt(write_id=write.id, outcome=Outcome.UNKNOWN)
            outcome = Outcome.CREATED
        else:
            outcome = Outcome.UPDATED if answer.changed else Outcome.UNCHANGED
        return Receipt(
            write_id=write.id,
            outcome=outcome,
            record_id=write.record_id if row is None else row.id,
            record=None if row is None or record is None else record(row),
            # the number the system gave the change stands in its own log, too
            request_id=None if row is None else str(row.seq),
        )

    def _refused(self, write: WriteRequest, refused: Refused) -> Receipt:
        if refused.code == "changed":
            return Receipt(write_id=write.id, outcome=Outcome.CONFLICT, record_id=write.record_id)
        outcome = Outcome.REJECTED
        if refused.code == "duplicate" and refused.column == self._reference:
            outcome = Outcome.UNKNOWN  # an earlier try of this very create arrived: look it up
        return Receipt(
            write_id=write.id,
            outcome=outcome,
            record_id=write.record_id,
            reason=Reason(
                code=_CODES.get(refused.code, "rejected"),
                message=refused.message,
                field=self._field(refused.column),
                fix=_FIXES.get(refused.code, ""),
            ),
        )

    def _field(self, column: str | None) -> str | None:
        for item in self._map.fields:
            if item.path.split(".")[0] == column:
                return item.field
        return None

    def _not_encodable(self, write: WriteRequest, error: CodecError) -> Receipt:
        maps = {item.field: item for item in self._map.fields}
        item = maps.get(error.field or "")
        code = "invalid_value"
        if item is None or not item.writable:
            code = "not_permitted"
        elif isinstance(item.codec, Choice):
            code = "unknown_choice"
        return Receipt(
            write_id=write.id,
            outcome=Outcome.REJECTED,
            record_id=write.record_id,
            reason=Reason(
                code=code,
                message=f"{self._entity}.{error.field} cannot be sent in this form",
                field=error.field,
                fix=error.fix or "",
            ),
        )
