"""Projects: works of the type project (module ``project``), and our keys in them.

A work has one number of its own and no identifiers.  Our keys stand as words in a line of their own
in its comment, the one text there is beside its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.directory import Directory, RefusedError
from interlock.connectors.tryton.parties import Layout
from interlock.connectors.tryton.sales import Keys, join_keys, read_keys

__all__ = ["COMMENT", "WORK", "ProjectDesk", "project_raw", "with_keys"]

WORK = "project.work"
COMMENT = "comment"
_STATUS = "project.work.status"


def project_raw(row: Row, layout: Layout, keys: Keys) -> dict[str, Any]:
    """Give the values behind the paths of the project's object map."""
    raw = {key.rstrip("."): value for key, value in row.items()}
    raw["key:other"], raw["key:quote"] = keys.other, keys.quote
    raw["work:currency"] = layout.currency
    if "status." in row:
        raw["work:state"] = "done" if _is_end(row["status."] or {}) else "open"
    return raw


def with_keys(text: str | None, keys: Keys, layout: Layout) -> str:
    """Put our words into a comment, below the lines others wrote, which stay as they are."""
    lines = []
    for line in (text or "").splitlines():
        found = read_keys(line, layout)
        if found == Keys(rest=found.rest):
            lines.append(line)
        elif found.rest:
            lines.append(found.rest)
    words = join_keys(msgspec.structs.replace(keys, rest=""), layout)
    return "\n".join([*lines, words] if words else lines)


class ProjectDesk:
    """Makes and changes projects."""

    def __init__(self, client: TrytonClient, directory: Directory) -> None:
        self._client = client
        self._directory = directory

    async def create(self, raw: Mapping[str, Any], layout: Layout, reference: str | None) -> int:
        """Make a project in one call; Tryton gives it its number."""
        party = raw.get("party")
        if party is None:
            raise RefusedError("required", "a project needs its customer", field="customer")
        if not await self._client.rows("party.party", [["id", "=", party]], ["active"]):
            raise RefusedError(
                "not_found", "the customer is not in Tryton, or archived there", field="customer",
                fix="bring the customer back, or link the account to another one",
            )  # fmt: skip
        company = await self._directory.company()
        status = await self._first_status()
        keys = Keys(reference=reference, other=raw.get("key:other"), quote=raw.get("key:quote"))
        values = {
            "type": "project", "company": company.id, "party": party, "status": status["id"],
            COMMENT: with_keys(None, keys, layout), **_own(raw, layout),
        }  # fmt: skip
        if status["progress"] is not None:
            values["progress"] = status["progress"]
        (made,) = await self._client.call(WORK, "create", [values], writes=True)
        return int(made)

    async def update(self, raw: Mapping[str, Any], row: Row, layout: Layout) -> bool:
        """Change a project as it was just read; says whether there was anything to change."""
        values = _own(raw, layout)
        if "party" in raw:
            values["party"] = raw["party"]
        keys = read_keys(row.get(COMMENT), layout)
        for part in ("other", "quote"):
            if f"key:{part}" in raw:
                keys = msgspec.structs.replace(keys, **{part: raw[f"key:{part}"]})
        if any(path.startswith("key:") for path in raw):
            values[COMMENT] = with_keys(row.get(COMMENT), keys, layout)
        if values:
            stamp = {f"{WORK},{row['id']}": row["_timestamp"]}
            await self._client.call(WORK, "write", [row["id"]], values, writes=True,
                                    _timestamp=stamp)  # fmt: skip
        return bool(values)

    async def _first_status(self) -> Row:
        """Choose what Tryton's own form does for a new project: the default, else the first."""
        rows = await self._client.rows(
            _STATUS,
            [],
            ["types", "default", "progress"],
            order=[["sequence", "ASC"], ["id", "ASC"]],
        )
        fit = [row for row in rows if "project" in (row["types"] or ()) and not _is_end(row)]
        chosen = next((row for row in fit if row["default"]), fit[0] if fit else None)
        if chosen is None:
            raise RefusedError(
                "required", "Tryton has no status an open project could have", field="status",
                fix="make one under Projects > Configuration > Work Status",
            )  # fmt: skip
        return chosen


def _own(raw: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """Give the columns that hold a field as it is."""
    if raw.get("work:currency") not in (None, layout.currency):
        raise RefusedError(
            "unknown_choice", f"Tryton's projects are in the company's currency, {layout.currency}",
            field="currency", fix="make the project by hand, or let such deals become orders alone",
        )  # fmt: skip
    return {"name": raw["name"]} if "name" in raw else {}


def _is_end(status: Mapping[str, Any]) -> bool:
    return status.get("progress") == 1
