"""Holds: episodes of credit holds, the deals they pause, and what people let through (rule 26)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import bindparam, select, update

from interlock.store.database import Tx, chunks
from interlock.store.sqlite import fixed
from interlock.store.tables import hold_episode, hold_override, hold_pause

__all__ = [
    "LIVE", "Episode", "Override", "Pause", "PauseState", "add_pauses", "begin", "episodes",
    "episodes_of", "erase", "find", "note", "open_episodes", "override", "overrides", "pauses",
    "pauses_of_links", "put_pauses",
]  # fmt: skip


class PauseState(StrEnum):
    """How far the pause of one deal has come."""

    PAUSING = "pausing"
    """Decided and kept; the deal does not show it yet."""
    PAUSED = "paused"
    RESUMING = "resuming"
    """The hold has ended; the deal still shows, or may still show, that it is paused."""
    RESUMED = "resumed"
    LEFT = "left"
    """Somebody moved the deal meanwhile, so it is theirs."""


LIVE = (PauseState.PAUSING, PauseState.PAUSED, PauseState.RESUMING)
"""States in which Interlock has still something to do with the deal."""


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One credit hold of one customer; ``off_since``: since when it has been seen off."""

    id: int
    link_id: int
    crm_id: str
    erp_id: str
    reason: str
    began_at: datetime
    off_since: datetime | None = None
    ended_at: datetime | None = None
    ended_why: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One deal an episode pauses; ``stage``: before; ``mark_stage``: the stage we set with it."""

    episode_id: int
    deal_id: str
    link_id: int
    stage: str
    mark_stage: str
    state: PauseState
    why: str
    at: datetime


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision to order a deal during a hold."""

    episode_id: int
    deal_id: str
    by: str
    reason: str
    at: datetime


_OPEN = fixed(
    select(hold_episode).where(hold_episode.c.ended_at.is_(None)).order_by(hold_episode.c.id)
)
_OF_LINKS = fixed(
    select(hold_episode).where(
        hold_episode.c.ended_at.is_(None),
        hold_episode.c.link_id.in_(bindparam("b_links", expanding=True)),
    )
)
_PAUSES_OF_LINKS = fixed(
    select(hold_pause).where(hold_pause.c.link_id.in_(bindparam("b_links", expanding=True)))
)
_PAUSES = fixed(
    select(hold_pause)
    .where(hold_pause.c.state.in_(bindparam("b_states", expanding=True)))
    .order_by(hold_pause.c.episode_id, hold_pause.c.deal_id)
)
_OF_EPISODES = fixed(
    select(hold_pause)
    .where(hold_pause.c.episode_id.in_(bindparam("b_ids", expanding=True)))
    .order_by(hold_pause.c.episode_id, hold_pause.c.deal_id)
)
_OVERRIDES = fixed(select(hold_override).order_by(hold_override.c.at))


def begin(tx: Tx, episode: Episode) -> Episode:
    """Store a new episode and give it its id; another worker's stands where that came first."""
    row = {f: v for f, v in msgspec.structs.asdict(episode).items() if f != "id"}
    tx.insert_new(hold_episode, [row])
    return episodes_of(tx, [episode.link_id])[episode.link_id]


def note(tx: Tx, episode: Episode) -> None:
    """Store what has changed of an episode."""
    row = {f: v for f, v in msgspec.structs.asdict(episode).items() if f != "id"}
    tx.conn.execute(update(hold_episode).where(hold_episode.c.id == episode.id).values(**row))


def open_episodes(tx: Tx) -> list[Episode]:
    """Episodes that have not ended, oldest first."""
    return [Episode(**row._asdict()) for row in tx.conn.execute(_OPEN)]


def episodes_of(tx: Tx, links: Iterable[int]) -> dict[int, Episode]:
    """Open episodes by the customer's link."""
    found = {}
    for part in chunks(sorted(set(links))):
        for row in tx.conn.execute(_OF_LINKS, {"b_links": part}):
            found[row.link_id] = Episode(**row._asdict())
    return found


def episodes(tx: Tx, *, ended: bool) -> list[Episode]:
    """Open episodes, with ``ended`` all, latest first."""
    query = select(hold_episode).order_by(hold_episode.c.id.desc())
    if not ended:
        query = query.where(hold_episode.c.ended_at.is_(None))
    return [Episode(**row._asdict()) for row in tx.conn.execute(query)]


def erase(tx: Tx, links: Sequence[int], *, word: str) -> None:
    """Put a word in place of what people wrote about the holds of these customers."""
    for part in chunks(list(links)):
        mine = hold_episode.c.link_id.in_(part)
        ids = list(tx.conn.execute(select(hold_episode.c.id).where(mine)).scalars())
        tx.conn.execute(update(hold_episode).where(mine).values(reason=word))
        tx.conn.execute(
            update(hold_override).where(hold_override.c.episode_id.in_(ids)).values(reason=word)
        )


def find(tx: Tx, episode_id: int) -> Episode | None:
    """Load an episode."""
    row = tx.conn.execute(select(hold_episode).where(hold_episode.c.id == episode_id)).first()
    return None if row is None else Episode(**row._asdict())


def add_pauses(tx: Tx, rows: Sequence[Pause]) -> None:
    """Store pauses of deals that the episode does not know yet."""
    tx.insert_new(hold_pause, [msgspec.structs.asdict(p) for p in rows])


def put_pauses(tx: Tx, rows: Sequence[Pause]) -> None:
    """Store pauses."""
    tx.upsert(hold_pause, [msgspec.structs.asdict(p) for p in rows])


def pauses(
    tx: Tx,
    *,
    states: Sequence[PauseState] | None = None,
    episode_ids: Sequence[int] | None = None,
) -> list[Pause]:
    """Pauses in some states, or of some episodes."""
    if states is not None:
        rows = tx.conn.execute(_PAUSES, {"b_states": [str(s) for s in states]})
        return [_pause(row) for row in rows]
    return [
        _pause(row)
        for part in chunks(list(episode_ids or ()))
        for row in tx.conn.execute(_OF_EPISODES, {"b_ids": part})
    ]


def pauses_of_links(tx: Tx, links: Iterable[int]) -> dict[int, Pause]:
    """Pauses by the link their writes belong to."""
    return {
        row.link_id: _pause(row)
        for part in chunks(sorted(set(links)))
        for row in tx.conn.execute(_PAUSES_OF_LINKS, {"b_links": part})
    }


def _pause(row: object) -> Pause:
    values = row._asdict()  # type: ignore[attr-defined]
    return Pause(**values | {"state": PauseState(values["state"])})


def override(tx: Tx, given: Override) -> None:
    """Let a deal be ordered during an episode."""
    tx.upsert(hold_override, [msgspec.structs.asdict(given)])


def overrides(tx: Tx) -> dict[tuple[int, str], Override]:
    """All that was let through, by episode and deal."""
    found = (Override(**row._asdict()) for row in tx.conn.execute(_OVERRIDES))
    return {(o.episode_id, o.deal_id): o for o in found}
