"""Maps: every version that was active, with its text, so that a later one can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from interlock.governance.versions import FieldVersion, MapVersion
from interlock.store.database import Tx
from interlock.store.tables import map_version

__all__ = ["all_versions", "every_field", "find", "load", "previous", "save"]


def save(tx: Tx, found: MapVersion, now: datetime) -> None:
    """Note that a map becomes the active one."""
    tx.upsert(
        map_version,
        [
            {
                "version": found.version,
                "at": now,
                "content": msgspec.msgpack.encode(msgspec.structs.replace(found, at=None)),
            }
        ],
    )


def load(tx: Tx, versions: Iterable[str]) -> dict[str, MapVersion]:
    """Read maps by version; one that was never active is missing."""
    rows = tx.conn.execute(
        select(map_version).where(map_version.c.version.in_(sorted(set(versions))))
    )
    return {row.version: _map(row) for row in rows}


def all_versions(tx: Tx) -> list[MapVersion]:
    """Read all maps that ever were active, the latest first."""
    rows = tx.conn.execute(
        select(map_version).order_by(map_version.c.at.desc(), map_version.c.version)
    )
    return [_map(row) for row in rows]


def previous(tx: Tx, current: str) -> MapVersion | None:
    """Find the map that was active last, other than this one."""
    return next((m for m in all_versions(tx) if m.version != current), None)


def find(tx: Tx, beginning: str) -> list[MapVersion]:
    """Find maps whose version begins so."""
    return [m for m in all_versions(tx) if m.version.startswith(beginning)]


def every_field(tx: Tx) -> dict[str, FieldVersion]:
    """Give all fields any map ever had, with all paths they were ever read from."""
    found: dict[str, FieldVersion] = {}
    for version in all_versions(tx):
        for name, field in version.fields.items():
            known = found.get(name)
            if known is not None:
                sides = {*known.paths, *field.paths}
                paths = {s: (*known.paths.get(s, ()), *field.paths.get(s, ())) for s in sides}
                field = msgspec.structs.replace(field, paths=paths)  # noqa: PLW2901
            found[name] = field
    return found


def _map(row: Any) -> MapVersion:
    found = msgspec.msgpack.decode(row.content, type=MapVersion)
    return msgspec.structs.replace(found, at=row.at)
