"""How the API says no: problem details with Oracle's extensions."""

from __future__ import annotations

from typing import Any, Final

from interlock.twins.calls import Answer

__all__ = ["Refused"]

_TITLES: Final = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error",
    503: "Service Unavailable",
}  # fmt: skip
_TYPE: Final = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html"


class Refused(Exception):  # noqa: N818  it is an answer of the API, not an error of the twin
    """A request that is not accepted; ``path``: the property concerned, as a JSONPath."""

    def __init__(
        self, code: str, detail: str, *, status: int = 400, path: str = "", parameter: str = "",
        header: str = "",
    ) -> None:  # fmt: skip
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.path = path
        self.parameter = parameter
        self.header = header

    def answer(self) -> Answer:
        """Give the answer of a call refused for it."""
        known = {
            "detail": self.detail, "o:errorCode": self.code, "o:errorPath": self.path,
            "o:errorQueryParam": self.parameter, "o:errorHeader": self.header,
        }  # fmt: skip
        detail: dict[str, Any] = {name: value for name, value in known.items() if value}
        body = {
            "type": _TYPE, "title": _TITLES.get(self.status, "Bad Request"),
            "status": self.status, "o:errorDetails": [detail],
        }  # fmt: skip
        return Answer(
            self.status,
            body,
            {"Content-Type": "application/vnd.oracle.resource+json; type=error; charset=UTF-8"},
        )
