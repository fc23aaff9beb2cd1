"""Where BottleCRM keeps what: addresses and envelopes of its API, custom fields, joined fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.mapping.objectmap import read_path

__all__ = ["REFERENCE", "REFERENCE_KEY", "RESOURCES", "CustomField", "Group", "Resource"]

REFERENCE_KEY = "interlock_ref"
"""Custom field that holds our key of a record we created."""


# ── where the API keeps each entity ──────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Resource:
    """One entity's address and envelopes.

    ``rows``, ``counts``: dotted paths in a list answer.  ``one``: in a read by id.  ``passes``:
    queries whose lists together are everything.  ``model``: the name custom-field definitions use,
    "" where there are none.  ``update``: the verb of a partial update.  ``modified``: change time.
    ``required``: what a create must name though nothing of ours says it.  ``bare``: a create is
    answered without an id, and list rows come without custom fields.
    """

    path: str
    rows: tuple[str, ...]
    counts: tuple[str, ...]
    one: str
    model: str = ""
    update: str = "PATCH"
    passes: tuple[Mapping[str, str], ...] = ({},)
    modified: str = ""
    required: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False

    def rows_of(self, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The rows of a list answer."""
        return [row for path in self.rows for row in read_path(answer, path)]

    def count_of(self, answer: Mapping[str, Any]) -> int:
        """How many rows there are beyond the page."""
        return sum(int(read_path(answer, path)) for path in self.counts)


RESOURCES: Mapping[str, Resource] = {
    "customer": Resource(
        path="/api/accounts/",
        rows=("active_accounts.open_accounts", "closed_accounts.close_accounts"),
        counts=("active_accounts.open_accounts_count", "closed_accounts.close_accounts_count"),
        one="account_obj",
        model="Account",
        # Unfiltered, one offset would page two lists of different length at once.
        passes=({"is_active": "true"}, {"is_active": "false"}),
    ),
    "contact": Resource(
        path="/api/contacts/", rows=("results",), counts=("count",), one="contact_obj",
        model="Contact", modified="updated_at",
    ),
    "product": Resource(
        path="/api/invoices/products/", rows=("results",), counts=("count",), one="",
        update="PUT", modified="updated_at",
    ),
    "deal": Resource(
        path="/api/opportunities/", rows=("opportunities",), counts=("opportunities_count",),
        one="opportunity_obj", model="Opportunity",
    ),
    "quote": Resource(
        path="/api/invoices/estimates/", rows=("results",), counts=("count",), one="estimate",
    ),
    "task": Resource(
        path="/api/tasks/", rows=("tasks",), counts=("tasks_count",), one="task_obj",
        # Without it each page comes with every account and contact, for a form.
        model="Task", passes=({"slim": "true"},),
        required={"status": "New", "priority": "High"}, bare=True,
    ),
}  # fmt: skip


# ── custom fields and fields of several parts ────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field ``provision`` makes; ``field`` is the model field it serves ("" = ours)."""

    key: str
    label: str
    kind: str = "text"
    field: str = ""
    options: tuple[str, ...] = ()


REFERENCE = CustomField(REFERENCE_KEY, "Interlock reference")


@dataclass(frozen=True, slots=True)
class Group:
    """Several of BottleCRM's fields that are one value of ours, at ``path`` for the object map.

    ``root`` is "custom_fields" or "" for native fields.
    """

    path: str
    root: str
    keys: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The parts' dotted paths."""
        return tuple(f"{self.root}.{key}" if self.root else key for key in self.keys)
