"""Causes of dead letters: the codes systems and the engine give, in classes a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

__all__ = ["CAUSES", "Cause", "Explained", "cause_of", "codes_of"]


class Cause(StrEnum):
    """Why a write or decision failed for good, by what has to be done about it."""

    MISSING = "missing"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    IDENTITY = "identity"
    NOT_FOUND = "not-found"
    NOT_ALLOWED = "not-allowed"
    NO_ANSWER = "no-answer"
    ORDER = "order"
    REFUSED = "refused"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A class of causes in plain language; ``codes``: what systems and the engine call them."""

    why: str
    fix: str
    codes: frozenset[str]


CAUSES: Mapping[Cause, Explained] = {
    Cause.MISSING: Explained(
        why="a field that the system insists on is empty",
        fix="fill it in the system that owns it, or set it with `dead-letters edit`",
        codes=frozenset({"required", "missing_field"}),
    ),
    Cause.INVALID: Explained(
        why="the system does not accept a value: too long, misspelt, or none of its choices",
        fix="correct it in the system that owns it, add the choice to the value map, or set "
        "another value with `dead-letters edit`",
        codes=frozenset({"invalid_value", "too_long", "unknown_choice", "bad_choice"}),
    ),
    Cause.DUPLICATE: Explained(
        why="another record of the system has the value already, and it must be unique",
        fix="link that record, or change the value in one of the two",
        codes=frozenset({"duplicate"}),
    ),
    Cause.IDENTITY: Explained(
        why="it is not clear which record is meant: several carry our key, or one that is like it "
        "is archived, linked elsewhere, or was made before",
        fix="keep one record, then link, merge or unlink the others and retry",
        codes=frozenset(
            {
                "several_found",
                "created_twice",
                "linked_elsewhere",
                "already_created",
                "like_archived",
                "ambiguous_product",
            }
        ),
    ),
    Cause.NOT_FOUND: Explained(
        why="the record, or one it refers to, is not there",
        fix="bring it back, or correct the reference; then retry",
        codes=frozenset({"not_found", "unknown_product", "no_customer"}),
    ),
    Cause.NOT_ALLOWED: Explained(
        why="the credentials may not do it, or the record's state forbids it",
        fix="give the right or unlock the record in the system, then retry",
        codes=frozenset({"not_permitted", "locked", "needs_confirmation", "module_off", "credit"}),
    ),
    Cause.NO_ANSWER: Explained(
        why="no answer came, however often it was tried",
        fix="look into the system whether it was done; if it was not, retry",
        codes=frozenset({"exhausted", "uncertain", "no_answer", "server_error"}),
    ),
    Cause.ORDER: Explained(
        why="the deal cannot become this order: its lines, amount, currency or total do not fit",
        fix="correct the deal or the order; it is decided anew at the next sync",
        codes=frozenset(
            {
                "no_lines",
                "no_amount",
                "currency",
                "torn",
                "rounding",
                "quantity",
                "wrong_total",
                "deal_changed",
                "deal_lost",
                "deal_reopened",
                "order_changed",
                "order_cancelled",
            }
        ),
    ),
    Cause.REFUSED: Explained(
        why="the system refuses it for a reason of its own, given in its words",
        fix="do what the message says, then retry",
        codes=frozenset(),
    ),
}
"""Each class; ``REFUSED`` is whatever no other class knows."""

_CLASSES = {code: cause for cause, explained in CAUSES.items() for code in explained.codes}


def cause_of(code: str) -> Cause:
    """Give the class of a code."""
    return _CLASSES.get(code, Cause.REFUSED)


def codes_of(cause: Cause) -> tuple[frozenset[str], bool]:
    """Give the codes of a class; of ``REFUSED`` those of all others, and true: none of them."""
    if cause is Cause.REFUSED:
        return frozenset(_CLASSES), True
    return CAUSES[cause].codes, False
