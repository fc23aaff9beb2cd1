"""Observe: read what changed, store it page by page, notice what is missing (rules 6 to 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

import msgspec

from interlock.connectors.base import EntityCapabilities
from interlock.connectors.budget import calls_for
from interlock.errors import (
    BudgetSpentError,
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    TransientError,
)
from interlock.governance.budget import Purpose, purpose_of
from interlock.governance.rules import Side
from interlock.model import Record
from interlock.store import feeds, observations
from interlock.store.database import Tx
from interlock.store.feeds import Feed
from interlock.sync.hints import asked_for, follow_hints
from interlock.sync.limits import note_unknown
from interlock.sync.pair import Connection, Pair
from interlock.sync.progress import Run

__all__ = ["fetch_now", "observe", "observe_side"]


SHORTFALL_FETCH = 500
"""Records of a doubted sweep asked for by id in one run."""


async def observe_side(
    pair: Pair,
    side: Side,
    run: Run,
    *,
    full: bool = False,
    entities: Collection[str] | None = None,
) -> None:
    """Observe every entity of one side, or those named; a failure stops only that side."""
    known = await pair.store.call(feeds.of_side, side)
    began, looked = pair.clock(), list[str]()

    async def _attempt(entity: str, look: Callable[[str], Awaitable[None]]) -> None:
        try:
            if side not in run.paused:
                await look(entity)
        except ConnectorError as error:
            note_failure(pair.side(side), run, error, entity)

    async def _observe(entity: str) -> None:
        feed = known.get(entity) or Feed(side=side, entity=entity)
        await observe(pair, feed, run, full=full)
        looked.append(entity)

    async def _again(entity: str) -> None:
        with calls_for(purpose_of(entity)):
            await _refetch(pair, side, entity, run)

    async def _follow_hints(entity: str) -> None:
        await follow_hints(pair, side, entity, run, fetch_now)

    wanted = [
        e
        for e in pair.observed(side)
        if e not in run.paused_entities and (entities is None or e in entities)
    ]
    for entity in wanted:
        await _attempt(entity, _observe)
    unsure, hinted = await pair.store.call(asked_for, side, looked, began, pair.clock())
    for entity in wanted:
        if entity in unsure:
            await _attempt(entity, _again)
        if entity in hinted:
            await _attempt(entity, _follow_hints)


def note_failure(connection: Connection, run: Run, error: ConnectorError, entity: str) -> None:
    """Turn a connector's failure into a problem of the run; pause the side where it is total."""
    subject = connection.name
    if isinstance(error, NotPermittedError):
        run.problem(f"{subject} {entity}", error.message, error.fix or "", "not_permitted")
        return
    if isinstance(error, BudgetSpentError):
        # only calls for what is no more urgent than this have to wait
        run.spent.add((connection.side, error.purpose))
        run.problem(subject, error.message, error.fix or "", "budget")
        return
    code = "failed"
    if isinstance(error, NeedsAuthError):
        code = "needs_auth"
    elif isinstance(error, TransientError):
        code = "unreachable"
    elif isinstance(error, RejectedError):
        code = "refused"
    run.paused.add(connection.side)
    run.problem(subject, error.message, error.fix or "", code)


async def observe(pair: Pair, feed: Feed, run: Run, *, full: bool = False) -> None:
    """Bring the observations of one entity of one side up to date, going on where its feed is.

    A system with a modified-since feed is swept once and then followed, and swept again every
    ``Patience.sweep_every``; one without is swept every time.  ``full`` sweeps in any case.
    """
    connection = pair.side(feed.side)
    caps = connection.entity(feed.entity)
    assert caps is not None
    if not full and _still_holds(pair, caps, feed):
        return
    stale = feed.complete_at is None or feed.map_version != pair.map_version
    must_sweep = (
        full or stale or not caps.changes or feed.sweep_cursor is not None or _is_old(pair, feed)
    )
    if caps.changes and not stale and feed.cursor is not None:
        # what changed is known before a long sweep is begun or goes on
        with calls_for(purpose_of(feed.entity)):
            feed = await _follow(pair, connection, caps, feed, run)
    if must_sweep:
        with calls_for(Purpose.BACKFILL if caps.changes else purpose_of(feed.entity)):
            await _sweep(pair, connection, caps, feed, run)


def _is_old(pair: Pair, feed: Feed) -> bool:
    """Say whether the last full read is so long ago that another one is due."""
    done = feed.complete_at
    return done is None or pair.clock() >= done + pair.patience.sweep_every


def _still_holds(pair: Pair, caps: EntityCapabilities, feed: Feed) -> bool:
    """Say whether what has no changes feed was read in full recently enough."""
    return (
        not caps.changes
        and feed.complete_at is not None
        and feed.sweep_cursor is None
        and feed.map_version == pair.map_version
        and pair.clock() < feed.complete_at + caps.read_every
    )


async def _follow(
    pair: Pair, connection: Connection, caps: EntityCapabilities, feed: Feed, run: Run
) -> Feed:
    while True:
        read_from, midway = pair.clock(), feed.midway
        page = await connection.connector.changes(feed.entity, feed.cursor)
        feed = msgspec.structs.replace(feed, cursor=page.cursor, midway=page.more)
        await _store_page(pair, caps, feed, page.records, read_from, 0, run)
        if midway and not page.records:
            # the cursor saved is that of a round that is over now
            await pair.store.call(feeds.put, feed)
        if not page.more:
            return feed


async def _start_of_feed(
    pair: Pair, connection: Connection, caps: EntityCapabilities, feed: Feed, run: Run
) -> str:
    """Give a cursor that starts now; what the feed already shows is kept.

    A sweep that lags may not show it yet.  The cursor is not saved before the sweep has begun.
    """
    cursor = None
    while True:
        read_from = pair.clock()
        page = await connection.connector.changes(feed.entity, cursor)
        cursor = page.cursor
        await _store_page(pair, caps, feed, page.records, read_from, 0, run)
        if not page.more:
            return cursor


async def _sweep(
    pair: Pair, connection: Connection, caps: EntityCapabilities, feed: Feed, run: Run
) -> None:
    """Read everything; what is missing afterwards is asked for by id, never taken as deleted."""
    entity = feed.entity
    if feed.sweep_cursor is None:
        if caps.changes and feed.cursor is None:
            # taken before the sweep, so that no change falls between the two; a later sweep leaves
            # it where it is, for what the sweep may still see as it was
            cursor = await _start_of_feed(pair, connection, caps, feed, run)
            feed = msgspec.structs.replace(feed, cursor=cursor)
        feed = msgspec.structs.replace(
            feed,
            sweep_no=feed.sweep_no + 1,
            sweep_started=pair.clock(),
            map_version=pair.map_version,
            doubted=False,
        )
    while True:
        feed = await _sweep_once(pair, connection, caps, feed, run)
        if feed.sweep_cursor is not None:
            run.unfinished.add((feed.side, entity))
            return
        assert feed.sweep_started is not None
        missing, known = await pair.store.call(_end_if_believed, pair, feed)
        if missing is None:
            return
        if not feed.doubted:
            feed = msgspec.structs.replace(
                feed, sweep_no=feed.sweep_no + 1, sweep_started=pair.clock(), doubted=True
            )
            continue
        run.problem(
            f"{connection.name} {entity}",
            f"{len(missing)} of {known} known records were not shown by a full read, twice",
            "check filters and permissions of the credentials; nothing is held to be deleted",
            "shortfall",
        )
        # asked for by id all the same, a part at a time: what really is gone then settles
        await pair.store.call(
            _end_sweep,
            msgspec.structs.replace(feed, shortfall=len(missing)),
            missing[:SHORTFALL_FETCH],
            pair.clock(),
        )
        return


def _end_if_believed(tx: Tx, pair: Pair, feed: Feed) -> tuple[list[str] | None, int]:
    """End a sweep that missed few records; else give those it missed, and how many are known."""
    assert feed.sweep_started is not None
    side, entity, now = feed.side, feed.entity, pair.clock()
    missing = observations.absent(tx, side, entity, feed.sweep_no, feed.sweep_started)
    known = observations.count(tx, side, entity) if missing else 0
    if len(missing) > max(pair.patience.believe_shortfall, known // 20):
        return missing, known
    _end_sweep(tx, msgspec.structs.replace(feed, complete_at=now, shortfall=0), missing, now)
    return None, known


def _end_sweep(tx: Tx, feed: Feed, missing: Sequence[str], now: datetime) -> None:
    observations.mark_refetch(tx, feed.side, feed.entity, missing, now)
    feeds.put(tx, feed)


async def _sweep_once(
    pair: Pair, connection: Connection, caps: EntityCapabilities, feed: Feed, run: Run
) -> Feed:
    while True:
        read_from = pair.clock()
        page = await connection.connector.sweep(feed.entity, feed.sweep_cursor)
        feed = msgspec.structs.replace(feed, sweep_cursor=page.cursor if page.more else None)
        await _store_page(pair, caps, feed, page.records, read_from, feed.sweep_no, run)
        if not page.more or (run.until is not None and pair.clock() >= run.until):
            return feed


async def _store_page(
    pair: Pair,
    caps: EntityCapabilities,
    feed: Feed,
    records: Sequence[Record],
    read_from: datetime,
    sweep: int,
    run: Run,
) -> None:
    """One transaction: observations, revisions and the cursor (rule 9).

    Nothing is stored where nothing came: the earlier cursor is as good.
    """
    if not records:
        return

    def _save(tx: Tx) -> observations.PageResult:
        result = observations.save_page(
            tx,
            feed.side,
            feed.entity,
            records,
            read_from=read_from,
            map_version=pair.map_version,
            sweep=sweep,
            read_lag=caps.read_lag,
            comparable_versions=caps.newest_version_comparable,
        )
        feeds.put(tx, feed)
        note_unknown(tx, pair, run, feed.side, feed.entity, result.lost)
        return result

    result = await pair.store.call(_save)
    run.counts["read"] += len(records)
    run.counts["new"] += len(result.new)
    run.counts["changed"] += len(result.changed)
    for record in records:
        for field, why in (record.problems or {}).items():
            run.problem(
                f"{pair.side(feed.side).name} {feed.entity} {record.id} {field}",
                why,
                "correct the value there, or the field's mapping",
                "undecodable",
            )
    run.tick("observe", feed.side, feed.entity, len(records))


async def _refetch(pair: Pair, side: Side, entity: str, run: Run) -> None:
    """Fetch by id what hints, dropped reads and unfinished sweeps asked for."""
    caps = pair.side(side).entity(entity)
    assert caps is not None
    tried: set[str] = set()
    while True:
        due = await pair.store.call(
            observations.due_refetch, side, entity, pair.clock(), caps.page_size
        )
        ids = [i for i in due if i not in tried]
        if not ids:
            return
        tried |= set(ids)
        await fetch_now(pair, side, entity, ids, run)


async def fetch_now(
    pair: Pair,
    side: Side,
    entity: str,
    ids: Sequence[str],
    run: Run,
    refused: dict[str, RejectedError] | None = None,
    *,
    moved: set[str] | None = None,
) -> dict[str, Record]:
    """Fetch records by id, store what came and note what did not; returns what came.

    Ids of which something is new are put into ``moved``.

    A record the system refuses to show is neither there nor absent: it stays as it was seen, is
    asked for again later, and is put into ``refused``.

    Here the time of the look decides, not the version: a system that was restored shows an older
    version for good, and a record dropped for that is fetched by id.
    """
    connection = pair.side(side)
    caps = connection.entity(entity)
    assert caps is not None
    read_from = pair.clock()
    news: set[str] = set() if moved is None else moved
    unshown: dict[str, RejectedError] = {} if refused is None else refused
    records = {r.id: r for r in await _fetch(connection, entity, ids, unshown)}
    missing = [i for i in ids if i not in records and i not in unshown]
    for record_id, error in unshown.items():
        run.problem(
            f"{connection.name} {entity} {record_id}",
            f"the system refuses to show it: {error.message}",
            error.fix or "look at the record there",
            "unshown",
        )
    proven = bool(records) or (
        bool(missing) and await _right_to_read(pair, connection, entity, missing)
    )

    def _save(tx: Tx) -> list[str]:
        result = observations.save_page(
            tx,
            side,
            entity,
            list(records.values()),
            read_from=read_from,
            map_version=pair.map_version,
            read_lag=caps.read_lag,
        )
        note_unknown(tx, pair, run, side, entity, result.lost)
        news.update(result.new, result.changed)
        again = pair.clock() + pair.patience.retry_cap
        observations.mark_refetch(tx, side, entity, sorted(unshown), again)
        return observations.note_absent(
            tx,
            side,
            entity,
            missing,
            pair.clock(),
            rights_proven=proven,
            patience=pair.patience.gone_after,
        )

    gone = await pair.store.call(_save)
    run.counts["read"] += len(news)
    run.counts["gone"] += len(gone)
    return records


async def _fetch(
    connection: Connection, entity: str, ids: Sequence[str], refused: dict[str, RejectedError]
) -> list[Record]:
    """Fetch by id; a refused request is split until the record at fault is alone (rule 22)."""
    try:
        return list(await connection.connector.fetch(entity, ids))
    except RejectedError as error:
        if len(ids) == 1:
            refused[ids[0]] = error
            return []
    middle = len(ids) // 2
    return [
        *await _fetch(connection, entity, ids[:middle], refused),
        *await _fetch(connection, entity, ids[middle:], refused),
    ]


async def _right_to_read(
    pair: Pair, connection: Connection, entity: str, missing: Sequence[str]
) -> bool:
    """Prove on a record known to be there that the credentials may still read the entity."""
    known = await pair.store.call(observations.some_present, connection.side, entity, missing)
    if known is None:
        return False
    return bool(await _fetch(connection, entity, [known], {}))
