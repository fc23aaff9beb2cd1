"""What Tryton's refusals mean.

Over JSON-RPC the class of an exception is lost: what is left is ``["UserError", [message, ...]]``
with a translated message.  Calls therefore ask for English, Tryton's own language, which every
database has; only records are read in the company's language, for the names in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from interlock.connectors.kit import clean
from interlock.errors import RejectedError

__all__ = ["LANGUAGE", "ConfirmationNeededError", "MovedError", "refusal"]

LANGUAGE = "en"
"""Language of the messages recognised here."""


class ConfirmationNeededError(RejectedError):
    """Tryton asks a person to accept a warning; ``name`` is what ``res.user.warning`` calls it."""

    name = ""


class MovedError(RejectedError):
    """A record was changed since the time stamp sent along."""


_PATTERNS = (
    ("not_permitted", r"not allowed to (access|execute|search)"),
    ("locked", r"not allowed to modify|can not call \""),
    ("required", r"A value is required"),
    ("unknown_choice", r"is not one of the allowed options"),
    ("too_long", r"\b(size|length|characters)\b.*\b(exceed|too long|limit)"),
    ("duplicate", r"must be unique|already exists"),
    ("not_found", r"that don't exist"),
    ("credit", r"credit limit"),
    ("invalid_value", r"is not valid|digits in the value|according to its domain"),
)
_FIXES = {
    "not_permitted": "give the user the right, or leave the field out of the ownership map",
    "locked": "look at the record in Tryton: its state keeps it from this",
    "required": "fill it in",
    "too_long": "shorten it",
    "duplicate": "merge the two, or change one",
    "not_found": "it was deleted in Tryton",
    "credit": "have the customer pay, raise the limit, or let a user of the group Account Credit "
    "Limit confirm the order",
}

_FIELD = re.compile(r'field "([^"]+)"|access "[^"]+?\.([^".]+)"')
# What Tryton quotes is a record's name or a value, except the names of fields and of models.
_VALUE = re.compile(r'(?<!field )(?<!of )(?<!access )(?<!call )(?<!" on )"[^"]*"')
_RECORD = re.compile(r'((?:record|on|party) )"[^"]*"')


def refusal(error: Sequence[Any], operation: str, *secrets: str) -> RejectedError:
    """Make an error of the ``error`` list of an answer.

    Only the message is used: further elements repeat values, some of them at 40 kB.
    """
    kind = error[0] if error and isinstance(error[0], str) else ""
    details = error[1] if len(error) > 1 else ""
    if kind == "ConcurrencyException":
        return MovedError(
            "the record was changed in Tryton meanwhile",
            system="tryton", operation=operation, code="rejected",
        )  # fmt: skip
    if kind == "UserWarning" and isinstance(details, list) and details:
        asked = ConfirmationNeededError(
            _told(details[1:2], secrets), system="tryton", operation=operation,
            code="needs_confirmation",
            fix="do it in Tryton, where the warning can be read and accepted, or allow this "
            "warning in the setting accept_warnings",
        )  # fmt: skip
        asked.name = str(details[0])
        return asked
    if kind == "UserError" and isinstance(details, list):
        message = str(details[0]) if details else ""
        code = _meaning(message)
        found = _FIELD.search(message)
        return RejectedError(
            _told(details[:1], secrets),
            system="tryton",
            operation=operation,
            code="rejected" if code == "credit" else code,
            field=next(filter(None, found.groups())) if found else None,
            fix=_FIXES.get(code),
        )
    # [text, ""]: an unknown field or model, or a constraint of the database.  Permanent.
    return RejectedError(
        f"Tryton could not carry out {operation}: {_told([kind], secrets)}",
        system="tryton", operation=operation, code="rejected",
        fix="check the mapping; the cause stands in the log of the Tryton server",
    )  # fmt: skip


def _meaning(message: str) -> str:
    for code, pattern in _PATTERNS:
        if re.search(pattern, message, re.IGNORECASE | re.DOTALL):
            return code
    return "rejected"


def _told(texts: Sequence[Any], secrets: Sequence[str]) -> str:
    text = str(texts[0]) if texts else ""
    text = _VALUE.sub('"…"', _RECORD.sub(r'\1"…"', text))
    return clean(text, *secrets) or "Tryton refused it without saying why"
