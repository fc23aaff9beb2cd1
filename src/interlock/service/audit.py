"""Audit: the history sealed, its head published outside the store, verified and exported."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.labels import known_entity
from interlock.store import feeds, forgetting, forgotten, history, sealing
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.sealing import Finding, Head, Verdict
from interlock.sync.progress import Run

__all__ = [
    "Exported", "Verified", "accept_head", "export", "forgotten_file", "head_file", "keep_history",
    "list_forgotten", "reapply_forgotten", "seal_history", "verify",
]  # fmt: skip

_log = logging.getLogger("interlock.history")

_PRUNED = "history_pruned"
_PUBLISHED = "history_published"
_DAILY = timedelta(days=1)

_MISSING = "the file the newest seal was published in is gone"
_BEHIND = "the store ends before the newest published seal: it is an older one, or its end was cut"
_OTHER = "the store's history is not the one whose seal was published"
_FIX = "see `interlock audit verify`; if an older store was put back on purpose, add --accept"


# ── the published head ───────────────────────────────────────────────────────────────────────


def head_file(project: Project) -> Path:
    """Where the newest seal is published."""
    return project.root / project.history.head


def forgotten_file(project: Project) -> Path:
    """Where the forgotten records are listed, so that an older store does not bring them back."""
    file = head_file(project)
    return file.with_name(f"{file.name}.forgotten")


def _read_head(file: Path) -> Head | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Head)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        raise ConfigurationError(
            f"{file.name} is not a published seal",
            fix="put back the file of the last backup, or run `interlock audit verify --accept`",
        ) from None


def _write_head(file: Path, head: Head) -> None:
    """Replace the file in one step: a crash leaves the earlier head or this one."""
    beside = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out:
            out.write(msgspec.json.encode(head) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: the newest seal cannot be published there ({error.strerror})",
            fix="correct history.head in interlock.yaml, or the rights of the folder",
        ) from None
    _log.info("history sealed through batch %d: %s", head.sequence, head.hash)


def _compare(tx: Tx, published: Head | None) -> str:
    """Say how the store contradicts the published head; empty when it does not."""
    if published is None:
        return _MISSING if feeds.get_meta(tx, _PUBLISHED) else ""
    if sealing.holds(tx, published):
        return ""
    last = sealing.newest(tx)
    return _BEHIND if last is None or last.sequence < published.sequence else _OTHER


def seal_history(project: Project, store: Store, now: datetime) -> str:
    """Seal what is new and publish the head; returns what contradicts the published one.

    A contradicted head is left as it is: publishing would silence the alarm.
    """
    file = head_file(project)
    published = _read_head(file)

    def _seal(tx: Tx) -> tuple[str, Head | None]:
        wrong = _compare(tx, published)
        head = sealing.seal_batches(tx, now)
        if not wrong and head is not None and head != published:
            feeds.set_meta(tx, _PUBLISHED, "yes")
        return wrong, head

    wrong, head = store.run(_seal)
    if not wrong and head is not None and head != published:
        _write_head(file, head)
    return wrong


def accept_head(project: Project, store: Store, *, by: str, now: datetime) -> Head:
    """Take the store as it is: what was published before is noted in the history itself."""
    file = head_file(project)
    try:
        published = _read_head(file)
    except ConfigurationError:
        published = None

    def _accept(tx: Tx) -> Head:
        event = Event(
            at=now,
            event="accepted",
            entity="",
            why=f"{by}: the history goes on from here",
            old=None if published is None else msgspec.to_builtins(published),
        )
        history.add(tx, [event])
        feeds.set_meta(tx, _PUBLISHED, "yes")
        head = sealing.seal_batches(tx, now)
        assert head is not None
        return head

    head = store.run(_accept)
    _write_head(file, head)
    return head


# ── daily work ───────────────────────────────────────────────────────────────────────────────


def keep_history(project: Project, store: Store, run: Run, now: datetime) -> None:
    """Seal what a run added; once a day drop what is too old.  Never ends the run."""
    try:
        store.run(_shorten, project, now)
        wrong = seal_history(project, store, now)
    except ConfigurationError as error:
        run.problem("history", error.message, error.fix or "", "history")
        return
    if wrong:
        run.problem("history", wrong, _FIX, "history")


def _shorten(tx: Tx, project: Project, now: datetime) -> None:
    last = feeds.get_meta(tx, _PRUNED)
    if last is not None and now < datetime.fromisoformat(last) + _DAILY:
        return
    feeds.set_meta(tx, _PRUNED, now.isoformat())
    if last is None:
        return
    sealing.prune(tx, now - project.history.keep, now)
    sealing.thin(tx, now - project.history.thin_after, now)


# ── the list of forgotten records ────────────────────────────────────────────────────────────


def list_forgotten(project: Project, names: list[str]) -> None:
    """Add to the list outside the store; it is on the disk when this returns."""
    file = forgotten_file(project)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="ascii") as out:
            out.writelines(f"{name}\n" for name in names)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConfigurationError(
            f"{file}: the list of forgotten records cannot be written ({error.strerror})",
            fix="correct history.head in interlock.yaml, or the rights of the folder",
        ) from None


def reapply_forgotten(project: Project, store: Store, now: datetime) -> int:
    """Forget again what an older store has brought back; returns how many records."""
    file = forgotten_file(project)
    try:
        listed = set(file.read_text(encoding="ascii").split())
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{file.name} cannot be read: it lists the records that were forgotten",
            fix="put back the file of the last backup",
        ) from None

    def _reapply(tx: Tx) -> int:
        missing = listed - forgotten.identities(tx)
        if not missing:
            return 0
        back = forgotten.of_identities(tx, missing)
        forgotten.add_identities(tx, missing, now)
        if back:
            forgetting.forget(tx, back, by="the list of forgotten records", now=now)
        return len(back)

    return store.run(_reapply)


# ── verify and export ────────────────────────────────────────────────────────────────────────


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying found.  ``published``: the head outside the store it was held against."""

    holds: bool
    verdict: Verdict
    published: Head | None
    head: Head | None


def verify(project: Project, store: Store) -> Verified:
    """Prove that the history is as it was sealed, and no older than its published head."""
    published = _read_head(head_file(project))

    def _verify(tx: Tx) -> Verified:
        verdict = sealing.verify(tx)
        wrong = _compare(tx, published)
        if wrong:
            found = Finding(batch=published.sequence if published else None, message=wrong)
            verdict = msgspec.structs.replace(verdict, findings=[*verdict.findings, found])
        return Verified(
            holds=verdict.holds, verdict=verdict, published=published, head=sealing.newest(tx)
        )

    return store.run(_verify)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written where."""

    file: str
    events: int
    erased: int


def export(
    project: Project,
    store: Store,
    out: Path,
    *,
    since: datetime | None = None,
    entity: str | None = None,
    record_id: str | None = None,
) -> Exported:
    """Write the history as one JSON document a line, readable by its owner only."""
    if record_id is not None and entity is None:
        raise ConfigurationError("an id alone names no record", fix="add --entity")
    if entity is not None:
        known_entity(entity)
    names = {side: project.connection(side).name for side in Side}

    def _lines(tx: Tx) -> Iterator[Event]:
        if entity is None or record_id is None:
            return history.everything(tx, since=since, entity=entity)
        keys = [(side, entity, record_id) for side in Side]
        linked = forgetting.links_of(tx, keys)
        found = history.everything(tx, since=since, records=keys, links=linked)
        first = next(found, None)
        if first is None and since is None:
            raise ConfigurationError(
                f"the history tells of no {entity} {record_id}", fix="check the id"
            )
        return iter([] if first is None else [first, *found])

    def _export(tx: Tx) -> Exported:
        lines = _lines(tx)
        count = erased = 0
        with _create(out) as file:
            for event in lines:
                file.write(msgspec.json.encode(_told(event, names)) + b"\n")
                count += 1
                erased += event.erased
        return Exported(file=str(out), events=count, erased=erased)

    return store.run(_export)


def _create(out: Path) -> BinaryIO:
    try:
        out.touch(mode=0o600, exist_ok=False)
        return out.open("wb")
    except FileExistsError:
        raise ConfigurationError(f"{out} is there already", fix="name another file") from None
    except OSError as error:
        raise ConfigurationError(
            f"{out} cannot be written ({error.strerror})", fix="name another file"
        ) from None


def _told(event: Event, names: dict[Side, str]) -> dict[str, object]:
    told = msgspec.to_builtins(event)
    system = None if event.side is None else names[event.side]
    del told["side"]
    return {"system": system} | {k: v for k, v in told.items() if v is not None}
