"""How the API says no: a Fault of one or more errors, in the shapes QuickBooks uses."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from interlock.twins.calls import Answer

__all__ = ["Refused", "denied", "refusal"]

_MESSAGES: Final = {
    "610": "Object Not Found",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2040": "Invalid String",
    "2050": "String length is either shorter or longer than supported by specification",
    "2090": "Invalid Number",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5010": "Stale Object Error",
    "6000": "A business validation error has occurred while processing your request",
    "6070": "Amount is not equal to UnitPrice * Qty",
    "6140": "Duplicate Document Number Error",
    "6240": "Duplicate Name Exists Error",
    "10000": "An application error has occurred while processing your request",
}


class Refused(Exception):  # noqa: N818  it is an answer of the API, not an error of the twin
    """A request, or one item of a batch, that is not accepted."""

    def __init__(
        self, code: str, detail: str = "", *, element: str | None = None,
        kind: str = "ValidationFault", status: int = 400,
    ) -> None:  # fmt: skip
        self.code = code
        self.message = _MESSAGES.get(code, "An error has occurred")
        self.detail = detail or self.message
        self.element = element
        self.kind = kind
        self.status = status
        super().__init__(f"{code}: {self.detail}")

    def fault(self) -> dict[str, Any]:
        """Show it as the Fault of a call or of one item of a batch."""
        error = {"Message": self.message, "Detail": self.detail, "code": self.code}
        if self.element is not None:
            error["element"] = self.element
        return {"Error": [error], "type": self.kind}

    def answer(self, at: datetime) -> Answer:
        """Give the answer of a call refused for it."""
        return Answer(self.status, {"Fault": self.fault(), "time": at.isoformat()})


def refusal(status: int, kind: str, code: str, message: str, at: datetime) -> Answer:
    """Make the answer of a call refused before its content is looked at."""
    error = {"Message": message, "Detail": message, "code": code}
    return Answer(status, {"Fault": {"Error": [error], "type": kind}, "time": at.isoformat()})


def denied(at: datetime, detail: str = "Token expired or revoked") -> Answer:
    """Answer a call without a valid access token; this one shape is in lower case."""
    error = {
        "message": "message=ApplicationAuthenticationFailed; errorCode=003200; statusCode=401",
        "detail": detail, "code": "3200", "element": None,
    }  # fmt: skip
    body = {"warnings": None, "intuitObject": None, "requestId": None, "time": at.isoformat(),
            "fault": {"error": [error], "type": "AUTHENTICATION"}}  # fmt: skip
    return Answer(401, body)
