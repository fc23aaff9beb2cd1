"""How the API says no: Salesforce's error codes and the shapes they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.twins.calls import Answer

__all__ = ["Refused", "refusal"]


class Refused(Exception):  # noqa: N818  it is an answer of the API, not an error of the twin
    """A request, or one record of it, that is not accepted."""

    def __init__(
        self, code: str, message: str, *, fields: Sequence[str] = (), status: int = 400
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.status = status

    def for_call(self) -> dict[str, Any]:
        """Show it as one error of a whole call."""
        shown: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return {**shown, "fields": self.fields} if self.fields or self._about_record else shown

    def for_record(self) -> dict[str, Any]:
        """Show it as one error of a record inside a collection."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}

    def answer(self) -> Answer:
        """Give the answer of a call refused for it."""
        return Answer(self.status, [self.for_call()])

    @property
    def _about_record(self) -> bool:
        return self.code in _RECORD_CODES


_RECORD_CODES = frozenset({
    "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "DUPLICATE_VALUE", "UNABLE_TO_LOCK_ROW",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "ENTITY_IS_DELETED", "MALFORMED_ID",
    "INVALID_CROSS_REFERENCE_KEY", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_EMAIL_ADDRESS",
    "NUMBER_OUTSIDE_VALID_RANGE", "FIELD_INTEGRITY_EXCEPTION", "STANDARD_PRICE_NOT_DEFINED",
})  # fmt: skip


def refusal(code: str, message: str, status: int) -> Answer:
    """Make the answer of a call refused as a whole."""
    return Refused(code, message, status=status).answer()
