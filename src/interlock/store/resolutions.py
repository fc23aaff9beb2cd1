"""Resolutions: what persons decided on open fields, kept until both sides are as decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, delete, or_, select

from interlock.governance.resolution import Choice, Resolution, Standing
from interlock.governance.rules import Ownership, Side
from interlock.model import EntitySchema, Value
from interlock.store.database import Tx, chunks
from interlock.store.tables import link, open_field, resolution

__all__ = ["Asked", "asked", "fingerprint", "of_links", "put", "remove"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A field a person is asked about, or has decided: open, or with a resolution, or both."""

    link_id: int
    entity: str
    field: str
    kind: str
    why: str
    at: datetime
    resolution: Resolution | None = None


def asked(
    tx: Tx,
    *,
    entity: str | None = None,
    field: str | None = None,
    kind: str | None = None,
    link_id: int | None = None,
) -> list[Asked]:
    """Fields that are open or have a resolution, by link and field; a missing filter is any."""
    wanted = {"entity": entity, "field": field, "kind": kind, "link_id": link_id}
    rows = select(
        open_field.c.link_id,
        link.c.entity,
        open_field.c.field,
        open_field.c.kind,
        open_field.c.why,
        open_field.c.at,
    ).join(link, link.c.id == open_field.c.link_id)
    columns = {c.name: c for c in rows.selected_columns}
    for name, value in wanted.items():
        if value is not None:
            rows = rows.where(columns[name] == value)
    # a member that is missing is noted as "(crm)"; that is no field
    rows = rows.where(open_field.c.field.not_like("(%"))
    found = {
        (r.link_id, r.field): Asked(
            link_id=r.link_id, entity=r.entity, field=r.field, kind=r.kind, why=r.why, at=r.at
        )
        for r in tx.conn.execute(rows)
    }
    decided = select(resolution.c.link_id, link.c.entity).join(
        link, link.c.id == resolution.c.link_id
    )
    if link_id is not None:
        decided = decided.where(resolution.c.link_id == link_id)
    entities = {r.link_id: r.entity for r in tx.conn.execute(decided)}
    for owner, fields in of_links(tx, sorted(entities)).items():
        for name, r in fields.items():
            mine = found.get((owner, name)) or Asked(
                link_id=owner,
                entity=entities[owner],
                field=name,
                kind="decided",
                why=r.note or r.why,
                at=r.at,
            )
            if (
                entity in (None, mine.entity)
                and field in (None, name)
                and kind in (None, mine.kind)
            ):
                found[owner, name] = msgspec.structs.replace(mine, resolution=r)
    return [found[key] for key in sorted(found)]


def fingerprint(schema: EntitySchema, field: str, value: Value | None) -> str:
    """Hash a value that a decision is made on."""
    return hashlib.blake2b(schema.encode({field: value}), digest_size=16).hexdigest()


def of_links(tx: Tx, ids: Sequence[int] | None = None) -> dict[int, dict[str, Resolution]]:
    """Link id -> field -> resolution, of the given links or of all."""
    query = select(resolution, link.c.entity).join(link, link.c.id == resolution.c.link_id)
    found: dict[int, dict[str, Resolution]] = {}
    parts = [None] if ids is None else list(chunks(list(ids)))
    for part in parts:
        rows = tx.conn.execute(
            query if part is None else query.where(resolution.c.link_id.in_(part))
        )
        for row in rows:
            found.setdefault(row.link_id, {})[row.field] = _resolution(tx.schema[row.entity], row)
    return found


def put(tx: Tx, rows: Sequence[tuple[int, str, Resolution]]) -> None:
    """Store resolutions, given as (link id, entity, resolution), over earlier ones."""
    tx.upsert(
        resolution,
        [
            {
                "link_id": link_id,
                "field": r.field,
                "choice": r.choice,
                "value": tx.schema[entity].encode({r.field: r.value})
                if r.choice is Choice.VALUE
                else None,
                "crm_seen": r.seen[Side.CRM],
                "erp_seen": r.seen[Side.ERP],
                "ownership": r.ownership,
                "by": r.by,
                "reason": r.reason,
                "at": r.at,
                "standing": r.standing,
                "note": r.note,
            }
            for link_id, entity, r in rows
        ],
    )


def remove(tx: Tx, rows: Sequence[tuple[int, str]]) -> None:
    """Delete resolutions, given as (link id, field), that have ended."""
    for part in chunks(list(rows)):
        tx.conn.execute(
            delete(resolution).where(
                or_(
                    *(
                        and_(resolution.c.link_id == link_id, resolution.c.field == field)
                        for link_id, field in part
                    )
                )
            )
        )


def _resolution(schema: EntitySchema, row: Any) -> Resolution:
    value: Mapping[str, Value | None] = schema.decode(row.value) if row.value else {}
    return Resolution(
        field=row.field,
        choice=Choice(row.choice),
        seen={Side.CRM: row.crm_seen, Side.ERP: row.erp_seen},
        ownership=Ownership(row.ownership),
        by=row.by,
        reason=row.reason,
        at=row.at,
        value=value.get(row.field),
        standing=Standing(row.standing),
        note=row.note,
    )
