"""What comes in with a call: texts and numbers within bounds the store can hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from interlock.governance.resolution import Choice
from interlock.project.duration import parse_duration

__all__ = [
    "Approve", "Body", "Chosen", "DealInPath", "Discard", "Edit", "EditMany", "Entity", "Filter",
    "Id", "Name", "NewTokenBody", "Number", "OverrideHold", "Pause", "Reasoned", "Release",
    "Resolve", "Resume", "Retry", "age",
]  # fmt: skip


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL cannot be kept")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("say why")
    return text.strip()


Text = Annotated[str, AfterValidator(_storable), Field(max_length=2000)]
Word = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=255)]
Reason = Annotated[Text, AfterValidator(_said)]
_AGE = r"^(\d{1,5}d)?(\d{1,5}h)?(\d{1,5}m)?$"
LetterId = Annotated[int, Field(ge=1, le=2**31 - 1)]

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Id = Annotated[str, Path(min_length=1, max_length=255), AfterValidator(_storable)]
Name = Annotated[str, Path(min_length=1, max_length=64), AfterValidator(_storable)]
Entity = Annotated[str, Path(min_length=1, max_length=32), AfterValidator(_storable)]
DealInPath = Id
Filter = Annotated[
    Annotated[str, AfterValidator(_storable)] | None, Query(min_length=1, max_length=255)
]


def age(text: str | None) -> timedelta | None:
    """Read how old something is: 12h, 30d."""
    return None if text is None else parse_duration(text)


class Body(BaseModel):
    """A body whose parts are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Reasoned(Body):
    """A decision and why; the reason is kept in the history."""

    reason: Reason


class Approve(Body):
    """Which part of a plan; nothing: all of it."""

    kind: Word | None = None
    entity: Word | None = None
    stop: LetterId | None = None


class Release(Body):
    """A parked field of a link."""

    field: Word


class Chosen(Body):
    """Which dead letters: by number, or all that fit; ``all`` for every open one."""

    ids: Annotated[Sequence[LetterId], Field(max_length=10_000)] = ()
    all: bool = False
    cause: Word | None = None
    entity: Word | None = None
    system: Word | None = None
    field: Word | None = None
    older_than: Annotated[str, Field(pattern=_AGE, min_length=2)] | None = None

    @property
    def filtered(self) -> bool:
        """Say whether anything but numbers is given."""
        return any((self.cause, self.entity, self.system, self.field, self.older_than))


class Retry(Chosen):
    """Try again; what is written is decided anew."""


class Discard(Chosen):
    """Give up until the record changes."""

    reason: Reason


class Edit(Reasoned):
    """Values of a write: field, or field.part of an address, and its text."""

    values: Annotated[dict[Word, Text], Field(min_length=1, max_length=100)]


class EditMany(Chosen):
    """Values for all writes that fit."""

    values: Annotated[dict[Word, Text], Field(min_length=1, max_length=100)]
    reason: Reason


class Resolve(Body):
    """Whose value is right: ``crm``, ``erp``, ``value`` (as typed) or ``keep`` both.

    ``seen``: id and the hash shown with it; one that has moved since is refused.
    """

    ids: Annotated[Sequence[Word], Field(min_length=1, max_length=1000)]
    choice: Choice
    value: Annotated[Sequence[Text], Field(max_length=20)] = ()
    reason: Text = ""
    seen: dict[Word, Word] = Field(default_factory=dict)


class OverrideHold(Reasoned):
    """Let one won deal be ordered in spite of its customer's hold."""

    deal: Word


class Pause(Body):
    """What to pause, why, and for how long (2h, 1d); without a time until it is resumed."""

    subject: Word
    reason: Reason
    lasting: Annotated[str, Field(pattern=_AGE, min_length=2)] | None = None


class Resume(Body):
    """What to go on with."""

    subject: Word


class NewTokenBody(Body):
    """A token to be made."""

    name: Word
    scope: Word
