"""Backup, restore and rebuild: what a person does about a store that is lost or went back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import make_url

from interlock.errors import ConfigurationError
from interlock.project.load import Project
from interlock.service.audit import accept_head
from interlock.service.plan import Plan, make_plan
from interlock.service.session import Session, mark_path, open_store
from interlock.store import backup, epochs, links
from interlock.store.database import Store, Tx
from interlock.store.epochs import Hold
from interlock.store.mark import MarkFile
from interlock.sync.progress import Run

__all__ = ["Backup", "Rebuilt", "Restored", "back_up", "rebuild_links", "restore"]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made and proven."""

    file: str
    at: datetime
    epoch: int
    links: int
    records: int
    history: int
    size: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A store that was set back to ``at``; what happened since is found in the systems again."""

    file: str
    at: datetime
    epoch: int
    links: int
    replaced: str | None


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """Links after both systems were read anew; ``hold``: what is left to be done."""

    found: int
    parked: int
    links: int
    hold: Hold | None
    plan: Plan


def back_up(project: Project, store: Store, file: Path | None, *, now: datetime) -> Backup:
    """Copy the store into a file; by default one with the time in its name, in the project."""
    file = file or project.root / f"interlock-{now:%Y%m%dT%H%M%S}.backup"
    if store.run(epochs.position) is None:
        raise ConfigurationError(
            "the store was never used: there is nothing to keep yet", fix="run `interlock plan`"
        )
    made = backup.write_backup(store, file, installation=project.installation, at=now)
    return Backup(
        file=str(file),
        at=made.at,
        epoch=made.position.epoch,
        links=made.rows["link"],
        records=made.rows["record"],
        history=made.rows["history"],
        size=file.stat().st_size,
    )


def restore(project: Project, file: Path, *, by: str, now: datetime) -> Restored:
    """Put a backup in the store's place and begin a new epoch; the replaced store is kept."""
    manifest = backup.read_manifest(file)
    if manifest.installation != project.installation:
        raise ConfigurationError(
            f"{file}: the backup is of installation {manifest.installation}, "
            f"this is {project.installation}",
            fix="name the right backup, or the right project with --project",
        )
    mark = MarkFile(mark_path(project))
    known = mark.read()
    after = max(manifest.position.epoch, known.epoch if known is not None else 0)
    why = f"{by} restored the backup of {manifest.at:%Y-%m-%d %H:%M} UTC"
    url = make_url(project.store_url)
    if url.drivername.startswith("sqlite"):
        path = Path(url.database or "")
        reached, kept = backup.replace_file(
            file, manifest, path, now=now, schema=project.schema, why=why, after=after
        )
        mark.reach(reached)
        replaced = None if kept is None else str(kept)
    else:
        with_store = open_store(project)
        try:
            aside = project.root / f"interlock-replaced-{now:%Y%m%dT%H%M%S}.backup"
            backup.write_backup(with_store, aside, installation=project.installation, at=now)
            reached = backup.replace_tables(
                file, manifest, with_store, project.root, now=now, why=why, after=after
            )
            replaced = str(aside)
        finally:
            with_store.close()
    restored = open_store(project)
    try:
        # what was sealed after the backup is gone by intention: the history says so itself
        accept_head(project, restored, by=why, now=now)
    finally:
        restored.close()
    return Restored(
        file=str(file),
        at=manifest.at,
        epoch=reached.epoch,
        links=manifest.rows["link"],
        replaced=replaced,
    )


async def rebuild_links(session: Session, run: Run, *, by: str) -> Rebuilt:
    """Read both systems in full, find links again, and show what would be written."""
    pair = session.pair

    def _begin(tx: Tx) -> None:
        epochs.check(tx, now=pair.clock(), new_id=pair.new_id())
        hold = epochs.hold_of(tx)
        if hold is None or hold.stage is epochs.Stage.APPROVAL:
            epochs.begin(tx, why=f"{by} had the links rebuilt", now=pair.clock())
            tx.reached = epochs.position(tx)

    await pair.store.call(_begin)
    accept_head(session.project, pair.store, by=f"{by} had the links rebuilt", now=pair.clock())
    plan = await make_plan(session, run)

    def _count(tx: Tx) -> Rebuilt:
        return Rebuilt(
            found=run.counts["rebuilt"],
            parked=run.counts["parked"],
            links=sum(c.get("linked", 0) for c in links.counts(tx).values()),
            hold=epochs.hold_of(tx),
            plan=plan,
        )

    return await pair.store.call(_count)
