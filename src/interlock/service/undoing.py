"""Undo a run: values it replaced come back where nothing changed since, the rest is listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select

from interlock.errors import ConfigurationError
from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.model import ANYTHING, Presence, Ref, agree
from interlock.service.plan import make_plan
from interlock.service.session import Session
from interlock.service.syncing import SyncReport, sync_once
from interlock.store import history, links, plans, undoing
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.plans import RunRow
from interlock.store.tables import history as history_table
from interlock.store.tables import record
from interlock.store.undoing import UndoRequest
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Left", "Restoring", "Undoing", "undo_run"]

UNDONE = ("customer", "contact", "product")
"""Entities an undo may touch; orders and whatever follows from them are the ERP's."""


class Restoring(msgspec.Struct, frozen=True, kw_only=True):
    """A value that comes back."""

    system: str
    entity: str
    record: str
    field: str
    now: object
    then: object


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo leaves as it is, and why."""

    system: str
    entity: str
    record: str
    field: str
    why: str


class Undoing(msgspec.Struct, frozen=True, kw_only=True):
    """What undoing a run does; ``report`` of the sync that did it, ``None`` for a dry run."""

    run: str
    restored: Sequence[Restoring]
    left: Sequence[Left]
    report: SyncReport | None


async def undo_run(session: Session, run_id: str, *, by: str, dry_run: bool) -> Undoing:
    """Look at both systems, then give back what the run replaced, through an ordinary sync."""
    pair = session.pair
    undone = await pair.store.call(_run, run_id)
    await make_plan(session, Run(id=pair.new_id()))
    why = f"{by} undid run {undone.id[:8]}"
    restored, left, requests = await pair.store.call(_decide, pair, undone.id, why)
    report = None
    if requests and not dry_run:
        await pair.store.call(_ask, requests)
        report = await sync_once(session)
    return Undoing(run=undone.id, restored=restored, left=left, report=report)


def _ask(tx: Tx, requests: Sequence[UndoRequest]) -> None:
    undoing.ask(tx, requests)
    links.raise_revision(tx, {r.link_id for r in requests})


def _run(tx: Tx, start: str) -> RunRow:
    found = plans.recent_runs(tx, 3, start=start)
    if len(found) != 1:
        raise ConfigurationError(
            f"{'several runs begin' if found else 'no run begins'} with {start!r}",
            fix="see `interlock runs`",
        )
    return found[0]


def _decide(
    tx: Tx, pair: Pair, run_id: str, why: str
) -> tuple[list[Restoring], list[Left], list[UndoRequest]]:
    rows = tx.conn.execute(
        select(history_table.c.link_id)
        .distinct()
        .where(history_table.c.run_id == run_id, history_table.c.link_id.is_not(None))
    ).scalars()
    work = _Work(tx, pair, why)
    for link_id in sorted(rows):
        work.undo_link(link_id, history.of_run(tx, run_id, link_id))
    return work.restored, work.left, work.requests


class _Work:
    def __init__(self, tx: Tx, pair: Pair, why: str) -> None:
        self.tx, self.pair, self.why = tx, pair, why
        self.now: datetime = pair.clock()
        self.restored: list[Restoring] = []
        self.left: list[Left] = []
        self.requests: list[UndoRequest] = []

    def undo_link(self, link_id: int, events: Sequence[Event]) -> None:
        bundle = links.bundles(self.tx, [link_id]).get(link_id)
        created = {(e.side, e.record_id) for e in events if e.event == "created"}
        for event in (e for e in events if e.event == "created"):
            self._created(bundle, event)
        written: dict[tuple[Side, str], list[Event]] = {}
        for e in events:
            if (
                e.event in ("written", "overruled")
                and e.side is not None
                and e.field is not None
                and e.field != CROSS_REFERENCE
                and (e.side, e.record_id) not in created
            ):
                written.setdefault((e.side, e.field), []).append(e)
        for (side, field), mine in written.items():
            self._value(bundle, side, field, mine[0], mine[-1])

    def _value(
        self, bundle: Bundle | None, side: Side, field: str, first: Event, last: Event
    ) -> None:
        obstacle = self._obstacle(bundle, side, field, first, last)
        if obstacle is not None:
            self._leave(last, obstacle)
            return
        assert bundle is not None
        schema = self.tx.schema[last.entity]
        self._want(bundle, last, field, first.old, last.new, schema.convert(field, first.old),
                   schema.convert(field, last.new))  # fmt: skip

    def _obstacle(
        self, bundle: Bundle | None, side: Side, field: str, first: Event, last: Event
    ) -> str | None:
        """Say what keeps a value from coming back."""
        if last.entity not in UNDONE:
            return "orders, and deals that were ordered, are never undone"
        if bundle is None or len(bundle.members) < 2 or bundle.members[side].id != last.record_id:
            return "the records are no longer linked"
        if any(s not in bundle.seen or not bundle.seen[s].there for s in Side):
            return "one of the records is not there any more"
        schema = self.tx.schema[last.entity]
        if field not in schema.types or schema.types[field] is Ref:
            return "a reference to another record is changed by hand"
        seen = bundle.seen[side].known
        if field not in seen or not self._same(side, last, field, seen[field], last.new):
            return "changed since"
        other, base = bundle.seen[side.other].known, bundle.members[side.other].base
        if field in other and field in base and not agree(other[field], base[field]):
            return "the other side has changed since"
        if self._same(side, last, field, schema.convert(field, first.old), last.new):
            return "it shows what it showed before"
        return None

    def _same(self, side: Side, e: Event, field: str, shown: object, told: object) -> bool:
        caps = self.pair.side(side).entity(e.entity)
        facts = ANYTHING if caps is None else caps.fields.get(field, ANYTHING)
        value = self.tx.schema[e.entity].convert(field, told)
        return agree(shown, value, facts)  # type: ignore[arg-type]

    def _created(self, bundle: Bundle | None, e: Event) -> None:
        """A record the run made is taken out of use where that is a field; else it is listed."""
        assert e.side is not None
        caps = self.pair.side(e.side).entity(e.entity)
        facts = None if caps is None or not caps.update else caps.fields.get("active")
        if e.entity not in UNDONE:
            self._leave(e, "orders are never undone: cancel it in the ERP if it is wrong")
        elif bundle is None or e.side not in bundle.seen or not bundle.seen[e.side].there:
            self._leave(e, "it is not there any more")
        elif self._used(e):
            self._leave(e, "other records refer to it")
        elif facts is None or not facts.writable:
            self._leave(e, "this system cannot take it out of use: archive or delete it there")
        elif bundle.seen[e.side].known.get("active") is False:
            self._leave(e, "it is out of use")
        else:
            self._want(bundle, e, "active", False, True, False,
                       bundle.seen[e.side].known.get("active"))  # fmt: skip

    def _used(self, e: Event) -> bool:
        """Say whether a record that is there refers to this one."""
        rows = self.tx.conn.execute(
            select(record.c.entity, record.c.fields).where(
                record.c.side == e.side, record.c.presence == Presence.PRESENT
            )
        )
        wanted = Ref(e.entity, e.record_id or "")
        for row in rows:
            for value in self.tx.schema[row.entity].decode(row.fields).values():
                if value == wanted or (
                    isinstance(value, tuple) and any(line.product == wanted for line in value)
                ):
                    return True
        return False

    def _want(
        self, bundle: Bundle, e: Event, field: str, then: object, now: object, value: object,
        instead: object,
    ) -> None:  # fmt: skip
        assert e.side is not None
        self.requests.append(
            UndoRequest(
                link_id=bundle.link.id,
                side=e.side,
                entity=e.entity,
                field=field,
                value=value,  # type: ignore[arg-type]
                instead=instead,  # type: ignore[arg-type]
                why=self.why,
                at=self.now,
            )
        )
        self.restored.append(
            Restoring(
                system=self.pair.side(e.side).name,
                entity=e.entity,
                record=e.record_id or "",
                field=field,
                now=now,
                then=then,
            )
        )

    def _leave(self, e: Event, why: str) -> None:
        assert e.side is not None
        self.left.append(
            Left(
                system=self.pair.side(e.side).name,
                entity=e.entity,
                record=e.record_id or "",
                field=e.field or "",
                why=why,
            )
        )
