"""Epochs: noticing that the store went back, and what is forgotten and held when it did (rule 28).

Every change of state here is one transaction, so that a process may die anywhere in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import delete, exists, func, select, text, union_all, update
from sqlalchemy.exc import DatabaseError

from interlock.errors import StoreError
from interlock.store import feeds, history
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.mark import Position
from interlock.store.tables import (
    ERRANDS,
    MADE_ALONE,
    approval,
    attached,
    case,
    creation,
    dead_letter,
    feed,
    link,
    member,
    meta,
    open_field,
    outbox,
    plan,
    record,
    resolution,
    suggestion,
    undo,
)
from interlock.store.tables import history as history_table

__all__ = [
    "Hold", "Stage", "advance", "began", "begin", "check", "held", "hold_of", "is_silent",
    "position", "release", "set_stage", "settle_in", "strangers",
]  # fmt: skip

REBUILT = "rebuilt"
"""Origin of a link that was taken over or found again: what it lacks a base for is approved."""


class Stage(StrEnum):
    """What a store that went back waits for."""

    REBUILD = "rebuild"
    """Both systems are to be read in full, and links found again."""
    APPROVAL = "approval"
    """A person is to look at the plan and release it."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is written, since when, and what for."""

    epoch: int
    why: str
    since: datetime
    stage: Stage


def position(tx: Tx) -> Position | None:
    """Where the store stands; ``None`` for one that was never used."""
    facts = feeds.all_meta(tx)
    if "store_id" not in facts:
        return None
    newest = tx.conn.execute(select(func.max(history_table.c.id))).scalar()
    return Position(
        store=facts["store_id"],
        epoch=int(facts["epoch"]),
        sent=int(facts.get("sent", 0)),
        history=newest or 0,
        database=facts.get("database", ""),
    )


def check(tx: Tx, *, now: datetime, new_id: str) -> Hold | None:
    """Compare the store with its mark, and begin a new epoch when it went back.

    Called before anything is decided on; returns why nothing may be written, if so.
    """
    mark = None if tx.mark is None else tx.mark.read()
    here = position(tx)
    database = _database(tx)
    if here is None:
        feeds.set_meta(tx, "store_id", new_id)
        feeds.set_meta(tx, "epoch", "1")
        feeds.set_meta(tx, "database", database)
        here = Position(store=new_id, epoch=1, sent=0, history=0, database=database)
    why = _gone_back(tx, here, mark, database)
    if why is not None:
        feeds.set_meta(tx, "database", database)
        begin(tx, why=why, now=now, after=0 if mark is None else mark.epoch)
    tx.reached = position(tx)
    return hold_of(tx)


def _gone_back(tx: Tx, here: Position, mark: Position | None, database: str) -> str | None:
    if here.database != database:
        return "the store was moved to another database server"
    if mark is None:
        # on a server, a host that joins has no mark yet; beside a file it was lost or left behind
        lost = tx.mark is not None and here.sent and tx.conn.dialect.name == "sqlite"
        return "the store came without its mark" if lost else None
    if mark.store != here.store:
        return "the store is not the one that was used before"
    if mark.is_ahead_of(here):
        return "the store went back to an earlier state"
    return None


def _database(tx: Tx) -> str:
    """Identify the database on a server: a dump that is loaded elsewhere gets another identity."""
    if tx.conn.dialect.name != "postgresql":
        return ""
    number = "SELECT oid FROM pg_database WHERE datname = current_database()"
    try:
        with tx.conn.begin_nested():
            system = "SELECT system_identifier FROM pg_control_system()"
            server = tx.conn.execute(text(system)).scalar_one()
    except DatabaseError:
        # the right to ask for it can be taken away
        server = ""
    return f"{server}/{tx.conn.execute(text(number)).scalar_one()}"


def settle_in(tx: Tx) -> None:
    """Take the database a store lies in as its own: it was moved there on purpose."""
    feeds.set_meta(tx, "database", _database(tx))


def advance(tx: Tx) -> None:
    """Note that calls go out once this transaction is durable; the mark then follows it.

    Raises ``StoreError`` when the store went back while it was in use.
    """
    here = position(tx)
    if here is None:
        return
    mark = None if tx.mark is None else tx.mark.read()
    if mark is not None and (mark.store != here.store or mark.is_ahead_of(here)):
        raise StoreError(
            "the store went back to an earlier state while it was in use; nothing was sent",
            fix="run `interlock plan`: everything is read again before anything is written",
        )
    feeds.set_meta(tx, "sent", str(here.sent + 1))
    tx.reached = msgspec.structs.replace(here, sent=here.sent + 1)


def begin(tx: Tx, *, why: str, now: datetime, after: int = 0) -> None:
    """Begin a new epoch: forget what was decided, expect nothing of what was seen, write nothing.

    ``after``: an epoch that is known to have been.
    """
    epoch = max(int(feeds.get_meta(tx, "epoch") or 0), after) + 1
    feeds.set_meta(tx, "epoch", str(epoch))
    feeds.set_meta(tx, "epoch_why", why)
    feeds.set_meta(tx, "epoch_began", now.isoformat())
    set_stage(tx, Stage.REBUILD)
    for table in (outbox, approval, plan, suggestion, feed, open_field, resolution, undo):
        tx.conn.execute(delete(table))
    tx.conn.execute(delete(meta).where(meta.c.key.startswith("matched:")))
    tx.conn.execute(
        update(dead_letter)
        .where(dead_letter.c.closed_at.is_(None))
        .values(closed_at=now, closed_why="the store went back; it is decided anew")
    )
    _part_singles(tx)
    for entity in set(tx.conn.execute(select(member.c.entity).distinct()).scalars()):
        tx.conn.execute(
            update(member)
            .where(member.c.entity == entity)
            .values(
                base=tx.schema[entity].encode({}),
                base_map_version="",
                older=None,
                unconfirmed=None,
                unconfirmed_since=None,
            )
        )
    tx.conn.execute(update(link).values(origin=REBUILT, rev=link.c.rev + 1))
    tx.conn.execute(update(record).values(sweep=0, refetch_at=None, refetch_tries=0))
    tx.conn.execute(
        update(record)
        .where(record.c.link_id.is_(None), record.c.unlinked.is_distinct_from("parked"))
        .values(unlinked=None)
    )
    history.add(tx, [Event(at=now, event="epoch", entity="store", why=why)])


def _part_singles(tx: Tx) -> None:
    """Take links apart whose other side was not there: it may have been made since."""
    paired = union_all(
        select(member.c.link_id).group_by(member.c.link_id).having(func.count() > 1),
        select(member.c.link_id).join(link).where(link.c.entity.in_(MADE_ALONE)),
    )
    # errands have no members by nature, and are there for what is seen, not for what was made
    single = select(link.c.id).where(link.c.id.not_in(paired), link.c.entity.not_in(ERRANDS))
    tx.conn.execute(
        update(case)
        .where(case.c.link_id.in_(single))
        .values(state="settling", why="the store went back", link_id=None, snapshot=None)
    )
    tx.conn.execute(
        update(record).where(record.c.link_id.in_(single)).values(link_id=None, unlinked=None)
    )
    tx.conn.execute(delete(attached).where(attached.c.link_id.in_(single)))
    tx.conn.execute(delete(member).where(member.c.link_id.not_in(paired)))
    tx.conn.execute(
        delete(link).where(
            ~exists().where(member.c.link_id == link.c.id), link.c.entity.not_in(ERRANDS)
        )
    )


def set_stage(tx: Tx, stage: Stage) -> None:
    """Say what the store waits for."""
    feeds.set_meta(tx, "hold", stage.value)


def hold_of(tx: Tx) -> Hold | None:
    """Why nothing is written; ``None`` in normal times."""
    facts = feeds.all_meta(tx)
    if not facts.get("hold"):
        return None
    return Hold(
        epoch=int(facts["epoch"]),
        why=facts["epoch_why"],
        since=datetime.fromisoformat(facts["epoch_began"]),
        stage=Stage(facts["hold"]),
    )


def held(tx: Tx) -> bool:
    """Say whether nothing may be written."""
    return bool(feeds.get_meta(tx, "hold"))


def is_silent(tx: Tx, now: datetime, settle: timedelta) -> bool:
    """Say whether calls of the time before may still take effect, released or not (rule 19)."""
    since = began(tx)
    return since is not None and now < since + settle


def began(tx: Tx) -> datetime | None:
    """When the store last went back; ``None`` when it never did."""
    text_ = feeds.get_meta(tx, "epoch_began")
    return None if text_ is None else datetime.fromisoformat(text_)


def release(tx: Tx, *, by: str, now: datetime) -> None:
    """Let writing go on, because a person has seen the plan."""
    feeds.set_meta(tx, "hold", "")
    history.add(tx, [Event(at=now, event="released", entity="store", why=f"released by {by}")])
    tx.reached = position(tx)


def strangers(tx: Tx, prefix: str) -> list[str]:
    """References of ours, on records without a link, that this store never issued."""
    rows = tx.conn.execute(
        select(record.c.reference)
        .where(
            record.c.link_id.is_(None),
            record.c.reference.startswith(prefix, autoescape=True),
            ~exists().where(creation.c.reference == record.c.reference),
        )
        .limit(10)
    )
    return [str(row.reference) for row in rows]
