"""Moving an installation's store to another database, mostly from a file to PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from interlock.errors import ConfigurationError
from interlock.project.load import Project
from interlock.service.session import mark_path
from interlock.store.database import Store
from interlock.store.mark import MarkFile
from interlock.store.moving import move, moved_to, stay
from interlock.store.occupancy import occupied
from interlock.store.vault import KEY_VARIABLE, Vault

__all__ = ["Migrated", "cancel_migration", "migrate_to"]


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved where; ``tables``: name -> rows and the digest both stores agree on."""

    source: str
    target: str
    tables: dict[str, tuple[int, str]]

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(count for count, _ in self.tables.values())


def migrate_to(project: Project, url: str, *, now: datetime) -> Migrated:
    """Copy all state into an empty database, prove it equal, and retire the old store.

    Refuses while anybody serves either store, or a write is on its way.
    """
    shown = _shown(url)
    if not url.startswith("postgresql://"):
        raise ConfigurationError(
            "a store is moved to PostgreSQL only", fix="name postgresql://USER:PASSWORD@HOST/NAME"
        )
    if url == project.store_url:
        raise ConfigurationError("that is the store in use already", fix="name another database")
    there = replace(project, store_url=url)
    with (
        occupied(project.store_url, shared=False),
        occupied(url, shared=False),
        _opened(project) as source,
        _opened(there) as target,
    ):
        where = source.run(moved_to)
        if where is not None:
            raise ConfigurationError(
                f"this store was moved already, to {where}",
                fix="name that one under `store:`, or add --cancel to go on with this one",
            )
        moved = move(source, target, now=now, where=shown)
    return Migrated(
        source=_shown(project.store_url),
        target=shown,
        tables={name: (count, moved.digests[name]) for name, count in moved.rows.items()},
    )


def cancel_migration(project: Project) -> str:
    """Use a store again that was moved; returns where it had been moved to."""
    with occupied(project.store_url, shared=False), _opened(project) as store:
        where = store.run(moved_to)
        if where is None:
            raise ConfigurationError("this store was not moved", fix="there is nothing to cancel")
        store.run(stay)
    return where


class _opened:  # noqa: N801  reads as what it gives
    """A store of a project, opened without what its use needs besides."""

    def __init__(self, project: Project) -> None:
        if project.key is None:
            raise ConfigurationError(
                f"the variable {KEY_VARIABLE} is not set: it holds the key of the history",
                fix="put the line that `interlock init` wrote back into .env",
            )
        self.project, self.key = project, project.key

    def __enter__(self) -> Store:
        self.store = Store.open(
            self.project.store_url,
            self.project.schema,
            mark=MarkFile(mark_path(self.project)),
            vault=Vault.of_text(self.key),
        )
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def _shown(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string()
    except ArgumentError:
        raise ConfigurationError(
            "that is no address of a store", fix="write postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
